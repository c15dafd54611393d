//! What a request asks besides its messages, settled for one upstream.
//!
//! A deployment's defaults go in where the client sent nothing, `additional_drop_params` go out, and
//! [`LeftOut`] keeps the account of what a dialect cannot say. Called by the dialects' writers of
//! requests; knows no dialect of upstreams itself.

use std::borrow::Cow;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::base::{Fault, FaultKind};
use crate::wire::neutral::{Format, Request, Thinking, Tool, ToolChoice};
use crate::wire::shape::WriteOptions;

/// What was left out of a request, or must be refused.
#[derive(Debug)]
pub struct LeftOut {
    upstream: &'static str,
    drop_params: bool,
    names: Vec<String>,
}

impl LeftOut {
    /// An empty account for an upstream of this name (`Anthropic`).
    pub const fn new(upstream: &'static str, drop_params: bool) -> Self {
        Self {
            upstream,
            drop_params,
            names: Vec::new(),
        }
    }

    /// Leaves `name` out where `drop_params` allows it, refuses the request otherwise. `why` tells
    /// more and may be empty.
    pub fn refuse(&mut self, name: &str, why: &str) -> Result<(), Fault> {
        if self.drop_params {
            self.note(name);
            return Ok(());
        }
        let upstream = self.upstream;
        let why = if why.is_empty() {
            String::new()
        } else {
            format!(" ({why})")
        };
        Err(Fault::new(
            FaultKind::Unsupported,
            format!(
                "{upstream} does not support `{name}`{why}: leave it out or set `drop_params: true`"
            ),
        )
        .param(name))
    }

    /// Notes a member that may always be left out: a hint that changes no answer's form.
    pub fn note(&mut self, name: &str) {
        if !self.names.iter().any(|known| known == name) {
            self.names.push(name.to_owned());
        }
    }

    /// The names of all that was left out.
    pub fn into_names(self) -> Vec<String> {
        self.names
    }
}

/// The parameters of `request` as the upstream shall see them; its messages are left behind.
pub fn settle(request: &Request, options: &WriteOptions<'_>) -> Request {
    let mut settled = parameters(request);
    for name in [
        "extra_body",
        "thinking",
        "reasoning_effort",
        "think",
        "top_k",
        "stop_sequences",
    ] {
        if let Some(value) = settled.extra.shift_remove(name) {
            put_default(&mut settled, name, &value);
        }
    }
    for (name, value) in options.defaults {
        put_default(&mut settled, name, value);
    }
    for path in options.drop {
        take_out(&mut settled, path);
    }
    settled
}

/// Reads `thinking` as Anthropic and LiteLLM write it.
pub fn read_thinking(value: &Value) -> Option<Thinking> {
    match value.get("type").and_then(Value::as_str)? {
        "disabled" => Some(Thinking::Off),
        "enabled" => Some(
            value
                .get("budget_tokens")
                .and_then(Value::as_u64)
                .map_or(Thinking::On, Thinking::Budget),
        ),
        "adaptive" => Some(Thinking::On),
        _ => None,
    }
}

/// Splits `data:image/png;base64,…` into media type and base64; `None` for any other address.
pub fn split_data_uri(uri: &str) -> Option<(&str, &str)> {
    let (head, data) = uri.strip_prefix("data:")?.split_once(',')?;
    let media_type = head.strip_suffix(";base64")?;
    let media_type = media_type
        .split_once(';')
        .map_or(media_type, |(kind, _)| kind);
    Some((media_type, data))
}

/// The arguments of a tool call as a JSON object, exactly as they came where they are one.
///
/// A model may have written something else; the conversation must go on, so that is kept as text.
pub fn arguments_object(arguments: &str) -> Cow<'_, str> {
    let text = arguments.trim();
    if text.is_empty() || text == "null" {
        return "{}".into();
    }
    let is_json = serde_json::from_str::<&RawValue>(text).is_ok();
    if is_json && text.starts_with('{') {
        return text.into();
    }
    serde_json::json!({ "arguments": arguments })
        .to_string()
        .into()
}

/// All of a request but its messages, which may be large.
fn parameters(request: &Request) -> Request {
    Request {
        model: request.model.clone(),
        messages: Vec::new(),
        tools: request.tools.clone(),
        tool_choice: request.tool_choice.clone(),
        parallel_tool_calls: request.parallel_tool_calls,
        max_tokens: request.max_tokens,
        temperature: request.temperature,
        top_p: request.top_p,
        top_k: request.top_k,
        seed: request.seed,
        frequency_penalty: request.frequency_penalty,
        presence_penalty: request.presence_penalty,
        stop: request.stop.clone(),
        n: request.n,
        format: request.format.clone(),
        thinking: request.thinking.clone(),
        user: request.user.clone(),
        stream: request.stream,
        include_usage: request.include_usage,
        extra: request.extra.clone(),
    }
}

