//! Typed members taken out of JSON maps, with OpenAI's words for what is missing or wrong.

use serde_json::{Map, Value};

use crate::base::Fault;

/// The name of a kind of value with its article.
pub(super) fn a_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a decimal",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// The fault of a value of the wrong type at `path`.
pub(super) fn wrong_type(path: &str, wanted: &str, found: &Value) -> Fault {
    Fault::invalid(format!(
        "Invalid type for '{path}': expected {wanted}, but got {} instead.",
        a_kind(found)
    ))
    .param(path)
}

/// The fault of a member that must be there.
pub(super) fn missing(path: &str) -> Fault {
    Fault::invalid(format!("Missing required parameter: '{path}'.")).param(path)
}

/// Takes a member out; `null` counts as absent.
pub(super) fn take(map: &mut Map<String, Value>, name: &str) -> Option<Value> {
    map.shift_remove(name).filter(|value| !value.is_null())
}

/// Takes a string out.
pub(super) fn string(
    map: &mut Map<String, Value>,
    name: &str,
    path: &str,
) -> Result<Option<String>, Fault> {
    match take(map, name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(wrong_type(path, "a string", &other)),
    }
}

/// Takes a truth out.
pub(super) fn flag(map: &mut Map<String, Value>, name: &str) -> Result<Option<bool>, Fault> {
    match take(map, name) {
        None => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(flag)),
        Some(other) => Err(wrong_type(name, "a boolean", &other)),
    }
}

/// Takes a whole number from 0 out.
pub(super) fn count(map: &mut Map<String, Value>, name: &str) -> Result<Option<u64>, Fault> {
    match take(map, name) {
        None => Ok(None),
        Some(value) => match value.as_u64() {
            Some(number) => Ok(Some(number)),
            None if value.is_i64() => Err(Fault::invalid(format!(
                "Invalid '{name}': integer below minimum value. Expected a value >= 0, but got \
                 {value} instead."
            ))
            .param(name)),
            None => Err(wrong_type(name, "an integer", &value)),
        },
    }
}

/// Takes a whole number out.
pub(super) fn integer(map: &mut Map<String, Value>, name: &str) -> Result<Option<i64>, Fault> {
    match take(map, name) {
        None => Ok(None),
        Some(value) => match value.as_i64() {
            Some(number) => Ok(Some(number)),
            None => Err(wrong_type(name, "an integer", &value)),
        },
    }
}

/// Takes a number out.
pub(super) fn decimal(map: &mut Map<String, Value>, name: &str) -> Result<Option<f64>, Fault> {
    match take(map, name) {
        None => Ok(None),
        Some(value) => match value.as_f64() {
            Some(number) => Ok(Some(number)),
            None => Err(wrong_type(name, "a decimal", &value)),
        },
    }
}

/// Takes a list of strings out, or one string as a list of one.
pub(super) fn strings(map: &mut Map<String, Value>, name: &str) -> Result<Vec<String>, Fault> {
    match take(map, name) {
        None => Ok(Vec::new()),
        Some(Value::String(one)) => Ok(vec![one]),
        Some(Value::Array(list)) => list
            .into_iter()
            .enumerate()
            .map(|(i, item)| match item {
                Value::String(text) => Ok(text),
                other => Err(wrong_type(&format!("{name}[{i}]"), "a string", &other)),
            })
            .collect(),
        Some(other) => Err(wrong_type(
            name,
            "one of a string or array of strings",
            &other,
        )),
    }
}
