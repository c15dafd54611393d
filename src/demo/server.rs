//! One simulated server: its socket, its connections, and its being stopped and started.
//!
//! Stopped, it behaves as a stopped container does: nobody listens on its port, and what was open is
//! closed at once. The port stays reserved meanwhile, so that it comes back at the same address.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::base::Clock;
use crate::demo::play::{self, Body};
use crate::demo::profile::{Kind, Profile};
use crate::demo::reply::{Call, Content, Desk, Reply, Strain};
use crate::demo::{anthropic, ollama, openai, seed, vllm};

/// The largest request it takes, in bytes.
const LARGEST: usize = 64 << 20;
/// Connections that may wait to be accepted.
const BACKLOG: u32 = 256;
/// How long a server that says farewell gets to say it.
const FAREWELL: Duration = Duration::from_millis(300);

/// One simulated server.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) profile: &'static Profile,
    pub(crate) address: SocketAddr,
    seed: u64,
    /// Seconds by which the seed moves its slow spells.
    shift_s: u64,
    clock: Arc<dyn Clock>,
    strain: Mutex<Strain>,
    slots: Arc<Semaphore>,
    asked: AtomicU64,
    in_flight: AtomicU32,
    running: AtomicBool,
    door: tokio::sync::Mutex<Door>,
    tasks: TaskTracker,
    cancel: CancellationToken,
}

/// Whether anybody listens.
#[derive(Debug)]
enum Door {
    Open {
        stop: CancellationToken,
        visitors: TaskTracker,
    },
    /// The socket is bound and does not listen: it keeps the port.
    Shut(Option<TcpSocket>),
}

/// One request being answered; counted until it is dropped.
struct InFlight(Arc<Server>);

impl Server {
    /// Takes a port of its own and starts to serve.
    pub(crate) async fn launch(
        profile: &'static Profile,
        seed: u64,
        clock: Arc<dyn Clock>,
        tasks: &TaskTracker,
        cancel: &CancellationToken,
    ) -> std::io::Result<Arc<Self>> {
        let socket = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let server = Arc::new(Self {
            profile,
            address: socket.local_addr()?,
            seed,
            shift_s: seed::stream(seed, profile.name, u64::MAX).u64(0..15),
            clock,
            strain: Mutex::default(),
            slots: Arc::new(Semaphore::new(profile.slots)),
            asked: AtomicU64::new(0),
            in_flight: AtomicU32::new(0),
            running: AtomicBool::new(false),
            door: tokio::sync::Mutex::new(Door::Shut(Some(socket))),
            tasks: tasks.clone(),
            cancel: cancel.clone(),
        });
        server.start().await?;
        Ok(server)
    }

    /// Whether it serves.
    pub(crate) fn running(&self) -> bool {
        self.running.load(Ordering::SeqCst)
    }

