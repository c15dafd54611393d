//! The worker threads: each has its own runtime, its own connections to backends, and accepts from
//! the one listening socket.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context, bail};
use tokio_util::sync::CancellationToken;

use crate::app::lock;
use crate::net::Pool;
use crate::net::tls::Tls;
use crate::proxy::{Shared, Worker, accept};

/// Most workers by default: beyond it a gateway waits for its backends, not for cores.
const USUAL_MOST: usize = 8;

/// All workers.
#[derive(Debug)]
pub struct Workers {
    threads: Vec<JoinHandle<()>>,
    /// Stops accepting and lets requests in flight end.
    pub stop: CancellationToken,
    /// Ends everything at once.
    pub kill: CancellationToken,
}

/// Opens the listening socket.
///
/// # Errors
/// The port is taken (it says by whom), or the address is not of this machine.
pub fn listen(addr: SocketAddr) -> anyhow::Result<TcpListener> {
    match accept::bind(addr) {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            let holder = lock::holder_of(addr.port());
            let ours = holder
                .as_deref()
                .is_some_and(|name| name.starts_with("pointsman "))
                || lock::is_ours(addr);
            let who = holder.unwrap_or_else(|| "another program".to_owned());
            if ours {
                bail!(
                    "port {} is taken by another pointsman: {who}; stop it, or use -p PORT",
                    addr.port()
                );
            }
            bail!(
                "port {} is taken by {who}; stop it, or use -p PORT",
                addr.port()
            )
        },
        Err(error) => Err(error).with_context(|| format!("cannot listen on {addr}")),
    }
}

/// One worker's life.
async fn work(
    listener: TcpListener,
    worker: Arc<Worker>,
    stop: CancellationToken,
    kill: CancellationToken,
) {
    match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => tokio::select! {
            () = accept::serve(listener, worker, stop) => {},
            () = kill.cancelled() => {},
        },
        Err(error) => tracing::error!("a worker cannot use the listening socket: {error}"),
    }
}

/// How many workers to start when nobody said.
pub fn usual_count() -> usize {
    std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(USUAL_MOST)
}

impl Workers {
    /// Starts `count` workers on a listening socket.
    ///
    /// # Errors
    /// The system gives no threads or handles.
    pub fn start(
        count: usize,
        listener: &TcpListener,
        shared: &Arc<Shared>,
        tls: &Arc<Tls>,
    ) -> anyhow::Result<Self> {
        let (stop, kill) = (CancellationToken::new(), CancellationToken::new());
        let mut threads = Vec::with_capacity(count);
        for number in 0..count.max(1) {
            let listener = listener
                .try_clone()
                .context("cannot share the listening socket")?;
            let pool = Arc::new(Pool::new(Arc::clone(tls), Arc::clone(&shared.clock)));
            let worker = Arc::new(Worker::new(Arc::clone(shared), pool));
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .context("cannot make a runtime")?;
            let (stop, kill) = (stop.clone(), kill.clone());
            let thread = std::thread::Builder::new().name(format!("worker-{number}"));
            let thread = thread.spawn(move || {
                runtime.block_on(work(listener, worker, stop, kill));
                // A name look-up that hangs must not hold up the end.
                runtime.shutdown_background();
            });
            threads.push(thread.context("cannot start a worker thread")?);
        }
        Ok(Self {
            threads,
            stop,
            kill,
        })
    }

    /// Whether all have ended.
    pub fn are_done(&self) -> bool {
        self.threads.iter().all(JoinHandle::is_finished)
    }

    /// Waits for all of them.
    pub fn join(self) {
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a worker thread panicked");
            }
        }
    }
}
