//! What a request asks for, read from the body of any of the three dialects.
//!
//! Read with plain JSON look-ups and not with `wire`, so that the simulated servers are a second
//! opinion on what the gateway writes.

use serde_json::Value;

use crate::demo::seed;

/// What matters of a chat request to a simulated server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ask {
    /// The model asked for.
    pub(crate) model: String,
    /// Whether the answer shall come in pieces.
    pub(crate) stream: bool,
    /// About how many tokens the prompt has.
    pub(crate) prompt_tokens: u64,
    /// About how many tokens the longest message has.
    pub(crate) longest: u64,
    /// Letters of the prompt.
    pub(crate) letters: usize,
    /// Messages of the prompt.
    pub(crate) n_messages: usize,
    /// The last text of the user.
    pub(crate) about: String,
    /// Stands for the beginning of the prompt: equal in requests that a prompt cache would match.
    pub(crate) prefix: u64,
    /// Tools it may call: name and schema of the arguments.
    pub(crate) tools: Vec<(String, Value)>,
    /// Whether the last message is a tool's result.
    pub(crate) after_tool: bool,
    /// Wants JSON: a schema, or `null` for any object.
    pub(crate) json: Option<Value>,
    /// Most tokens of the answer.
    pub(crate) max_tokens: Option<u64>,
    /// Whether the model shall think aloud, where it says so.
    pub(crate) think: Option<bool>,
    /// Whether the stream shall end with usage (OpenAI).
    pub(crate) include_usage: bool,
    /// Whether the prompt marks what to cache (Anthropic).
    pub(crate) marks_cache: bool,
    /// The window asked for (Ollama).
    pub(crate) window: Option<u64>,
}

/// Tokens that so many letters make, about.
pub(crate) fn tokens(letters: usize) -> u64 {
    u64::try_from(letters.div_ceil(4)).unwrap_or(u64::MAX)
}

impl Ask {
    /// Reads an OpenAI chat request.
    pub(crate) fn openai(body: &Value) -> Self {
        let limit = ["max_completion_tokens", "max_tokens"];
        let mut ask = Self {
            stream: body["stream"].as_bool().unwrap_or(false),
            max_tokens: limit.iter().find_map(|key| body[*key].as_u64()),
            include_usage: body["stream_options"]["include_usage"] == true,
            json: openai_json(&body["response_format"]),
            tools: tools(&body["tools"], |tool| {
                (&tool["function"]["name"], &tool["function"]["parameters"])
            }),
            ..Self::common(body)
        };
        ask.after_tool = last_role(body) == "tool";
        ask
    }

    /// Reads an Ollama chat request; it streams unless told not to.
    pub(crate) fn ollama(body: &Value) -> Self {
        let options = &body["options"];
        let mut ask = Self {
            stream: body["stream"].as_bool().unwrap_or(true),
            max_tokens: options["num_predict"].as_u64(),
            window: options["num_ctx"].as_u64(),
            think: match &body["think"] {
                Value::Bool(wanted) => Some(*wanted),
                Value::String(_) => Some(true),
                _ => None,
            },
            json: match &body["format"] {
                Value::String(word) if word == "json" => Some(Value::Null),
                schema @ Value::Object(_) => Some(schema.clone()),
                _ => None,
            },
            tools: tools(&body["tools"], |tool| {
                (&tool["function"]["name"], &tool["function"]["parameters"])
            }),
            ..Self::common(body)
        };
        ask.after_tool = last_role(body) == "tool";
        ask
    }

    /// Reads an Anthropic Messages request.
    pub(crate) fn anthropic(body: &Value) -> Self {
        let last = body["messages"].as_array().and_then(|all| all.last());
        let blocks = last.and_then(|message| message["content"].as_array());
        let mut ask = Self {
            stream: body["stream"].as_bool().unwrap_or(false),
            max_tokens: body["max_tokens"].as_u64(),
            think: Some(body["thinking"]["type"] == "enabled"),
            marks_cache: marked(body),
            tools: tools(&body["tools"], |tool| {
                (&tool["name"], &tool["input_schema"])
            }),
            ..Self::common(body)
        };
        ask.after_tool =
            blocks.is_some_and(|blocks| blocks.iter().any(|block| block["type"] == "tool_result"));
        ask
    }

