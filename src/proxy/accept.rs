//! Sockets: one accept loop a worker, a cap on connections, a sweep of idle ones, and a drain.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::proxy::connection::{Activity, Held, Seconds, Watched};
use crate::proxy::http1;
use crate::proxy::service::Service;
use crate::proxy::{Shared, Worker};

/// How long a connection may wait for its next request.
const IDLE_LIMIT_S: u64 = 75;
/// How often overdue connections are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// How long to wait when the system has no more file handles.
const OUT_OF_HANDLES: Duration = Duration::from_millis(50);
/// How long a client's connection is silent before the kernel asks whether it is there.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(30);
/// How often the kernel asks again.
#[cfg(any(target_os = "linux", target_os = "macos"))]
const KEEPALIVE_EVERY: Duration = Duration::from_secs(10);
/// How long a client may leave our bytes unacknowledged.
#[cfg(target_os = "linux")]
const UNACKED: Duration = Duration::from_mins(1);
/// Bytes the kernel takes from us before it has sent them.
#[cfg(target_os = "linux")]
const UNSENT_BYTES: u32 = 128 << 10;
/// Connections the kernel holds for us until we accept them.
const BACKLOG: i32 = 1_024;

const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n\
    content-length: 88\r\nconnection: close\r\nretry-after: 1\r\n\r\n\
    {\"error\":{\"message\":\"too many connections\",\"type\":\"internal_server_error\",\"code\":\"503\"}}";

/// Opens a listening socket that all workers share.
///
/// # Errors
/// The port is taken, or the address is not of this machine.
pub fn bind(addr: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Accepts and serves connections until `stop`, then lets those in flight end. It returns when the
/// last has ended; the caller sets the deadline.
pub async fn serve(listener: TcpListener, worker: Arc<Worker>, stop: CancellationToken) {
    let seconds: Seconds = Arc::new(AtomicU64::new(0));
    let tasks = TaskTracker::new();
    let mut held: Vec<Held> = Vec::new();
    let mut sweep = tokio::time::interval(SWEEP_EVERY);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let held_one = admit(stream, peer, &worker, &seconds, &tasks, &stop);
                    held.extend(held_one);
                },
                Err(error) => rest_after(&error).await,
            },
            _ = sweep.tick() => {
                seconds.fetch_add(1, Ordering::Relaxed);
                end_overdue(&mut held, seconds.load(Ordering::Relaxed), &worker);
                worker.sweep();
            },
            () = stop.cancelled() => break,
        }
    }
    drop(listener);
    tasks.close();
    tasks.wait().await;
}

/// An accept that failed: the client's doing is passed over, ours gives the system a moment.
async fn rest_after(error: &io::Error) {
    let theirs = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    );
    if !theirs {
        tracing::warn!("cannot accept a connection: {error}");
        tokio::time::sleep(OUT_OF_HANDLES).await;
    }
}

fn admit(
    stream: TcpStream,
    peer: SocketAddr,
    worker: &Arc<Worker>,
    seconds: &Seconds,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Option<Held> {
    let Some(place) = Place::take(&worker.shared) else {
        tasks.spawn(async move {
            let mut stream = stream;
            // They asked for nothing yet; whether they read the refusal is their matter.
            drop(stream.write_all(FULL).await);
        });
        return None;
    };
    if let Err(error) = tune(&stream) {
        tracing::debug!("a client's socket keeps its usual options: {error}");
    }
    let activity = Arc::new(Activity::default());
    let socket = Watched::new(stream, Arc::clone(&activity), Arc::clone(seconds));
    let service = Service::new(
        Arc::clone(worker),
        peer,
        Arc::clone(&activity),
        Arc::clone(seconds),
    );
    let stop = stop.clone();
    let task = tasks.spawn(async move {
        let _place = place;
        http1::serve(socket, service, stop).await;
    });
    Some(Held {
        activity,
        abort: task.abort_handle(),
    })
}

/// Answers leave at once; a client that vanished is noticed; and little waits in the kernel for one that
/// reads slowly, so that the sweep sees every bit of progress.
fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_AFTER);
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    let keepalive = keepalive.with_interval(KEEPALIVE_EVERY).with_retries(3);
    socket.set_tcp_keepalive(&keepalive)?;
    #[cfg(target_os = "linux")]
    {
        socket.set_tcp_user_timeout(Some(UNACKED))?;
        socket.set_tcp_notsent_lowat(UNSENT_BYTES)?;
    }
    Ok(())
}

fn end_overdue(held: &mut Vec<Held>, now: u64, worker: &Worker) {
    let head_limit = worker
        .shared
        .setup
        .load()
        .config
        .limits
        .header_timeout
        .as_secs()
        .max(1);
    held.retain(|one| {
        if one.activity.is_overdue(now, head_limit, IDLE_LIMIT_S) {
            one.abort.abort();
        }
        !one.abort.is_finished()
    });
}

/// One of the connections there may be at once.
struct Place(Arc<Shared>);

impl Place {
    fn take(shared: &Arc<Shared>) -> Option<Self> {
        let most = shared.setup.load().config.limits.connections;
        let before = shared.connections.fetch_add(1, Ordering::Relaxed);
        let place = Self(Arc::clone(shared));
        (before < most).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusal_tells_its_own_length() {
        let text = std::str::from_utf8(FULL).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains(&format!("content-length: {}\r\n", body.len())),
            "{}",
            body.len()
        );
    }
}
