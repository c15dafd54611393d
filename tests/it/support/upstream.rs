//! A scripted model server on a real loopback socket.
//!
//! Plays one [`Reply`] a request, records what it was asked, and counts connections, requests in
//! flight and requests the gateway gave up. Can refuse, freeze, be killed and come back on the
//! same port. Health probes (`GET`) are answered apart, so that they never eat a script.

mod serve;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::http1;
use super::reply::Reply;
use super::wait::{PATIENCE, wait_for};

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// `POST` …
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Header fields in order, names as sent.
    pub fields: Vec<(String, String)>,
    /// The body, unframed.
    pub body: Vec<u8>,
    /// Number of the connection it came on, from 0.
    pub connection: usize,
    /// When it had been read.
    pub at: Instant,
}

impl Recorded {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        http1::find(&self.fields, name)
    }

    /// The body as JSON, `null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Does it ask for a stream? Ollama streams unless told otherwise.
    pub fn wants_stream(&self) -> bool {
        self.json()["stream"]
            .as_bool()
            .unwrap_or_else(|| self.path.starts_with("/api/"))
    }
}

/// Makes an answer out of a request.
pub type Answerer = Arc<dyn Fn(&Recorded) -> Reply + Send + Sync>;

/// What happened so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections accepted.
    pub connections: usize,
    /// Connections open now.
    pub open: usize,
    /// Requests being answered now, probes left out.
    pub in_flight: usize,
    /// The most at once.
    pub most_in_flight: usize,
    /// Requests whose client left before the script was through.
    pub given_up: usize,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Reply>,
    otherwise: Option<Answerer>,
    probe: Option<Reply>,
    requests: Vec<Recorded>,
    probes: Vec<Recorded>,
    counts: Counts,
    sockets: HashMap<usize, TcpStream>,
    listening: bool,
    frozen: bool,
    /// Grows with every kill: a connection of an older life ends.
    life: usize,
    idle_close: Option<Duration>,
}

/// What the threads of one upstream share.
#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn change<T>(&self, how: impl FnOnce(&mut State) -> T) -> T {
        let result = how(&mut self.lock());
        self.changed.notify_all();
        result
    }
}

/// A scripted model server.
pub struct Upstream {
    /// Where it listens.
    pub addr: SocketAddr,
    shared: Arc<Shared>,
    accept: Option<JoinHandle<()>>,
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Upstream({})", self.addr)
    }
}

impl Upstream {
    /// Listens on a free loopback port and answers everything the same way.
    pub fn start(otherwise: impl Fn(&Recorded) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_at(IpAddr::V4(Ipv4Addr::LOCALHOST), otherwise)
    }

    /// As [`Upstream::start`] at another address of this machine, or of the network namespace of the
    /// calling thread.
    pub fn start_at(
        at: IpAddr,
        otherwise: impl Fn(&Recorded) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let shared = Arc::new(Shared::default());
        shared.change(|state| state.otherwise = Some(Arc::new(otherwise)));
        let listener = TcpListener::bind((at, 0)).unwrap();
        let addr = listener.local_addr().unwrap();
        let mut upstream = Self {
            addr,
            shared,
            accept: None,
        };
        upstream.listen(listener);
        upstream
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The next request gets this answer; the one after it the next pushed.
    pub fn push(&self, reply: Reply) -> &Self {
        self.shared.change(|state| state.queue.push_back(reply));
        self
    }

    /// From now on, requests without a pushed answer get this one.
    pub fn always(&self, otherwise: impl Fn(&Recorded) -> Reply + Send + Sync + 'static) -> &Self {
        self.shared
            .change(|state| state.otherwise = Some(Arc::new(otherwise)));
        self
    }

    /// From now on, every probe (`GET`) gets this answer.
    pub fn probe_with(&self, reply: Reply) -> &Self {
        self.shared.change(|state| state.probe = Some(reply));
        self
    }

    /// Closes connections that stay idle for so long, as llama-server and vLLM do after 5 s.
    pub fn close_idle_after(&self, idle: Duration) -> &Self {
        self.shared.change(|state| state.idle_close = Some(idle));
        self
    }

    /// Requests so far, probes left out.
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.lock().requests.clone()
    }

    /// Probes so far.
    pub fn probes(&self) -> Vec<Recorded> {
        self.shared.lock().probes.clone()
    }

    /// The numbers so far.
    pub fn counts(&self) -> Counts {
        self.shared.lock().counts
    }

    /// Waits until the numbers are as wished.
    #[track_caller]
    pub fn until(&self, what: &str, wished: impl Fn(Counts) -> bool) -> Counts {
        wait_for(what, PATIENCE, || {
            Some(self.counts()).filter(|counts| wished(*counts))
        })
    }

    /// Waits for so many requests in all and gives them.
    #[track_caller]
    pub fn until_requests(&self, n: usize) -> Vec<Recorded> {
        wait_for(&format!("{n} requests"), PATIENCE, || {
            Some(self.requests()).filter(|requests| requests.len() >= n)
        })
    }

    /// Stops listening: new connections are refused, open ones go on.
    pub fn refuse(&mut self) {
        self.shared.change(|state| state.listening = false);
        let Some(accept) = self.accept.take() else {
            return;
        };
        // Wakes the thread that waits for a connection.
        drop(TcpStream::connect(self.addr));
        accept.join().unwrap();
    }

    /// As `kill -9` on the server: refuses, and every open connection is closed at once.
    pub fn kill(&mut self) {
        self.refuse();
        let sockets: Vec<TcpStream> = self.shared.change(|state| {
            state.life += 1;
            state.frozen = false;
            state.sockets.drain().map(|(_, socket)| socket).collect()
        });
        for socket in sockets {
            // It may have ended by itself.
            drop(socket.shutdown(Shutdown::Both));
        }
        self.until("the killed upstream to be quiet", |counts| counts.open == 0);
    }

    /// Listens again on the same port after [`Upstream::refuse`] or [`Upstream::kill`].
    pub fn revive(&mut self) {
        let addr = self.addr;
        let listener = wait_for("the port to be free", PATIENCE, || {
            TcpListener::bind(addr).ok()
        });
        self.listen(listener);
    }

    /// As `kill -STOP`: connections are made by the kernel, and no byte comes.
    pub fn freeze(&self) {
        self.shared.change(|state| state.frozen = true);
    }

    /// As `kill -CONT`.
    pub fn thaw(&self) {
        self.shared.change(|state| state.frozen = false);
    }

    fn listen(&mut self, listener: TcpListener) {
        self.shared.change(|state| state.listening = true);
        let shared = Arc::clone(&self.shared);
        self.accept = Some(thread::spawn(move || serve::accept(&listener, &shared)));
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.kill();
        }
    }
}
