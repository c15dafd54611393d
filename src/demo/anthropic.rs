//! Anthropic's cloud: Messages plain and streamed, token counts, models, rate limits, the 529 of a
//! busy day, and its refusals.

use std::time::Duration;

use serde_json::{Value, json};

use crate::demo::answer::End;
use crate::demo::ask::Ask;
use crate::demo::play::Score;
use crate::demo::profile::{KEY, Model};
use crate::demo::reply::{Call, Desk, Luck, Reply, Told};
use crate::demo::text;

/// The smallest prompt that is kept in its cache.
const CACHEABLE: u64 = 1024;

/// Answers one call.
pub(crate) fn answer(call: &Call, desk: &mut Desk<'_>) -> Reply {
    let id = format!("req_{}", desk.name(24));
    let reply = if !keyed(call) {
        refuse(401, "authentication_error", "invalid x-api-key", &id)
    } else if call.header("anthropic-version").is_none() {
        refuse(
            400,
            "invalid_request_error",
            "anthropic-version: header is required",
            &id,
        )
    } else {
        match (call.method.as_str(), call.path.as_str()) {
            ("GET", "/v1/models") => models(desk),
            ("POST", "/v1/messages") => messages(call, desk, &id),
            ("POST", "/v1/messages/count_tokens") => count(call, desk, &id),
            _ => refuse(404, "not_found_error", "Not Found", &id),
        }
    };
    reply.with("request-id", &id)
}

/// The key comes in a header of its own, or as a bearer token (the SDKs since 2026).
fn keyed(call: &Call) -> bool {
    let bearer = call
        .header("authorization")
        .and_then(|value| value.strip_prefix("Bearer "));
    call.header("x-api-key").or(bearer) == Some(KEY)
}

fn refuse(status: u16, kind: &str, message: &str, id: &str) -> Reply {
    Reply::json(
        status,
        &json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": id}),
    )
}

fn models(desk: &Desk<'_>) -> Reply {
    let data: Vec<Value> = desk
        .profile
        .models
        .iter()
        .map(|model| {
            json!({"type": "model", "id": model.name, "display_name": model.name,
            "created_at": "2025-09-29T00:00:00Z"})
        })
        .collect();
    Reply::json(
        200,
        &json!({"data": data, "has_more": false, "first_id": null, "last_id": null}),
    )
}

/// Reads the request and finds its model, or refuses.
fn read(
    call: &Call,
    desk: &Desk<'_>,
    id: &str,
    limit: bool,
) -> Result<(Ask, &'static Model), Reply> {
    let invalid = |message: &str| refuse(400, "invalid_request_error", message, id);
    let body = call
        .json()
        .filter(Value::is_object)
        .ok_or_else(|| invalid("The request body is not valid JSON"))?;
    let ask = Ask::anthropic(&body);
    if ask.model.is_empty() {
        return Err(invalid("model: Field required"));
    }
    if limit && ask.max_tokens.is_none() {
        return Err(invalid("max_tokens: Field required"));
    }
    if ask.n_messages == 0 {
        return Err(invalid("messages: at least one message is required"));
    }
    let strange = body["messages"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|message| message["role"] != "user" && message["role"] != "assistant");
    if strange.is_some() {
        return Err(invalid(
            "messages: Unexpected role. Allowed roles are \"user\" or \"assistant\"",
        ));
    }
    let unknown = || refuse(404, "not_found_error", &format!("model: {}", ask.model), id);
    let model = desk.profile.model(&ask.model).ok_or_else(unknown)?;
    Ok((ask, model))
}

fn count(call: &Call, desk: &Desk<'_>, id: &str) -> Reply {
    match read(call, desk, id, false) {
        Ok((ask, _)) => Reply::json(200, &json!({"input_tokens": ask.prompt_tokens})),
        Err(refusal) => refusal,
    }
}

fn messages(call: &Call, desk: &mut Desk<'_>, id: &str) -> Reply {
    let (ask, model) = match read(call, desk, id, true) {
        Ok(read) => read,
        Err(refusal) => return refusal,
    };
    if ask.prompt_tokens > model.window {
        let message = format!(
            "prompt is too long: {} tokens > {} maximum",
            ask.prompt_tokens, model.window
        );
        return refuse(400, "invalid_request_error", &message, id);
    }
    let limit = model.rpm.map_or(1000, |allowance| allowance.per_minute);
    let verdict = desk.allow(model);
    if let Some(verdict) = verdict
        && !verdict.wait.is_zero()
    {
        let message = format!(
            "This request would exceed your organization's rate limit of {limit} requests per minute."
        );
        let seconds = verdict.wait.as_millis().div_ceil(1000).max(1);
        return refuse(429, "rate_limit_error", &message, id).with("retry-after", &seconds);
    }
    let told = desk.tell(&ask, model, ask.prompt_tokens, ask.marks_cache);
    let left = verdict.map_or(limit, |verdict| verdict.left);
    let reply = match told.luck {
        Luck::Overloaded => {
            refuse(529, "overloaded_error", "Overloaded", id).computed(Duration::from_millis(90))
        },
        Luck::Internal => {
            refuse(500, "api_error", "Internal server error", id).computed(told.first())
        },
        _ if ask.stream => streamed(&ask, told, desk),
        _ => plain(&ask, told, desk),
    };
    reply
        .with("anthropic-ratelimit-requests-limit", &limit)
        .with("anthropic-ratelimit-requests-remaining", &left)
}

