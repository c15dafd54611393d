//! A whole chat answer from and into the neutral form.

use serde_json::{Map, Value};

use super::usage::{self, push_usage};
use super::writer::{call_id, push_head};
use super::{error, finish, thought};
use crate::base::{Fault, FaultKind};
use crate::wire::edit::push_text;
use crate::wire::neutral::{Choice, Part, ToolCall};
use crate::wire::{Answer, Names, WriterOptions};

/// Reads a chat answer to a request whose tool names went up unchanged.
pub fn parse_answer(body: &[u8]) -> Result<Answer, Fault> {
    parse_answer_named(body, &Names::default())
}

/// Reads a chat answer, giving tools their clients' names back. An error inside a 200 is a fault.
pub fn parse_answer_named(body: &[u8], names: &Names) -> Result<Answer, Fault> {
    let bad = |what: &str| {
        Fault::new(
            FaultKind::BadAnswer,
            "the upstream's answer is not a chat completion",
        )
        .detail(what)
    };
    let value: Value = serde_json::from_slice(body).map_err(|error| bad(&error.to_string()))?;
    let Value::Object(mut map) = value else {
        return Err(bad("it is no object"));
    };
    let Some(Value::Array(mut choices)) = map.shift_remove("choices") else {
        let said = error::of_value(&Value::Object(map), 0);
        return Err(if said.message.is_empty() {
            bad("it has no `choices`")
        } else {
            Fault::new(FaultKind::UpstreamError, said.message).detail(said.kind)
        });
    };
    let text = |name: &str| map.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut answer = Answer {
        id: text("id").to_owned(),
        model: text("model").to_owned(),
        created: map.get("created").and_then(Value::as_i64).unwrap_or(0),
        choices: Vec::with_capacity(choices.len()),
        usage: map
            .get("usage")
            .and_then(|value| usage::parse(value.to_string().as_bytes())),
    };
    choices.sort_by_key(|choice| choice.get("index").and_then(Value::as_u64));
    let choices = choices.into_iter();
    answer
        .choices
        .extend(choices.map(|choice| parse_choice(choice, names)));
    Ok(answer)
}

fn parse_choice(mut choice: Value, names: &Names) -> Choice {
    let finish = choice
        .get("finish_reason")
        .and_then(Value::as_str)
        .filter(|word| !word.is_empty())
        .map(finish::parse);
    let mut parts = Vec::new();
    if let Some(Value::Object(mut message)) = choice.get_mut("message").map(Value::take) {
        message_parts(&mut message, names, &mut parts);
    } else if let Some(Value::String(text)) = choice.get_mut("text").map(Value::take) {
        parts.push(Part::text(text));
    }
    Choice { parts, finish }
}

fn message_parts(message: &mut Map<String, Value>, names: &Names, parts: &mut Vec<Part>) {
    let thought = ["reasoning_content", "reasoning"].iter().find_map(|name| {
        match message.shift_remove(*name) {
            Some(Value::String(text)) if !text.is_empty() => Some(text),
            _ => None,
        }
    });
    if let Some(text) = thought {
        parts.push(Part::Thinking {
            text,
            signature: None,
        });
    }
    match message.shift_remove("content") {
        Some(Value::String(text)) if !text.is_empty() => parts.push(Part::text(text)),
        Some(Value::Array(list)) => parts.extend(
            list.iter()
                .filter_map(|part| part.get("text").and_then(Value::as_str))
                .map(Part::text),
        ),
        _ => {},
    }
    if let Some(Value::String(text)) = message.shift_remove("refusal")
        && !text.is_empty()
    {
        parts.push(Part::text(text));
    }
    if let Some(Value::Array(calls)) = message.shift_remove("tool_calls") {
        parts.extend(calls.iter().filter_map(|call| {
            let id = call.get("id").and_then(Value::as_str).unwrap_or_default();
            let signature = call.get("extra_content").and_then(thought::signature_in);
            let id = signature.map_or_else(|| id.to_owned(), |signed| thought::pack(id, signed));
            let function = call.get("function").or_else(|| call.get("custom"));
            parse_call(id, function?, names)
        }));
    }
    if let Some(call) = message.shift_remove("function_call") {
        parts.extend(parse_call(String::new(), &call, names));
    }
}

