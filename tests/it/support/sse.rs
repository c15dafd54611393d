//! Server-sent events as a client sees them: one frame a blank line, with the time it was whole.
//!
//! Written apart from the gateway's own parser, so that neither can hide the other's fault.

use std::time::Duration;

use serde_json::Value;

/// One frame of an event stream.
#[derive(Debug, Clone, Default)]
pub struct Frame {
    /// The `event:` line.
    pub event: Option<String>,
    /// The `data:` lines, joined by line feeds; `None` for a comment.
    pub data: Option<String>,
    /// The text of a comment line.
    pub comment: Option<String>,
    /// When its last byte had come, counted from the sending of the request.
    pub at: Duration,
}

impl Frame {
    /// The data as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        let data = self.data.as_deref().unwrap_or_default();
        serde_json::from_str(data).unwrap_or_else(|error| panic!("{error} in {data:?}"))
    }

    /// Is it OpenAI's `[DONE]`?
    pub fn is_done(&self) -> bool {
        self.data.as_deref() == Some("[DONE]")
    }
}

/// Cuts bytes into frames as they come.
#[derive(Debug, Default)]
pub struct Splitter {
    held: Vec<u8>,
}

impl Splitter {
    /// Takes more bytes and gives the frames that are now whole.
    pub fn feed(&mut self, bytes: &[u8], at: Duration) -> Vec<Frame> {
        self.held.extend_from_slice(bytes);
        let mut frames = Vec::new();
        while let Some(end) = super::http1::find_bytes(&self.held, b"\n\n") {
            let frame: Vec<u8> = self.held.drain(..end + 2).collect();
            frames.push(parse(str::from_utf8(&frame).unwrap(), at));
        }
        frames
    }

    /// Bytes that make no whole frame yet.
    pub fn rest(&self) -> &[u8] {
        &self.held
    }
}

fn parse(text: &str, at: Duration) -> Frame {
    let mut frame = Frame {
        at,
        ..Frame::default()
    };
    for line in text.lines() {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "" if line.starts_with(':') => frame.comment = Some(value.to_owned()),
            "event" => frame.event = Some(value.to_owned()),
            "data" => match &mut frame.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                },
                None => frame.data = Some(value.to_owned()),
            },
            _ => {},
        }
    }
    frame
}

#[test]
fn frames_are_cut_at_blank_lines_however_the_bytes_come() {
    let text = "event: a\ndata: {\"é\":1}\n\n: ping\n\ndata: one\ndata: two\n\ndata: [DONE]\n\n";
    for size in 1..text.len() {
        let mut splitter = Splitter::default();
        let frames: Vec<Frame> = text
            .as_bytes()
            .chunks(size)
            .flat_map(|bytes| splitter.feed(bytes, Duration::ZERO))
            .collect();
        assert_eq!(frames.len(), 4, "pieces of {size}");
        assert_eq!(frames[0].event.as_deref(), Some("a"));
        assert_eq!(frames[0].json()["é"], 1);
        assert_eq!(frames[1].comment.as_deref(), Some("ping"));
        assert_eq!(frames[2].data.as_deref(), Some("one\ntwo"));
        assert!(frames[3].is_done());
        assert!(splitter.rest().is_empty());
    }
}
