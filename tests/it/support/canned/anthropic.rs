//! Anthropic's Messages API.

use serde_json::{Value, json};

use super::{PROMPT_TOKENS, tokens, words};
use crate::support::reply::Reply;
use crate::support::upstream::Recorded;

/// Answers `/v1/messages`, plain or streamed, and `/v1/messages/count_tokens`.
pub fn server(text: &str) -> impl Fn(&Recorded) -> Reply + Send + Sync + 'static + use<> {
    let text = text.to_owned();
    move |request| {
        let body = request.json();
        let model = body["model"].as_str().unwrap_or("none").to_owned();
        match request.path.split('?').next().unwrap_or_default() {
            "/v1/messages/count_tokens" => {
                Reply::json(200, &json!({ "input_tokens": PROMPT_TOKENS }))
            },
            "/v1/messages" if request.wants_stream() => {
                Reply::sse().chunks(stream(&model, &text)).end()
            },
            "/v1/messages" => Reply::json(200, &message(&model, &text)),
            _ => error(404, "not_found_error", "Not Found"),
        }
    }
}

/// A whole message.
pub fn message(model: &str, text: &str) -> Value {
    json!({"id": "msg_013Zva2CMHLNnXjNJJKqJ2EF", "type": "message", "role": "assistant",
        "model": model, "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn", "stop_sequence": null,
        "usage": {"input_tokens": PROMPT_TOKENS, "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0, "output_tokens": tokens(text)}})
}

/// A whole message that calls one tool.
pub fn tool_use(model: &str, name: &str, input: &Value) -> Value {
    let mut message = message(model, "");
    message["content"] = json!([{"type": "tool_use", "id": "toolu_01A09q90qw90lq917835lq9", "name": name,
            "input": input}]);
    message["stop_reason"] = "tool_use".into();
    message
}

/// The events of a streamed text.
pub fn stream(model: &str, text: &str) -> Vec<String> {
    let mut start = message(model, "");
    start["content"] = json!([]);
    start["stop_reason"] = Value::Null;
    start["usage"]["output_tokens"] = 1.into();
    let block = json!({"type": "text", "text": ""});
    let mut events = vec![
        event(&json!({"type": "message_start", "message": start})),
        event(&json!({"type": "content_block_start", "index": 0, "content_block": block})),
        event(&json!({"type": "ping"})),
    ];
    events.extend(words(text).iter().map(|word| text_delta(word)));
    events.push(event(&json!({"type": "content_block_stop", "index": 0})));
    events.push(event(&json!({"type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": null},
        "usage": {"output_tokens": tokens(text)}})));
    events.push(event(&json!({"type": "message_stop"})));
    events
}

/// One event with a piece of text.
pub fn text_delta(text: &str) -> String {
    event(&json!({"type": "content_block_delta", "index": 0,
        "delta": {"type": "text_delta", "text": text}}))
}

/// The event that says the stream broke.
pub fn error_event(kind: &str, message: &str) -> String {
    event(&json!({"type": "error", "error": {"type": kind, "message": message}}))
}

/// An error answer; 529 `overloaded_error` is Anthropic's own.
pub fn error(status: u16, kind: &str, message: &str) -> Reply {
    let error = json!({"type": kind, "message": message});
    Reply::json(
        status,
        &json!({"type": "error", "error": error, "request_id": "req_011CSHoEeqs5"}),
    )
}

fn event(value: &Value) -> String {
    format!(
        "event: {}\ndata: {value}\n\n",
        value["type"].as_str().unwrap_or_default()
    )
}
