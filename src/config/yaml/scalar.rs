//! Single values: what a plain scalar means, and what it may stand for where a type is expected.
//!
//! YAML 1.2 decides (through `serde_yaml`), except that where a truth value is expected the YAML 1.1
//! words `yes`, `no`, `on`, `off` count, as in the reader that configs of this format were written
//! for. Numbers keep their text, so that prices never pass through a float.

use serde_json::{Number, Value};

/// A single value as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar {
    /// The text, quotes and escapes resolved.
    pub text: String,
    /// Written without quotes, so it may be a number, a truth value or null.
    pub plain: bool,
}

impl Scalar {
    /// A quoted text.
    pub fn quoted(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            plain: false,
        }
    }

    /// Nothing: an empty plain value, `null`, `~`.
    pub fn is_null(&self) -> bool {
        self.plain && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }

    /// The truth value, when it can be read as one; quoted words count too.
    pub fn as_bool(&self) -> Option<bool> {
        match self.text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Some(true),
            "false" | "no" | "off" => Some(false),
            _ => None,
        }
    }

    /// The text of a decimal number, `_` between digits taken out; `None` when it is none, and for
    /// `012`, which one YAML reads as ten and another as twelve.
    pub fn as_decimal(&self) -> Option<String> {
        let text = self.text.trim();
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        let mut bytes = digits.bytes();
        let first = bytes.next()?;
        let second = bytes.next();
        let octal = first == b'0' && second.is_some_and(|byte| byte.is_ascii_digit());
        let starts = first.is_ascii_digit()
            || (first == b'.' && second.is_some_and(|byte| byte.is_ascii_digit()));
        if octal || !starts || digits.ends_with('_') {
            return None;
        }
        let plain: String = text.chars().filter(|letter| *letter != '_').collect();
        plain
            .parse::<f64>()
            .is_ok_and(f64::is_finite)
            .then_some(plain)
    }

    /// The value as JSON: what a request member written so would be.
    pub fn to_json(&self) -> Value {
        if !self.plain {
            return Value::String(self.text.clone());
        }
        if self.is_null() {
            return Value::Null;
        }
        match self.text.as_str() {
            "yes" | "Yes" | "YES" | "on" | "On" | "ON" => return Value::Bool(true),
            "no" | "No" | "NO" | "off" | "Off" | "OFF" => return Value::Bool(false),
            _ => {},
        }
        self.core_schema()
            .unwrap_or_else(|| Value::String(self.text.clone()))
    }

    /// A number or truth value by YAML 1.2's core schema. Only what can be one is asked about, so a
    /// text never meets YAML's syntax again.
    fn core_schema(&self) -> Option<Value> {
        let decimal = self.as_decimal();
        let text = decimal.as_deref().unwrap_or(&self.text);
        let simple = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-');
        let may_be = text.len() <= 64 && text.bytes().all(simple) && !text.starts_with("--");
        if !may_be {
            return None;
        }
        match serde_yaml::from_str::<serde_yaml::Value>(text).ok()? {
            serde_yaml::Value::Bool(truth) => Some(Value::Bool(truth)),
            serde_yaml::Value::Number(number) => {
                let whole = number.as_i64().map(Number::from);
                let whole = whole.or_else(|| number.as_u64().map(Number::from));
                let number = whole.or_else(|| Number::from_f64(number.as_f64()?))?;
                Some(Value::Number(number))
            },
            _ => None,
        }
    }
}
