//! Every way from a client's dialect to a backend's: plain, streamed, with tools.

use serde_json::{Value, json};

use crate::support::canned::{anthropic, ollama, openai};
use crate::support::rig::{self, chat, chat_stream, message, message_stream, quiet};
use crate::support::{Ask, End, Frame, Gateway, Reply, Upstream, check};

const SAID: &str = "Grüße aus Köln 🚂 to you";

fn tool() -> Value {
    json!({"type": "function", "function": {"name": "weather", "description": "Tells the weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}})
}

/// Streams a chat to its proper end.
#[track_caller]
fn streamed(gateway: &Gateway, path: &str, body: &Value) -> Vec<Frame> {
    let stream = gateway.stream(path, body);
    assert_eq!(stream.status, 200);
    let kind = stream.header("content-type").unwrap_or_default().to_owned();
    assert!(kind.starts_with("text/event-stream"), "{kind}");
    let (frames, end) = stream.collect();
    assert_eq!(end, End::Whole);
    frames
}

/// A chat that offers the tool.
fn chat_with_tool() -> Value {
    let mut body = chat("chat");
    body["tools"] = json!([tool()]);
    body
}

/// The call of a tool that the next answer is: the client is given it as the reason for the end.
#[track_caller]
fn called(gateway: &Gateway, upstream: &Upstream, answer: &Value) -> Value {
    upstream.push(Reply::json(200, answer));
    let answer = gateway
        .post("/v1/chat/completions", &chat_with_tool())
        .must_be(200)
        .json();
    let choice = &answer["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    choice["message"]["tool_calls"][0].clone()
}

/// The event names of Anthropic's stream come in its order, once each where they frame.
#[track_caller]
fn is_proper_message(frames: &[Frame]) {
    let mut names = check::events(frames);
    names.retain(|name| *name != "ping");
    assert_eq!(names.first(), Some(&"message_start"), "{names:?}");
    assert_eq!(names.last(), Some(&"message_stop"), "{names:?}");
    let count = |wanted| names.iter().filter(|name| **name == wanted).count();
    assert_eq!(count("message_start"), 1);
    assert_eq!(count("message_stop"), 1);
    assert_eq!(count("message_delta"), 1);
    assert_eq!(
        count("content_block_start"),
        count("content_block_stop"),
        "{names:?}"
    );
}

#[test]
fn an_openai_answer_carries_the_clients_names_and_litellms_headers() {
    let upstream = Upstream::start(openai::server(SAID));
    let entry = rig::openai("chat", &upstream)
        .with("input_cost_per_token: 0.000001, output_cost_per_token: 0.000002")
        .info("id: first");
    let gateway = rig::start(&[entry], "");
    let answer = Ask::post("/v1/chat/completions", &chat("chat"))
        .header("x-litellm-call-id", "call-of-my-own-17")
        .send(gateway.addr)
        .must_be(200);
    check::contains(
        &answer.json(),
        &json!({"model": "chat", "system_fingerprint": "fp_44709d6fcb",
            "choices": [{"message": {"content": SAID}}]}),
    );
    for (name, value) in [
        ("x-litellm-call-id", "call-of-my-own-17"),
        ("x-litellm-model-id", "first"),
        ("x-litellm-model-group", "chat"),
        ("x-litellm-attempted-retries", "0"),
        ("x-litellm-attempted-fallbacks", "0"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    let cost: f64 = answer
        .header("x-litellm-response-cost")
        .unwrap()
        .parse()
        .unwrap();
    let tokens = check_tokens();
    assert!((cost - tokens).abs() < 1e-9, "{cost} and {tokens}");
    let overhead = answer.header("x-litellm-overhead-duration-ms").unwrap();
    assert!(overhead.parse::<f64>().unwrap() < 1_000.0, "{overhead}");
    let rows = gateway.until_rows(
        "select request_id, model, model_group, spend, prompt_tokens from litellm_spend_logs",
        1,
    );
    assert_eq!(rows[0][0], "call-of-my-own-17");
    assert_eq!(
        (&rows[0][1], &rows[0][2]),
        (&json!("mock-model"), &json!("chat"))
    );
    assert!((rows[0][3].as_f64().unwrap() - tokens).abs() < 1e-9);
    assert_eq!(rows[0][4], 19);
    quiet(&gateway, &[&upstream]);
}

fn check_tokens() -> f64 {
    19.0 * 1e-6 + crate::support::canned::tokens(SAID) as f64 * 2e-6
}

#[test]
fn usage_is_always_asked_for_and_shown_only_to_those_who_asked() {
    let upstream = Upstream::start(openai::server(SAID));
    let gateway = rig::start(&[rig::openai("chat", &upstream)], "");
    let frames = streamed(&gateway, "/v1/chat/completions", &chat_stream("chat"));
    check::ends_with_done(&frames);
    assert_eq!(check::openai_text(&frames), SAID);
    assert!(frames.iter().all(|frame| {
        !frame
            .data
            .as_deref()
            .unwrap_or_default()
            .contains("prompt_tokens")
    }));
    assert!(
        frames
            .iter()
            .filter(|f| !f.is_done())
            .all(|f| f.json()["model"] == "chat")
    );

    let mut body = chat_stream("chat");
    body["stream_options"] = json!({"include_usage": true});
    let frames = streamed(&gateway, "/v1/chat/completions", &body);
    check::ends_with_done(&frames);
    let last = frames[frames.len() - 2].json();
    check::contains(
        &last,
        &json!({"choices": [], "usage": {"prompt_tokens": 19}}),
    );

    for request in upstream.requests() {
        assert_eq!(request.json()["stream_options"]["include_usage"], true);
    }
    let rows = gateway.until_rows("select prompt_tokens from litellm_spend_logs", 2);
    assert!(rows.iter().all(|row| row[0] == 19), "{rows:?}");
    quiet(&gateway, &[&upstream]);
}

#[test]
fn unknown_members_pass_and_our_own_are_cut_out() {
    let upstream = Upstream::start(openai::server(SAID));
    let gateway = rig::start(
        &[rig::openai("chat", &upstream).with("temperature: 0.25")],
        "",
    );
    let mut body = chat("chat");
    body["a_new_member"] = json!({"deep": [1, 2.50, "x"]});
    body["metadata"] = json!({"tags": ["a"]});
    body["num_retries"] = 0.into();
    body["fallbacks"] = json!([]);
    gateway.post("/chat/completions", &body).must_be(200);
    let sent = upstream.requests()[0].json();
    assert_eq!(sent["a_new_member"], body["a_new_member"]);
    assert_eq!(sent["temperature"], 0.25);
    assert!(
        sent.get("num_retries").is_none() && sent.get("fallbacks").is_none(),
        "{sent}"
    );
    quiet(&gateway, &[&upstream]);
}

#[test]
fn ollama_answers_openai_clients_through_its_native_routes() {
    let upstream = Upstream::start(ollama::server(SAID));
    let gateway = rig::start(&[rig::ollama("chat", &upstream)], "");
    let mut body = chat("chat");
    body["max_tokens"] = 77.into();
    let answer = gateway
        .post("/v1/chat/completions", &body)
        .must_be(200)
        .json();
    check::contains(
        &answer,
        &json!({"object": "chat.completion", "model": "chat",
            "choices": [{"index": 0, "finish_reason": "stop",
                "message": {"role": "assistant", "content": SAID}}],
            "usage": {"prompt_tokens": 19}}),
    );
    let asked = &upstream.requests()[0];
    assert_eq!(asked.path, "/api/chat");
    check::contains(
        &asked.json(),
        &json!({"model": "llama3.2", "stream": false, "options": {"num_predict": 77}}),
    );
    assert_eq!(asked.header("origin"), None);

    let frames = streamed(&gateway, "/v1/chat/completions", &chat_stream("chat"));
    check::ends_with_done(&frames);
    assert_eq!(check::openai_text(&frames), SAID);
    assert_eq!(check::openai_finish(&frames), ["stop"]);

    let body = json!({"model": "chat", "input": ["one", "two"]});
    let answer = gateway.post("/v1/embeddings", &body).must_be(200).json();
    check::contains(
        &answer,
        &json!({"object": "list", "model": "chat",
            "data": [{"index": 0}, {"index": 1}]}),
    );
    let vector = answer["data"][1]["embedding"].as_array().unwrap();
    let vector: Vec<f64> = vector.iter().map(|x| x.as_f64().unwrap()).collect();
    assert_eq!(vector, [0.25, -0.5, 1.0]);
    assert_eq!(upstream.requests()[2].path, "/api/embed");
    quiet(&gateway, &[&upstream]);
}

#[test]
fn ollamas_tool_calls_reach_openai_clients_with_ids_and_reason() {
    let upstream = Upstream::start(ollama::server(SAID));
    let gateway = rig::start(&[rig::ollama("chat", &upstream)], "");
    let call = ollama::tool_call("llama3.2", "weather", &json!({"city": "Köln"}));
    let made = called(&gateway, &upstream, &call);
    assert_eq!(made["function"]["name"], "weather");
    assert_eq!(made["function"]["arguments"], r#"{"city":"Köln"}"#);
    assert!(made["id"].as_str().is_some_and(|id| !id.is_empty()));
    assert_eq!(upstream.requests()[0].json()["tools"], json!([tool()]));

    upstream.push(Reply::ndjson().chunk(format!("{call}\n")).end());
    let mut body = chat_with_tool();
    body["stream"] = true.into();
    let frames = streamed(&gateway, "/v1/chat/completions", &body);
    check::ends_with_done(&frames);
    assert_eq!(check::openai_finish(&frames), ["tool_calls"]);
    quiet(&gateway, &[&upstream]);
}

#[test]
fn anthropic_answers_openai_clients() {
    let upstream = Upstream::start(anthropic::server(SAID));
    let gateway = rig::start(&[rig::anthropic("chat", &upstream)], "");
    let mut body = chat("chat");
    body["messages"] = json!([{"role": "system", "content": "Be brief."},
        {"role": "user", "content": "hi"}]);
    let answer = gateway
        .post("/v1/chat/completions", &body)
        .must_be(200)
        .json();
    check::contains(
        &answer,
        &json!({"object": "chat.completion", "model": "chat",
            "choices": [{"finish_reason": "stop", "message": {"content": SAID}}],
            "usage": {"prompt_tokens": 19}}),
    );
    let asked = &upstream.requests()[0];
    assert_eq!(asked.path, "/v1/messages");
    assert_eq!(asked.header("x-api-key"), Some("sk-upstream"));
    assert!(asked.header("anthropic-version").is_some());
    let sent = asked.json();
    assert_eq!(sent["messages"].as_array().map(Vec::len), Some(1), "{sent}");
    assert!(sent["system"].to_string().contains("Be brief."), "{sent}");

    let frames = streamed(&gateway, "/v1/chat/completions", &chat_stream("chat"));
    check::ends_with_done(&frames);
    assert_eq!(check::openai_text(&frames), SAID);

    let call = anthropic::tool_use("claude-mock", "weather", &json!({"city": "Köln"}));
    let made = called(&gateway, &upstream, &call);
    assert_eq!(made["id"], "toolu_01A09q90qw90lq917835lq9");
    quiet(&gateway, &[&upstream]);
}

#[test]
fn anthropic_clients_are_served_by_every_backend() {
    let openai_like = Upstream::start(openai::server(SAID));
    let ollama_like = Upstream::start(ollama::server(SAID));
    let anthropic_like = Upstream::start(anthropic::server(SAID));
    let gateway = rig::start(
        &[
            rig::openai("by-openai", &openai_like),
            rig::ollama("by-ollama", &ollama_like),
            rig::anthropic("by-anthropic", &anthropic_like),
        ],
        "",
    );
    for model in ["by-openai", "by-ollama", "by-anthropic"] {
        let answer = gateway
            .post("/v1/messages", &message(model))
            .must_be(200)
            .json();
        check::contains(
            &answer,
            &json!({"type": "message", "role": "assistant", "model": model,
                "content": [{"type": "text", "text": SAID}], "stop_reason": "end_turn",
                "usage": {"input_tokens": 19}}),
        );
        let frames = streamed(&gateway, "/v1/messages", &message_stream(model));
        is_proper_message(&frames);
        assert_eq!(check::anthropic_text(&frames), SAID, "{model}");
        let count = json!({"model": model, "messages": [{"role": "user", "content": "hi"}]});
        let counted = gateway
            .post("/v1/messages/count_tokens", &count)
            .must_be(200)
            .json();
        assert!(
            counted["input_tokens"].as_u64().is_some_and(|n| n > 0),
            "{model}: {counted}"
        );
    }
    quiet(&gateway, &[&openai_like, &ollama_like, &anthropic_like]);
}

#[test]
fn tools_of_anthropic_clients_work_on_openai_backends() {
    let upstream = Upstream::start(openai::server(SAID));
    let gateway = rig::start(&[rig::openai("chat", &upstream)], "");
    let mut body = message("chat");
    body["tools"] = json!([{"name": "weather", "description": "Tells the weather",
        "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}]);
    upstream.push(Reply::json(
        200,
        &openai::tool_call("mock-model", "weather", &json!({"city": "Köln"})),
    ));
    let answer = gateway.post("/v1/messages", &body).must_be(200).json();
    check::contains(&answer, &json!({"stop_reason": "tool_use"}));
    let block = answer["content"]
        .as_array()
        .unwrap()
        .iter()
        .find(|b| b["type"] == "tool_use");
    check::contains(
        block.unwrap(),
        &json!({"id": "call_abc123", "name": "weather", "input": {"city": "Köln"}}),
    );
    let sent = upstream.requests()[0].json();
    assert_eq!(sent["tools"][0]["function"]["name"], "weather");

    let arguments = r#"{"city":"Köln"}"#;
    upstream.push(
        Reply::sse()
            .chunks(openai::tool_stream("mock-model", "weather", arguments, 3))
            .end(),
    );
    body["stream"] = true.into();
    let frames = streamed(&gateway, "/v1/messages", &body);
    is_proper_message(&frames);
    let given: String = frames
        .iter()
        .filter_map(|frame| {
            frame.json()["delta"]["partial_json"]
                .as_str()
                .map(String::from)
        })
        .collect();
    assert_eq!(given, arguments);
    quiet(&gateway, &[&upstream]);
}

#[test]
fn old_completions_work_plain_and_streamed() {
    let upstream = Upstream::start(|request| {
        let choice = json!({"index": 0, "text": SAID, "finish_reason": "stop", "logprobs": null});
        let answer = json!({"id": "cmpl-1", "object": "text_completion", "created": 1,
            "model": "mock-model", "choices": [choice], "usage": openai::usage(5)});
        if request.wants_stream() {
            Reply::sse()
                .chunk(format!("data: {answer}\n\n"))
                .chunk(openai::done())
                .end()
        } else {
            Reply::json(200, &answer)
        }
    });
    let gateway = rig::start(&[rig::openai("chat", &upstream)], "");
    let mut body = json!({"model": "chat", "prompt": "Say"});
    let answer = gateway.post("/v1/completions", &body).must_be(200).json();
    check::contains(
        &answer,
        &json!({"model": "chat", "choices": [{"text": SAID}]}),
    );
    assert_eq!(upstream.requests()[0].path, "/v1/completions");
    body["stream"] = true.into();
    let frames = streamed(&gateway, "/v1/completions", &body);
    check::ends_with_done(&frames);
    assert_eq!(check::openai_text(&frames), SAID);
    quiet(&gateway, &[&upstream]);
}

#[test]
fn a_split_inside_an_event_and_inside_a_character_changes_nothing() {
    let upstream = Upstream::start(openai::server(SAID));
    let other = Upstream::start(ollama::server(SAID));
    let gateway = rig::start(
        &[
            rig::openai("chat", &upstream),
            rig::ollama("native", &other),
        ],
        "",
    );
    let text: String = openai::stream("mock-model", SAID, true).concat();
    let lines: String = ollama::stream("llama3.2", SAID).concat();
    let inside = |text: &str| -> Vec<usize> {
        let umlaut = text.find('ü').unwrap() + 1;
        let engine = text.find('🚂').unwrap() + 2;
        vec![7, umlaut, umlaut + 30, engine, engine + 1]
    };
    upstream.push(Reply::sse().cut_at(text.as_bytes(), &inside(&text)).end());
    other.push(
        Reply::ndjson()
            .cut_at(lines.as_bytes(), &inside(&lines))
            .end(),
    );
    for model in ["chat", "native"] {
        let frames = streamed(&gateway, "/v1/chat/completions", &chat_stream(model));
        check::ends_with_done(&frames);
        assert_eq!(check::openai_text(&frames), SAID);
    }
    let bytewise: Vec<usize> = (1..text.len()).collect();
    upstream.push(Reply::sse().cut_at(text.as_bytes(), &bytewise).end());
    let frames = streamed(&gateway, "/v1/chat/completions", &chat_stream("chat"));
    assert_eq!(check::openai_text(&frames), SAID);
    quiet(&gateway, &[&upstream, &other]);
}
