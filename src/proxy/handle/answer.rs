//! The answer's head: LiteLLM's headers, and the body for what a try brought.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Response};

use crate::provider::{Asked, Plain};
use crate::proxy::attempt::Served;
use crate::proxy::body::Body;
use crate::proxy::handle::Journey;
use crate::proxy::relay::Relay;
use crate::proxy::respond::Client;
use crate::proxy::settle::Draft;
use crate::wire::WriterOptions;

/// The call's name.
pub(super) const CALL_ID: HeaderName = HeaderName::from_static("x-litellm-call-id");
const MODEL_ID: HeaderName = HeaderName::from_static("x-litellm-model-id");
const MODEL_GROUP: HeaderName = HeaderName::from_static("x-litellm-model-group");
const RETRIES: HeaderName = HeaderName::from_static("x-litellm-attempted-retries");
const FALLBACKS: HeaderName = HeaderName::from_static("x-litellm-attempted-fallbacks");
const COST: HeaderName = HeaderName::from_static("x-litellm-response-cost");
const OVERHEAD: HeaderName = HeaderName::from_static("x-litellm-overhead-duration-ms");
const NO_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Room for all headers of an answer.
const HEADERS: usize = 12;
/// Largest answer whose cost is told in a header.
const COST_UP_TO: usize = 1 << 20;

impl Journey<'_> {
    /// The answer for what a try brought.
    pub(super) fn answer(&self, served: Served, draft: Draft) -> Response<Body> {
        let mut response = Response::new(Body::full(Bytes::new()));
        *response.headers_mut() = HeaderMap::with_capacity(HEADERS);
        note_backend(response.headers_mut(), &draft);
        note_tries(response.headers_mut(), &draft);
        match served {
            Served::Plain(plain) => finish_plain(&mut response, plain, draft),
            Served::Stream(started) => {
                let headers = response.headers_mut();
                let kind = HeaderValue::from_static("text/event-stream; charset=utf-8");
                headers.insert(CONTENT_TYPE, kind);
                headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
                // nginx in front of us must not gather events.
                headers.insert(NO_BUFFERING, HeaderValue::from_static("no"));
                let idle = self.idle;
                let (surface, client) = (self.asked.surface, self.client);
                let relay = Relay::events(started, draft, surface, client, idle);
                *response.body_mut() = Body::relay(relay);
            },
            Served::Raw { content_type, body } => {
                if let Some(kind) = content_type {
                    response.headers_mut().insert(CONTENT_TYPE, kind);
                }
                let idle = self.idle;
                *response.body_mut() = Body::relay(Relay::raw(body, draft, idle));
            },
        }
        response
    }
}

fn finish_plain(response: &mut Response<Body>, plain: Plain, mut draft: Draft) {
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if plain.body.len() <= COST_UP_TO
        && let Some(cost) = draft.cost()
    {
        insert(headers, COST, &cost.to_string());
    }
    draft.sent(plain.body.len());
    draft.served(200);
    *response.body_mut() = Body::full(plain.body);
}

/// Which deployment serves, for which group, and what the gateway itself cost in time.
fn note_backend(headers: &mut HeaderMap, draft: &Draft) {
    let backend = draft.deployment().and_then(|idx| draft.setup.backend(idx));
    if let Some(id) = backend.and_then(|backend| backend.model_id.as_ref()) {
        headers.insert(MODEL_ID, id.clone());
    }
    if let Some(group) = draft.serving_group() {
        insert(headers, MODEL_GROUP, group);
    }
    let us = draft.overhead().as_micros();
    insert(
        headers,
        OVERHEAD,
        &format!("{}.{:03}", us / 1_000, us % 1_000),
    );
}

/// How many tries it took.
pub(super) fn note_tries(headers: &mut HeaderMap, draft: &Draft) {
    headers.insert(RETRIES, count(draft.retries));
    headers.insert(FALLBACKS, count(draft.fallbacks));
}

/// A number as a header; most are 0, which costs nothing.
fn count(number: u32) -> HeaderValue {
    if number == 0 {
        return HeaderValue::from_static("0");
    }
    HeaderValue::from(number)
}

/// The call's name, also where the SDKs of the client's dialect look for it (`_request_id`).
pub(super) fn note_call(headers: &mut HeaderMap, client: Client, call_id: &str) {
    insert(headers, CALL_ID, call_id);
    let theirs = match client {
        Client::OpenAi => "x-request-id",
        Client::Anthropic => "request-id",
    };
    insert(headers, HeaderName::from_static(theirs), call_id);
}

/// Sets a header, unless its value cannot stand in one (a group may be named in any script).
fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// How answers are written for the client.
pub(super) fn writer_options(asked: &Asked, draft: &Draft) -> WriterOptions {
    let head = asked.head();
    let always = draft.setup.config.general.always_include_stream_usage;
    WriterOptions {
        model: draft.client_model().to_string(),
        id: ["chatcmpl-", draft.call_id.as_str()].concat(),
        created: draft.shared.clock.wall().as_secs(),
        include_usage: always || head.is_some_and(|head| head.include_usage),
    }
}
