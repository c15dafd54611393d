//! Requests to Anthropic.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::super::{parse_request, shed_own_members, write_request};
use super::{data, write_options};
use crate::base::{Fault, FaultKind};
use crate::wire::neutral::{
    Format, Image, Message, Part, Request, Role, Thinking, Tool, ToolCall, ToolChoice,
};
use crate::wire::openai;

fn message(role: Role, parts: Vec<Part>) -> Message {
    Message {
        role,
        parts,
        name: None,
    }
}

fn says(role: Role, text: &str) -> Message {
    message(role, vec![Part::text(text)])
}

fn call(id: &str, name: &str, arguments: &str) -> Part {
    Part::ToolCall(ToolCall {
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
    })
}

fn result(id: &str, text: &str) -> Part {
    Part::ToolResult {
        id: id.to_owned(),
        name: None,
        parts: vec![Part::text(text)],
        is_error: false,
    }
}

fn tool(name: &str) -> Tool {
    Tool::Function {
        name: name.to_owned(),
        description: Some("does".to_owned()),
        schema: json!({"type": "object", "properties": {}}),
        strict: None,
        cache: None,
    }
}

fn hi() -> Request {
    Request {
        messages: vec![says(Role::User, "hi")],
        ..Request::default()
    }
}

fn json_of(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap()
}

fn send_with(
    request: &Request,
    model: &str,
    drop: bool,
    defaults: &Map<String, Value>,
) -> Result<(Value, Vec<String>), Fault> {
    let written = write_request(request, &write_options(model, drop, defaults))?;
    Ok((json_of(&written.body), written.dropped))
}

fn send(request: &Request) -> Value {
    send_with(request, "claude-sonnet-4-5", false, &Map::new())
        .unwrap()
        .0
}

#[test]
fn a_plain_request_is_small() {
    assert_eq!(
        send(&hi()),
        json!({"model": "claude-sonnet-4-5", "max_tokens": 8192, "messages": [{"role": "user", "content": "hi"}]})
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn a_conversation_of_openais_kind_becomes_anthropics_turns() {
    let request = Request {
        messages: vec![
            says(Role::System, "one"),
            says(Role::User, "a"),
            message(
                Role::User,
                vec![
                    Part::text("  "),
                    Part::image(Image::Url {
                        url: "data:image/jpg;base64,AAAA".to_owned(),
                        detail: Some("low".to_owned()),
                    }),
                ],
            ),
            message(
                Role::Assistant,
                vec![
                    Part::Thinking {
                        text: "unsigned".to_owned(),
                        signature: None,
                    },
                    Part::text(""),
                    call("call:1", "my.f", ""),
                    call("c2", "g", r#"{ "n" : 1.10 }"#),
                ],
            ),
            message(Role::User, vec![result("call:1", "r1")]),
            message(Role::User, vec![result("c2", "r2")]),
            says(Role::User, "go on"),
            says(Role::System, "two"),
            says(Role::Assistant, "begin \n"),
        ],
        tools: vec![tool("my.f"), tool("g")],
        tool_choice: Some(ToolChoice::Function("my.f".to_owned())),
        parallel_tool_calls: Some(false),
        stop: vec!["X".to_owned()],
        user: Some("u-1".to_owned()),
        stream: true,
        max_tokens: Some(5),
        temperature: Some(0.25),
        ..Request::default()
    };
    let tool = |name: &str| json!({"name": name, "description": "does", "input_schema": {"type": "object", "properties": {}}});
    let result =
        |id: &str, text: &str| json!({"type": "tool_result", "tool_use_id": id, "content": text});
    let expected = json!({
        "model": "claude-sonnet-4-5",
        "max_tokens": 5,
        "system": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}],
        "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": "a"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "AAAA"}},
            ]},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "call_1", "name": "my_f", "input": {}},
                {"type": "tool_use", "id": "c2", "name": "g", "input": {"n": 1.1}},
            ]},
            {"role": "user", "content": [result("call_1", "r1"), result("c2", "r2"), {"type": "text", "text": "go on"}]},
            {"role": "assistant", "content": "begin"},
        ],
        "tools": [tool("my_f"), tool("g")],
        "tool_choice": {"type": "tool", "name": "my_f", "disable_parallel_tool_use": true},
        "temperature": 0.25,
        "stop_sequences": ["X"],
        "metadata": {"user_id": "u-1"},
        "stream": true,
    });
    assert_eq!(send(&request), expected);
    let raw = write_request(
        &request,
        &write_options("claude-sonnet-4-5", false, &Map::new()),
    )
    .unwrap()
    .body;
    assert!(
        String::from_utf8(raw)
            .unwrap()
            .contains(r#""input":{ "n" : 1.10 }"#),
        "arguments go as they came"
    );
}

