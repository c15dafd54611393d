//! Reads nested JSON in one pass: what is of interest is entered, everything else skipped.
//!
//! [`super::members`] looks at every byte of a value to find its end, and again when the value is
//! walked; here each byte is looked at once. The readers of answers and events call it.
#![warn(clippy::indexing_slicing)]

use super::cursor::{Bad, Cursor};
use super::{Kind, ScanError, ScanErrorKind, Span};

/// A place in a JSON document, always before a value that is to be entered or skipped.
#[derive(Debug, Clone)]
pub struct Pass<'a> {
    cursor: Cursor<'a>,
}

/// The key of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Its text, the quotes excluded.
    pub span: Span,
    /// Whether it holds escapes.
    pub escaped: bool,
}

impl<'a> Pass<'a> {
    /// Begins before the first value of `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self {
            cursor: Cursor::new(bytes, 0, bytes.len()),
        }
    }

    /// What kind of value comes next, told by its first byte; `Null` at the end of the text.
    #[inline]
    pub fn kind(&mut self) -> Kind {
        self.cursor.space();
        match self.cursor.peek() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::String,
            Some(b't' | b'f') => Kind::Bool,
            Some(b'n') | None => Kind::Null,
            Some(_) => Kind::Number,
        }
    }

    /// Skips a value, checking its syntax.
    ///
    /// # Errors
    /// It is malformed.
    pub fn skip(&mut self) -> Result<Span, Bad> {
        self.cursor.value()
    }

    /// The whole error for what is wrong where the reading stopped.
    pub const fn error(&self, bad: Bad) -> ScanError {
        self.cursor.error(bad)
    }

    /// Enters an object: `each` gets the keys, and must enter or skip the value after each.
    ///
    /// # Errors
    /// It is no object or malformed, or `each` says so.
    pub fn object(
        &mut self,
        mut each: impl FnMut(&mut Self, Key) -> Result<(), Bad>,
    ) -> Result<(), Bad> {
        if self.kind() != Kind::Object {
            return Err(self.cursor.peek().map_or(Bad::End, |_| Bad::NotObject));
        }
        self.all(b'}', |pass| {
            let (span, escaped) = pass.cursor.key()?;
            each(pass, Key { span, escaped })
        })
    }

    /// Enters an array: `each` must enter or skip one element. Anything else is skipped.
    ///
    /// # Errors
    /// It is malformed, or `each` says so.
    pub fn array(&mut self, each: impl FnMut(&mut Self) -> Result<(), Bad>) -> Result<(), Bad> {
        if self.kind() != Kind::Array {
            return self.skip().map(drop);
        }
        self.all(b']', each)
    }

    /// After the last value: nothing but space may follow.
    ///
    /// # Errors
    /// Something follows.
    pub fn end(mut self) -> Result<(), ScanError> {
        self.cursor.space();
        match self.cursor.peek() {
            None => Ok(()),
            Some(_) => Err(ScanError::new(ScanErrorKind::Trailing, self.cursor.at())),
        }
    }

    /// From the opening bracket to the closing one.
    fn all(
        &mut self,
        close: u8,
        mut each: impl FnMut(&mut Self) -> Result<(), Bad>,
    ) -> Result<(), Bad> {
        self.cursor.bump();
        self.cursor.space();
        if self.cursor.eat(close) {
            return Ok(());
        }
        loop {
            each(self)?;
            if !self.cursor.eat(b',') {
                self.cursor.space();
                if self.cursor.eat(close) {
                    return Ok(());
                }
                self.cursor.expect(b',')?;
            }
            self.cursor.space();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts at the path `a[*].b`, and whether the whole document is well-formed.
    fn texts(json: &str) -> (Vec<String>, bool) {
        let data = json.as_bytes();
        let mut found = Vec::new();
        let mut pass = Pass::new(data);
        let outcome = pass.object(|pass, key| match key.span.of(data) {
            b"a" => pass.array(|pass| {
                if pass.kind() != Kind::Object {
                    return pass.skip().map(drop);
                }
                pass.object(|pass, key| {
                    let value = pass.skip()?;
                    if key.span.of(data) == b"b" {
                        found.push(String::from_utf8_lossy(value.of(data)).into_owned());
                    }
                    Ok(())
                })
            }),
            _ => pass.skip().map(drop),
        });
        let whole = outcome.is_ok() && pass.end().is_ok();
        (found, whole)
    }

    #[test]
    fn what_is_entered_is_found_and_the_rest_skipped() {
        let json =
            r#" {"x":{"a":[{"b":0}]}, "a" : [ {"b":1,"c":[2]} , 7, {}, {"b":"}]"} ] ,"y":[]} "#;
        let wanted = vec!["1".to_owned(), "\"}]\"".to_owned()];
        assert_eq!(texts(json), (wanted, true));
        assert_eq!(texts(r#"{"a":null}"#), (vec![], true));
        assert_eq!(texts("{}"), (vec![], true));
    }

    #[test]
    fn mistakes_are_seen_wherever_they_stand() {
        for json in [
            "",
            "[]",
            "{",
            r#"{"a"}"#,
            r#"{"a":[}"#,
            r#"{"a":[1 2]}"#,
            r#"{"a":[1,]}"#,
            r#"{"a":[{"b":1,}]}"#,
            r#"{"a":[{"b":nul}]}"#,
            r#"{"a":1}x"#,
            r#"{"a":1,}"#,
        ] {
            assert!(!texts(json).1, "{json}");
        }
    }
}
