//! Requests and answers, into the neutral form and out of it.

use serde_json::{Map, Value, json};

use super::{frames, options, read};
use crate::base::{Fault, FaultKind, Usage};
use crate::wire::neutral::{
    Choice, Format, Image, Message, Part, Request, Role, Thinking, Tool, ToolCall, ToolChoice,
};
use crate::wire::openai::{
    EmbedAnswer, Encoding, Input, LONGEST_NAME, Reader, parse_answer, parse_answer_named,
    parse_completion_request, parse_embed_request, parse_request, write_answer,
    write_completion_answer, write_embed_answer, write_request,
};
use crate::wire::{Answer, Event, Finish, Names, WriteOptions};

fn parse(value: &Value) -> Request {
    parse_request(value.to_string().as_bytes()).unwrap()
}

fn fault(value: &Value) -> Fault {
    parse_request(value.to_string().as_bytes()).unwrap_err()
}

fn written(request: &Request, model: &str) -> Value {
    let none = Map::new();
    let options = WriteOptions {
        model,
        drop_params: false,
        drop: &[],
        defaults: &none,
        max_tokens: 4096,
    };
    serde_json::from_slice(&write_request(request, &options).unwrap().body).unwrap()
}

#[test]
fn a_limit_of_minus_one_is_none() {
    let user = json!([{"role": "user", "content": "hi"}]);
    let request = parse(&json!({"model": "m", "messages": user, "max_tokens": -1}));
    assert_eq!(request.max_tokens, None);
    let both = json!({
        "model": "m", "messages": user, "max_tokens": 7, "max_completion_tokens": -1,
    });
    assert_eq!(parse(&both).max_tokens, Some(7));
}

fn conversation() -> Value {
    json!({
        "model": "m",
        "messages": [
            {"role": "system", "content": "be kind"},
            {"role": "user", "name": "bob", "content": [
                {"type": "text", "text": "what is this"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}},
                {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
            ]},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{\"x\": 1}"}},
                {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}},
            ]},
            {"role": "tool", "tool_call_id": "a", "content": "one"},
            {"role": "tool", "tool_call_id": "b", "content": "two"},
            {"role": "user", "content": "go on"},
        ],
        "tools": [{"type": "function", "function": {
            "name": "f", "description": "d", "parameters": {"type": "object"}, "strict": true,
        }}],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "parallel_tool_calls": false,
        "max_tokens": 10,
        "temperature": 0.5,
        "top_p": 0.25,
        "top_k": 7,
        "seed": -3,
        "frequency_penalty": 1.0,
        "presence_penalty": -1.0,
        "stop": ["x", "y"],
        "n": 2,
        "response_format": {"type": "json_schema", "json_schema": {
            "name": "s", "schema": {"type": "object"}, "strict": true,
        }},
        "reasoning_effort": "low",
        "user": "u",
        "stream": true,
        "stream_options": {"include_usage": true},
        "logit_bias": {"1": 2},
    })
}

#[test]
fn a_conversation_survives_both_ways() {
    let value = conversation();
    let request = parse(&value);
    assert_eq!(written(&request, "m"), value);
    assert!(request.stream && request.include_usage);
    assert_eq!(request.messages.len(), 5);
    let results = &request.messages[3].parts;
    assert_eq!(
        results.len(),
        2,
        "results that follow each other share a message"
    );
    assert_eq!(request.thinking, Some(Thinking::Effort("low".to_owned())));
    assert_eq!(
        request.tool_choice,
        Some(ToolChoice::Function("f".to_owned()))
    );
}

#[test]
fn own_members_go_nowhere() {
    let request = parse(&json!({
        "model": "m", "messages": [{"role": "user", "content": "hi"}], "tags": ["a"],
        "metadata": {"k": "v"}, "fallbacks": ["b"], "keep_alive": 5, "logprobs": null,
    }));
    let extra: Vec<_> = request.extra.keys().collect();
    assert_eq!(extra, ["keep_alive"]);
    let stored = parse(&json!({
        "model": "m", "messages": [{"role": "user", "content": "hi"}],
        "metadata": {"k": "v"}, "store": true,
    }));
    assert_eq!(stored.extra.len(), 2);
}

