//! Assertions on JSON and on streams, with messages that say where.

use serde_json::Value;

use super::sse::Frame;

/// Everything in `wanted` is in `actual`: objects may have more members, arrays must match in
/// length, everything else must be equal.
#[track_caller]
pub fn contains(actual: &Value, wanted: &Value) {
    if let Some(difference) = difference(actual, wanted, "$") {
        assert_eq!(difference, "", "\nin {actual:#}");
    }
}

fn difference(actual: &Value, wanted: &Value, at: &str) -> Option<String> {
    match (actual, wanted) {
        (Value::Object(actual), Value::Object(wanted)) => {
            wanted
                .iter()
                .find_map(|(name, wanted)| match actual.get(name) {
                    Some(actual) => difference(actual, wanted, &format!("{at}.{name}")),
                    None => Some(format!("{at}.{name} is missing")),
                })
        },
        (Value::Array(actual), Value::Array(wanted)) if actual.len() == wanted.len() => {
            let pairs = actual.iter().zip(wanted).enumerate();
            pairs
                .into_iter()
                .find_map(|(i, (actual, wanted))| difference(actual, wanted, &format!("{at}[{i}]")))
        },
        _ if actual == wanted => None,
        _ => Some(format!("{at} is {actual}, not {wanted}")),
    }
}

/// The text of an OpenAI stream, in either chat or text completion form.
pub fn openai_text(frames: &[Frame]) -> String {
    openai_choices(frames)
        .iter()
        .filter_map(|choice| {
            choice["delta"]["content"]
                .as_str()
                .or_else(|| choice["text"].as_str())
        })
        .collect()
}

/// The finish reasons of an OpenAI stream, in order.
pub fn openai_finish(frames: &[Frame]) -> Vec<String> {
    let choices = openai_choices(frames);
    choices
        .iter()
        .filter_map(|choice| choice["finish_reason"].as_str())
        .map(String::from)
        .collect()
}

fn openai_choices(frames: &[Frame]) -> Vec<Value> {
    json_frames(frames)
        .flat_map(|chunk| chunk["choices"].as_array().cloned().unwrap_or_default())
        .collect()
}

/// The text of an Anthropic stream.
pub fn anthropic_text(frames: &[Frame]) -> String {
    json_frames(frames)
        .filter_map(|e| e["delta"]["text"].as_str().map(String::from))
        .collect()
}

/// The `event:` names of a stream, in order.
pub fn events(frames: &[Frame]) -> Vec<&str> {
    frames
        .iter()
        .filter_map(|frame| frame.event.as_deref())
        .collect()
}

/// An OpenAI stream that ended well: exactly one `[DONE]`, and as the last frame.
#[track_caller]
pub fn ends_with_done(frames: &[Frame]) {
    let done = frames.iter().filter(|frame| frame.is_done()).count();
    assert_eq!(done, 1, "{frames:#?}");
    assert!(frames.last().is_some_and(Frame::is_done), "{frames:#?}");
}

fn json_frames(frames: &[Frame]) -> impl Iterator<Item = Value> {
    frames
        .iter()
        .filter(|frame| frame.data.is_some() && !frame.is_done())
        .map(Frame::json)
}

#[test]
fn differences_name_their_place() {
    use serde_json::json;
    let actual = json!({"a": [{"b": 1, "c": 2}], "d": null});
    let cases = [
        (json!({"a": [{"b": 1}]}), None),
        (json!({"d": null}), None),
        (json!({"a": [{"b": 2}]}), Some("$.a[0].b is 1, not 2")),
        (json!({"x": null}), Some("$.x is missing")),
        (json!({"a": []}), Some("$.a is [{\"b\":1,\"c\":2}], not []")),
    ];
    for (wanted, expected) in cases {
        assert_eq!(difference(&actual, &wanted, "$").as_deref(), expected);
    }
}