#[test]
fn choices_and_marks_are_written() {
    let mut request = Request {
        tools: vec![tool("f")],
        ..hi()
    };
    for (choice, single, expected) in [
        (Some(ToolChoice::Auto), None, json!({"type": "auto"})),
        (Some(ToolChoice::Required), None, json!({"type": "any"})),
        (Some(ToolChoice::None), Some(false), json!({"type": "none"})),
        (
            None,
            Some(false),
            json!({"type": "auto", "disable_parallel_tool_use": true}),
        ),
        (None, Some(true), Value::Null),
    ] {
        request.tool_choice = choice;
        request.parallel_tool_calls = single;
        assert_eq!(send(&request)["tool_choice"], expected);
    }
    let mark = json!({"type": "ephemeral"});
    let marked = |text: &str| Part::Text {
        text: text.to_owned(),
        cache: Some(mark.clone()),
    };
    let request = Request {
        messages: vec![
            message(Role::System, vec![marked("s")]),
            message(
                Role::User,
                vec![
                    Part::ToolResult {
                        id: "a".to_owned(),
                        name: None,
                        parts: vec![marked("r")],
                        is_error: true,
                    },
                    marked("t"),
                ],
            ),
        ],
        ..Request::default()
    };
    let sent = send(&request);
    assert_eq!(
        sent["system"],
        json!([{"type": "text", "text": "s", "cache_control": mark}])
    );
    assert_eq!(
        sent["messages"][0]["content"],
        json!([
            {"type": "tool_result", "tool_use_id": "a", "content": "r", "is_error": true, "cache_control": mark},
            {"type": "text", "text": "t", "cache_control": mark},
        ])
    );
}

