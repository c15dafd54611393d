//! Header lines of an answer, written once and where they go.
//!
//! Every answer of a model carries a dozen headers that nobody looks up again: sorting them into a map
//! would cost more than all of routing.

use std::fmt;
use std::io::Write as _;

/// Lines of a head, each after a line end.
#[derive(Debug, Default)]
pub struct Lines(Vec<u8>);

impl Lines {
    /// Room for what a usual answer has.
    pub fn new() -> Self {
        Self(Vec::with_capacity(512))
    }

    /// Adds a header, unless its value cannot stand in one (a group may be named in any script, and a
    /// name may hold what would end the line). `name` in lower case.
    pub fn put(&mut self, name: &'static str, value: &str) {
        let fits = |byte: u8| matches!(byte, b' '..=b'~');
        if value.bytes().all(fits) {
            self.name(name);
            self.0.extend_from_slice(value.as_bytes());
        }
    }

    /// Adds a header whose value is made of numbers.
    pub fn put_number(&mut self, name: &'static str, value: fmt::Arguments<'_>) {
        self.name(name);
        // Writing to memory does not fail.
        drop(self.0.write_fmt(value));
    }

    /// All of them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn name(&mut self, name: &'static str) {
        self.0.extend_from_slice(b"\r\n");
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b": ");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_break_a_head_is_left_out() {
        let mut lines = Lines::new();
        lines.put("x-a", "one two");
        lines.put("x-b", "a\r\nset-cookie: b");
        lines.put("x-c", "größer");
        lines.put("x-d", "\u{7f}");
        lines.put_number("x-e", format_args!("{}.{:03}", 1, 7));
        assert_eq!(lines.as_bytes(), b"\r\nx-a: one two\r\nx-e: 1.007");
    }
}
