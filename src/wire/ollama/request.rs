//! Writes a request for `/api/chat`.
//!
//! What the client or a deployment's defaults say is sorted into `options` and the members beside it.
//! Penalties go by their own names (LiteLLM sends `frequency_penalty` as `repeat_penalty`, which is
//! another thing). What Ollama cannot do is refused, or left out under `drop_params`.

use serde_json::{Map, Value};

use super::messages;
use crate::base::Fault;
use crate::wire::emit::{self, Object};
use crate::wire::members::{is_anthropics, is_ollama_top};
use crate::wire::neutral::{Format, Request, Thinking, Tool, ToolChoice};
use crate::wire::params::{LeftOut, settle};
use crate::wire::shape::{WriteOptions, Written};

/// Members that change nothing Ollama could do.
const HINTS: [&str; 9] = [
    "metadata",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "store",
    "verbosity",
    "extra_headers",
    "user",
];

/// OpenAI's members that Ollama has no word for, or whose answers we could not hand on.
const FOREIGN: [&str; 12] = [
    "audio",
    "best_of",
    "echo",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "modalities",
    "prediction",
    "suffix",
    "top_logprobs",
    "web_search_options",
];

/// Writes the body. Fails with `Unsupported` naming what Ollama cannot do, pictures by address among
/// it: Ollama fetches nothing.
pub fn write_request(request: &Request, options: &WriteOptions<'_>) -> Result<Written, Fault> {
    let settled = settle(request, options);
    let mut left = LeftOut::new("Ollama", options.drop_params);
    if settled.n.is_some_and(|n| n > 1) {
        left.refuse("n", "it gives one answer")?;
    }
    let top = sort(&settled, &mut left)?;
    // What the client said wins over the deployment's, wherever each said it: beside or in `options`.
    let said = WriteOptions {
        defaults: &Map::new(),
        ..*options
    };
    let mut members = options_of(&settle(&Request::default(), options));
    members.extend(options_of(&settle(request, &said)));

    let mut body = Vec::with_capacity(1024);
    emit::object(&mut body, |o| {
        o.put("model", options.model);
        messages::write(&request.messages, &mut left, o)?;
        write_tools(&settled, &mut left, o)?;
        o.put("stream", &settled.stream);
        match &settled.format {
            Some(Format::Json) => {
                o.put("format", "json");
            },
            Some(Format::Schema { schema, .. }) => {
                o.put("format", schema);
            },
            None => {},
        }
        o.put_some(
            "think",
            think(settled.thinking.as_ref(), options.model).as_ref(),
        );
        for (name, value) in &top {
            o.put(name, value);
        }
        if !members.is_empty() {
            o.put("options", &members);
        }
        Ok::<(), Fault>(())
    })?;
    Ok(Written {
        body,
        dropped: left.into_names(),
    })
}

/// Sorts out the members without a neutral name: those that stand beside `options` are given back,
/// what Ollama cannot do is refused or noted.
fn sort<'a>(settled: &'a Request, left: &mut LeftOut) -> Result<Vec<(&'a str, &'a Value)>, Fault> {
    let mut top = Vec::new();
    for (name, value) in &settled.extra {
        match name.as_str() {
            _ if value.is_null() => {},
            "format" if settled.format.is_some() => {},
            known if is_ollama_top(known) => top.push((known, value)),
            known if HINTS.contains(&known) || is_anthropics(known) => left.note(known),
            known if FOREIGN.contains(&known) && !is_idle(value) => left.refuse(known, "")?,
            _ => {},
        }
    }
    if settled.parallel_tool_calls == Some(false) {
        left.note("parallel_tool_calls");
    }
    Ok(top)
}

/// All that goes into `options`.
fn options_of(settled: &Request) -> Map<String, Value> {
    let inner = settled.extra.get("options").and_then(Value::as_object);
    let mut options = inner.cloned().unwrap_or_default();
    for (name, value) in &settled.extra {
        let known = name.as_str();
        let is_other = HINTS.contains(&known) || FOREIGN.contains(&known) || is_anthropics(known);
        let stays = matches!(known, "options" | "stream_options") || is_ollama_top(known);
        // An unknown option costs a line in Ollama's log; a new one is known to it before us.
        if !(is_other || stays || value.is_null()) {
            options.insert(name.clone(), value.clone());
        }
    }
    add_sampling(settled, &mut options);
    options
}

