//! OpenAI's cloud: chat completions plain and streamed, embeddings, models, rate limits with their
//! headers, and its refusals.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::demo::answer::End;
use crate::demo::ask::{self, Ask};
use crate::demo::play::Score;
use crate::demo::profile::{Job, KEY, Model};
use crate::demo::reply::{Call, Desk, Luck, Reply, Told};
use crate::demo::{seed, text};

/// Answers one call.
pub(crate) fn answer(call: &Call, desk: &mut Desk<'_>) -> Reply {
    let id = format!("req_{}", desk.hex(32));
    let reply = if keyed(call) {
        route(call, desk)
    } else {
        let message = "Incorrect API key provided. You can find your API key at \
            https://platform.openai.com/account/api-keys.";
        refuse(
            401,
            message,
            "invalid_request_error",
            None,
            Some("invalid_api_key"),
        )
    };
    reply
        .with("x-request-id", &id)
        .with("openai-version", "2020-10-01")
}

fn keyed(call: &Call) -> bool {
    let bearer = call
        .header("authorization")
        .and_then(|value| value.strip_prefix("Bearer "));
    bearer == Some(KEY)
}

fn route(call: &Call, desk: &mut Desk<'_>) -> Reply {
    match (call.method.as_str(), call.path.as_str()) {
        ("GET", "/v1/models") => models(desk),
        ("POST", "/v1/chat/completions") => chat(call, desk),
        ("POST", "/v1/embeddings") => embeddings(call, desk),
        (method, path) => {
            let message = format!("Invalid URL ({method} {path})");
            refuse(404, &message, "invalid_request_error", None, None)
        },
    }
}

fn refuse(
    status: u16,
    message: &str,
    kind: &str,
    param: Option<&str>,
    code: Option<&str>,
) -> Reply {
    Reply::json(
        status,
        &json!({"error": {"message": message, "type": kind, "param": param, "code": code}}),
    )
}

fn bad(message: &str, param: &str, code: Option<&str>) -> Reply {
    refuse(400, message, "invalid_request_error", Some(param), code)
}

fn models(desk: &Desk<'_>) -> Reply {
    let data: Vec<Value> = desk
        .profile
        .models
        .iter()
        .map(|model| json!({"id": model.name, "object": "model", "created": 1_715_367_049, "owned_by": "system"}))
        .collect();
    Reply::json(200, &json!({"object": "list", "data": data}))
}

