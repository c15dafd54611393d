//! What one client connection is doing, so that a sweep can end those that only hold a socket.
//!
//! A request costs three relaxed stores and no timer; one look a second finds the overdue ones.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio::time::{Instant, Sleep, sleep_until};

/// Waiting for a request.
const IDLE: u32 = 0;
/// Some bytes of a head have come.
const HEAD: u32 = 1;
/// A request is being served.
const BUSY: u32 = 2;

/// How long a client may take nothing of what it is sent, in seconds.
const STALL_LIMIT_S: u64 = 60;

/// The state of a connection, shared by its socket, its service and the sweep.
#[derive(Debug, Default)]
pub struct Activity {
    phase: AtomicU32,
    /// The second in which the phase began.
    since: AtomicU64,
    /// The second after the one in which its socket took no more bytes; 0 while it takes them. No
    /// body is asked for more meanwhile, so nobody but the sweep sees that a client has stopped reading.
    stalled: AtomicU64,
    /// Requests being served: more than one only with pipelining.
    serving: AtomicU32,
}

/// A coarse clock for all connections of a worker: seconds since it began.
pub type Seconds = Arc<AtomicU64>;

/// Marks a connection as busy for as long as it lives.
#[derive(Debug)]
pub struct Serving {
    activity: Arc<Activity>,
    seconds: Seconds,
}

/// A client's socket that notes when bytes of a new request come.
#[derive(Debug)]
pub struct Watched {
    stream: TcpStream,
    activity: Arc<Activity>,
    seconds: Seconds,
}

/// A timer that all requests of a connection set in turn. tokio moves a running one to a later moment
/// by a store; one made anew is put into its wheel and taken out again, and may wake its driver.
#[derive(Debug, Default)]
pub struct Alarm(Option<Pin<Box<Sleep>>>);

/// A connection as the sweep sees it.
#[derive(Debug)]
pub struct Held {
    /// What it does.
    pub activity: Arc<Activity>,
    /// Ends its task.
    pub abort: AbortHandle,
}

impl Alarm {
    /// Rings at this moment and no longer at an earlier one.
    pub fn set(&mut self, at: Instant) {
        match &mut self.0 {
            Some(timer) => timer.as_mut().reset(at),
            None => self.0 = Some(Box::pin(sleep_until(at))),
        }
    }

    /// Waits until it rings; one that was never set does not.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            Some(timer) => timer.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

impl Activity {
    /// A request begins to be served.
    pub fn serve(self: &Arc<Self>, seconds: &Seconds) -> Serving {
        self.serving.fetch_add(1, Ordering::Relaxed);
        self.phase.store(BUSY, Ordering::Relaxed);
        Serving {
            activity: Arc::clone(self),
            seconds: Arc::clone(seconds),
        }
    }

    /// Whether it has waited for too long: for the rest of a head, for a next request, or for its client
    /// to read.
    pub fn is_overdue(&self, now: u64, head_limit: u64, idle_limit: u64) -> bool {
        let stalled = self.stalled.load(Ordering::Relaxed);
        if stalled != 0 && (now + 1).saturating_sub(stalled) > STALL_LIMIT_S {
            return true;
        }
        let waited = now.saturating_sub(self.since.load(Ordering::Relaxed));
        match self.phase.load(Ordering::Relaxed) {
            HEAD => waited > head_limit,
            IDLE => waited > idle_limit,
            _ => false,
        }
    }

