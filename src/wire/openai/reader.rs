//! A stream of chat completion events into the neutral form.
//!
//! Knows how servers deviate: reasoning under two names, tool calls whole or in pieces, several
//! calls under one index, usage on its own or on the last event, errors inside a 200.

use serde_json::Value;
use serde_json::value::RawValue;

use super::chunk::{CallDelta, Choice, Chunk, Delta, FunctionDelta, arguments_of, text_of};
use super::{error, finish, thought, usage};
use crate::base::{Fault, FaultKind};
use crate::wire::{Event, Frame, Names};

/// Reads one stream. Made anew for every stream.
#[derive(Debug, Default)]
pub struct Reader {
    started: bool,
    names: Names,
    /// Tool calls so far, in the order they began.
    calls: Vec<Call>,
}

/// A tool call that began.
#[derive(Debug)]
struct Call {
    choice: u32,
    /// The index the upstream gives it.
    index: Option<u32>,
    id: String,
    /// Its index among the choice's calls, as given on.
    ours: u32,
    /// Whether its name was given on; arguments that came before it wait here.
    named: bool,
    early: String,
}

impl Reader {
    /// A reader at the beginning of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// A reader that gives tools their clients' names back.
    pub fn with_names(names: Names) -> Self {
        Self {
            names,
            ..Self::default()
        }
    }

    /// Appends what one frame says. A fault means that the frame makes no sense.
    pub fn read(&mut self, frame: &Frame, events: &mut Vec<Event>) -> Result<(), Fault> {
        let data = frame.data.trim_ascii();
        if data.is_empty() {
            return Ok(());
        }
        if data == b"[DONE]" {
            events.push(Event::Done);
            return Ok(());
        }
        if &frame.event[..] == b"error" && !data.starts_with(b"{") {
            events.push(failed(data));
            return Ok(());
        }
        let chunk: Chunk<'_> = serde_json::from_slice(data).map_err(|error| bad_event(&error))?;
        // `null`, an empty text and an empty object say nothing.
        let spoken = chunk.error.is_some_and(|error| error.get().len() > 4);
        let bare = chunk.choices.is_none()
            && (chunk.object.as_deref() == Some("error") || &frame.event[..] == b"error");
        if spoken || bare {
            events.push(failed(data));
            return Ok(());
        }
        if !self.started {
            self.started = true;
            events.push(Event::Start {
                id: chunk.id.filter(|id| !id.is_empty()).map(Into::into),
                model: chunk
                    .model
                    .filter(|model| !model.is_empty())
                    .map(Into::into),
            });
        }
        for choice in chunk.choices.into_iter().flatten() {
            self.choice(choice, events);
        }
        let counted = chunk
            .usage
            .and_then(|raw| usage::parse(raw.get().as_bytes()));
        events.extend(counted.map(Event::Usage));
        Ok(())
    }

    fn choice(&mut self, choice: Choice<'_>, events: &mut Vec<Event>) {
        let index = choice.index.unwrap_or(0);
        if let Some(delta) = choice.delta {
            self.delta(index, delta, events);
        }
        if let Some(text) = choice.text.filter(|text| !text.is_empty()) {
            events.push(Event::Text {
                choice: index,
                text: text.into_owned(),
            });
        }
        if let Some(word) = choice.finish_reason.filter(|word| !word.is_empty()) {
            events.push(Event::Finish {
                choice: index,
                reason: finish::parse(&word),
            });
        }
    }

