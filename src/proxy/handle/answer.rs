//! The answer's head: LiteLLM's headers, and the body for what a try brought.

use http::{HeaderName, Response};

use crate::base::Mono;
use crate::provider::{Asked, Plain};
use crate::proxy::attempt::Served;
use crate::proxy::body::Body;
use crate::proxy::handle::Journey;
use crate::proxy::lines::Lines;
use crate::proxy::relay::Relay;
use crate::proxy::respond::Client;
use crate::proxy::settle::Draft;
use crate::wire::WriterOptions;

/// The call's name.
pub(super) const CALL_ID: HeaderName = HeaderName::from_static("x-litellm-call-id");

/// Largest answer whose cost is told in a header.
const COST_UP_TO: usize = 1 << 20;

impl Journey<'_> {
    /// The answer for what a try brought.
    pub(super) fn answer(&self, served: Served, mut draft: Draft) -> Response<Body> {
        let now = draft.shared.clock.mono();
        let mut lines = Lines::new();
        note_backend(&mut lines, &draft, now);
        note_tries(&mut lines, &draft);
        let (surface, client, idle) = (self.asked.surface, self.client, self.idle);
        let body = match served {
            Served::Plain(plain) => finish_plain(&mut lines, plain, &mut draft, now),
            Served::Stream(started) => {
                lines.put("content-type", "text/event-stream; charset=utf-8");
                lines.put("cache-control", "no-cache");
                // nginx in front of us must not gather events.
                lines.put("x-accel-buffering", "no");
                Body::relay(Relay::events(*started, draft, surface, client, idle))
            },
            Served::Raw { content_type, body } => {
                if let Some(kind) = &content_type {
                    lines.put("content-type", kind);
                }
                Body::relay(Relay::raw(body, draft, idle))
            },
        };
        Response::new(body.under(lines))
    }
}

fn finish_plain(lines: &mut Lines, plain: Plain, draft: &mut Draft, now: Mono) -> Body {
    lines.put("content-type", "application/json");
    if plain.body.len() <= COST_UP_TO
        && let Some(cost) = draft.cost()
    {
        lines.put_number("x-litellm-response-cost", format_args!("{cost}"));
    }
    draft.sent(plain.body.len());
    draft.served(200, now);
    Body::full(plain.body)
}

/// Which deployment serves, for which group, and what the gateway itself cost in time.
fn note_backend(lines: &mut Lines, draft: &Draft, now: Mono) {
    let node = draft
        .deployment()
        .and_then(|idx| draft.setup.fleet.table.deployment(idx));
    if let Some(node) = node {
        lines.put("x-litellm-model-id", &node.config.id);
    }
    if let Some(group) = draft.serving_group() {
        lines.put("x-litellm-model-group", group);
    }
    let us = draft.overhead(now).as_micros();
    lines.put_number(
        "x-litellm-overhead-duration-ms",
        format_args!("{}.{:03}", us / 1_000, us % 1_000),
    );
}

/// How many tries it took.
pub(super) fn note_tries(lines: &mut Lines, draft: &Draft) {
    for (name, count) in [
        ("x-litellm-attempted-retries", draft.retries),
        ("x-litellm-attempted-fallbacks", draft.fallbacks),
    ] {
        lines.put(name, itoa::Buffer::new().format(count));
    }
}

/// The call's name, also where the SDKs of the client's dialect look for it (`_request_id`).
pub(super) fn note_call(lines: &mut Lines, client: Client, call_id: &str) {
    lines.put("x-litellm-call-id", call_id);
    let theirs = match client {
        Client::OpenAi => "x-request-id",
        Client::Anthropic => "request-id",
    };
    lines.put(theirs, call_id);
}

/// How answers are written for the client.
pub(super) fn writer_options(asked: &Asked, draft: &Draft) -> WriterOptions {
    let head = asked.head();
    let always = draft.setup.config.general.always_include_stream_usage;
    WriterOptions {
        model: draft.client_model().to_string(),
        id: ["chatcmpl-", draft.call_id.as_str()].concat(),
        created: draft.wall.as_secs(),
        include_usage: always || head.is_some_and(|head| head.include_usage),
    }
}