#[test]
fn thinking_comes_in_many_spellings() {
    let cases = [
        (json!({"reasoning_effort": "none"}), Some(Thinking::Off)),
        (
            json!({"reasoning_effort": "high"}),
            Some(Thinking::Effort("high".to_owned())),
        ),
        (
            json!({"thinking": {"type": "enabled", "budget_tokens": 2000}}),
            Some(Thinking::Budget(2000)),
        ),
        (
            json!({"thinking": {"type": "disabled"}}),
            Some(Thinking::Off),
        ),
        (
            json!({"thinking": {"type": "adaptive"}}),
            Some(Thinking::On),
        ),
        (json!({}), None),
    ];
    for (members, wanted) in cases {
        let mut value = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
        value
            .as_object_mut()
            .unwrap()
            .extend(members.as_object().unwrap().clone());
        assert_eq!(parse(&value).thinking, wanted, "{members}");
    }
}

#[test]
fn what_is_too_long_for_openai_is_shortened_and_the_names_come_back() {
    let long = format!("mcp__{}", "x".repeat(80));
    let request = Request {
        user: Some("u".repeat(65)),
        messages: vec![Message {
            role: Role::Assistant,
            parts: vec![Part::ToolCall(ToolCall {
                id: "a".to_owned(),
                name: long.clone(),
                arguments: "{}".to_owned(),
            })],
            name: None,
        }],
        tools: vec![Tool::Function {
            name: long.clone(),
            description: None,
            schema: json!({"type": "object"}),
            strict: None,
            cache: None,
        }],
        tool_choice: Some(ToolChoice::Function(long.clone())),
        ..Request::default()
    };
    let body = written(&request, "m");
    let user = body["user"].as_str().unwrap();
    assert!(user.len() == 64 && user.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_eq!(written(&request, "other")["user"], user, "it is stable");
    let told = body["tools"][0]["function"]["name"].as_str().unwrap();
    assert!(told.len() <= 64, "{told}");
    assert_eq!(body["tool_choice"]["function"]["name"], told);
    let earlier = &body["messages"][0]["tool_calls"][0]["function"]["name"];
    assert_eq!(earlier, told);

    let names = Names::of(&request, LONGEST_NAME);
    let call = json!([{"index": 0, "id": "b", "function": {"name": told, "arguments": "{}"}}]);
    let answer = json!({"choices": [{"message": {"tool_calls": call}}]}).to_string();
    let answer = parse_answer_named(answer.as_bytes(), &names).unwrap();
    let Some(Part::ToolCall(call_back)) = answer.choices[0].parts.first() else {
        panic!("{answer:?}");
    };
    assert_eq!(call_back.name, long);
    let mut reader = Reader::with_names(names);
    let chunk = json!({"choices": [{"delta": {"tool_calls": call}}]});
    let mut events = Vec::new();
    for frame in frames(format!("data: {chunk}\n\n")) {
        reader.read(&frame, &mut events).unwrap();
    }
    let named = |event: &Event| matches!(event, Event::ToolStart { name, .. } if *name == long);
    assert!(events.iter().any(named), "{events:?}");
}

#[test]
fn geminis_signatures_come_down_in_ids_and_go_up_beside_the_calls() {
    let call = json!({
        "index": 0, "id": "function-call-1", "type": "function",
        "function": {"name": "f", "arguments": "{}"},
        "extra_content": {"google": {"thought_signature": "Cp+/=="}},
    });
    let answer = json!({"choices": [{"message": {"tool_calls": [call]}}]}).to_string();
    let answer = parse_answer(answer.as_bytes()).unwrap();
    let part = answer.choices[0].parts[0].clone();
    let Part::ToolCall(ToolCall { id, .. }) = &part else {
        panic!("{answer:?}");
    };
    let chunk = json!({"choices": [{"delta": {"tool_calls": [call]}}]});
    let events = read(format!("data: {chunk}\n\n"));
    let starts = |event: &Event| matches!(event, Event::ToolStart { id: of, .. } if of == id);
    assert!(events.iter().any(starts), "{events:?}");

    let request = Request {
        messages: vec![
            Message {
                role: Role::Assistant,
                parts: vec![part.clone()],
                name: None,
            },
            Message {
                role: Role::User,
                parts: vec![Part::ToolResult {
                    id: id.clone(),
                    name: None,
                    parts: vec![Part::text("1")],
                    is_error: false,
                }],
                name: None,
            },
        ],
        ..Request::default()
    };
    let again = |model| written(&request, model)["messages"].clone();
    let gemini = again("gemini-3-pro-preview");
    let sent = &gemini[0]["tool_calls"][0];
    assert_eq!(sent["id"], "function-call-1");
    assert_eq!(
        sent["extra_content"]["google"]["thought_signature"],
        "Cp+/=="
    );
    assert_eq!(gemini[1]["tool_call_id"], "function-call-1");
    let other = again("gpt-4o");
    assert_eq!(other[0]["tool_calls"][0].get("extra_content"), None);
    assert_eq!(other[0]["tool_calls"][0]["id"], "function-call-1");
}

#[test]
fn top_k_is_not_said_to_openais_models() {
    let request = Request {
        top_k: Some(7),
        ..Request::default()
    };
    assert_eq!(written(&request, "gpt-4o").get("top_k"), None);
    assert_eq!(written(&request, "openai/o3").get("top_k"), None);
    assert_eq!(written(&request, "openai/gpt-oss-20b")["top_k"], 7);
}

#[test]
fn earlier_reasoning_is_kept_with_its_signature() {
    let request = parse(&json!({"model": "m", "messages": [
        {"role": "assistant", "content": "a", "reasoning_content": "t", "thinking_blocks": [
            {"type": "thinking", "thinking": "t", "signature": "s"},
            {"type": "redacted_thinking", "data": "d"},
        ]},
        {"role": "assistant", "content": "a", "reasoning": "r"},
    ]}));
    let thought = |text: &str, signature: Option<&str>| Part::Thinking {
        text: text.to_owned(),
        signature: signature.map(str::to_owned),
    };
    assert_eq!(
        request.messages[0].parts,
        [
            thought("t", Some("s")),
            Part::RedactedThinking {
                data: "d".to_owned()
            },
            Part::text("a"),
        ]
    );
    assert_eq!(
        request.messages[1].parts,
        [thought("r", None), Part::text("a")]
    );
}

#[test]
fn legacy_functions_are_tools() {
    let request = parse(&json!({"model": "m",
    "functions": [{"name": "f"}], "function_call": {"name": "f"},
    "messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "done"},
    ]}));
    assert_eq!(
        request.tool_choice,
        Some(ToolChoice::Function("f".to_owned()))
    );
    assert!(matches!(request.tools.first(), Some(Tool::Function { name, .. }) if name == "f"));
    let call = &request.messages[1].parts;
    let result = &request.messages[2].parts;
    let (Some(Part::ToolCall(call)), Some(Part::ToolResult { id, .. })) =
        (call.first(), result.first())
    else {
        panic!("{request:?}");
    };
    assert_eq!(&call.id, id);
}