#[test]
fn files_and_foreign_parts_are_written_or_refused() {
    let file = |data: &str| {
        Part::File(json!({"type": "file", "file": {"filename": "n", "file_data": data}}))
    };
    let content = |part: Part| {
        let request = Request {
            messages: vec![message(Role::User, vec![Part::text("x"), part])],
            ..Request::default()
        };
        send_with(&request, "claude-sonnet-4-5", false, &Map::new())
            .map(|(sent, _)| sent["messages"][0]["content"][1].clone())
    };
    assert_eq!(
        content(file("data:application/pdf;base64,JVBE")).unwrap(),
        json!({"type": "document", "title": "n",
        "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}})
    );
    assert_eq!(
        content(file("data:text/markdown;base64,aGk=")).unwrap(),
        json!({"type": "document", "title": "n",
        "source": {"type": "text", "media_type": "text/plain", "data": "hi"}})
    );
    assert_eq!(
        content(file("data:image/png;base64,AAAA")).unwrap()["type"],
        "image"
    );
    let own = json!({"type": "search_result", "source": "s", "title": "t", "content": []});
    assert_eq!(content(Part::Other(own.clone())).unwrap(), own);
    assert_eq!(
        content(Part::Other(json!({"type": "refusal", "refusal": "no"}))).unwrap()["text"],
        "no"
    );
    for part in [
        file("data:application/zip;base64,AAAA"),
        file("%PDF"),
        Part::Other(json!({"type": "input_audio"})),
    ] {
        let fault = content(part).unwrap_err();
        assert_eq!(
            (fault.kind, fault.param.as_deref()),
            (FaultKind::Unsupported, Some("messages"))
        );
    }
}

#[test]
fn what_cannot_be_said_is_refused_or_dropped_by_name() {
    let extra = |value: Value| Request {
        extra: value.as_object().unwrap().clone(),
        ..hi()
    };
    let cases = [
        ("n", Request { n: Some(2), ..hi() }),
        (
            "seed",
            Request {
                seed: Some(1),
                ..hi()
            },
        ),
        (
            "frequency_penalty",
            Request {
                frequency_penalty: Some(0.5),
                ..hi()
            },
        ),
        (
            "presence_penalty",
            Request {
                presence_penalty: Some(0.5),
                ..hi()
            },
        ),
        (
            "stop",
            Request {
                stop: vec!["\n".to_owned()],
                ..hi()
            },
        ),
        ("logit_bias", extra(json!({"logit_bias": {"5": 1}}))),
        ("logprobs", extra(json!({"logprobs": true}))),
        (
            "tools",
            Request {
                tools: vec![Tool::Hosted(json!({"type": "file_search"}))],
                ..hi()
            },
        ),
    ];
    for (name, request) in cases {
        let fault = send_with(&request, "claude-sonnet-4-5", false, &Map::new()).unwrap_err();
        assert_eq!(
            (fault.kind, fault.param.as_deref()),
            (FaultKind::Unsupported, Some(name))
        );
        let (sent, dropped) = send_with(&request, "claude-sonnet-4-5", true, &Map::new()).unwrap();
        assert_eq!(dropped, [name]);
        assert_eq!(sent, send(&hi()));
    }
    let idle = Request {
        n: Some(1),
        frequency_penalty: Some(0.0),
        extra: json!({"logprobs": false, "logit_bias": {}, "modalities": ["text"], "stream_options": {"include_usage": true}}).as_object().unwrap().clone(),
        ..hi()
    };
    assert_eq!(
        send_with(&idle, "claude-sonnet-4-5", false, &Map::new()).unwrap(),
        (send(&hi()), vec![])
    );
}

#[test]
fn a_local_servers_members_do_not_spoil_a_failover() {
    let request = Request {
        extra: json!({"num_ctx": 8192, "keep_alive": "1h", "store": false, "container": "c", "service_tier": "flex"}).as_object().unwrap().clone(),
        user: Some("a@b.example".to_owned()),
        ..hi()
    };
    let (sent, dropped) = send_with(&request, "claude-sonnet-4-5", false, &Map::new()).unwrap();
    assert_eq!(
        dropped,
        ["num_ctx", "keep_alive", "store", "service_tier", "user"]
    );
    assert_eq!(
        (&sent["container"], sent.get("metadata")),
        (&json!("c"), None)
    );
}

#[test]
fn a_form_is_asked_natively_or_by_its_tool() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let mut request = Request {
        format: Some(Format::Schema {
            name: None,
            schema: schema.clone(),
            strict: None,
        }),
        ..hi()
    };
    let native = send(&request);
    assert_eq!(
        native["output_config"]["format"]["schema"]["additionalProperties"],
        false
    );
    assert_eq!(native.get("tools"), None);

    let by_tool = |request: &Request| {
        send_with(request, "claude-3-5-sonnet", false, &Map::new())
            .unwrap()
            .0
    };
    let sent = by_tool(&request);
    assert_eq!(
        (&sent["tools"][0]["name"], &sent["tools"][0]["input_schema"]),
        (&json!("json_tool_call"), &schema)
    );
    assert_eq!(
        sent["tool_choice"],
        json!({"type": "tool", "name": "json_tool_call"})
    );
    request.tools = vec![tool("f")];
    assert_eq!(by_tool(&request)["tool_choice"], json!({"type": "any"}));
    request.format = Some(Format::Json);
    request.thinking = Some(Thinking::Budget(2_000));
    assert_eq!(send(&request)["tool_choice"], json!({"type": "auto"}));
    request.tools = vec![tool("json_tool_call")];
    assert!(send_with(&request, "claude-3-7-sonnet", false, &Map::new()).is_err());
}

#[test]
fn thinking_is_written_for_each_kind_of_model() {
    let request = Request {
        thinking: Some(Thinking::Effort("low".to_owned())),
        ..hi()
    };
    assert_eq!(
        send(&request)["thinking"],
        json!({"type": "enabled", "budget_tokens": 1024})
    );
    let (sent, _) = send_with(&request, "claude-opus-4-7", false, &Map::new()).unwrap();
    assert_eq!(
        sent["thinking"],
        json!({"type": "adaptive", "display": "summarized"})
    );
    assert_eq!(sent["output_config"], json!({"effort": "low"}));
    let off = Request {
        thinking: Some(Thinking::Off),
        ..hi()
    };
    assert_eq!(send(&off)["thinking"], json!({"type": "disabled"}));

    let forced = Request {
        tools: vec![tool("f")],
        tool_choice: Some(ToolChoice::Required),
        ..request.clone()
    };
    let (sent, dropped) = send_with(&forced, "claude-sonnet-4-5", false, &Map::new()).unwrap();
    assert_eq!(
        (sent.get("thinking"), dropped),
        (None, vec!["thinking".to_owned()])
    );

    let round = |thought: Option<Part>| Request {
        messages: vec![
            says(Role::User, "x"),
            message(
                Role::Assistant,
                thought.into_iter().chain([call("a", "f", "{}")]).collect(),
            ),
            message(Role::User, vec![result("a", "r")]),
        ],
        tools: vec![tool("f")],
        ..request.clone()
    };
    assert_eq!(send(&round(None)).get("thinking"), None);
    let signed = Part::Thinking {
        text: "t".to_owned(),
        signature: Some("s".to_owned()),
    };
    assert!(send(&round(Some(signed))).get("thinking").is_some());
}

#[test]
fn earlier_calls_get_their_tools_declared() {
    let request = Request {
        messages: vec![
            says(Role::User, "x"),
            message(Role::Assistant, vec![call("a", "f.g", "{}")]),
            message(Role::User, vec![result("a", "r")]),
        ],
        ..Request::default()
    };
    let sent = send(&request);
    assert_eq!(
        sent["tools"],
        json!([{"name": "f_g", "input_schema": {"type": "object", "properties": {}}}])
    );
    assert_eq!(sent["tool_choice"], json!({"type": "none"}));
}

#[test]
fn defaults_of_the_deployment_go_in() {
    let defaults = json!({"temperature": 0.5, "max_tokens": 77, "extra_body": {"container": "c"}, "web_search_options": {}});
    let request = Request {
        temperature: Some(0.0),
        ..hi()
    };
    let (sent, _) = send_with(
        &request,
        "claude-sonnet-4-5",
        false,
        defaults.as_object().unwrap(),
    )
    .unwrap();
    assert_eq!(
        (
            &sent["temperature"],
            &sent["max_tokens"],
            &sent["container"]
        ),
        (&json!(0.0), &json!(77), &json!("c"))
    );
    assert_eq!(
        sent["tools"],
        json!([{"type": "web_search_20250305", "name": "web_search"}])
    );
}

#[test]
fn marks_for_the_cache_on_results_and_pictures_go_up() {
    let mark = json!({"type": "ephemeral"});
    let body = json!({"model": "m", "messages": [
        {"role": "user", "content": [
            {"type": "text", "text": "look"},
            {"type": "image_url", "image_url": {"url": "https://x/y.png"}, "cache_control": mark},
        ]},
        {"role": "assistant", "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        ]},
        {"role": "tool", "tool_call_id": "a", "content": "1", "cache_control": mark},
    ]});
    let request = openai::parse_request(body.to_string().as_bytes()).unwrap();
    let sent = send(&request);
    assert_eq!(sent["messages"][0]["content"][1]["cache_control"], mark);
    assert_eq!(sent["messages"][2]["content"][0]["cache_control"], mark);

    let native = json!({"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": [
        {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}, "cache_control": mark},
    ]}]});
    let request = parse_request(native.to_string().as_bytes()).unwrap();
    assert_eq!(send(&request)["messages"], native["messages"]);
}

