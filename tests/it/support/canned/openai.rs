//! OpenAI's API as OpenAI, vLLM and llama.cpp answer it.

use serde_json::{Value, json};

use super::{PROMPT_TOKENS, tokens, words};
use crate::support::reply::Reply;
use crate::support::upstream::Recorded;

/// Answers chat, completions and embeddings, plain or streamed, always with the same text.
pub fn server(text: &str) -> impl Fn(&Recorded) -> Reply + Send + Sync + 'static + use<> {
    let text = text.to_owned();
    move |request| {
        let body = request.json();
        let model = body["model"].as_str().unwrap_or("none").to_owned();
        if request.path.ends_with("/embeddings") {
            let n = body["input"].as_array().map_or(1, Vec::len);
            return Reply::json(200, &embeddings(&model, n));
        }
        if !request.path.ends_with("/completions") {
            return error(404, "invalid_request_error", "no such path");
        }
        let usage = body["stream_options"]["include_usage"] == true;
        if request.wants_stream() {
            Reply::sse().chunks(stream(&model, &text, usage)).end()
        } else {
            Reply::json(200, &chat(&model, &text))
        }
    }
}

/// A whole `chat.completion`.
pub fn chat(model: &str, text: &str) -> Value {
    json!({
        "id": "chatcmpl-2KwICaVvccDKrXMinLpM5QwK7iohp2sI", "object": "chat.completion",
        "created": 1_795_217_684, "model": model, "system_fingerprint": "fp_44709d6fcb",
        "choices": [{"index": 0, "finish_reason": "stop", "logprobs": null,
            "message": {"role": "assistant", "content": text}}],
        "usage": usage(tokens(text)),
    })
}

/// A whole answer that calls one tool.
pub fn tool_call(model: &str, name: &str, arguments: &Value) -> Value {
    let mut answer = chat(model, "");
    answer["choices"][0]["finish_reason"] = "tool_calls".into();
    answer["choices"][0]["message"] = json!({"role": "assistant", "content": null,
        "tool_calls": [{"id": "call_abc123", "type": "function",
            "function": {"name": name, "arguments": arguments.to_string()}}]});
    answer
}

/// The frames of a streamed text: role, words, finish, usage when asked for, `[DONE]`.
pub fn stream(model: &str, text: &str, with_usage: bool) -> Vec<String> {
    let mut frames = vec![delta(model, &json!({"role": "assistant", "content": ""}))];
    frames.extend(
        words(text)
            .iter()
            .map(|word| delta(model, &json!({"content": word}))),
    );
    frames.push(finish(model, "stop"));
    if with_usage {
        let mut last = chunk(model);
        last["usage"] = usage(tokens(text));
        frames.push(frame(&last));
    }
    frames.push(done());
    frames
}

/// The frames of a streamed tool call, its arguments in pieces of `size` bytes.
pub fn tool_stream(model: &str, name: &str, arguments: &str, size: usize) -> Vec<String> {
    let call = |call: Value| delta(model, &json!({"tool_calls": [call]}));
    let mut frames = vec![call(
        json!({"index": 0, "id": "call_abc123", "type": "function",
        "function": {"name": name, "arguments": ""}}),
    )];
    let letters: Vec<char> = arguments.chars().collect();
    frames.extend(letters.chunks(size).map(|piece| {
        let piece: String = piece.iter().collect();
        call(json!({"index": 0, "function": {"arguments": piece}}))
    }));
    frames.push(finish(model, "tool_calls"));
    frames.push(done());
    frames
}

/// One frame with that delta.
pub fn delta(model: &str, delta: &Value) -> String {
    let mut chunk = chunk(model);
    chunk["choices"] = json!([{"index": 0, "delta": delta, "finish_reason": null}]);
    frame(&chunk)
}

/// The frame with the finish reason.
pub fn finish(model: &str, reason: &str) -> String {
    let mut chunk = chunk(model);
    chunk["choices"] = json!([{"index": 0, "delta": {}, "finish_reason": reason}]);
    frame(&chunk)
}

/// `data: [DONE]`.
pub fn done() -> String {
    "data: [DONE]\n\n".to_owned()
}

/// A whole embeddings answer with `n` short vectors.
pub fn embeddings(model: &str, n: usize) -> Value {
    let data: Vec<Value> = (0..n)
        .map(|i| json!({"object": "embedding", "index": i, "embedding": [0.25, -0.5, 1.0]}))
        .collect();
    json!({"object": "list", "model": model, "data": data,
        "usage": {"prompt_tokens": n, "total_tokens": n}})
}

/// An error answer.
pub fn error(status: u16, kind: &str, message: &str) -> Reply {
    let error = json!({"message": message, "type": kind, "param": null, "code": null});
    Reply::json(status, &json!({ "error": error }))
}

/// 429 with `Retry-After` in seconds.
pub fn rate_limited(retry_after: u32) -> Reply {
    error(
        429,
        "rate_limit_exceeded",
        "Rate limit reached for requests",
    )
    .header("retry-after", &retry_after.to_string())
}

/// `usage` for so many completion tokens.
pub fn usage(completion: usize) -> Value {
    json!({"prompt_tokens": PROMPT_TOKENS, "completion_tokens": completion,
        "total_tokens": PROMPT_TOKENS + completion})
}

fn chunk(model: &str) -> Value {
    json!({"id": "chatcmpl-2KwICaVvccDKrXMinLpM5QwK7iohp2sI", "object": "chat.completion.chunk",
        "created": 1_795_217_684, "model": model, "system_fingerprint": "fp_44709d6fcb",
        "choices": []})
}

fn frame(value: &Value) -> String {
    format!("data: {value}\n\n")
}