    fn delta(&mut self, choice: u32, delta: Delta<'_>, events: &mut Vec<Event>) {
        // Some servers write both names with the same text.
        let mut thought = text_of(delta.reasoning_content);
        if thought.is_empty() {
            thought = text_of(delta.reasoning);
        }
        if !thought.is_empty() {
            events.push(Event::Thinking {
                choice,
                text: thought,
            });
        }
        let text = text_of(delta.content);
        if !text.is_empty() {
            events.push(Event::Text { choice, text });
        }
        if let Some(text) = delta.refusal.filter(|text| !text.is_empty()) {
            events.push(Event::Text {
                choice,
                text: text.into_owned(),
            });
        }
        for call in delta.tool_calls.into_iter().flatten() {
            self.call(choice, call, events);
        }
        if let Some(function) = delta.function_call {
            let call = CallDelta {
                index: Some(0),
                id: None,
                function: Some(function),
                extra_content: None,
            };
            self.call(choice, call, events);
        }
    }

    fn call(&mut self, choice: u32, delta: CallDelta<'_>, events: &mut Vec<Event>) {
        let id = delta.id.as_deref().unwrap_or_default();
        let function = delta.function.unwrap_or(FunctionDelta {
            name: None,
            arguments: None,
        });
        let name = function.name.as_deref().unwrap_or_default();
        let at = self
            .find(choice, delta.index, id, name)
            .unwrap_or_else(|| self.begin(choice, delta.index, id));
        let Some(call) = self.calls.get_mut(at) else {
            return;
        };
        let mut piece = arguments_of(function.arguments);
        if !call.named && name.is_empty() {
            call.early.push_str(&piece);
            return;
        }
        if !call.named {
            call.named = true;
            if call.id.is_empty() {
                id.clone_into(&mut call.id);
            }
            let extra = delta.extra_content.map(RawValue::get);
            let extra: Value = extra
                .and_then(|extra| serde_json::from_str(extra).ok())
                .unwrap_or_default();
            let id = match thought::signature_in(&extra) {
                Some(signature) => thought::pack(&call.id, signature),
                None => call.id.clone(),
            };
            events.push(Event::ToolStart {
                choice,
                index: call.ours,
                id,
                name: self.names.said(name).to_owned(),
            });
            piece.insert_str(0, &std::mem::take(&mut call.early));
        }
        if !piece.is_empty() {
            events.push(Event::ToolArguments {
                choice,
                index: call.ours,
                piece,
            });
        }
    }

    /// The call a piece belongs to. Another id or another name under a known index is another call.
    fn find(&self, choice: u32, index: Option<u32>, id: &str, name: &str) -> Option<usize> {
        let (at, call) = self.calls.iter().enumerate().rev().find(|(_, call)| {
            call.choice == choice
                && (index.is_none() || call.index == index)
                && (id.is_empty() || call.id.is_empty() || call.id == id || index.is_some())
        })?;
        let other_id = !id.is_empty() && !call.id.is_empty() && call.id != id;
        // A name on a call that has one begins another, unless the id says it is the same.
        let again = !name.is_empty() && call.named && (id.is_empty() || call.id != id);
        (!other_id && !again).then_some(at)
    }

    fn begin(&mut self, choice: u32, index: Option<u32>, id: &str) -> usize {
        let before = self.calls.iter().filter(|call| call.choice == choice);
        let ours = u32::try_from(before.count()).unwrap_or(u32::MAX);
        self.calls.push(Call {
            choice,
            index,
            id: id.to_owned(),
            ours,
            named: false,
            early: String::new(),
        });
        self.calls.len() - 1
    }
}

/// The event for an error body inside a stream.
fn failed(data: &[u8]) -> Event {
    let found = match serde_json::from_slice::<Value>(data) {
        Ok(value) => error::of_value(&value, 0),
        Err(_) => error::parse_error(200, data),
    };
    Event::Error {
        status: found.status,
        kind: if found.kind.is_empty() {
            found.code
        } else {
            found.kind
        },
        message: if found.message.is_empty() {
            "the upstream reported an error without a message".to_owned()
        } else {
            found.message
        },
    }
}

fn bad_event(error: &serde_json::Error) -> Fault {
    Fault::new(
        FaultKind::BadAnswer,
        "the upstream's stream holds an event that is not a chat completion chunk",
    )
    .detail(error.to_string())
}