#[test]
fn nothing_to_say_is_refused() {
    let empty = Request {
        messages: vec![says(Role::System, "s"), says(Role::User, " ")],
        ..Request::default()
    };
    assert_eq!(
        send_with(&empty, "m", false, &Map::new())
            .unwrap_err()
            .param
            .as_deref(),
        Some("messages")
    );
}

#[test]
fn a_coding_agents_request_survives_the_way_through() {
    let request = parse_request(data!("request-claude-code.json").as_bytes()).unwrap();
    let written = write_request(&request, &write_options("local", false, &Map::new())).unwrap();
    let mut again = parse_request(&written.body).unwrap();
    // A model of no known make gets the effort as a budget.
    assert_eq!(
        std::mem::replace(&mut again.thinking, request.thinking.clone()),
        Some(Thinking::Budget(4_096))
    );
    again.temperature = request.temperature;
    assert_eq!(again, request);
    shed_own_members(&mut again);
    assert!(again.extra.is_empty());
}

fn word() -> impl Strategy<Value = String> {
    "[a-zA-Zé\"\\\\ \n]{0,8}[a-z]"
}

fn mark() -> impl Strategy<Value = Option<Value>> {
    prop::option::of(Just(json!({"type": "ephemeral"})))
}

fn text() -> impl Strategy<Value = Part> {
    (word(), mark()).prop_map(|(text, cache)| Part::Text { text, cache })
}

