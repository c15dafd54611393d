//! Reads a client's request, with the checks and the words of Anthropic's own API.
//!
//! Called by `proxy` when a client of `/v1/messages` is to be served by another dialect. Where both
//! sides speak this one, the bytes are forwarded and nothing of this runs.

use serde_json::{Map, Value};

use super::blocks::{fault, read_content, take_cache};
use crate::base::Fault;
use crate::wire::head::is_own;
use crate::wire::neutral::{Format, Message, Part, Request, Role, Thinking, Tool, ToolChoice};
use crate::wire::params::read_thinking;

/// How Claude Code begins a line for Anthropic's accounts that changes with every request.
const BILLING_LINE: &str = "x-anthropic-billing-header:";

/// Reads a request for a message. Fails with a message like Anthropic's that names the member.
pub fn parse_request(body: &[u8]) -> Result<Request, Fault> {
    let mut members = members_of(body)?;
    if !members.contains_key("max_tokens") {
        return Err(fault("max_tokens", "Field required"));
    }
    read_request(&mut members)
}

/// Reads a request for a count of tokens: the same, but `max_tokens` need not be there.
pub fn parse_count_request(body: &[u8]) -> Result<Request, Fault> {
    read_request(&mut members_of(body)?)
}

fn members_of(body: &[u8]) -> Result<Map<String, Value>, Fault> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(Fault::invalid("The request body must be a JSON object")),
        Err(error) => Err(Fault::invalid(format!(
            "The request body is not valid JSON: {error}"
        ))),
    }
}

fn read_request(members: &mut Map<String, Value>) -> Result<Request, Fault> {
    let model = match members.shift_remove("model") {
        Some(Value::String(model)) => model,
        Some(_) => return Err(fault("model", "Input should be a valid string")),
        None => return Err(fault("model", "Field required")),
    };
    let mut messages = read_system(members.shift_remove("system"))?;
    match members.shift_remove("messages") {
        Some(Value::Array(list)) if list.is_empty() => {
            return Err(fault("messages", "at least one message is required"));
        },
        Some(Value::Array(list)) => {
            for (at, message) in list.into_iter().enumerate() {
                messages.push(read_message(message, at)?);
            }
        },
        Some(_) => return Err(fault("messages", "Input should be a valid list")),
        None => return Err(fault("messages", "Field required")),
    }
    let (tool_choice, parallel_tool_calls) = read_tool_choice(members.shift_remove("tool_choice"))?;
    let mut request = Request {
        model,
        messages,
        tools: read_tools(members.shift_remove("tools"))?,
        tool_choice,
        parallel_tool_calls,
        max_tokens: take(members, "max_tokens", Value::as_u64, "a valid integer")?,
        temperature: take(members, "temperature", Value::as_f64, "a valid number")?,
        top_p: take(members, "top_p", Value::as_f64, "a valid number")?,
        top_k: take(members, "top_k", Value::as_u64, "a valid integer")?,
        stop: read_stop(members.shift_remove("stop_sequences"))?,
        stream: take(members, "stream", Value::as_bool, "a valid boolean")?.unwrap_or(false),
        thinking: read_thinking_member(members.shift_remove("thinking"))?,
        include_usage: true,
        ..Request::default()
    };
    read_output_config(members, &mut request);
    read_metadata(members, &mut request);
    let members = std::mem::take(members).into_iter();
    request.extra = members.filter(|(name, _)| !is_own(name)).collect();
    Ok(request)
}

/// Takes a member that is absent, null or of one type.
fn take<T>(
    members: &mut Map<String, Value>,
    name: &str,
    read: impl FnOnce(&Value) -> Option<T>,
    expected: &str,
) -> Result<Option<T>, Fault> {
    match members.shift_remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match read(&value) {
            Some(value) => Ok(Some(value)),
            None => Err(fault(name, &format!("Input should be {expected}"))),
        },
    }
}

fn read_system(system: Option<Value>) -> Result<Vec<Message>, Fault> {
    let parts = match system {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(content) => read_content(content, "system")?,
    };
    let parts: Vec<Part> = parts.into_iter().filter_map(without_billing_line).collect();
    if parts.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![Message {
        role: Role::System,
        parts,
        name: None,
    }])
}

/// Takes Claude Code's billing line out of the system prompt. It means nothing to another upstream,
/// and as it changes with every request it would spoil each prompt cache from its first token on.
fn without_billing_line(part: Part) -> Option<Part> {
    match part {
        Part::Text { text, cache } if text.starts_with(BILLING_LINE) => {
            let (_, rest) = text.split_once('\n')?;
            let text = rest.to_owned();
            (!text.is_empty()).then_some(Part::Text { text, cache })
        },
        other => Some(other),
    }
}

