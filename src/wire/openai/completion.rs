//! Legacy completions: a prompt in, text out, by way of the chat's neutral form.

use bytes::BytesMut;
use serde_json::Value;

use super::answer::{filled, text_of};
use super::field::{self, wrong_type};
use super::request::{extra, parse_common, parse_map};
use super::usage::push_usage;
use super::writer::{chunk_head, push_error, push_head};
use super::{DONE, finish};
use crate::base::{Fault, FaultKind, Usage};
use crate::wire::edit::{push_text, quoted};
use crate::wire::neutral::{Message, Part, Request, Role};
use crate::wire::{Answer, Event, Finish, WriterOptions};

/// Reads a completion request as a chat of one user message.
///
/// A list of one prompt counts as that prompt. Several prompts, and prompts of token ids, can only
/// be served by an upstream that has the route itself.
pub fn parse_completion_request(body: &[u8]) -> Result<Request, Fault> {
    let mut map = parse_map(body)?;
    let prompt = field::take(&mut map, "prompt").ok_or_else(|| field::missing("prompt"))?;
    let text = match prompt {
        Value::String(text) => text,
        Value::Array(list) => one_prompt(list)?,
        other => {
            let wanted = "one of a string, array of strings, array of tokens, or array of token \
                          arrays";
            return Err(wrong_type("prompt", wanted, &other));
        },
    };
    // The best of one is the one. `logprobs`, `echo`, `suffix` and more than one to choose from stay
    // among the extras: no writer of another dialect can say them, so each refuses or drops them.
    if map.get("best_of").and_then(Value::as_u64) == Some(1) {
        field::take(&mut map, "best_of");
    }
    let mut request = parse_common(&mut map)?;
    request.messages = vec![Message {
        role: Role::User,
        parts: vec![Part::text(text)],
        name: None,
    }];
    request.extra = extra(map);
    Ok(request)
}

fn one_prompt(mut list: Vec<Value>) -> Result<String, Fault> {
    match (list.pop(), list.is_empty()) {
        (Some(Value::String(text)), true) => Ok(text),
        (None, _) => Err(Fault::invalid(
            "Invalid 'prompt': empty array. Expected an array with minimum length 1, but got an \
             empty array instead.",
        )
        .param("prompt")),
        _ => Err(Fault::new(
            FaultKind::Unsupported,
            "the chosen backend has no completions of its own, so only a single prompt of text can \
             be served; send one request a prompt",
        )
        .param("prompt")),
    }
}

/// Writes an answer as a `text_completion`.
pub fn write_completion_answer(answer: &Answer, options: &WriterOptions) -> Vec<u8> {
    let options = filled(answer, options);
    let mut out = Vec::with_capacity(512);
    push_head(&mut out, &options, "text_completion");
    for (index, choice) in (0u32..).zip(&answer.choices) {
        if index > 0 {
            out.push(b',');
        }
        push_choice(
            &mut out,
            index,
            &text_of(choice),
            Some(&quoted(finish::word(choice.finish.as_ref(), false))),
        );
    }
    out.push(b']');
    if let Some(usage) = &answer.usage {
        out.extend_from_slice(b",\"usage\":");
        push_usage(&mut out, usage);
    }
    out.push(b'}');
    out
}

fn push_choice(out: &mut Vec<u8>, index: u32, text: &str, reason: Option<&[u8]>) {
    out.extend_from_slice(b"{\"text\":");
    push_text(out, text);
    out.extend_from_slice(b",\"index\":");
    out.extend_from_slice(itoa::Buffer::new().format(index).as_bytes());
    out.extend_from_slice(b",\"logprobs\":null,\"finish_reason\":");
    out.extend_from_slice(reason.unwrap_or(b"null"));
    out.push(b'}');
}

/// Writes one stream of `text_completion` events. Reasoning and tool calls have no place in them.
#[derive(Debug)]
pub struct CompletionWriter {
    options: WriterOptions,
    /// Choices that were written, and whether they are finished.
    choices: Vec<(u32, bool)>,
    usage: Option<Usage>,
    closed: bool,
}

impl CompletionWriter {
    /// A writer at the beginning of a stream.
    pub const fn new(options: WriterOptions) -> Self {
        Self {
            options,
            choices: Vec::new(),
            usage: None,
            closed: false,
        }
    }

    /// Appends one event; as [`super::Writer::write`].
    pub fn write(&mut self, event: &Event, out: &mut BytesMut) {
        if self.closed {
            return;
        }
        match event {
            Event::Start { id: Some(id), .. } if self.choices.is_empty() => {
                id.clone_into(&mut self.options.id);
            },
            Event::Text { choice, text } => self.choice(*choice, text, None, out),
            Event::Finish { choice, reason } => self.end_choice(*choice, Some(reason), out),
            Event::Usage(usage) => {
                self.usage = Some(self.usage.map_or(*usage, |so_far| so_far.max(*usage)));
            },
            Event::Error {
                status,
                kind,
                message,
            } => self.error(message, kind, status.unwrap_or(500), out),
            Event::Start { .. }
            | Event::Thinking { .. }
            | Event::Signature { .. }
            | Event::RedactedThinking { .. }
            | Event::ToolStart { .. }
            | Event::ToolArguments { .. }
            | Event::Done => {},
        }
    }

    /// Ends the stream; as [`super::Writer::finish`].
    pub fn finish(&mut self, out: &mut BytesMut) {
        if self.closed {
            return;
        }
        if self.choices.is_empty() {
            self.choices.push((0, false));
        }
        let open: Vec<u32> = self
            .choices
            .iter()
            .filter(|(_, finished)| !finished)
            .map(|(index, _)| *index)
            .collect();
        for index in open {
            self.end_choice(index, None, out);
        }
        if let (true, Some(usage)) = (self.options.include_usage, self.usage) {
            let mut chunk = chunk_head(&self.options, "text_completion");
            chunk.extend_from_slice(b"],\"usage\":");
            push_usage(&mut chunk, &usage);
            chunk.extend_from_slice(b"}\n\n");
            out.extend_from_slice(&chunk);
        }
        out.extend_from_slice(DONE);
        self.closed = true;
    }

    /// Ends the stream with an error; as [`super::Writer::error`].
    pub fn error(&mut self, message: &str, kind: &str, code: u16, out: &mut BytesMut) {
        if !self.closed {
            self.closed = true;
            push_error(message, kind, code, out);
        }
    }

    fn end_choice(&mut self, index: u32, reason: Option<&Finish>, out: &mut BytesMut) {
        let word = quoted(finish::word(reason, false));
        self.choice(index, "", Some(&word), out);
    }

    fn choice(&mut self, index: u32, text: &str, reason: Option<&[u8]>, out: &mut BytesMut) {
        let known = self.choices.iter_mut().find(|(known, _)| *known == index);
        match known {
            Some((_, true)) => return,
            Some((_, finished)) => *finished = reason.is_some(),
            None => self.choices.push((index, reason.is_some())),
        }
        let mut chunk = chunk_head(&self.options, "text_completion");
        push_choice(&mut chunk, index, text, reason);
        chunk.extend_from_slice(if self.options.include_usage {
            b"],\"usage\":null}\n\n".as_slice()
        } else {
            b"]}\n\n"
        });
        out.extend_from_slice(&chunk);
    }
}