#[test]
fn faults_use_openais_words_and_name_the_place() {
    let user = json!([{"role": "user", "content": "hi"}]);
    let cases = [
        (
            json!({"model": "m"}),
            "Missing required parameter: 'messages'.",
            "messages",
        ),
        (
            json!({"messages": user}),
            "you must provide a model parameter",
            "model",
        ),
        (
            json!({"model": "m", "messages": "hi"}),
            "Invalid type for 'messages': expected an array of objects, but got a string instead.",
            "messages",
        ),
        (
            json!({"model": "m", "messages": []}),
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
            "messages",
        ),
        (
            json!({"model": "m", "messages": [{"role": "nobody", "content": "hi"}]}),
            "Invalid value: 'nobody'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'.",
            "messages[0].role",
        ),
        (
            json!({"model": "m", "messages": [{"role": "user"}]}),
            "Missing required parameter: 'messages[0].content'.",
            "messages[0].content",
        ),
        (
            json!({"model": "m", "messages": [{"role": "user", "content": 3}]}),
            "Invalid type for 'messages[0].content': expected one of a string or array of objects, but got an integer instead.",
            "messages[0].content",
        ),
        (
            json!({"model": "m", "messages": [{"role": "tool", "content": "x"}]}),
            "Missing required parameter: 'messages[0].tool_call_id'.",
            "messages[0].tool_call_id",
        ),
        (
            json!({"model": "m", "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:x"}}]}]}),
            "Invalid base64 image_url in 'messages[0].content[0].image_url': expected `data:<media type>;base64,<data>`.",
            "messages[0].content[0].image_url",
        ),
        (
            json!({"model": "m", "messages": user, "temperature": "warm"}),
            "Invalid type for 'temperature': expected a decimal, but got a string instead.",
            "temperature",
        ),
        (
            json!({"model": "m", "messages": user, "max_tokens": -2}),
            "Invalid 'max_tokens': integer below minimum value. Expected a value >= 0, but got -2 instead.",
            "max_tokens",
        ),
        (
            json!({"model": "m", "messages": user, "tools": [{"type": "function"}]}),
            "Missing required parameter: 'tools[0].function'.",
            "tools[0].function",
        ),
        (
            json!({"model": "m", "messages": user, "tool_choice": "maybe"}),
            "Invalid value: 'maybe'. Supported values are: 'none', 'auto', and 'required'.",
            "tool_choice",
        ),
        (
            json!({"model": "m", "messages": user, "response_format": {}}),
            "Missing required parameter: 'response_format.type'.",
            "response_format.type",
        ),
    ];
    for (value, message, param) in cases {
        let fault = fault(&value);
        assert_eq!(fault.message, message);
        assert_eq!(fault.param.as_deref(), Some(param));
        assert_eq!(fault.kind, FaultKind::InvalidRequest);
    }
}

