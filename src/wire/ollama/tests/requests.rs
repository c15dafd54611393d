//! What goes up to Ollama.

use serde_json::{Value, json};

use super::super::write_request;
use crate::base::{Fault, FaultKind};
use crate::wire::neutral::{
    Format, Image, Message, Part, Request, Role, Thinking, Tool, ToolCall, ToolChoice,
};
use crate::wire::shape::WriteOptions;

fn message(role: Role, parts: Vec<Part>) -> Message {
    Message {
        role,
        parts,
        name: None,
    }
}

fn hi() -> Request {
    Request {
        messages: vec![message(Role::User, vec![Part::text("hi")])],
        ..Request::default()
    }
}

fn tool(name: &str) -> Tool {
    Tool::Function {
        name: name.to_owned(),
        description: Some("does".to_owned()),
        schema: json!({"type": "object", "properties": {"a": {"type": "string"}}}),
        strict: Some(true),
        cache: None,
    }
}

fn json_of(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap()
}

pub(super) fn send_with(
    request: &Request,
    model: &str,
    drop_params: bool,
    defaults: &Value,
) -> Result<(Value, Vec<String>), Fault> {
    let defaults = defaults.as_object().unwrap();
    let options = WriteOptions {
        model,
        drop_params,
        drop: &[],
        defaults,
        max_tokens: 1,
    };
    let written = write_request(request, &options)?;
    Ok((json_of(&written.body), written.dropped))
}

