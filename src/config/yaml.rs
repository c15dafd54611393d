//! YAML text as a tree in which every key and value knows its place.
//!
//! Places come from the events of `saphyr-parser`; what a plain scalar means (a number, a truth
//! value, null) is `serde_yaml`'s answer, so a config and every other YAML file of ours are read
//! alike. Anchors, aliases and merge keys are resolved here, within a bound on size and depth; a
//! duplicate key is an error at the second one. It knows nothing of what the keys mean.

mod build;
mod explain;
mod scalar;

pub use build::parse;
pub use scalar::Scalar;

/// Largest file that is read, in bytes.
pub const MAX_BYTES: usize = 16 << 20;
/// Most values in one file after aliases are expanded: what stops an alias bomb.
pub const MAX_NODES: usize = 200_000;
/// Deepest nesting.
pub const MAX_DEPTH: usize = 64;

/// A stretch of a file: lines and columns count from 1, columns in characters, the end exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Spot {
    /// Which file, by its number in [`super::source::Notebook`].
    pub file: usize,
    /// The first line.
    pub line: usize,
    /// The first column.
    pub column: usize,
    /// The last line.
    pub end_line: usize,
    /// The column after the last character.
    pub end_column: usize,
}

/// A value and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Where it stands; for an alias, where the anchored value stands.
    pub at: Spot,
    /// What it is.
    pub body: Body,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Text, a number, a truth value, or nothing.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<Entry>),
}

/// One `key: value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key's text.
    pub key: String,
    /// Where the key stands.
    pub key_at: Spot,
    /// The value.
    pub value: Node,
}

/// What keeps a text from being read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YamlError {
    /// Where.
    pub at: Spot,
    /// What is wrong.
    pub message: String,
    /// The way out.
    pub hint: String,
}

impl Node {
    /// A text that stands in no file, such as an argument of the command line.
    pub fn text(at: Spot, text: &str) -> Self {
        let body = Body::Scalar(Scalar::quoted(text));
        Self { at, body }
    }

    /// A mapping that stands in no file.
    pub fn map(at: Spot, entries: Vec<(&str, Self)>) -> Self {
        let entries = entries.into_iter().map(|(key, value)| Entry {
            key: key.to_owned(),
            key_at: at,
            value,
        });
        Self {
            at,
            body: Body::Map(entries.collect()),
        }
    }

    /// The entries, when it is a mapping.
    pub fn entries(&self) -> Option<&[Entry]> {
        match &self.body {
            Body::Map(entries) => Some(entries),
            Body::Scalar(_) | Body::List(_) => None,
        }
    }

    /// The items, when it is a list.
    pub fn items(&self) -> Option<&[Self]> {
        match &self.body {
            Body::List(items) => Some(items),
            Body::Scalar(_) | Body::Map(_) => None,
        }
    }

    /// The scalar, when it is one.
    pub const fn scalar(&self) -> Option<&Scalar> {
        match &self.body {
            Body::Scalar(scalar) => Some(scalar),
            Body::List(_) | Body::Map(_) => None,
        }
    }

    /// The value of `key`, when this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The entry of `key`, when this is a mapping that has it.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries()?.iter().find(|entry| entry.key == key)
    }

    /// Whether nothing is written: an empty value, `null` or `~`.
    pub fn is_null(&self) -> bool {
        self.scalar().is_some_and(Scalar::is_null)
    }

    /// Whether a switch written so is on: everything but nothing, `false`, and empty values.
    pub fn is_on(&self) -> bool {
        match &self.body {
            Body::Scalar(scalar) => {
                !scalar.is_null() && !scalar.text.is_empty() && scalar.as_bool() != Some(false)
            },
            Body::List(items) => !items.is_empty(),
            Body::Map(entries) => !entries.is_empty(),
        }
    }

    /// What it is, for "expected …, found …".
    pub fn kind(&self) -> &'static str {
        match &self.body {
            Body::Scalar(scalar) if scalar.is_null() => "nothing",
            Body::Scalar(_) => "a single value",
            Body::List(_) => "a list",
            Body::Map(_) => "a mapping",
        }
    }

    /// How many values it holds, itself included.
    pub fn size(&self) -> usize {
        1 + match &self.body {
            Body::Scalar(_) => 0,
            Body::List(items) => items.iter().map(Self::size).sum(),
            Body::Map(entries) => entries.iter().map(|entry| entry.value.size()).sum(),
        }
    }
}

#[cfg(test)]
mod tests;