#[test]
fn results_with_pictures_split_in_two() {
    let request = Request {
        messages: vec![Message {
            role: Role::User,
            parts: vec![
                Part::ToolResult {
                    id: "a".to_owned(),
                    name: None,
                    parts: vec![
                        Part::text("seen"),
                        Part::image(Image::Base64 {
                            media_type: "image/png".to_owned(),
                            data: "AA".to_owned(),
                        }),
                    ],
                    is_error: false,
                },
                Part::text("and?"),
            ],
            name: None,
        }],
        ..Request::default()
    };
    assert_eq!(
        written(&request, "m").get("messages").unwrap(),
        &json!([
            {"role": "tool", "tool_call_id": "a", "content": "seen"},
            {"role": "user", "content": [
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}},
                {"type": "text", "text": "and?"},
            ]},
        ])
    );
}

#[test]
fn writing_takes_defaults_drops_and_newer_names() {
    let request = Request {
        max_tokens: Some(5),
        format: Some(Format::Json),
        extra: json!({"a": {"b": 1, "c": 2}, "d": 3})
            .as_object()
            .unwrap()
            .clone(),
        tools: vec![Tool::Hosted(
            json!({"type": "web_search_20250305", "name": "web_search"}),
        )],
        tool_choice: Some(ToolChoice::Auto),
        ..Request::default()
    };
    let defaults = json!({"max_tokens": 9, "temperature": 1, "d": 4});
    let drop = ["a.b".to_owned(), "d".to_owned()];
    let mut options = WriteOptions {
        model: "gpt-5-mini",
        drop_params: true,
        drop: &drop,
        defaults: defaults.as_object().unwrap(),
        max_tokens: 4096,
    };
    let written = write_request(&request, &options).unwrap();
    assert_eq!(written.dropped, ["tools.web_search_20250305"]);
    assert_eq!(
        serde_json::from_slice::<Value>(&written.body).unwrap(),
        json!({
            "model": "gpt-5-mini", "messages": [], "max_completion_tokens": 5,
            "response_format": {"type": "json_object"}, "a": {"c": 2}, "temperature": 1,
        })
    );
    options.drop_params = false;
    let fault = write_request(&request, &options).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unsupported);
    assert_eq!(fault.param.as_deref(), Some("tools"));
}

fn answer() -> Answer {
    Answer {
        id: String::new(),
        model: "up".to_owned(),
        created: 0,
        choices: vec![Choice {
            parts: vec![
                Part::Thinking {
                    text: "hm".to_owned(),
                    signature: None,
                },
                Part::text("hi"),
                Part::ToolCall(ToolCall {
                    id: "t".to_owned(),
                    name: "f".to_owned(),
                    arguments: "{\"x\":1}".to_owned(),
                }),
            ],
            finish: Some(Finish::ToolCalls),
        }],
        usage: Some(Usage {
            prompt: 5,
            completion: 4,
            cached: 1,
            reasoning: 2,
            ..Usage::default()
        }),
    }
}

