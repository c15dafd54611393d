//! Ollama's native dialect, behind only: `/api/chat` and `/api/embed`.
//!
//! To the upstream: [`write_request`], [`write_embed`]. From it: [`Reader`] over the lines of a
//! stream, [`parse_answer`], [`parse_embed`], [`parse_error`]. Both of LiteLLM's prefixes, `ollama/`
//! and `ollama_chat/`, come here, as `/api/generate` can neither stream tool calls nor keep roles.

mod answer;
mod embed;
mod messages;
mod reader;
mod request;
mod think;

#[cfg(test)]
mod tests;

pub use answer::{parse_answer, parse_error};
pub use embed::{Embedded, parse_embed, write_embed};
pub use reader::Reader;
pub use request::write_request;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::base::Usage;
use crate::wire::Finish;

/// One line of a stream, or a whole answer.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    created_at: Option<String>,
    #[serde(borrow, default)]
    message: Option<Said<'a>>,
    #[serde(default)]
    done: bool,
    #[serde(default)]
    done_reason: Option<String>,
    #[serde(default)]
    prompt_eval_count: Option<u64>,
    #[serde(default)]
    eval_count: Option<u64>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Said<'a> {
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    thinking: Option<String>,
    #[serde(borrow, default)]
    tool_calls: Option<Vec<Call<'a>>>,
}

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(default)]
    id: Option<String>,
    #[serde(borrow)]
    function: Function<'a>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(default)]
    name: String,
    /// An object; its bytes are kept as they came.
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
}

impl Line<'_> {
    /// Tokens, when any were counted. Ollama leaves `prompt_eval_count` out where the whole prompt
    /// came from its cache (before 0.30), and then nobody knows the number: it counts as 0.
    fn usage(&self) -> Option<Usage> {
        if self.prompt_eval_count.is_none() && self.eval_count.is_none() {
            return None;
        }
        Some(Usage {
            prompt: self.prompt_eval_count.unwrap_or(0),
            completion: self.eval_count.unwrap_or(0),
            ..Usage::default()
        })
    }

    /// Why the answer ended. Ollama says `stop` also where tools were called; `load` and `unload`
    /// answer an empty conversation.
    fn finish(&self, has_tools: bool) -> Finish {
        match self.done_reason.as_deref() {
            Some("length") => Finish::Length,
            Some("stop" | "load" | "unload" | "") | None if has_tools => Finish::ToolCalls,
            Some("stop" | "load" | "unload" | "") | None => Finish::Stop,
            Some(other) => Finish::Other(other.to_owned()),
        }
    }
}

impl Call<'_> {
    fn arguments(&self) -> String {
        self.function
            .arguments
            .map_or("{}", RawValue::get)
            .to_owned()
    }

    /// The call's id; where Ollama gives none (before 0.12), one made of the time it was made at and
    /// its number, so that no two calls of a conversation share one.
    fn id(&self, created_at: Option<&str>, number: u32) -> String {
        match &self.id {
            Some(id) if !id.is_empty() => id.clone(),
            _ => {
                let time = created_at.unwrap_or_default().chars();
                let time: String = time.filter(char::is_ascii_digit).collect();
                format!("call_{time}_{number}")
            },
        }
    }
}