/// Tokens read, written to the cache, read from it. Marked prompts are written once and read then.
fn usage(ask: &Ask, told: &Told, spoken: u64) -> Value {
    let cacheable = ask.marks_cache && told.prompt >= CACHEABLE;
    let written = if cacheable && told.cached == 0 {
        told.prompt * 9 / 10
    } else {
        0
    };
    json!({
        "input_tokens": told.prompt - told.cached - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": told.cached,
        "cache_creation": {"ephemeral_5m_input_tokens": written, "ephemeral_1h_input_tokens": 0},
        "output_tokens": spoken,
        "output_tokens_details": {"thinking_tokens": told.answer.thought_tokens().min(spoken)},
        "service_tier": "standard",
    })
}

const fn reason(end: End) -> &'static str {
    match end {
        End::Stop => "end_turn",
        End::Length => "max_tokens",
        End::Call => "tool_use",
    }
}

fn plain(ask: &Ask, mut told: Told, desk: &mut Desk<'_>) -> Reply {
    let wait = told.total();
    let spoken = told.answer.tokens();
    let mut content = Vec::new();
    if !told.answer.thoughts.is_empty() {
        content.push(json!({"type": "thinking", "thinking": told.answer.thoughts.concat(), "signature": desk.name(64)}));
    }
    if !told.answer.pieces.is_empty() {
        content.push(json!({"type": "text", "text": told.answer.pieces.concat()}));
    }
    if let Some((name, input)) = &told.answer.call {
        content.push(json!({"type": "tool_use", "id": format!("toolu_01{}", desk.name(22)), "name": name, "input": input}));
    }
    let body = json!({
        "model": ask.model, "id": format!("msg_01{}", desk.name(22)), "type": "message", "role": "assistant",
        "content": content, "stop_reason": reason(told.answer.end), "stop_sequence": null,
        "usage": usage(ask, &told, spoken),
    });
    Reply::json(200, &body).computed(wait)
}

fn streamed(ask: &Ask, mut told: Told, desk: &mut Desk<'_>) -> Reply {
    let spoken = told.answer.tokens();
    let mut score = Score::default();
    let message = json!({"model": ask.model, "id": format!("msg_01{}", desk.name(22)), "type": "message",
        "role": "assistant", "content": [], "stop_reason": null, "stop_sequence": null, "usage": usage(ask, &told, 1)});
    score.push(
        told.first(),
        event("message_start", &json!({"message": message})),
    );
    let counted = usage(ask, &told, spoken);
    let mut index = 0;
    let thoughts = std::mem::take(&mut told.answer.thoughts);
    if !thoughts.is_empty() {
        let signature = json!({"type": "signature_delta", "signature": desk.name(64)});
        let deltas = thoughts
            .iter()
            .map(|piece| json!({"type": "thinking_delta", "thinking": piece}));
        let start = json!({"type": "thinking", "thinking": "", "signature": ""});
        block(
            &mut score,
            &mut told,
            index,
            &start,
            deltas.chain([signature]),
        );
        index += 1;
    }
    let pieces = std::mem::take(&mut told.answer.pieces);
    if !pieces.is_empty() {
        let deltas = pieces
            .iter()
            .map(|piece| json!({"type": "text_delta", "text": piece}));
        block(
            &mut score,
            &mut told,
            index,
            &json!({"type": "text", "text": ""}),
            deltas,
        );
        index += 1;
    }
    if let Some((name, input)) = told.answer.call.take() {
        let start = json!({"type": "tool_use", "id": format!("toolu_01{}", desk.name(22)), "name": name, "input": {}});
        let mut parts = vec![String::new()];
        text::cut(&input.to_string(), &mut parts);
        let deltas = parts
            .iter()
            .map(|part| json!({"type": "input_json_delta", "partial_json": part}));
        block(&mut score, &mut told, index, &start, deltas);
    }
    let end = json!({"delta": {"stop_reason": reason(told.answer.end), "stop_sequence": null},
        "usage": counted});
    score.push(Duration::ZERO, event("message_delta", &end));
    score.push(Duration::ZERO, event("message_stop", &json!({})));
    if told.luck == Luck::Die {
        score.cut_short();
        let error = json!({"error": {"type": "overloaded_error", "message": "Overloaded"}});
        score.push(Duration::ZERO, event("error", &error));
        score.dies = false;
    }
    Reply::stream("text/event-stream; charset=utf-8", score)
}

/// One content block: its start, its deltas, its end.
fn block(
    score: &mut Score,
    told: &mut Told,
    index: u32,
    start: &Value,
    deltas: impl Iterator<Item = Value>,
) {
    let opened = json!({"index": index, "content_block": start});
    score.push(Duration::ZERO, event("content_block_start", &opened));
    if index == 0 {
        score.push(Duration::ZERO, event("ping", &json!({})));
    }
    for delta in deltas {
        let part = json!({"index": index, "delta": delta});
        score.push(told.rhythm.next(), event("content_block_delta", &part));
    }
    score.push(
        Duration::ZERO,
        event("content_block_stop", &json!({"index": index})),
    );
}

/// One event; `type` comes first in its data.
fn event(kind: &str, members: &Value) -> String {
    let mut data = json!({"type": kind});
    if let (Some(data), Some(members)) = (data.as_object_mut(), members.as_object()) {
        data.extend(members.clone());
    }
    format!("event: {kind}\ndata: {data}\n\n")
}
