//! An Ollama server as version 0.33 answers: NDJSON chat, embeddings, lists, and its refusals.

use std::time::Duration;

use serde_json::{Value, json};

use crate::base::Wall;
use crate::demo::answer::End;
use crate::demo::ask::{self, Ask};
use crate::demo::play::Score;
use crate::demo::profile::{Job, Model};
use crate::demo::reply::{Call, Desk, Luck, Reply, Told};
use crate::demo::seed;

/// Its content type, charset included.
const JSON: &str = "application/json; charset=utf-8";
/// The window it gives a model where nobody asks for another.
const WINDOW: u64 = 8192;
/// What it says when the engine below it has died in the middle of an answer.
const DIED: &str = "an error was encountered while running the model: unexpected EOF";

/// Answers one call.
pub(crate) fn answer(call: &Call, desk: &mut Desk<'_>) -> Reply {
    if !at_home(call) {
        return Reply::whole(403, "", "");
    }
    match (call.method.as_str(), call.path.as_str()) {
        ("GET" | "HEAD", "/") => {
            Reply::whole(200, "text/plain; charset=utf-8", "Ollama is running")
        },
        ("GET" | "HEAD", "/api/version") => say(200, &json!({"version": "0.33.0"})),
        ("GET" | "HEAD", "/api/tags") => say(200, &json!({"models": listed(desk)})),
        ("GET", "/api/ps") => say(200, &json!({"models": loaded(desk)})),
        ("POST", "/api/chat") => chat(call, desk),
        ("POST", "/api/embed") => embed(call, desk),
        (_, "/api/version" | "/api/tags" | "/api/ps" | "/api/chat" | "/api/embed") => {
            Reply::whole(405, "text/plain", "405 method not allowed")
        },
        _ => Reply::whole(404, "text/plain", "404 page not found"),
    }
}

/// Bound to loopback it serves only those who call it by a local name, and no foreign web page.
fn at_home(call: &Call) -> bool {
    let host = call.header("host").unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let local = name == "localhost" || name.starts_with("127.") || name == "[::1]";
    local
        && call
            .header("origin")
            .is_none_or(|origin| origin.contains("localhost") || origin.contains("127.0.0.1"))
}

fn say(status: u16, body: &Value) -> Reply {
    Reply::whole(status, JSON, body.to_string())
}

fn refuse(status: u16, message: &str) -> Reply {
    say(status, &json!({"error": message}))
}

fn chat(call: &Call, desk: &mut Desk<'_>) -> Reply {
    let Some(body) = call.json() else {
        let empty = call.body.is_empty();
        return refuse(
            400,
            if empty {
                "missing request body"
            } else {
                "unexpected EOF"
            },
        );
    };
    let ask = Ask::ollama(&body);
    if ask.model.is_empty() {
        return refuse(400, "model is required");
    }
    let Some(model) = desk.profile.model(&ask.model) else {
        return refuse(404, &format!("model '{}' not found", ask.model));
    };
    if matches!(model.job, Job::Embed(_)) {
        return refuse(400, &format!("\"{}\" does not support chat", ask.model));
    }
    if ask.think == Some(true) && model.thinks == 0 {
        return refuse(400, &format!("\"{}\" does not support thinking", ask.model));
    }
    if ask.n_messages == 0 {
        return idle(&body, &ask, model, desk);
    }
    let window = ask.window.unwrap_or(WINDOW).min(model.window);
    if ask.longest > window {
        return too_long(&ask, window);
    }
    // What does not fit is dropped without a word: the oldest messages go.
    let prompt = ask.prompt_tokens.min(window);
    let told = desk.tell(&ask, model, prompt, false);
    if told.luck == Luck::Internal {
        let wait = told.first();
        return refuse(500, "llama runner process has terminated: exit status 2").computed(wait);
    }
    if ask.stream {
        streamed(&ask, told, desk)
    } else {
        plain(&ask, told, desk)
    }
}

