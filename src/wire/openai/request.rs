//! A chat request into the neutral form.

use serde_json::{Map, Value};

use super::field::{self, wrong_type};
use super::message;
use crate::base::Fault;
use crate::wire::head::{is_own, not_json};
use crate::wire::neutral::{Format, Request, Thinking, Tool, ToolChoice};
use crate::wire::scan;

/// Reads a chat request. Members the neutral form has no place for go to `extra`; the gateway's own
/// are left out.
pub fn parse_request(body: &[u8]) -> Result<Request, Fault> {
    let mut map = parse_map(body)?;
    let messages = field::take(&mut map, "messages").ok_or_else(|| field::missing("messages"))?;
    let mut request = parse_common(&mut map)?;
    request.messages = message::parse(messages)?;
    request.extra = extra(map);
    Ok(request)
}

/// The whole body as a map; no name may stand twice in it.
pub(super) fn parse_map(body: &[u8]) -> Result<Map<String, Value>, Fault> {
    scan::object(body).map_err(|error| not_json(body, &error))?;
    serde_json::from_slice(body).map_err(|error| {
        Fault::invalid(format!(
            "We could not parse the JSON body of your request: {error}"
        ))
    })
}

/// What no reader took and is not the gateway's own.
pub(super) fn extra(map: Map<String, Value>) -> Map<String, Value> {
    let store = map.get("store") == Some(&Value::Bool(true));
    map.into_iter()
        .filter(|(name, value)| !is_own(name) && !value.is_null() && (store || name != "metadata"))
        .collect()
}

/// Everything of a request but its prompt and its extras.
pub(super) fn parse_common(map: &mut Map<String, Value>) -> Result<Request, Fault> {
    let model = field::string(map, "model", "model")?
        .filter(|model| !model.is_empty())
        .ok_or_else(|| Fault::invalid("you must provide a model parameter").param("model"))?;
    let old_limit = limit(map, "max_tokens")?;
    Ok(Request {
        model,
        messages: Vec::new(),
        tools: tools(map)?,
        tool_choice: tool_choice(map)?,
        parallel_tool_calls: field::flag(map, "parallel_tool_calls")?,
        max_tokens: limit(map, "max_completion_tokens")?.or(old_limit),
        temperature: field::decimal(map, "temperature")?,
        top_p: field::decimal(map, "top_p")?,
        top_k: field::count(map, "top_k")?,
        seed: field::integer(map, "seed")?,
        frequency_penalty: field::decimal(map, "frequency_penalty")?,
        presence_penalty: field::decimal(map, "presence_penalty")?,
        stop: field::strings(map, "stop")?,
        n: field::count(map, "n")?,
        format: format(map)?,
        thinking: thinking(map)?,
        user: field::string(map, "user", "user")?,
        stream: field::flag(map, "stream")?.unwrap_or(false),
        include_usage: include_usage(map)?,
        extra: Map::new(),
    })
}

/// Most tokens of the answer. Many clients and local servers say -1 for "no limit".
fn limit(map: &mut Map<String, Value>, name: &str) -> Result<Option<u64>, Fault> {
    if map
        .get(name)
        .and_then(Value::as_i64)
        .is_some_and(|n| n == -1)
    {
        map.shift_remove(name);
    }
    field::count(map, name)
}

fn include_usage(map: &mut Map<String, Value>) -> Result<bool, Fault> {
    match field::take(map, "stream_options") {
        None => Ok(false),
        Some(Value::Object(mut options)) => {
            Ok(field::flag(&mut options, "include_usage")?.unwrap_or(false))
        },
        Some(other) => Err(wrong_type("stream_options", "an object", &other)),
    }
}

fn tools(map: &mut Map<String, Value>) -> Result<Vec<Tool>, Fault> {
    let mut tools = Vec::new();
    match field::take(map, "tools") {
        None => {},
        Some(Value::Array(list)) => {
            for (i, item) in list.into_iter().enumerate() {
                tools.push(tool(item, &format!("tools[{i}]"))?);
            }
        },
        Some(other) => return Err(wrong_type("tools", "an array of objects", &other)),
    }
    match field::take(map, "functions") {
        None => {},
        Some(Value::Array(list)) => {
            for (i, item) in list.into_iter().enumerate() {
                tools.push(function(item, &format!("functions[{i}]"), None)?);
            }
        },
        Some(other) => return Err(wrong_type("functions", "an array of objects", &other)),
    }
    Ok(tools)
}

