//! The neutral form as a stream of chat completion events.
//!
//! The first event of a choice carries its role; every choice gets exactly one finish reason; usage,
//! when wanted, goes into an event of its own without choices.

use bytes::BytesMut;

use super::{DONE, finish, usage};
use crate::base::Usage;
use crate::wire::edit::{push_text, quoted};
use crate::wire::{Event, Finish, WriterOptions};

/// Writes one stream.
#[derive(Debug)]
pub struct Writer {
    options: WriterOptions,
    /// `data: {"id":…,"choices":[{"index":`, once the id is known.
    head: Vec<u8>,
    choices: Vec<Choice>,
    usage: Option<Usage>,
    closed: bool,
}

#[derive(Debug)]
struct Choice {
    index: u32,
    calls: bool,
    finished: bool,
    /// Reasoning that nobody signed yet.
    thought: String,
}

impl Writer {
    /// A writer at the beginning of a stream.
    pub const fn new(options: WriterOptions) -> Self {
        Self {
            options,
            head: Vec::new(),
            choices: Vec::new(),
            usage: None,
            closed: false,
        }
    }

    /// Appends one event. An [`Event::Error`] ends the stream as [`Self::error`] does;
    /// [`Event::Done`] writes nothing, [`Self::finish`] does.
    pub fn write(&mut self, event: &Event, out: &mut BytesMut) {
        if self.closed {
            return;
        }
        match event {
            Event::Start { id, .. } => {
                if let (Some(id), true) = (id, self.head.is_empty()) {
                    id.clone_into(&mut self.options.id);
                }
            },
            Event::Text { choice, text } => self.text(*choice, "content", text, out),
            Event::Thinking { choice, text } => {
                self.text(*choice, "reasoning_content", text, out);
                if let Some(choice) = self.choices.iter_mut().find(|c| c.index == *choice) {
                    choice.thought.push_str(text);
                }
            },
            // A client can give a block back only whole: what was signed, and the signature.
            Event::Signature { choice, signature } => {
                let known = self.choices.iter_mut().find(|c| c.index == *choice);
                let thought = known.map(|choice| std::mem::take(&mut choice.thought));
                let mut delta =
                    b"\"thinking_blocks\":[{\"type\":\"thinking\",\"thinking\":".to_vec();
                push_text(&mut delta, &thought.unwrap_or_default());
                delta.extend_from_slice(b",\"signature\":");
                push_text(&mut delta, signature);
                delta.extend_from_slice(b"}]");
                self.delta(*choice, &delta, out);
            },
            Event::RedactedThinking { choice, data } => {
                let mut delta =
                    b"\"thinking_blocks\":[{\"type\":\"redacted_thinking\",\"data\":".to_vec();
                push_text(&mut delta, data);
                delta.extend_from_slice(b"}]");
                self.delta(*choice, &delta, out);
            },
            Event::ToolStart {
                choice,
                index,
                id,
                name,
            } => self.tool_start(*choice, *index, id, name, out),
            Event::ToolArguments {
                choice,
                index,
                piece,
            } => {
                let mut delta = b"\"tool_calls\":[{\"index\":".to_vec();
                push_number(&mut delta, *index);
                delta.extend_from_slice(b",\"function\":{\"arguments\":");
                push_text(&mut delta, piece);
                delta.extend_from_slice(b"}}]");
                self.delta(*choice, &delta, out);
            },
            Event::Finish { choice, reason } => self.end_choice(*choice, Some(reason), out),
            Event::Usage(usage) => {
                self.usage = Some(self.usage.map_or(*usage, |so_far| so_far.max(*usage)));
            },
            Event::Error {
                status,
                kind,
                message,
            } => self.error(message, kind, status.unwrap_or(500), out),
            Event::Done => {},
        }
    }

    /// Ends the stream: reasons that are missing, usage when it is wanted and known, `[DONE]`.
    pub fn finish(&mut self, out: &mut BytesMut) {
        if self.closed {
            return;
        }
        if self.choices.is_empty() {
            self.delta(0, b"\"content\":\"\"", out);
        }
        let open: Vec<u32> = self
            .choices
            .iter()
            .filter(|choice| !choice.finished)
            .map(|choice| choice.index)
            .collect();
        for index in open {
            self.end_choice(index, None, out);
        }
        if let (true, Some(usage)) = (self.options.include_usage, self.usage) {
            let mut chunk = chunk_head(&self.options, "chat.completion.chunk");
            chunk.extend_from_slice(b"],\"usage\":");
            usage::push_usage(&mut chunk, &usage);
            chunk.extend_from_slice(b"}\n\n");
            out.extend_from_slice(&chunk);
        }
        out.extend_from_slice(DONE);
        self.closed = true;
    }

    /// Ends the stream with an error event and `[DONE]`. `code` is the status it would have had.
    pub fn error(&mut self, message: &str, kind: &str, code: u16, out: &mut BytesMut) {
        if self.closed {
            return;
        }
        self.closed = true;
        push_error(message, kind, code, out);
    }

    fn text(&mut self, choice: u32, name: &str, text: &str, out: &mut BytesMut) {
        let mut delta = Vec::with_capacity(name.len() + text.len() + 8);
        push_text(&mut delta, name);
        delta.push(b':');
        push_text(&mut delta, text);
        self.delta(choice, &delta, out);
    }

