//! Finds where the members of a JSON object stand, without building a tree.
//!
//! One pass over the bytes checks the syntax and gives spans; the caller reads or edits what it needs
//! and leaves the rest alone. No recursion, no allocation a member, bounded depth and breadth.
//! Knows nothing of any dialect. `head`, the relays and the readers of streams call it.
#![warn(clippy::indexing_slicing)]

mod cursor;
mod pass;
mod plain;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use self::cursor::Cursor;

pub use self::cursor::Bad;
pub use self::pass::Pass;

/// Deepest nesting accepted.
pub const MAX_DEPTH: usize = 512;
/// Most members of one scanned object.
pub const MAX_MEMBERS: usize = 4096;
/// Up to here duplicates are found by comparing pairs, which needs no memory.
const PAIRWISE: usize = 32;

/// A range of bytes, end excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte after the last one.
    pub end: usize,
}

/// What kind of value stands in a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// Where one member of an object stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// The key's text, its quotes excluded.
    pub key: Span,
    /// Whether the key holds escapes, so that its bytes are not its name.
    pub escaped: bool,
    /// The value, without the space around it.
    pub value: Span,
}

/// The members of one object, in their order, each name once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object<'a> {
    body: &'a [u8],
    span: Span,
    members: Vec<Member>,
    names_images: bool,
}

/// Why bytes could not be scanned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {at}")]
pub struct ScanError {
    /// What is wrong.
    pub kind: ScanErrorKind,
    /// Where, as an offset into the scanned bytes.
    pub at: usize,
}

/// What is wrong with JSON text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScanErrorKind {
    /// The text is not an object.
    #[error("expected a JSON object")]
    NotObject,
    /// The text ends in the middle.
    #[error("unexpected end of input")]
    End,
    /// A character that cannot stand here.
    #[error("unexpected character")]
    Unexpected,
    /// A control character in a string.
    #[error("control character in a string")]
    Control,
    /// A backslash that begins no known escape.
    #[error("invalid escape in a string")]
    Escape,
    /// A malformed number.
    #[error("invalid number")]
    Number,
    /// Bytes that are not UTF-8.
    #[error("invalid UTF-8")]
    Utf8,
    /// More nesting than [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// More members than [`MAX_MEMBERS`].
    #[error("more than {MAX_MEMBERS} members in one object")]
    TooMany,
    /// Something after the end of the object.
    #[error("trailing characters after the object")]
    Trailing,
    /// A name that stands twice.
    #[error("duplicate member `{0}`")]
    Duplicate(String),
}

/// Scans a whole document that must be one object: UTF-8, syntax, no name twice at its top.
pub fn object(body: &[u8]) -> Result<Object<'_>, ScanError> {
    let mut members = members(body);
    let found = collect(&mut members).and_then(|found| Ok((found, members.end()?)));
    // Only strings can hold more than ASCII; wrong UTF-8 goes before any other mistake.
    if (found.is_err() || !members.cursor.is_ascii())
        && let Err(error) = std::str::from_utf8(body)
    {
        return Err(ScanError::new(ScanErrorKind::Utf8, error.valid_up_to()));
    }
    let (found, span) = found?;
    refuse_duplicates(body, &found)?;
    Ok(Object {
        body,
        span,
        members: found,
        names_images: members.cursor.names_images(),
    })
}

/// Scans the object in `span` of bytes that were scanned before, for its own members.
pub fn object_at(body: &[u8], span: Span) -> Result<Object<'_>, ScanError> {
    let mut members = members_at(body, span);
    let found = collect(&mut members)?;
    refuse_duplicates(body, &found)?;
    Ok(Object {
        body,
        span,
        members: found,
        names_images: members.cursor.names_images(),
    })
}

/// The members of the object that `bytes` begin with, one after the other, without memory.
///
/// Neither UTF-8 nor duplicates are checked: for what upstreams say.
pub const fn members(bytes: &[u8]) -> Members<'_> {
    Members {
        cursor: Cursor::new(bytes, 0, bytes.len()),
        start: 0,
        state: State::Fresh,
    }
}

/// The members of the object in `span`.
pub fn members_at(bytes: &[u8], span: Span) -> Members<'_> {
    Members {
        cursor: Cursor::new(bytes, span.start, span.end.min(bytes.len())),
        start: span.start,
        state: State::Fresh,
    }
}

/// The spans of the elements of the array in `span`; nothing when it is no array.
pub fn elements_at(bytes: &[u8], span: Span) -> Elements<'_> {
    Elements {
        cursor: Cursor::new(bytes, span.start, span.end.min(bytes.len())),
        state: State::Fresh,
    }
}

/// What kind of value stands in `span` (told by its first byte).
pub fn kind(body: &[u8], span: Span) -> Kind {
    match body.get(span.start) {
        Some(b'{') => Kind::Object,
        Some(b'[') => Kind::Array,
        Some(b'"') => Kind::String,
        Some(b't' | b'f') => Kind::Bool,
        Some(b'n') | None => Kind::Null,
        Some(_) => Kind::Number,
    }
}

