//! The bodies we answer with: whole bytes, a relayed stream, or what axum made.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Body as _;

use crate::proxy::lines::Lines;
use crate::proxy::relay::Relay;

/// A response body, with the headers of its answer that are written already.
pub struct Body {
    content: Content,
    /// Go into the head as they are.
    pub lines: Lines,
}

/// What a body holds.
enum Content {
    /// Whole bytes.
    Full(Bytes),
    /// A stream from an upstream.
    Relay(Box<Relay>),
    /// Made by axum.
    Axum(axum::body::Body),
}

impl Body {
    /// A body of whole bytes.
    pub fn full(bytes: Bytes) -> Self {
        Self::of(Content::Full(bytes))
    }

    /// A stream from an upstream.
    pub fn relay(relay: Relay) -> Self {
        Self::of(Content::Relay(Box::new(relay)))
    }

    /// What axum made.
    pub fn axum(body: axum::body::Body) -> Self {
        Self::of(Content::Axum(body))
    }

    fn of(content: Content) -> Self {
        Self {
            content,
            lines: Lines::default(),
        }
    }

    /// The same content under these headers.
    #[must_use]
    pub fn under(self, lines: Lines) -> Self {
        Self { lines, ..self }
    }

    /// Its bytes, where they are known before it is read.
    pub fn length(&self) -> Option<u64> {
        match &self.content {
            Content::Full(bytes) => Some(bytes.len() as u64),
            Content::Relay(_) => None,
            Content::Axum(body) => body.size_hint().exact(),
        }
    }

    /// Takes all of it, where it is all there.
    pub fn whole(&mut self) -> Option<Bytes> {
        match &mut self.content {
            Content::Full(bytes) => Some(std::mem::take(bytes)),
            Content::Relay(_) | Content::Axum(_) => None,
        }
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// It broke off, and has no end of its own to say so.
    pub fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        match &mut self.content {
            Content::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            Content::Full(bytes) => Poll::Ready(Some(Ok(std::mem::take(bytes)))),
            Content::Relay(relay) => relay
                .poll_chunk(cx)
                .map(|next| next.map(|chunk| chunk.map_err(io::Error::other))),
            Content::Axum(body) => loop {
                match ready!(Pin::new(&mut *body).poll_frame(cx)) {
                    Some(Ok(frame)) => {
                        if let Ok(data) = frame.into_data() {
                            return Poll::Ready(Some(Ok(data)));
                        }
                    },
                    Some(Err(error)) => return Poll::Ready(Some(Err(io::Error::other(error)))),
                    None => return Poll::Ready(None),
                }
            },
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self.content {
            Content::Full(_) => "Body::Full",
            Content::Relay(_) => "Body::Relay",
            Content::Axum(_) => "Body::Axum",
        })
    }
}
