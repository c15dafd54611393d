//! Writes neutral events as an Anthropic stream.
//!
//! Anthropic's blocks come one after the other, each ended before the next begins, while other
//! dialects mix text, reasoning and several tool calls. So one block is open at a time; what comes for
//! another while a call's arguments are incomplete waits in line. The last word (`message_delta` with
//! reason and usage) is kept back until the end, as some upstreams count tokens after they finished.

use bytes::{BufMut, BytesMut};

use super::answer::tool_id;
use super::error::write_error;
use super::{message_id, usage, write_finish};
use crate::base::Usage;
use crate::wire::emit::{self, Object};
use crate::wire::neutral::{Event, Finish};
use crate::wire::shape::WriterOptions;

/// Something to be said in a block of its own.
#[derive(Debug)]
enum Piece {
    Text(String),
    Thinking(String),
    Signature(String),
    Redacted(String),
    Tool {
        index: u32,
        id: String,
        name: String,
        arguments: String,
    },
}

/// The block that is open.
#[derive(Debug)]
enum Block {
    Text,
    /// Reasoning; once signed it is complete.
    Thinking {
        is_signed: bool,
    },
    Tool {
        index: u32,
        extent: Extent,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    /// `message_stop` or an error has been written.
    Ended,
}

/// Writes the events of one answer in their order.
#[derive(Debug)]
pub struct Writer {
    options: WriterOptions,
    id: String,
    state: State,
    /// The number of the open block, or of the next one.
    number: usize,
    open: Option<Block>,
    waiting: Vec<Piece>,
    has_tools: bool,
    finish: Option<Finish>,
    usage: Usage,
}

impl Writer {
    /// A writer that has written nothing yet.
    pub fn new(options: WriterOptions) -> Self {
        Self {
            id: message_id("", &options.id),
            options,
            state: State::Waiting,
            number: 0,
            open: None,
            waiting: Vec::new(),
            has_tools: false,
            finish: None,
            usage: Usage::default(),
        }
    }

    /// Writes one event; some wait for others and write nothing yet.
    pub fn write(&mut self, event: &Event, out: &mut BytesMut) {
        if self.state == State::Ended {
            return;
        }
        match event {
            Event::Start { id, .. } => {
                if let (State::Waiting, Some(id)) = (self.state, id) {
                    self.id = message_id(id, &self.options.id);
                }
                self.begin(out);
            },
            Event::Text { choice: 0, text } if !text.is_empty() => self.text(text, out),
            Event::Thinking { choice: 0, text } if !text.is_empty() => self.thinking(text, out),
            Event::Signature {
                choice: 0,
                signature,
            } => {
                self.say(Piece::Signature(signature.clone()), out);
            },
            Event::RedactedThinking { choice: 0, data } => {
                self.say(Piece::Redacted(data.clone()), out);
            },
            Event::ToolStart {
                choice: 0,
                index,
                id,
                name,
            } => {
                let (id, name) = (id.clone(), name.clone());
                self.say(
                    Piece::Tool {
                        index: *index,
                        id,
                        name,
                        arguments: String::new(),
                    },
                    out,
                );
            },
            Event::ToolArguments {
                choice: 0,
                index,
                piece,
            } => self.arguments(*index, piece, out),
            Event::Finish {
                reason: Finish::Abort,
                ..
            } => {
                self.error(
                    "api_error",
                    "the upstream gave up before the answer was complete",
                    out,
                );
            },
            Event::Finish { choice: 0, reason } => self.finish = Some(reason.clone()),
            Event::Usage(usage) => self.usage = self.usage.max(*usage),
            Event::Error { kind, message, .. } => {
                let kind = if kind.is_empty() { "api_error" } else { kind };
                self.error(kind, message, out);
            },
            Event::Done => self.finish(out),
            // The dialect has one answer; empty pieces say nothing.
            _ => {},
        }
    }