    /// What all dialects write alike: model, system text and messages.
    fn common(body: &Value) -> Self {
        let mut ask = Self {
            model: body["model"].as_str().unwrap_or_default().to_owned(),
            ..Self::default()
        };
        let mut beginning = String::new();
        let tools = if body["tools"].is_array() {
            body["tools"].to_string()
        } else {
            String::new()
        };
        beginning.extend(tools.chars().take(400));
        ask.letters = tools.chars().count();
        let system = text_of(&body["system"]);
        let messages = body["messages"]
            .as_array()
            .map_or(&[] as &[Value], Vec::as_slice);
        let texts = messages.iter().map(|message| text_of(&message["content"]));
        for text in std::iter::once(system).chain(texts) {
            let n_letters = text.chars().count();
            ask.letters += n_letters;
            ask.longest = ask.longest.max(tokens(n_letters));
            if beginning.len() < 4000 {
                beginning.extend(text.chars().take(4000));
            }
        }
        let asked = messages
            .iter()
            .rev()
            .find(|message| message["role"] == "user");
        ask.about = asked.map_or_else(String::new, |message| {
            text_of(&message["content"]).chars().take(400).collect()
        });
        ask.n_messages = messages.len();
        ask.prompt_tokens =
            tokens(ask.letters) + 4 * u64::try_from(messages.len()).unwrap_or(0) + 3;
        ask.prefix = seed::hash(&beginning);
        ask
    }
}

/// The texts of a text input: a string, or an array of strings or token lists.
pub(crate) fn inputs(input: &Value) -> Option<Vec<String>> {
    match input {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(items) => items
            .iter()
            .map(|item| match item {
                Value::String(text) => Some(text.clone()),
                Value::Array(_) | Value::Number(_) => Some(item.to_string()),
                _ => None,
            })
            .collect(),
        _ => None,
    }
}

/// The text of a content: a string, or parts of which the text ones count.
fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .map(|part| match (&part["text"], &part["content"]) {
                (Value::String(text), _) => text.clone(),
                (_, Value::Null) => String::new(),
                (_, inner) => text_of(inner),
            })
            .collect::<Vec<_>>()
            .join("\n"),
        _ => String::new(),
    }
}

fn last_role(body: &Value) -> &str {
    let last = body["messages"].as_array().and_then(|all| all.last());
    last.and_then(|message| message["role"].as_str())
        .unwrap_or_default()
}

fn tools<'a>(
    list: &'a Value,
    parts: impl Fn(&'a Value) -> (&'a Value, &'a Value),
) -> Vec<(String, Value)> {
    let all = list.as_array().map_or(&[] as &[Value], Vec::as_slice);
    all.iter()
        .map(parts)
        .filter_map(|(name, schema)| Some((name.as_str()?.to_owned(), schema.clone())))
        .collect()
}

fn openai_json(format: &Value) -> Option<Value> {
    match format["type"].as_str()? {
        "json_object" => Some(Value::Null),
        "json_schema" => Some(format["json_schema"]["schema"].clone()),
        _ => None,
    }
}

/// Whether any block of the prompt asks to be cached.
fn marked(value: &Value) -> bool {
    match value {
        Value::Object(members) => {
            members.contains_key("cache_control") || members.values().any(marked)
        },
        Value::Array(items) => items.iter().any(marked),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_three_dialects_are_read_alike() {
        let messages = json!([{"role": "user", "content": "What grows here?"}]);
        let openai = Ask::openai(&json!({"model": "m", "messages": messages, "stream": true,
            "max_tokens": 9, "stream_options": {"include_usage": true}}));
        let ollama = Ask::ollama(&json!({"model": "m", "messages": messages,
            "options": {"num_predict": 9, "num_ctx": 512}}));
        let anthropic = Ask::anthropic(&json!({"model": "m", "messages": messages, "stream": true,
            "max_tokens": 9, "system": [{"type": "text", "text": "Short.", "cache_control": {}}]}));
        for ask in [&openai, &ollama, &anthropic] {
            assert_eq!(
                (ask.model.as_str(), ask.stream, ask.max_tokens),
                ("m", true, Some(9))
            );
            assert_eq!(ask.about, "What grows here?");
        }
        assert!(openai.include_usage && anthropic.marks_cache && !openai.marks_cache);
        assert_eq!(ollama.window, Some(512));
        assert!(anthropic.prompt_tokens > openai.prompt_tokens);
    }

    #[test]
    fn tools_and_their_results_are_seen() {
        let ask = Ask::openai(&json!({"messages": [{"role": "tool", "content": "12"}],
            "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]}));
        assert!(ask.after_tool && ask.tools[0].0 == "f");
        let ask = Ask::anthropic(&json!({"messages": [{"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "12"}]}]}],
            "tools": [{"name": "g", "input_schema": {}}]}));
        assert!(ask.after_tool && ask.tools[0].0 == "g");
    }

    #[test]
    fn odd_bodies_are_read_without_complaint() {
        for body in [
            json!(null),
            json!({"messages": 3}),
            json!({"messages": [{"content": 1}]}),
            json!([]),
        ] {
            assert_eq!(Ask::openai(&body).model, "");
            assert_eq!(Ask::ollama(&body).about, "");
            assert_eq!(Ask::anthropic(&body).tools.len(), 0);
        }
    }
}
