//! Takes the chunks out of a body while counting a word in it, without copying the body.
//!
//! A proxy may cut chunks anywhere, so the word may lie across a border.

use anyhow::{Context, Result, bail};
use memchr::memmem::Finder;

/// Bytes kept from the end of what was seen.
const TAIL: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Size,
    Data(usize),
    Gap(usize),
    Last,
    Over,
}

/// State between two reads.
#[derive(Debug)]
pub(crate) struct Chunks<'a> {
    finder: Finder<'a>,
    phase: Phase,
    line: Vec<u8>,
    tail: Vec<u8>,
}

impl<'a> Chunks<'a> {
    /// Counts `word`.
    pub(crate) fn new(word: &'a [u8]) -> Self {
        let (line, tail) = (Vec::new(), Vec::new());
        Self {
            finder: Finder::new(word),
            phase: Phase::Size,
            line,
            tail,
        }
    }

    /// Takes what was read; gives how often the word came.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) -> Result<usize> {
        let mut found = 0;
        while !bytes.is_empty() {
            let used = match self.phase {
                Phase::Size | Phase::Last => self.line(bytes)?,
                Phase::Data(left) => {
                    let n = left.min(bytes.len());
                    found += self.data(bytes.get(..n).unwrap_or_default());
                    self.phase = if n == left {
                        Phase::Gap(2)
                    } else {
                        Phase::Data(left - n)
                    };
                    n
                },
                Phase::Gap(left) => {
                    let n = left.min(bytes.len());
                    self.phase = if n == left {
                        Phase::Size
                    } else {
                        Phase::Gap(left - n)
                    };
                    n
                },
                Phase::Over => bail!("bytes after the last chunk"),
            };
            bytes = bytes.get(used..).unwrap_or_default();
        }
        Ok(found)
    }

    /// Has the last chunk come?
    pub(crate) fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// The end of the body so far.
    pub(crate) fn tail(&self) -> &[u8] {
        &self.tail
    }

    fn line(&mut self, bytes: &[u8]) -> Result<usize> {
        let end = memchr::memchr(b'\n', bytes).map_or(bytes.len(), |end| end + 1);
        self.line
            .extend_from_slice(bytes.get(..end).unwrap_or_default());
        if self.line.ends_with(b"\n") {
            let line = std::mem::take(&mut self.line);
            let line = str::from_utf8(&line)?.trim();
            self.phase = match (self.phase, line) {
                (Phase::Last, "") => Phase::Over,
                (Phase::Last, _) => Phase::Last,
                (_, size) => match usize::from_str_radix(size, 16).context("chunk size")? {
                    0 => Phase::Last,
                    size => Phase::Data(size),
                },
            };
        }
        Ok(end)
    }

    fn data(&mut self, data: &[u8]) -> usize {
        let short = self.finder.needle().len() - 1;
        let kept = self.tail.len().saturating_sub(short);
        let border: Vec<u8> = self
            .tail
            .iter()
            .skip(kept)
            .chain(data.iter().take(short))
            .copied()
            .collect();
        let across = self.finder.find_iter(&border).count();
        let within = self.finder.find_iter(data).count();
        self.tail.extend_from_slice(
            data.get(data.len().saturating_sub(TAIL)..)
                .unwrap_or_default(),
        );
        self.tail.drain(..self.tail.len().saturating_sub(TAIL));
        across + within
    }
}
