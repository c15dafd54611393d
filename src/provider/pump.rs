//! A stream on its way from an upstream to a client: bytes in, whole events out.
//!
//! Either the upstream's events are passed on with the model's name put back, or each is read into
//! neutral events and written in the client's dialect. Only whole events leave. What was seen of each
//! chunk (content, usage, an error, the end) is told to the caller, who decides.

mod whole;

pub use self::whole::is_whole_answer;

use bytes::{Bytes, BytesMut};

use crate::base::{Fault, FaultKind, Surface, Usage};
use crate::config::Dialect;
use crate::provider::answer::aborted;
use crate::provider::classify::said;
use crate::provider::{Backend, build};
use crate::wire::frame::{Lines, Sse};
use crate::wire::{
    Choices, Event, Finish, Frame, Observed, UpstreamError, WriterOptions, anthropic, ollama,
    openai,
};

/// What a chunk held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// Events that carry something: comments do not count as a sign of life.
    pub events: u32,
    /// Events with content for the client.
    pub content: u32,
    /// Every choice that was asked for has said why it ended.
    pub finished: bool,
    /// The upstream says the stream is complete.
    pub done: bool,
    /// Tokens so far, or in all.
    pub usage: Option<Usage>,
}

/// The way of one stream.
#[derive(Debug)]
pub struct Pump {
    frames: Frames,
    way: Way,
    provider: Box<str>,
    state: State,
}

/// How far a stream has come.
#[derive(Debug)]
struct State {
    /// How many choices it must have.
    wanted: u32,
    /// Which of them said why they ended.
    ended: Choices,
    /// There was content.
    spoke: bool,
    /// Its events are those of an answer: content and reasons are known.
    is_answer: bool,
}

#[derive(Debug)]
enum Frames {
    Sse(Sse),
    Lines(Lines),
}

#[derive(Debug)]
enum Way {
    OpenAi(Box<openai::StreamRelay>),
    Anthropic(Box<anthropic::StreamRelay>),
    Across {
        reader: Reader,
        writer: Writer,
        events: Vec<Event>,
    },
}

#[derive(Debug)]
enum Reader {
    OpenAi(Box<openai::Reader>),
    Ollama(Box<ollama::Reader>),
    Anthropic(Box<anthropic::Reader>),
}

#[derive(Debug)]
enum Writer {
    Chat(Box<openai::Writer>),
    Completion(Box<openai::CompletionWriter>),
    Anthropic(Box<anthropic::Writer>),
}

impl Pump {
    /// The way from an upstream's dialect to a client's. `limit` is the largest event, in bytes.
    pub fn new(
        surface: Surface,
        backend: &Backend,
        asked: build::Way,
        options: WriterOptions,
        limit: usize,
    ) -> Self {
        let dialect = backend.dialect;
        let state = State::new(surface, asked.choices);
        let frames = match dialect {
            Dialect::Ollama => Frames::Lines(Lines::new(limit)),
            Dialect::OpenAi | Dialect::Anthropic => Frames::Sse(Sse::new(limit)),
        };
        let way = if asked.same {
            if dialect == Dialect::Anthropic {
                Way::Anthropic(Box::new(anthropic::StreamRelay::new(&options.model)))
            } else {
                let relay =
                    openai::StreamRelay::new(&options.model, surface, options.include_usage);
                Way::OpenAi(Box::new(relay))
            }
        } else {
            let reader = match dialect {
                Dialect::OpenAi => {
                    Reader::OpenAi(Box::new(openai::Reader::with_names(asked.names)))
                },
                Dialect::Ollama => Reader::Ollama(Box::default()),
                Dialect::Anthropic => {
                    Reader::Anthropic(Box::new(anthropic::Reader::with_names(asked.names)))
                },
            };
            let writer = Writer::new(surface, options);
            Way::Across {
                reader,
                writer,
                events: Vec::new(),
            }
        };
        Self {
            frames,
            way,
            provider: (*backend.provider).into(),
            state,
        }
    }

    /// Takes a chunk in and appends what goes to the client. After an error, or `done`, nothing more
    /// is to be pushed.
    ///
    /// # Errors
    /// The upstream says that it failed, or what it sends makes no sense. What was complete before
    /// stands in `out`.
    pub fn push(&mut self, chunk: Bytes, out: &mut BytesMut) -> Result<Seen, Fault> {
        match &mut self.frames {
            Frames::Sse(frames) => frames.push(chunk),
            Frames::Lines(frames) => frames.push(chunk),
        }
        let mut seen = Seen::default();
        while !seen.done {
            let taken = match &mut self.frames {
                Frames::Sse(frames) => frames.take(),
                Frames::Lines(frames) => frames.take(),
            };
            let taken =
                taken.map_err(|error| Fault::new(FaultKind::BadAnswer, error.to_string()))?;
            let Some(frame) = taken else { break };
            self.frame(&frame, out, &mut seen)?;
        }
        Ok(seen)
    }

    /// The upstream's bytes have ended: a last event that lacks its end is still looked at.
    ///
    /// # Errors
    /// As [`Pump::push`].
    pub fn rest(&mut self, out: &mut BytesMut) -> Result<Seen, Fault> {
        let mut seen = Seen::default();
        let rest = match &mut self.frames {
            Frames::Sse(frames) => frames.take_rest(),
            Frames::Lines(frames) => frames.take_rest(),
        };
        // Half an event is never passed on; a whole one whose last newline is missing is read.
        if let Some(frame) = rest.filter(|frame| is_whole(&frame.data)) {
            self.frame(&frame, out, &mut seen)?;
        }
        Ok(seen)
    }

