//! Which route a request takes. The inference routes are matched here, by hand; everything else goes
//! to axum. A panic in one request is an answer with status 500 and ends nothing else.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use http::header::{HeaderValue, USER_AGENT};
use http::{HeaderMap, Method, Request, Response};
use hyper::body::Incoming;

use crate::base::{Fault, FaultKind, Surface};
use crate::proxy::Worker;
use crate::proxy::admit;
use crate::proxy::body::Body;
use crate::proxy::connection::{Activity, Alarm, Seconds};
use crate::proxy::handle::{self, Route};
use crate::proxy::manage;
use crate::proxy::respond::{Client, respond};
use crate::proxy::settle::Peer;

/// Longest part of a user agent that is kept, in bytes.
const AGENT_BYTES: usize = 200;

/// The service of one client connection.
#[derive(Debug)]
pub struct Service {
    worker: Arc<Worker>,
    addr: Arc<str>,
    activity: Arc<Activity>,
    seconds: Seconds,
    /// The user agent last seen: on one connection it is nearly always the same.
    agent: Mutex<(HeaderValue, Arc<str>)>,
    /// Requests of one connection come one after the other; each takes it along.
    alarm: Mutex<Alarm>,
}

/// A route of ours.
#[derive(Debug, PartialEq, Eq)]
enum Way<'p> {
    Inference {
        surface: Surface,
        subpath: &'static str,
        model: Option<&'p str>,
    },
    Manage,
}

impl Service {
    /// The service for a connection.
    pub fn new(
        worker: Arc<Worker>,
        peer: SocketAddr,
        activity: Arc<Activity>,
        seconds: Seconds,
    ) -> Self {
        let addr: Arc<str> = peer.ip().to_canonical().to_string().into();
        let agent = Mutex::new((HeaderValue::from_static(""), Arc::from("")));
        Self {
            worker,
            addr,
            activity,
            seconds,
            agent,
            alarm: Mutex::default(),
        }
    }

    /// Serves one request.
    #[expect(
        clippy::large_futures,
        reason = "it lives in its connection's task; a box would be one more allocation a request"
    )]
    pub async fn call(&self, request: Request<Incoming>) -> Result<Response<Body>, hyper::Error> {
        let serving = self.activity.serve(&self.seconds);
        let served = AssertUnwindSafe(self.route(request)).catch_unwind().await;
        let response = served.unwrap_or_else(|_panic| {
            let fault = Fault::new(FaultKind::Internal, "internal error; see the log");
            respond(Client::OpenAi, &fault)
        });
        Ok(response.map(|body| body.busy(serving)))
    }

    async fn route(&self, request: Request<Incoming>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let setup = self.worker.shared.setup.load();
        let way = way(head.uri.path());
        let client = match way {
            Way::Inference { surface, .. } => handle::dialect(surface),
            Way::Manage => Client::OpenAi,
        };
        if let Some(answer) = admit::preflight(&setup, &head) {
            return answer;
        }
        let cors = admit::cors(&setup, &head.headers);
        let admitted = admit::admit(&setup, &head);
        drop(setup);
        let mut response = match (admitted, way) {
            (Err(fault), _) => {
                self.worker.shared.refused.fetch_add(1, Ordering::Relaxed);
                respond(client, &fault)
            },
            (Ok(_), Way::Inference { .. }) if head.method != Method::POST => respond(
                client,
                &Fault::new(FaultKind::NoMethod, "use POST on this route"),
            ),
            (Ok(_), Way::Inference { .. })
                if self.worker.shared.draining.load(Ordering::Relaxed) =>
            {
                respond(
                    client,
                    &Fault::new(FaultKind::Draining, "the gateway is shutting down"),
                )
            },
            (
                Ok(key),
                Way::Inference {
                    surface,
                    subpath,
                    model,
                },
            ) => {
                let route = Route {
                    surface,
                    subpath,
                    model: model.map(decoded),
                };
                let agent = self.agent(&head.headers);
                let peer = Peer {
                    addr: Arc::clone(&self.addr),
                    agent,
                    key,
                };
                let mut alarm = std::mem::take(&mut *self.alarm());
                let served =
                    handle::handle(&self.worker, route, head, body, peer, &mut alarm).await;
                *self.alarm() = alarm;
                served
            },
            (Ok(_), Way::Manage) => {
                manage::serve(&self.worker, Request::from_parts(head, body)).await
            },
        };
        // A page that may call may also read why it was refused.
        if let Some(origin) = cors {
            admit::allow(response.headers_mut(), origin);
        }
        response
    }

    fn alarm(&self) -> MutexGuard<'_, Alarm> {
        self.alarm.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn agent(&self, headers: &HeaderMap) -> Arc<str> {
        let Some(value) = headers.get(USER_AGENT) else {
            return Arc::from("");
        };
        let mut known = self.agent.lock().unwrap_or_else(PoisonError::into_inner);
        if known.0 != *value {
            let text = String::from_utf8_lossy(value.as_bytes());
            let cut = text.floor_char_boundary(AGENT_BYTES);
            known.1 = Arc::from(text.get(..cut).unwrap_or_default());
            known.0 = value.clone();
        }
        Arc::clone(&known.1)
    }
}

