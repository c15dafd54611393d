//! Steps over JSON values, checking their syntax: the machine under `scan`.
//!
//! Strings are passed eight bytes at a time, long ones by vector instructions; nesting is a stack of bits, so hostile input costs
//! neither recursion nor memory.
#![warn(clippy::indexing_slicing)]

use super::{MAX_DEPTH, ScanError, ScanErrorKind, Span};

/// What is wrong where the cursor stands: one byte, so that success costs nothing to return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bad {
    NotObject,
    End,
    Unexpected,
    Control,
    Escape,
    Number,
    TooDeep,
}

const WORDS: usize = MAX_DEPTH / 64;
/// Words of a string that are looked at before a call to `memchr` pays.
const SHORT_WORDS: usize = 4;
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

    pub(super) fn expect(&mut self, byte: u8) -> Result<(), Bad> {
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
    pub(super) fn key(&mut self) -> Result<(Span, bool), Bad> {
        if self.peek() != Some(b'"') {
            return Err(self.unexpected());
        }
        let key = self.string()?;
        self.space();
        self.expect(b':')?;
        Ok(key)
    }

    /// One whole value, space before it skipped.
    pub(super) fn value(&mut self) -> Result<Span, Bad> {
        self.space();
        let start = self.at;
        match self.peek() {
            Some(b'"') => {
                self.string()?;
                return Ok(Span::new(start, self.at));
            },
            Some(b'{' | b'[') => {},
            _ => {
                self.scalar()?;
                return Ok(Span::new(start, self.at));
            },
        }
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
    fn scalar_or_open(&mut self, nest: &mut Nest) -> Result<bool, Bad> {
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
                nest.push(true)?;
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
                nest.push(false)?;
                Ok(true)
            },
            _ => self.scalar().map(|()| false),
        }
    }

    /// A number, `true`, `false` or `null`.
    fn scalar(&mut self) -> Result<(), Bad> {
        match self.peek() {
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.literal(b"true"),
            Some(b'f') => self.literal(b"false"),
            Some(b'n') => self.literal(b"null"),
            _ => Err(self.unexpected()),
        }
    }

    /// After a value: true when the outermost one is complete, false when another must follow.
    fn after_value(&mut self, nest: &mut Nest) -> Result<bool, Bad> {
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
    #[inline]
    fn string(&mut self) -> Result<(Span, bool), Bad> {
        let start = self.at + 1;
        let mut escaped = false;
        self.at = start;
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
                    match self.bytes.get(self.at + 1) {
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                            self.at += 2;
                        },
                        _ => self.escape()?,
                    }
                },
                Some(_) => return Err(Bad::Control),
                None => return Err(Bad::End),
            }
        }
    }

    /// Passes bytes that are neither quote, backslash nor control: a short text by words, the rest of
    /// a long one by the vector instructions under `memchr`.
    #[inline]
    fn plain(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let (words, tail) = rest.as_chunks::<8>();
        let mut passed = 0;
        for word in words.iter().take(SHORT_WORDS) {
            let stop = stops(u64::from_le_bytes(*word));
            if stop != 0 {
                self.at += passed + usize::try_from(stop.trailing_zeros() / 8).unwrap_or(0);
                return;
            }
            passed += 8;
        }
        let rest = if words.len() > SHORT_WORDS {
            rest.get(passed..).unwrap_or_default()
        } else {
            tail
        };
        self.at += passed + plain_bytes(rest);
    }

    /// An escape that is not one letter: `\uXXXX`, or a mistake.
    fn escape(&mut self) -> Result<(), Bad> {
        let begin = self.at;
        self.at += 1;
        match self.peek() {
            Some(b'u') => {},
            Some(_) => return Err(self.bad_escape(begin)),
            None => return Err(Bad::End),
        }
        for _ in 0..4 {
            self.at += 1;
            match self.peek() {
                Some(byte) if byte.is_ascii_hexdigit() => {},
                Some(_) => return Err(self.bad_escape(begin)),
                None => return Err(Bad::End),
            }
        }
        self.at += 1;
        Ok(())
    }

    fn number(&mut self) -> Result<(), Bad> {
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
            Some(b'0'..=b'9') => Err(Bad::Number),
            _ => Ok(()),
        }
    }

    fn digits(&mut self) -> Result<(), Bad> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at > start {
            return Ok(());
        }
        Err(match self.peek() {
            None => Bad::End,
            Some(_) => Bad::Number,
        })
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), Bad> {
        for &byte in word {
            self.expect(byte)?;
        }
        Ok(())
    }

    fn unexpected(&self) -> Bad {
        match self.peek() {
            None => Bad::End,
            Some(_) => Bad::Unexpected,
        }
    }

    /// An escape is bad from its backslash on.
    const fn bad_escape(&mut self, begin: usize) -> Bad {
        self.at = begin;
        Bad::Escape
    }

    /// The whole error for what is wrong here.
    pub(super) const fn error(&self, bad: Bad) -> ScanError {
        let kind = match bad {
            Bad::NotObject => ScanErrorKind::NotObject,
            Bad::End => ScanErrorKind::End,
            Bad::Unexpected => ScanErrorKind::Unexpected,
            Bad::Control => ScanErrorKind::Control,
            Bad::Escape => ScanErrorKind::Escape,
            Bad::Number => ScanErrorKind::Number,
            Bad::TooDeep => ScanErrorKind::TooDeep,
        };
        ScanError::new(kind, self.at)
    }
}

impl Nest {
    fn push(&mut self, object: bool) -> Result<(), Bad> {
        let Some(word) = self.bits.get_mut(self.depth / 64) else {
            return Err(Bad::TooDeep);
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

/// How many bytes go before the first quote, backslash or control.
fn plain_bytes(text: &[u8]) -> usize {
    let end = memchr::memchr2(b'"', b'\\', text).unwrap_or(text.len());
    let text = text.get(..end).unwrap_or_default();
    // The smallest byte is found by vectors; where it stands matters only in malformed text.
    if text.iter().copied().fold(u8::MAX, u8::min) >= 0x20 {
        return end;
    }
    text.iter().position(|byte| *byte < 0x20).unwrap_or(end)
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
