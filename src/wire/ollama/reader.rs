//! Reads Ollama's stream, line by line, into neutral events.
//!
//! A tool call comes whole in one line, its arguments an object; a short answer may be one line that is
//! also the last. An end without `done: true` is for the caller to see: no [`Event::Done`] came.

use super::Line;
use super::think::{Piece, Splitter};
use crate::base::{Fault, FaultKind};
use crate::wire::failure;
use crate::wire::neutral::Event;
use crate::wire::shape::Frame;

/// A dialect with one choice.
const CHOICE: u32 = 0;

/// Reads the lines of one stream in their order.
#[derive(Debug, Default)]
pub struct Reader {
    splitter: Splitter,
    is_begun: bool,
    tools: u32,
}

impl Reader {
    /// A reader that has read nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads one line and appends what it says to `events`. Fails when it makes no sense.
    pub fn read(&mut self, frame: &Frame, events: &mut Vec<Event>) -> Result<(), Fault> {
        if frame.data.trim_ascii().is_empty() {
            return Ok(());
        }
        let line: Line<'_> = match serde_json::from_slice(&frame.data) {
            Ok(line) => line,
            Err(error) => {
                let message = format!(
                    "the upstream's stream has a line that is no JSON of Ollama's: {error}"
                );
                return Err(Fault::new(FaultKind::BadAnswer, message));
            },
        };
        if let Some(error) = &line.error {
            let said = failure::read_value(&serde_json::json!({ "error": error }));
            events.push(Event::Error {
                status: said.status,
                kind: said.kind,
                message: said.message,
            });
            return Ok(());
        }
        if !self.is_begun {
            self.is_begun = true;
            events.push(Event::Start {
                id: None,
                model: line.model.clone(),
            });
        }
        self.read_message(&line, events);
        if line.done {
            self.splitter.end(|piece| events.push(event(piece)));
            events.extend(line.usage().map(Event::Usage));
            events.push(Event::Finish {
                choice: CHOICE,
                reason: line.finish(self.tools > 0),
            });
            events.push(Event::Done);
        }
        Ok(())
    }

    fn read_message(&mut self, line: &Line<'_>, events: &mut Vec<Event>) {
        let Some(message) = &line.message else {
            return;
        };
        if let Some(text) = message.thinking.as_ref().filter(|text| !text.is_empty()) {
            // Ollama takes the tags apart itself, so what follows is text.
            self.splitter.end(|piece| events.push(event(piece)));
            events.push(event(Piece::Thinking(text.clone())));
        }
        if let Some(text) = &message.content {
            self.splitter.feed(text, |piece| events.push(event(piece)));
        }
        for call in message.tool_calls.iter().flatten() {
            let index = self.tools;
            self.tools += 1;
            events.push(Event::ToolStart {
                choice: CHOICE,
                index,
                id: call.id(line.created_at.as_deref(), index),
                name: call.function.name.clone(),
            });
            events.push(Event::ToolArguments {
                choice: CHOICE,
                index,
                piece: call.arguments(),
            });
        }
    }
}

fn event(piece: Piece) -> Event {
    match piece {
        Piece::Thinking(text) => Event::Thinking {
            choice: CHOICE,
            text,
        },
        Piece::Text(text) => Event::Text {
            choice: CHOICE,
            text,
        },
    }
}
