//! Writes a conversation as Anthropic takes it: the system prompt apart, turns of one role merged,
//! results of tools first in their turn, nothing empty.
//!
//! Called by the request's writer only.

use std::borrow::Cow;

use base64::Engine as _;
use serde_json::Value;

use crate::base::Fault;
use crate::wire::emit::{Array, Object};
use crate::wire::names::{Names, plain_id};
use crate::wire::neutral::{Image, Message, Part, Role};
use crate::wire::params::{LeftOut, arguments_object, split_data_uri};

/// One turn of the conversation: all that one side says before the other speaks.
pub(super) struct Turn<'a> {
    role: Role,
    parts: Vec<&'a Part>,
}

/// Collects the turns; system messages and what would be empty are left aside.
pub(super) fn collect(messages: &[Message]) -> Vec<Turn<'_>> {
    let mut turns: Vec<Turn<'_>> = Vec::new();
    for message in messages
        .iter()
        .filter(|message| message.role != Role::System)
    {
        let parts: Vec<&Part> = message
            .parts
            .iter()
            .filter(|part| says_something(part))
            .collect();
        if parts.is_empty() {
            continue;
        }
        match turns.last_mut() {
            Some(last) if last.role == message.role => last.parts.extend(parts),
            _ => turns.push(Turn {
                role: message.role,
                parts,
            }),
        }
    }
    for turn in &mut turns {
        turn.parts
            .sort_by_key(|part| !matches!(part, Part::ToolResult { .. }));
    }
    turns
}

/// Whether a part can be sent at all: no blank text, no reasoning without Anthropic's signature.
fn says_something(part: &Part) -> bool {
    match part {
        Part::Text { text, .. } => !text.trim().is_empty(),
        Part::Thinking { signature, .. } => signature.is_some(),
        _ => true,
    }
}

/// Writes `system` when any message is one.
pub(super) fn write_system(messages: &[Message], o: &mut Object<'_, Vec<u8>>) {
    let system = messages
        .iter()
        .filter(|message| message.role == Role::System);
    let texts: Vec<(&str, Option<&Value>)> = system
        .flat_map(|message| &message.parts)
        .filter_map(|part| match part {
            Part::Text { text, cache } if !text.trim().is_empty() => {
                Some((text.as_str(), cache.as_ref()))
            },
            _ => None,
        })
        .collect();
    match texts.as_slice() {
        [] => {},
        [(text, None)] => {
            o.put("system", *text);
        },
        _ => o.array("system", |a| {
            for (text, cache) in &texts {
                a.object(|o| write_text(text, *cache, o));
            }
        }),
    }
}

