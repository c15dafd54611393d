//! What is built of a request for each dialect of backend.

use http::header::{HeaderName, HeaderValue};
use serde_json::json;

use super::*;
use crate::config::{FileText, Sources, resolve};
use crate::provider::forward::is_forwarded;

/// The deployment of this `litellm_params`.
fn deployment(params: &Value) -> Deployment {
    let config = json!({"model_list": [{"model_name": "m", "litellm_params": params}]});
    let mut sources = Sources::empty();
    sources.main = Some(FileText {
        name: "config.yaml".into(),
        bytes: config.to_string().into_bytes(),
    });
    let resolved = resolve(&sources);
    resolved.config.unwrap().deployments.pop().unwrap()
}

fn claude(more: &Value) -> Deployment {
    let mut params = json!({
        "model": "anthropic/claude-sonnet-4-5", "api_key": "k", "api_base": "http://127.0.0.1:9",
    });
    let more = more.as_object().unwrap().clone();
    params.as_object_mut().unwrap().extend(more);
    deployment(&params)
}

fn asked(surface: Surface, body: &Value, headers: &[(&'static str, &'static str)]) -> Asked {
    let bytes = Bytes::from(body.to_string());
    let head = Box::new(Head::read(&bytes, surface).unwrap());
    let mut forward = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_static(name);
        if is_forwarded(&name, true) {
            forward.append(name, HeaderValue::from_static(value));
        }
    }
    let subpath = match surface {
        Surface::Messages => "/messages",
        _ => "/chat/completions",
    };
    Asked::new(surface, subpath, Body::Json { head, bytes }, forward)
}

fn sent(asked: &Asked, deployment: &Deployment) -> Outgoing {
    let backend = Backend::prepare(deployment).unwrap();
    build(asked, &backend, deployment, "up", None).unwrap()
}

/// A header of a request that has it once at most.
fn header(out: &Outgoing, name: &str) -> Option<String> {
    let mut all = out
        .head
        .text()
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let first = all.next().map(str::to_owned);
    assert_eq!(all.next(), None, "{name} twice");
    first
}

fn message() -> Value {
    json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]})
}

#[test]
fn the_clients_version_of_anthropics_api_holds_where_its_bytes_go_up() {
    let newer = [("anthropic-version", "2026-10-21")];
    let version = |asked: &Asked, deployment: &Deployment| {
        header(&sent(asked, deployment), "anthropic-version")
    };
    let is = |text: &str| Some(text.to_owned());
    let plain = claude(&json!({}));
    let native = asked(Surface::Messages, &message(), &newer);
    assert_eq!(version(&native, &plain), is("2026-10-21"));
    let silent = asked(Surface::Messages, &message(), &[]);
    assert_eq!(version(&silent, &plain), is("2023-06-01"));
    let chat = asked(Surface::Chat, &message(), &newer);
    assert_eq!(version(&chat, &plain), is("2023-06-01"), "translated");
    let pinned = claude(&json!({"extra_headers": {"Anthropic-Version": "2024-01-01"}}));
    assert_eq!(version(&native, &pinned), is("2024-01-01"));
    let warm = claude(&json!({"temperature": 0.2}));
    assert_eq!(
        version(&native, &warm),
        is("2023-06-01"),
        "the newer one would refuse what our config puts in"
    );
    let ollama = deployment(&json!({"model": "ollama/x", "api_base": "http://127.0.0.1:9"}));
    assert_eq!(version(&native, &ollama), None);
}

#[test]
fn betas_go_to_anthropic_alone_and_beside_the_configs() {
    let betas = [
        ("anthropic-beta", "context-1m-2025-08-07"),
        ("openai-beta", "x=y"),
        ("traceparent", "00-1"),
        ("x-tenant", "a"),
        ("x-api-key", "sk-ours"),
        ("x-stainless-lang", "python"),
        ("user-agent", "test"),
    ];
    let native = asked(Surface::Messages, &message(), &betas).with_query(Some("beta=true&x=1"));
    let to_claude = sent(
        &native,
        &claude(&json!({"extra_headers": {"anthropic-beta": "own-1"}})),
    );
    let both = "own-1,context-1m-2025-08-07".to_owned();
    assert_eq!(header(&to_claude, "anthropic-beta"), Some(both));
    assert_eq!(header(&to_claude, "x-api-key"), Some("k".to_owned()));
    assert_eq!(header(&to_claude, "x-tenant"), Some("a".to_owned()));
    assert_eq!(header(&to_claude, "traceparent"), Some("00-1".to_owned()));
    assert_eq!(header(&to_claude, "openai-beta"), None);
    assert_eq!(header(&to_claude, "x-stainless-lang"), None);
    assert_eq!(header(&to_claude, "user-agent"), None);
    assert!(
        to_claude
            .head
            .text()
            .starts_with("POST /v1/messages?beta=true HTTP/1.1\r\n")
    );
    let openai = deployment(&json!({"model": "openai/x", "api_base": "http://127.0.0.1:9/v1"}));
    let to_openai = sent(&native, &openai);
    assert_eq!(header(&to_openai, "anthropic-beta"), None);
    assert_eq!(header(&to_openai, "openai-beta"), Some("x=y".to_owned()));
    assert!(
        to_openai
            .head
            .text()
            .starts_with("POST /v1/chat/completions HTTP/1.1\r\n")
    );
}

