//! Steps over JSON values, checking their syntax: the machine under `scan`.
//!
//! Strings are passed eight bytes at a time; nesting is a stack of bits, so hostile input costs
//! neither recursion nor memory.
#![warn(clippy::indexing_slicing)]

use super::{MAX_DEPTH, ScanError, ScanErrorKind, Span};

const WORDS: usize = MAX_DEPTH / 64;
const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// A place in JSON text, up to `end`.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// Which containers are open: bit set for an object.
struct Nest {
    bits: [u64; WORDS],
    depth: usize,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(bytes: &'a [u8], at: usize, end: usize) -> Self {
        Self {
            bytes: bytes.split_at(end).0,
            at,
        }
    }

    pub(super) const fn at(&self) -> usize {
        self.at
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(super) const fn bump(&mut self) {
        self.at += 1;
    }

    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let hit = self.peek() == Some(byte);
        if hit {
            self.at += 1;
        }
        hit
    }

    pub(super) fn expect(&mut self, byte: u8) -> Result<(), ScanError> {
        if self.eat(byte) {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    #[inline]
    pub(super) fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// A key and its colon: the span inside the quotes, and whether it has escapes.
    pub(super) fn key(&mut self) -> Result<(Span, bool), ScanError> {
        if self.peek() != Some(b'"') {
            return Err(self.unexpected());
        }
        let key = self.string()?;
        self.space();
        self.expect(b':')?;
        Ok(key)
    }

    /// One whole value, space before it skipped.
    pub(super) fn value(&mut self) -> Result<Span, ScanError> {
        self.space();
        let start = self.at;
        let mut nest = Nest {
            bits: [0; WORDS],
            depth: 0,
        };
        loop {
            let opened = self.scalar_or_open(&mut nest)?;
            if !opened && self.after_value(&mut nest)? {
                return Ok(Span::new(start, self.at));
            }
        }
    }

    /// Passes a scalar or an empty container, or opens one (then true).
    fn scalar_or_open(&mut self, nest: &mut Nest) -> Result<bool, ScanError> {
        match self.peek() {
            Some(b'"') => {
                self.string()?;
                Ok(false)
            },
            Some(b'{') => {
                self.at += 1;
                self.space();
                if self.eat(b'}') {
                    return Ok(false);
                }
                nest.push(true, self.at)?;
                self.key()?;
                self.space();
                Ok(true)
            },
            Some(b'[') => {
                self.at += 1;
                self.space();
                if self.eat(b']') {
                    return Ok(false);
                }
                nest.push(false, self.at)?;
                Ok(true)
            },
            Some(b'-' | b'0'..=b'9') => self.number().map(|()| false),
            Some(b't') => self.literal(b"true").map(|()| false),
            Some(b'f') => self.literal(b"false").map(|()| false),
            Some(b'n') => self.literal(b"null").map(|()| false),
            _ => Err(self.unexpected()),
        }
    }

    /// After a value: true when the outermost one is complete, false when another must follow.
    fn after_value(&mut self, nest: &mut Nest) -> Result<bool, ScanError> {
        loop {
            if nest.depth == 0 {
                return Ok(true);
            }
            self.space();
            let object = nest.in_object();
            match (self.peek(), object) {
                (Some(b','), true) => {
                    self.at += 1;
                    self.space();
                    self.key()?;
                    self.space();
                    return Ok(false);
                },
                (Some(b','), false) => {
                    self.at += 1;
                    self.space();
                    return Ok(false);
                },
                (Some(b'}'), true) | (Some(b']'), false) => {
                    self.at += 1;
                    nest.depth -= 1;
                },
                _ => return Err(self.unexpected()),
            }
        }
    }

    /// A string, the cursor on its first quote; gives the span inside the quotes.
    fn string(&mut self) -> Result<(Span, bool), ScanError> {
        self.at += 1;
        let start = self.at;
        let mut escaped = false;
        loop {
            self.plain();
            match self.peek() {
                Some(b'"') => {
                    let span = Span::new(start, self.at);
                    self.at += 1;
                    return Ok((span, escaped));
                },
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                },
                Some(_) => return Err(self.error(ScanErrorKind::Control)),
                None => return Err(self.error(ScanErrorKind::End)),
            }
        }
    }

    /// Passes bytes that are neither quote, backslash nor control.
    #[inline]
    fn plain(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let (words, tail) = rest.as_chunks::<8>();
        for word in words {
            let stop = stops(u64::from_le_bytes(*word));
            if stop != 0 {
                self.at += usize::try_from(stop.trailing_zeros() / 8).unwrap_or(0);
                return;
            }
            self.at += 8;
        }
        for &byte in tail {
            if byte == b'"' || byte == b'\\' || byte < 0x20 {
                return;
            }
            self.at += 1;
        }
    }

    fn escape(&mut self) -> Result<(), ScanError> {
        let begin = self.at;
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 1;
                Ok(())
            },
            Some(b'u') => {
                self.at += 1;
                for _ in 0..4 {
                    match self.peek() {
                        Some(byte) if byte.is_ascii_hexdigit() => self.at += 1,
                        Some(_) => return Err(ScanError::new(ScanErrorKind::Escape, begin)),
                        None => return Err(self.error(ScanErrorKind::End)),
                    }
                }
                Ok(())
            },
            Some(_) => Err(ScanError::new(ScanErrorKind::Escape, begin)),
            None => Err(self.error(ScanErrorKind::End)),
        }
    }

    fn number(&mut self) -> Result<(), ScanError> {
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        match self.peek() {
            Some(b'0'..=b'9') => Err(self.error(ScanErrorKind::Number)),
            _ => Ok(()),
        }
    }

    fn digits(&mut self) -> Result<(), ScanError> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at > start {
            return Ok(());
        }
        let kind = match self.peek() {
            None => ScanErrorKind::End,
            Some(_) => ScanErrorKind::Number,
        };
        Err(self.error(kind))
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), ScanError> {
        for &byte in word {
            self.expect(byte)?;
        }
        Ok(())
    }

    fn unexpected(&self) -> ScanError {
        self.error(match self.peek() {
            None => ScanErrorKind::End,
            Some(_) => ScanErrorKind::Unexpected,
        })
    }

    const fn error(&self, kind: ScanErrorKind) -> ScanError {
        ScanError::new(kind, self.at)
    }
}

impl Nest {
    fn push(&mut self, object: bool, at: usize) -> Result<(), ScanError> {
        let Some(word) = self.bits.get_mut(self.depth / 64) else {
            return Err(ScanError::new(ScanErrorKind::TooDeep, at));
        };
        let bit = 1 << (self.depth % 64);
        if object {
            *word |= bit;
        } else {
            *word &= !bit;
        }
        self.depth += 1;
        Ok(())
    }

    fn in_object(&self) -> bool {
        let top = self.depth.saturating_sub(1);
        self.bits
            .get(top / 64)
            .is_some_and(|word| word & (1 << (top % 64)) != 0)
    }
}

/// High bits where a byte is a quote, a backslash or below 0x20; the lowest one is exact.
const fn stops(word: u64) -> u64 {
    let quote = word ^ (ONES * b'"' as u64);
    let slash = word ^ (ONES * b'\\' as u64);
    let zero_quote = quote.wrapping_sub(ONES) & !quote;
    let zero_slash = slash.wrapping_sub(ONES) & !slash;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (zero_quote | zero_slash | control) & HIGHS
}