/// Writes `messages`.
pub(super) fn write(
    turns: &[Turn<'_>],
    names: &Names,
    left: &mut LeftOut,
    o: &mut Object<'_, Vec<u8>>,
) -> Result<(), Fault> {
    o.array("messages", |a| {
        for (at, turn) in turns.iter().enumerate() {
            let is_last = at + 1 == turns.len();
            a.object(|o| write_turn(turn, is_last, names, left, o))?;
        }
        Ok(())
    })
}

fn write_turn(
    turn: &Turn<'_>,
    is_last: bool,
    names: &Names,
    left: &mut LeftOut,
    o: &mut Object<'_, Vec<u8>>,
) -> Result<(), Fault> {
    let is_prefill = is_last && turn.role == Role::Assistant;
    o.put(
        "role",
        if turn.role == Role::Assistant {
            "assistant"
        } else {
            "user"
        },
    );
    if let [Part::Text { text, cache: None }] = turn.parts.as_slice() {
        o.put("content", if is_prefill { text.trim_end() } else { text });
        return Ok(());
    }
    o.array("content", |a| {
        for (at, part) in turn.parts.iter().enumerate() {
            match part {
                // Anthropic refuses a beginning of the answer that ends in white space.
                Part::Text { text, cache } if is_prefill && at + 1 == turn.parts.len() => {
                    a.object(|o| write_text(text.trim_end(), cache.as_ref(), o));
                },
                part => write_part(part, names, left, a)?,
            }
        }
        Ok(())
    })
}

fn write_part(
    part: &Part,
    names: &Names,
    left: &mut LeftOut,
    a: &mut Array<'_, Vec<u8>>,
) -> Result<(), Fault> {
    match part {
        Part::Text { text, cache } => a.object(|o| write_text(text, cache.as_ref(), o)),
        Part::Image { image, cache } => write_image(image, cache.as_ref(), a),
        Part::File(file) => return write_file(file, left, a),
        Part::Other(other) => return write_other(other, left, a),
        Part::Thinking { text, signature } => a.object(|o| {
            o.put("type", "thinking").put("thinking", text);
            o.put_some("signature", signature.as_ref());
        }),
        Part::RedactedThinking { data } => a.object(|o| {
            o.put("type", "redacted_thinking").put("data", data);
        }),
        Part::ToolCall(call) => a.object(|o| {
            o.put("type", "tool_use").put("id", &plain_id(&call.id));
            o.put("name", names.told(&call.name));
            o.put_json("input", &arguments_object(&call.arguments));
        }),
        Part::ToolResult {
            id,
            parts,
            is_error,
            ..
        } => {
            return a.object(|o| {
                o.put("type", "tool_result")
                    .put("tool_use_id", &plain_id(id));
                write_result(parts, names, left, o)?;
                if *is_error {
                    o.put("is_error", &true);
                }
                Ok(())
            });
        },
    }
    Ok(())
}

/// The mark for the cache must stand on the result itself, not on what is in it.
fn write_result(
    parts: &[Part],
    names: &Names,
    left: &mut LeftOut,
    o: &mut Object<'_, Vec<u8>>,
) -> Result<(), Fault> {
    let cache = parts.iter().rev().find_map(|part| match part {
        Part::Text { cache, .. } | Part::Image { cache, .. } => cache.as_ref(),
        _ => None,
    });
    match parts {
        [] => {},
        [Part::Text { text, .. }] => {
            o.put("content", text);
        },
        parts => o.array("content", |a| {
            for part in parts {
                match part {
                    Part::Text { text, .. } if text.is_empty() => {},
                    Part::Text { text, .. } => a.object(|o| write_text(text, None, o)),
                    Part::Image { image, .. } => write_image(image, None, a),
                    part => write_part(part, names, left, a)?,
                }
            }
            Ok(())
        })?,
    }
    o.put_some("cache_control", cache);
    Ok(())
}

fn write_text(text: &str, cache: Option<&Value>, o: &mut Object<'_, Vec<u8>>) {
    o.put("type", "text")
        .put("text", text)
        .put_some("cache_control", cache);
}

fn write_image(image: &Image, cache: Option<&Value>, a: &mut Array<'_, Vec<u8>>) {
    let source = match image {
        Image::Base64 { media_type, data } => Some((media_type.as_str(), data.as_str())),
        Image::Url { url, .. } => split_data_uri(url),
    };
    a.object(|o| {
        o.put("type", "image");
        o.object("source", |o| match (source, image) {
            (None, Image::Url { url, .. }) => {
                o.put("type", "url").put("url", url);
            },
            (source, _) => {
                let (media_type, data) = source.unwrap_or_default();
                let media_type = if media_type == "image/jpg" {
                    "image/jpeg"
                } else {
                    media_type
                };
                o.put("type", "base64")
                    .put("media_type", media_type)
                    .put("data", data);
            },
        });
        o.put_some("cache_control", cache);
    });
}

/// A document of Anthropic's own shape goes as it is; OpenAI's `file` becomes one.
fn write_file(file: &Value, left: &mut LeftOut, a: &mut Array<'_, Vec<u8>>) -> Result<(), Fault> {
    let Some(body) = file.get("file") else {
        a.put(file);
        return Ok(());
    };
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let source = match (text("file_data"), text("file_id")) {
        (Some(data), _) => data_source(data),
        (None, Some(id)) if id.starts_with("https://") || id.starts_with("http://") => {
            Some(serde_json::json!({"type": "url", "url": id}))
        },
        (None, Some(id)) => Some(serde_json::json!({"type": "file", "file_id": id})),
        (None, None) => None,
    };
    let Some(source) = source else {
        return left.refuse(
            "messages",
            "a file must be a PDF, a text or a picture as a `data:` address",
        );
    };
    let media_type = source
        .get("media_type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    a.object(|o| {
        o.put(
            "type",
            if media_type.starts_with("image/") {
                "image"
            } else {
                "document"
            },
        );
        o.put("source", &source);
        if !media_type.starts_with("image/") {
            o.put_some("title", text("filename"));
        }
        o.put_some("cache_control", file.get("cache_control"));
    });
    Ok(())
}

fn data_source(data: &str) -> Option<Value> {
    let (media_type, data) = split_data_uri(data)?;
    if media_type == "application/pdf" || media_type.starts_with("image/") {
        return Some(serde_json::json!({"type": "base64", "media_type": media_type, "data": data}));
    }
    if !media_type.starts_with("text/") && media_type != "application/json" {
        return None;
    }
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(data)
        .ok()?;
    let text = String::from_utf8(bytes).ok()?;
    Some(serde_json::json!({"type": "text", "media_type": "text/plain", "data": text}))
}

/// OpenAI's kinds of part that Anthropic has no word for are refused; all others are its own.
fn write_other(other: &Value, left: &mut LeftOut, a: &mut Array<'_, Vec<u8>>) -> Result<(), Fault> {
    let kind = other
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    match kind {
        "refusal" => {
            let text = other
                .get("refusal")
                .and_then(Value::as_str)
                .unwrap_or_default();
            if !text.trim().is_empty() {
                a.object(|o| write_text(text, None, o));
            }
            Ok(())
        },
        "input_audio" | "audio" | "video_url" | "input_video" | "" => {
            let kind: Cow<'_, str> = if kind.is_empty() {
                "a part without a type".into()
            } else {
                kind.into()
            };
            left.refuse("messages", &format!("a part of kind `{kind}`"))
        },
        _ => {
            a.put(other);
            Ok(())
        },
    }
}
