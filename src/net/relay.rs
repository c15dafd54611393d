//! The relay's client: a pool of HTTP/1.1 connections that are driven by whoever uses them.
//!
//! There is no task a connection: the future that waits for an answer, and the body that is read
//! afterwards, poll the connection themselves. That saves two task switches a chunk, tells us whether
//! a connection was reused (so that one that died while idle can be replaced unseen), and makes
//! dropping an answer the same as closing its socket: an upstream is cancelled at once.

use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio_util::task::TaskTracker;

use crate::base::{Clock, Mono};
use crate::net::Origin;
use crate::net::dial::{Wire, dial};
use crate::net::tls::Tls;

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
    pub head: response::Parts,
    /// The body; dropping it closes the connection unless it was read to its end.
    pub body: UpstreamBody,
}

/// The body of an upstream's answer. Reading it to its end gives the connection back to the pool.
#[derive(Debug)]
pub struct UpstreamBody {
    incoming: Incoming,
    link: Option<Box<Link>>,
    pool: Arc<Pool>,
}

/// One connection. It is large and handed on often, hence boxed everywhere.
#[derive(Debug)]
struct Link {
    sender: http1::SendRequest<Full<Bytes>>,
    /// `None` once the connection has ended.
    driver: Option<http1::Connection<TokioIo<Wire>, Full<Bytes>>>,
    origin: Arc<Origin>,
    idle_since: Mono,
    _open: OpenCount,
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

    /// Sends a request and waits for the head of the answer. `make` builds the request; it is called a
    /// second time when a reused connection turns out to be dead before any byte of an answer.
    ///
    /// # Errors
    /// A [`SendFault`] when nobody answers or the connection ends before an answer.
    pub async fn send(
        self: &Arc<Self>,
        origin: &Arc<Origin>,
        connect_within: Duration,
        make: impl Fn() -> Request<Full<Bytes>>,
    ) -> Result<Exchange, SendFault> {
        if let Some(link) = self.checkout(origin).await {
            match self.exchange(link, make()).await {
                Err(fault) if fault.kind == SendFaultKind::Reset => {},
                outcome => return outcome,
            }
        }
        let link = self.connect(origin, connect_within).await?;
        self.exchange(link, make()).await
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
            poll_fn(|cx| {
                link.drive(cx);
                Poll::Ready(())
            })
            .await;
            if link.driver.is_some() && link.sender.is_ready() {
                return Some(link);
            }
        }
    }

    async fn connect(
        &self,
        origin: &Arc<Origin>,
        within: Duration,
    ) -> Result<Box<Link>, SendFault> {
        let failed = |error: &dyn std::fmt::Display| SendFault {
            kind: SendFaultKind::Connect,
            message: format!("cannot connect to {origin}: {error}"),
        };
        let wire = Box::pin(dial(origin, &self.tls, within))
            .await
            .map_err(|error| failed(&error))?;
        let open = OpenCount::new(&self.open);
        // The usual bound of 100 headers: another one would be allocated for every answer.
        let built = http1::handshake(TokioIo::new(wire)).await;
        let (sender, driver) = built.map_err(|error| failed(&error))?;
        Ok(Box::new(Link {
            sender,
            driver: Some(driver),
            origin: Arc::clone(origin),
            idle_since: Mono::ZERO,
            _open: open,
        }))
    }

    async fn exchange(
        self: &Arc<Self>,
        mut link: Box<Link>,
        request: Request<Full<Bytes>>,
    ) -> Result<Exchange, SendFault> {
        let mut answer = pin!(link.sender.send_request(request));
        let driver = &mut link.driver;
        let outcome = poll_fn(|cx| {
            if let Poll::Ready(outcome) = answer.as_mut().poll(cx) {
                return Poll::Ready(outcome);
            }
            drive(driver, cx);
            answer.as_mut().poll(cx)
        })
        .await;
        match outcome {
            Ok(response) => {
                let (head, incoming) = response.into_parts();
                let body = UpstreamBody {
                    incoming,
                    link: Some(link),
                    pool: Arc::clone(self),
                };
                Ok(Exchange { head, body })
            },
            Err(error) => Err(explain(&link.origin, &error)),
        }
    }

    fn give_back(&self, mut link: Box<Link>) {
        link.idle_since = self.clock.mono();
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

    fn drive(&mut self, cx: &mut Context<'_>) {
        drive(&mut self.driver, cx);
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

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let mut polled = Pin::new(&mut this.incoming).poll_frame(cx);
        if polled.is_pending() {
            if let Some(link) = &mut this.link {
                link.drive(cx);
            }
            polled = Pin::new(&mut this.incoming).poll_frame(cx);
        }
        if let Poll::Ready(None) = polled {
            this.finish(cx);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl UpstreamBody {
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
        while let Some(Ok(frame)) = poll_fn(|cx| Pin::new(&mut self).poll_frame(cx)).await {
            bytes += frame.data_ref().map_or(0, Bytes::len);
            if bytes > END_BYTES {
                return;
            }
        }
    }

    /// The body was read to its end: the connection may serve again.
    fn finish(&mut self, cx: &mut Context<'_>) {
        let Some(mut link) = self.link.take() else {
            return;
        };
        link.drive(cx);
        if link.driver.is_some() && link.sender.is_ready() {
            self.pool.give_back(link);
        }
    }
}

/// Polls a connection once; one that has ended is let go.
fn drive(driver: &mut Option<http1::Connection<TokioIo<Wire>, Full<Bytes>>>, cx: &mut Context<'_>) {
    let Some(connection) = driver else { return };
    if Pin::new(connection).poll(cx).is_ready() {
        *driver = None;
    }
}

/// Tells what a failed exchange means. What hyper says of the cause is kept: it names no secret.
fn explain(origin: &Origin, error: &hyper::Error) -> SendFault {
    let mut text = error.to_string();
    let mut cause = error.source();
    let mut timed_out = false;
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        timed_out |= inner
            .downcast_ref::<io::Error>()
            .is_some_and(|inner| inner.kind() == io::ErrorKind::TimedOut);
        cause = inner.source();
    }
    let kind = if error.is_parse() {
        SendFaultKind::Protocol
    } else if timed_out {
        // Nobody acknowledged our bytes: the host is gone, not merely the connection.
        SendFaultKind::Connect
    } else {
        SendFaultKind::Reset
    };
    SendFault {
        kind,
        message: format!("{origin}: {text}"),
    }
}

#[cfg(test)]
mod tests;
