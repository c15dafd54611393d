//! The threads of a scripted upstream: accept, read a request, play its script.
//!
//! Every wait looks every few milliseconds whether the test killed the server or the client left.

use std::io::{self, ErrorKind, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::{Recorded, Shared};
use crate::support::http1::{Framing, Wire};
use crate::support::reply::{Gate, Reply, Step};
use crate::support::wait::{now, pause};

/// How often a waiting connection looks around.
const TICK: Duration = Duration::from_millis(3);

/// Why a connection is over.
enum Over {
    /// It was closed, reset or killed.
    Ended,
    /// The client left while its request was being answered.
    GivenUp,
}

/// Accepts until told to stop.
pub(super) fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if !shared.lock().listening {
            return;
        }
        let Ok(stream) = stream else { continue };
        let shared = Arc::clone(shared);
        let number = shared.change(|state| {
            let number = state.counts.connections;
            state.counts.connections += 1;
            state.counts.open += 1;
            state.sockets.insert(number, stream.try_clone().unwrap());
            number
        });
        thread::spawn(move || {
            let life = shared.lock().life;
            Connection {
                wire: Wire::new(stream),
                shared: Arc::clone(&shared),
                number,
                life,
            }
            .run();
            shared.change(|state| state.counts.open -= 1);
        });
    }
}

struct Connection {
    wire: Wire,
    shared: Arc<Shared>,
    number: usize,
    life: usize,
}

impl Connection {
    fn run(mut self) {
        self.wire.stream.set_nodelay(true).unwrap();
        while self.await_request() {
            let Ok(Some(request)) = self.read() else {
                break;
            };
            let probe = request.method == "GET";
            let reply = self.shared.change(|state| state.take(request));
            let over = self.play(&reply);
            self.shared.change(|state| {
                state.counts.in_flight -= usize::from(!probe);
                state.counts.given_up += usize::from(!probe && matches!(over, Err(Over::GivenUp)));
            });
            if over.is_err() {
                break;
            }
        }
        self.shared
            .change(|state| state.sockets.remove(&self.number));
        // It may be closed already.
        drop(self.wire.stream.shutdown(Shutdown::Both));
    }

    /// Waits for the first byte of a request; false when the connection is over.
    fn await_request(&self) -> bool {
        let began = now();
        loop {
            let (frozen, idle_close) = {
                let state = self.shared.lock();
                if state.life != self.life {
                    return false;
                }
                (state.frozen, state.idle_close)
            };
            if !frozen {
                match peek(&self.wire.stream) {
                    Peek::Byte => return true,
                    Peek::Gone => return false,
                    Peek::Silence => {},
                }
            }
            if idle_close.is_some_and(|most| began.elapsed() > most) {
                return false;
            }
            pause();
        }
    }

    fn read(&mut self) -> io::Result<Option<Recorded>> {
        let Some(head) = self.wire.head()? else {
            return Ok(None);
        };
        if head.field("expect").is_some() {
            self.wire
                .stream
                .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let body = self.wire.whole_body(Framing::of_request(&head)?)?;
        let mut words = head.start.split(' ').map(str::to_owned);
        let (method, path) = (
            words.next().unwrap_or_default(),
            words.next().unwrap_or_default(),
        );
        let (connection, at) = (self.number, now());
        Ok(Some(Recorded {
            method,
            path,
            fields: head.fields,
            body,
            connection,
            at,
        }))
    }

    fn play(&mut self, reply: &Reply) -> Result<(), Over> {
        for step in reply.script() {
            self.rest(&Gate::new(), Some(Duration::ZERO))?;
            match step {
                Step::Send(bytes) => {
                    self.wire
                        .stream
                        .write_all(&bytes)
                        .map_err(|_gone| Over::GivenUp)?;
                },
                Step::Pause(how_long) => self.rest(&Gate::new(), Some(how_long))?,
                Step::Wait(gate) => self.rest(&gate, None)?,
                Step::Fin => return Err(Over::Ended),
                Step::Reset => {
                    self.shared
                        .change(|state| state.sockets.remove(&self.number));
                    let socket = socket2::SockRef::from(&self.wire.stream);
                    socket.set_linger(Some(Duration::ZERO)).unwrap();
                    // Unlinking the last descriptor sends the reset: swap in a dead one.
                    self.wire = Wire::new(dead_socket());
                    return Err(Over::Ended);
                },
            }
        }
        Ok(())
    }

    /// Silence until the gate opens or the time is over, and while frozen.
    fn rest(&self, gate: &Gate, most: Option<Duration>) -> Result<(), Over> {
        let began = now();
        loop {
            let frozen = {
                let state = self.shared.lock();
                if state.life != self.life {
                    return Err(Over::Ended);
                }
                state.frozen
            };
            let over = most.is_some_and(|most| began.elapsed() >= most);
            if !frozen && (over || gate.wait(Duration::ZERO)) {
                return Ok(());
            }
            if matches!(peek(&self.wire.stream), Peek::Gone) {
                return Err(Over::GivenUp);
            }
            let left = most.map_or(TICK, |most| most.saturating_sub(began.elapsed()).min(TICK));
            if frozen {
                pause();
            } else {
                gate.wait(left);
            }
        }
    }
}

impl super::State {
    /// Records a request and chooses its answer.
    fn take(&mut self, request: Recorded) -> Reply {
        if request.method == "GET" {
            let reply = self
                .probe
                .clone()
                .unwrap_or_else(|| probe_answer(&request.path));
            self.probes.push(request);
            return reply;
        }
        self.counts.in_flight += 1;
        self.counts.most_in_flight = self.counts.most_in_flight.max(self.counts.in_flight);
        let reply = match self.queue.pop_front() {
            Some(reply) => reply,
            None => self.otherwise.as_ref().map(|make| make(&request)).unwrap(),
        };
        self.requests.push(request);
        reply
    }
}

/// What every kind of server says to a health probe.
fn probe_answer(path: &str) -> Reply {
    let models = json!({"object": "list", "data": [{"id": "mock-model", "object": "model"}]});
    let body = match path {
        "/" => return Reply::body(200, "text/plain", "Ollama is running"),
        "/health" => json!({"status": "ok"}),
        "/api/version" => json!({"version": "0.33.0"}),
        "/api/tags" | "/api/ps" => json!({"models": []}),
        "/v1/models" | "/models" => models,
        _ => return Reply::json(404, &json!({"error": "not found"})),
    };
    Reply::json(200, &body)
}

enum Peek {
    Byte,
    Silence,
    Gone,
}

fn peek(stream: &TcpStream) -> Peek {
    let mut byte = [0];
    stream.set_nonblocking(true).unwrap();
    let peeked = stream.peek(&mut byte);
    stream.set_nonblocking(false).unwrap();
    match peeked {
        Ok(0) => Peek::Gone,
        Ok(_) => Peek::Byte,
        Err(error) if error.kind() == ErrorKind::WouldBlock => Peek::Silence,
        Err(_) => Peek::Gone,
    }
}

/// A socket that is connected to nothing.
fn dead_socket() -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.into()
}
