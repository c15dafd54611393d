//! Cuts a stream of bytes into whole events: SSE frames and lines of JSON.
//!
//! Chunks are pushed as they come, whole frames are taken out; a frame that lies within one chunk is
//! a slice of it, not a copy. Knows no dialect. The relay and every reader of streams sit on top.
#![warn(clippy::indexing_slicing)]

#[cfg(test)]
mod tests;

use bytes::{Buf, Bytes, BytesMut};

use crate::wire::Frame;

/// Most bytes of one event where the caller has no other opinion: 16 MiB.
pub const MAX_EVENT: usize = 16 << 20;
/// A byte order mark in UTF-8: dropped at the beginning of a stream.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Why a stream cannot be cut any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// One event is over the cap.
    #[error("one event of the stream is longer than {limit} bytes")]
    TooLong {
        /// The cap in bytes.
        limit: usize,
    },
}

/// What has come and was not taken yet: a begun event, then bytes nobody looked at.
#[derive(Debug)]
struct Pending {
    /// The beginning of an event whose end was not found yet, copied together.
    begun: BytesMut,
    /// Bytes after it.
    fresh: Bytes,
    limit: usize,
}

/// Splits a `text/event-stream`.
///
/// Lines end in CR, LF or CRLF. An event ends with an empty line; one that ends in a CR is given at
/// once, and if its LF comes later, that LF is swallowed.
#[derive(Debug)]
pub struct Sse {
    pending: Pending,
    /// Where the search in `fresh` stands: at the beginning of a line.
    line_start: bool,
    /// The last byte seen was a CR.
    after_cr: bool,
    /// The last event ended in a CR, so an LF at once belongs to it.
    swallow_lf: bool,
    /// Nothing was taken yet: a byte order mark may stand here.
    first: bool,
}

/// Splits newline-delimited JSON.
#[derive(Debug)]
pub struct Lines {
    pending: Pending,
}

// === impl Pending ===

impl Pending {
    fn new(limit: usize) -> Self {
        Self {
            begun: BytesMut::new(),
            fresh: Bytes::new(),
            limit,
        }
    }

    fn push(&mut self, chunk: Bytes) {
        if self.fresh.is_empty() {
            self.fresh = chunk;
        } else {
            let mut joined = BytesMut::with_capacity(self.fresh.len() + chunk.len());
            joined.extend_from_slice(&self.fresh);
            joined.extend_from_slice(&chunk);
            self.fresh = joined.freeze();
        }
    }

    /// The event that ends `n` bytes into `fresh`.
    fn take(&mut self, n: usize) -> Result<Bytes, FrameError> {
        self.check(self.begun.len() + n)?;
        if self.begun.is_empty() {
            return Ok(self.fresh.split_to(n));
        }
        self.begun.extend_from_slice(&self.fresh.split_to(n));
        Ok(self.begun.split().freeze())
    }

    /// No end was found: `fresh` becomes a part of the begun event.
    fn keep(&mut self) -> Result<(), FrameError> {
        self.check(self.begun.len() + self.fresh.len())?;
        self.begun.extend_from_slice(&self.fresh);
        self.fresh = Bytes::new();
        Ok(())
    }

    const fn check(&self, size: usize) -> Result<(), FrameError> {
        if size > self.limit {
            return Err(FrameError::TooLong { limit: self.limit });
        }
        Ok(())
    }
}

// === impl Sse ===

