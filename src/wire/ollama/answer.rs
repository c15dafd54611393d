//! Whole answers and errors of Ollama's.

use super::Line;
use super::think::{Piece, Splitter};
use crate::base::{Fault, FaultKind};
use crate::wire::failure;
use crate::wire::neutral::{Answer, Choice, Part, ToolCall};
use crate::wire::shape::UpstreamError;

/// Reads an answer of `/api/chat` that was not streamed.
pub fn parse_answer(body: &[u8]) -> Result<Answer, Fault> {
    let line: Line<'_> = match serde_json::from_slice(body) {
        Ok(line) => line,
        Err(error) => {
            let message = format!("the upstream's answer is no JSON of Ollama's: {error}");
            return Err(Fault::new(FaultKind::BadAnswer, message));
        },
    };
    if let Some(error) = &line.error {
        let said = failure::read_value(&serde_json::json!({ "error": error }));
        return Err(Fault::new(FaultKind::UpstreamError, said.message).detail(said.kind));
    }
    if !line.done {
        return Err(Fault::new(
            FaultKind::BadAnswer,
            "the upstream's answer is not complete",
        ));
    }
    let mut parts = Vec::new();
    if let Some(message) = &line.message {
        let (thinking, text) = split(
            message.thinking.as_deref().unwrap_or_default(),
            message.content.as_deref().unwrap_or_default(),
        );
        if !thinking.is_empty() {
            parts.push(Part::Thinking {
                text: thinking,
                signature: None,
            });
        }
        if !text.is_empty() {
            parts.push(Part::text(text));
        }
        for (number, call) in (0_u32..).zip(message.tool_calls.iter().flatten()) {
            parts.push(Part::ToolCall(ToolCall {
                id: call.id(line.created_at.as_deref(), number),
                name: call.function.name.clone(),
                arguments: call.arguments(),
            }));
        }
    }
    let has_tools = parts.iter().any(|part| matches!(part, Part::ToolCall(_)));
    let finish = Some(line.finish(has_tools));
    Ok(Answer {
        id: String::new(),
        usage: line.usage(),
        model: line.model.unwrap_or_default(),
        created: 0,
        choices: vec![Choice { parts, finish }],
    })
}

fn split(thinking: &str, content: &str) -> (String, String) {
    if !thinking.is_empty() {
        return (thinking.to_owned(), content.to_owned());
    }
    let (mut thinking, mut text) = (String::new(), String::new());
    let mut say = |piece| match piece {
        Piece::Thinking(piece) => thinking.push_str(&piece),
        Piece::Text(piece) => text.push_str(&piece),
    };
    let mut splitter = Splitter::default();
    splitter.feed(content, &mut say);
    splitter.end(&mut say);
    (thinking, text)
}

/// Reads what Ollama answered with this status: an object, plain text, or nothing at all.
pub fn parse_error(status: u16, body: &[u8]) -> UpstreamError {
    let mut error = failure::read(status, body);
    if status == 403 && body.trim_ascii().is_empty() {
        "Ollama refused the request's Host or Origin header".clone_into(&mut error.message);
    }
    error
}