fn put_default(settled: &mut Request, name: &str, value: &Value) {
    match name {
        "model" | "messages" | "stream" | "stream_options" => {},
        "max_tokens" | "max_completion_tokens" => or_set(&mut settled.max_tokens, value.as_u64()),
        "temperature" => or_set(&mut settled.temperature, value.as_f64()),
        "top_p" => or_set(&mut settled.top_p, value.as_f64()),
        "top_k" => or_set(&mut settled.top_k, value.as_u64()),
        "seed" => or_set(&mut settled.seed, value.as_i64()),
        "frequency_penalty" => or_set(&mut settled.frequency_penalty, value.as_f64()),
        "presence_penalty" => or_set(&mut settled.presence_penalty, value.as_f64()),
        "n" => or_set(&mut settled.n, value.as_u64()),
        "user" => or_set(&mut settled.user, value.as_str().map(str::to_owned)),
        "parallel_tool_calls" => or_set(&mut settled.parallel_tool_calls, value.as_bool()),
        "response_format" => or_set(&mut settled.format, read_format(value)),
        "reasoning_effort" => {
            let effort = value.as_str().map(|word| Thinking::Effort(word.to_owned()));
            or_set(&mut settled.thinking, effort);
        },
        "thinking" => or_set(&mut settled.thinking, read_thinking(value)),
        "think" => or_set(&mut settled.thinking, read_think(value)),
        "stop" | "stop_sequences" if settled.stop.is_empty() => settled.stop = texts(value),
        "stop" | "stop_sequences" => {},
        "tools" if settled.tools.is_empty() => settled.tools = read_tools(value),
        "tools" => {},
        "tool_choice" => or_set(&mut settled.tool_choice, read_tool_choice(value)),
        "extra_body" => {
            for (name, value) in value.as_object().into_iter().flatten() {
                put_default(settled, name, value);
            }
        },
        _ if !settled.extra.contains_key(name) => {
            settled.extra.insert(name.to_owned(), value.clone());
        },
        _ => {},
    }
}

fn or_set<T>(slot: &mut Option<T>, value: Option<T>) {
    if slot.is_none() {
        *slot = value;
    }
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items
            .iter()
            .filter_map(|item| item.as_str().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    }
}

fn read_think(value: &Value) -> Option<Thinking> {
    match value {
        Value::Bool(true) => Some(Thinking::On),
        Value::Bool(false) => Some(Thinking::Off),
        Value::String(level) => Some(Thinking::Effort(level.clone())),
        _ => None,
    }
}

fn read_format(value: &Value) -> Option<Format> {
    match value.get("type").and_then(Value::as_str)? {
        "json_object" => Some(Format::Json),
        "json_schema" => {
            let body = value.get("json_schema")?;
            Some(Format::Schema {
                name: body.get("name").and_then(Value::as_str).map(str::to_owned),
                schema: body.get("schema")?.clone(),
                strict: body.get("strict").and_then(Value::as_bool),
            })
        },
        _ => None,
    }
}

fn read_tools(value: &Value) -> Vec<Tool> {
    let read = |tool: &Value| match tool.get("function") {
        Some(function) => Tool::Function {
            name: function
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            description: function
                .get("description")
                .and_then(Value::as_str)
                .map(str::to_owned),
            schema: function
                .get("parameters")
                .cloned()
                .unwrap_or_else(|| Map::new().into()),
            strict: function.get("strict").and_then(Value::as_bool),
            cache: tool.get("cache_control").cloned(),
        },
        None => Tool::Hosted(tool.clone()),
    };
    value.as_array().into_iter().flatten().map(read).collect()
}

fn read_tool_choice(value: &Value) -> Option<ToolChoice> {
    match value.as_str() {
        Some("auto") => Some(ToolChoice::Auto),
        Some("none") => Some(ToolChoice::None),
        Some("required" | "any") => Some(ToolChoice::Required),
        Some(_) => None,
        None => {
            let name = value.get("function").unwrap_or(value).get("name")?;
            Some(ToolChoice::Function(name.as_str()?.to_owned()))
        },
    }
}

/// Takes out what an entry of `additional_drop_params` names: `seed`, `tools[*].function.strict`.
fn take_out(settled: &mut Request, path: &str) {
    match path {
        "max_tokens" | "max_completion_tokens" => settled.max_tokens = None,
        "temperature" => settled.temperature = None,
        "top_p" => settled.top_p = None,
        "top_k" => settled.top_k = None,
        "seed" => settled.seed = None,
        "frequency_penalty" => settled.frequency_penalty = None,
        "presence_penalty" => settled.presence_penalty = None,
        "n" => settled.n = None,
        "user" => settled.user = None,
        "parallel_tool_calls" => settled.parallel_tool_calls = None,
        "response_format" => settled.format = None,
        "reasoning_effort" | "thinking" | "think" => settled.thinking = None,
        "stop" | "stop_sequences" => settled.stop.clear(),
        "tool_choice" => settled.tool_choice = None,
        "tools" => settled.tools.clear(),
        _ => match path.strip_prefix("tools[*].") {
            Some(rest) => settled
                .tools
                .iter_mut()
                .for_each(|tool| take_out_of_tool(tool, rest)),
            None => take_out_of(&mut settled.extra, path),
        },
    }
}