    /// The client's socket took bytes, or would take no more. The end of an answer is still on its way
    /// when nobody serves it any longer: then time that is no idleness begins anew.
    fn wrote(&self, took: bool, seconds: &Seconds) {
        let was_stalled = self.stalled.load(Ordering::Relaxed) != 0;
        if !took {
            if !was_stalled {
                let now = seconds.load(Ordering::Relaxed);
                self.stalled.store(now + 1, Ordering::Relaxed);
            }
            return;
        }
        if was_stalled {
            self.stalled.store(0, Ordering::Relaxed);
        }
        if self.phase.load(Ordering::Relaxed) == IDLE {
            self.since
                .store(seconds.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    fn enter(&self, phase: u32, seconds: &Seconds) {
        self.since
            .store(seconds.load(Ordering::Relaxed), Ordering::Relaxed);
        self.phase.store(phase, Ordering::Relaxed);
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if self.activity.serving.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.activity.enter(IDLE, &self.seconds);
        }
    }
}

impl Watched {
    /// Watches a socket.
    pub fn new(stream: TcpStream, activity: Arc<Activity>, seconds: Seconds) -> Self {
        activity.enter(IDLE, &seconds);
        Self {
            stream,
            activity,
            seconds,
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(cx, buffer);
        let came = buffer.filled().len() > before;
        if came && this.activity.phase.load(Ordering::Relaxed) == IDLE {
            this.activity.enter(HEAD, &this.seconds);
        }
        polled
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.activity.wrote(polled.is_ready(), &this.seconds);
        polled
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.activity.wrote(polled.is_ready(), &this.seconds);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[test]
    fn only_waiting_connections_become_overdue() {
        let seconds: Seconds = Arc::new(AtomicU64::new(100));
        let activity = Arc::new(Activity::default());
        activity.enter(HEAD, &seconds);
        assert!(!activity.is_overdue(115, 15, 75) && activity.is_overdue(116, 15, 75));
        let serving = activity.serve(&seconds);
        assert!(
            !activity.is_overdue(10_000, 15, 75),
            "a long answer is no idleness"
        );
        seconds.store(300, Ordering::Relaxed);
        drop(serving);
        assert!(!activity.is_overdue(375, 15, 75) && activity.is_overdue(376, 15, 75));
    }

    #[test]
    fn a_client_that_reads_nothing_is_overdue_in_any_phase() {
        let seconds: Seconds = Arc::new(AtomicU64::new(0));
        let activity = Arc::new(Activity::default());
        let _serving = activity.serve(&seconds);
        activity.wrote(false, &seconds);
        seconds.store(50, Ordering::Relaxed);
        activity.wrote(false, &seconds);
        assert!(!activity.is_overdue(60, 15, 75) && activity.is_overdue(61, 15, 75));
        activity.wrote(true, &seconds);
        assert!(!activity.is_overdue(10_000, 15, 75), "it reads again");
    }

    #[test]
    fn the_end_of_an_answer_that_is_still_read_is_no_idleness() {
        let seconds: Seconds = Arc::new(AtomicU64::new(0));
        let activity = Arc::new(Activity::default());
        drop(activity.serve(&seconds));
        for second in [50, 100, 150] {
            seconds.store(second, Ordering::Relaxed);
            activity.wrote(false, &seconds);
            activity.wrote(true, &seconds);
        }
        assert!(!activity.is_overdue(225, 15, 75) && activity.is_overdue(226, 15, 75));
    }

    #[tokio::test]
    async fn a_full_socket_is_seen_as_stalled_until_its_client_reads() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = listener.local_addr().unwrap();
        let (client, accepted) = tokio::join!(TcpStream::connect(to), listener.accept());
        let (mut client, (socket, _peer)) = (client.unwrap(), accepted.unwrap());
        let seconds: Seconds = Arc::new(AtomicU64::new(7));
        let activity = Arc::new(Activity::default());
        let mut socket = Watched::new(socket, Arc::clone(&activity), seconds);
        let bytes = vec![0; 1 << 20];
        let fill = |cx: &mut Context<'_>| {
            while Pin::new(&mut socket).poll_write(cx, &bytes)?.is_ready() {}
            Poll::Ready(io::Result::Ok(()))
        };
        std::future::poll_fn(fill).await.unwrap();
        assert_eq!(activity.stalled.load(Ordering::Relaxed), 8);
        let mut read = vec![0; 1 << 16];
        while activity.stalled.load(Ordering::Relaxed) != 0 {
            // Once all of it is read there is room to write, and nothing more to wait for.
            let turn = std::time::Duration::from_millis(20);
            if let Ok(came) = tokio::time::timeout(turn, client.read(&mut read)).await {
                assert_ne!(came.unwrap(), 0);
            }
            let write = |cx: &mut Context<'_>| {
                let polled = Pin::new(&mut socket).poll_write(cx, b"x");
                Poll::Ready(polled.is_ready())
            };
            std::future::poll_fn(write).await;
        }
        client.shutdown().await.unwrap();
    }
}
