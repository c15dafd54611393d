//! A string that cannot be printed: keys, tokens, credentials.
//!
//! `Debug`, `Display` and `Serialize` show a mask. [`Secret::expose`] is the one way to the text, and
//! a search for it lists every place that handles one in the clear.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use subtle::ConstantTimeEq;

/// What stands in place of a secret wherever one would be printed.
const MASK: &str = "****";

/// A credential. It cannot reach a log, an error or the dashboard by formatting.
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a credential.
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The credential in the clear, for the wire only.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing in it.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Compares with what a client sent, in time that depends on the lengths alone.
    pub fn matches(&self, candidate: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(candidate).into()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.matches(other.0.as_bytes())
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(MASK)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_way_of_printing_shows_the_text() {
        let secret = Secret::new("sk-planted".to_owned());
        let shown = format!(
            "{secret} {secret:?} {:?} {}",
            Some(&secret),
            serde_json::json!(secret)
        );
        assert!(!shown.contains("planted"), "{shown}");
    }

    #[test]
    fn it_matches_only_the_very_same_bytes() {
        let secret = Secret::new("sk-1".to_owned());
        assert!(secret.matches(b"sk-1"));
        assert!(!secret.matches(b"sk-2") && !secret.matches(b"sk-") && !secret.matches(b"sk-11"));
    }
}
