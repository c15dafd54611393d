//! The bodies we answer with: whole bytes, a relayed stream, or what axum made.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::proxy::connection::Serving;
use crate::proxy::relay::Relay;

/// A response body.
pub struct Body {
    content: Content,
    /// Keeps the connection marked as busy until the last byte has been taken.
    _busy: Option<Serving>,
}

/// What a body holds.
enum Content {
    /// Whole bytes; taken on the first poll.
    Full(Bytes),
    /// A stream from an upstream.
    Relay(Box<Relay>),
    /// Made by axum.
    Axum(axum::body::Body),
}

impl Body {
    /// A body of whole bytes.
    pub const fn full(bytes: Bytes) -> Self {
        Self {
            content: Content::Full(bytes),
            _busy: None,
        }
    }

    /// A stream from an upstream.
    pub fn relay(relay: Relay) -> Self {
        Self {
            content: Content::Relay(Box::new(relay)),
            _busy: None,
        }
    }

    /// What axum made.
    pub const fn axum(body: axum::body::Body) -> Self {
        Self {
            content: Content::Axum(body),
            _busy: None,
        }
    }

    /// Marks its connection as busy for as long as this body lives.
    #[must_use]
    pub fn busy(self, serving: Serving) -> Self {
        Self {
            _busy: Some(serving),
            ..self
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

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match &mut self.get_mut().content {
            Content::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            Content::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Content::Relay(relay) => relay
                .poll_chunk(cx)
                .map(|next| next.map(|chunk| chunk.map(Frame::data).map_err(axum::Error::new))),
            Content::Axum(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Full(bytes) => bytes.is_empty(),
            Content::Relay(_) => false,
            Content::Axum(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Relay(_) => SizeHint::default(),
            Content::Axum(body) => body.size_hint(),
        }
    }
}
