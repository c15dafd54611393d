//! What an event or a whole answer says, read by spans: model, content, finish, usage, error.
//!
//! Exact, without memory, in one pass, but over everything; the relay asks only when it must.

use serde_json::Value;

use super::{error, finish, usage};
use crate::wire::scan::{Bad, Kind, Member, Pass, ScanError, Span, kind, text};
use crate::wire::{Finish, Observed, UpstreamError};

/// What was found in one JSON document.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) observed: Observed,
    /// Where the model's name stands, quotes included.
    pub(super) model: Option<Member>,
    /// There are no choices, but usage.
    pub(super) usage_only: bool,
    /// It says that it is an error.
    failed: bool,
}

/// Looks at one event's data, or at one answer's body.
pub(super) fn document(data: &[u8]) -> Result<Seen, ScanError> {
    let mut pass = Pass::new(data);
    let mut seen = Seen::default();
    read(data, &mut pass, &mut seen).map_err(|bad| pass.error(bad))?;
    pass.end()?;
    if seen.failed {
        seen.observed.error = Some(read_error(data));
    }
    Ok(seen)
}

fn read(data: &[u8], pass: &mut Pass<'_>, seen: &mut Seen) -> Result<(), Bad> {
    let mut choices = None;
    pass.object(|pass, key| {
        match key.span.of(data) {
            b"choices" => {
                let mut count = 0;
                pass.array(|pass| {
                    count += 1;
                    choice(data, pass, &mut seen.observed)
                })?;
                choices = Some(count);
            },
            b"usage" => seen.observed.usage = usage::read(data, pass)?,
            b"model" => {
                let value = pass.skip()?;
                if kind(data, value) == Kind::String {
                    seen.model = Some(Member {
                        key: key.span,
                        escaped: key.escaped,
                        value,
                    });
                }
            },
            b"error" => seen.failed |= filled(data, pass.skip()?),
            b"object" => seen.failed |= pass.skip()?.of(data) == b"\"error\"",
            // Embeddings.
            b"data" => seen.observed.content |= filled(data, pass.skip()?),
            _ => drop(pass.skip()?),
        }
        Ok(())
    })?;
    seen.usage_only = choices == Some(0) && seen.observed.usage.is_some();
    Ok(())
}

/// The error an event or answer is.
pub(super) fn read_error(data: &[u8]) -> UpstreamError {
    match serde_json::from_slice::<Value>(data) {
        Ok(value) => error::of_value(&value, 0),
        Err(_) => error::parse_error(200, data),
    }
}

/// Looks at one choice.
fn choice(data: &[u8], pass: &mut Pass<'_>, observed: &mut Observed) -> Result<(), Bad> {
    if pass.kind() != Kind::Object {
        return pass.skip().map(drop);
    }
    let (mut index, mut ended) = (0, false);
    pass.object(|pass, key| {
        let name = key.span.of(data);
        if matches!(name, b"delta" | b"message") && pass.kind() == Kind::Object {
            return says(data, pass, observed);
        }
        let value = pass.skip()?;
        match name {
            b"text" => observed.content |= filled(data, value),
            b"index" => index = number(data, value),
            b"finish_reason" => {
                let word = text(data, value).filter(|word| !word.is_empty());
                ended |= word.is_some();
                let reason = word.map(|word| finish::parse(&word));
                if observed.finish != Some(Finish::Abort) {
                    observed.finish = reason.or_else(|| observed.finish.take());
                }
            },
            _ => {},
        }
        Ok(())
    })?;
    if ended {
        observed.ended.add(index);
    }
    Ok(())
}

/// A choice's index; the first one's where it is none.
fn number(data: &[u8], span: Span) -> u32 {
    let text = std::str::from_utf8(span.of(data)).unwrap_or_default();
    text.parse().unwrap_or(0)
}

/// Looks whether a delta or message holds anything for the client.
fn says(data: &[u8], pass: &mut Pass<'_>, observed: &mut Observed) -> Result<(), Bad> {
    pass.object(|pass, key| {
        let value = pass.skip()?;
        let says = matches!(
            key.span.of(data),
            b"content"
                | b"reasoning_content"
                | b"reasoning"
                | b"tool_calls"
                | b"function_call"
                | b"refusal"
                | b"audio"
                | b"images"
                | b"thinking_blocks"
        );
        observed.content |= says && filled(data, value);
        Ok(())
    })
}

/// Whether a value is there and not empty.
fn filled(data: &[u8], span: Span) -> bool {
    match kind(data, span) {
        Kind::String => span.len() > 2,
        Kind::Array | Kind::Object => {
            let inside = span.of(data).get(1..span.len() - 1).unwrap_or_default();
            !inside.trim_ascii().is_empty()
        },
        Kind::Null | Kind::Bool | Kind::Number => false,
    }
}
