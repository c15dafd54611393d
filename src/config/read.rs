//! Typed reading of single keys: text, numbers, truth values, durations, prices, lists, JSON.
//!
//! Lenient where the meaning is plain (`"60"` for 60, `yes` for true), exact where it is not. What
//! cannot be read is noted with its place, so a reader goes on and finds the next problem too.

use std::time::Duration;

use serde_json::{Map, Value};

use super::env::{self, Env};
use super::snippet::{is_secret_key, quoted};
use super::source::{Notebook, Overrides};
use super::yaml::{Body, Node, Scalar};
use crate::base::PicoDollars;

/// Everything a reader writes to and asks.
#[derive(Debug)]
pub(super) struct Desk<'s> {
    /// Where problems are put down.
    pub(super) notes: Notebook,
    /// The environment.
    pub(super) env: Env,
    /// The command line.
    pub(super) cli: &'s Overrides,
}

/// Why a key that is there has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Gap {
    /// It refers to this variable, which is not set.
    Missing(String),
    /// It cannot be read; noted already.
    Bad,
}

/// What reading a key gives: nothing when it is not there or null.
pub(super) type Got<T> = Result<Option<T>, Gap>;

/// The longest time that is accepted anywhere: ten years.
const LONGEST: f64 = 315_360_000.0;

