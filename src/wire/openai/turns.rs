//! The messages of the neutral form as a chat request has them.
//!
//! Reasoning of earlier turns is left out: OpenAI's own API refuses members it does not know in
//! messages, and its models cannot use another's reasoning. Called by the request's writer only.

use serde_json::{Map, Value, json};

use super::thought;
use crate::wire::Names;
use crate::wire::neutral::{Image, Message, Part, Role};

/// How tool calls are written.
pub(super) struct Calls {
    /// What tools are called.
    pub(super) names: Names,
    /// Signatures of thoughts go beside the calls.
    pub(super) signed: bool,
}

/// Writes the messages.
pub(super) fn write(messages: &[Message], calls: &Calls) -> Value {
    let mut list = Vec::with_capacity(messages.len());
    for message in messages {
        match message.role {
            Role::Assistant => list.push(assistant(message, calls)),
            Role::System => list.push(json!({"role": "system", "content": flat(&message.parts)})),
            Role::User => user(message, &mut list),
        }
    }
    list.into()
}

/// Tool results go first, each a message of its own; pictures among them, which a tool's message
/// cannot hold, go into the user's.
fn user(message: &Message, list: &mut Vec<Value>) {
    let mut rest = Vec::new();
    let mut results = 0;
    for part in &message.parts {
        let Part::ToolResult {
            id,
            name: _,
            parts,
            is_error: _,
        } = part
        else {
            rest.extend(content_part(part));
            continue;
        };
        results += 1;
        let (id, _signature) = thought::unpack(id);
        list.push(json!({"role": "tool", "tool_call_id": id, "content": flat(parts)}));
        rest.extend(
            parts
                .iter()
                .filter(|part| !matches!(part, Part::Text { .. }))
                .filter_map(content_part),
        );
    }
    if rest.is_empty() && results > 0 {
        return;
    }
    let content = match rest.as_slice() {
        [] => "".into(),
        [only] if only.get("type") == Some(&"text".into()) => {
            only.get("text").cloned().unwrap_or_default()
        },
        _ => rest.into(),
    };
    list.push(named("user", content, message));
}

fn assistant(message: &Message, calls: &Calls) -> Value {
    let parts = message.parts.iter();
    let calls: Vec<Value> = parts.filter_map(|part| calls.write(part)).collect();
    let text = flat(&message.parts);
    let content = if text.is_empty() && !calls.is_empty() {
        Value::Null
    } else {
        text.into()
    };
    let mut value = named("assistant", content, message);
    if let (false, Some(map)) = (calls.is_empty(), value.as_object_mut()) {
        map.insert("tool_calls".to_owned(), calls.into());
    }
    value
}

fn named(role: &str, content: Value, message: &Message) -> Value {
    let mut map = Map::new();
    map.insert("role".to_owned(), role.into());
    map.insert("content".to_owned(), content);
    if let Some(name) = &message.name {
        map.insert("name".to_owned(), name.as_str().into());
    }
    map.into()
}

/// The texts among some parts as one.
fn flat(parts: &[Part]) -> String {
    let texts: Vec<&str> = parts
        .iter()
        .filter_map(|part| match part {
            Part::Text { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    texts.join("\n\n")
}

impl Calls {
    fn write(&self, part: &Part) -> Option<Value> {
        let Part::ToolCall(call) = part else {
            return None;
        };
        let arguments = if call.arguments.is_empty() {
            "{}"
        } else {
            &call.arguments
        };
        let (id, signature) = thought::unpack(&call.id);
        let mut map = Map::new();
        map.insert("id".to_owned(), id.into());
        map.insert("type".to_owned(), "function".into());
        let function = json!({"name": self.names.told(&call.name), "arguments": arguments});
        map.insert("function".to_owned(), function);
        if let (true, Some(signature)) = (self.signed, signature) {
            map.insert("extra_content".to_owned(), thought::extra(&signature));
        }
        Some(map.into())
    }
}

fn content_part(part: &Part) -> Option<Value> {
    match part {
        Part::Text { text, cache: _ } => Some(json!({"type": "text", "text": text})),
        Part::Image { image, cache: _ } => {
            let inner = match image {
                Image::Url { url, detail: None } => json!({"url": url}),
                Image::Url {
                    url,
                    detail: Some(detail),
                } => json!({"url": url, "detail": detail}),
                Image::Base64 { media_type, data } => {
                    json!({"url": format!("data:{media_type};base64,{data}")})
                },
            };
            Some(json!({"type": "image_url", "image_url": inner}))
        },
        Part::File(value) | Part::Other(value) => Some(file(value)),
        Part::Thinking { .. }
        | Part::RedactedThinking { .. }
        | Part::ToolCall(_)
        | Part::ToolResult { .. } => None,
    }
}

/// A part in its own shape; Anthropic's documents in OpenAI's.
fn file(value: &Value) -> Value {
    let text = |path: &str| value.pointer(path).and_then(Value::as_str);
    if text("/type") != Some("document") {
        return value.clone();
    }
    let title = text("/title").unwrap_or("document.pdf");
    match (text("/source/type"), text("/source/data")) {
        (Some("base64"), Some(data)) => {
            let media_type = text("/source/media_type").unwrap_or("application/pdf");
            let data = format!("data:{media_type};base64,{data}");
            json!({"type": "file", "file": {"filename": title, "file_data": data}})
        },
        (Some("text"), Some(data)) => json!({"type": "text", "text": data}),
        _ => value.clone(),
    }
}
