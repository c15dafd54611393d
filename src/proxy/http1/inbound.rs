//! What comes from a client: heads of requests, and their bodies.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncWrite;
use tokio_util::io::poll_read_buf;

use crate::net::framing::{Framing, Step};
use crate::proxy::connection::Watched;
use crate::proxy::gather::Gather;
use crate::proxy::http1::head::{self, HEAD_BYTES, Head, Refusal};

/// Room for one read: mostly a whole request comes with it.
const READ_BYTES: usize = 8 << 10;
/// Less room than this is not worth a read.
const LEAST_READ_BYTES: usize = 1 << 10;
/// Room that is made for a body on its sender's word alone. Memory is taken as bytes come.
const ON_TRUST: usize = 256 << 10;
/// Asks a client that waits for it to send its body.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// A client's socket, and what was read of it and not taken.
#[derive(Debug)]
pub(super) struct Inbound {
    pub(super) socket: Watched,
    buffer: BytesMut,
    /// Of the body that is being read.
    framing: Framing,
    /// What has come of a body in chunks.
    gather: Gather,
    /// What must still be said before the body is sent.
    unsaid: &'static [u8],
    /// How much of the buffer holds no end of a head.
    looked: usize,
}

/// The body of one request, for whoever handles it.
#[derive(Debug, Clone)]
pub struct ClientBody(Arc<Mutex<Inbound>>);

/// Why a body does not come.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It is larger than may be.
    #[error("the request body is too large")]
    TooLarge,
    /// The client hung up.
    #[error("{0}")]
    Gone(String),
    /// Its chunks make no sense; in words.
    #[error("the request body is malformed: {0}")]
    Malformed(&'static str),
}

impl ClientBody {
    pub(super) fn new(socket: Watched) -> Self {
        Self(Arc::new(Mutex::new(Inbound {
            socket,
            buffer: BytesMut::new(),
            framing: Framing::length(0),
            gather: Gather::default(),
            unsaid: &[],
            looked: 0,
        })))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inbound> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads on; the whole body once it is there, `None` when there is only more of it than before.
    ///
    /// # Errors
    /// It is larger than `limit` bytes, makes no sense, or its sender is gone.
    pub async fn more(&self, limit: usize) -> Result<Option<Bytes>, BodyError> {
        poll_fn(|cx| self.lock().poll_body(limit, cx)).await
    }
}

impl Inbound {
    /// The next head; `None` when the client has hung up, or is idle while `stopping`.
    pub(super) fn poll_head(
        &mut self,
        stopping: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Head, Refusal>>> {
        loop {
            if let Some(taken) = self.take_head().transpose() {
                return Poll::Ready(Some(taken));
            }
            if stopping && self.buffer.is_empty() {
                return Poll::Ready(None);
            }
            let room = self.buffer.capacity() - self.buffer.len();
            if room < LEAST_READ_BYTES {
                self.buffer.reserve(READ_BYTES);
            }
            match ready!(self.poll_read(cx)) {
                Ok(1..) => {},
                Ok(0) | Err(_) => return Poll::Ready(None),
            }
        }
    }

    fn take_head(&mut self) -> Result<Option<Head>, Refusal> {
        let fresh = self.buffer.get(self.looked..).unwrap_or_default();
        // A first byte may show that this is no HTTP; later ones say nothing until a line ends.
        if fresh.is_empty()
            || (self.looked > 0
                && memchr::memchr(b'\n', fresh).is_none()
                && self.buffer.len() <= HEAD_BYTES)
        {
            return Ok(None);
        }
        let Some(head) = head::take(&mut self.buffer)? else {
            self.looked = self.buffer.len();
            return Ok(None);
        };
        self.looked = 0;
        self.framing = head.framing;
        self.unsaid = if head.waits { CONTINUE } else { &[] };
        Ok(Some(head))
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        poll_read_buf(Pin::new(&mut self.socket), cx, &mut self.buffer)
    }

    fn poll_body(
        &mut self,
        limit: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, BodyError>> {
        if let Framing::Length(length) = self.framing
            && usize::try_from(length).map_or(true, |length| length > limit)
        {
            return Poll::Ready(Err(BodyError::TooLarge));
        }
        if let Some(whole) = self.take_body(limit)? {
            return Poll::Ready(Ok(Some(whole)));
        }
        let gone = |error: io::Error| BodyError::Gone(error.to_string());
        while !self.unsaid.is_empty() {
            let wrote =
                ready!(Pin::new(&mut self.socket).poll_write(cx, self.unsaid)).map_err(gone)?;
            self.unsaid = self.unsaid.get(wrote..).unwrap_or_default();
        }
        self.buffer.reserve(self.wanted());
        let came = ready!(self.poll_read(cx)).map_err(gone)?;
        if came == 0 {
            return Poll::Ready(Err(BodyError::Gone("the connection ended".to_owned())));
        }
        Poll::Ready(self.take_body(limit))
    }

    /// Room for what is still to come, or for as much of it as is believed.
    fn wanted(&self) -> usize {
        let Framing::Length(length) = self.framing else {
            return READ_BYTES;
        };
        let left = usize::try_from(length)
            .unwrap_or(usize::MAX)
            .saturating_sub(self.buffer.len());
        left.min(ON_TRUST.max(self.buffer.len()))
    }

    /// The whole body, when it is there.
    fn take_body(&mut self, limit: usize) -> Result<Option<Bytes>, BodyError> {
        if let Framing::Length(length) = self.framing {
            return Ok(usize::try_from(length)
                .ok()
                .filter(|length| *length <= self.buffer.len())
                .map(|length| {
                    self.framing = Framing::length(0);
                    self.unsaid = &[];
                    self.buffer.split_to(length).freeze()
                }));
        }
        loop {
            match self
                .framing
                .take(&mut self.buffer)
                .map_err(BodyError::Malformed)?
            {
                Step::Piece(piece) => self.gather.push(piece),
                Step::More if self.gather.len() <= limit => return Ok(None),
                Step::End if self.gather.len() <= limit => {
                    self.unsaid = &[];
                    return Ok(Some(std::mem::take(&mut self.gather).finish()));
                },
                Step::More | Step::End => return Err(BodyError::TooLarge),
            }
        }
    }

    /// Passes over what is at hand of a body nobody wanted. Gives whether it was all of it, so that the
    /// next request may follow.
    pub(super) fn skip_body(&mut self) -> bool {
        self.gather = Gather::default();
        while let Ok(Step::Piece(_)) = self.framing.take(&mut self.buffer) {}
        self.framing.is_done() && self.unsaid.is_empty()
    }

    /// Whether the client has hung up; what it says ahead of its turn is kept, within bounds.
    pub(super) fn poll_gone(&mut self, cx: &mut Context<'_>) -> bool {
        // While a body is read, its reader sees the end.
        while self.framing.is_done() && self.buffer.len() < HEAD_BYTES {
            if self.buffer.capacity() == self.buffer.len() {
                self.buffer.reserve(READ_BYTES);
            }
            match self.poll_read(cx) {
                Poll::Pending => return false,
                Poll::Ready(Ok(1..)) => {},
                Poll::Ready(Ok(0) | Err(_)) => return true,
            }
        }
        false
    }

    /// Reads and forgets what still comes, until the client hangs up.
    pub(super) fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.buffer.clear();
            self.buffer.reserve(READ_BYTES);
            match ready!(self.poll_read(cx)) {
                Ok(1..) => {},
                Ok(0) | Err(_) => return Poll::Ready(()),
            }
        }
    }
}