/// No messages: load the model, or with `keep_alive: 0` let go of it.
fn idle(body: &Value, ask: &Ask, model: &Model, desk: &mut Desk<'_>) -> Reply {
    let unload = body["keep_alive"] == 0;
    let wait = if unload {
        Duration::ZERO
    } else {
        desk.strain.memory.load(model, desk.now)
    };
    if unload {
        desk.strain.memory.unload(model);
    }
    let reason = if unload { "unload" } else { "load" };
    let line = json!({"model": ask.model, "created_at": stamp(desk.wall, wait),
        "message": {"role": "assistant", "content": ""}, "done": true, "done_reason": reason});
    say(200, &line).computed(wait)
}

fn too_long(ask: &Ask, window: u64) -> Reply {
    let tokens = ask.prompt_tokens;
    let inner = json!({"error": {"code": 400, "message": format!("request ({tokens} tokens) exceeds \
        the available context size ({window} tokens), try increasing it"),
        "type": "exceed_context_size_error", "n_prompt_tokens": tokens, "n_ctx": window}});
    refuse(400, &inner.to_string())
}

fn plain(ask: &Ask, mut told: Told, desk: &mut Desk<'_>) -> Reply {
    let wait = told.total();
    if told.luck == Luck::Die {
        return refuse(500, DIED).computed(wait / 2);
    }
    let mut message = json!({"role": "assistant", "content": told.answer.pieces.concat()});
    if !told.answer.thoughts.is_empty() {
        message["thinking"] = json!(told.answer.thoughts.concat());
    }
    if let Some(calls) = calls(&told, desk) {
        message["tool_calls"] = calls;
    }
    let mut line = line(ask, desk.wall, wait, &message);
    finish(&mut line, &told, wait);
    say(200, &line).computed(wait)
}

fn streamed(ask: &Ask, mut told: Told, desk: &mut Desk<'_>) -> Reply {
    let mut score = Score::default();
    let mut at = Duration::ZERO;
    let mut wait = told.first();
    let thoughts = std::mem::take(&mut told.answer.thoughts);
    let pieces = std::mem::take(&mut told.answer.pieces);
    let n_tokens = thoughts.len() + pieces.len();
    let thoughts = thoughts
        .iter()
        .map(|piece| json!({"role": "assistant", "content": "", "thinking": piece}));
    let texts = pieces
        .iter()
        .map(|piece| json!({"role": "assistant", "content": piece}));
    for message in thoughts.chain(texts) {
        at += wait;
        score.push(wait, ndjson(&line(ask, desk.wall, at, &message)));
        wait = told.rhythm.next();
    }
    if let Some(calls) = calls(&told, desk) {
        // The call comes whole, in one line.
        wait += (1..told.answer.tokens())
            .map(|_| told.rhythm.next())
            .sum::<Duration>();
        at += wait;
        let message = json!({"role": "assistant", "content": "", "tool_calls": calls});
        score.push(wait, ndjson(&line(ask, desk.wall, at, &message)));
        wait = Duration::ZERO;
    }
    if told.luck == Luck::Die && n_tokens > 4 {
        score.cut_short();
        score.push(Duration::from_millis(40), ndjson(&json!({"error": DIED})));
        score.dies = false;
        return Reply::stream("application/x-ndjson", score);
    }
    let mut last = line(
        ask,
        desk.wall,
        at + wait,
        &json!({"role": "assistant", "content": ""}),
    );
    let spoken = told.answer.tokens() + u64::try_from(n_tokens).unwrap_or(0);
    finish(&mut last, &told, at + wait);
    last["eval_count"] = json!(spoken);
    score.push(wait, ndjson(&last));
    Reply::stream("application/x-ndjson", score)
}

fn ndjson(line: &Value) -> String {
    format!("{line}\n")
}

fn line(ask: &Ask, wall: Wall, at: Duration, message: &Value) -> Value {
    json!({"model": ask.model, "created_at": stamp(wall, at), "message": message, "done": false})
}

/// The calls of tools, arguments as an object.
fn calls(told: &Told, desk: &mut Desk<'_>) -> Option<Value> {
    let (name, arguments) = told.answer.call.as_ref()?;
    let id = desk.name(32);
    Some(json!([{"id": id, "function": {"index": 0, "name": name, "arguments": arguments}}]))
}

