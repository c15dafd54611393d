//! What an event or a whole answer says, read by spans: model, content, finish, usage, error.
//!
//! Exact and without memory, but a walk over everything; the relay asks only when it must.

use serde_json::Value;

use super::{error, finish, usage};
use crate::wire::scan::{Kind, Member, ScanError, Span, elements_at, kind, members, members_at};
use crate::wire::{Finish, Observed, UpstreamError};

/// What was found in one JSON document.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) observed: Observed,
    /// Where the model's name stands, quotes included.
    pub(super) model: Option<Member>,
    /// There are no choices, but usage.
    pub(super) usage_only: bool,
}

/// Looks at one event's data, or at one answer's body.
pub(super) fn document(data: &[u8]) -> Result<Seen, ScanError> {
    let mut seen = Seen::default();
    let mut choices = None;
    let mut failed = false;
    let mut walk = members(data);
    for member in walk.by_ref() {
        let member = member?;
        match member.key.of(data) {
            b"model" if member.kind(data) == Kind::String => seen.model = Some(member),
            b"choices" => choices = Some(self::choices(data, member.value, &mut seen.observed)),
            b"usage" => seen.observed.usage = usage::parse(member.value.of(data)),
            b"error" => failed |= filled(data, member.value),
            b"object" => failed |= member.value.of(data) == b"\"error\"",
            // Embeddings.
            b"data" => seen.observed.content |= filled(data, member.value),
            _ => {},
        }
    }
    walk.finish()?;
    if failed {
        seen.observed.error = Some(read_error(data));
    }
    seen.usage_only = choices == Some(0) && seen.observed.usage.is_some();
    Ok(seen)
}

/// The error an event or answer is.
pub(super) fn read_error(data: &[u8]) -> UpstreamError {
    match serde_json::from_slice::<Value>(data) {
        Ok(value) => error::of_value(&value, 0),
        Err(_) => error::parse_error(200, data),
    }
}

/// Looks at every choice; how many there are.
fn choices(data: &[u8], span: Span, observed: &mut Observed) -> usize {
    let mut count = 0;
    for choice in elements_at(data, span) {
        count += 1;
        for member in members_at(data, choice).flatten() {
            match member.key.of(data) {
                b"delta" | b"message" => observed.content |= says(data, member.value),
                b"text" => observed.content |= filled(data, member.value),
                b"finish_reason" => {
                    let word = member.str(data).filter(|word| !word.is_empty());
                    let reason = word.map(|word| finish::parse(&word));
                    if observed.finish != Some(Finish::Abort) {
                        observed.finish = reason.or_else(|| observed.finish.take());
                    }
                },
                _ => {},
            }
        }
    }
    count
}

/// Whether a delta or message holds anything for the client.
fn says(data: &[u8], span: Span) -> bool {
    kind(data, span) == Kind::Object
        && members_at(data, span).flatten().any(|member| {
            matches!(
                member.key.of(data),
                b"content"
                    | b"reasoning_content"
                    | b"reasoning"
                    | b"tool_calls"
                    | b"function_call"
                    | b"refusal"
                    | b"audio"
                    | b"images"
                    | b"thinking_blocks"
            ) && filled(data, member.value)
        })
}

/// Whether a value is there and not empty.
fn filled(data: &[u8], span: Span) -> bool {
    match kind(data, span) {
        Kind::String => span.len() > 2,
        Kind::Array => elements_at(data, span).next().is_some(),
        Kind::Object => members_at(data, span).flatten().next().is_some(),
        Kind::Null | Kind::Bool | Kind::Number => false,
    }
}
