//! Content blocks of messages: reads them into neutral parts.
//!
//! Called by the request's and the answer's readers. Blocks that only Anthropic knows ride along as
//! they were written.

use serde_json::{Map, Value};

use crate::base::Fault;
use crate::wire::neutral::{Image, Part, ToolCall};

/// Reads a `content`: a text or a list of blocks. `place` is its path, for messages.
pub(super) fn read_content(content: Value, place: &str) -> Result<Vec<Part>, Fault> {
    match content {
        Value::String(text) => Ok(vec![Part::text(text)]),
        Value::Array(blocks) => {
            let read = |(at, block)| read_block(block, &format!("{place}.{at}"));
            blocks.into_iter().enumerate().map(read).collect()
        },
        _ => Err(fault(
            place,
            "Input should be a valid string or a list of content blocks",
        )),
    }
}

/// Reads one block.
pub(super) fn read_block(block: Value, place: &str) -> Result<Part, Fault> {
    let Value::Object(mut members) = block else {
        return Err(fault(place, "Input should be an object"));
    };
    let kind = match members.get("type") {
        Some(Value::String(kind)) => kind.clone(),
        Some(_) => {
            return Err(fault(
                &format!("{place}.type"),
                "Input should be a valid string",
            ));
        },
        None => return Err(fault(&format!("{place}.type"), "Field required")),
    };
    match kind.as_str() {
        "text" => Ok(Part::Text {
            text: take_text(&mut members, place, "text.text", "text")?,
            cache: take_cache(&mut members),
        }),
        "image" => read_image(members, place),
        "document" => Ok(Part::File(members.into())),
        "thinking" => Ok(Part::Thinking {
            text: take_text(&mut members, place, "thinking.thinking", "thinking")?,
            signature: optional_text(&mut members, "signature").filter(|text| !text.is_empty()),
        }),
        "redacted_thinking" => Ok(Part::RedactedThinking {
            data: take_text(&mut members, place, "redacted_thinking.data", "data")?,
        }),
        "tool_use" => Ok(Part::ToolCall(ToolCall {
            id: take_text(&mut members, place, "tool_use.id", "id")?,
            name: take_text(&mut members, place, "tool_use.name", "name")?,
            arguments: match members.shift_remove("input") {
                Some(input @ Value::Object(_)) => input.to_string(),
                None => return Err(fault(&format!("{place}.tool_use.input"), "Field required")),
                Some(_) => {
                    return Err(fault(
                        &format!("{place}.tool_use.input"),
                        "Input should be an object",
                    ));
                },
            },
        })),
        "tool_result" => read_tool_result(members, place),
        _ => Ok(Part::Other(members.into())),
    }
}

fn read_image(mut members: Map<String, Value>, place: &str) -> Result<Part, Fault> {
    let Some(source) = members.get("source") else {
        return Err(fault(&format!("{place}.image.source"), "Field required"));
    };
    let text = |name: &str| {
        source
            .get(name)
            .and_then(Value::as_str)
            .map(str::to_owned)
            .ok_or_else(|| fault(&format!("{place}.image.source.{name}"), "Field required"))
    };
    let image = match source.get("type").and_then(Value::as_str) {
        Some("base64") => Image::Base64 {
            media_type: text("media_type")?,
            data: text("data")?,
        },
        Some("url") => Image::Url {
            url: text("url")?,
            detail: None,
        },
        Some(_) => return Ok(Part::Other(members.into())),
        None => {
            return Err(fault(
                &format!("{place}.image.source.type"),
                "Field required",
            ));
        },
    };
    Ok(Part::Image {
        image,
        cache: take_cache(&mut members),
    })
}

/// A mark for the cache stands on the result itself; inside, the last text or picture carries it.
fn read_tool_result(mut members: Map<String, Value>, place: &str) -> Result<Part, Fault> {
    let id = take_text(
        &mut members,
        place,
        "tool_result.tool_use_id",
        "tool_use_id",
    )?;
    let mut parts = match members.shift_remove("content") {
        None | Some(Value::Null) => Vec::new(),
        Some(content) => read_content(content, &format!("{place}.tool_result.content"))?,
    };
    if let Some(mark) = take_cache(&mut members)
        && let Some(cache) = parts.iter_mut().rev().find_map(Part::cache_mut)
    {
        *cache = Some(mark);
    }
    Ok(Part::ToolResult {
        id,
        name: None,
        parts,
        is_error: members
            .get("is_error")
            .and_then(Value::as_bool)
            .unwrap_or(false),
    })
}

/// Takes a text that must be there. `path` is what a message names it.
fn take_text(
    members: &mut Map<String, Value>,
    place: &str,
    path: &str,
    name: &str,
) -> Result<String, Fault> {
    match members.shift_remove(name) {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(fault(
            &format!("{place}.{path}"),
            "Input should be a valid string",
        )),
        None => Err(fault(&format!("{place}.{path}"), "Field required")),
    }
}

fn optional_text(members: &mut Map<String, Value>, name: &str) -> Option<String> {
    match members.shift_remove(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

pub(super) fn take_cache(members: &mut Map<String, Value>) -> Option<Value> {
    members
        .shift_remove("cache_control")
        .filter(|mark| !mark.is_null())
}

/// A complaint in Anthropic's words: `messages.0.role: Field required`.
pub(super) fn fault(place: &str, what: &str) -> Fault {
    let root = place.split('.').next().unwrap_or(place);
    Fault::invalid(format!("{place}: {what}")).param(root)
}