/// The model asked for, or the refusal.
fn find(desk: &Desk<'_>, name: &str) -> Result<&'static Model, Reply> {
    desk.profile.model(name).ok_or_else(|| {
        let message = format!("The model `{name}` does not exist or you do not have access to it.");
        refuse(
            404,
            &message,
            "invalid_request_error",
            None,
            Some("model_not_found"),
        )
    })
}

fn parsed(call: &Call) -> Result<Value, Reply> {
    call.json().filter(Value::is_object).ok_or_else(|| {
        let message = "We could not parse the JSON body of your request. (HINT: This likely means you \
            aren't using your HTTP library correctly. The OpenAI API expects a JSON payload, but what \
            was sent was not valid JSON.)";
        refuse(400, message, "invalid_request_error", None, None)
    })
}

fn chat(call: &Call, desk: &mut Desk<'_>) -> Reply {
    match admit(call, desk) {
        Ok((ask, model)) => complete(&ask, model, desk),
        Err(refusal) => refusal,
    }
}

fn admit(call: &Call, desk: &Desk<'_>) -> Result<(Ask, &'static Model), Reply> {
    let body = parsed(call)?;
    let ask = Ask::openai(&body);
    if ask.model.is_empty() {
        return Err(bad("you must provide a model parameter", "model", None));
    }
    let model = find(desk, &ask.model)?;
    if !body["messages"].is_array() {
        return Err(bad(
            "Missing required parameter: 'messages'.",
            "messages",
            Some("missing_required_parameter"),
        ));
    }
    if ask.n_messages == 0 {
        let message = "Invalid 'messages': empty array. Expected an array with minimum length 1.";
        return Err(bad(message, "messages", Some("empty_array")));
    }
    if matches!(model.job, Job::Embed(_)) {
        return Err(refuse(
            403,
            "You are not allowed to sample from this model",
            "invalid_request_error",
            None,
            None,
        ));
    }
    if ask.prompt_tokens > model.window {
        let message = format!(
            "This model's maximum context length is {} tokens. However, your messages \
            resulted in {} tokens. Please reduce the length of the messages.",
            model.window, ask.prompt_tokens
        );
        return Err(bad(&message, "messages", Some("context_length_exceeded")));
    }
    Ok((ask, model))
}

fn complete(ask: &Ask, model: &'static Model, desk: &mut Desk<'_>) -> Reply {
    let verdict = desk.allow(model);
    let limit = model.rpm.map_or(10_000, |allowance| allowance.per_minute);
    if let Some(verdict) = verdict
        && !verdict.wait.is_zero()
    {
        return limited(model, limit, verdict.wait);
    }
    let told = desk.tell(ask, model, ask.prompt_tokens, true);
    let reply = match told.luck {
        Luck::Internal => {
            let message =
                "The server had an error while processing your request. Sorry about that!";
            refuse(500, message, "server_error", None, None).computed(told.first())
        },
        _ if ask.stream => streamed(ask, told, desk),
        _ => plain(ask, told, desk),
    };
    let left = verdict.map_or(limit - 1, |verdict| verdict.left);
    reply
        .with("x-ratelimit-limit-requests", &limit)
        .with("x-ratelimit-remaining-requests", &left)
        .with("openai-organization", "org-demo")
        .with("openai-processing-ms", &model.first_ms)
}

fn limited(model: &Model, limit: u64, wait: Duration) -> Reply {
    let seconds = wait.as_millis().div_ceil(1000).max(1);
    let message = format!(
        "Rate limit reached for {} in organization org-demo on requests per min (RPM): \
        Limit {limit}, Used {limit}, Requested 1. Please try again in {seconds}s. Visit \
        https://platform.openai.com/account/rate-limits to learn more.",
        model.name
    );
    refuse(429, &message, "requests", None, Some("rate_limit_exceeded"))
        .with("retry-after", &seconds)
        .with("retry-after-ms", &wait.as_millis())
        .with("x-ratelimit-limit-requests", &limit)
        .with("x-ratelimit-remaining-requests", &0)
        .with("x-ratelimit-reset-requests", &format!("{seconds}s"))
}

/// The name with its date, as the cloud answers.
fn dated(ask: &Ask) -> &str {
    match ask.model.as_str() {
        "gpt-4o" => "gpt-4o-2024-08-06",
        "gpt-4o-mini" => "gpt-4o-mini-2024-07-18",
        other => other,
    }
}

fn usage(told: &Told, spoken: u64) -> Value {
    json!({
        "prompt_tokens": told.prompt, "completion_tokens": spoken, "total_tokens": told.prompt + spoken,
        "prompt_tokens_details": {"cached_tokens": told.cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0,
            "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0},
    })
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
    let mut message = json!({"role": "assistant", "content": told.answer.pieces.concat(), "refusal": null, "annotations": []});
    if let Some((name, arguments)) = &told.answer.call {
        message["content"] = Value::Null;
        message["tool_calls"] = json!([{"id": format!("call_{}", desk.name(24)), "type": "function",
            "function": {"name": name, "arguments": arguments.to_string()}}]);
    }
    let body = json!({
        "id": format!("chatcmpl-{}", desk.name(29)), "object": "chat.completion",
        "created": desk.wall.as_secs(), "model": dated(ask),
        "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": reason(told.answer.end)}],
        "usage": usage(&told, spoken), "service_tier": "default", "system_fingerprint": "fp_51db84afab",
    });
    Reply::json(200, &body).computed(wait)
}

