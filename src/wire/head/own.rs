//! Members that are the gateway's own: which they are, and what the nested ones say.
//!
//! None of them goes to an upstream. `metadata` is a shared name: on `/v1/messages` it is
//! Anthropic's and stays; elsewhere OpenAI takes it only together with `store: true`, and without
//! that it is a note to the gateway and is cut. Our own names inside a kept one are cut in any case.

use serde_json::{Map, Value};

use super::{Fallback, Fallbacks, value, wrong_type};
use crate::base::{Fault, Surface};
use crate::wire::scan::{self, Kind, Member, Span};

/// Names inside `metadata` that are the gateway's.
const OWN_METADATA: [&str; 4] = ["guardrails", "model_group", "spend_logs_metadata", "tags"];

/// Whether a top-level member is the gateway's own and must not reach an upstream.
pub fn is_own(name: &str) -> bool {
    is_own_bytes(name.as_bytes())
}

/// [`is_own`] for a name that was not looked at as text. As a match it costs one comparison or two,
/// for the length goes first.
pub(super) fn is_own_bytes(name: &[u8]) -> bool {
    matches!(
        name,
        b"additional_drop_params"
            | b"allowed_openai_params"
            | b"api_base"
            | b"api_key"
            | b"api_version"
            | b"base_url"
            | b"cache"
            | b"caching"
            | b"content_policy_fallbacks"
            | b"context_window_fallback_dict"
            | b"context_window_fallbacks"
            | b"cooldown_time"
            | b"custom_llm_provider"
            | b"disable_fallbacks"
            | b"drop_params"
            | b"enable_tag_filtering"
            | b"fallbacks"
            | b"fastest_response"
            | b"guardrail_config"
            | b"guardrails"
            | b"include_fallback_errors"
            | b"max_fallbacks"
            | b"max_retries"
            | b"mock_delay"
            | b"mock_response"
            | b"mock_timeout"
            | b"mock_tool_calls"
            | b"no-log"
            | b"num_retries"
            | b"priority"
            | b"request_timeout"
            | b"retry_policy"
            | b"stream_timeout"
            | b"tags"
            | b"timeout"
            | b"use_in_pass_through"
    ) || name.starts_with(b"litellm_")
        || name.starts_with(b"mock_testing_")
}

/// What is to become of `metadata`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Metadata {
    /// There is none.
    Absent,
    /// It is cut.
    Cut,
    /// It stays, without these of its members.
    Keep {
        object: Span,
        members: Vec<Member>,
        cut: Vec<usize>,
    },
}

impl Metadata {
    /// The metadata with our names in it marked; whether it stays is decided later.
    pub(super) fn of(body: &[u8], member: &Member) -> Self {
        if member.kind(body) != Kind::Object {
            return Self::Cut;
        }
        let members: Vec<Member> = scan::members_at(body, member.value).flatten().collect();
        let cut = members
            .iter()
            .enumerate()
            .filter(|(_, member)| is_own_metadata(&member.name(body)))
            .map(|(i, _)| i)
            .collect();
        Self::Keep {
            object: member.value,
            members,
            cut,
        }
    }

    pub(super) fn decide(&mut self, surface: Surface, store: bool) {
        let theirs = matches!(surface, Surface::Messages | Surface::CountTokens);
        let emptied = matches!(self, Self::Keep { members, cut, .. } if members.len() == cut.len());
        if *self != Self::Absent && (!(store || theirs) || emptied) {
            *self = Self::Cut;
        }
    }
}

fn is_own_metadata(name: &str) -> bool {
    OWN_METADATA.binary_search(&name).is_ok() || name.starts_with("litellm_")
}

/// What `metadata` and `litellm_metadata` may say.
#[derive(Debug, Default)]
pub(super) struct Tagged {
    pub(super) tags: Vec<String>,
    pub(super) user: Option<String>,
    pub(super) user_id: Option<String>,
}

