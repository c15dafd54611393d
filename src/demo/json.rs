//! Values that fit a JSON schema: for tool arguments and for answers in JSON mode.

use fastrand::Rng;
use serde_json::{Map, Value, json};

use crate::demo::text;

/// How deep a schema is followed; below, everything is `null`.
const DEPTH: u32 = 6;

/// A value that fits `schema`. Anything goes where the schema says nothing.
pub(crate) fn fitting(schema: &Value, about: &str, rng: &mut Rng) -> Value {
    value(schema, about, rng, DEPTH)
}

/// An object as a model makes one up when it is only told "answer in JSON".
pub(crate) fn free(about: &str, rng: &mut Rng) -> Value {
    json!({
        "summary": text::phrase(rng, about),
        "category": text::name(rng),
        "confidence": f64::from(rng.u32(60..99)) / 100.0,
    })
}

fn value(schema: &Value, about: &str, rng: &mut Rng, depth: u32) -> Value {
    if depth == 0 {
        return Value::Null;
    }
    if let Some(fixed) = schema.get("const") {
        return fixed.clone();
    }
    if let Some(choices) = schema.get("enum").and_then(Value::as_array) {
        return pick(choices, rng).cloned().unwrap_or_default();
    }
    for key in ["anyOf", "oneOf", "allOf"] {
        if let Some(choices) = schema.get(key).and_then(Value::as_array)
            && let Some(choice) = choices.first()
        {
            return value(choice, about, rng, depth - 1);
        }
    }
    match kind(schema) {
        "object" => object(schema, about, rng, depth),
        "array" => {
            let items = schema.get("items").unwrap_or(&Value::Null);
            let n_items = rng.u32(1..4);
            (0..n_items)
                .map(|_| value(items, about, rng, depth - 1))
                .collect()
        },
        "integer" => json!(rng.u32(1..100)),
        "number" => json!(f64::from(rng.u32(10..1000)) / 10.0),
        "boolean" => json!(rng.bool()),
        "null" => Value::Null,
        _ => json!(text::phrase(rng, about)),
    }
}

/// The schema's type; of several the first.
fn kind(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(word)) => word,
        Some(Value::Array(words)) => words.first().and_then(Value::as_str).unwrap_or(""),
        _ if schema.get("properties").is_some() => "object",
        _ => "",
    }
}

fn object(schema: &Value, about: &str, rng: &mut Rng, depth: u32) -> Value {
    let mut made = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, property) in properties.into_iter().flatten() {
        made.insert(name.clone(), value(property, about, rng, depth - 1));
    }
    Value::Object(made)
}

fn pick<'a>(choices: &'a [Value], rng: &mut Rng) -> Option<&'a Value> {
    (!choices.is_empty()).then(|| &choices[rng.usize(0..choices.len())])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::seed;

    #[test]
    fn every_property_is_there_with_its_type() {
        let schema = json!({"type": "object", "properties": {
            "city": {"type": "string"}, "days": {"type": "integer"}, "units": {"enum": ["C", "F"]},
            "list": {"type": "array", "items": {"type": "boolean"}}, "maybe": {"type": ["number", "null"]}}});
        let made = fitting(&schema, "weather", &mut seed::stream(1, "json", 0));
        assert!(made["city"].is_string() && made["days"].is_u64() && made["maybe"].is_f64());
        assert!(["C", "F"].contains(&made["units"].as_str().unwrap()));
        assert!(
            made["list"]
                .as_array()
                .unwrap()
                .iter()
                .all(Value::is_boolean)
        );
    }

    #[test]
    fn a_schema_without_end_ends() {
        let mut schema = json!({"type": "string"});
        for _ in 0..50 {
            schema = json!({"type": "array", "items": schema});
        }
        assert!(fitting(&schema, "", &mut seed::stream(1, "json", 1)).is_array());
        assert!(fitting(&Value::Null, "", &mut seed::stream(1, "json", 2)).is_string());
    }
}
