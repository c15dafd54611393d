//! The messages of a chat request into the neutral form.

use serde_json::{Map, Value};

use super::field::{self, missing, wrong_type};
use crate::base::Fault;
use crate::wire::neutral::{Image, Message, Part, Role, ToolCall};

/// Reads `messages`. Tool messages become tool results in user messages, those that follow each
/// other in one; legacy function calls get ids that tie them to their results.
pub(super) fn parse(messages: Value) -> Result<Vec<Message>, Fault> {
    let Value::Array(list) = messages else {
        return Err(wrong_type("messages", "an array of objects", &messages));
    };
    if list.is_empty() {
        return Err(Fault::invalid(
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an \
             empty array instead.",
        )
        .param("messages"));
    }
    let mut parser = Parser {
        messages: Vec::with_capacity(list.len()),
        legacy: 0,
        open_results: false,
    };
    for (i, item) in list.into_iter().enumerate() {
        let path = format!("messages[{i}]");
        match item {
            Value::Object(map) => parser.message(map, &path)?,
            other => return Err(wrong_type(&path, "an object", &other)),
        }
    }
    Ok(parser.messages)
}

struct Parser {
    messages: Vec<Message>,
    /// How many legacy function calls were seen.
    legacy: usize,
    /// Whether the last message holds tool results only.
    open_results: bool,
}

impl Parser {
    fn message(&mut self, mut map: Map<String, Value>, path: &str) -> Result<(), Fault> {
        let role_path = format!("{path}.role");
        let word =
            field::string(&mut map, "role", &role_path)?.ok_or_else(|| missing(&role_path))?;
        let role = match word.as_str() {
            "system" | "developer" => Role::System,
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "tool" | "function" => return self.result(map, path, word == "function"),
            other => {
                return Err(Fault::invalid(format!(
                    "Invalid value: '{other}'. Supported values are: 'system', 'assistant', \
                     'user', 'function', 'tool', and 'developer'."
                ))
                .param(role_path));
            },
        };
        let mut parts = Vec::new();
        if role == Role::Assistant {
            thinking(&mut map, &mut parts);
        }
        let content = field::take(&mut map, "content");
        if content.is_none() && role != Role::Assistant {
            return Err(missing(&format!("{path}.content")));
        }
        let said = parts.len();
        content_parts(content, &format!("{path}.content"), &mut parts)?;
        mark(&mut map, parts.get_mut(said..).unwrap_or_default());
        if role == Role::Assistant {
            self.assistant(&mut map, path, &mut parts, said)?;
        }
        self.open_results = false;
        self.messages.push(Message {
            role,
            parts,
            name: field::string(&mut map, "name", &format!("{path}.name"))?,
        });
        Ok(())
    }

    /// What only an assistant's message has: refusal, tool calls, a legacy function call.
    fn assistant(
        &mut self,
        map: &mut Map<String, Value>,
        path: &str,
        parts: &mut Vec<Part>,
        said: usize,
    ) -> Result<(), Fault> {
        if let (Some(Value::String(refusal)), true) =
            (field::take(map, "refusal"), parts.len() == said)
        {
            parts.push(Part::text(refusal));
        }
        match field::take(map, "tool_calls") {
            None => {},
            Some(Value::Array(calls)) => {
                for (i, call) in calls.into_iter().enumerate() {
                    parts.push(tool_call(call, &format!("{path}.tool_calls[{i}]"))?);
                }
            },
            Some(other) => {
                let path = format!("{path}.tool_calls");
                return Err(wrong_type(&path, "an array of objects", &other));
            },
        }
        if let Some(Value::Object(mut call)) = field::take(map, "function_call") {
            self.legacy += 1;
            let path = format!("{path}.function_call.name");
            parts.push(Part::ToolCall(ToolCall {
                id: format!("call_legacy_{}", self.legacy),
                name: field::string(&mut call, "name", &path)?.ok_or_else(|| missing(&path))?,
                arguments: arguments(field::take(&mut call, "arguments")),
            }));
        }
        Ok(())
    }

    fn result(
        &mut self,
        mut map: Map<String, Value>,
        path: &str,
        legacy: bool,
    ) -> Result<(), Fault> {
        let id_path = format!("{path}.tool_call_id");
        let id = match field::string(&mut map, "tool_call_id", &id_path)? {
            Some(id) => id,
            None if legacy => format!("call_legacy_{}", self.legacy),
            None => return Err(missing(&id_path)),
        };
        let mut parts = Vec::new();
        let content = field::take(&mut map, "content");
        content_parts(content, &format!("{path}.content"), &mut parts)?;
        mark(&mut map, &mut parts);
        let part = Part::ToolResult {
            id,
            name: field::string(&mut map, "name", &format!("{path}.name"))?,
            parts,
            is_error: false,
        };
        match self.messages.last_mut() {
            Some(last) if self.open_results => last.parts.push(part),
            _ => self.messages.push(Message {
                role: Role::User,
                parts: vec![part],
                name: None,
            }),
        }
        self.open_results = true;
        Ok(())
    }
}

/// Puts a whole message's mark for the cache on the last of its parts.
fn mark(map: &mut Map<String, Value>, parts: &mut [Part]) {
    if let Some(cache) = field::take(map, "cache_control")
        && let Some(slot) = parts.last_mut().and_then(Part::cache_mut)
    {
        *slot = Some(cache);
    }
}

