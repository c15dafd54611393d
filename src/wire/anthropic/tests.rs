//! Goldens of real servers, grammar of streams, and what survives the way there and back.

mod answers;
mod relays;
mod requests;
mod streams;
mod uplinks;

use bytes::{Bytes, BytesMut};
use serde_json::{Map, Value};

use super::{Reader, Writer};
use crate::wire::neutral::{Event, Finish};
use crate::wire::shape::{Frame, WriteOptions, WriterOptions};

macro_rules! data {
    ($name:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/data/wire/anthropic/",
            $name
        ))
    };
}
use data;

fn writer_options() -> WriterOptions {
    WriterOptions {
        model: "asked \"model\"".to_owned(),
        id: "chatcmpl-7".to_owned(),
        created: 1,
        include_usage: true,
    }
}

fn write_options<'a>(
    model: &'a str,
    drop_params: bool,
    defaults: &'a Map<String, Value>,
) -> WriteOptions<'a> {
    WriteOptions {
        model,
        drop_params,
        drop: &[],
        defaults,
        max_tokens: 8_192,
    }
}

/// Cuts a stream at its blank lines.
fn frames(stream: &str) -> Vec<Frame> {
    let field = |raw: &str, name: &str| {
        let mut lines = raw.lines();
        let found = lines
            .find_map(|line| line.strip_prefix(name))
            .unwrap_or_default();
        Bytes::copy_from_slice(found.trim_start().as_bytes())
    };
    let whole = Bytes::copy_from_slice(stream.as_bytes());
    let mut at = 0;
    let mut frames = Vec::new();
    for raw in stream.split_inclusive("\n\n") {
        frames.push(Frame {
            raw: whole.slice(at..at + raw.len()),
            event: field(raw, "event:"),
            data: field(raw, "data:"),
        });
        at += raw.len();
    }
    frames
}

fn read(stream: &str) -> Vec<Event> {
    let mut reader = Reader::new();
    let mut events = Vec::new();
    for frame in frames(stream) {
        reader.read(&frame, &mut events).unwrap();
    }
    events
}

fn write(events: &[Event]) -> String {
    let mut writer = Writer::new(writer_options());
    let mut out = BytesMut::new();
    for event in events {
        writer.write(event, &mut out);
    }
    writer.finish(&mut out);
    String::from_utf8(out.to_vec()).unwrap()
}

/// The events of a stream, one a line, pieces of one thing put together.
fn tell(events: &[Event]) -> Vec<String> {
    let mut lines: Vec<(String, String)> = Vec::new();
    for event in events {
        let (head, tail) = match event {
            Event::Start { id, model } => (
                format!(
                    "start {} {}",
                    id.as_deref().unwrap_or("-"),
                    model.as_deref().unwrap_or("-")
                ),
                "",
            ),
            Event::Text { text, .. } => ("text ".to_owned(), text.as_str()),
            Event::Thinking { text, .. } => ("thinking ".to_owned(), text.as_str()),
            Event::Signature { signature, .. } => (format!("signature {signature}"), ""),
            Event::RedactedThinking { data, .. } => (format!("redacted {data}"), ""),
            Event::ToolStart {
                index, id, name, ..
            } => (format!("tool {index} {id} {name}"), ""),
            Event::ToolArguments { index, piece, .. } => {
                (format!("arguments {index} "), piece.as_str())
            },
            Event::Finish { reason, .. } => (format!("finish {reason:?}"), ""),
            Event::Usage(usage) => (
                format!(
                    "usage {}+{} cached {} written {}/{} reasoning {}",
                    usage.prompt,
                    usage.completion,
                    usage.cached,
                    usage.cache_write,
                    usage.cache_write_1h,
                    usage.reasoning
                ),
                "",
            ),
            Event::Error {
                status,
                kind,
                message,
            } => (format!("error {status:?} {kind} {message}"), ""),
            Event::Done => ("done".to_owned(), ""),
        };
        match lines.last_mut() {
            Some((last, text)) if *last == head && !tail.is_empty() => text.push_str(tail),
            _ => lines.push((head, tail.to_owned())),
        }
    }
    lines.into_iter().map(|(head, tail)| head + &tail).collect()
}

/// Every finish reason with the words for it.
fn reasons() -> Vec<(&'static str, Option<&'static str>, Finish)> {
    vec![
        ("end_turn", None, Finish::Stop),
        (
            "stop_sequence",
            Some("\n\nHuman:"),
            Finish::StopSequence("\n\nHuman:".to_owned()),
        ),
        ("max_tokens", None, Finish::Length),
        ("tool_use", None, Finish::ToolCalls),
        ("refusal", None, Finish::ContentFilter),
    ]
}