fn take_out_of_tool(tool: &mut Tool, path: &str) {
    match tool {
        Tool::Function {
            strict,
            description,
            schema,
            cache,
            ..
        } => match path.strip_prefix("function.").unwrap_or(path) {
            "strict" => *strict = None,
            "description" => *description = None,
            "cache_control" => *cache = None,
            inner => {
                let inner = inner.strip_prefix("parameters.");
                if let (Some(inner), Some(schema)) = (inner, schema.as_object_mut()) {
                    take_out_of(schema, inner);
                }
            },
        },
        Tool::Hosted(value) => {
            if let Some(members) = value.as_object_mut() {
                take_out_of(members, path);
            }
        },
    }
}

fn take_out_of(members: &mut Map<String, Value>, path: &str) {
    let Some((head, rest)) = path.split_once('.') else {
        members.shift_remove(path);
        return;
    };
    match head.strip_suffix("[*]") {
        Some(head) => {
            let items = members.get_mut(head).and_then(Value::as_array_mut);
            for item in items.into_iter().flatten() {
                item.as_object_mut()
                    .into_iter()
                    .for_each(|item| take_out_of(item, rest));
            }
        },
        None => {
            if let Some(inner) = members.get_mut(head).and_then(Value::as_object_mut) {
                take_out_of(inner, rest);
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settle_with(request: &Request, defaults: &Value, drop: &[&str]) -> Request {
        let drop: Vec<String> = drop.iter().map(|&name| name.to_owned()).collect();
        let options = WriteOptions {
            model: "m",
            drop_params: false,
            drop: &drop,
            defaults: defaults.as_object().unwrap(),
            max_tokens: 100,
        };
        settle(request, &options)
    }

    #[test]
    fn defaults_stand_only_where_the_client_said_nothing() {
        let request = Request {
            temperature: Some(0.5),
            extra: json!({"num_ctx": 1, "reasoning_effort": "low"})
                .as_object()
                .unwrap()
                .clone(),
            ..Request::default()
        };
        let defaults = json!({
            "temperature": 0.9, "max_completion_tokens": 7, "num_ctx": 2, "keep_alive": "1h",
            "stop": "x", "thinking": {"type": "enabled", "budget_tokens": 9},
            "extra_body": {"top_k": 4, "mirostat": 2}, "model": "no",
        });
        let settled = settle_with(&request, &defaults, &[]);
        assert_eq!(settled.temperature, Some(0.5));
        assert_eq!(settled.max_tokens, Some(7));
        assert_eq!(settled.top_k, Some(4));
        assert_eq!(settled.stop, ["x"]);
        assert_eq!(settled.thinking, Some(Thinking::Effort("low".to_owned())));
        assert_eq!(
            Value::from(settled.extra),
            json!({"num_ctx": 1, "keep_alive": "1h", "mirostat": 2})
        );
    }

    #[test]
    fn dropped_members_go_out_by_name_and_by_path() {
        let request = Request {
            seed: Some(1),
            tools: read_tools(
                &json!([{"type": "function", "function": {"name": "f", "strict": true,
                "parameters": {"type": "object", "additionalProperties": false}}}]),
            ),
            extra: json!({"a": {"b": 1, "c": 2}, "l": [{"x": 1, "y": 2}]})
                .as_object()
                .unwrap()
                .clone(),
            ..Request::default()
        };
        let drop = [
            "seed",
            "tools[*].function.strict",
            "a.b",
            "l[*].x",
            "tools[*].function.parameters.additionalProperties",
        ];
        let settled = settle_with(&request, &json!({}), &drop);
        assert_eq!(settled.seed, None);
        assert_eq!(
            Value::from(settled.extra),
            json!({"a": {"c": 2}, "l": [{"y": 2}]})
        );
        let Some(Tool::Function { strict, schema, .. }) = settled.tools.first() else {
            panic!()
        };
        assert_eq!((strict, schema), (&None, &json!({"type": "object"})));
    }

    #[test]
    fn data_addresses_are_split() {
        assert_eq!(
            split_data_uri("data:image/png;base64,AA=="),
            Some(("image/png", "AA=="))
        );
        assert_eq!(
            split_data_uri("data:text/plain;charset=utf-8;base64,AA"),
            Some(("text/plain", "AA"))
        );
        assert_eq!(split_data_uri("https://x/y,z"), None);
        assert_eq!(split_data_uri("data:text/plain,hi"), None);
    }

    #[test]
    fn a_member_is_refused_or_noted() {
        let mut strict = LeftOut::new("Ollama", false);
        let fault = strict.refuse("logit_bias", "").unwrap_err();
        assert_eq!(fault.kind, FaultKind::Unsupported);
        assert_eq!(fault.param.as_deref(), Some("logit_bias"));
        let mut lax = LeftOut::new("Ollama", true);
        lax.refuse("n", "more than one answer").unwrap();
        lax.note("n");
        assert_eq!(lax.into_names(), ["n"]);
    }
}