    /// Appends the proper end of a stream that was complete.
    pub fn finish(&mut self, out: &mut BytesMut) {
        match &mut self.way {
            Way::OpenAi(_) => out.extend_from_slice(openai::DONE),
            Way::Anthropic(relay) => relay.finish(out),
            Way::Across { writer, .. } => match writer {
                Writer::Chat(writer) => writer.finish(out),
                Writer::Completion(writer) => writer.finish(out),
                Writer::Anthropic(writer) => writer.finish(out),
            },
        }
    }

    fn frame(&mut self, frame: &Frame, out: &mut BytesMut, seen: &mut Seen) -> Result<(), Fault> {
        if frame.is_comment() {
            return Ok(());
        }
        seen.events += 1;
        let observed = match &mut self.way {
            Way::OpenAi(relay) => relay.frame(frame, out),
            Way::Anthropic(relay) => relay.frame(frame, out),
            Way::Across {
                reader,
                writer,
                events,
            } => {
                events.clear();
                match reader {
                    Reader::OpenAi(reader) => reader.read(frame, events)?,
                    Reader::Ollama(reader) => reader.read(frame, events)?,
                    Reader::Anthropic(reader) => reader.read(frame, events)?,
                }
                let observed = observe(events);
                if observed.error.is_none() && observed.finish != Some(Finish::Abort) {
                    write(writer, events, out);
                }
                observed
            },
        };
        self.note(observed, seen)
    }

    fn note(&mut self, observed: Observed, seen: &mut Seen) -> Result<(), Fault> {
        if let Some(error) = observed.error {
            return Err(said(&self.provider, &error, None));
        }
        if observed.finish == Some(Finish::Abort) {
            return Err(aborted());
        }
        self.state.spoke |= observed.content;
        self.state.ended.join(observed.ended);
        let ended = self.state.ended.count();
        if observed.done && self.state.is_answer && !self.state.spoke && ended == 0 {
            return Err(no_answer());
        }
        seen.content += u32::from(observed.content);
        seen.finished |= ended >= self.state.wanted;
        seen.done |= observed.done;
        if let Some(usage) = observed.usage {
            seen.usage = Some(seen.usage.unwrap_or_default().max(usage));
        }
        Ok(())
    }
}

impl State {
    fn new(surface: Surface, choices: u32) -> Self {
        Self {
            wanted: choices.clamp(1, Choices::MOST),
            ended: Choices::default(),
            spoke: false,
            is_answer: matches!(
                surface,
                Surface::Chat | Surface::Messages | Surface::Completions
            ),
        }
    }
}

impl Writer {
    fn new(surface: Surface, options: WriterOptions) -> Self {
        match surface {
            Surface::Messages => Self::Anthropic(Box::new(anthropic::Writer::new(options))),
            Surface::Completions => {
                Self::Completion(Box::new(openai::CompletionWriter::new(options)))
            },
            _ => Self::Chat(Box::new(openai::Writer::new(options))),
        }
    }
}

/// The fault of an end mark behind nothing: real servers say at least why they ended.
fn no_answer() -> Fault {
    let text = "the backend's stream ended without an answer in it";
    Fault::new(FaultKind::BadAnswer, text)
}

/// The error event that ends a stream of this surface, and its end.
pub fn error_event(surface: Surface, kind: &str, message: &str, code: &str, out: &mut BytesMut) {
    if surface == Surface::Messages {
        let body = anthropic::write_error(kind, message);
        out.extend_from_slice(b"event: error\ndata: ");
        out.extend_from_slice(&body);
        out.extend_from_slice(b"\n\n");
        return;
    }
    let body = serde_json::json!({ "error": {
        "message": message, "type": kind, "param": null, "code": code,
    }});
    out.extend_from_slice(format!("data: {body}\n\ndata: [DONE]\n\n").as_bytes());
}

fn write(writer: &mut Writer, events: &[Event], out: &mut BytesMut) {
    for event in events {
        match writer {
            Writer::Chat(writer) => writer.write(event, out),
            Writer::Completion(writer) => writer.write(event, out),
            Writer::Anthropic(writer) => writer.write(event, out),
        }
    }
}

fn observe(events: &[Event]) -> Observed {
    let mut observed = Observed::default();
    for event in events {
        match event {
            Event::Text { text, .. } | Event::Thinking { text, .. } => {
                observed.content |= !text.is_empty();
            },
            Event::ToolStart { .. }
            | Event::ToolArguments { .. }
            | Event::RedactedThinking { .. } => {
                observed.content = true;
            },
            Event::Finish { choice, reason } => {
                observed.finish = Some(reason.clone());
                observed.ended.add(*choice);
            },
            Event::Usage(usage) => {
                observed.usage = Some(observed.usage.unwrap_or_default().max(*usage));
            },
            Event::Error {
                status,
                kind,
                message,
            } => {
                observed.error = Some(UpstreamError {
                    status: *status,
                    kind: kind.clone(),
                    message: message.clone(),
                    ..UpstreamError::default()
                });
            },
            Event::Done => observed.done = true,
            Event::Start { .. } | Event::Signature { .. } => {},
        }
    }
    observed
}

/// Whether an event that lacks its end holds a whole JSON value or the end mark.
fn is_whole(data: &[u8]) -> bool {
    data == b"[DONE]" || serde_json::from_slice::<serde::de::IgnoredAny>(data).is_ok()
}

#[cfg(test)]
mod tests;