fn is_idle(value: &Value) -> bool {
    match value {
        Value::Bool(is_asked) => !is_asked,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::Array(items) => items.iter().all(|item| item == "text"),
        Value::Object(members) => members.is_empty(),
        Value::String(text) => text.is_empty() || text == "none",
        Value::Null => true,
    }
}

fn add_sampling(settled: &Request, options: &mut Map<String, Value>) {
    let mut add = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            options.insert(name.to_owned(), value);
        }
    };
    add("num_predict", settled.max_tokens.map(Into::into));
    add("temperature", settled.temperature.map(Into::into));
    add("top_p", settled.top_p.map(Into::into));
    add("top_k", settled.top_k.map(Into::into));
    add("seed", settled.seed.map(Into::into));
    add(
        "frequency_penalty",
        settled.frequency_penalty.map(Into::into),
    );
    add("presence_penalty", settled.presence_penalty.map(Into::into));
    add(
        "stop",
        (!settled.stop.is_empty()).then(|| settled.stop.clone().into()),
    );
}

/// What goes into `think`.
///
/// A wish to think is left to Ollama: a model that can think does so unasked, and one that cannot
/// would answer `think: true` with 400, which would turn a failover into an error. Only gpt-oss has
/// levels.
fn think(thinking: Option<&Thinking>, model: &str) -> Option<Value> {
    let has_levels = model.contains("gpt-oss");
    match thinking? {
        Thinking::Off => Some(false.into()),
        Thinking::Effort(word) => match word.as_str() {
            "none" | "disable" | "disabled" | "off" => Some(false.into()),
            "minimal" | "low" if has_levels => Some("low".into()),
            "medium" if has_levels => Some("medium".into()),
            "high" | "xhigh" | "max" if has_levels => Some("high".into()),
            _ => None,
        },
        Thinking::Budget(budget) if has_levels => Some(match budget {
            0..2_048 => "low".into(),
            2_048..4_096 => "medium".into(),
            _ => "high".into(),
        }),
        Thinking::On | Thinking::Budget(_) => None,
    }
}

/// Ollama knows no `tool_choice`: `none` takes the tools away, a named tool leaves it alone on offer.
fn write_tools(
    settled: &Request,
    left: &mut LeftOut,
    o: &mut Object<'_, Vec<u8>>,
) -> Result<(), Fault> {
    let only = match &settled.tool_choice {
        _ if settled.tools.is_empty() => return Ok(()),
        Some(ToolChoice::None) => return Ok(()),
        Some(ToolChoice::Required) => {
            left.note("tool_choice");
            None
        },
        Some(ToolChoice::Function(name)) => {
            left.note("tool_choice");
            Some(name)
        },
        Some(ToolChoice::Auto) | None => None,
    };
    let mut tools = Vec::with_capacity(settled.tools.len());
    for tool in &settled.tools {
        match tool {
            Tool::Function { name, .. } if only.is_some_and(|only| only != name) => {},
            Tool::Function {
                name,
                description,
                schema,
                ..
            } => tools.push(serde_json::json!({
                "type": "function",
                "function": {
                    "name": name,
                    "description": description.as_deref().unwrap_or_default(),
                    "parameters": parameters(schema),
                },
            })),
            Tool::Hosted(value) => {
                let kind = value.get("type").and_then(Value::as_str).unwrap_or("?");
                left.refuse("tools", &format!("a tool of type `{kind}`"))?;
            },
        }
    }
    if !tools.is_empty() {
        o.put("tools", &tools);
    }
    Ok(())
}

fn parameters(schema: &Value) -> Value {
    match schema {
        Value::Object(members) if members.contains_key("type") => schema.clone(),
        Value::Object(members) => {
            let mut members = members.clone();
            members.insert("type".to_owned(), "object".into());
            members
                .entry("properties")
                .or_insert_with(|| Map::new().into());
            members.into()
        },
        _ => serde_json::json!({"type": "object", "properties": {}}),
    }
}
