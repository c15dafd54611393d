//! When each byte of an answer goes out: a list of frames with the waits before them, played into an
//! HTTP body.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame as BodyFrame;
use tokio_util::sync::CancellationToken;

/// The body of a simulated server's answer.
pub(crate) type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, Cut>;

/// The connection is to be dropped without an end of the body.
#[derive(Debug, thiserror::Error)]
#[error("the simulated server dropped the stream")]
pub(crate) struct Cut;

/// Some bytes and the wait before them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    /// How long after the frame before.
    pub(crate) wait: Duration,
    /// What goes out.
    pub(crate) bytes: Bytes,
}

/// A streamed answer.
#[derive(Debug, Default)]
pub(crate) struct Score {
    /// What goes out, in order.
    pub(crate) frames: VecDeque<Frame>,
    /// Whether the connection is dropped after the last frame instead of ended.
    pub(crate) dies: bool,
    /// What is said at once when the server is stopped meanwhile; empty: nothing.
    pub(crate) farewell: Bytes,
}

impl Score {
    /// Adds a frame.
    pub(crate) fn push(&mut self, wait: Duration, bytes: impl Into<Bytes>) {
        self.frames.push_back(Frame {
            wait,
            bytes: bytes.into(),
        });
    }

    /// Makes it die after about half of its frames, without a word.
    pub(crate) fn cut_short(&mut self) {
        let kept = (self.frames.len() / 2).max(1);
        self.frames.truncate(kept);
        self.dies = true;
    }
}

/// What is needed while a body plays; `held` is dropped with it.
struct Playing<T> {
    score: Score,
    stop: CancellationToken,
    over: bool,
    held: T,
}

/// A body that is all there.
pub(crate) fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// A body that plays `score`, and keeps `held` until it has ended or been dropped.
pub(crate) fn play<T: Send + 'static>(score: Score, stop: CancellationToken, held: T) -> Body {
    let start = Playing {
        score,
        stop,
        over: false,
        held,
    };
    let frames = stream::unfold(start, |mut playing| async move {
        let next = playing.next().await?;
        Some((next.map(BodyFrame::data), playing))
    });
    StreamBody::new(frames).boxed_unsync()
}

impl<T> Playing<T> {
    async fn next(&mut self) -> Option<Result<Bytes, Cut>> {
        if self.over {
            return None;
        }
        let Some(frame) = self.score.frames.pop_front() else {
            self.over = true;
            return self.score.dies.then_some(Err(Cut));
        };
        if self.score.farewell.is_empty() {
            tokio::time::sleep(frame.wait).await;
            return Some(Ok(frame.bytes));
        }
        tokio::select! {
            biased;
            () = self.stop.cancelled() => {
                self.over = true;
                Some(Ok(std::mem::take(&mut self.score.farewell)))
            },
            () = tokio::time::sleep(frame.wait) => Some(Ok(frame.bytes)),
        }
    }
}

impl<T> std::fmt::Debug for Playing<T> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let held = size_of_val(&self.held);
        write!(
            out,
            "Playing({} frames, {held} bytes held)",
            self.score.frames.len()
        )
    }
}