fn send(request: &Request) -> Value {
    send_with(request, "llama3.2", false, &json!({})).unwrap().0
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn a_conversation_goes_up_in_ollamas_shape() {
    let picture = |url: &str| {
        Part::image(Image::Url {
            url: url.to_owned(),
            detail: None,
        })
    };
    let request = Request {
        messages: vec![
            message(Role::System, vec![Part::text("a"), Part::text("b")]),
            message(
                Role::User,
                vec![
                    Part::text("see"),
                    Part::image(Image::Base64 {
                        media_type: "image/png".to_owned(),
                        data: "AAAA".to_owned(),
                    }),
                    picture("data:image/png;base64,BBBB"),
                    Part::text("this"),
                ],
            ),
            message(
                Role::Assistant,
                vec![
                    Part::Thinking {
                        text: "hm".to_owned(),
                        signature: Some("s".to_owned()),
                    },
                    Part::RedactedThinking {
                        data: "x".to_owned(),
                    },
                    Part::text("ok"),
                    Part::ToolCall(ToolCall {
                        id: "c1".to_owned(),
                        name: "f".to_owned(),
                        arguments: r#"{"a":"1"}"#.to_owned(),
                    }),
                    Part::ToolCall(ToolCall {
                        id: "c2".to_owned(),
                        name: "g".to_owned(),
                        arguments: String::new(),
                    }),
                ],
            ),
            message(
                Role::User,
                vec![
                    Part::ToolResult {
                        id: "c1".to_owned(),
                        name: None,
                        parts: vec![Part::text("r1")],
                        is_error: false,
                    },
                    Part::ToolResult {
                        id: "c2".to_owned(),
                        name: Some("named".to_owned()),
                        parts: vec![],
                        is_error: true,
                    },
                    Part::text("and?"),
                    Part::File(
                        json!({"type": "file", "file": {"file_data": "data:text/plain;base64,aGk="}}),
                    ),
                    Part::File(
                        json!({"type": "document", "source": {"type": "text", "data": "doc"}}),
                    ),
                ],
            ),
        ],
        tools: vec![tool("f"), tool("g")],
        stream: true,
        ..Request::default()
    };
    let function = |name: &str| {
        json!({"type": "function", "function": {"name": name, "description": "does",
        "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}}})
    };
    assert_eq!(
        send(&request),
        json!({
            "model": "llama3.2",
            "messages": [
                {"role": "system", "content": "a\n\nb"},
                {"role": "user", "content": "see\nthis", "images": ["AAAA", "BBBB"]},
                {"role": "assistant", "content": "ok", "thinking": "hm", "tool_calls": [
                    {"id": "c1", "function": {"index": 0, "name": "f", "arguments": {"a": "1"}}},
                    {"id": "c2", "function": {"index": 1, "name": "g", "arguments": {}}},
                ]},
                {"role": "tool", "content": "r1", "tool_name": "f", "tool_call_id": "c1"},
                {"role": "tool", "content": "", "tool_name": "named", "tool_call_id": "c2"},
                {"role": "user", "content": "and?\nhi\ndoc"},
            ],
            "tools": [function("f"), function("g")],
            "stream": true,
        })
    );
    let by_address = Request {
        messages: vec![message(Role::User, vec![picture("https://x/y.png")])],
        ..Request::default()
    };
    for drop_params in [false, true] {
        let fault = send_with(&by_address, "m", drop_params, &json!({})).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Unsupported);
        assert!(fault.message.contains("cannot fetch"), "{}", fault.message);
    }
    let pdf = Request {
        messages: vec![message(
            Role::User,
            vec![Part::File(
                json!({"file": {"file_data": "data:application/pdf;base64,AA"}}),
            )],
        )],
        ..Request::default()
    };
    assert_eq!(
        send_with(&pdf, "m", false, &json!({}))
            .unwrap_err()
            .param
            .as_deref(),
        Some("messages")
    );
}

#[test]
fn parameters_are_sorted_into_options_and_the_top() {
    let request = Request {
        max_tokens: Some(9),
        temperature: Some(0.1),
        top_p: Some(0.2),
        top_k: Some(3),
        seed: Some(-4),
        frequency_penalty: Some(0.5),
        presence_penalty: Some(0.6),
        stop: vec!["X".to_owned()],
        n: Some(1),
        parallel_tool_calls: Some(false),
        format: Some(Format::Json),
        extra: json!({
            "num_ctx": 8192, "keep_alive": "10m", "options": {"min_p": 0.1}, "brand_new": 1, "store": true,
            "logprobs": false, "context_management": {}, "stream_options": {"include_usage": true}, "gone": null,
        }).as_object().unwrap().clone(),
        ..hi()
    };
    let defaults = json!({"num_gpu": 20, "num_ctx": 1, "repeat_penalty": 1.1, "keep_alive": -1, "truncate": false, "mirostat": 2});
    let (sent, dropped) = send_with(&request, "m", false, &defaults).unwrap();
    assert_eq!(
        sent,
        json!({
            "model": "m",
            "messages": [{"role": "user", "content": "hi"}],
            "stream": false,
            "format": "json",
            "keep_alive": "10m",
            "truncate": false,
            "options": {
                "num_ctx": 8192, "min_p": 0.1, "brand_new": 1, "num_gpu": 20, "repeat_penalty": 1.1, "mirostat": 2,
                "num_predict": 9, "temperature": 0.1, "top_p": 0.2, "top_k": 3, "seed": -4,
                "frequency_penalty": 0.5, "presence_penalty": 0.6, "stop": ["X"],
            },
        })
    );
    assert_eq!(
        dropped,
        ["store", "context_management", "parallel_tool_calls"]
    );
    let schema = json!({"type": "object"});
    let request = Request {
        format: Some(Format::Schema {
            name: None,
            schema: schema.clone(),
            strict: None,
        }),
        ..hi()
    };
    assert_eq!(send(&request)["format"], schema);
}

#[test]
fn choices_take_tools_away() {
    let names = |choice: Option<ToolChoice>| {
        let request = Request {
            tools: vec![tool("f"), tool("g")],
            tool_choice: choice,
            ..hi()
        };
        let (sent, dropped) = send_with(&request, "m", false, &json!({})).unwrap();
        assert_eq!(sent.get("tool_choice"), None);
        let tools = sent["tools"].as_array().cloned().unwrap_or_default();
        (
            tools
                .iter()
                .map(|tool| tool["function"]["name"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>(),
            dropped,
        )
    };
    assert_eq!(names(None), (vec!["f".into(), "g".into()], vec![]));
    assert_eq!(names(Some(ToolChoice::None)), (vec![], vec![]));
    assert_eq!(
        names(Some(ToolChoice::Required)),
        (vec!["f".into(), "g".into()], vec!["tool_choice".into()])
    );
    assert_eq!(
        names(Some(ToolChoice::Function("g".into()))),
        (vec!["g".into()], vec!["tool_choice".into()])
    );
}

#[test]
fn thinking_is_asked_only_where_it_cannot_fail() {
    let cases = [
        (Thinking::Off, "qwen3", Some(json!(false))),
        (
            Thinking::Effort("none".to_owned()),
            "qwen3",
            Some(json!(false)),
        ),
        (Thinking::Effort("high".to_owned()), "qwen3", None),
        (Thinking::On, "llama3.2", None),
        (
            Thinking::Effort("minimal".to_owned()),
            "gpt-oss:20b",
            Some(json!("low")),
        ),
        (
            Thinking::Effort("medium".to_owned()),
            "gpt-oss:20b",
            Some(json!("medium")),
        ),
        (
            Thinking::Effort("xhigh".to_owned()),
            "gpt-oss:20b",
            Some(json!("high")),
        ),
        (
            Thinking::Budget(3_000),
            "gpt-oss:20b",
            Some(json!("medium")),
        ),
    ];
    for (thinking, model, expected) in cases {
        let request = Request {
            thinking: Some(thinking.clone()),
            ..hi()
        };
        let sent = send_with(&request, model, false, &json!({})).unwrap().0;
        assert_eq!(sent.get("think").cloned(), expected, "{thinking:?} {model}");
    }
}

#[test]
fn what_ollama_cannot_do_is_refused_or_dropped_by_name() {
    let extra = |value: Value| Request {
        extra: value.as_object().unwrap().clone(),
        ..hi()
    };
    let cases = [
        ("n", Request { n: Some(2), ..hi() }),
        ("logit_bias", extra(json!({"logit_bias": {"5": 1}}))),
        ("logprobs", extra(json!({"logprobs": true}))),
        ("top_logprobs", extra(json!({"top_logprobs": 3}))),
        (
            "tools",
            Request {
                tools: vec![Tool::Hosted(json!({"type": "web_search_20250305"}))],
                ..hi()
            },
        ),
    ];
    for (name, request) in cases {
        let fault = send_with(&request, "m", false, &json!({})).unwrap_err();
        assert_eq!(
            (fault.kind, fault.param.as_deref()),
            (FaultKind::Unsupported, Some(name))
        );
        let (sent, dropped) = send_with(&request, "llama3.2", true, &json!({})).unwrap();
        assert_eq!((sent, dropped), (send(&hi()), vec![name.to_owned()]));
    }
}