#[test]
fn an_answer_survives_both_ways() {
    let text = write_answer(&answer(), &options(false));
    let value: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(value.pointer("/object"), Some(&json!("chat.completion")));
    assert_eq!(value.pointer("/usage/total_tokens"), Some(&json!(9)));
    let wanted = Answer {
        id: options(false).id,
        model: "asked".to_owned(),
        created: 1_700_000_000,
        ..answer()
    };
    assert_eq!(parse_answer(&text).unwrap(), wanted);
    let text = write_completion_answer(&answer(), &options(false));
    let value: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(
        value.get("choices").unwrap(),
        &json!([{"text": "hi", "index": 0, "logprobs": null, "finish_reason": "tool_calls"}])
    );
}

#[test]
fn an_error_instead_of_an_answer_is_a_fault() {
    let fault = parse_answer(br#"{"error":{"message":"boom"}}"#).unwrap_err();
    assert_eq!(
        (fault.kind, fault.message.as_str()),
        (FaultKind::UpstreamError, "boom")
    );
    for bad in ["", "[]", "{}", "<html>"] {
        assert_eq!(
            parse_answer(bad.as_bytes()).unwrap_err().kind,
            FaultKind::BadAnswer
        );
    }
}

#[test]
fn a_prompt_is_one_user_message() {
    let read = |prompt: Value| {
        let body = json!({"model": "m", "prompt": prompt, "best_of": 1});
        parse_completion_request(body.to_string().as_bytes())
    };
    for prompt in [json!("hi"), json!(["hi"])] {
        let request = read(prompt).unwrap();
        assert_eq!(request.messages[0].parts, [Part::text("hi")]);
        assert!(request.extra.is_empty());
    }
    assert_eq!(
        read(json!(["a", "b"])).unwrap_err().kind,
        FaultKind::Unsupported
    );
    assert_eq!(
        read(json!([1, 2])).unwrap_err().kind,
        FaultKind::Unsupported
    );
    assert_eq!(read(json!([])).unwrap_err().kind, FaultKind::InvalidRequest);
    assert_eq!(
        read(json!(null)).unwrap_err().message,
        "Missing required parameter: 'prompt'."
    );
}

#[test]
fn embeddings_take_texts_and_tokens() {
    let read = |input: Value| {
        let body = json!({"model": "m", "input": input, "encoding_format": "base64", "x": 1});
        parse_embed_request(body.to_string().as_bytes()).map(|request| request.input)
    };
    let texts = |list: &[&str]| Input::Texts(list.iter().map(|text| (*text).to_owned()).collect());
    assert_eq!(read(json!("a")).unwrap(), texts(&["a"]));
    assert_eq!(read(json!(["a", "b"])).unwrap(), texts(&["a", "b"]));
    assert_eq!(
        read(json!([1, 2])).unwrap(),
        Input::Tokens(vec![vec![1, 2]])
    );
    assert_eq!(
        read(json!([[1], [2]])).unwrap(),
        Input::Tokens(vec![vec![1], vec![2]])
    );
    for bad in [
        json!([]),
        json!(["a", 1]),
        json!([1, "a"]),
        json!({}),
        json!([1.5]),
        json!(null),
    ] {
        assert_eq!(read(bad).unwrap_err().param.as_deref(), Some("input"));
    }
}

#[test]
fn vectors_are_written_in_both_encodings() {
    let answer = EmbedAnswer {
        model: "up".to_owned(),
        vectors: vec![vec![0.5, -1.0], vec![1e-7, f32::NAN]],
        prompt_tokens: 4,
    };
    let float: Value =
        serde_json::from_slice(&write_embed_answer(&answer, "m", Encoding::Float)).unwrap();
    assert_eq!(
        float,
        json!({"object": "list", "data": [
            {"object": "embedding", "index": 0, "embedding": [0.5, -1]},
            {"object": "embedding", "index": 1, "embedding": [0.000_000_1, 0]},
        ], "model": "m", "usage": {"prompt_tokens": 4, "total_tokens": 4}})
    );
    let base64: Value =
        serde_json::from_slice(&write_embed_answer(&answer, "m", Encoding::Base64)).unwrap();
    assert_eq!(
        base64.pointer("/data/0/embedding"),
        Some(&json!("AAAAPwAAgL8="))
    );
}