/// The route for a path, with or without `/v1`, and in the forms that name the model.
fn way(path: &str) -> Way<'_> {
    let path = path
        .strip_prefix("/v1")
        .filter(|rest| rest.starts_with('/'))
        .unwrap_or(path);
    let (model, path) = match path
        .strip_prefix("/engines/")
        .or_else(|| path.strip_prefix("/openai/deployments/"))
        .and_then(|rest| rest.split_once('/'))
    {
        Some((model, _rest)) => {
            let tail = path.split_at_checked(path.find(model).unwrap_or(0) + model.len());
            (Some(model), tail.map_or(path, |(_, tail)| tail))
        },
        None => (None, path),
    };
    let (surface, subpath) = match path.strip_suffix('/').unwrap_or(path) {
        "/chat/completions" => (Surface::Chat, "/chat/completions"),
        "/completions" => (Surface::Completions, "/completions"),
        "/embeddings" => (Surface::Embeddings, "/embeddings"),
        "/messages" => (Surface::Messages, "/messages"),
        "/messages/count_tokens" => (Surface::CountTokens, "/messages/count_tokens"),
        "/rerank" | "/v2/rerank" => (Surface::Rerank, "/rerank"),
        "/audio/transcriptions" => (Surface::Transcription, "/audio/transcriptions"),
        "/audio/translations" => (Surface::Transcription, "/audio/translations"),
        "/audio/speech" => (Surface::Speech, "/audio/speech"),
        "/images/generations" => (Surface::Images, "/images/generations"),
        "/images/edits" => (Surface::Images, "/images/edits"),
        "/images/variations" => (Surface::Images, "/images/variations"),
        "/moderations" => (Surface::Moderations, "/moderations"),
        _ => return Way::Manage,
    };
    Way::Inference {
        surface,
        subpath,
        model,
    }
}

/// A path segment without its percent signs.
fn decoded(segment: &str) -> String {
    let mut out = Vec::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let hex = |byte: Option<u8>| char::from(byte?).to_digit(16);
        match (byte, hex(ahead.next()), hex(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or(b'%'));
                bytes = ahead;
            },
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_found_with_and_without_v1() {
        let surface = |path| match way(path) {
            Way::Inference { surface, model, .. } => Some((surface, model)),
            Way::Manage => None,
        };
        assert_eq!(surface("/v1/chat/completions"), Some((Surface::Chat, None)));
        assert_eq!(surface("/chat/completions/"), Some((Surface::Chat, None)));
        assert_eq!(
            surface("/v1/messages/count_tokens"),
            Some((Surface::CountTokens, None))
        );
        assert_eq!(
            surface("/engines/gpt-4o/completions"),
            Some((Surface::Completions, Some("gpt-4o")))
        );
        let azure = "/openai/deployments/my%20model/chat/completions";
        assert_eq!(surface(azure), Some((Surface::Chat, Some("my%20model"))));
        assert_eq!(decoded("my%20model"), "my model");
        assert_eq!(decoded("100%"), "100%");
        for other in [
            "/v1/models",
            "/health",
            "/",
            "/v1chat/completions",
            "/metrics",
        ] {
            assert_eq!(surface(other), None, "{other}");
        }
    }
}
