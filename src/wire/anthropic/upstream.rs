//! Writes a request for an Anthropic upstream.
//!
//! What the dialect cannot say is refused, or left out under `drop_params`; mere hints, and members
//! that only a local server knows, are left out in any case, so that a failover from a local model to
//! Anthropic does not end in an error. Called by `provider`.

use serde_json::{Map, Value};

use super::extra::Extra;
use super::format::{Way, object_schema, way};
use super::model::Model;
use super::sampling::{self, Plan, Sampling};
use super::{LONGEST_NAME, turns};
use crate::base::{Fault, FaultKind};
use crate::wire::emit::{self, Object};
use crate::wire::names::{JSON_TOOL, Names};
use crate::wire::neutral::{Part, Request, Tool, ToolChoice};
use crate::wire::params::{LeftOut, settle};
use crate::wire::shape::{WriteOptions, Written};

/// Writes the body. Fails with [`FaultKind::Unsupported`] naming what cannot be said.
pub fn write_request(request: &Request, options: &WriteOptions<'_>) -> Result<Written, Fault> {
    let settled = settle(request, options);
    let mut left = LeftOut::new("Anthropic", options.drop_params);
    let model = Model::of(options.model);
    let names = Names::of(request, LONGEST_NAME);
    check(request, &settled, &mut left)?;
    let sampling = sampling::decide(request, &settled, model, options.max_tokens, &mut left)?;
    let turns = turns::collect(&request.messages);
    if turns.is_empty() {
        let message = "Anthropic needs at least one message of the user that is not empty";
        return Err(Fault::new(FaultKind::Unsupported, message).param("messages"));
    }
    let way = settled.format.as_ref().map(|format| way(format, model));
    let mut extra = Extra::sort(&settled, &mut left)?;
    if !sampling.plan.is_on() {
        extra.keep_no_thinking_edits(&mut left);
    }
    let stop = stop_sequences(&settled, &mut left)?;

    let mut body = Vec::with_capacity(1024);
    emit::object(&mut body, |o| {
        o.put("model", options.model)
            .put("max_tokens", &sampling.max_tokens);
        turns::write_system(&request.messages, o);
        turns::write(&turns, &names, &mut left, o)?;
        Tools {
            request,
            settled: &settled,
            names: &names,
            way: way.as_ref(),
            sampling: &sampling,
            extra: &extra,
        }
        .write(&mut left, o)?;
        write_sampling(&sampling, o);
        write_output_config(extra.output_config, sampling.effort, way.as_ref(), o);
        if !stop.is_empty() {
            o.put("stop_sequences", &stop);
        }
        write_user(&settled, &mut left, o);
        if settled.stream {
            o.put("stream", &true);
        }
        for (name, value) in extra.passed {
            o.put(name, &value);
        }
        Ok::<(), Fault>(())
    })?;
    Ok(Written {
        body,
        dropped: left.into_names(),
    })
}

/// Checks the members that have a place in the neutral form and none here.
fn check(request: &Request, settled: &Request, left: &mut LeftOut) -> Result<(), Fault> {
    let mut check = |name: &str, is_set: bool, is_said: bool| match (is_set, is_said) {
        (false, _) => Ok(()),
        (true, true) => left.refuse(name, ""),
        (true, false) => {
            left.note(name);
            Ok(())
        },
    };
    let several = |n: Option<u64>| n.is_some_and(|n| n > 1);
    let weighs = |penalty: Option<f64>| penalty.is_some_and(|penalty| penalty != 0.0);
    check("n", several(settled.n), several(request.n))?;
    check("seed", settled.seed.is_some(), request.seed.is_some())?;
    let (now, said) = (settled.frequency_penalty, request.frequency_penalty);
    check("frequency_penalty", weighs(now), weighs(said))?;
    let (now, said) = (settled.presence_penalty, request.presence_penalty);
    check("presence_penalty", weighs(now), weighs(said))
}

/// Anthropic refuses stop texts of white space alone.
fn stop_sequences<'a>(settled: &'a Request, left: &mut LeftOut) -> Result<Vec<&'a str>, Fault> {
    let mut sequences = Vec::with_capacity(settled.stop.len());
    for text in settled.stop.iter().filter(|text| !text.is_empty()) {
        if text.trim().is_empty() {
            left.refuse("stop", "a text of white space alone")?;
        } else {
            sequences.push(text.as_str());
        }
    }
    Ok(sequences)
}