impl Sse {
    /// A splitter that refuses events over `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            pending: Pending::new(limit),
            line_start: true,
            after_cr: false,
            swallow_lf: false,
            first: true,
        }
    }

    /// Adds what came. Take all frames before the next push, or bytes are copied.
    pub fn push(&mut self, chunk: Bytes) {
        self.pending.push(chunk);
    }

    /// The next whole event, comments and empty events included.
    pub fn take(&mut self) -> Result<Option<Frame>, FrameError> {
        if self.swallow_lf && !self.pending.fresh.is_empty() {
            self.swallow_lf = false;
            if self.pending.fresh.first() == Some(&b'\n') {
                self.pending.fresh.advance(1);
            }
        }
        if self.pending.fresh.is_empty() || !self.past_mark() {
            return Ok(None);
        }
        let Some(end) = self.find_end() else {
            self.pending.keep()?;
            return Ok(None);
        };
        let raw = self.pending.take(end)?;
        self.swallow_lf = raw.last() == Some(&b'\r');
        self.line_start = true;
        self.after_cr = false;
        Ok(Some(parse(raw)))
    }

    /// What came after the last whole event; something is here at the end of a stream only when
    /// the stream was cut off, or its last event lacks the empty line.
    pub fn rest(&self) -> (&[u8], &[u8]) {
        (&self.pending.begun, &self.pending.fresh)
    }

    /// The unterminated rest as an event, for servers that forget the last empty line: it is put
    /// there, so that what is written behind it stays apart.
    pub fn take_rest(&mut self) -> Option<Frame> {
        let Pending { begun, fresh, .. } = &self.pending;
        let last = fresh.last().or_else(|| begun.last())?;
        let end: &[u8] = if *last == b'\n' { b"\n" } else { b"\n\n" };
        self.pending
            .begun
            .extend_from_slice(&std::mem::take(&mut self.pending.fresh));
        self.pending.begun.extend_from_slice(end);
        Some(parse(self.pending.begun.split().freeze()))
    }

    /// How far into `fresh` the present event goes, its empty line included.
    fn find_end(&mut self) -> Option<usize> {
        let fresh = &self.pending.fresh;
        let mut line = 0;
        for at in memchr::memchr2_iter(b'\n', b'\r', fresh) {
            let byte = fresh.get(at).copied();
            let crlf = byte == Some(b'\n') && self.after_cr && at == line;
            self.after_cr = byte == Some(b'\r');
            if crlf {
                line = at + 1;
                continue;
            }
            let empty = self.line_start && at == line;
            line = at + 1;
            self.line_start = true;
            if empty {
                let lf = self.after_cr && fresh.get(line) == Some(&b'\n');
                return Some(line + usize::from(lf));
            }
        }
        if line < fresh.len() {
            self.line_start = false;
            self.after_cr = false;
        }
        None
    }

    /// Drops a byte order mark; false while it may still be coming.
    fn past_mark(&mut self) -> bool {
        if self.first {
            if self.pending.fresh.starts_with(MARK) {
                self.pending.fresh.advance(MARK.len());
            } else if MARK.starts_with(&self.pending.fresh) {
                return false;
            }
            self.first = false;
        }
        !self.pending.fresh.is_empty()
    }
}

// === impl Lines ===

impl Lines {
    /// A splitter that refuses lines over `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            pending: Pending::new(limit),
        }
    }

    /// Adds what came. Take all frames before the next push, or bytes are copied.
    pub fn push(&mut self, chunk: Bytes) {
        self.pending.push(chunk);
    }

    /// The next whole line; an empty one has no data.
    pub fn take(&mut self) -> Result<Option<Frame>, FrameError> {
        if self.pending.fresh.is_empty() {
            return Ok(None);
        }
        let Some(at) = memchr::memchr(b'\n', &self.pending.fresh) else {
            self.pending.keep()?;
            return Ok(None);
        };
        self.pending.take(at + 1).map(|raw| Some(line_of(raw)))
    }

    /// What came after the last whole line.
    pub fn rest(&self) -> (&[u8], &[u8]) {
        (&self.pending.begun, &self.pending.fresh)
    }

    /// The unterminated rest as if it were a line.
    pub fn take_rest(&mut self) -> Option<Frame> {
        take_all(&mut self.pending).map(line_of)
    }
}

fn parse(raw: Bytes) -> Frame {
    let mut start = 0;
    let mut event = Bytes::new();
    let mut data: Option<Bytes> = None;
    let mut joined = BytesMut::new();
    while let Some(rest) = raw.get(start..).filter(|rest| !rest.is_empty()) {
        let len = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let line = rest.get(..len).unwrap_or_default();
        if let Some(skip) = value_of(line, b"data") {
            let value = raw.slice(start + skip..start + len);
            match &data {
                None => data = Some(value),
                Some(first) => {
                    if joined.is_empty() {
                        joined.extend_from_slice(first);
                    }
                    joined.extend_from_slice(b"\n");
                    joined.extend_from_slice(&value);
                },
            }
        } else if let Some(skip) = value_of(line, b"event") {
            event = raw.slice(start + skip..start + len);
        }
        start += len + 1;
    }
    let data = if joined.is_empty() {
        data.unwrap_or_default()
    } else {
        joined.freeze()
    };
    Frame { raw, event, data }
}

fn take_all(pending: &mut Pending) -> Option<Bytes> {
    pending.begun.extend_from_slice(&pending.fresh);
    pending.fresh = Bytes::new();
    let raw = pending.begun.split().freeze();
    (!raw.is_empty()).then_some(raw)
}

fn line_of(raw: Bytes) -> Frame {
    let data = raw.slice_ref(raw.trim_ascii());
    Frame {
        raw,
        event: Bytes::new(),
        data,
    }
}

/// Where the value of a line `field: value` begins, when the line is of this field.
fn value_of(line: &[u8], field: &[u8]) -> Option<usize> {
    match line.strip_prefix(field)? {
        [] => Some(field.len()),
        [b':', b' ', ..] => Some(field.len() + 2),
        [b':', ..] => Some(field.len() + 1),
        _ => None,
    }
}
