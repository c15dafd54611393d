//! Steps over JSON values, checking their syntax: the machine under `scan`.
//!
//! Nesting is a stack of bits, so hostile input costs neither recursion nor memory. What callers would
//! have to search the text for once more is noted on the way.
#![warn(clippy::indexing_slicing)]

use super::plain::{HIGHS, plain, stops};
use super::{MAX_DEPTH, ScanError, ScanErrorKind, Span};

/// What is wrong where the cursor stands: one byte, so that success costs nothing to return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bad {
    /// The text is not an object.
    NotObject,
    /// The text ends in the middle.
    End,
    /// A character that cannot stand here.
    Unexpected,
    /// A control character in a string.
    Control,
    /// A backslash that begins no known escape.
    Escape,
    /// A malformed number.
    Number,
    /// More nesting than [`MAX_DEPTH`].
    TooDeep,
}

const WORDS: usize = MAX_DEPTH / 64;
/// The first five of eight bytes, and the word that is looked for there.
const BEGIN: u64 = 0xff_ffff_ffff;
const IMAGE: u64 = u64::from_le_bytes(*b"image\0\0\0");

/// A place in JSON text, up to `end`.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The bits of all bytes of strings that were passed, and of some others.
    bits: u64,
    image: bool,
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
            bits: 0,
            image: false,
        }
    }

    /// Whether all strings that were passed are ASCII; nothing else can stand outside of strings.
    pub(super) const fn is_ascii(&self) -> bool {
        self.bits & HIGHS == 0
    }

    /// Whether a string begins with `image`, or a key has escapes and may end in such a word. What
    /// begins in the last eight bytes of the text is not looked at.
    pub(super) const fn names_images(&self) -> bool {
        self.image
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
        if self.peek().is_none_or(|byte| byte <= b' ') {
            self.spaces();
        }
    }

    fn spaces(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// A key and its colon: the span inside the quotes, and whether it has escapes.
    pub(super) fn key(&mut self) -> Result<(Span, bool), Bad> {
        let start = self.at + 1;
        let (end, escaped) = self.name()?;
        Ok((Span::new(start, end), escaped))
    }

    /// A key and its colon: where the text ends, and whether it has escapes.
    #[inline]
    fn name(&mut self) -> Result<(usize, bool), Bad> {
        if self.peek() != Some(b'"') {
            return Err(self.unexpected());
        }
        let escaped = self.string()?;
        self.image |= escaped;
        let end = self.at - 1;
        if !self.eat(b':') {
            self.space();
            self.expect(b':')?;
        }
        Ok((end, escaped))
    }

    /// One whole value, space before it skipped.
    pub(super) fn value(&mut self) -> Result<Span, Bad> {
        self.space();
        let start = self.at;
        match self.peek() {
            Some(b'"') => {
                self.string()?;
            },
            Some(b'{' | b'[') => self.nested()?,
            _ => self.scalar()?,
        }
        Ok(Span::new(start, self.at))
    }

    /// A whole array or object.
    fn nested(&mut self) -> Result<(), Bad> {
        let mut nest = Nest {
            bits: [0; WORDS],
            depth: 0,
        };
        loop {
            let opened = self.scalar_or_open(&mut nest)?;
            if !opened && self.after_value(&mut nest)? {
                return Ok(());
            }
        }
    }

    /// Passes a scalar or an empty container, or opens one (then true).
    #[inline]
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
                self.name()?;
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
    #[inline]
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
                    self.name()?;
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

    /// A string, the cursor on its first quote; whether it has escapes.
    ///
    /// Many strings end within one word and without an escape.
    #[inline]
    fn string(&mut self) -> Result<bool, Bad> {
        let start = self.at + 1;
        let Some(rest) = self.bytes.get(start..) else {
            return Err(Bad::End);
        };
        let Some((word, tail)) = rest.split_first_chunk::<8>() else {
            return self.long_string(rest);
        };
        let word = u64::from_le_bytes(*word);
        self.bits |= word;
        if word & BEGIN == IMAGE {
            self.image = true;
        }
        let stop = stops(word);
        if stop == 0 {
            return self.long_string(tail);
        }
        let shift = stop.trailing_zeros() & 0x38;
        if (word >> shift) & 0xff != u64::from(b'"') {
            return self.long_string(rest);
        }
        self.at = start + usize::try_from(shift / 8).unwrap_or(0) + 1;
        Ok(false)
    }

    /// [`Self::string`] for any string, `rest` being what was not looked at.
    fn long_string(&mut self, mut rest: &'a [u8]) -> Result<bool, Bad> {
        let mut escaped = false;
        let mut bits = 0;
        let outcome = loop {
            rest = plain(rest, &mut bits);
            match rest {
                [b'"', ..] => {
                    rest = rest.get(1..).unwrap_or_default();
                    break Ok(escaped);
                },
                [
                    b'\\',
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't',
                    tail @ ..,
                ] => {
                    escaped = true;
                    rest = tail;
                },
                [b'\\', ..] => {
                    escaped = true;
                    self.at = self.bytes.len() - rest.len();
                    self.escape()?;
                    rest = self.bytes.get(self.at..).unwrap_or_default();
                },
                [] => break Err(Bad::End),
                _ => break Err(Bad::Control),
            }
        };
        self.bits |= bits;
        self.at = self.bytes.len() - rest.len();
        outcome
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

    #[inline]
    fn literal(&mut self, word: &[u8]) -> Result<(), Bad> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if rest.starts_with(word) {
            self.at += word.len();
            return Ok(());
        }
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