    /// Requests it is answering now.
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::SeqCst)
    }

    /// Requests it has been asked since the launch; probes do not count.
    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }

    /// Listens again, at the same address. Does nothing where it already does.
    pub(crate) async fn start(self: &Arc<Self>) -> std::io::Result<bool> {
        let mut door = self.door.lock().await;
        let Door::Shut(kept) = &mut *door else {
            return Ok(false);
        };
        let socket = match kept.take() {
            Some(socket) => socket,
            None => bind(self.address)?,
        };
        let listener = socket.listen(BACKLOG)?;
        let (stop, visitors) = (self.cancel.child_token(), TaskTracker::new());
        let accepting = Arc::clone(self).accept(listener, stop.clone(), visitors.clone());
        self.tasks.spawn(visitors.track_future(accepting));
        *door = Door::Open { stop, visitors };
        self.running.store(true, Ordering::SeqCst);
        drop(door);
        Ok(true)
    }

    /// Stops listening and closes what is open. When this returns, connections are refused.
    pub(crate) async fn stop(&self) -> bool {
        let mut door = self.door.lock().await;
        let Door::Open { stop, visitors } = &*door else {
            return false;
        };
        self.running.store(false, Ordering::SeqCst);
        stop.cancel();
        visitors.close();
        visitors.wait().await;
        self.strain().memory.clear();
        *door = Door::Shut(bind(self.address).ok());
        drop(door);
        true
    }

    async fn accept(
        self: Arc<Self>,
        listener: TcpListener,
        stop: CancellationToken,
        visitors: TaskTracker,
    ) {
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            if let Ok((stream, _)) = accepted {
                let visit = Arc::clone(&self).visit(stream, stop.clone());
                self.tasks.spawn(visitors.track_future(visit));
            } else {
                // Out of descriptors: wait for some to come back.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// Serves one connection until it ends or the server is stopped.
    async fn visit(self: Arc<Self>, stream: TcpStream, stop: CancellationToken) {
        // Without it tokens would wait for each other's acknowledgement; not having it is no failure.
        drop(stream.set_nodelay(true));
        let service = service_fn(|request| {
            let (server, stop) = (Arc::clone(&self), stop.clone());
            async move { Ok::<_, Infallible>(server.respond(request, stop).await) }
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            biased;
            () = stop.cancelled() => {},
            // However it ended, it is over.
            _ = connection.as_mut() => return,
        }
        if self.profile.kind == Kind::Vllm {
            connection.as_mut().graceful_shutdown();
            drop(tokio::time::timeout(FAREWELL, connection).await);
        }
    }

    async fn respond(
        self: Arc<Self>,
        request: Request<Incoming>,
        stop: CancellationToken,
    ) -> Response<Body> {
        let in_flight = InFlight::enter(&self);
        let (head, body) = request.into_parts();
        let Ok(body) = Limited::new(body, LARGEST).collect().await else {
            return respond_with(
                &Reply::whole(413, "text/plain", ""),
                play::whole("Request Entity Too Large"),
            );
        };
        let call = Call {
            method: head.method,
            path: head.uri.path().to_owned(),
            headers: head.headers,
            body: body.to_bytes(),
        };
        let mut reply = self.consider(&call);
        let slot = if reply.computes {
            Arc::clone(&self.slots).acquire_owned().await.ok()
        } else {
            None
        };
        tokio::time::sleep(reply.after).await;
        let content = std::mem::replace(&mut reply.content, Content::Whole(bytes::Bytes::new()));
        let body = match content {
            Content::Whole(bytes) => play::whole(bytes),
            Content::Stream(mut score) => {
                if let Some(first) = score.frames.front_mut() {
                    tokio::time::sleep(std::mem::take(&mut first.wait)).await;
                }
                play::play(score, stop, (in_flight, slot))
            },
        };
        respond_with(&reply, body)
    }

    /// Decides what to say; how it is said, and when, is the caller's.
    fn consider(&self, call: &Call) -> Reply {
        // Probes draw nothing, so that how often they come changes no answer.
        let nth = if call.method == Method::POST {
            self.asked.fetch_add(1, Ordering::SeqCst)
        } else {
            0
        };
        let (now, mut strain) = (self.clock.mono(), self.strain());
        let slower = self
            .profile
            .weather
            .map_or(1, |weather| weather.slower(now, self.shift_s));
        let mut desk = Desk {
            profile: self.profile,
            strain: &mut strain,
            now,
            wall: self.clock.wall(),
            slower,
            rng: seed::stream(self.seed, self.profile.name, nth),
        };
        match self.profile.kind {
            Kind::Ollama => ollama::answer(call, &mut desk),
            Kind::Vllm => vllm::answer(call, &mut desk),
            Kind::OpenAi => openai::answer(call, &mut desk),
            Kind::Anthropic => anthropic::answer(call, &mut desk),
        }
    }

    fn strain(&self) -> std::sync::MutexGuard<'_, Strain> {
        self.strain.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InFlight {
    fn enter(server: &Arc<Server>) -> Self {
        server.in_flight.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(server))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A socket that holds the address and does not listen yet.
fn bind(address: SocketAddr) -> std::io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Connections of the run before may still linger on the port.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

fn respond_with(reply: &Reply, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if !reply.kind.is_empty() {
        headers.insert(
            http::header::CONTENT_TYPE,
            HeaderValue::from_static(reply.kind),
        );
    }
    for (name, value) in &reply.headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(*name, value);
        }
    }
    response
}
