//! The neutral form as a chat request.
//!
//! What OpenAI's own API would refuse is shortened, said in other words, or left out.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::effort::effort;
use super::turns::{self, Calls};
use crate::base::{Fault, FaultKind};
use crate::wire::head::{is_own, remove_path};
use crate::wire::neutral::{Format, Request, Tool, ToolChoice};
use crate::wire::{Names, WriteOptions, Written};

/// The longest tool name, in bytes.
pub const LONGEST_NAME: usize = 64;
/// The longest `user`, in letters; as many as a SHA-256 in hex has.
const LONGEST_USER: usize = 64;

/// Writes a request for an upstream that speaks OpenAI's API.
///
/// A stream is always asked to end with its usage. Fails when a hosted tool of another dialect is on
/// offer and `drop_params` is off.
pub fn write_request(request: &Request, options: &WriteOptions<'_>) -> Result<Written, Fault> {
    let mut dropped = Vec::new();
    let mut map = Map::new();
    map.insert("model".to_owned(), options.model.into());
    let calls = Calls {
        names: Names::of(request, LONGEST_NAME),
        signed: base_name(options.model).starts_with("gemini"),
    };
    map.insert(
        "messages".to_owned(),
        turns::write(&request.messages, &calls),
    );
    tools(request, options, &calls.names, (&mut map, &mut dropped))?;
    sampling(request, options, (&mut map, &mut dropped));
    if let Some(effort) = effort(request.thinking.as_ref(), options.model) {
        map.insert("reasoning_effort".to_owned(), effort.into());
    }
    if let Some(user) = &request.user {
        map.insert("user".to_owned(), short(user).into());
    }
    if request.stream {
        map.insert("stream".to_owned(), true.into());
        map.insert("stream_options".to_owned(), json!({"include_usage": true}));
    }
    for (name, value) in &request.extra {
        if !map.contains_key(name) {
            map.insert(name.clone(), value.clone());
        }
    }
    defaults(request, options, &mut map);
    for path in options.drop {
        if path != "model" && path != "messages" {
            remove_path(&mut map, path);
        }
    }
    let body = serde_json::to_vec(&map)
        .map_err(|error| Fault::new(FaultKind::Internal, format!("cannot write JSON: {error}")))?;
    Ok(Written { body, dropped })
}

/// Whether OpenAI's own API wants `max_completion_tokens` for this model: o-series and gpt-5.
pub fn wants_completion_tokens(model: &str) -> bool {
    let name = base_name(model);
    let digit = |rest: &str| {
        rest.bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_digit())
    };
    name.starts_with("gpt-5") || name.strip_prefix('o').is_some_and(digit)
}

/// Whether this is a model of OpenAI's own API, by its name.
fn is_openais(model: &str) -> bool {
    let name = base_name(model);
    let family = ["gpt-", "chatgpt-"]
        .iter()
        .any(|start| name.starts_with(start));
    wants_completion_tokens(model) || (family && !name.starts_with("gpt-oss"))
}

/// The model's own name, behind a maker's.
fn base_name(model: &str) -> &str {
    model.rsplit('/').next().unwrap_or(model)
}

/// The end user as upstreams take it; the same too long name always becomes the same short one.
fn short(user: &str) -> String {
    if user.chars().count() <= LONGEST_USER {
        return user.to_owned();
    }
    let digits = Sha256::digest(user.as_bytes());
    digits.iter().fold(String::new(), |mut hex, byte| {
        let tens = char::from_digit(u32::from(byte >> 4), 16);
        let ones = char::from_digit(u32::from(byte & 15), 16);
        hex.extend([tens, ones].into_iter().flatten());
        hex
    })
}