/// Reasoning of an earlier turn, in the spellings clients send back.
fn thinking(map: &mut Map<String, Value>, parts: &mut Vec<Part>) {
    let plain = ["reasoning_content", "reasoning"]
        .map(|name| field::take(map, name))
        .into_iter()
        .flatten()
        .find_map(|value| match value {
            Value::String(text) if !text.is_empty() => Some(text),
            _ => None,
        });
    let blocks = field::take(map, "thinking_blocks");
    let before = parts.len();
    for block in blocks.iter().filter_map(Value::as_array).flatten() {
        let text = |name: &str| block.get(name).and_then(Value::as_str).map(str::to_owned);
        if let Some(data) = text("data") {
            parts.push(Part::RedactedThinking { data });
        } else if let Some(thought) = text("thinking") {
            parts.push(Part::Thinking {
                text: thought,
                signature: text("signature").filter(|signature| !signature.is_empty()),
            });
        }
    }
    if let (Some(text), true) = (plain, parts.len() == before) {
        parts.push(Part::Thinking {
            text,
            signature: None,
        });
    }
}

fn content_parts(content: Option<Value>, path: &str, parts: &mut Vec<Part>) -> Result<(), Fault> {
    match content {
        None => {},
        Some(Value::String(text)) if text.is_empty() => {},
        Some(Value::String(text)) => parts.push(Part::text(text)),
        Some(Value::Array(list)) => {
            for (i, item) in list.into_iter().enumerate() {
                let path = format!("{path}[{i}]");
                match item {
                    Value::Object(map) => parts.push(part(map, &path)?),
                    Value::String(text) => parts.push(Part::text(text)),
                    other => return Err(wrong_type(&path, "an object", &other)),
                }
            }
        },
        Some(other) => {
            let wanted = "one of a string or array of objects";
            return Err(wrong_type(path, wanted, &other));
        },
    }
    Ok(())
}

fn part(mut map: Map<String, Value>, path: &str) -> Result<Part, Fault> {
    let type_path = format!("{path}.type");
    let kind = match map.get("type") {
        Some(Value::String(kind)) => kind.clone(),
        Some(other) => return Err(wrong_type(&type_path, "a string", other)),
        None => return Err(missing(&type_path)),
    };
    match kind.as_str() {
        "text" | "input_text" | "output_text" => {
            let path = format!("{path}.text");
            Ok(Part::Text {
                text: field::string(&mut map, "text", &path)?.ok_or_else(|| missing(&path))?,
                cache: field::take(&mut map, "cache_control"),
            })
        },
        "refusal" => {
            let path = format!("{path}.refusal");
            let text = field::string(&mut map, "refusal", &path)?;
            Ok(Part::text(text.ok_or_else(|| missing(&path))?))
        },
        "image_url" => Ok(Part::Image {
            image: image(&mut map, path)?,
            cache: field::take(&mut map, "cache_control"),
        }),
        "file" => Ok(Part::File(Value::Object(map))),
        _ => Ok(Part::Other(Value::Object(map))),
    }
}

fn image(map: &mut Map<String, Value>, path: &str) -> Result<Image, Fault> {
    let path = format!("{path}.image_url");
    let (url, detail) = match field::take(map, "image_url") {
        Some(Value::String(url)) => (url, None),
        Some(Value::Object(mut inner)) => {
            let url_path = format!("{path}.url");
            let url =
                field::string(&mut inner, "url", &url_path)?.ok_or_else(|| missing(&url_path))?;
            let detail = field::string(&mut inner, "detail", &format!("{path}.detail"))?;
            (url, detail)
        },
        Some(other) => return Err(wrong_type(&path, "an object", &other)),
        None => return Err(missing(&path)),
    };
    let Some(rest) = url.strip_prefix("data:") else {
        return Ok(Image::Url { url, detail });
    };
    let bad = || {
        Fault::invalid(format!(
            "Invalid base64 image_url in '{path}': expected `data:<media type>;base64,<data>`."
        ))
        .param(path.clone())
    };
    let (head, data) = rest.split_once(',').ok_or_else(bad)?;
    let head = head.strip_suffix(";base64").ok_or_else(bad)?;
    let media_type = head.split(';').next().unwrap_or_default();
    Ok(Image::Base64 {
        media_type: media_type.to_owned(),
        data: data.to_owned(),
    })
}

fn tool_call(call: Value, path: &str) -> Result<Part, Fault> {
    let Value::Object(mut map) = call else {
        return Err(wrong_type(path, "an object", &call));
    };
    let id = field::string(&mut map, "id", &format!("{path}.id"))?.unwrap_or_default();
    let function_path = format!("{path}.function");
    let mut function = match field::take(&mut map, "function") {
        Some(Value::Object(function)) => function,
        Some(other) => return Err(wrong_type(&function_path, "an object", &other)),
        None => match field::take(&mut map, "custom") {
            Some(Value::Object(custom)) => custom,
            _ => return Err(missing(&function_path)),
        },
    };
    let name_path = format!("{function_path}.name");
    let input = field::take(&mut function, "input");
    Ok(Part::ToolCall(ToolCall {
        id,
        name: field::string(&mut function, "name", &name_path)?
            .ok_or_else(|| missing(&name_path))?,
        arguments: arguments(field::take(&mut function, "arguments").or(input)),
    }))
}

/// Arguments as text: as they came, or written when they came as an object.
fn arguments(value: Option<Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
    }
}
