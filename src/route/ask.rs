//! What a walk must know of a request. `proxy` fills it in from the body, the headers and the key.

use std::sync::Arc;

use serde_json::Value;

use crate::base::Fault;

/// A request, as far as routing cares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ask {
    /// The model the client named.
    pub model: Arc<str>,
    /// Its tags, binding ones and others.
    pub tags: Vec<String>,
    /// The request's own `fallbacks`; they replace the configured ones.
    pub fallbacks: Option<AskedFallbacks>,
    /// The request's own `context_window_fallbacks`.
    pub context_window_fallbacks: Option<AskedFallbacks>,
    /// `disable_fallbacks`
    pub disable_fallbacks: bool,
    /// The request's own `num_retries` (body or `x-litellm-num-retries`).
    pub num_retries: Option<u32>,
    /// The request's own `max_fallbacks`.
    pub max_fallbacks: Option<u32>,
    /// Prompt tokens, estimated; 0 when unknown. For `tpm` limits.
    pub tokens: u64,
    /// Whether a stream was asked for.
    pub stream: bool,
}

/// Fallbacks a request brings along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskedFallbacks {
    /// `[{"gpt-4": ["a", "b"]}, {"*": ["c"]}]`: as in the config.
    Maps(Vec<(String, Vec<String>)>),
    /// `["a", "b"]` or `[{"model": "a", "temperature": 0}]`: in order, for any model and any fault.
    /// The members of an object are overrides for that try ([`Try::hop`](super::Try::hop)).
    List(Vec<String>),
}

impl AskedFallbacks {
    /// Reads the member `name` of a request body; any of the forms above, or one string.
    pub fn parse(name: &str, value: &Value) -> Result<Self, Fault> {
        let wrong = || {
            let message = format!(
                "`{name}` must be a list of model names, of objects with a `model`, or of maps \
                 from a model to a list of models"
            );
            Fault::invalid(message).param(name)
        };
        if let Value::String(model) = value {
            return Ok(Self::List(vec![model.clone()]));
        }
        let entries = value.as_array().ok_or_else(wrong)?;
        let as_hops: Option<Vec<String>> = entries.iter().map(hop).collect();
        if let Some(hops) = as_hops {
            return Ok(Self::List(hops));
        }
        let maps: Option<Vec<_>> = entries.iter().map(map).collect();
        let maps = maps.ok_or_else(wrong)?;
        Ok(Self::Maps(maps.into_iter().flatten().collect()))
    }

    /// The targets for the first of these names that has some.
    pub(super) fn of(&self, names: &[&str]) -> Option<&[String]> {
        match self {
            Self::List(list) => Some(list),
            Self::Maps(maps) => {
                let find = |name: &str| maps.iter().find(|(from, _)| from == name);
                let own = names.iter().find_map(|name| find(name));
                own.or_else(|| find("*")).map(|(_, to)| &**to)
            },
        }
    }
}

/// `"a"` or `{"model": "a", …}`.
fn hop(entry: &Value) -> Option<String> {
    let model = match entry {
        Value::String(model) => Some(model.as_str()),
        Value::Object(members) => members.get("model").and_then(Value::as_str),
        _ => None,
    };
    model.map(ToOwned::to_owned)
}

/// `{"a": ["b", "c"]}`, one key or several.
fn map(entry: &Value) -> Option<Vec<(String, Vec<String>)>> {
    let one = |(from, to): (&String, &Value)| -> Option<(String, Vec<String>)> {
        let to = match to {
            Value::String(model) => vec![model.clone()],
            Value::Array(models) => models.iter().map(hop).collect::<Option<Vec<_>>>()?,
            _ => return None,
        };
        Some((from.clone(), to))
    };
    entry.as_object()?.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_forms_are_read() {
        let list = AskedFallbacks::List(vec!["a".into(), "b".into()]);
        let maps = AskedFallbacks::Maps(vec![
            ("a".into(), vec!["b".into(), "c".into()]),
            ("*".into(), vec!["d".into()]),
        ]);
        let one = AskedFallbacks::List(vec!["a".into()]);
        let table = [
            (json!(["a", "b"]), list.clone()),
            (
                json!([{"model": "a", "temperature": 0}, {"model": "b"}]),
                list.clone(),
            ),
            (json!(["a", {"model": "b"}]), list),
            (json!([{"a": ["b", "c"]}, {"*": ["d"]}]), maps.clone()),
            (json!([{"a": ["b", "c"], "*": "d"}]), maps),
            (json!("a"), one),
            (json!([]), AskedFallbacks::List(Vec::new())),
        ];
        for (value, expected) in table {
            assert_eq!(
                AskedFallbacks::parse("fallbacks", &value).unwrap(),
                expected
            );
        }
        for value in [
            json!(1),
            json!([1]),
            json!({"a": ["b"]}),
            json!([{"a": 1}]),
            json!([["a"]]),
        ] {
            let fault = AskedFallbacks::parse("fallbacks", &value).unwrap_err();
            assert_eq!(fault.param.as_deref(), Some("fallbacks"), "{value}");
        }
    }

    #[test]
    fn maps_are_looked_up_by_name_then_any() {
        let value = json!([{"a": ["b"]}, {"*": ["d"]}]);
        let maps = AskedFallbacks::parse("fallbacks", &value).unwrap();
        assert_eq!(maps.of(&["x", "a"]).unwrap(), ["b"]);
        assert_eq!(maps.of(&["x"]).unwrap(), ["d"]);
    }
}
