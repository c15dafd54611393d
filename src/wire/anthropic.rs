//! Anthropic's Messages dialect, both in front of clients and behind as an upstream.
//!
//! From a client: [`parse_request`], then [`Writer`] or [`write_answer`]. To an upstream:
//! [`write_request`], then [`Reader`] or [`parse_answer`]. Where both sides speak it: [`StreamRelay`]
//! and [`relay_answer`] forward the bytes. Usage counts are exclusive on the wire and inclusive inside.

mod answer;
mod blocks;
mod count;
mod error;
mod extra;
mod format;
mod model;
mod reader;
mod relay;
mod request;
mod round;
mod sampling;
mod turns;
mod upstream;
mod usage;
mod writer;

#[cfg(test)]
mod tests;

pub use answer::{parse_answer, parse_answer_named, write_answer};
pub use count::{parse_count, write_count};
pub use error::{parse_error, status_of, write_error};
pub use reader::Reader;
pub use relay::{StreamRelay, has_unsigned_thinking, relay_answer};
pub use request::{parse_count_request, parse_request};
pub use round::thinks_against_history;
pub use upstream::write_request;
pub use writer::Writer;

use serde::{Deserialize, Deserializer};

use crate::wire::{Finish, Request, members};

/// The longest tool name, in bytes.
pub const LONGEST_NAME: usize = 128;

/// Reads a text that some servers send as `null`.
fn nullable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Takes out what a client of this dialect said to Anthropic alone, before another dialect's writer
/// passes unknown members on to an upstream that would refuse them.
pub fn shed_own_members(request: &mut Request) {
    request
        .extra
        .retain(|name, _| !members::is_anthropics(name));
}

/// Reads a `stop_reason` with its `stop_sequence`.
fn read_finish(reason: &str, sequence: Option<&str>) -> Finish {
    match reason {
        "end_turn" => Finish::Stop,
        "stop_sequence" => match sequence {
            Some(sequence) if !sequence.is_empty() => Finish::StopSequence(sequence.to_owned()),
            _ => Finish::Stop,
        },
        "max_tokens" | "model_context_window_exceeded" | "pause_turn" | "compaction" => {
            Finish::Length
        },
        "tool_use" => Finish::ToolCalls,
        "refusal" => Finish::ContentFilter,
        other => Finish::Other(other.to_owned()),
    }
}

/// The `stop_reason` and `stop_sequence` that say why an answer ended.
fn write_finish(finish: Option<&Finish>, has_tools: bool) -> (&str, Option<&str>) {
    match finish {
        Some(Finish::Stop) | None if has_tools => ("tool_use", None),
        Some(Finish::Stop) | None => ("end_turn", None),
        Some(Finish::StopSequence(sequence)) => ("stop_sequence", Some(sequence)),
        Some(Finish::Length) => ("max_tokens", None),
        Some(Finish::ToolCalls) => ("tool_use", None),
        Some(Finish::ContentFilter) => ("refusal", None),
        Some(Finish::Abort | Finish::Other(_)) => ("end_turn", None),
    }
}

/// An answer's id as Anthropic writes them: `msg_…`.
fn message_id(upstream: &str, given: &str) -> String {
    let id = if upstream.is_empty() { given } else { upstream };
    if id.starts_with("msg_") {
        return id.to_owned();
    }
    let tail = id.strip_prefix("chatcmpl-").unwrap_or(id);
    format!("msg_{tail}")
}