fn write_sampling(sampling: &Sampling, o: &mut Object<'_, Vec<u8>>) {
    match sampling.plan {
        Plan::Absent => {},
        Plan::Disabled => o.object("thinking", |o| {
            o.put("type", "disabled");
        }),
        Plan::Budget(budget) => o.object("thinking", |o| {
            o.put("type", "enabled").put("budget_tokens", &budget);
        }),
        // Newer models keep their reasoning to themselves unless they are asked for it.
        Plan::Adaptive => o.object("thinking", |o| {
            o.put("type", "adaptive").put("display", "summarized");
        }),
    }
    o.put_some("temperature", sampling.temperature.as_ref());
    o.put_some("top_p", sampling.top_p.as_ref());
    o.put_some("top_k", sampling.top_k.as_ref());
}

fn write_output_config(
    said: Option<&Map<String, Value>>,
    effort: Option<&str>,
    way: Option<&Way>,
    o: &mut Object<'_, Vec<u8>>,
) {
    let mut config = said.cloned().unwrap_or_default();
    if let Some(effort) = effort {
        config.insert("effort".to_owned(), effort.into());
    }
    if let Some(Way::Native(schema)) = way {
        config.insert(
            "format".to_owned(),
            serde_json::json!({"type": "json_schema", "schema": schema}),
        );
    }
    if !config.is_empty() {
        o.put("output_config", &config);
    }
}

/// The end user goes up as `metadata.user_id`, unless it would tell who the person is.
fn write_user(settled: &Request, left: &mut LeftOut, o: &mut Object<'_, Vec<u8>>) {
    let from = |name: &str, inner: Option<&str>| {
        let value = settled.extra.get(name)?;
        inner
            .map_or(Some(value), |inner| value.get(inner))?
            .as_str()
    };
    let user = settled.user.as_deref();
    let user = user.or_else(|| from("metadata", Some("user_id")));
    let user = user.or_else(|| from("safety_identifier", None));
    match user {
        None | Some("") => {},
        Some(user) if is_personal(user) => left.note("user"),
        Some(user) => o.object("metadata", |o| {
            o.put("user_id", user);
        }),
    }
}

/// Whether a text looks like a mail address or a telephone number.
fn is_personal(user: &str) -> bool {
    let is_mail = user
        .split_once('@')
        .is_some_and(|(name, host)| !name.is_empty() && host.contains('.') && !host.contains('@'));
    let digits = user.chars().filter(char::is_ascii_digit).count();
    let mut letters = user.chars();
    let is_phone = digits >= 7
        && user.starts_with(['+', '(', '0'])
        && letters.all(|letter| {
            letter.is_ascii_digit() || matches!(letter, '+' | '-' | ' ' | '(' | ')' | '.')
        });
    is_mail || is_phone
}

/// What is needed to write `tools` and `tool_choice`.
struct Tools<'a> {
    request: &'a Request,
    settled: &'a Request,
    names: &'a Names,
    way: Option<&'a Way>,
    sampling: &'a Sampling,
    extra: &'a Extra<'a>,
}

