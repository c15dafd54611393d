//! Relayed routes, lists, health and metrics, and what is said of routes there are not.

use serde_json::{Value, json};

use crate::support::canned::{anthropic, openai};
use crate::support::rig::{self, chat, message, quiet};
use crate::support::{Ask, Gateway, Reply, Upstream, check};

const BOUNDARY: &str = "----e2e-boundary";

fn form(model: &str) -> Vec<u8> {
    let mut body = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\
         Content-Type: audio/wav\r\n\r\n"
    )
    .into_bytes();
    body.extend([0, 255, 13, 10, 45, 45, 7]);
    body.extend(
        format!(
            "\r\n--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n{model}\r\n\
             --{BOUNDARY}--\r\n"
        )
        .into_bytes(),
    );
    body
}

#[test]
fn the_other_openai_routes_are_relayed() {
    let upstream = Upstream::start(|request| {
        let body = request.json();
        Reply::json(
            200,
            &json!({"model": body["model"], "path": request.path, "results": []}),
        )
    });
    let gateway = rig::start(&[rig::openai("any", &upstream)], "");
    for (path, sent) in [
        (
            "/v1/rerank",
            json!({"model": "any", "query": "q", "documents": ["a"]}),
        ),
        (
            "/rerank",
            json!({"model": "any", "query": "q", "documents": ["a"]}),
        ),
        (
            "/v1/images/generations",
            json!({"model": "any", "prompt": "a cat"}),
        ),
        ("/v1/moderations", json!({"model": "any", "input": "x"})),
    ] {
        let answer = gateway.post(path, &sent).must_be(200).json();
        let there = format!("/v1{}", path.trim_start_matches("/v1"));
        assert_eq!(answer["path"], Value::String(there), "{path}");
        let last = upstream.requests().pop().unwrap();
        assert_eq!(last.json()["model"], "mock-model");
    }
    quiet(&gateway, &[&upstream]);
}

/// What each of some routes asks the upstream for, when a client asks for `wrong` or for nothing.
#[track_caller]
fn asked_for(gateway: &Gateway, upstream: &Upstream, path: &str) -> Value {
    let body = json!({"model": "wrong", "max_tokens": 9, "prompt": "a", "input": "a",
        "query": "q", "documents": ["a"], "messages": [{"role": "user", "content": "hi"}]});
    let before = upstream.requests().len();
    gateway.post(path, &body);
    let sent = upstream.requests().into_iter().nth(before);
    sent.map_or(Value::Null, |request| request.json()["model"].clone())
}

#[test]
fn a_model_on_the_command_line_serves_requests_of_every_kind() {
    let upstream = Upstream::start(openai::server("one two three"));
    let gateway = Gateway::builder("general_settings: {}\n")
        .arg("--model=openai/only")
        .arg(&format!("--api_base={}/v1", upstream.url()))
        .start();
    for path in [
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/messages",
        "/v1/embeddings",
        "/v1/rerank",
        "/v1/images/generations",
        "/v1/moderations",
    ] {
        assert_eq!(asked_for(&gateway, &upstream, path), "only", "{path}");
    }
    let nameless = json!({"messages": [{"role": "user", "content": "hi"}]});
    gateway.post("/v1/chat/completions", &nameless).must_be(200);
    let sent = Ask::raw("POST", "/v1/audio/transcriptions", form("wrong")).header(
        "content-type",
        &format!("multipart/form-data; boundary={BOUNDARY}"),
    );
    sent.send(gateway.addr);
    assert_eq!(upstream.requests().pop().unwrap().body, form("only"));
}

#[test]
fn a_completion_model_takes_chats_completions_and_messages() {
    let upstream = Upstream::start(openai::server("one two three"));
    let entry = rig::openai("chat", &upstream);
    let gateway = rig::start(&[entry], "general_settings: {completion_model: chat}\n");
    for path in ["/v1/chat/completions", "/v1/completions", "/v1/messages"] {
        assert_eq!(asked_for(&gateway, &upstream, path), "mock-model", "{path}");
    }
    let other = json!({"model": "wrong", "input": "a"});
    gateway.post("/v1/embeddings", &other).must_be(400);
}

#[test]
fn audio_goes_both_ways_byte_for_byte() {
    let sound: Vec<u8> = (0..200_000_u32)
        .map(|n| n.to_le_bytes()[n as usize % 3])
        .collect();
    let played = sound.clone();
    let upstream = Upstream::start(move |request| {
        if request.path.ends_with("/speech") {
            Reply::body(200, "audio/mpeg", played.clone())
        } else {
            Reply::json(200, &json!({"text": "hello"}))
        }
    });
    let gateway = rig::start(&[rig::openai("ears", &upstream)], "");
    let answer = Ask::raw("POST", "/v1/audio/transcriptions", form("ears"))
        .header(
            "content-type",
            &format!("multipart/form-data; boundary={BOUNDARY}"),
        )
        .send(gateway.addr)
        .must_be(200);
    assert_eq!(answer.json()["text"], "hello");
    assert_eq!(upstream.requests()[0].body, form("mock-model"));

    let body = json!({"model": "ears", "input": "say", "voice": "alloy"});
    let answer = gateway.post("/v1/audio/speech", &body).must_be(200);
    assert_eq!(answer.header("content-type"), Some("audio/mpeg"));
    assert!(answer.body == sound, "{} bytes", answer.body.len());
    quiet(&gateway, &[&upstream]);
}