impl Tagged {
    pub(super) fn read(body: &[u8], name: &str, member: &Member) -> Result<Self, Fault> {
        let mut found = Self::default();
        match member.kind(body) {
            Kind::Null => return Ok(found),
            Kind::Object => {},
            kind => return Err(wrong_type(name, "an object", kind)),
        }
        for inner in scan::members_at(body, member.value).flatten() {
            if inner.is(body, "tags") {
                found.tags = value::strings(body, &format!("{name}.tags"), &inner)?;
            } else if inner.is(body, "user") {
                found.user = value::loose(body, &inner);
            } else if inner.is(body, "user_id") {
                found.user_id = value::loose(body, &inner);
            }
        }
        Ok(found)
    }
}

/// A request's own fallbacks in any accepted spelling.
pub(super) fn fallbacks(
    body: &[u8],
    name: &str,
    member: &Member,
) -> Result<Option<Fallbacks>, Fault> {
    let list = match member.kind(body) {
        Kind::Null => return Ok(None),
        Kind::Array => serde_json::from_slice::<Vec<Value>>(member.value.of(body)),
        // One name, or one map, without the list around it.
        Kind::String | Kind::Object => {
            serde_json::from_slice::<Value>(member.value.of(body)).map(|value| vec![value])
        },
        kind => return Err(wrong_type(name, "an array", kind)),
    };
    let list = list.map_err(|error| {
        Fault::invalid(format!("Invalid value for '{name}': {error}")).param(name)
    })?;
    let by_group = list.iter().any(is_group_map);
    if by_group {
        let groups: Result<Vec<_>, _> = list.into_iter().map(|item| group(name, item)).collect();
        return groups.map(|groups| Some(Fallbacks::ByGroup(groups.concat())));
    }
    let chain: Result<Vec<_>, _> = list.into_iter().map(|item| target(name, item)).collect();
    chain.map(|chain| Some(Fallbacks::Chain(chain)))
}

/// `{"group": ["a", "b"]}` and not `{"model": "a", …}`.
fn is_group_map(item: &Value) -> bool {
    item.as_object()
        .is_some_and(|map| !map.get("model").is_some_and(Value::is_string))
}

fn group(name: &str, item: Value) -> Result<Vec<(String, Vec<String>)>, Fault> {
    let Value::Object(map) = item else {
        return Err(malformed(name));
    };
    map.into_iter()
        .map(|(group, targets)| {
            let targets = match targets {
                Value::String(one) => vec![one],
                Value::Array(list) => list
                    .into_iter()
                    .map(|target| match target {
                        Value::String(target) => Ok(target),
                        _ => Err(malformed(name)),
                    })
                    .collect::<Result<_, _>>()?,
                _ => return Err(malformed(name)),
            };
            Ok((group, targets))
        })
        .collect()
}

fn target(name: &str, item: Value) -> Result<Fallback, Fault> {
    match item {
        Value::String(model) => Ok(Fallback::Name(model)),
        Value::Object(mut map) => match map.shift_remove("model") {
            Some(Value::String(model)) => Ok(with(model, map)),
            _ => Err(malformed(name)),
        },
        _ => Err(malformed(name)),
    }
}

/// A target with overrides; a client's own credentials and addresses are no overrides.
fn with(model: String, set: Map<String, Value>) -> Fallback {
    let set: Map<String, Value> = set
        .into_iter()
        .filter(|(name, _)| !is_own(name) && name != "stream")
        .collect();
    if set.is_empty() {
        Fallback::Name(model)
    } else {
        Fallback::With { model, set }
    }
}

fn malformed(name: &str) -> Fault {
    Fault::invalid(format!(
        "Invalid value for '{name}': expected model names (`[\"a\", \"b\"]`), one-key maps \
         (`[{{\"group\": [\"a\"]}}]`) or maps with a `model` (`[{{\"model\": \"a\"}}]`)."
    ))
    .param(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted() {
        assert!(OWN_METADATA.is_sorted());
        assert!(is_own("tags") && is_own("litellm_anything") && is_own("mock_testing_fallbacks"));
        assert!(!is_own("metadata") && !is_own("user") && !is_own("model"));
    }
}
