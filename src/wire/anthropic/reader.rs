//! Reads an Anthropic stream, event by event, into neutral events.
//!
//! Blocks of the stream are numbered over all kinds; the tool calls among them are numbered anew from
//! 0, as every other dialect has them. Called by `provider` with whole frames.

use serde::Deserialize;
use serde_json::Value;

use super::error::status_of;
use super::usage::Counts;
use super::{nullable, read_finish};
use crate::base::{Fault, FaultKind};
use crate::wire::failure;
use crate::wire::names::Names;
use crate::wire::neutral::{Event, Finish};
use crate::wire::shape::Frame;

/// A dialect with one choice.
const CHOICE: u32 = 0;

/// Any event of the stream; what it does not have is absent.
#[derive(Deserialize)]
struct Said {
    #[serde(rename = "type", default, deserialize_with = "nullable")]
    kind: String,
    #[serde(default)]
    index: u64,
    #[serde(default)]
    message: Option<Start>,
    #[serde(default)]
    content_block: Option<Block>,
    #[serde(default)]
    delta: Option<Delta>,
    #[serde(default)]
    usage: Option<Counts>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Start {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    usage: Option<Counts>,
}

#[derive(Deserialize)]
struct Block {
    #[serde(rename = "type", default, deserialize_with = "nullable")]
    kind: String,
    #[serde(default, deserialize_with = "nullable")]
    text: String,
    #[serde(default, deserialize_with = "nullable")]
    thinking: String,
    #[serde(default, deserialize_with = "nullable")]
    signature: String,
    #[serde(default, deserialize_with = "nullable")]
    data: String,
    #[serde(default, deserialize_with = "nullable")]
    id: String,
    #[serde(default, deserialize_with = "nullable")]
    name: String,
    #[serde(default)]
    input: Option<Value>,
}

#[derive(Deserialize)]
struct Delta {
    #[serde(rename = "type", default, deserialize_with = "nullable")]
    kind: String,
    #[serde(default, deserialize_with = "nullable")]
    text: String,
    #[serde(default, deserialize_with = "nullable")]
    thinking: String,
    #[serde(default, deserialize_with = "nullable")]
    signature: String,
    #[serde(default, deserialize_with = "nullable")]
    partial_json: String,
    #[serde(default)]
    stop_reason: Option<String>,
    #[serde(default)]
    stop_sequence: Option<String>,
}

/// A block of the stream that takes pieces of JSON.
#[derive(Debug)]
struct Open {
    block: u64,
    kind: Kind,
    /// What the block began with; it counts when no piece follows.
    input: Option<String>,
    has_pieces: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The client's own tool, by its number among the calls.
    Tool(u32),
    /// The tool whose arguments are the answer's text.
    Form,
    /// A tool the provider runs: nothing of the client's.
    Hosted,
}

/// Reads the frames of one stream in their order.
#[derive(Debug, Default)]
pub struct Reader {
    names: Names,
    counts: Counts,
    open: Vec<Open>,
    tools: u32,
    has_form: bool,
    is_done: bool,
}

impl Reader {
    /// A reader for a request whose tool names went up unchanged.
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

    /// Reads one frame and appends what it says to `events`. Fails when it makes no sense.
    pub fn read(&mut self, frame: &Frame, events: &mut Vec<Event>) -> Result<(), Fault> {
        if frame.is_comment() || frame.event.as_ref() == b"ping" {
            return Ok(());
        }
        if frame.data.as_ref() == b"[DONE]" {
            self.done(events);
            return Ok(());
        }
        let said: Said = match serde_json::from_slice(&frame.data) {
            Ok(said) => said,
            Err(error) => {
                let message = format!(
                    "the upstream's stream has an event that is no JSON of Anthropic's: {error}"
                );
                return Err(Fault::new(FaultKind::BadAnswer, message));
            },
        };
        match said.kind.as_str() {
            "message_start" => self.start(said.message, events),
            "content_block_start" => self.block_start(said.index, said.content_block, events),
            "content_block_delta" => self.delta(said.index, said.delta, events),
            "content_block_stop" => self.block_stop(said.index, events),
            "message_delta" => self.message_delta(said.delta, said.usage, events),
            "message_stop" => self.done(events),
            _ => {
                if let Some(error) = said.error {
                    events.push(read_error(&error));
                }
            },
        }
        Ok(())
    }

    fn done(&mut self, events: &mut Vec<Event>) {
        if !self.is_done {
            self.is_done = true;
            events.push(Event::Done);
        }
    }