#[test]
fn lists_and_health_need_no_upstream() {
    let upstream = Upstream::start(openai::server("x"));
    let cloud = rig::entry("cloud", "anthropic/claude-sonnet-4-5", "http://127.0.0.1:9");
    let entries = [
        rig::openai("chat", &upstream),
        rig::openai("chat", &upstream).with("order: 2"),
        cloud,
    ];
    let gateway = rig::start(
        &entries,
        "router_settings: {model_group_alias: {gpt-4: chat}}\n",
    );
    for path in ["/v1/models", "/models"] {
        let list = gateway.get(path).must_be(200).json();
        let ids: Vec<&str> = list["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|m| m["id"].as_str().unwrap())
            .collect();
        assert_eq!(ids, ["chat", "cloud", "gpt-4"]);
    }
    let one = gateway.get("/v1/models/chat").must_be(200).json();
    assert_eq!(one["id"], "chat");
    gateway.get("/v1/models/none").must_be(404);
    let list = Ask::get("/v1/models")
        .header("anthropic-version", "2023-06-01")
        .send(gateway.addr);
    check::contains(
        &list.json(),
        &json!({"has_more": false, "first_id": "chat"}),
    );

    let info = gateway.get("/model/info").must_be(200).json();
    assert_eq!(info["data"].as_array().map(Vec::len), Some(3));
    assert_eq!(info["data"][0]["model_name"], "chat");
    assert_eq!(
        info["data"][0]["litellm_params"]["model"],
        "openai/mock-model"
    );
    let health = gateway.get("/health").must_be(200).json();
    let count = |name: &str| health[name].as_u64().unwrap();
    assert_eq!(count("healthy_count") + count("unhealthy_count"), 3);
    gateway.get("/health/liveliness").must_be(200);
    check::contains(
        &gateway.get("/health/readiness").must_be(200).json(),
        &json!({"status": "healthy"}),
    );
    gateway
        .post("/v1/chat/completions", &chat("chat"))
        .must_be(200);
    crate::support::wait_for(
        "the request to be counted",
        crate::support::wait::PATIENCE,
        || {
            let metrics = gateway.get("/metrics").must_be(200).text();
            metrics
                .contains("litellm_proxy_total_requests_metric_total{requested_model=\"chat\"} 1")
                .then_some(())
        },
    );
    quiet(&gateway, &[&upstream]);
    assert_eq!(
        upstream.requests().len(),
        1,
        "lists and health cost nothing"
    );
}

#[test]
fn what_is_not_there_is_said_in_the_clients_dialect() {
    let upstream = Upstream::start(openai::server("x"));
    let gateway = rig::start(&[rig::openai("chat", &upstream)], "");
    let answer = gateway.get("/v1/nothing").must_be(404);
    check::contains(
        &answer.json(),
        &json!({"error": {"type": "not_found_error", "code": "404"}}),
    );
    let answer = gateway.get("/v1/chat/completions").must_be(405);
    assert!(answer.json()["error"]["message"].is_string());
    let answer = gateway.get("/v1/messages").must_be(405);
    check::contains(&answer.json(), &json!({"type": "error"}));
    Ask::raw("DELETE", "/v1/models", Vec::new())
        .send(gateway.addr)
        .must_be(405);
    let answer = gateway
        .post("/v1/chat/completions", &chat("nobody"))
        .must_be(400);
    let said = answer.json()["error"]["message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(said.contains("nobody"), "{said}");
    let answer = gateway
        .post("/v1/messages", &message("nobody"))
        .must_be(400);
    check::contains(
        &answer.json(),
        &json!({"type": "error", "error": {"type": "invalid_request_error"}}),
    );
    assert!(upstream.requests().is_empty());
    quiet(&gateway, &[&upstream]);
}

#[test]
fn upstream_errors_arrive_in_the_clients_dialect() {
    let upstream =
        Upstream::start(|_| openai::error(400, "invalid_request_error", "bad temperature"));
    let other =
        Upstream::start(|_| anthropic::error(400, "invalid_request_error", "bad temperature"));
    let gateway = rig::start(
        &[rig::openai("a", &upstream), rig::anthropic("b", &other)],
        "router_settings: {num_retries: 3}\n",
    );
    for model in ["a", "b"] {
        let error = gateway
            .post("/v1/chat/completions", &chat(model))
            .must_be(400)
            .json();
        let said = error["error"]["message"].as_str().unwrap().to_owned();
        assert!(
            said.contains("BadRequestError") && said.contains("bad temperature"),
            "{said}"
        );
        assert_eq!(error["error"]["type"], "invalid_request_error");
        let error = gateway
            .post("/v1/messages", &message(model))
            .must_be(400)
            .json();
        check::contains(
            &error,
            &json!({"type": "error", "error": {"type": "invalid_request_error"}}),
        );
    }
    assert_eq!(
        upstream.requests().len(),
        2,
        "what the client did wrong is not tried again"
    );
    assert!(rig::unhealthy(&gateway).is_empty(), "and blames no backend");
    quiet(&gateway, &[&upstream, &other]);
}