fn tool(item: Value, path: &str) -> Result<Tool, Fault> {
    let Value::Object(mut map) = item else {
        return Err(wrong_type(path, "an object", &item));
    };
    let is_function = match map.get("type").and_then(Value::as_str) {
        Some(kind) => kind == "function",
        None => map.contains_key("function"),
    };
    if !is_function {
        return Ok(Tool::Hosted(Value::Object(map)));
    }
    let path = format!("{path}.function");
    let cache = field::take(&mut map, "cache_control");
    let inner = field::take(&mut map, "function").ok_or_else(|| field::missing(&path))?;
    function(inner, &path, cache)
}

fn function(item: Value, path: &str, cache: Option<Value>) -> Result<Tool, Fault> {
    let Value::Object(mut map) = item else {
        return Err(wrong_type(path, "an object", &item));
    };
    let name_path = format!("{path}.name");
    let name =
        field::string(&mut map, "name", &name_path)?.ok_or_else(|| field::missing(&name_path))?;
    Ok(Tool::Function {
        name,
        description: field::string(&mut map, "description", &format!("{path}.description"))?,
        schema: field::take(&mut map, "parameters")
            .unwrap_or_else(|| serde_json::json!({"type": "object", "properties": {}})),
        strict: field::flag(&mut map, "strict")?,
        cache: cache.or_else(|| field::take(&mut map, "cache_control")),
    })
}

fn tool_choice(map: &mut Map<String, Value>) -> Result<Option<ToolChoice>, Fault> {
    let legacy = field::take(map, "function_call");
    let Some(choice) = field::take(map, "tool_choice").or(legacy) else {
        return Ok(None);
    };
    let word = choice.as_str();
    match word {
        Some("auto") => return Ok(Some(ToolChoice::Auto)),
        Some("none") => return Ok(Some(ToolChoice::None)),
        Some("required" | "any") => return Ok(Some(ToolChoice::Required)),
        Some(other) => {
            return Err(Fault::invalid(format!(
                "Invalid value: '{other}'. Supported values are: 'none', 'auto', and 'required'."
            ))
            .param("tool_choice"));
        },
        None => {},
    }
    if !choice.is_object() {
        return Err(wrong_type(
            "tool_choice",
            "one of a string or an object",
            &choice,
        ));
    }
    let name = choice
        .pointer("/function/name")
        .or_else(|| choice.get("name"))
        .and_then(Value::as_str);
    if let Some(name) = name {
        return Ok(Some(ToolChoice::Function(name.to_owned())));
    }
    // `allowed_tools` and what may come: as it was written.
    map.insert("tool_choice".to_owned(), choice);
    Ok(None)
}

fn format(map: &mut Map<String, Value>) -> Result<Option<Format>, Fault> {
    const NAME: &str = "response_format";
    let Some(format) = field::take(map, NAME) else {
        return Ok(None);
    };
    match format.get("type").and_then(Value::as_str) {
        Some("text") => Ok(None),
        Some("json_object") => Ok(Some(Format::Json)),
        Some("json_schema") => {
            let path = "response_format.json_schema";
            let inner = format
                .get("json_schema")
                .ok_or_else(|| field::missing(path))?;
            Ok(Some(Format::Schema {
                name: inner.get("name").and_then(Value::as_str).map(str::to_owned),
                schema: inner
                    .get("schema")
                    .cloned()
                    .unwrap_or_else(|| serde_json::json!({"type": "object"})),
                strict: inner.get("strict").and_then(Value::as_bool),
            }))
        },
        Some(_) => {
            map.insert(NAME.to_owned(), format);
            Ok(None)
        },
        None if format.is_object() => Err(field::missing("response_format.type")),
        None => Err(wrong_type(NAME, "an object", &format)),
    }
}

/// `reasoning_effort`, or Anthropic's `thinking` that clients of proxies send.
fn thinking(map: &mut Map<String, Value>) -> Result<Option<Thinking>, Fault> {
    let effort = field::string(map, "reasoning_effort", "reasoning_effort")?;
    let given = field::take(map, "thinking");
    if let Some(effort) = effort {
        return Ok(Some(match effort.as_str() {
            "none" | "disable" => Thinking::Off,
            _ => Thinking::Effort(effort),
        }));
    }
    let Some(given) = given else {
        return Ok(None);
    };
    let budget = given.get("budget_tokens").and_then(Value::as_u64);
    match (given.get("type").and_then(Value::as_str), budget) {
        (Some("disabled"), _) => Ok(Some(Thinking::Off)),
        (_, Some(budget)) => Ok(Some(Thinking::Budget(budget))),
        (Some("enabled" | "adaptive" | "auto"), None) => Ok(Some(Thinking::On)),
        _ => match given {
            Value::Bool(true) => Ok(Some(Thinking::On)),
            Value::Bool(false) => Ok(Some(Thinking::Off)),
            other => Err(wrong_type("thinking", "an object with a type", &other)),
        },
    }
}