    fn start(&mut self, message: Option<Start>, events: &mut Vec<Event>) {
        let Some(start) = message else {
            events.push(Event::Start {
                id: None,
                model: None,
            });
            return;
        };
        events.push(Event::Start {
            id: start.id,
            model: start.model,
        });
        if let Some(counts) = start.usage {
            self.counts.learn(&counts);
            events.push(Event::Usage(self.counts.usage()));
        }
    }

    fn block_start(&mut self, index: u64, block: Option<Block>, events: &mut Vec<Event>) {
        let Some(block) = block else {
            return;
        };
        match block.kind.as_str() {
            "text" => push_text(block.text, events),
            "thinking" => {
                push_thinking(block.thinking, events);
                push_signature(block.signature, events);
            },
            "redacted_thinking" => events.push(Event::RedactedThinking {
                choice: CHOICE,
                data: block.data,
            }),
            "tool_use" => self.tool_start(index, block, events),
            _ => self.open.push(Open {
                block: index,
                kind: Kind::Hosted,
                input: None,
                has_pieces: false,
            }),
        }
    }

    fn tool_start(&mut self, index: u64, block: Block, events: &mut Vec<Event>) {
        let input = block.input.unwrap_or_default();
        let input = if input.is_object() {
            input.to_string()
        } else {
            "{}".to_owned()
        };
        let kind = if self.names.is_json_tool(&block.name) {
            self.has_form = true;
            Kind::Form
        } else {
            let number = self.tools;
            self.tools += 1;
            events.push(Event::ToolStart {
                choice: CHOICE,
                index: number,
                id: block.id,
                name: self.names.said(&block.name).to_owned(),
            });
            Kind::Tool(number)
        };
        self.open.push(Open {
            block: index,
            kind,
            input: Some(input),
            has_pieces: false,
        });
    }

    fn delta(&mut self, index: u64, delta: Option<Delta>, events: &mut Vec<Event>) {
        let Some(delta) = delta else {
            return;
        };
        match delta.kind.as_str() {
            "text_delta" => push_text(delta.text, events),
            "thinking_delta" => push_thinking(delta.thinking, events),
            "signature_delta" => push_signature(delta.signature, events),
            "input_json_delta" if !delta.partial_json.is_empty() => {
                if let Some(open) = self.open.iter_mut().find(|open| open.block == index) {
                    open.has_pieces = true;
                    push_piece(open.kind, delta.partial_json, events);
                }
            },
            _ => {},
        }
    }

    /// A tool without arguments gets no pieces; its arguments are what its block began with.
    fn block_stop(&mut self, index: u64, events: &mut Vec<Event>) {
        let Some(at) = self.open.iter().position(|open| open.block == index) else {
            return;
        };
        let open = self.open.swap_remove(at);
        if let (false, Some(input)) = (open.has_pieces, open.input) {
            push_piece(open.kind, input, events);
        }
    }

    fn message_delta(
        &mut self,
        delta: Option<Delta>,
        usage: Option<Counts>,
        events: &mut Vec<Event>,
    ) {
        if let Some(counts) = usage {
            self.counts.learn(&counts);
            events.push(Event::Usage(self.counts.usage()));
        }
        let Some(delta) = delta else {
            return;
        };
        if let Some(reason) = delta.stop_reason {
            let reason = match read_finish(&reason, delta.stop_sequence.as_deref()) {
                Finish::ToolCalls if self.has_form && self.tools == 0 => Finish::Stop,
                reason => reason,
            };
            events.push(Event::Finish {
                choice: CHOICE,
                reason,
            });
        }
    }
}

fn push_text(text: String, events: &mut Vec<Event>) {
    if !text.is_empty() {
        events.push(Event::Text {
            choice: CHOICE,
            text,
        });
    }
}

fn push_thinking(text: String, events: &mut Vec<Event>) {
    if !text.is_empty() {
        events.push(Event::Thinking {
            choice: CHOICE,
            text,
        });
    }
}

fn push_signature(signature: String, events: &mut Vec<Event>) {
    if !signature.is_empty() {
        events.push(Event::Signature {
            choice: CHOICE,
            signature,
        });
    }
}

fn push_piece(kind: Kind, piece: String, events: &mut Vec<Event>) {
    match kind {
        Kind::Tool(index) => events.push(Event::ToolArguments {
            choice: CHOICE,
            index,
            piece,
        }),
        Kind::Form => push_text(piece, events),
        Kind::Hosted => {},
    }
}

fn read_error(error: &Value) -> Event {
    let said = failure::read_value(error);
    Event::Error {
        status: status_of(&said.kind).or(said.status),
        kind: said.kind,
        message: said.message,
    }
}
