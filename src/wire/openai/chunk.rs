//! One event of a stream as upstreams write it, typed, borrowing from the event's bytes.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// An event of a chat or text completion.
#[derive(Debug, Deserialize)]
pub(super) struct Chunk<'a> {
    #[serde(borrow, default)]
    pub(super) id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) model: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow, default)]
    pub(super) usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) object: Option<Cow<'a, str>>,
}

/// One choice of an event.
#[derive(Debug, Deserialize)]
pub(super) struct Choice<'a> {
    #[serde(default)]
    pub(super) index: Option<u32>,
    #[serde(borrow, default)]
    pub(super) delta: Option<Delta<'a>>,
    /// Text completions.
    #[serde(borrow, default)]
    pub(super) text: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) finish_reason: Option<Cow<'a, str>>,
}

/// What a choice adds.
#[derive(Debug, Deserialize)]
pub(super) struct Delta<'a> {
    /// A string, or a list of parts (Mistral).
    #[serde(borrow, default)]
    pub(super) content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) reasoning_content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) reasoning: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) refusal: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) tool_calls: Option<Vec<CallDelta<'a>>>,
    #[serde(borrow, default)]
    pub(super) function_call: Option<FunctionDelta<'a>>,
}

/// What is added to a tool call.
#[derive(Debug, Deserialize)]
pub(super) struct CallDelta<'a> {
    #[serde(default)]
    pub(super) index: Option<u32>,
    #[serde(borrow, default)]
    pub(super) id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) function: Option<FunctionDelta<'a>>,
    /// Gemini's signature of the thought behind the call.
    #[serde(borrow, default)]
    pub(super) extra_content: Option<&'a RawValue>,
}

/// What is added to a function's name and arguments.
#[derive(Debug, Deserialize)]
pub(super) struct FunctionDelta<'a> {
    #[serde(borrow, default)]
    pub(super) name: Option<Cow<'a, str>>,
    /// A string, or an object (servers that think in objects).
    #[serde(borrow, default)]
    pub(super) arguments: Option<&'a RawValue>,
}

/// The text of a raw value: a string's, or all texts of a list of parts.
pub(super) fn text_of(raw: Option<&RawValue>) -> String {
    let Some(raw) = raw.map(RawValue::get) else {
        return String::new();
    };
    match raw.as_bytes().first() {
        Some(b'"') => serde_json::from_str(raw).unwrap_or_default(),
        Some(b'[') => {
            let parts: Vec<serde_json::Value> = serde_json::from_str(raw).unwrap_or_default();
            parts
                .iter()
                .filter_map(|part| part.get("text").and_then(serde_json::Value::as_str))
                .collect()
        },
        _ => String::new(),
    }
}

/// Arguments as text: a string's, or an object as it was written.
pub(super) fn arguments_of(raw: Option<&RawValue>) -> String {
    let Some(raw) = raw.map(RawValue::get) else {
        return String::new();
    };
    match raw.as_bytes().first() {
        Some(b'"') => serde_json::from_str(raw).unwrap_or_default(),
        Some(b'{') => raw.to_owned(),
        _ => String::new(),
    }
}
