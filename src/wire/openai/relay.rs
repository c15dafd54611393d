//! Answers passed through as bytes: the model's name put back, everything else as it came.
//!
//! In a stream, what stands before (or behind) the model's name hardly changes from event to event:
//! when an event begins (or ends) with the very bytes of the one before, the name is spliced in
//! without looking further, and a few substring searches tell whether more must be read.

use std::sync::LazyLock;

use bytes::{Bytes, BytesMut};
use memchr::memmem::Finder;

use super::observe;
use crate::base::{Fault, FaultKind, Surface};
use crate::wire::edit::{Edits, quoted};
use crate::wire::scan::{Member, Span};
use crate::wire::{Finish, Frame, Observed, UpstreamError};

static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"usage\""));
static ERROR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"error\""));
static FINISH: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"finish_reason\""));
static CONTENT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"content\""));
static REASONING: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"reasoning\""));
static REASONING_CONTENT: LazyLock<Finder<'static>> =
    LazyLock::new(|| Finder::new("\"reasoning_content\""));
static CALLS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"tool_calls\":[{"));
static CHOICES: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"choices\""));
static TEXT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"text\""));

/// Passes one stream through to a client of the same dialect.
#[derive(Debug)]
pub struct StreamRelay {
    /// The name the client asked for, as JSON.
    asked: Vec<u8>,
    /// Where content stands: `"content"` or `"text"`.
    content: &'static Finder<'static>,
    show_usage: bool,
    known: Known,
}

/// Where the model's name stood in the event before.
#[derive(Debug)]
enum Known {
    /// It was not seen yet.
    Nothing,
    /// The event's bytes up to the end of the name; the name begins at `start`.
    Head { bytes: Vec<u8>, start: usize },
    /// The event's bytes from the comma before the name's key on; the name is at `name` in them.
    Tail { bytes: Vec<u8>, name: Span },
}

impl StreamRelay {
    /// A relay for one stream. `asked_model` is the name the client gets to see; without
    /// `show_usage` an event that holds nothing but usage is kept from it.
    pub fn new(asked_model: &str, surface: Surface, show_usage: bool) -> Self {
        Self {
            asked: quoted(asked_model),
            content: if surface == Surface::Completions {
                &TEXT
            } else {
                &CONTENT
            },
            show_usage,
            known: Known::Nothing,
        }
    }

    /// Appends one event for the client and tells what was seen in it.
    ///
    /// Three kinds of event are told and **not** written, because what the client gets instead is
    /// the caller's choice: `[DONE]` (write [`super::DONE`] when the stream is to end), errors, and
    /// a choice that was aborted.
    pub fn frame(&mut self, frame: &Frame, out: &mut BytesMut) -> Observed {
        let data: &[u8] = &frame.data;
        match data.first() {
            Some(b'{') if !frame.event.eq(b"error".as_slice()) => {},
            None => {
                out.extend_from_slice(&frame.raw);
                return Observed::default();
            },
            _ => return other(frame, out),
        }
        if let Some(name) = self.known.find(data)
            && !(live(&USAGE, data) || live(&ERROR, data) || live(&FINISH, data))
            && self.says_something(data)
        {
            self.write(frame, Some(name), out);
            return Observed {
                content: true,
                ..Observed::default()
            };
        }
        let seen = match observe::document(data) {
            Ok(seen) => seen,
            Err(error) => return bad_event(&error.describe(data)),
        };
        self.remember(data, seen.model.as_ref());
        let failed = seen.observed.error.is_some() || seen.observed.finish == Some(Finish::Abort);
        let hidden = seen.usage_only && !self.show_usage;
        if !failed && !hidden {
            self.write(frame, seen.model.map(|member| member.value), out);
        }
        seen.observed
    }

    /// Whether text, reasoning or a tool call is plain to see; false only means to look closer.
    fn says_something(&self, data: &[u8]) -> bool {
        has_text(self.content, data)
            || has_text(&REASONING, data)
            || has_text(&REASONING_CONTENT, data)
            || CALLS.find(data).is_some()
    }

    fn remember(&mut self, data: &[u8], model: Option<&Member>) {
        let Some(member) = model else {
            return;
        };
        let value = member.value;
        if self.known.find(data) == Some(value) {
            return;
        }
        // What varies stands in `choices`: a name behind them is known by what follows it.
        let comma = member.whole().start.saturating_sub(1);
        let before = data.get(..comma).unwrap_or_default();
        if CHOICES.find(before).is_some() {
            let tail = Span::new(comma, data.len());
            self.known = Known::Tail {
                bytes: tail.of(data).to_vec(),
                name: Span::new(value.start - comma, value.end - comma),
            };
        } else {
            self.known = Known::Head {
                bytes: Span::new(0, value.end).of(data).to_vec(),
                start: value.start,
            };
        }
    }