fn turn() -> impl Strategy<Value = [Message; 2]> {
    let user = prop_oneof![
        text(),
        word().prop_map(|data| Part::image(Image::Base64 {
            media_type: "image/png".to_owned(),
            data
        })),
        Just(Part::image(Image::Url {
            url: "https://x/y.png".to_owned(),
            detail: None
        })),
    ];
    let results =
        (word(), text(), any::<bool>()).prop_map(|(id, part, is_error)| Part::ToolResult {
            id: id.replace(|c: char| !c.is_ascii_alphanumeric(), "_"),
            name: None,
            parts: vec![part],
            is_error,
        });
    let assistant = prop_oneof![
        text(),
        (word(), "[a-z]{1,4}").prop_map(|(text, signature)| Part::Thinking {
            text,
            signature: Some(signature)
        }),
        "[a-z]{1,4}".prop_map(|data| Part::RedactedThinking { data }),
        ("[a-z0-9_-]{1,8}", "[a-z]{1,4}", word()).prop_map(|(id, name, value)| call(
            &id,
            &name,
            &json!({"k": value}).to_string()
        )),
    ];
    (
        prop::collection::vec(results, 0..3),
        prop::collection::vec(user, 1..3),
        prop::collection::vec(assistant, 1..4),
    )
        .prop_map(|(results, user, assistant)| {
            [
                message(Role::User, results.into_iter().chain(user).collect()),
                message(Role::Assistant, assistant),
            ]
        })
}

fn request() -> impl Strategy<Value = Request> {
    (
        prop::collection::vec(text(), 0..3),
        prop::collection::vec(turn(), 1..4),
        prop::option::of(0.0_f64..1.0),
        prop::option::of(1_u64..100),
        prop::collection::vec(word(), 0..2),
        any::<bool>(),
        prop::option::of("[a-z]{1,5}"),
    )
        .prop_map(|(system, turns, temperature, top_k, stop, stream, user)| {
            let mut messages = Vec::new();
            if !system.is_empty() {
                messages.push(message(Role::System, system));
            }
            messages.extend(turns.into_iter().flatten());
            messages.push(says(Role::User, "end"));
            Request {
                model: "claude-3-5-sonnet".to_owned(),
                messages,
                tools: vec![tool("f")],
                max_tokens: Some(10),
                temperature,
                top_k,
                stop,
                stream,
                user,
                include_usage: true,
                ..Request::default()
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn what_the_dialect_can_say_survives_the_way_out_and_in(request in request()) {
        let defaults = Map::new();
        let written = write_request(&request, &write_options(&request.model, false, &defaults)).unwrap();
        prop_assert_eq!(written.dropped, Vec::<String>::new());
        prop_assert_eq!(parse_request(&written.body).unwrap(), request);
    }
}