fn parse_call(id: String, function: &Value, names: &Names) -> Option<Part> {
    let arguments = match function.get("arguments").or_else(|| function.get("input")) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    Some(Part::ToolCall(ToolCall {
        id,
        name: names.said(function.get("name")?.as_str()?).to_owned(),
        arguments,
    }))
}

/// Writes a chat answer. The options' model goes into it; their id and time where it has none.
pub fn write_answer(answer: &Answer, options: &WriterOptions) -> Vec<u8> {
    let options = filled(answer, options);
    let mut out = Vec::with_capacity(512);
    push_head(&mut out, &options, "chat.completion");
    for (index, choice) in (0u32..).zip(&answer.choices) {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"index\":");
        out.extend_from_slice(itoa::Buffer::new().format(index).as_bytes());
        out.extend_from_slice(b",\"message\":");
        push_message(&mut out, choice, index, &options.id);
        let calls = choice.parts.iter().any(|p| matches!(p, Part::ToolCall(_)));
        out.extend_from_slice(b",\"logprobs\":null,\"finish_reason\":");
        push_text(&mut out, finish::word(choice.finish.as_ref(), calls));
        out.push(b'}');
    }
    out.push(b']');
    if let Some(usage) = &answer.usage {
        out.extend_from_slice(b",\"usage\":");
        push_usage(&mut out, usage);
    }
    out.push(b'}');
    out
}

/// The options with the answer's own id and time where it has them.
pub(super) fn filled(answer: &Answer, options: &WriterOptions) -> WriterOptions {
    let mut options = options.clone();
    if !answer.id.is_empty() {
        options.id.clone_from(&answer.id);
    }
    if answer.created != 0 {
        options.created = answer.created;
    }
    options
}

/// All text of a choice as one.
pub(super) fn text_of(choice: &Choice) -> String {
    choice
        .parts
        .iter()
        .filter_map(|part| match part {
            Part::Text { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect()
}

fn push_message(out: &mut Vec<u8>, choice: &Choice, index: u32, id: &str) {
    let text = text_of(choice);
    let mut thought = String::new();
    let mut blocks = Vec::new();
    let mut signed = false;
    let mut calls = Vec::new();
    for part in &choice.parts {
        match part {
            Part::Thinking { text, signature } => {
                thought.push_str(text);
                signed |= signature.is_some();
                blocks.push(serde_json::json!({
                    "type": "thinking", "thinking": text, "signature": signature,
                }));
            },
            Part::RedactedThinking { data } => {
                signed = true;
                blocks.push(serde_json::json!({"type": "redacted_thinking", "data": data}));
            },
            Part::ToolCall(call) => calls.push(call),
            _ => {},
        }
    }
    out.extend_from_slice(b"{\"role\":\"assistant\",\"content\":");
    if text.is_empty() && !calls.is_empty() {
        out.extend_from_slice(b"null");
    } else {
        push_text(out, &text);
    }
    if !thought.is_empty() {
        out.extend_from_slice(b",\"reasoning_content\":");
        push_text(out, &thought);
    }
    if signed {
        out.extend_from_slice(b",\"thinking_blocks\":");
        out.extend_from_slice(Value::from(blocks).to_string().as_bytes());
    }
    if !calls.is_empty() {
        out.extend_from_slice(b",\"tool_calls\":[");
        for (i, call) in (0u32..).zip(calls) {
            if i > 0 {
                out.push(b',');
            }
            push_call(out, call, &call_id(id, index, i));
        }
        out.push(b']');
    }
    out.push(b'}');
}

fn push_call(out: &mut Vec<u8>, call: &ToolCall, made: &str) {
    out.extend_from_slice(b"{\"id\":");
    push_text(out, if call.id.is_empty() { made } else { &call.id });
    out.extend_from_slice(b",\"type\":\"function\",\"function\":{\"name\":");
    push_text(out, &call.name);
    out.extend_from_slice(b",\"arguments\":");
    let arguments = if call.arguments.is_empty() {
        "{}"
    } else {
        &call.arguments
    };
    push_text(out, arguments);
    out.extend_from_slice(b"}}");
}