fn streamed(ask: &Ask, mut told: Told, desk: &mut Desk<'_>) -> Reply {
    let id = format!("chatcmpl-{}", desk.name(29));
    let created = desk.wall.as_secs();
    let chunk = |choices: Value, usage: Option<Value>| {
        let mut body = json!({"id": id, "object": "chat.completion.chunk", "created": created, "model": dated(ask),
            "service_tier": "default", "system_fingerprint": "fp_51db84afab", "choices": choices});
        if ask.include_usage {
            body["usage"] = usage.unwrap_or(Value::Null);
        }
        format!("data: {body}\n\n")
    };
    let delta = |delta: Value, finish: Option<&str>| {
        chunk(
            json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]),
            None,
        )
    };
    let spoken = told.answer.tokens();
    let mut score = Score::default();
    let mut wait = told.first();
    for part in deltas(&told, desk) {
        score.push(wait, delta(part, None));
        wait = told.rhythm.next();
    }
    score.push(wait, delta(json!({}), Some(reason(told.answer.end))));
    if ask.include_usage {
        score.push(Duration::ZERO, chunk(json!([]), Some(usage(&told, spoken))));
    }
    score.push(Duration::ZERO, "data: [DONE]\n\n");
    if told.luck == Luck::Die {
        score.cut_short();
    }
    Reply::stream("text/event-stream; charset=utf-8", score)
}

/// The deltas of an answer, the role first.
fn deltas(told: &Told, desk: &mut Desk<'_>) -> Vec<Value> {
    let Some((name, arguments)) = &told.answer.call else {
        let role = json!({"role": "assistant", "content": "", "refusal": null});
        let pieces = told
            .answer
            .pieces
            .iter()
            .map(|piece| json!({"content": piece}));
        return std::iter::once(role).chain(pieces).collect();
    };
    let call = json!({"index": 0, "id": format!("call_{}", desk.name(24)), "type": "function",
        "function": {"name": name, "arguments": ""}});
    let role = json!({"role": "assistant", "content": null, "tool_calls": [call], "refusal": null});
    let mut pieces = Vec::new();
    text::cut(&arguments.to_string(), &mut pieces);
    let parts = pieces
        .iter()
        .map(|piece| json!({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}));
    std::iter::once(role).chain(parts).collect()
}

fn embeddings(call: &Call, desk: &mut Desk<'_>) -> Reply {
    let body = match parsed(call) {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let model = match find(desk, body["model"].as_str().unwrap_or_default()) {
        Ok(model) => model,
        Err(refusal) => return refusal,
    };
    let (Job::Embed(full), Some(texts)) = (model.job, ask::inputs(&body["input"])) else {
        return bad(
            "'$.input' is invalid. Please check the API reference.",
            "input",
            None,
        );
    };
    let wanted = body["dimensions"]
        .as_u64()
        .and_then(|wanted| usize::try_from(wanted).ok());
    let dimensions = wanted
        .filter(|wanted| (1..=full).contains(wanted))
        .unwrap_or(full);
    let packed = body["encoding_format"] == "base64";
    let tokens: u64 = texts
        .iter()
        .map(|text| ask::tokens(text.chars().count()))
        .sum();
    let data: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let vector = Desk::vector(text, dimensions);
            let embedding = if packed { pack(&vector) } else { json!(vector) };
            json!({"object": "embedding", "index": index, "embedding": embedding})
        })
        .collect();
    let wait = Duration::from_millis(seed::spread(&mut desk.rng, model.first_ms));
    Reply::json(
        200,
        &json!({"object": "list", "data": data, "model": model.name,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens}}),
    )
    .computed(wait)
}

/// Little-endian floats in base64, as the SDKs ask for.
fn pack(vector: &[f32]) -> Value {
    let bytes: Vec<u8> = vector
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect();
    json!(STANDARD.encode(bytes))
}