fn tools(
    request: &Request,
    options: &WriteOptions<'_>,
    names: &Names,
    (map, dropped): (&mut Map<String, Value>, &mut Vec<String>),
) -> Result<(), Fault> {
    let mut list = Vec::new();
    for tool in &request.tools {
        match tool {
            Tool::Function {
                name,
                description,
                schema,
                strict,
                cache: _,
            } => {
                let name = names.told(name);
                list.push(function(name, description.as_deref(), schema, *strict));
            },
            Tool::Hosted(value) if is_foreign(value) => {
                let kind = value
                    .get("type")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                if !options.drop_params {
                    return Err(Fault::new(
                        FaultKind::Unsupported,
                        format!(
                            "the chosen backend speaks OpenAI's API, which has no tool of type \
                             `{kind}`; set `drop_params: true` to leave it out"
                        ),
                    )
                    .param("tools"));
                }
                dropped.push(format!("tools.{kind}"));
            },
            Tool::Hosted(value) => list.push(value.clone()),
        }
    }
    if list.is_empty() {
        return Ok(());
    }
    map.insert("tools".to_owned(), list.into());
    if let Some(choice) = &request.tool_choice {
        map.insert("tool_choice".to_owned(), tool_choice(choice, names));
    }
    if let Some(parallel) = request.parallel_tool_calls {
        map.insert("parallel_tool_calls".to_owned(), parallel.into());
    }
    Ok(())
}

fn function(name: &str, description: Option<&str>, schema: &Value, strict: Option<bool>) -> Value {
    let mut function = Map::new();
    function.insert("name".to_owned(), name.into());
    if let Some(description) = description {
        function.insert("description".to_owned(), description.into());
    }
    function.insert("parameters".to_owned(), schema.clone());
    if let Some(strict) = strict {
        function.insert("strict".to_owned(), strict.into());
    }
    json!({"type": "function", "function": function})
}

/// Anthropic's hosted tools carry a date: `web_search_20250305`.
fn is_foreign(tool: &Value) -> bool {
    let kind = tool.get("type").and_then(Value::as_str).unwrap_or_default();
    kind.rsplit_once('_')
        .is_some_and(|(_, date)| date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit()))
}

fn tool_choice(choice: &ToolChoice, names: &Names) -> Value {
    match choice {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Required => "required".into(),
        ToolChoice::Function(name) => {
            json!({"type": "function", "function": {"name": names.told(name)}})
        },
    }
}

fn sampling(
    request: &Request,
    options: &WriteOptions<'_>,
    (map, dropped): (&mut Map<String, Value>, &mut Vec<String>),
) {
    // OpenAI's own API refuses it, and a model of theirs could not use it elsewhere.
    let top_k = request.top_k.filter(|_| !is_openais(options.model));
    if top_k != request.top_k {
        dropped.push("top_k".to_owned());
    }
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            map.insert(name.to_owned(), value);
        }
    };
    let limit = if wants_completion_tokens(options.model) {
        "max_completion_tokens"
    } else {
        "max_tokens"
    };
    put(limit, request.max_tokens.map(Value::from));
    put("temperature", request.temperature.map(Value::from));
    put("top_p", request.top_p.map(Value::from));
    put("top_k", top_k.map(Value::from));
    put("seed", request.seed.map(Value::from));
    put(
        "frequency_penalty",
        request.frequency_penalty.map(Value::from),
    );
    put(
        "presence_penalty",
        request.presence_penalty.map(Value::from),
    );
    let stop = (!request.stop.is_empty()).then(|| json!(request.stop));
    put("stop", stop);
    put("n", request.n.map(Value::from));
    put("response_format", request.format.as_ref().map(format));
}

fn format(format: &Format) -> Value {
    match format {
        Format::Json => json!({"type": "json_object"}),
        Format::Schema {
            name,
            schema,
            strict,
        } => {
            let mut inner = Map::new();
            let name = name.as_deref().unwrap_or("answer");
            inner.insert("name".to_owned(), name.into());
            inner.insert("schema".to_owned(), schema.clone());
            if let Some(strict) = strict {
                inner.insert("strict".to_owned(), (*strict).into());
            }
            json!({"type": "json_schema", "json_schema": inner})
        },
    }
}

fn defaults(request: &Request, options: &WriteOptions<'_>, map: &mut Map<String, Value>) {
    for (name, value) in options.defaults {
        let limit = matches!(name.as_str(), "max_tokens" | "max_completion_tokens");
        let sent = map.contains_key(name) || (limit && request.max_tokens.is_some());
        if sent || is_own(name) || name == "stream_options" {
            continue;
        }
        let name = if name == "max_tokens" && wants_completion_tokens(options.model) {
            "max_completion_tokens"
        } else {
            name
        };
        map.insert(name.to_owned(), value.clone());
    }
}
