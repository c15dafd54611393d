//! Whole answers: a message object, both ways.

use bytes::BufMut;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::blocks::read_block;
use super::usage::{self, Counts};
use super::{message_id, nullable, read_finish, write_finish};
use crate::base::{Fault, FaultKind};
use crate::wire::emit::{self, Array};
use crate::wire::failure;
use crate::wire::names::Names;
use crate::wire::neutral::{Answer, Choice, Finish, Part, ToolCall};
use crate::wire::params::arguments_object;
use crate::wire::shape::WriterOptions;

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(default, deserialize_with = "nullable")]
    id: String,
    #[serde(default, deserialize_with = "nullable")]
    model: String,
    #[serde(borrow)]
    content: Vec<&'a RawValue>,
    #[serde(default)]
    stop_reason: Option<String>,
    #[serde(default)]
    stop_sequence: Option<String>,
    #[serde(default)]
    usage: Option<Counts>,
}

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, deserialize_with = "nullable")]
    id: String,
    #[serde(default, deserialize_with = "nullable")]
    name: String,
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
}

/// Reads an answer to a request whose tool names went up unchanged.
pub fn parse_answer(body: &[u8]) -> Result<Answer, Fault> {
    parse_answer_named(body, &Names::default())
}

/// Reads an answer, giving tools their clients' names back.
pub fn parse_answer_named(body: &[u8], names: &Names) -> Result<Answer, Fault> {
    let message: Message<'_> = match serde_json::from_slice(body) {
        Ok(message) => message,
        Err(error) => return Err(not_a_message(body, &error)),
    };
    let mut parts = Vec::with_capacity(message.content.len());
    let mut is_form = false;
    for raw in &message.content {
        let part = read_part(raw, names)?;
        is_form |= part.1;
        parts.push(part.0);
    }
    let finish = message
        .stop_reason
        .map(|reason| read_finish(&reason, message.stop_sequence.as_deref()));
    let calls = parts.iter().any(|part| matches!(part, Part::ToolCall(_)));
    let finish = match finish {
        Some(Finish::ToolCalls) if is_form && !calls => Some(Finish::Stop),
        finish => finish,
    };
    Ok(Answer {
        id: message.id,
        model: message.model,
        created: 0,
        choices: vec![Choice { parts, finish }],
        usage: message.usage.map(|counts| counts.usage()),
    })
}

/// Reads a block; tells whether it is the answer's form given through the tool for it.
fn read_part(raw: &RawValue, names: &Names) -> Result<(Part, bool), Fault> {
    let bad = |why: String| {
        Fault::new(
            FaultKind::BadAnswer,
            format!("the upstream's message is broken: {why}"),
        )
    };
    let block: Block<'_> =
        serde_json::from_str(raw.get()).map_err(|error| bad(error.to_string()))?;
    if block.kind == "tool_use" {
        let arguments = block.input.map_or("{}", RawValue::get).to_owned();
        if names.is_json_tool(&block.name) {
            return Ok((Part::text(arguments), true));
        }
        let call = ToolCall {
            id: block.id,
            name: names.said(&block.name).to_owned(),
            arguments,
        };
        return Ok((Part::ToolCall(call), false));
    }
    let value: Value = serde_json::from_str(raw.get()).map_err(|error| bad(error.to_string()))?;
    let part = read_block(value, "content").map_err(|fault| bad(fault.message))?;
    Ok((part, false))
}

fn not_a_message(body: &[u8], error: &serde_json::Error) -> Fault {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    if value.get("error").is_some_and(|error| !error.is_null()) {
        let said = failure::read_value(&value);
        return Fault::new(FaultKind::UpstreamError, said.message).detail(said.kind);
    }
    Fault::new(
        FaultKind::BadAnswer,
        format!("the upstream's answer is no message: {error}"),
    )
}

/// Writes an answer as a message. Of several choices the first is the answer, as the dialect has one.
pub fn write_answer(answer: &Answer, options: &WriterOptions) -> Vec<u8> {
    let choice = answer.choices.first();
    let parts = choice.map_or(&[][..], |choice| choice.parts.as_slice());
    let calls = parts.iter().any(|part| matches!(part, Part::ToolCall(_)));
    let finish = choice.and_then(|choice| choice.finish.as_ref());
    let (reason, sequence) = write_finish(finish, calls);
    let id = message_id(&answer.id, &options.id);
    let mut body = Vec::with_capacity(512);
    emit::object(&mut body, |o| {
        o.put("id", &id)
            .put("type", "message")
            .put("role", "assistant")
            .put("model", &options.model);
        o.array("content", |a| {
            for (at, part) in parts.iter().enumerate() {
                write_block(part, &id, at, a);
            }
        });
        o.put("stop_reason", reason).put("stop_sequence", &sequence);
        o.object("usage", |o| {
            usage::write(&answer.usage.unwrap_or_default(), o);
        });
    });
    body
}

fn write_block<B: BufMut>(part: &Part, message: &str, at: usize, a: &mut Array<'_, B>) {
    match part {
        Part::Text { text, .. } if text.is_empty() => {},
        Part::Text { text, .. } => a.object(|o| {
            o.put("type", "text").put("text", text);
        }),
        Part::Thinking { text, signature } => a.object(|o| {
            o.put("type", "thinking").put("thinking", text);
            o.put("signature", signature.as_deref().unwrap_or_default());
        }),
        Part::RedactedThinking { data } => a.object(|o| {
            o.put("type", "redacted_thinking").put("data", data);
        }),
        Part::ToolCall(call) => a.object(|o| {
            o.put("type", "tool_use")
                .put("id", &tool_id(&call.id, message, at));
            o.put("name", &call.name)
                .put_json("input", &arguments_object(&call.arguments));
        }),
        Part::Other(value) | Part::File(value) => a.put(value),
        Part::Image { .. } | Part::ToolResult { .. } => {},
    }
}

/// The id of a tool's call; where the upstream has none, one made of the message's id.
pub(super) fn tool_id(id: &str, message: &str, at: usize) -> String {
    if !id.is_empty() {
        return id.to_owned();
    }
    let tail = message.strip_prefix("msg_").unwrap_or(message);
    format!("toolu_{tail}_{at}")
}
