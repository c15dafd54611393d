//! The client's headers that go up with a try, by what the backend makes of them.
//!
//! The request's reader asks [`is_forwarded`] which to keep; the builder of a try decides for its
//! backend. Credentials never get here: each backend has its own.

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use serde_json::{Map, Value};

use crate::config::Dialect;
use crate::provider::{Asked, Backend};
use crate::wire::head::Head;

/// What version `2026-10-21` of Anthropic's API took away: asked with it, they are refused.
const SAMPLING: [&str; 3] = ["temperature", "top_p", "top_k"];

/// Whether a client's header may go to an upstream at all; which ones a backend gets, its dialect
/// decides. `all` is `forward_client_headers_to_llm_api`: then everything that begins with `x-`, save
/// what is said to us, to a proxy on the way, or by an SDK of itself.
pub fn is_forwarded(name: &HeaderName, all: bool) -> bool {
    let name = name.as_str();
    match name {
        "anthropic-beta" | "anthropic-version" | "openai-beta" | "traceparent" | "tracestate" => {
            true
        },
        _ => {
            let not = [
                "x-api-key",
                "x-litellm-",
                "x-stainless-",
                "x-forwarded-",
                "x-real-ip",
            ];
            all && name.starts_with("x-") && !not.iter().any(|not| name.starts_with(not))
        },
    }
}

/// Whether our own config puts in what the client's version of Anthropic's API may not know any more.
pub(super) fn adds_sampling(
    head: &Head,
    bytes: &[u8],
    defaults: &Map<String, Value>,
    set: Option<&Map<String, Value>>,
) -> bool {
    SAMPLING.iter().any(|name| {
        let overridden = set.is_some_and(|set| set.contains_key(*name));
        overridden || (defaults.contains_key(*name) && !head.has(bytes, name))
    })
}

/// Adds the client's headers that mean something to this backend. The config's own stand; its betas
/// and the client's are both asked for. `as_versioned`: the client's version of the API holds, since
/// its own bytes go up and those of the answer come down.
pub(super) fn forward(
    asked: &Asked,
    backend: &Backend,
    as_versioned: bool,
    headers: &mut HeaderMap,
) {
    let is_anthropic = backend.dialect == Dialect::Anthropic;
    for (name, value) in &asked.forward {
        match name.as_str() {
            "anthropic-version" => {
                if is_anthropic && as_versioned && !backend.pins_version {
                    headers.insert(name.clone(), value.clone());
                }
            },
            "anthropic-beta" => {
                if is_anthropic {
                    let joined = joined(headers.get(name), value);
                    headers.insert(name.clone(), joined);
                }
            },
            "openai-beta" if backend.dialect != Dialect::OpenAi => {},
            _ if headers.contains_key(name) => {},
            _ => {
                headers.insert(name.clone(), value.clone());
            },
        }
    }
}

/// Two lists as one.
fn joined(ours: Option<&HeaderValue>, theirs: &HeaderValue) -> HeaderValue {
    let Some(ours) = ours else {
        return theirs.clone();
    };
    let both = [ours.as_bytes(), b",", theirs.as_bytes()].concat();
    HeaderValue::from_bytes(&both).unwrap_or_else(|_e| theirs.clone())
}
