//! How a form of answer is asked of Anthropic: natively by a schema, or by a tool that must be called.
//!
//! The native way takes a part of JSON Schema only: each object closed, no recursion, no limits on
//! numbers and lengths. A schema is rewritten where the result still fits the client's; where it would
//! not, the tool `json_tool_call` takes the schema as it is and its arguments are the answer's text.

use serde_json::{Map, Value, json};

use super::model::Model;
use crate::wire::neutral::Format;

/// Keywords the native way refuses; they move into the description, where the model still reads them.
const LIMITS: [&str; 16] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "uniqueItems",
    "contains",
    "minProperties",
    "maxProperties",
    "patternProperties",
    "propertyNames",
];

/// Keywords whose meaning no rewriting keeps.
const BEYOND: [&str; 8] = [
    "not",
    "if",
    "then",
    "else",
    "dependentSchemas",
    "dependentRequired",
    "unevaluatedProperties",
    "prefixItems",
];

/// The way a form is asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Way {
    /// `output_config.format` with this schema.
    Native(Value),
    /// The tool `json_tool_call` with this schema.
    Tool(Value),
}

/// Chooses the way for a model.
pub(super) fn way(format: &Format, model: Model) -> Way {
    match format {
        Format::Json => Way::Tool(json!({
            "type": "object", "properties": {}, "additionalProperties": true,
        })),
        Format::Schema { schema, .. } => match closed(schema) {
            Some(closed) if model.has_formats() && !is_recursive(schema) => Way::Native(closed),
            _ => Way::Tool(object_schema(schema)),
        },
    }
}

/// A schema as `input_schema` takes it: it must say that it is an object's.
pub(super) fn object_schema(schema: &Value) -> Value {
    let mut schema = schema.as_object().cloned().unwrap_or_default();
    if schema.get("type").and_then(Value::as_str) != Some("object") {
        let composed = ["anyOf", "oneOf", "allOf", "$ref"]
            .iter()
            .any(|name| schema.contains_key(*name));
        schema.insert("type".to_owned(), "object".into());
        if !composed {
            schema
                .entry("properties")
                .or_insert_with(|| Map::new().into());
        }
    }
    schema.into()
}

/// The schema with every object closed and its limits told in words; `None` where that is not the
/// same any more.
fn closed(schema: &Value) -> Option<Value> {
    let Value::Object(members) = schema else {
        return None;
    };
    if BEYOND.iter().any(|name| members.contains_key(*name)) {
        return None;
    }
    let mut result = Map::new();
    let mut limits = Vec::new();
    for (name, value) in members {
        match name.as_str() {
            "$schema" | "$id" | "title" | "examples" | "strict" => {},
            name if LIMITS.contains(&name) => limits.push(format!("{name}: {value}")),
            "oneOf" | "anyOf" => {
                result.insert("anyOf".to_owned(), each_closed(value)?);
            },
            "allOf" => {
                result.insert("allOf".to_owned(), each_closed(value)?);
            },
            "items" => {
                result.insert("items".to_owned(), closed(value)?);
            },
            "properties" | "$defs" | "definitions" => {
                let inner = value.as_object()?.iter();
                let inner: Option<Map<_, _>> = inner
                    .map(|(name, value)| Some((name.clone(), closed(value)?)))
                    .collect();
                result.insert(name.clone(), inner?.into());
            },
            "additionalProperties" if value != false => return None,
            _ => {
                result.insert(name.clone(), value.clone());
            },
        }
    }
    let is_object =
        members.contains_key("properties") || members.get("type").is_some_and(is_object_type);
    if is_object {
        members.get("properties")?;
        result.insert("additionalProperties".to_owned(), false.into());
    }
    if !limits.is_empty() {
        let said = members
            .get("description")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let gap = if said.is_empty() { "" } else { " " };
        result.insert(
            "description".to_owned(),
            format!("{said}{gap}({})", limits.join(", ")).into(),
        );
    }
    Some(result.into())
}

fn each_closed(list: &Value) -> Option<Value> {
    let list: Option<Vec<Value>> = list.as_array()?.iter().map(closed).collect();
    Some(list?.into())
}

fn is_object_type(kind: &Value) -> bool {
    kind == "object"
        || kind
            .as_array()
            .is_some_and(|kinds| kinds.iter().any(|kind| kind == "object"))
}

/// Whether a definition refers to any other, or the root to itself: that may be a circle.
fn is_recursive(schema: &Value) -> bool {
    let definitions = ["$defs", "definitions"]
        .iter()
        .filter_map(|name| schema.get(name));
    let mut bodies = definitions
        .filter_map(Value::as_object)
        .flat_map(Map::values);
    bodies.any(|body| refers(body, &|_| true)) || refers(schema, &|target| target == "#")
}

fn refers(schema: &Value, counts: &impl Fn(&str) -> bool) -> bool {
    match schema {
        Value::Object(members) => members.iter().any(|(name, value)| {
            (name == "$ref" && value.as_str().is_some_and(counts)) || refers(value, counts)
        }),
        Value::Array(items) => items.iter().any(|item| refers(item, counts)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(schema: Value) -> Format {
        Format::Schema {
            name: None,
            schema,
            strict: None,
        }
    }

    #[test]
    fn a_plain_schema_goes_natively_where_the_model_knows_it() {
        let format = schema(json!({
            "$schema": "x", "type": "object", "required": ["n"],
            "properties": {
                "n": {"type": "integer", "minimum": 1, "description": "how many"},
                "o": {"oneOf": [{"type": "null"}, {"type": "object", "properties": {}}]},
            },
        }));
        let expected = json!({
            "type": "object", "required": ["n"],
            "properties": {
                "n": {"type": "integer", "description": "how many (minimum: 1)"},
                "o": {"anyOf": [{"type": "null"},
                    {"type": "object", "properties": {}, "additionalProperties": false}]},
            },
            "additionalProperties": false,
        });
        assert_eq!(
            way(&format, Model::of("claude-sonnet-4-5")),
            Way::Native(expected)
        );
        assert!(matches!(
            way(&format, Model::of("claude-3-5-haiku")),
            Way::Tool(_)
        ));
        assert!(matches!(
            way(&format, Model::of("deepseek-chat")),
            Way::Tool(_)
        ));
    }

    #[test]
    fn what_cannot_be_closed_goes_by_the_tool_unchanged() {
        let cases = [
            json!({"type": "object", "properties": {}, "additionalProperties": {"type": "string"}}),
            json!({"type": "object"}),
            json!({"type": "object", "properties": {"a": {"not": {"type": "null"}}}}),
            json!({"type": "object", "properties": {"next": {"$ref": "#"}}}),
            json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}},
                "$defs": {"a": {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}}}}),
        ];
        for case in cases {
            let way = way(&schema(case.clone()), Model::of("claude-opus-4-6"));
            assert_eq!(way, Way::Tool(case));
        }
    }

    #[test]
    fn a_tools_schema_is_always_an_objects() {
        assert_eq!(
            object_schema(&json!({})),
            json!({"type": "object", "properties": {}})
        );
        assert_eq!(
            object_schema(&Value::Null),
            json!({"type": "object", "properties": {}})
        );
        let whole = json!({"type": "object", "properties": {"a": {}}});
        assert_eq!(object_schema(&whole), whole);
    }
}
