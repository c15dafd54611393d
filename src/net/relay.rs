//! The relay's client: a pool of HTTP/1.1 connections that are driven by whoever uses them.
//!
//! There is no task a connection: the future that waits for an answer, and the body that is read
//! afterwards, poll the socket themselves. That saves two task switches a chunk, tells us whether
//! a connection was reused (so that one that died while idle can be replaced unseen), and makes
//! dropping an answer the same as closing its socket: an upstream is cancelled at once.
//!
//! It speaks as much of HTTP as a POST and its answer need, and no more: `request` writes, `response`
//! reads a head.

mod request;
mod response;

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio_util::io::poll_read_buf;
use tokio_util::task::TaskTracker;

use self::request::Sending;
use self::response::Parsed;
use crate::base::{Clock, Mono};
use crate::net::Origin;
use crate::net::dial::{Wire, dial};
use crate::net::framing::{Framing, Step};
use crate::net::tls::Tls;

pub use self::request::RequestHead;
pub use self::response::ResponseHead;

/// How long a connection to a self-hosted server stays in the pool: llama.cpp and vLLM close theirs
/// after five seconds.
const LOCAL_IDLE: Duration = Duration::from_secs(4);
/// The same for clouds, below the usual minute of load balancers.
const CLOUD_IDLE: Duration = Duration::from_secs(50);
/// How long the end of a stream that was told to be complete is waited for.
const END_WITHIN: Duration = Duration::from_millis(250);
/// How much may still come until then.
const END_BYTES: usize = 64 << 10;
/// Idle connections kept for one origin.
const IDLE_PER_ORIGIN: usize = 256;
/// Room for one read. Mostly a whole answer, or several events, come with it.
const READ_BYTES: usize = 8 << 10;
/// The same for an answer that fills it again and again.
const MOST_READ_BYTES: usize = 128 << 10;
/// Less room than this is not worth a read.
const LEAST_READ_BYTES: usize = 1 << 10;

/// What went wrong before an answer began.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SendFault {
    /// What kind.
    pub kind: SendFaultKind,
    /// In words, with the address.
    pub message: String,
}

/// What kind of thing went wrong before an answer began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendFaultKind {
    /// Nobody answered at the address: refused, unreachable, no such name, time-out, TLS.
    Connect,
    /// The connection ended before an answer.
    Reset,
    /// The answer is no HTTP.
    Protocol,
}

/// A body that broke off; in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BodyFault(String);

/// Connections to backends; one pool a worker.
#[derive(Debug)]
pub struct Pool {
    idle: Mutex<Vec<Idle>>,
    open: Arc<AtomicUsize>,
    tls: Arc<Tls>,
    clock: Arc<dyn Clock>,
    /// Ends of streams that are waited for.
    ends: TaskTracker,
}

/// Idle connections to one origin, the one used last at the end. There are few origins, and mostly
/// the very same `Arc` is asked for: a list is found through faster than a map.
#[derive(Debug)]
struct Idle {
    origin: Arc<Origin>,
    #[expect(clippy::vec_box, reason = "a link moves in and out all the time")]
    links: Vec<Box<Link>>,
}

/// An answer whose head has come.
#[derive(Debug)]
pub struct Exchange {
    /// Status and headers.
    pub head: ResponseHead,
    /// The body; dropping it closes the connection unless it was read to its end.
    pub body: UpstreamBody,
}

/// The body of an upstream's answer. Reading it to its end gives the connection back to the pool.
#[derive(Debug)]
pub struct UpstreamBody {
    /// `None` once the body has ended.
    link: Option<Box<Link>>,
    framing: Framing,
    /// What is left of the request: an answer may begin before its request is all out.
    unsent: Option<Sending>,
    /// Whether the connection may serve again.
    keeps: bool,
    pool: Arc<Pool>,
}

/// One connection. It is large and handed on often, hence boxed everywhere.
#[derive(Debug)]
struct Link {
    wire: Wire,
    /// What has been read and not been taken.
    buffer: BytesMut,
    /// Room for the next read.
    read_bytes: usize,
    origin: Arc<Origin>,
    idle_since: Mono,
    _open: OpenCount,
}

/// Why an exchange failed, and whether a byte of an answer had come.
#[derive(Debug)]
struct Miss {
    fault: SendFault,
    silent: bool,
}

/// Counts an open socket for as long as it lives.
#[derive(Debug)]
struct OpenCount(Arc<AtomicUsize>);

impl Pool {
    /// An empty pool.
    pub fn new(tls: Arc<Tls>, clock: Arc<dyn Clock>) -> Self {
        Self {
            idle: Mutex::default(),
            open: Arc::default(),
            tls,
            clock,
            ends: TaskTracker::new(),
        }
    }

