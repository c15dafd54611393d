//! Ollama's native API, worded as version 0.33 does.

use serde_json::{Value, json};

use super::{PROMPT_TOKENS, tokens, words};
use crate::support::reply::Reply;
use crate::support::upstream::Recorded;

/// Answers `/api/chat` and `/api/embed`, plain or streamed, always with the same text.
pub fn server(text: &str) -> impl Fn(&Recorded) -> Reply + Send + Sync + 'static + use<> {
    let text = text.to_owned();
    move |request| {
        let body = request.json();
        let model = body["model"].as_str().unwrap_or("none").to_owned();
        match request.path.as_str() {
            "/api/embed" => {
                let n = body["input"].as_array().map_or(1, Vec::len);
                Reply::json(200, &embed(&model, n))
            },
            "/api/chat" if request.wants_stream() => {
                Reply::ndjson().chunks(stream(&model, &text)).end()
            },
            "/api/chat" => Reply::json(200, &chat(&model, &text)),
            _ => Reply::body(404, "text/plain", "404 page not found"),
        }
    }
}

/// A whole chat answer.
pub fn chat(model: &str, text: &str) -> Value {
    let mut answer = last(model, "stop", tokens(text));
    answer["message"]["content"] = text.into();
    answer
}

/// A whole answer that calls one tool: arguments are an object, the reason stays `stop`.
pub fn tool_call(model: &str, name: &str, arguments: &Value) -> Value {
    let mut answer = last(model, "stop", 7);
    answer["message"]["tool_calls"] = json!([{"function": {"name": name, "arguments": arguments}}]);
    answer
}

/// The lines of a streamed text; the last one carries the numbers.
pub fn stream(model: &str, text: &str) -> Vec<String> {
    let mut lines: Vec<String> = words(text)
        .iter()
        .map(|word| format!("{}\n", part(model, word)))
        .collect();
    lines.push(format!("{}\n", last(model, "stop", tokens(text))));
    lines
}

/// The line that ends a stream whose engine died: the status was 200 already.
pub fn error_line() -> String {
    let text = "an error was encountered while running the model: unexpected EOF";
    format!("{}\n", json!({ "error": text }))
}

/// An error answer.
pub fn error(status: u16, message: &str) -> Reply {
    Reply::json(status, &json!({ "error": message }))
}

/// What a cold Ollama says when too many wait for the model to load.
pub fn busy() -> Reply {
    error(
        503,
        "server busy, please try again.  maximum pending requests exceeded",
    )
}

fn embed(model: &str, n: usize) -> Value {
    let vectors = vec![json!([0.25, -0.5, 1.0]); n];
    json!({"model": model, "embeddings": vectors, "total_duration": 14_143_917,
        "load_duration": 1_019_500, "prompt_eval_count": n})
}

fn part(model: &str, text: &str) -> Value {
    json!({"model": model, "created_at": "2026-11-20T23:28:54.138086269Z",
        "message": {"role": "assistant", "content": text}, "done": false})
}

fn last(model: &str, reason: &str, completion: usize) -> Value {
    let mut line = part(model, "");
    line["done"] = true.into();
    line["done_reason"] = reason.into();
    line["total_duration"] = 12_850_696.into();
    line["load_duration"] = 941_063.into();
    line["prompt_eval_count"] = PROMPT_TOKENS.into();
    line["prompt_eval_duration"] = 1_075_000.into();
    line["eval_count"] = completion.into();
    line["eval_duration"] = 6_253_000.into();
    line
}
