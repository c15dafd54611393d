//! Anthropic in front and behind: forwards the bytes, changes the model's name, looks at the rest.
//!
//! Only three kinds of event are parsed; pieces of content are known by their `event:` field or the
//! first bytes of their data. Everything but the model's name stays as it came, byte for byte.

use bytes::{BufMut, Bytes, BytesMut};
use memchr::memmem;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::error::status_of;
use super::read_finish;
use super::usage::Counts;
use crate::wire::failure;
use crate::wire::neutral::Finish;
use crate::wire::shape::{Frame, Observed, UpstreamError};

#[derive(Deserialize)]
struct Start<'a> {
    #[serde(borrow)]
    message: Message<'a>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    model: Option<&'a RawValue>,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(default)]
    stop_reason: Option<String>,
    #[serde(default)]
    stop_sequence: Option<String>,
    #[serde(default)]
    usage: Option<Counts>,
}

#[derive(Deserialize)]
struct Last {
    #[serde(default)]
    delta: Option<Reason>,
    #[serde(default)]
    usage: Option<Counts>,
}

#[derive(Deserialize)]
struct Reason {
    #[serde(default)]
    stop_reason: Option<String>,
    #[serde(default)]
    stop_sequence: Option<String>,
}

#[derive(Deserialize)]
struct Typed {
    #[serde(rename = "type", default)]
    kind: String,
}

/// Forwards one stream.
#[derive(Debug)]
pub struct StreamRelay {
    /// The name the client asked for, as JSON.
    model: Vec<u8>,
    counts: Counts,
    /// `message_stop` has been forwarded.
    stopped: bool,
}

impl StreamRelay {
    /// A relay whose client asked for a model of this name.
    pub fn new(asked_model: &str) -> Self {
        Self {
            model: quoted(asked_model),
            counts: Counts::default(),
            stopped: false,
        }
    }

    /// Appends the frame to `out` as the client shall have it, and tells what was seen in it.
    ///
    /// Errors and a stray `[DONE]` are told and **not** written: what the client gets instead is the
    /// caller's choice.
    pub fn frame(&mut self, frame: &Frame, out: &mut BytesMut) -> Observed {
        let mut observed = Observed::default();
        if frame.is_comment() {
            out.put_slice(&frame.raw);
            return observed;
        }
        let kind = kind_of(frame);
        if kind.as_ref() == b"message_start" {
            self.start(frame, out, &mut observed);
            return observed;
        }
        let mut is_foreign = false;
        match kind.as_ref() {
            b"content_block_delta" => observed.content = !is_empty_piece(&frame.data),
            b"content_block_start" => observed.content = begins_with_content(&frame.data),
            b"message_delta" => self.last(&frame.data, &mut observed),
            b"message_stop" => {
                self.stopped = true;
                observed.done = true;
            },
            b"content_block_stop" | b"ping" => {},
            b"error" => observed.error = Some(read_error(&frame.data)),
            _ if frame.data.as_ref() == b"[DONE]" => {
                is_foreign = true;
                observed.done = true;
            },
            _ if memmem::find(&frame.data, br#""error""#).is_some() => {
                observed.error = unnamed_error(&frame.data);
            },
            _ => {},
        }
        if observed.error.is_none() && !is_foreign {
            out.put_slice(&frame.raw);
        }
        observed
    }

    /// Ends a stream that was complete: with `message_stop` where the upstream did not say it.
    pub fn finish(&mut self, out: &mut BytesMut) {
        if !self.stopped {
            self.stopped = true;
            out.put_slice(b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
        }
    }

    fn start(&mut self, frame: &Frame, out: &mut BytesMut, observed: &mut Observed) {
        let Ok(Start { message }) = serde_json::from_slice::<Start<'_>>(&frame.data) else {
            out.put_slice(&frame.raw);
            return;
        };
        if let Some(counts) = message.usage {
            self.counts.learn(&counts);
            observed.usage = Some(self.counts.usage());
        }
        let Some((head, tail)) = message.model.and_then(|model| around(&frame.data, model)) else {
            out.put_slice(&frame.raw);
            return;
        };
        if let Some(at) = memmem::find(&frame.raw, &frame.data) {
            let (before, rest) = frame.raw.split_at(at);
            let (_, after) = rest.split_at(frame.data.len());
            for piece in [before, head, &self.model, tail, after] {
                out.put_slice(piece);
            }
            return;
        }
        // The data came in several lines; JSON has no line breaks inside its texts, so each becomes
        // a blank.
        out.put_slice(b"event: message_start\ndata: ");
        for piece in [head, &self.model, tail] {
            out.extend(
                piece
                    .iter()
                    .map(|&byte| if byte == b'\n' { b' ' } else { byte }),
            );
        }
        out.put_slice(b"\n\n");
    }