    /// Sockets open now, idle ones included.
    pub fn open_sockets(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Sends a request and waits for the head of the answer. It is sent a second time when a reused
    /// connection turns out to be dead before any byte of an answer.
    ///
    /// # Errors
    /// A [`SendFault`] when nobody answers or the connection ends before an answer.
    pub async fn send(
        self: &Arc<Self>,
        origin: &Arc<Origin>,
        connect_within: Duration,
        head: &RequestHead,
        body: &Bytes,
    ) -> Result<Exchange, SendFault> {
        let sending = || Sending::new(head.clone(), body.clone());
        if let Some(link) = self.checkout(origin).await {
            match self.exchange(link, sending()).await {
                Err(miss) if miss.silent => {},
                outcome => return outcome.map_err(|miss| miss.fault),
            }
        }
        let link = self.connect(origin, connect_within).await?;
        self.exchange(link, sending())
            .await
            .map_err(|miss| miss.fault)
    }

    /// Closes connections that have been idle for too long.
    pub fn sweep(&self) {
        let now = self.clock.mono();
        self.idle().retain_mut(|idle| {
            idle.links.retain(|link| !link.is_stale(now));
            !idle.links.is_empty()
        });
    }

    /// Closes all idle connections to one origin: its host went down.
    pub fn forget(&self, origin: &Origin) {
        self.idle().retain(|idle| *idle.origin != *origin);
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_last(&self, origin: &Arc<Origin>) -> Option<Box<Link>> {
        let mut all = self.idle();
        all.iter_mut().find(|idle| idle.is_to(origin))?.links.pop()
    }

    /// The connection that was used last and still lives.
    async fn checkout(&self, origin: &Arc<Origin>) -> Option<Box<Link>> {
        loop {
            let mut link = self.take_last(origin)?;
            if link.is_stale(self.clock.mono()) {
                // Those below it are older still.
                self.forget(origin);
                return None;
            }
            // An idle server says nothing: an end, an error or bytes nobody asked for rule it out.
            let is_quiet = poll_fn(|cx| Poll::Ready(link.poll_read(cx).is_pending())).await;
            if is_quiet {
                return Some(link);
            }
        }
    }

    async fn connect(
        &self,
        origin: &Arc<Origin>,
        within: Duration,
    ) -> Result<Box<Link>, SendFault> {
        let wire = Box::pin(dial(origin, &self.tls, within)).await;
        let wire = wire.map_err(|error| SendFault {
            kind: SendFaultKind::Connect,
            message: format!("cannot connect to {origin}: {error}"),
        })?;
        Ok(Box::new(Link {
            wire,
            buffer: BytesMut::new(),
            read_bytes: READ_BYTES,
            origin: Arc::clone(origin),
            idle_since: Mono::ZERO,
            _open: OpenCount::new(&self.open),
        }))
    }

    async fn exchange(
        self: &Arc<Self>,
        mut link: Box<Link>,
        sending: Sending,
    ) -> Result<Exchange, Miss> {
        let mut unsent = Some(sending);
        let parsed = poll_fn(|cx| link.poll_exchange(&mut unsent, cx)).await?;
        let Parsed {
            head,
            framing,
            keeps,
        } = parsed;
        let body = UpstreamBody {
            link: Some(link),
            framing,
            unsent,
            keeps,
            pool: Arc::clone(self),
        };
        Ok(Exchange { head, body })
    }

    fn give_back(&self, mut link: Box<Link>) {
        link.rest(self.clock.mono());
        let mut all = self.idle();
        let Some(idle) = all.iter_mut().find(|idle| idle.is_to(&link.origin)) else {
            let origin = Arc::clone(&link.origin);
            let links = vec![link];
            all.push(Idle { origin, links });
            return;
        };
        if idle.links.len() < IDLE_PER_ORIGIN {
            idle.links.push(link);
        }
    }
}

// === impl Idle ===

impl Idle {
    fn is_to(&self, origin: &Arc<Origin>) -> bool {
        Arc::ptr_eq(&self.origin, origin) || *self.origin == **origin
    }
}

// === impl Link ===

impl Link {
    fn is_stale(&self, now: Mono) -> bool {
        now.since(self.idle_since)
            >= if self.origin.local {
                LOCAL_IDLE
            } else {
                CLOUD_IDLE
            }
    }

    /// Goes idle, with no more memory than its next answer is likely to need.
    fn rest(&mut self, now: Mono) {
        self.idle_since = now;
        if self.read_bytes > READ_BYTES {
            self.read_bytes = READ_BYTES;
            self.buffer = BytesMut::new();
        }
    }

    /// Writes the request and reads until the head of its answer is there. `unsent` becomes `None` when
    /// all of the request has gone.
    fn poll_exchange(
        &mut self,
        unsent: &mut Option<Sending>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Parsed, Miss>> {
        let broken = match self.poll_send(unsent, cx) {
            Poll::Ready(Err(error)) => Some(error),
            Poll::Ready(Ok(())) | Poll::Pending => None,
        };
        loop {
            // A server that will not read all of a request may have said why before it closed.
            let failed = match (self.poll_read(cx), &broken) {
                (Poll::Pending, None) => return Poll::Pending,
                (Poll::Pending, Some(error)) => self.miss(error),
                (Poll::Ready(Err(error)), _) => self.miss(&error),
                (Poll::Ready(Ok(0)), _) => self.miss(&io::ErrorKind::UnexpectedEof.into()),
                (Poll::Ready(Ok(_bytes)), _) => match response::take(&mut self.buffer) {
                    Ok(Some(parsed)) => return Poll::Ready(Ok(parsed)),
                    Ok(None) => continue,
                    Err(text) => self.no_http(&text),
                },
            };
            return Poll::Ready(Err(failed));
        }
    }

    fn poll_send(
        &mut self,
        unsent: &mut Option<Sending>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(sending) = unsent {
            ready!(sending.poll(Pin::new(&mut self.wire), cx))?;
            *unsent = None;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads once. Reads that find much are followed by larger ones.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let room = self.buffer.capacity() - self.buffer.len();
        if room < LEAST_READ_BYTES {
            self.buffer.reserve(self.read_bytes);
        }
        let room = self.buffer.capacity() - self.buffer.len();
        let read = ready!(poll_read_buf(
            Pin::new(&mut self.wire),
            cx,
            &mut self.buffer
        ))?;
        if read == room && self.read_bytes < MOST_READ_BYTES {
            self.read_bytes *= 2;
        }
        Poll::Ready(Ok(read))
    }

    /// The fault for a connection that ended before the head of an answer was there.
    fn miss(&self, error: &io::Error) -> Miss {
        let (kind, text) = match error.kind() {
            // Nobody acknowledged our bytes: the host is gone, not merely the connection.
            io::ErrorKind::TimedOut => (SendFaultKind::Connect, error.to_string()),
            io::ErrorKind::UnexpectedEof => (
                SendFaultKind::Reset,
                "the connection ended before an answer".to_owned(),
            ),
            _ => (SendFaultKind::Reset, error.to_string()),
        };
        let message = format!("{}: {text}", self.origin);
        Miss {
            silent: kind == SendFaultKind::Reset && self.buffer.is_empty(),
            fault: SendFault { kind, message },
        }
    }

    fn no_http(&self, text: &str) -> Miss {
        Miss {
            silent: false,
            fault: SendFault {
                kind: SendFaultKind::Protocol,
                message: format!("{}: {text}", self.origin),
            },
        }
    }
}

impl OpenCount {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for OpenCount {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

// === impl UpstreamBody ===

impl UpstreamBody {
    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// The connection broke, or what came is no body.
    pub fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyFault>>> {
        loop {
            let Some(link) = &mut self.link else {
                return Poll::Ready(None);
            };
            match self.framing.take(&mut link.buffer) {
                Ok(Step::Piece(bytes)) => {
                    if self.framing.is_done() {
                        self.finish();
                    }
                    return Poll::Ready(Some(Ok(bytes)));
                },
                Ok(Step::End) => {
                    self.finish();
                    return Poll::Ready(None);
                },
                Ok(Step::More) => {},
                Err(text) => return self.fail(text.to_owned()),
            }
            if self.unsent.is_some()
                && matches!(link.poll_send(&mut self.unsent, cx), Poll::Ready(Err(_)))
            {
                // What it would not read it may still answer.
                (self.unsent, self.keeps) = (None, false);
            }
            match ready!(link.poll_read(cx)) {
                Ok(0) if self.framing.may_close() => {
                    self.link = None;
                    return Poll::Ready(None);
                },
                Ok(0) => return self.fail("the connection ended before the body did".to_owned()),
                Ok(_bytes) => {},
                Err(error) => return self.fail(error.to_string()),
            }
        }
    }

    /// Waits for the next bytes; `None` at the end.
    ///
    /// # Errors
    /// As [`UpstreamBody::poll_chunk`].
    pub async fn chunk(&mut self) -> Option<Result<Bytes, BodyFault>> {
        poll_fn(|cx| self.poll_chunk(cx)).await
    }

    /// Reads to the end, in the background, what is of no more interest: servers send the last chunk some
    /// milliseconds after the stream's own end mark, and with it the connection may serve again. One that
    /// takes too long, or sends too much, is closed.
    pub fn wind_up(self) {
        let pool = Arc::clone(&self.pool);
        // Too late: the connection is closed with the body.
        pool.ends
            .spawn(tokio::time::timeout(END_WITHIN, self.read_rest()));
    }

    async fn read_rest(mut self) {
        let mut bytes = 0;
        while let Some(Ok(chunk)) = self.chunk().await {
            bytes += chunk.len();
            if bytes > END_BYTES {
                return;
            }
        }
    }

    fn fail(&mut self, text: String) -> Poll<Option<Result<Bytes, BodyFault>>> {
        self.link = None;
        Poll::Ready(Some(Err(BodyFault(text))))
    }

    /// The body was read to its end: the connection may serve again.
    fn finish(&mut self) {
        let Some(link) = self.link.take() else {
            return;
        };
        // Bytes beyond the end belong to no request of ours.
        if self.keeps && self.unsent.is_none() && link.buffer.is_empty() {
            self.pool.give_back(link);
        }
    }
}

#[cfg(test)]
mod tests;