    /// Ends the stream properly: whatever is open is closed, and nothing can follow.
    pub fn finish(&mut self, out: &mut BytesMut) {
        if self.state == State::Ended {
            return;
        }
        self.begin(out);
        self.close(out);
        for piece in std::mem::take(&mut self.waiting) {
            self.put(piece, out);
            self.close(out);
        }
        let (reason, sequence) = write_finish(self.finish.as_ref(), self.has_tools);
        frame("message_delta", out, |o| {
            o.object("delta", |o| {
                o.put("stop_reason", reason).put("stop_sequence", &sequence);
            });
            o.object("usage", |o| usage::write(&self.usage, o));
        });
        frame("message_stop", out, |_| ());
        self.state = State::Ended;
    }

    /// Ends the stream with an error; nothing can follow.
    pub fn error(&mut self, kind: &str, message: &str, out: &mut BytesMut) {
        if self.state == State::Ended {
            return;
        }
        self.state = State::Ended;
        out.put_slice(b"event: error\ndata: ");
        out.put_slice(&write_error(kind, message));
        out.put_slice(b"\n\n");
    }

    fn begin(&mut self, out: &mut BytesMut) {
        if self.state != State::Waiting {
            return;
        }
        self.state = State::Running;
        frame("message_start", out, |o| {
            o.object("message", |o| {
                o.put("id", &self.id)
                    .put("type", "message")
                    .put("role", "assistant");
                o.put("model", &self.options.model).array("content", |_| ());
                o.put("stop_reason", &None::<&str>)
                    .put("stop_sequence", &None::<&str>);
                o.object("usage", |o| usage::write(&self.usage, o));
            });
        });
    }

    /// Most pieces of a stream go on with the block that is open; they are not copied.
    fn text(&mut self, text: &str, out: &mut BytesMut) {
        if matches!(self.open, Some(Block::Text)) {
            self.delta("text_delta", "text", text, out);
        } else {
            self.say(Piece::Text(text.to_owned()), out);
        }
    }

    fn thinking(&mut self, text: &str, out: &mut BytesMut) {
        if matches!(self.open, Some(Block::Thinking { is_signed: false })) {
            self.delta("thinking_delta", "thinking", text, out);
        } else {
            self.say(Piece::Thinking(text.to_owned()), out);
        }
    }

    /// Says a piece now, or puts it in line behind an incomplete call.
    fn say(&mut self, piece: Piece, out: &mut BytesMut) {
        self.begin(out);
        let is_busy = matches!(&self.open, Some(Block::Tool { extent, .. }) if !extent.is_whole());
        if !is_busy && self.waiting.is_empty() {
            return self.put(piece, out);
        }
        match (self.waiting.last_mut(), piece) {
            (Some(Piece::Text(text)), Piece::Text(more)) => text.push_str(&more),
            (Some(Piece::Thinking(text)), Piece::Thinking(more)) => text.push_str(&more),
            (_, piece) => self.waiting.push(piece),
        }
    }

    fn arguments(&mut self, index: u32, piece: &str, out: &mut BytesMut) {
        match &mut self.open {
            Some(Block::Tool {
                index: open,
                extent,
            }) if *open == index => {
                extent.feed(piece);
                let is_whole = extent.is_whole();
                self.delta("input_json_delta", "partial_json", piece, out);
                if is_whole {
                    self.drain(out);
                }
            },
            _ => {
                let of_call = self
                    .waiting
                    .iter_mut()
                    .rev()
                    .find_map(|waiting| match waiting {
                        Piece::Tool {
                            index: own,
                            arguments,
                            ..
                        } if *own == index => Some(arguments),
                        _ => None,
                    });
                if let Some(arguments) = of_call {
                    arguments.push_str(piece);
                }
            },
        }
    }

    /// Says what waits in line, up to the next incomplete call.
    fn drain(&mut self, out: &mut BytesMut) {
        let mut waiting = std::mem::take(&mut self.waiting).into_iter();
        for piece in waiting.by_ref() {
            self.put(piece, out);
            if matches!(&self.open, Some(Block::Tool { extent, .. }) if !extent.is_whole()) {
                break;
            }
        }
        self.waiting = waiting.collect();
    }