#[test]
fn a_round_that_another_backend_began_goes_to_anthropic_without_thinking() {
    let body = |first: &Value, edits: &Value| {
        json!({
            "model": "m", "max_tokens": 9000,
            "thinking": {"type": "enabled", "budget_tokens": 2000},
            "context_management": {"edits": edits},
            "messages": [
                {"role": "user", "content": "hi"},
                {"role": "assistant", "content": [
                    first, {"type": "tool_use", "id": "a", "name": "f", "input": {}},
                ]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "a", "content": "1"},
                ]},
            ],
        })
    };
    let plain = claude(&json!({}));
    let sent = |body: &Value| {
        let out = sent(&asked(Surface::Messages, body, &[]), &plain);
        let body: Value = serde_json::from_slice(&out.body).unwrap();
        (out.way.same, body)
    };
    let (thoughts, uses) = (
        json!({"type": "clear_thinking_20251015", "keep": "all"}),
        json!({"type": "clear_tool_uses_20250919"}),
    );
    let text = json!({"type": "text", "text": "I look"});
    let (same, without) = sent(&body(&text, &json!([thoughts])));
    assert!(!same);
    assert_eq!(without.get("thinking"), None);
    assert_eq!(without.get("context_management"), None);
    let (_, without) = sent(&body(&text, &json!([thoughts, uses])));
    assert_eq!(without["context_management"], json!({"edits": [uses]}));
    let signed = json!({"type": "thinking", "thinking": "t", "signature": "s"});
    let asked = body(&signed, &json!([thoughts]));
    let (same, with) = sent(&asked);
    assert!(same);
    assert_eq!(with["context_management"], asked["context_management"]);
}

#[test]
fn usage_is_not_asked_of_servers_that_refuse_the_question() {
    let body = json!({
        "model": "m", "max_tokens": 9, "stream": true,
        "messages": [{"role": "user", "content": "hi"}],
    });
    let asks = |surface, model: &str, base: &str| {
        let deployment = deployment(&json!({"model": model, "api_base": base, "api_key": "k"}));
        let out = sent(&asked(surface, &body, &[]), &deployment);
        let body: Value = serde_json::from_slice(&out.body).unwrap();
        body.get("stream_options").is_some()
    };
    let (mistral, other) = ("https://api.mistral.ai/v1", "http://127.0.0.1:9/v1");
    for surface in [Surface::Chat, Surface::Messages] {
        assert!(!asks(surface, "mistral/mistral-large-latest", mistral));
        assert!(!asks(surface, "codestral/codestral-latest", other));
        assert!(!asks(surface, "openai/mistral-small", mistral));
        assert!(asks(surface, "openai/mistral-small", other));
    }
}

#[test]
fn it_is_known_how_many_choices_a_stream_will_have() {
    let openai = |more: &Value| {
        let mut params = json!({"model": "openai/x", "api_base": "http://127.0.0.1:9/v1"});
        let more = more.as_object().unwrap().clone();
        params.as_object_mut().unwrap().extend(more);
        deployment(&params)
    };
    let (plain, doubled) = (openai(&json!({})), openai(&json!({"n": 2})));
    let once = openai(&json!({"additional_drop_params": ["n"]}));
    let chat = |n: u32| json!({"model": "m", "stream": true, "messages": [], "n": n});
    let text = |prompt: Value| json!({"model": "m", "stream": true, "prompt": prompt, "n": 2});
    let cases = [
        (Surface::Chat, chat(3), &plain, 3),
        (Surface::Chat, chat(3), &once, 1),
        (Surface::Chat, chat(3), &doubled, 3),
        (Surface::Completions, text(json!("a")), &plain, 2),
        (Surface::Completions, text(json!(["a", "b"])), &plain, 4),
        (Surface::Completions, text(json!([1, 2, 3])), &plain, 2),
        (Surface::Completions, text(json!([[1], [2]])), &plain, 4),
    ];
    for (surface, body, deployment, choices) in cases {
        let way = sent(&asked(surface, &body, &[]), deployment).way;
        assert_eq!(way.choices, choices, "{body}");
    }
    let silent = json!({"model": "m", "stream": true, "messages": []});
    let way = sent(&asked(Surface::Chat, &silent, &[]), &doubled).way;
    assert_eq!(way.choices, 2);
}

#[test]
fn embeddings_take_the_deployments_defaults_everywhere() {
    let body = json!({"model": "m", "input": "hi"});
    for model in ["openai/x", "ollama/x"] {
        let params = json!({"model": model, "api_base": "http://127.0.0.1:9", "dimensions": 64});
        let out = sent(
            &asked(Surface::Embeddings, &body, &[]),
            &deployment(&params),
        );
        let sent: Value = serde_json::from_slice(&out.body).unwrap();
        assert_eq!(sent["dimensions"], 64, "{model}");
    }
}

#[test]
fn other_headers_are_forwarded_only_where_the_config_says_so() {
    let name = HeaderName::from_static("x-tenant");
    assert!(is_forwarded(&name, true));
    assert!(!is_forwarded(&name, false));
    for ours in [
        "x-litellm-call-id",
        "x-forwarded-for",
        "x-real-ip",
        "authorization",
        "cookie",
    ] {
        assert!(
            !is_forwarded(&HeaderName::from_static(ours), true),
            "{ours}"
        );
    }
    assert!(is_forwarded(
        &HeaderName::from_static("anthropic-beta"),
        false
    ));
}
