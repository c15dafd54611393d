//! What upstreams that speak OpenAI's API say of their failures, in all the shapes they use.

use serde_json::{Map, Value};

use crate::wire::UpstreamError;

/// Longest message taken from a body that is not JSON, in characters.
const MAX_TEXT: usize = 300;
/// How often a message may itself be a JSON document.
const MAX_NESTED: usize = 3;

/// Reads an error body: an object or a string under `error`, `detail`, a bare `message`, a JSON
/// document inside a message, plain text, a page of HTML, or nothing at all.
pub fn parse_error(status: u16, body: &[u8]) -> UpstreamError {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    let message = if text.is_empty() {
        format!("the upstream answered {status} with an empty body")
    } else if let Ok(value) = serde_json::from_str::<Value>(text) {
        let found = of_value(&value, 0);
        if !found.message.is_empty() {
            return found;
        }
        let named = short(text);
        return UpstreamError {
            message: named,
            ..found
        };
    } else if text.starts_with('<') {
        match title(text) {
            Some(title) => format!("the upstream answered {status} with a web page: {title}"),
            None => format!("the upstream answered {status} with a web page"),
        }
    } else {
        short(text)
    };
    UpstreamError {
        message,
        ..UpstreamError::default()
    }
}

/// Reads the value of an `error` member, or of a whole error body.
pub(super) fn of_value(value: &Value, depth: usize) -> UpstreamError {
    match value {
        Value::String(text) => of_text(text, depth),
        Value::Array(list) => list.first().map_or_else(UpstreamError::default, |first| {
            let mut found = of_value(first, depth);
            if let Some(place) = first.get("loc") {
                found.message = format!("{}: {}", place_of(place), found.message);
            }
            found
        }),
        Value::Object(map) => of_map(map, depth),
        _ => UpstreamError::default(),
    }
}

fn of_map(map: &Map<String, Value>, depth: usize) -> UpstreamError {
    let text = |name: &str| map.get(name).and_then(Value::as_str).unwrap_or_default();
    let inner = ["error", "detail", "errors"]
        .iter()
        .find_map(|name| map.get(*name).filter(|value| !value.is_null()));
    let mut found = match inner {
        Some(inner) if depth <= MAX_NESTED => of_value(inner, depth + 1),
        _ => UpstreamError::default(),
    };
    if found.message.is_empty() {
        let spoken = ["message", "msg", "error_message", "title"]
            .iter()
            .find_map(|name| map.get(*name).filter(|value| !value.is_null()));
        if let Some(spoken) = spoken {
            let said = of_value(spoken, depth + 1);
            found = UpstreamError {
                kind: first(said.kind, found.kind),
                code: first(said.code, found.code),
                param: first(said.param, found.param),
                status: said.status.or(found.status),
                message: said.message,
            };
        }
    }
    if found.kind.is_empty() && text("type") != "error" {
        text("type").clone_into(&mut found.kind);
    }
    if found.kind.is_empty() {
        text("status").clone_into(&mut found.kind);
    }
    if found.param.is_empty() {
        text("param").clone_into(&mut found.param);
    }
    code(map, &mut found);
    found
}

fn code(map: &Map<String, Value>, found: &mut UpstreamError) {
    let (number, word) = match map.get("code").or_else(|| map.get("status_code")) {
        Some(Value::Number(number)) => (number.as_u64(), number.to_string()),
        Some(Value::String(word)) => (word.parse().ok(), word.clone()),
        _ => return,
    };
    let status = number
        .and_then(|number| u16::try_from(number).ok())
        .filter(|status| (400..600).contains(status));
    found.status = found.status.or(status);
    if found.code.is_empty() && status.is_none() {
        found.code = word;
    }
}

/// A message, or a JSON document that says one.
fn of_text(text: &str, depth: usize) -> UpstreamError {
    let trimmed = text.trim();
    if depth <= MAX_NESTED
        && trimmed.starts_with('{')
        && let Ok(value) = serde_json::from_str::<Value>(trimmed)
    {
        let found = of_value(&value, depth + 1);
        if !found.message.is_empty() {
            return found;
        }
    }
    UpstreamError {
        message: text.to_owned(),
        ..UpstreamError::default()
    }
}

fn first(one: String, other: String) -> String {
    if one.is_empty() { other } else { one }
}

/// `["body", "messages", 0]` → `body.messages.0`
fn place_of(place: &Value) -> String {
    let parts: Vec<String> = place
        .as_array()
        .into_iter()
        .flatten()
        .map(|part| {
            part.as_str()
                .map_or_else(|| part.to_string(), str::to_owned)
        })
        .collect();
    parts.join(".")
}

fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= MAX_TEXT {
        return line;
    }
    let mut cut: String = line.chars().take(MAX_TEXT).collect();
    cut.push('…');
    cut
}

/// The title of a page, else nothing.
fn title(page: &str) -> Option<String> {
    let lower = page.to_ascii_lowercase();
    let start = lower.find("<title>")? + "<title>".len();
    let len = lower.get(start..)?.find("</title>")?;
    let title = short(page.get(start..start + len)?);
    (!title.is_empty()).then_some(title)
}