    /// Says a piece in its block, opening one where the open one is of another kind.
    fn put(&mut self, piece: Piece, out: &mut BytesMut) {
        match piece {
            Piece::Text(text) => {
                if !matches!(self.open, Some(Block::Text)) {
                    self.open(Block::Text, out, |o| {
                        o.put("type", "text").put("text", "");
                    });
                }
                self.delta("text_delta", "text", &text, out);
            },
            Piece::Thinking(text) => {
                self.open_thinking(out);
                self.delta("thinking_delta", "thinking", &text, out);
            },
            Piece::Signature(signature) => {
                self.open_thinking(out);
                self.open = Some(Block::Thinking { is_signed: true });
                self.delta("signature_delta", "signature", &signature, out);
            },
            Piece::Redacted(data) => {
                self.open(Block::Thinking { is_signed: true }, out, |o| {
                    o.put("type", "redacted_thinking").put("data", &data);
                });
            },
            Piece::Tool {
                index,
                id,
                name,
                arguments,
            } => {
                self.has_tools = true;
                let mut extent = Extent::default();
                extent.feed(&arguments);
                let number = if self.open.is_some() {
                    self.number + 1
                } else {
                    self.number
                };
                let id = tool_id(&id, &self.id, number);
                self.open(Block::Tool { index, extent }, out, |o| {
                    o.put("type", "tool_use").put("id", &id).put("name", &name);
                    o.object("input", |_| ());
                });
                if !arguments.is_empty() {
                    self.delta("input_json_delta", "partial_json", &arguments, out);
                }
            },
        }
    }

    fn open_thinking(&mut self, out: &mut BytesMut) {
        if !matches!(self.open, Some(Block::Thinking { is_signed: false })) {
            self.open(Block::Thinking { is_signed: false }, out, |o| {
                o.put("type", "thinking")
                    .put("thinking", "")
                    .put("signature", "");
            });
        }
    }

    fn open(
        &mut self,
        block: Block,
        out: &mut BytesMut,
        fill: impl FnOnce(&mut Object<'_, BytesMut>),
    ) {
        self.close(out);
        frame("content_block_start", out, |o| {
            o.put("index", &self.number).object("content_block", fill);
        });
        self.open = Some(block);
    }

    fn close(&mut self, out: &mut BytesMut) {
        if self.open.take().is_some() {
            frame("content_block_stop", out, |o| {
                o.put("index", &self.number);
            });
            self.number += 1;
        }
    }

    fn delta(&self, kind: &str, name: &str, text: &str, out: &mut BytesMut) {
        frame("content_block_delta", out, |o| {
            o.put("index", &self.number).object("delta", |o| {
                o.put("type", kind).put(name, text);
            });
        });
    }
}

/// Writes one event of the stream.
fn frame(kind: &str, out: &mut BytesMut, fill: impl FnOnce(&mut Object<'_, BytesMut>)) {
    out.put_slice(b"event: ");
    out.put_slice(kind.as_bytes());
    out.put_slice(b"\ndata: ");
    emit::object(out, |o| {
        o.put("type", kind);
        fill(o);
    });
    out.put_slice(b"\n\n");
}

/// Follows pieces of JSON and tells when they make one whole object or array.
#[derive(Debug, Default, Clone, Copy)]
struct Extent {
    depth: u32,
    in_text: bool,
    is_escaped: bool,
    is_whole: bool,
}

impl Extent {
    const fn is_whole(self) -> bool {
        self.is_whole
    }

    fn feed(&mut self, piece: &str) {
        for byte in piece.bytes() {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' if self.in_text => self.is_escaped = true,
                b'"' => self.in_text = !self.in_text,
                _ if self.in_text => {},
                b'{' | b'[' => self.depth = self.depth.saturating_add(1),
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.is_whole = self.depth == 0;
                },
                _ => {},
            }
        }
    }
}