    fn last(&mut self, data: &[u8], observed: &mut Observed) {
        let Ok(last) = serde_json::from_slice::<Last>(data) else {
            return;
        };
        if let Some(counts) = last.usage {
            self.counts.learn(&counts);
            observed.usage = Some(self.counts.usage());
        }
        observed.finish = last
            .delta
            .and_then(|delta| finish(delta.stop_reason.as_deref(), delta.stop_sequence.as_deref()));
        if observed.finish.is_some() {
            observed.ended.add(0);
        }
    }
}

/// Puts the name the client asked for into a whole answer, and tells what was seen in it.
pub fn relay_answer(body: &Bytes, asked_model: &str) -> (Bytes, Observed) {
    let mut observed = Observed::default();
    let message = match serde_json::from_slice::<Message<'_>>(body) {
        Ok(message) if message.content.is_some() => message,
        _ => {
            observed.error = Some(read_error(body));
            return (body.clone(), observed);
        },
    };
    observed.done = true;
    observed.content = message.content.is_some_and(|content| content.get() != "[]");
    observed.finish = finish(
        message.stop_reason.as_deref(),
        message.stop_sequence.as_deref(),
    );
    observed.usage = message.usage.map(|counts| counts.usage());
    let asked = quoted(asked_model);
    let Some(model) = message
        .model
        .filter(|model| model.get().as_bytes() != asked)
    else {
        return (body.clone(), observed);
    };
    let Some((head, tail)) = around(body, model) else {
        return (body.clone(), observed);
    };
    (Bytes::from([head, &asked, tail].concat()), observed)
}

/// Whether a request's body holds reasoning without a signature, as we write it when another dialect
/// answered. Anthropic refuses such a body: it must be read and written anew, not forwarded.
pub fn has_unsigned_thinking(body: &[u8]) -> bool {
    let mut found = memmem::find_iter(body, br#""signature":"#);
    found.any(|at| {
        let rest = body
            .get(at + br#""signature":"#.len()..)
            .unwrap_or_default();
        rest.trim_ascii_start().starts_with(br#""""#)
    })
}

fn quoted(text: &str) -> Vec<u8> {
    Value::from(text).to_string().into_bytes()
}

fn finish(reason: Option<&str>, sequence: Option<&str>) -> Option<Finish> {
    Some(read_finish(reason?, sequence))
}

/// What stands before and behind a value that was borrowed from `data`.
fn around<'d>(data: &'d [u8], value: &RawValue) -> Option<(&'d [u8], &'d [u8])> {
    let value = value.get();
    let start = value.as_ptr().addr().checked_sub(data.as_ptr().addr())?;
    let end = start.checked_add(value.len())?;
    Some((data.get(..start)?, data.get(end..)?))
}

/// The kind of an event: its `event:` field, else the `type` its data begins with.
fn kind_of(frame: &Frame) -> Bytes {
    if !frame.event.is_empty() {
        return frame.event.clone();
    }
    let head = br#"{"type":""#;
    if let Some(rest) = frame.data.strip_prefix(head)
        && let Some(length) = memchr::memchr(b'"', rest)
    {
        return frame.data.slice(head.len()..head.len() + length);
    }
    serde_json::from_slice::<Typed>(&frame.data)
        .map_or_else(|_| Bytes::new(), |typed| typed.kind.into())
}

/// Whether a piece of content is an empty text, as some servers begin with.
fn is_empty_piece(data: &[u8]) -> bool {
    let data = data.trim_ascii_end();
    data.ends_with(br#":""}}"#) || data.ends_with(br#": ""}}"#)
}

/// Whether a block's beginning says something already: a tool's name, redacted reasoning, a text.
fn begins_with_content(data: &[u8]) -> bool {
    let has = |needle: &[u8]| memmem::find(data, needle).is_some();
    let is_text = has(br#""type":"text""#) || has(br#""type": "text""#);
    let is_thinking = has(br#""type":"thinking""#) || has(br#""type": "thinking""#);
    if is_text {
        return !(has(br#""text":"""#) || has(br#""text": """#));
    }
    !is_thinking
}

fn read_error(data: &[u8]) -> UpstreamError {
    let Ok(value) = serde_json::from_slice::<Value>(data) else {
        return UpstreamError {
            message: "the upstream's answer is no message of Anthropic's".to_owned(),
            ..UpstreamError::default()
        };
    };
    let mut error = failure::read_value(&value);
    error.status = status_of(&error.kind).or(error.status);
    if error.message.is_empty() {
        "the upstream's answer is no message of Anthropic's".clone_into(&mut error.message);
    }
    error
}

/// An event without a known name that is nothing but an error.
fn unnamed_error(data: &[u8]) -> Option<UpstreamError> {
    let value: Value = serde_json::from_slice(data).ok()?;
    value.get("error").filter(|error| !error.is_null())?;
    Some(read_error(data))
}