    fn write(&self, frame: &Frame, name: Option<Span>, out: &mut BytesMut) {
        let Some(name) = name.filter(|name| name.of(&frame.data) != self.asked) else {
            out.extend_from_slice(&frame.raw);
            return;
        };
        let Some(offset) = offset_in(&frame.raw, &frame.data) else {
            self.write_joined(frame, name, out);
            return;
        };
        let (start, end) = (offset + name.start, offset + name.end);
        out.reserve(frame.raw.len() + self.asked.len());
        out.extend_from_slice(Span::new(0, start).of(&frame.raw));
        out.extend_from_slice(&self.asked);
        out.extend_from_slice(Span::new(end, frame.raw.len()).of(&frame.raw));
    }

    /// An event whose data came in several lines goes out in one: the newlines between them can
    /// only be space between JSON tokens.
    fn write_joined(&self, frame: &Frame, name: Span, out: &mut BytesMut) {
        if !frame.event.is_empty() {
            out.extend_from_slice(b"event: ");
            out.extend_from_slice(&frame.event);
            out.extend_from_slice(b"\n");
        }
        let mut edits = Edits::new();
        edits.replace(name, self.asked.as_slice());
        let data = edits.apply(&frame.data);
        out.extend_from_slice(b"data: ");
        for part in data.split(|byte| *byte == b'\n') {
            out.extend_from_slice(part);
        }
        out.extend_from_slice(b"\n\n");
    }
}

impl Known {
    /// Where the name stands in this event, when the event is like the one before.
    fn find(&self, data: &[u8]) -> Option<Span> {
        match self {
            Self::Nothing => None,
            Self::Head { bytes, start } => data
                .starts_with(bytes)
                .then(|| Span::new(*start, bytes.len())),
            Self::Tail { bytes, name } => {
                let at = data.len().checked_sub(bytes.len())?;
                data.ends_with(bytes)
                    .then(|| Span::new(at + name.start, at + name.end))
            },
        }
    }
}

/// Puts the asked name into a plain answer and tells what was seen in it.
///
/// For chat completions, completions and embeddings. Fails when the body is not a JSON object.
pub fn relay_answer(body: &Bytes, asked_model: &str) -> Result<(Bytes, Observed), Fault> {
    let mut seen = observe::document(body).map_err(|error| {
        Fault::new(FaultKind::BadAnswer, "the upstream's answer is not JSON")
            .detail(error.describe(body))
    })?;
    let mut edits = Edits::new();
    if let Some(member) = seen.model {
        edits.name(body, member.value, asked_model);
    }
    seen.observed.done = true;
    Ok((edits.apply(body), seen.observed))
}

/// An event that is no JSON object: the end, or an error in plain words, or something unknown.
fn other(frame: &Frame, out: &mut BytesMut) -> Observed {
    let mut observed = Observed::default();
    let data = frame.data.trim_ascii();
    if data == b"[DONE]" {
        observed.done = true;
    } else if frame.event.eq(b"error".as_slice()) {
        observed.error = Some(observe::read_error(data));
    } else {
        out.extend_from_slice(&frame.raw);
    }
    observed
}

fn bad_event(what: &str) -> Observed {
    Observed {
        error: Some(UpstreamError {
            kind: "bad_event".to_owned(),
            message: format!("the upstream's stream holds an event that is not JSON: {what}"),
            ..UpstreamError::default()
        }),
        ..Observed::default()
    }
}

/// Whether a string that is not empty stands under the key somewhere.
fn has_text(key: &Finder<'_>, data: &[u8]) -> bool {
    let len = key.needle().len();
    key.find_iter(data).any(|at| {
        // A key that merely ends so is written with a backslash before the quote.
        let escaped = at > 0 && data.get(at - 1) == Some(&b'\\');
        let value = value_after(data, at + len);
        !escaped && value.first() == Some(&b'"') && value.get(1).is_some_and(|b| *b != b'"')
    })
}

/// Whether the key stands somewhere with a value other than `null`.
fn live(key: &Finder<'_>, data: &[u8]) -> bool {
    let len = key.needle().len();
    key.find_iter(data).any(|at| {
        let value = value_after(data, at + len);
        value.first().is_some_and(|byte| *byte != b'n')
    })
}

/// What follows the colon after a key; empty when there is no colon.
fn value_after(data: &[u8], at: usize) -> &[u8] {
    let rest = data.get(at..).unwrap_or_default();
    match rest {
        [b':', b' ', value @ ..] | [b':', value @ ..] => value.trim_ascii_start(),
        _ => rest
            .trim_ascii_start()
            .strip_prefix(b":")
            .unwrap_or_default()
            .trim_ascii_start(),
    }
}

/// Where `part` begins in `whole`, when it is a slice of it.
fn offset_in(whole: &Bytes, part: &Bytes) -> Option<usize> {
    let offset = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    (offset + part.len() <= whole.len()).then_some(offset)
}