/// Makes a line the last one: why it ends, and the counts. Durations are nanoseconds.
fn finish(line: &mut Value, told: &Told, total: Duration) {
    let read = told.rhythm.first();
    // A tool call ends with "stop" too.
    let reason = if told.answer.end == End::Length {
        "length"
    } else {
        "stop"
    };
    line["done"] = json!(true);
    line["done_reason"] = json!(reason);
    line["total_duration"] = json!(nanos(total));
    line["load_duration"] = json!(nanos(told.load + Duration::from_micros(900)));
    line["prompt_eval_count"] = json!(told.prompt);
    line["prompt_eval_duration"] = json!(nanos(read));
    line["eval_count"] = json!(told.answer.tokens());
    line["eval_duration"] = json!(nanos(total.saturating_sub(told.load + read)));
}

fn embed(call: &Call, desk: &mut Desk<'_>) -> Reply {
    let Some(body) = call.json() else {
        return refuse(400, "unexpected EOF");
    };
    let name = body["model"].as_str().unwrap_or_default();
    let Some(model) = desk.profile.model(name) else {
        return refuse(
            404,
            &format!("model \"{name}\" not found, try pulling it first"),
        );
    };
    let Job::Embed(dimensions) = model.job else {
        return refuse(
            501,
            "This server does not support embeddings. Start it with `--embeddings`",
        );
    };
    let Some(texts) = ask::inputs(&body["input"]) else {
        return refuse(400, "invalid input type");
    };
    if desk.luck() == Luck::Internal {
        return refuse(500, "llama runner process has terminated: exit status 2");
    }
    let tokens: u64 = texts
        .iter()
        .map(|text| ask::tokens(text.chars().count()))
        .sum();
    let vectors: Vec<_> = texts
        .iter()
        .map(|text| Desk::vector(text, dimensions))
        .collect();
    let load = desk.strain.memory.load(model, desk.now);
    let work = Duration::from_millis(seed::spread(&mut desk.rng, model.first_ms) + tokens / 8);
    let wait = load + work * desk.slower;
    let made = json!({"model": name, "embeddings": vectors, "total_duration": nanos(wait),
        "load_duration": nanos(load + Duration::from_micros(700)), "prompt_eval_count": tokens});
    say(200, &made).computed(wait)
}

/// All models on its disk.
fn listed(desk: &Desk<'_>) -> Vec<Value> {
    let models = desk.profile.models.iter();
    models
        .map(|model| {
            let mut shown = described(model);
            shown["modified_at"] = json!(stamp(desk.wall, Duration::ZERO));
            let embeds = matches!(model.job, Job::Embed(_));
            shown["capabilities"] = json!([if embeds { "embedding" } else { "completion" }]);
            shown
        })
        .collect()
}

/// The models in memory.
fn loaded(desk: &Desk<'_>) -> Vec<Value> {
    let held = desk.strain.memory.held(desk.now);
    held.iter()
        .filter_map(|(name, left)| {
            let model = desk.profile.model(name)?;
            let mut shown = described(model);
            shown["expires_at"] = json!(stamp(desk.wall, *left));
            shown["size_vram"] = json!(model.bytes);
            shown["context_length"] = json!(WINDOW.min(model.window));
            Some(shown)
        })
        .collect()
}

fn described(model: &Model) -> Value {
    let tagged = if model.name.contains(':') {
        model.name.to_owned()
    } else {
        format!("{}:latest", model.name)
    };
    let family = model.name.split(':').next().unwrap_or_default();
    let part = |nth: u64| seed::hash(&format!("{tagged}{nth}"));
    let digest = format!(
        "{:016x}{:016x}{:016x}{:016x}",
        part(0),
        part(1),
        part(2),
        part(3)
    );
    json!({"name": tagged, "model": tagged, "size": model.bytes, "digest": digest,
        "details": {"parent_model": "", "format": "gguf", "family": family, "families": [family],
            "parameter_size": model.name.split_once(':').map_or("137M", |(_, size)| size).to_uppercase(),
            "quantization_level": "Q4_K_M"}})
}

/// The moment `after` the call came in, as Ollama writes it.
fn stamp(wall: Wall, after: Duration) -> String {
    let micros = wall
        .as_micros()
        .saturating_add(i64::try_from(after.as_micros()).unwrap_or(0));
    jiff::Timestamp::from_microsecond(micros)
        .map_or_else(|_| String::new(), |stamp| stamp.to_string())
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
