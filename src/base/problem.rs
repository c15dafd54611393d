//! What is wrong with a file, where, and what to do: the one shape of every complaint about input.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How much a problem matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Works, but perhaps not as meant.
    Warning,
    /// Cannot be used.
    Error,
}

impl Severity {
    /// The word shown to people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A spot in a file; lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The file as the person named it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One complaint: what, where, what was expected, and the way out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// How much it matters.
    pub severity: Severity,
    /// Where it stands, when it stands anywhere.
    pub place: Option<Place>,
    /// What is wrong, naming the thing and the value. No secret ever stands here.
    pub message: String,
    /// The line of the file with a caret below it; empty when there is no place.
    pub snippet: String,
    /// What to do about it; empty when nothing needs doing.
    pub hint: String,
}

impl Problem {
    /// A complaint without a place.
    pub fn new(severity: Severity, message: impl Into<String>) -> Self {
        Self {
            severity,
            place: None,
            message: message.into(),
            snippet: String::new(),
            hint: String::new(),
        }
    }

    /// An error without a place.
    pub fn error(message: impl Into<String>) -> Self {
        Self::new(Severity::Error, message)
    }

    /// Adds the way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// One line: place, severity, message.
    pub fn headline(&self) -> String {
        match &self.place {
            Some(place) => format!("{place}: {}: {}", self.severity.word(), self.message),
            None => format!("{}: {}", self.severity.word(), self.message),
        }
    }
}

/// The full text for a terminal: headline, snippet, hint.
impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.headline())?;
        if !self.snippet.is_empty() {
            write!(out, "\n{}", self.snippet.trim_end())?;
        }
        if !self.hint.is_empty() {
            write!(out, "\n  hint: {}", self.hint)?;
        }
        Ok(())
    }
}
