//! Members of a request that the neutral form has no place for, by what becomes of them at Anthropic.
//!
//! Called by the request's writer only.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::base::Fault;
use crate::wire::members::is_ollamas;
use crate::wire::neutral::Request;
use crate::wire::params::LeftOut;

/// OpenAI's members that change nothing of an answer's meaning.
const HINTS: [&str; 9] = [
    "metadata",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "store",
    "stream_options",
    "user",
    "verbosity",
];

/// OpenAI's members that Anthropic has no word for.
const FOREIGN: [&str; 11] = [
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
];

/// Members beside the neutral ones, by what becomes of them.
pub(super) struct Extra<'a> {
    pub(super) passed: Vec<(&'a str, Cow<'a, Value>)>,
    pub(super) output_config: Option<&'a Map<String, Value>>,
    pub(super) web_search: Option<&'a Value>,
}

impl<'a> Extra<'a> {
    /// Sorts what the neutral form has no place for.
    pub(super) fn sort(settled: &'a Request, left: &mut LeftOut) -> Result<Self, Fault> {
        let mut extra = Self {
            passed: Vec::new(),
            output_config: None,
            web_search: None,
        };
        for (name, value) in &settled.extra {
            match name.as_str() {
                _ if value.is_null() => {},
                "output_config" => extra.output_config = value.as_object(),
                "web_search_options" => extra.web_search = Some(value),
                "service_tier" if value == "auto" || value == "standard_only" => {
                    extra.passed.push((name, Cow::Borrowed(value)));
                },
                "stream_options" => {},
                known if HINTS.contains(&known) || is_ollamas(known) => left.note(known),
                known if FOREIGN.contains(&known) => {
                    if !is_idle(value) {
                        left.refuse(known, "")?;
                    }
                },
                _ => extra.passed.push((name, Cow::Borrowed(value))),
            }
        }
        Ok(extra)
    }

    /// Takes out what edits the context's reasoning: without thinking Anthropic refuses it.
    pub(super) fn keep_no_thinking_edits(&mut self, left: &mut LeftOut) {
        self.passed.retain_mut(|(name, value)| {
            let edits = (*name == "context_management").then(|| value.get("edits"));
            let Some(edits) = edits.flatten().and_then(Value::as_array) else {
                return true;
            };
            let (gone, kept): (Vec<_>, Vec<_>) = edits.iter().cloned().partition(clears_thinking);
            if gone.is_empty() {
                return true;
            }
            left.note("context_management.edits");
            let is_empty = kept.is_empty();
            if let Some(members) = value.to_mut().as_object_mut() {
                members.insert("edits".to_owned(), kept.into());
            }
            !is_empty
        });
    }
}

fn clears_thinking(edit: &Value) -> bool {
    let kind = edit.get("type").and_then(Value::as_str);
    kind.is_some_and(|kind| kind.starts_with("clear_thinking"))
}

/// Whether a value asks for nothing.
fn is_idle(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty() || text == "none",
        Value::Array(items) => items.iter().all(|item| item == "text"),
        Value::Object(members) => members.is_empty(),
        Value::Bool(true) => false,
    }
}