/// The text of the string in `span`; `None` when it is no string.
pub fn text(body: &[u8], span: Span) -> Option<Cow<'_, str>> {
    let bytes = span.of(body);
    let inner = bytes.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if memchr::memchr(b'\\', inner).is_none() {
        return std::str::from_utf8(inner).ok().map(Cow::Borrowed);
    }
    serde_json::from_slice::<String>(bytes).ok().map(Cow::Owned)
}

// === impl Span ===

impl Span {
    /// A span from `start` to before `end`.
    pub const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// How many bytes it covers.
    pub const fn len(self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// Whether it covers nothing.
    pub const fn is_empty(self) -> bool {
        self.end <= self.start
    }

    /// Its bytes; empty when it lies outside.
    #[inline]
    pub fn of(self, body: &[u8]) -> &[u8] {
        body.get(self.range()).unwrap_or_default()
    }

    /// The whole number from 0 that it covers.
    pub fn u64(self, body: &[u8]) -> Option<u64> {
        let digits = self.of(body);
        if digits.is_empty() {
            return None;
        }
        digits.iter().try_fold(0_u64, |number, byte| {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            number.checked_mul(10)?.checked_add(u64::from(digit))
        })
    }

    /// As a range.
    pub const fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

// === impl Member ===

impl Member {
    /// From the key's first quote to the value's last byte.
    pub const fn whole(&self) -> Span {
        Span::new(self.key.start.saturating_sub(1), self.value.end)
    }

    /// The name's bytes, unescaped.
    #[inline]
    pub fn bytes<'a>(&self, body: &'a [u8]) -> Cow<'a, [u8]> {
        if self.escaped {
            Cow::Owned(self.name(body).into_owned().into_bytes())
        } else {
            Cow::Borrowed(self.key.of(body))
        }
    }

    /// The name, unescaped.
    pub fn name<'a>(&self, body: &'a [u8]) -> Cow<'a, str> {
        if self.escaped {
            let quoted = Span::new(self.key.start.saturating_sub(1), self.key.end + 1);
            if let Some(name) = text(body, quoted) {
                return name;
            }
        }
        let key = self.key.of(body);
        std::str::from_utf8(key).map_or_else(|_| String::from_utf8_lossy(key), Cow::Borrowed)
    }

    /// Whether it has this name.
    pub fn is(&self, body: &[u8], name: &str) -> bool {
        if self.escaped {
            self.name(body) == name
        } else {
            self.key.of(body) == name.as_bytes()
        }
    }

    /// What kind of value it has.
    pub fn kind(&self, body: &[u8]) -> Kind {
        kind(body, self.value)
    }

    /// Its value, when it is a string.
    pub fn str<'a>(&self, body: &'a [u8]) -> Option<Cow<'a, str>> {
        text(body, self.value)
    }

    /// Its value, when it is `true` or `false`.
    pub fn bool(&self, body: &[u8]) -> Option<bool> {
        match self.value.of(body) {
            b"true" => Some(true),
            b"false" => Some(false),
            _ => None,
        }
    }

    /// Its value, when it is a whole number from 0.
    pub fn u64(&self, body: &[u8]) -> Option<u64> {
        self.value.u64(body)
    }

    /// Its value, when it is a number.
    pub fn f64(&self, body: &[u8]) -> Option<f64> {
        if self.kind(body) != Kind::Number {
            return None;
        }
        std::str::from_utf8(self.value.of(body)).ok()?.parse().ok()
    }
}

// === impl Object ===

impl<'a> Object<'a> {
    /// The bytes it was found in.
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// From `{` to `}`.
    pub const fn span(&self) -> Span {
        self.span
    }

    /// Whether a string in it begins with `image`, as the key or type of a picture does. False is
    /// certain for all but the last eight bytes; true may be a key with escapes.
    pub const fn names_images(&self) -> bool {
        self.names_images
    }

    /// Its members in their order.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Its members alone.
    pub fn into_members(self) -> Vec<Member> {
        self.members
    }

    /// The member of this name.
    pub fn get(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|m| m.is(self.body, name))
    }

    /// The text of the member of this name, when it is a string.
    pub fn str(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name)?.str(self.body)
    }

    /// The truth of the member of this name, when it is one.
    pub fn bool(&self, name: &str) -> Option<bool> {
        self.get(name)?.bool(self.body)
    }

    /// The number of the member of this name, when it is whole and from 0.
    pub fn u64(&self, name: &str) -> Option<u64> {
        self.get(name)?.u64(self.body)
    }

    /// The number of the member of this name.
    pub fn f64(&self, name: &str) -> Option<f64> {
        self.get(name)?.f64(self.body)
    }
}

// === impl ScanError ===

impl ScanError {
    const fn new(kind: ScanErrorKind, at: usize) -> Self {
        Self { kind, at }
    }