    fn tool_start(&mut self, choice: u32, index: u32, id: &str, name: &str, out: &mut BytesMut) {
        let made;
        let id = if id.is_empty() {
            made = call_id(&self.options.id, choice, index);
            &made
        } else {
            id
        };
        let mut delta = b"\"tool_calls\":[{\"index\":".to_vec();
        push_number(&mut delta, index);
        delta.extend_from_slice(b",\"id\":");
        push_text(&mut delta, id);
        delta.extend_from_slice(b",\"type\":\"function\",\"function\":{\"name\":");
        push_text(&mut delta, name);
        delta.extend_from_slice(b",\"arguments\":\"\"}}]");
        self.delta(choice, &delta, out);
        if let Some(choice) = self.choices.iter_mut().find(|c| c.index == choice) {
            choice.calls = true;
        }
    }

    /// One event with this inside of its delta; the choice's first one names the role.
    fn delta(&mut self, index: u32, delta: &[u8], out: &mut BytesMut) {
        let known = self.choices.iter().find(|choice| choice.index == index);
        if known.is_some_and(|choice| choice.finished) {
            return;
        }
        let first = known.is_none();
        if first {
            self.choices.push(Choice {
                index,
                calls: false,
                finished: false,
                thought: String::new(),
            });
        }
        self.open(index, out);
        out.extend_from_slice(b",\"delta\":{");
        if first {
            out.extend_from_slice(b"\"role\":\"assistant\",");
            if !delta.starts_with(b"\"content\"") {
                out.extend_from_slice(b"\"content\":null,");
            }
        }
        out.extend_from_slice(delta);
        out.extend_from_slice(b"},\"logprobs\":null,\"finish_reason\":null}]");
        self.close(out);
    }

    fn end_choice(&mut self, index: u32, reason: Option<&Finish>, out: &mut BytesMut) {
        if !self.choices.iter().any(|choice| choice.index == index) {
            self.delta(index, b"\"content\":\"\"", out);
        }
        let Some(choice) = self.choices.iter_mut().find(|c| c.index == index) else {
            return;
        };
        if choice.finished {
            return;
        }
        choice.finished = true;
        let word = quoted(finish::word(reason, choice.calls));
        self.open(index, out);
        out.extend_from_slice(b",\"delta\":{},\"logprobs\":null,\"finish_reason\":");
        out.extend_from_slice(&word);
        out.extend_from_slice(b"}]");
        self.close(out);
    }

    fn open(&mut self, index: u32, out: &mut BytesMut) {
        if self.head.is_empty() {
            self.head = chunk_head(&self.options, "chat.completion.chunk");
            self.head.extend_from_slice(b"{\"index\":");
        }
        out.extend_from_slice(&self.head);
        out.extend_from_slice(itoa::Buffer::new().format(index).as_bytes());
    }

    fn close(&self, out: &mut BytesMut) {
        out.extend_from_slice(if self.options.include_usage {
            b",\"usage\":null}\n\n".as_slice()
        } else {
            b"}\n\n"
        });
    }
}

/// `data: {"id":…,"object":…,"created":…,"model":…,"choices":[`
pub(super) fn chunk_head(options: &WriterOptions, object: &str) -> Vec<u8> {
    let mut head = b"data: ".to_vec();
    push_head(&mut head, options, object);
    head
}

/// `{"id":…,"object":…,"created":…,"model":…,"choices":[`
pub(super) fn push_head(head: &mut Vec<u8>, options: &WriterOptions, object: &str) {
    head.extend_from_slice(b"{\"id\":");
    push_text(head, &options.id);
    head.extend_from_slice(b",\"object\":");
    push_text(head, object);
    head.extend_from_slice(b",\"created\":");
    head.extend_from_slice(itoa::Buffer::new().format(options.created).as_bytes());
    head.extend_from_slice(b",\"model\":");
    push_text(head, &options.model);
    head.extend_from_slice(b",\"choices\":[");
}

/// An error event and `[DONE]`.
pub(super) fn push_error(message: &str, kind: &str, code: u16, out: &mut BytesMut) {
    let mut event = b"data: {\"error\":{\"message\":".to_vec();
    push_text(&mut event, message);
    event.extend_from_slice(b",\"type\":");
    push_text(&mut event, kind);
    event.extend_from_slice(b",\"param\":null,\"code\":\"");
    event.extend_from_slice(itoa::Buffer::new().format(code).as_bytes());
    event.extend_from_slice(b"\"}}\n\n");
    out.extend_from_slice(&event);
    out.extend_from_slice(DONE);
}

/// An id for a call whose upstream gave none: the same for the same answer, at most 40 bytes, which
/// is what OpenAI takes back.
pub(super) fn call_id(answer: &str, choice: u32, index: u32) -> String {
    let letters: Vec<char> = answer
        .chars()
        .rev()
        .filter(char::is_ascii_alphanumeric)
        .take(20)
        .collect();
    let tail: String = letters.into_iter().rev().collect();
    format!("call_{tail}_{choice}_{index}")
}

fn push_number(out: &mut Vec<u8>, number: u32) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}