impl Desk<'_> {
    /// The scalar behind a node, references to the environment followed.
    fn scalar(&mut self, key: &str, node: &Node, expected: &str) -> Got<Scalar> {
        if node.is_null() {
            return Ok(None);
        }
        let Some(scalar) = node.scalar() else {
            let message = format!("`{key}`: expected {expected}, found {}", node.kind());
            self.notes.error(
                node.at,
                message,
                format!("write `{key}: …` with a single value"),
            );
            return Err(Gap::Bad);
        };
        let Some(name) = env::reference(&scalar.text) else {
            return Ok(Some(scalar.clone()));
        };
        if name.is_empty() {
            let message = format!("`{key}`: `os.environ/` names no variable");
            self.notes
                .error(node.at, message, "write `os.environ/NAME`");
            return Err(Gap::Bad);
        }
        match self.env.get(name) {
            Some(value) => Ok(Some(Scalar {
                text: value,
                plain: true,
            })),
            None => Err(Gap::Missing(name.to_owned())),
        }
    }

    fn mismatch(&mut self, key: &str, node: &Node, text: &str, expected: &str, hint: &str) -> Gap {
        let message = if is_secret_key(key) {
            format!("`{key}`: expected {expected}")
        } else {
            format!("`{key}`: expected {expected}, found {}", shown(node, text))
        };
        self.notes.error(node.at, message, hint);
        Gap::Bad
    }

    /// A text. Other ways of naming a variable than `os.environ/NAME` are pointed out: they stay text.
    pub(super) fn text(&mut self, key: &str, node: &Node) -> Got<String> {
        let Some(scalar) = self.scalar(key, node, "a text")? else {
            return Ok(None);
        };
        let written = node.scalar().map_or("", |scalar| scalar.text.as_str());
        if let Some(name) = shell_variable(written) {
            self.notes.warn(
                node.at,
                format!(
                    "`{key}`: {} is taken as it stands, not as a variable",
                    quoted(written)
                ),
                format!("write `os.environ/{name}`"),
            );
        } else if written.find("os.environ/").is_some_and(|at| at > 0) {
            self.notes.warn(
                node.at,
                format!("`{key}`: `os.environ/` inside a longer text is not followed"),
                "let the variable hold the whole value",
            );
        }
        let text = scalar.text.trim().to_owned();
        Ok((!text.is_empty()).then_some(text))
    }

    /// A number as its text.
    fn decimal(&mut self, key: &str, node: &Node, expected: &str) -> Got<String> {
        let Some(scalar) = self.scalar(key, node, expected)? else {
            return Ok(None);
        };
        if let Some(text) = scalar.as_decimal() {
            return Ok(Some(text));
        }
        let octal = referred(node).is_none()
            && scalar.text.len() > 1
            && scalar.text.starts_with('0')
            && scalar.text.bytes().all(|byte| byte.is_ascii_digit());
        let hint = if octal {
            let plain = scalar.text.trim_start_matches('0');
            format!("write `{key}: {plain}`; some YAML readers take a leading 0 for octal")
        } else {
            format!("write `{key}: ` and digits, without a unit")
        };
        Err(self.mismatch(key, node, &scalar.text, expected, &hint))
    }

    /// A whole number, zero or more.
    pub(super) fn whole(&mut self, key: &str, node: &Node) -> Got<u64> {
        let expected = "a whole number, 0 or more";
        let Some(text) = self.decimal(key, node, expected)? else {
            return Ok(None);
        };
        let digits = text.strip_prefix('+').unwrap_or(&text);
        let digits = digits.strip_suffix(".0").unwrap_or(digits);
        if let Ok(number) = digits.parse() {
            return Ok(Some(number));
        }
        let hint = format!("write `{key}: 3` or the like");
        Err(self.mismatch(key, node, &text, expected, &hint))
    }

    /// A whole number of a size that a counter has.
    pub(super) fn count(&mut self, key: &str, node: &Node) -> Got<u32> {
        let number = self.whole(key, node)?;
        Ok(number.map(|number| u32::try_from(number).unwrap_or(u32::MAX)))
    }

    /// A whole number of either sign.
    pub(super) fn signed(&mut self, key: &str, node: &Node) -> Got<i64> {
        let expected = "a whole number";
        let Some(text) = self.decimal(key, node, expected)? else {
            return Ok(None);
        };
        let digits = text.strip_suffix(".0").unwrap_or(&text);
        match digits.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(self.mismatch(key, node, &text, expected, "leave out the fraction")),
        }
    }

    /// A number, zero or more.
    pub(super) fn share(&mut self, key: &str, node: &Node) -> Got<f64> {
        let expected = "a number, 0 or more";
        let Some(text) = self.decimal(key, node, expected)? else {
            return Ok(None);
        };
        match text.parse::<f64>() {
            Ok(number) if number >= 0.0 => Ok(Some(number)),
            _ => Err(self.mismatch(key, node, &text, expected, "leave out the sign")),
        }
    }

    /// Seconds, zero allowed.
    pub(super) fn seconds(&mut self, key: &str, node: &Node) -> Got<Duration> {
        let expected = "a number of seconds";
        let Some(text) = self.decimal(key, node, expected)? else {
            return Ok(None);
        };
        match text.parse::<f64>() {
            Ok(number) if number >= 0.0 => Ok(Some(Duration::from_secs_f64(number.min(LONGEST)))),
            _ => Err(self.mismatch(key, node, &text, expected, "leave out the sign")),
        }
    }

    /// A time limit: seconds, more than zero.
    pub(super) fn limit(&mut self, key: &str, node: &Node) -> Got<Duration> {
        let limit = self.seconds(key, node)?;
        if limit.is_some_and(|limit| limit.is_zero()) {
            let hint = "leave the key out for no limit of its own";
            return Err(self.mismatch(key, node, "0", "seconds, more than 0", hint));
        }
        Ok(limit)
    }

    /// A truth value.
    pub(super) fn truth(&mut self, key: &str, node: &Node) -> Got<bool> {
        let Some(scalar) = self.scalar(key, node, "true or false")? else {
            return Ok(None);
        };
        match (scalar.as_bool(), scalar.text.as_str()) {
            (Some(truth), _) => Ok(Some(truth)),
            (None, "1") => Ok(Some(true)),
            (None, "0") => Ok(Some(false)),
            (None, text) => {
                let hint = format!("write `{key}: true` or `{key}: false`");
                Err(self.mismatch(key, node, text, "true or false", &hint))
            },
        }
    }

    /// A price in dollars a token, exactly as written.
    pub(super) fn price(&mut self, key: &str, node: &Node) -> Got<PicoDollars> {
        let expected = "dollars a token, such as 2.5e-6";
        let Some(scalar) = self.scalar(key, node, expected)? else {
            return Ok(None);
        };
        let hint = "prices are per token: 2.50 dollars a million tokens are 0.0000025";
        match scalar.text.parse::<PicoDollars>() {
            Ok(price) if price.0 >= 0 => Ok(Some(price)),
            _ => Err(self.mismatch(key, node, &scalar.text, expected, hint)),
        }
    }

    /// A list of texts; a single text counts as a list of one.
    pub(super) fn texts(&mut self, key: &str, node: &Node) -> Got<Vec<String>> {
        let items = match &node.body {
            Body::List(items) => items.as_slice(),
            Body::Scalar(scalar) if scalar.is_null() => return Ok(None),
            Body::Scalar(_) => std::slice::from_ref(node),
            Body::Map(_) => {
                let message = format!("`{key}`: expected a list of texts, found a mapping");
                self.notes
                    .error(node.at, message, format!("write `{key}: [one, two]`"));
                return Err(Gap::Bad);
            },
        };
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            texts.extend(self.text(key, item)?);
        }
        Ok(Some(texts))
    }

    /// A section: a mapping, or nothing. Anything else is noted.
    pub(super) fn section<'n>(&mut self, key: &str, node: &'n Node) -> Option<&'n Node> {
        if node.entries().is_some() {
            return Some(node);
        }
        if !node.is_null() {
            let message = format!("`{key}`: expected a mapping, found {}", node.kind());
            let hint =
                format!("write the keys of `{key}` on lines of their own, indented below it");
            self.notes.error(node.at, message, hint);
        }
        None
    }

    /// Any value as JSON, references followed. The first variable that is not set is the gap.
    pub(super) fn json(&mut self, node: &Node) -> Result<Value, Gap> {
        match &node.body {
            Body::Scalar(scalar) => match env::reference(&scalar.text) {
                Some(name) => self
                    .env
                    .get(name)
                    .map(Value::String)
                    .ok_or_else(|| Gap::Missing(name.to_owned())),
                None => Ok(scalar.to_json()),
            },
            Body::List(items) => items.iter().map(|item| self.json(item)).collect(),
            Body::Map(entries) => {
                let mut map = Map::new();
                for entry in entries {
                    map.insert(entry.key.clone(), self.json(&entry.value)?);
                }
                Ok(Value::Object(map))
            },
        }
    }

    /// A value of a section that many deployments share: a variable that is not set leaves the default,
    /// with a warning.
    pub(super) fn or_default<T>(
        &mut self,
        map: Option<&Node>,
        key: &str,
        read: impl FnOnce(&mut Self, &str, &Node) -> Got<T>,
    ) -> Option<T> {
        let node = map?.get(key)?;
        match read(self, key, node) {
            Ok(value) => value,
            Err(Gap::Bad) => None,
            Err(Gap::Missing(name)) => {
                let message = format!(
                    "`{key}`: the environment variable `{name}` is not set; the default is used"
                );
                self.notes.warn(
                    node.at,
                    message,
                    format!("set `{name}`, or write the value here"),
                );
                None
            },
        }
    }
}

