//! Writes a conversation as Ollama takes it: one text a message, pictures beside it, each tool's result
//! a message of its own.
//!
//! Called by the request's writer only.

use base64::Engine as _;
use serde_json::Value;

use crate::base::{Fault, FaultKind};
use crate::wire::emit::{Array, Object};
use crate::wire::neutral::{Image, Message, Part, Role, ToolCall};
use crate::wire::params::{LeftOut, arguments_object, split_data_uri};

/// What one message of Ollama's holds.
#[derive(Default)]
struct Body<'a> {
    content: String,
    thinking: String,
    images: Vec<&'a str>,
    calls: Vec<&'a ToolCall>,
}

/// Writes `messages`.
pub(super) fn write(
    messages: &[Message],
    left: &mut LeftOut,
    o: &mut Object<'_, Vec<u8>>,
) -> Result<(), Fault> {
    o.array("messages", |a| {
        for message in messages {
            write_message(message, messages, left, a)?;
        }
        Ok(())
    })
}

/// Writes a message, in pieces where results of tools stand among its parts.
fn write_message(
    message: &Message,
    all: &[Message],
    left: &mut LeftOut,
    a: &mut Array<'_, Vec<u8>>,
) -> Result<(), Fault> {
    let role = match message.role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    let gap = if message.role == Role::System {
        "\n\n"
    } else {
        "\n"
    };
    let mut body = Body::default();
    let mut has_result = false;
    for part in &message.parts {
        if let Part::ToolResult {
            id, name, parts, ..
        } = part
        {
            if !body.is_empty() {
                std::mem::take(&mut body).write(role, None, a);
            }
            has_result = true;
            let mut result = Body::default();
            for part in parts {
                result.add(part, "\n", left)?;
            }
            let name = name.as_deref().or_else(|| name_of(id, all));
            result.write("tool", Some((id, name)), a);
        } else {
            body.add(part, gap, left)?;
        }
    }
    if !has_result || !body.is_empty() {
        body.write(role, None, a);
    }
    Ok(())
}

/// The tool that was called under this id.
fn name_of<'a>(id: &str, messages: &'a [Message]) -> Option<&'a str> {
    let mut parts = messages.iter().rev().flat_map(|message| &message.parts);
    parts.find_map(|part| match part {
        Part::ToolCall(call) if call.id == id => Some(call.name.as_str()),
        _ => None,
    })
}

impl<'a> Body<'a> {
    fn is_empty(&self) -> bool {
        self.content.is_empty()
            && self.thinking.is_empty()
            && self.images.is_empty()
            && self.calls.is_empty()
    }

    fn add(&mut self, part: &'a Part, gap: &str, left: &mut LeftOut) -> Result<(), Fault> {
        match part {
            Part::Text { text, .. } => self.say(text, gap),
            Part::Image { image, .. } => self.images.push(picture(image)?),
            Part::Thinking { text, .. } => self.thinking.push_str(text),
            // Only its provider can read it.
            Part::RedactedThinking { .. } => {},
            Part::ToolCall(call) => self.calls.push(call),
            Part::File(file) => match text_of_file(file) {
                Some(text) => self.say(&text, gap),
                None => left.refuse("messages", "a file that is no text")?,
            },
            Part::Other(other) => {
                if let Some(text) = other.get("refusal").and_then(Value::as_str) {
                    self.say(text, gap);
                } else {
                    let kind = other.get("type").and_then(Value::as_str).unwrap_or("?");
                    left.refuse("messages", &format!("a part of kind `{kind}`"))?;
                }
            },
            // A result inside a result: no dialect writes one.
            Part::ToolResult { .. } => {},
        }
        Ok(())
    }

    fn say(&mut self, text: &str, gap: &str) {
        if !self.content.is_empty() && !text.is_empty() {
            self.content.push_str(gap);
        }
        self.content.push_str(text);
    }

    fn write(self, role: &str, answers: Option<(&str, Option<&str>)>, a: &mut Array<'_, Vec<u8>>) {
        a.object(|o| {
            o.put("role", role).put("content", &self.content);
            if !self.thinking.is_empty() {
                o.put("thinking", &self.thinking);
            }
            if !self.images.is_empty() {
                o.put("images", &self.images);
            }
            if !self.calls.is_empty() {
                o.array("tool_calls", |a| write_calls(&self.calls, a));
            }
            if let Some((id, name)) = answers {
                o.put_some("tool_name", name);
                o.put_some("tool_call_id", Some(id).filter(|id| !id.is_empty()));
            }
        });
    }
}

fn write_calls(calls: &[&ToolCall], a: &mut Array<'_, Vec<u8>>) {
    for (at, call) in calls.iter().enumerate() {
        a.object(|o| {
            o.put_some("id", Some(call.id.as_str()).filter(|id| !id.is_empty()));
            o.object("function", |o| {
                o.put("index", &at).put("name", &call.name);
                o.put_json("arguments", &arguments_object(&call.arguments));
            });
        });
    }
}

/// A picture's bytes in base64. Ollama fetches nothing, so an address is no picture to it.
fn picture(image: &Image) -> Result<&str, Fault> {
    match image {
        Image::Base64 { data, .. } => Ok(data),
        Image::Url { url, .. } => {
            let (_, data) = split_data_uri(url).ok_or_else(|| {
                let message = "Ollama cannot fetch a picture from an address: send it as a \
                               `data:image/…;base64,…` address";
                Fault::new(FaultKind::Unsupported, message).param("messages")
            })?;
            Ok(data)
        },
    }
}

/// The text of a document: Anthropic's source of type `text`, or OpenAI's file with a text inside.
fn text_of_file(file: &Value) -> Option<String> {
    let text =
        |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    if let Some(source) = file.get("source") {
        return match text(source, "type")?.as_str() {
            "text" => text(source, "data"),
            "content" => text(source, "content"),
            _ => None,
        };
    }
    let data = text(file.get("file")?, "file_data")?;
    let (media_type, data) = split_data_uri(&data)?;
    if !media_type.starts_with("text/") && media_type != "application/json" {
        return None;
    }
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(data)
        .ok()?;
    String::from_utf8(bytes).ok()
}
