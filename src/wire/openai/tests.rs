//! The dialect against what real servers said, and against itself.

mod errors;
mod golden;
mod requests;
mod streams;

use std::fmt::Write as _;
use std::path::PathBuf;

use bytes::Bytes;

use crate::wire::frame::{MAX_EVENT, Sse};
use crate::wire::{Event, Frame, WriterOptions};

/// The folder of recordings; see its README for where they come from.
fn folder() -> PathBuf {
    PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/data/wire/openai"
    ))
}

/// All recordings with this ending, by name.
fn recordings(ending: &str) -> Vec<(String, Bytes)> {
    let mut found: Vec<(String, Bytes)> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|have| have == ending))
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, Bytes::from(std::fs::read(path).unwrap()))
        })
        .collect();
    found.sort();
    assert!(!found.is_empty());
    found
}

fn frames(stream: impl Into<Bytes>) -> Vec<Frame> {
    let mut sse = Sse::new(MAX_EVENT);
    sse.push(stream.into());
    let frames: Vec<_> = std::iter::from_fn(|| sse.take().unwrap()).collect();
    assert_eq!(sse.take_rest(), None);
    frames
}

fn read(stream: impl Into<Bytes>) -> Vec<Event> {
    let mut reader = super::Reader::new();
    let mut events = Vec::new();
    for frame in frames(stream) {
        reader.read(&frame, &mut events).unwrap();
    }
    events
}

fn options(include_usage: bool) -> WriterOptions {
    WriterOptions {
        model: "asked".to_owned(),
        id: "chatcmpl-0123456789abcdef-0123456789abcdef".to_owned(),
        created: 1_700_000_000,
        include_usage,
    }
}

/// One line an event.
fn lines<T: std::fmt::Debug>(items: &[T]) -> String {
    items.iter().fold(String::new(), |mut text, item| {
        writeln!(text, "{item:?}").unwrap();
        text
    })
}
