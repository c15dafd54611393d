//! Why an answer ended, in OpenAI's words.

use crate::wire::Finish;

/// The reason an upstream's word means.
pub(super) fn parse(word: &str) -> Finish {
    match word {
        "stop" | "eos" | "end_turn" => Finish::Stop,
        "length" | "max_tokens" => Finish::Length,
        "tool_calls" | "function_call" => Finish::ToolCalls,
        "content_filter" => Finish::ContentFilter,
        // vLLM that is told to stop; OpenRouter whose provider failed.
        "abort" | "error" => Finish::Abort,
        other => Finish::Other(other.to_owned()),
    }
}

/// The word for a reason; an answer that calls tools ends for that reason whatever was said.
pub(super) fn word(finish: Option<&Finish>, calls_tools: bool) -> &str {
    match finish {
        Some(Finish::Stop | Finish::StopSequence(_) | Finish::ToolCalls) | None => {
            match (calls_tools, finish) {
                (true, _) | (false, Some(Finish::ToolCalls)) => "tool_calls",
                (false, _) => "stop",
            }
        },
        Some(Finish::Length) => "length",
        Some(Finish::ContentFilter) => "content_filter",
        Some(Finish::Abort) => "abort",
        Some(Finish::Other(word)) => word,
    }
}