/// The variable that a value was taken from.
pub(super) fn referred(node: &Node) -> Option<&str> {
    env::reference(&node.scalar()?.text)
}

/// A value as a message may name it: what came from a variable is never quoted, whatever its key, as the
/// wrong variable may hold a secret.
pub(super) fn shown(node: &Node, value: &str) -> String {
    match referred(node) {
        Some(name) => format!("the value of `{name}`"),
        None => quoted(value),
    }
}

/// Any value as JSON, as written: references stay text.
pub(super) fn written(node: &Node) -> Value {
    match &node.body {
        Body::Scalar(scalar) => scalar.to_json(),
        Body::List(items) => items.iter().map(written).collect(),
        Body::Map(entries) => entries
            .iter()
            .map(|entry| (entry.key.clone(), written(&entry.value)))
            .collect(),
    }
}

/// The name in `$NAME`, `${NAME}`, `%NAME%` or `env:NAME`.
fn shell_variable(text: &str) -> Option<&str> {
    let braces = text
        .strip_prefix("${")
        .and_then(|rest| rest.strip_suffix('}'));
    let percent = text
        .strip_prefix('%')
        .and_then(|rest| rest.strip_suffix('%'));
    let name = braces
        .or_else(|| text.strip_prefix('$'))
        .or(percent)
        .or_else(|| text.strip_prefix("env:"))?;
    let word = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    (!name.is_empty() && name.bytes().all(word)).then_some(name)
}
