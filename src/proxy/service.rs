//! Which route a request takes. The inference routes are matched here, by hand; everything else goes
//! to axum. A panic in one request is an answer with status 500 and ends nothing else.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use http::header::{ALLOW, HeaderValue, ORIGIN, USER_AGENT};
use http::{HeaderMap, Method, Response, request};

use crate::base::{Fault, FaultKind, Surface};
use crate::proxy::admit;
use crate::proxy::body::Body;
use crate::proxy::connection::{Activity, Alarm, Seconds, Serving};
use crate::proxy::date::HttpDate;
use crate::proxy::handle::{self, Route};
use crate::proxy::http1::ClientBody;
use crate::proxy::manage;
use crate::proxy::respond::{Client, respond};
use crate::proxy::settle::Peer;
use crate::proxy::{Shared, Worker};

/// Longest part of a user agent that is kept, in bytes.
const AGENT_BYTES: usize = 200;

/// The inference routes below `/v1`, longest first: the end of one may be another.
const ROUTES: [(&str, Surface, &str); 14] = [
    (
        "/audio/transcriptions",
        Surface::Transcription,
        "/audio/transcriptions",
    ),
    (
        "/messages/count_tokens",
        Surface::CountTokens,
        "/messages/count_tokens",
    ),
    (
        "/images/generations",
        Surface::Images,
        "/images/generations",
    ),
    (
        "/audio/translations",
        Surface::Transcription,
        "/audio/translations",
    ),
    ("/images/variations", Surface::Images, "/images/variations"),
    ("/chat/completions", Surface::Chat, "/chat/completions"),
    ("/audio/speech", Surface::Speech, "/audio/speech"),
    ("/images/edits", Surface::Images, "/images/edits"),
    ("/completions", Surface::Completions, "/completions"),
    ("/moderations", Surface::Moderations, "/moderations"),
    ("/embeddings", Surface::Embeddings, "/embeddings"),
    ("/v2/rerank", Surface::Rerank, "/rerank"),
    ("/messages", Surface::Messages, "/messages"),
    ("/rerank", Surface::Rerank, "/rerank"),
];

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

    /// What all workers share.
    pub fn shared(&self) -> &Shared {
        &self.worker.shared
    }

    /// A request begins; it lasts until what is given is dropped.
    pub fn begin(&self) -> Serving {
        self.activity.serve(&self.seconds)
    }

    /// The present second, as the `Date` header has it.
    pub fn date(&self) -> HttpDate {
        self.worker.date()
    }

    /// Serves one request.
    pub async fn call(&self, head: request::Parts, body: &ClientBody) -> Response<Body> {
        let (uri, origin) = (head.uri.clone(), self.cors(&head.headers));
        let served = AssertUnwindSafe(self.route(head, body))
            .catch_unwind()
            .await;
        let mut response = served.unwrap_or_else(|_panic| {
            let fault = Fault::new(FaultKind::Internal, "internal error; see the log");
            respond(way(uri.path()).client(), &fault)
        });
        if let Some(origin) = origin {
            admit::allow(response.headers_mut(), origin);
        }
        response
    }

    async fn route(&self, head: request::Parts, body: &ClientBody) -> Response<Body> {
        let setup = self.worker.shared.setup.load();
        let way = way(head.uri.path());
        let client = way.client();
        if let Some(answer) = admit::preflight(&setup, &head) {
            return answer;
        }
        let key = match admit::admit(&setup, &head) {
            Ok(key) => key,
            Err(fault) => {
                self.worker.shared.refused.fetch_add(1, Ordering::Relaxed);
                return respond(client, &fault);
            },
        };
        drop(setup);
        match way {
            Way::Inference { .. } if head.method != Method::POST => {
                let fault = Fault::new(FaultKind::NoMethod, "use POST on this route");
                let mut refusal = respond(client, &fault);
                let only = HeaderValue::from_static("POST");
                refusal.headers_mut().insert(ALLOW, only);
                refusal
            },
            Way::Inference { .. } if self.worker.shared.draining.load(Ordering::Relaxed) => {
                respond(
                    client,
                    &Fault::new(FaultKind::Draining, "the gateway is shutting down"),
                )
            },
            Way::Inference {
                surface,
                subpath,
                model,
            } => {
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
            Way::Manage => manage::serve(&self.worker, head).await,
        }
    }

    /// The browser page that may read the answer, whatever the answer is.
    fn cors(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        if !headers.contains_key(ORIGIN) {
            return None;
        }
        admit::cors(&self.worker.shared.setup.load(), headers)
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

impl Way<'_> {
    /// The dialect of who asks for it.
    const fn client(&self) -> Client {
        match self {
            Self::Inference { surface, .. } => handle::dialect(*surface),
            Self::Manage => Client::OpenAi,
        }
    }
}

/// The route for a path, with or without `/v1`, and in the forms that name the model. A model's name may
/// hold slashes, and may be the same as a part of the route: its end is where the route begins.
fn way(path: &str) -> Way<'_> {
    let path = path
        .strip_prefix("/v1")
        .filter(|rest| rest.starts_with('/'))
        .unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    let named = path
        .strip_prefix("/engines/")
        .or_else(|| path.strip_prefix("/openai/deployments/"));
    let found = ROUTES.iter().find_map(|(route, surface, subpath)| {
        let model = match named {
            Some(rest) => Some(rest.strip_suffix(route).filter(|model| !model.is_empty())?),
            None if path == *route => None,
            None => return None,
        };
        Some((*surface, *subpath, model))
    });
    match found {
        Some((surface, subpath, model)) => Way::Inference {
            surface,
            subpath,
            model,
        },
        None => Way::Manage,
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
        for (path, expected) in [
            (
                "/engines/meta/llama-3/chat/completions",
                (Surface::Chat, "meta/llama-3"),
            ),
            (
                "/v1/engines/chat/completions",
                (Surface::Completions, "chat"),
            ),
            (
                "/engines/completions/completions",
                (Surface::Completions, "completions"),
            ),
            (
                "/openai/deployments/ada/embeddings/",
                (Surface::Embeddings, "ada"),
            ),
            (
                "/openai/deployments/e/chat/completions",
                (Surface::Chat, "e"),
            ),
        ] {
            let (kind, model) = expected;
            assert_eq!(surface(path), Some((kind, Some(model))), "{path}");
        }
        assert_eq!(decoded("my%20model"), "my model");
        assert_eq!(decoded("100%"), "100%");
        for other in [
            "/v1/models",
            "/health",
            "/",
            "/v1chat/completions",
            "/engines/completions",
            "/openai/deployments/x/nothing",
            "/metrics",
        ] {
            assert_eq!(surface(other), None, "{other}");
        }
    }
}
