//! Where a request's options come from, and what is no option of Ollama's.

use serde_json::{Value, json};

use super::requests::send_with;
use crate::base::FaultKind;
use crate::wire::shape::WriteOptions;
use crate::wire::{Request, anthropic, openai};

#[test]
fn what_the_client_said_wins_wherever_it_said_it() {
    let cases = [
        (
            json!({"options": {"num_ctx": 9, "temperature": 0}}),
            json!({"num_ctx": 2, "temperature": 0.5, "options": {"seed": 1}}),
            json!({"num_ctx": 9, "temperature": 0, "seed": 1}),
        ),
        (
            json!({"num_ctx": 9, "temperature": 0.0, "max_tokens": 7}),
            json!({"options": {"num_ctx": 2, "temperature": 0.5, "num_predict": 3}}),
            json!({"num_ctx": 9, "temperature": 0.0, "num_predict": 7}),
        ),
        (
            json!({}),
            json!({"num_ctx": 2, "options": {"min_p": 0.1}}),
            json!({"num_ctx": 2, "min_p": 0.1}),
        ),
    ];
    for (said, defaults, expected) in cases {
        let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
        let members = said.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(members);
        let request = openai::parse_request(body.to_string().as_bytes()).unwrap();
        let (sent, _) = send_with(&request, "llama3.2", false, &defaults).unwrap();
        assert_eq!(sent["options"], expected, "{said} over {defaults}");
    }
}

#[test]
fn what_only_completions_have_is_refused_or_dropped_by_name() {
    let asked = |members: &Value| {
        let mut body = json!({"model": "m", "prompt": "hi"});
        let members = members.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(members);
        openai::parse_completion_request(body.to_string().as_bytes()).unwrap()
    };
    let idle = asked(&json!({"suffix": "", "echo": false, "best_of": 1, "logprobs": null}));
    let to_claude = |request: &Request, drop_params| {
        let options = WriteOptions {
            model: "claude-sonnet-4-5",
            drop_params,
            drop: &[],
            defaults: &serde_json::Map::new(),
            max_tokens: 1,
        };
        anthropic::write_request(request, &options).map(|written| written.dropped)
    };
    send_with(&idle, "llama3.2", false, &json!({})).unwrap();
    assert_eq!(to_claude(&idle, false).unwrap(), [""; 0]);
    let spoken = [
        ("suffix", json!(")")),
        ("echo", json!(true)),
        ("best_of", json!(2)),
        ("logprobs", json!(3)),
    ];
    for (name, value) in spoken {
        let request = asked(&json!({name: value}));
        let fault = send_with(&request, "llama3.2", false, &json!({})).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Unsupported, "{name}");
        let (_, dropped) = send_with(&request, "llama3.2", true, &json!({})).unwrap();
        assert_eq!(dropped, [name]);
        let fault = to_claude(&request, false).unwrap_err();
        assert_eq!(fault.param.as_deref(), Some(name));
        assert_eq!(to_claude(&request, true).unwrap(), [name]);
    }
}
