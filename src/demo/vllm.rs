//! A vLLM server as version 0.32 answers: chat completions plain and streamed, models, health, and
//! its refusals. Stopped in the middle of a stream, it says `abort` and `[DONE]` as the real one does.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::demo::answer::End;
use crate::demo::ask::Ask;
use crate::demo::play::Score;
use crate::demo::profile::Model;
use crate::demo::reply::{Call, Desk, Luck, Reply, Told};
use crate::demo::text;

/// The build it names.
const FINGERPRINT: &str = "vllm-0.32.0-8d74bb8b";

/// Answers one call.
pub(crate) fn answer(call: &Call, desk: &mut Desk<'_>) -> Reply {
    let reply = match (call.method.as_str(), call.path.as_str()) {
        ("GET", "/health") => Reply::whole(200, "", ""),
        ("GET", "/version") => Reply::json(200, &json!({"version": "0.32.0"})),
        ("GET", "/v1/models") => models(desk),
        ("POST", "/v1/chat/completions") => chat(call, desk),
        (_, "/health" | "/version" | "/v1/models" | "/v1/chat/completions") => {
            Reply::json(405, &json!({"detail": "Method Not Allowed"}))
        },
        _ => Reply::json(404, &json!({"detail": "Not Found"})),
    };
    reply.with("server", "uvicorn")
}

fn refuse(status: u16, kind: &str, message: &str, param: Option<&str>) -> Reply {
    Reply::json(
        status,
        &json!({"error": {"message": message, "type": kind, "param": param, "code": status}}),
    )
}

fn models(desk: &Desk<'_>) -> Reply {
    let created = desk.wall.as_secs();
    let data: Vec<Value> = desk
        .profile
        .models
        .iter()
        .map(|model| {
            json!({"id": model.name, "object": "model", "created": created, "owned_by": "vllm",
            "root": model.name, "parent": null, "max_model_len": model.window})
        })
        .collect();
    Reply::json(200, &json!({"object": "list", "data": data}))
}

fn chat(call: &Call, desk: &mut Desk<'_>) -> Reply {
    let Some(body) = call.json().filter(Value::is_object) else {
        return refuse(
            400,
            "Bad Request",
            "[{'type': 'json_invalid', 'msg': 'JSON decode error'}]",
            None,
        );
    };
    let mut ask = Ask::openai(&body);
    // Without a name it serves the first model it has.
    let found = if ask.model.is_empty() {
        desk.profile.models.first()
    } else {
        desk.profile.model(&ask.model)
    };
    let Some(model) = found else {
        let aliases: Vec<_> = desk.profile.models.iter().map(|model| model.name).collect();
        let message = format!(
            "The model `{}` does not exist. Valid aliases: {}.",
            ask.model,
            aliases.join(", ")
        );
        return refuse(404, "NotFoundError", &message, Some("model"));
    };
    model.name.clone_into(&mut ask.model);
    if ask.n_messages == 0 {
        return refuse(
            400,
            "BadRequestError",
            "Field required: messages",
            Some("messages"),
        );
    }
    if ask.prompt_tokens >= model.window {
        return too_long(&ask, model);
    }
    let told = desk.tell(&ask, model, ask.prompt_tokens, false);
    match told.luck {
        Luck::Internal => {
            let wait = told.first();
            refuse(
                500,
                "InternalServerError",
                "EngineCore encountered an issue. See stack trace for the root cause.",
                None,
            )
            .computed(wait)
        },
        _ if ask.stream => streamed(&ask, told, desk),
        _ => plain(&ask, told, desk),
    }
}

fn too_long(ask: &Ask, model: &Model) -> Reply {
    let (window, tokens) = (model.window, ask.prompt_tokens);
    let message = format!(
        "This model's maximum context length is {window} tokens. However, you requested 0 \
        output tokens and your prompt contains {tokens} input tokens, for a total of {tokens} tokens. Please \
        reduce the length of the input prompt or the number of requested output tokens. \
        (parameter=input_tokens, value={tokens})"
    );
    refuse(400, "BadRequestError", &message, Some("input_tokens"))
}

const fn reason(end: End) -> &'static str {
    match end {
        End::Stop => "stop",
        End::Length => "length",
        End::Call => "tool_calls",
    }
}