impl Tools<'_> {
    fn write(&self, left: &mut LeftOut, o: &mut Object<'_, Vec<u8>>) -> Result<(), Fault> {
        let mut tools: Vec<Value> = Vec::new();
        for tool in &self.settled.tools {
            tools.extend(self.tool(tool, left)?);
        }
        if self.extra.web_search.is_some() {
            tools.push(serde_json::json!({"type": "web_search_20250305", "name": "web_search"}));
        }
        let mut choice = self.settled.tool_choice.clone();
        if tools.is_empty() {
            // Earlier calls want their tools declared, though none may be called any more.
            tools = self.called().map(placeholder).collect();
            choice = (!tools.is_empty()).then_some(ToolChoice::None);
        }
        if let Some(Way::Tool(schema)) = self.way {
            if self.names.is_json_tool(JSON_TOOL) {
                choice = Some(self.choice_with_form(!tools.is_empty()));
                tools.push(form_tool(schema));
            } else {
                left.refuse("response_format", "beside a tool named `json_tool_call`")?;
            }
        }
        if tools.is_empty() {
            return Ok(());
        }
        o.put("tools", &tools);
        self.write_choice(choice.as_ref(), o);
        Ok(())
    }

    fn tool(&self, tool: &Tool, left: &mut LeftOut) -> Result<Option<Value>, Fault> {
        match tool {
            Tool::Function {
                name,
                description,
                schema,
                strict,
                cache,
            } => {
                if *strict == Some(true) {
                    left.note("tools[*].function.strict");
                }
                let mut members = Map::new();
                members.insert("name".to_owned(), self.names.told(name).into());
                if let Some(description) = description {
                    members.insert("description".to_owned(), description.as_str().into());
                }
                members.insert("input_schema".to_owned(), object_schema(schema));
                if let Some(cache) = cache {
                    members.insert("cache_control".to_owned(), cache.clone());
                }
                Ok(Some(members.into()))
            },
            Tool::Hosted(value) if is_hosted_here(value) => Ok(Some(value.clone())),
            Tool::Hosted(value) => {
                let kind = value.get("type").and_then(Value::as_str).unwrap_or("?");
                left.refuse("tools", &format!("a tool of type `{kind}`"))?;
                Ok(None)
            },
        }
    }

    /// The names of tools called earlier, each once.
    fn called(&self) -> impl Iterator<Item = &str> {
        let parts = self
            .request
            .messages
            .iter()
            .flat_map(|message| &message.parts);
        let mut seen: Vec<&str> = Vec::new();
        for part in parts {
            if let Part::ToolCall(call) = part {
                let name = self.names.told(&call.name);
                if !seen.contains(&name) {
                    seen.push(name);
                }
            }
        }
        seen.into_iter()
    }

    /// The choice that gets an answer of the asked form, or a call of one of the client's tools.
    fn choice_with_form(&self, has_tools: bool) -> ToolChoice {
        let asked = self.settled.tool_choice.as_ref();
        match asked {
            _ if self.sampling.plan.is_on() => ToolChoice::Auto,
            Some(ToolChoice::Function(name)) if has_tools => ToolChoice::Function(name.clone()),
            Some(ToolChoice::Auto | ToolChoice::Required) | None if has_tools && self.offers() => {
                ToolChoice::Required
            },
            _ => ToolChoice::Function(JSON_TOOL.to_owned()),
        }
    }

    /// Whether the client offers tools of its own.
    fn offers(&self) -> bool {
        !self.settled.tools.is_empty()
    }

    fn write_choice(&self, choice: Option<&ToolChoice>, o: &mut Object<'_, Vec<u8>>) {
        let single = self.settled.parallel_tool_calls == Some(false);
        let choice = match choice {
            None if single => &ToolChoice::Auto,
            None => return,
            Some(choice) => choice,
        };
        o.object("tool_choice", |o| {
            match choice {
                ToolChoice::Auto => o.put("type", "auto"),
                ToolChoice::Required => o.put("type", "any"),
                ToolChoice::None => o.put("type", "none"),
                ToolChoice::Function(name) => {
                    o.put("type", "tool").put("name", self.names.told(name))
                },
            };
            if single && *choice != ToolChoice::None {
                o.put("disable_parallel_tool_use", &true);
            }
        });
    }
}

fn placeholder(name: &str) -> Value {
    serde_json::json!({"name": name, "input_schema": {"type": "object", "properties": {}}})
}

fn form_tool(schema: &Value) -> Value {
    serde_json::json!({
        "name": JSON_TOOL,
        "description": "Gives the answer to the user in the form that was asked for.",
        "input_schema": schema,
    })
}

/// Anthropic's own hosted tools carry a date (`web_search_20250305`) or name a server of tools.
fn is_hosted_here(tool: &Value) -> bool {
    let kind = tool.get("type").and_then(Value::as_str).unwrap_or_default();
    let is_dated = kind
        .rsplit_once('_')
        .is_some_and(|(_, date)| date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit()));
    is_dated || kind == "mcp_toolset"
}