fn read_message(message: Value, at: usize) -> Result<Message, Fault> {
    let place = format!("messages.{at}");
    let Value::Object(mut members) = message else {
        return Err(fault(&place, "Input should be an object"));
    };
    let role = match members.get("role").map(Value::as_str) {
        Some(Some("user")) => Role::User,
        Some(Some("assistant")) => Role::Assistant,
        Some(Some("system")) => Role::System,
        Some(_) => {
            return Err(fault(
                &format!("{place}.role"),
                "Input should be 'user' or 'assistant'",
            ));
        },
        None => return Err(fault(&format!("{place}.role"), "Field required")),
    };
    let content = members.shift_remove("content");
    let content = content.ok_or_else(|| fault(&format!("{place}.content"), "Field required"))?;
    Ok(Message {
        role,
        parts: read_content(content, &format!("{place}.content"))?,
        name: None,
    })
}

fn read_tools(tools: Option<Value>) -> Result<Vec<Tool>, Fault> {
    match tools {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(tools)) => tools
            .into_iter()
            .enumerate()
            .map(|(at, tool)| read_tool(tool, at))
            .collect(),
        Some(_) => Err(fault("tools", "Input should be a valid list")),
    }
}

/// A tool without a type, or of type `custom`, is the client's own; any other is hosted.
fn read_tool(tool: Value, at: usize) -> Result<Tool, Fault> {
    let Value::Object(mut members) = tool else {
        return Err(fault(&format!("tools.{at}"), "Input should be an object"));
    };
    match members.get("type") {
        None | Some(Value::Null) => {},
        Some(kind) if kind == "custom" => {},
        Some(_) => return Ok(Tool::Hosted(members.into())),
    }
    let Some(Value::String(name)) = members.shift_remove("name") else {
        return Err(fault(&format!("tools.{at}.custom.name"), "Field required"));
    };
    let Some(schema) = members.shift_remove("input_schema") else {
        return Err(fault(
            &format!("tools.{at}.custom.input_schema"),
            "Field required",
        ));
    };
    Ok(Tool::Function {
        name,
        description: members
            .get("description")
            .and_then(Value::as_str)
            .map(str::to_owned),
        schema,
        strict: members.get("strict").and_then(Value::as_bool),
        cache: take_cache(&mut members),
    })
}

fn read_tool_choice(choice: Option<Value>) -> Result<(Option<ToolChoice>, Option<bool>), Fault> {
    let Some(choice) = choice.filter(|choice| !choice.is_null()) else {
        return Ok((None, None));
    };
    let kind = match choice.get("type").and_then(Value::as_str) {
        Some("auto") => ToolChoice::Auto,
        Some("any") => ToolChoice::Required,
        Some("none") => ToolChoice::None,
        Some("tool") => match choice.get("name").and_then(Value::as_str) {
            Some(name) => ToolChoice::Function(name.to_owned()),
            None => return Err(fault("tool_choice.tool.name", "Field required")),
        },
        _ => {
            let expected = "Input should be 'auto', 'any', 'tool' or 'none'";
            return Err(fault("tool_choice.type", expected));
        },
    };
    let single = choice
        .get("disable_parallel_tool_use")
        .and_then(Value::as_bool);
    Ok((Some(kind), single.map(|single| !single)))
}

fn read_stop(stop: Option<Value>) -> Result<Vec<String>, Fault> {
    let wrong = || fault("stop_sequences", "Input should be a list of strings");
    match stop {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => items
            .into_iter()
            .map(|item| match item {
                Value::String(text) => Ok(text),
                _ => Err(wrong()),
            })
            .collect(),
        Some(_) => Err(wrong()),
    }
}

fn read_thinking_member(thinking: Option<Value>) -> Result<Option<Thinking>, Fault> {
    match thinking {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match read_thinking(&value) {
            Some(thinking) => Ok(Some(thinking)),
            None => Err(fault(
                "thinking.type",
                "Input should be 'enabled', 'disabled' or 'adaptive'",
            )),
        },
    }
}

/// `output_config.format` is the form of the answer; `effort` is how hard to think when thinking is
/// left to the model. What else stands there stays.
fn read_output_config(members: &mut Map<String, Value>, request: &mut Request) {
    let schema = |format: &Value| {
        (format.get("type").and_then(Value::as_str) == Some("json_schema")).then(|| {
            Format::Schema {
                name: None,
                schema: format.get("schema").cloned().unwrap_or_default(),
                strict: None,
            }
        })
    };
    if let Some(format) = members.get("output_format").and_then(schema) {
        request.format = Some(format);
        members.shift_remove("output_format");
    }
    let Some(Value::Object(config)) = members.get_mut("output_config") else {
        return;
    };
    if let Some(format) = config.get("format").and_then(schema) {
        request.format = Some(format);
        config.shift_remove("format");
    }
    if let (Some(Thinking::On), Some(Value::String(effort))) =
        (&request.thinking, config.get("effort"))
    {
        request.thinking = Some(Thinking::Effort(effort.clone()));
        config.shift_remove("effort");
    }
    if config.is_empty() {
        members.shift_remove("output_config");
    }
}

fn read_metadata(members: &mut Map<String, Value>, request: &mut Request) {
    let Some(Value::Object(metadata)) = members.get_mut("metadata") else {
        return;
    };
    if let Some(Value::String(user)) = metadata.shift_remove("user_id") {
        request.user = Some(user);
    }
    if metadata.is_empty() {
        members.shift_remove("metadata");
    }
}