fn plain(ask: &Ask, mut told: Told, desk: &mut Desk<'_>) -> Reply {
    let wait = told.total();
    let spoken = told.answer.tokens();
    let details = json!({"reasoning_tokens": told.answer.thought_tokens()});
    let thoughts = told.answer.thoughts.concat();
    let mut message = json!({"role": "assistant", "content": told.answer.pieces.concat(), "refusal": null,
        "annotations": null, "audio": null, "function_call": null,
        "reasoning": (!thoughts.is_empty()).then_some(thoughts)});
    if let Some((name, arguments)) = &told.answer.call {
        message["content"] = Value::Null;
        message["tool_calls"] = json!([{"id": format!("chatcmpl-tool-{}", desk.hex(16)), "type": "function",
            "function": {"name": name, "arguments": arguments.to_string()}}]);
    }
    let body = json!({
        "id": format!("chatcmpl-{}", desk.hex(16)), "object": "chat.completion", "created": desk.wall.as_secs(),
        "model": ask.model,
        "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": reason(told.answer.end),
            "stop_reason": null, "token_ids": null}],
        "service_tier": null, "system_fingerprint": FINGERPRINT,
        "usage": {"prompt_tokens": told.prompt, "total_tokens": told.prompt + spoken, "completion_tokens": spoken,
            "prompt_tokens_details": null,
            "completion_tokens_details": details},
        "prompt_logprobs": null, "kv_transfer_params": null,
    });
    Reply::json(200, &body).computed(wait)
}

fn streamed(ask: &Ask, mut told: Told, desk: &mut Desk<'_>) -> Reply {
    let id = format!("chatcmpl-{}", desk.hex(16));
    let created = desk.wall.as_secs();
    let chunk = |choices: Value| {
        json!({"id": id, "object": "chat.completion.chunk", "created": created,
        "model": ask.model, "choices": choices})
    };
    let delta = |delta: Value, finish: Option<&str>| {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish, "token_ids": null});
        event(&chunk(json!([choice])))
    };
    let spoken = told.answer.tokens();
    let details = json!({"reasoning_tokens": told.answer.thought_tokens()});
    let mut score = Score::default();
    score.push(
        told.first(),
        delta(json!({"role": "assistant", "content": ""}), None),
    );
    for piece in std::mem::take(&mut told.answer.thoughts) {
        score.push(told.rhythm.next(), delta(json!({"reasoning": piece}), None));
    }
    if let Some((name, arguments)) = told.answer.call.take() {
        let call = json!({"id": format!("chatcmpl-tool-{}", desk.hex(16)), "type": "function", "index": 0,
            "function": {"name": name}});
        score.push(
            told.rhythm.next(),
            delta(json!({"content": null, "tool_calls": [call]}), None),
        );
        let mut pieces = Vec::new();
        text::cut(&arguments.to_string(), &mut pieces);
        for piece in pieces {
            let part = json!({"index": 0, "function": {"arguments": piece}});
            score.push(
                told.rhythm.next(),
                delta(json!({"content": null, "tool_calls": [part]}), None),
            );
        }
        score.push(told.rhythm.next(), delta(json!({}), Some("tool_calls")));
    } else {
        // The reason rides on the last piece.
        let pieces = &told.answer.pieces;
        for (place, piece) in pieces.iter().enumerate() {
            let last = (place + 1 == pieces.len()).then(|| reason(told.answer.end));
            score.push(told.rhythm.next(), delta(json!({"content": piece}), last));
        }
        if pieces.is_empty() {
            score.push(
                Duration::ZERO,
                delta(json!({}), Some(reason(told.answer.end))),
            );
        }
    }
    if ask.include_usage {
        let mut last = chunk(json!([]));
        last["usage"] = json!({"prompt_tokens": told.prompt, "total_tokens": told.prompt + spoken,
            "completion_tokens": spoken, "completion_tokens_details": details});
        last["system_fingerprint"] = json!(FINGERPRINT);
        score.push(Duration::ZERO, event(&last));
    }
    score.push(Duration::ZERO, "data: [DONE]\n\n");
    score.farewell = Bytes::from(format!(
        "{}data: [DONE]\n\n",
        delta(json!({}), Some("abort"))
    ));
    if told.luck == Luck::Die {
        score.cut_short();
    }
    Reply::stream("text/event-stream; charset=utf-8", score)
}

fn event(chunk: &Value) -> String {
    format!("data: {chunk}\n\n")
}