    /// Line and column in `body`, both from 1, columns in characters.
    pub fn place(&self, body: &[u8]) -> (usize, usize) {
        let before = body.get(..self.at.min(body.len())).unwrap_or_default();
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        let start = memchr::memrchr(b'\n', before).map_or(0, |i| i + 1);
        let column = String::from_utf8_lossy(before.get(start..).unwrap_or_default())
            .chars()
            .count();
        (line, column + 1)
    }

    /// One sentence with line and column.
    pub fn describe(&self, body: &[u8]) -> String {
        let (line, column) = self.place(body);
        format!("{} at line {line} column {column}", self.kind)
    }
}

// === iterators ===

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Fresh,
    Inside,
    Over,
}

/// Members one after the other; see [`members`].
#[derive(Debug, Clone)]
pub struct Members<'a> {
    cursor: Cursor<'a>,
    start: usize,
    state: State,
}

impl Members<'_> {
    /// After the last member: the object's span, once nothing but space follows.
    pub fn finish(mut self) -> Result<Span, ScanError> {
        for member in self.by_ref() {
            member?;
        }
        self.end()
    }

    /// Behind the last member: the object's span, once nothing but space follows.
    fn end(&mut self) -> Result<Span, ScanError> {
        let end = self.cursor.at();
        self.cursor.space();
        if self.cursor.peek().is_some() {
            return Err(ScanError::new(ScanErrorKind::Trailing, self.cursor.at()));
        }
        Ok(Span::new(self.start, end))
    }

    #[inline]
    fn step(&mut self) -> Result<Option<Member>, Bad> {
        match self.state {
            State::Over => return Ok(None),
            State::Fresh => {
                self.cursor.space();
                self.start = self.cursor.at();
                if self.cursor.peek() != Some(b'{') {
                    return Err(match self.cursor.peek() {
                        None => Bad::End,
                        Some(_) => Bad::NotObject,
                    });
                }
                self.cursor.bump();
                self.cursor.space();
                if self.cursor.eat(b'}') {
                    self.state = State::Over;
                    return Ok(None);
                }
                self.state = State::Inside;
            },
            State::Inside => {
                if !self.cursor.eat(b',') {
                    self.cursor.space();
                    if self.cursor.eat(b'}') {
                        self.state = State::Over;
                        return Ok(None);
                    }
                    self.cursor.expect(b',')?;
                }
                self.cursor.space();
            },
        }
        let (key, escaped) = self.cursor.key()?;
        let value = self.cursor.value()?;
        Ok(Some(Member {
            key,
            escaped,
            value,
        }))
    }
}

impl Iterator for Members<'_> {
    type Item = Result<Member, ScanError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.step() {
            Ok(member) => member.map(Ok),
            Err(bad) => {
                self.state = State::Over;
                Some(Err(self.cursor.error(bad)))
            },
        }
    }
}

/// Elements one after the other; see [`elements_at`].
#[derive(Debug, Clone)]
pub struct Elements<'a> {
    cursor: Cursor<'a>,
    state: State,
}

impl Iterator for Elements<'_> {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        match self.state {
            State::Over => return None,
            State::Fresh => {
                self.cursor.space();
                if !self.cursor.eat(b'[') {
                    self.state = State::Over;
                    return None;
                }
                self.cursor.space();
                if self.cursor.peek() == Some(b']') {
                    self.state = State::Over;
                    return None;
                }
                self.state = State::Inside;
            },
            State::Inside => {
                self.cursor.space();
                if !self.cursor.eat(b',') {
                    self.state = State::Over;
                    return None;
                }
                self.cursor.space();
            },
        }
        let value = self.cursor.value().ok();
        if value.is_none() {
            self.state = State::Over;
        }
        value
    }
}

fn collect(members: &mut Members<'_>) -> Result<Vec<Member>, ScanError> {
    let mut found = Vec::with_capacity(12);
    loop {
        let member = match members.step() {
            Ok(Some(member)) => member,
            Ok(None) => return Ok(found),
            Err(bad) => return Err(members.cursor.error(bad)),
        };
        if found.len() == MAX_MEMBERS {
            return Err(ScanError::new(ScanErrorKind::TooMany, member.key.start));
        }
        found.push(member);
    }
}

fn refuse_duplicates(body: &[u8], members: &[Member]) -> Result<(), ScanError> {
    let duplicate = if members.len() <= PAIRWISE && !members.iter().any(|m| m.escaped) {
        members.iter().enumerate().find(|(i, member)| {
            let len = member.key.len();
            let mut before = members.iter().take(*i);
            before.any(|m| m.key.len() == len && m.key.of(body) == member.key.of(body))
        })
    } else {
        let mut names = HashSet::with_capacity(members.len());
        members
            .iter()
            .enumerate()
            .find(|(_, member)| !names.insert(member.name(body)))
    };
    duplicate.map_or(Ok(()), |(_, member)| {
        let name = member.name(body).into_owned();
        Err(ScanError::new(
            ScanErrorKind::Duplicate(name),
            member.key.start,
        ))
    })
}
