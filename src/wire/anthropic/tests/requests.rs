//! Requests of clients.

use serde_json::{Value, json};

use super::super::{parse_count_request, parse_request, shed_own_members};
use super::data;
use crate::base::FaultKind;
use crate::wire::neutral::{
    Format, Image, Message, Part, Request, Role, Thinking, Tool, ToolCall, ToolChoice,
};

fn parse(body: &Value) -> Request {
    parse_request(body.to_string().as_bytes()).unwrap()
}

fn cached(text: &str, mark: Value) -> Part {
    Part::Text {
        text: text.to_owned(),
        cache: Some(mark),
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn a_coding_agents_request_is_read_in_full() {
    let mut request = parse_request(data!("request-claude-code.json").as_bytes()).unwrap();
    let short = json!({"type": "ephemeral"});
    let expected = vec![
        Message {
            role: Role::System,
            parts: vec![
                cached(
                    "You are Claude Code, Anthropic's official CLI for Claude.",
                    short.clone(),
                ),
                cached("Be brief.", json!({"type": "ephemeral", "ttl": "1h"})),
            ],
            name: None,
        },
        Message {
            role: Role::User,
            parts: vec![
                Part::text("<system-reminder>dates</system-reminder>"),
                Part::text("list the files"),
            ],
            name: None,
        },
        Message {
            role: Role::Assistant,
            parts: vec![
                Part::Thinking {
                    text: "ls it is".to_owned(),
                    signature: Some("EqQB".to_owned()),
                },
                Part::RedactedThinking {
                    data: "Emw".to_owned(),
                },
                Part::text("I look."),
                Part::ToolCall(ToolCall {
                    id: "toolu_01".to_owned(),
                    name: "Bash".to_owned(),
                    arguments: r#"{"command":"ls","timeout":5}"#.to_owned(),
                }),
                Part::ToolCall(ToolCall {
                    id: "toolu_02".to_owned(),
                    name: "Read".to_owned(),
                    arguments: "{}".to_owned(),
                }),
            ],
            name: None,
        },
        Message {
            role: Role::User,
            parts: vec![
                Part::ToolResult {
                    id: "toolu_01".to_owned(),
                    name: None,
                    parts: vec![Part::text("a.txt\nb.png")],
                    is_error: false,
                },
                Part::ToolResult {
                    id: "toolu_02".to_owned(),
                    name: None,
                    parts: vec![
                        Part::text("no such file"),
                        Part::Image {
                            image: Image::Base64 {
                                media_type: "image/png".to_owned(),
                                data: "iVBORw0KGgo=".to_owned(),
                            },
                            cache: Some(short),
                        },
                    ],
                    is_error: true,
                },
                Part::text("and this?"),
                Part::image(Image::Url {
                    url: "https://example.com/a.png".to_owned(),
                    detail: None,
                }),
                Part::File(json!({"type": "document", "title": "note",
                    "source": {"type": "text", "media_type": "text/plain", "data": "hello"}})),
            ],
            name: None,
        },
    ];
    assert_eq!(request.messages, expected);
    assert_eq!(
        (request.model.as_str(), request.max_tokens, request.stream),
        ("local", Some(32_000), true)
    );
    assert_eq!(
        (&request.tool_choice, request.parallel_tool_calls),
        (&Some(ToolChoice::Auto), Some(false))
    );
    assert_eq!(request.thinking, Some(Thinking::Effort("high".to_owned())));
    assert_eq!(
        (request.user.as_deref(), request.stop.as_slice()),
        (Some("user_abc_account__session_1"), &["END".to_owned()][..])
    );
    assert_eq!(
        request.extra.keys().collect::<Vec<_>>(),
        ["context_management"]
    );
    shed_own_members(&mut request);
    assert!(request.extra.is_empty());
    assert_eq!(request.tools.len(), 3);
    assert!(
        matches!(&request.tools[0], Tool::Function { name, cache: Some(_), .. } if name == "Bash")
    );
    assert!(
        matches!(&request.tools[1], Tool::Function { name, description: None, .. } if name == "Read")
    );
    assert!(matches!(&request.tools[2], Tool::Hosted(tool) if tool["max_uses"] == 8));
}

#[test]
fn the_billing_line_goes_out_of_a_plain_prompt_too() {
    let system = |text: &str| json!({"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}], "system": text});
    let first = |body: &Value| parse(body).messages.remove(0);
    let told = first(&system("x-anthropic-billing-header: cch=1;\nYou are."));
    assert_eq!(
        (told.role, told.parts),
        (Role::System, vec![Part::text("You are.")])
    );
    assert_eq!(
        first(&system("x-anthropic-billing-header: cch=1;")).role,
        Role::User
    );
    assert_eq!(
        first(&system("Mind x-anthropic-billing-header:")).role,
        Role::System
    );
}

#[test]
fn the_small_members_are_read() {
    let body = |more: Value| {
        let mut body =
            json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        parse(&body)
    };
    let choices = [
        (json!({"type": "any"}), Some(ToolChoice::Required), None),
        (json!({"type": "none"}), Some(ToolChoice::None), None),
        (
            json!({"type": "tool", "name": "f", "disable_parallel_tool_use": false}),
            Some(ToolChoice::Function("f".to_owned())),
            Some(true),
        ),
        (Value::Null, None, None),
    ];
    for (choice, expected, parallel) in choices {
        let request = body(json!({"tool_choice": choice}));
        assert_eq!(
            (request.tool_choice, request.parallel_tool_calls),
            (expected, parallel)
        );
    }
    let thoughts = [
        (
            json!({"type": "enabled", "budget_tokens": 2048}),
            Thinking::Budget(2_048),
        ),
        (
            json!({"type": "adaptive", "display": "omitted"}),
            Thinking::On,
        ),
        (json!({"type": "disabled"}), Thinking::Off),
    ];
    for (thinking, expected) in thoughts {
        assert_eq!(body(json!({"thinking": thinking})).thinking, Some(expected));
    }
    let request = body(
        json!({"temperature": 0.5, "top_p": 0.9, "top_k": 4, "container": "c",
        "metadata": {"user_id": "u", "other": 1},
        "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object"}}}}),
    );
    assert_eq!(
        (request.temperature, request.top_p, request.top_k),
        (Some(0.5), Some(0.9), Some(4))
    );
    assert_eq!(
        request.format,
        Some(Format::Schema {
            name: None,
            schema: json!({"type": "object"}),
            strict: None
        })
    );
    assert_eq!(
        Value::from(request.extra),
        json!({"container": "c", "metadata": {"other": 1}, "output_config": {"effort": "low"}})
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn what_is_wrong_is_said_in_anthropics_words() {
    let user = json!([{"role": "user", "content": "x"}]);
    let with = |content: Value| json!({"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": content}]});
    let cases = [
        (json!([]), "The request body must be a JSON object"),
        (
            json!({"max_tokens": 1, "messages": user}),
            "model: Field required",
        ),
        (
            json!({"model": 1, "max_tokens": 1, "messages": user}),
            "model: Input should be a valid string",
        ),
        (
            json!({"model": "m", "messages": user}),
            "max_tokens: Field required",
        ),
        (
            json!({"model": "m", "max_tokens": "1", "messages": user}),
            "max_tokens: Input should be a valid integer",
        ),
        (
            json!({"model": "m", "max_tokens": 1}),
            "messages: Field required",
        ),
        (
            json!({"model": "m", "max_tokens": 1, "messages": []}),
            "messages: at least one message is required",
        ),
        (
            json!({"model": "m", "max_tokens": 1, "messages": [{"role": "tool", "content": ""}]}),
            "messages.0.role: Input should be 'user' or 'assistant'",
        ),
        (
            json!({"model": "m", "max_tokens": 1, "messages": [{"role": "user"}]}),
            "messages.0.content: Field required",
        ),
        (
            json!({"model": "m", "max_tokens": 1, "messages": [{"content": ""}]}),
            "messages.0.role: Field required",
        ),
        (
            json!({"model": "m", "max_tokens": 1, "messages": ["x"]}),
            "messages.0: Input should be an object",
        ),
        (
            with(json!(7)),
            "messages.0.content: Input should be a valid string or a list of content blocks",
        ),
        (
            with(json!([{"text": "x"}])),
            "messages.0.content.0.type: Field required",
        ),
        (
            with(json!([{"type": "text"}])),
            "messages.0.content.0.text.text: Field required",
        ),
        (
            with(json!([{"type": "tool_result"}])),
            "messages.0.content.0.tool_result.tool_use_id: Field required",
        ),
        (
            with(json!([{"type": "tool_use", "id": "a", "name": "b", "input": "c"}])),
            "messages.0.content.0.tool_use.input: Input should be an object",
        ),
        (
            with(json!([{"type": "image"}])),
            "messages.0.content.0.image.source: Field required",
        ),
        (
            json!({"model": "m", "max_tokens": 1, "messages": user, "tools": [{"name": "f"}]}),
            "tools.0.custom.input_schema: Field required",
        ),
        (
            json!({"model": "m", "max_tokens": 1, "messages": user, "tool_choice": {"type": "must"}}),
            "tool_choice.type: Input should be 'auto', 'any', 'tool' or 'none'",
        ),
        (
            json!({"model": "m", "max_tokens": 1, "messages": user, "thinking": {"type": "x"}}),
            "thinking.type: Input should be 'enabled', 'disabled' or 'adaptive'",
        ),
        (
            json!({"model": "m", "max_tokens": 1, "messages": user, "stop_sequences": "x"}),
            "stop_sequences: Input should be a list of strings",
        ),
        (
            json!({"model": "m", "max_tokens": 1, "messages": user, "stream": "yes"}),
            "stream: Input should be a valid boolean",
        ),
    ];
    for (body, message) in cases {
        let fault = parse_request(body.to_string().as_bytes()).unwrap_err();
        assert_eq!(
            (fault.kind, fault.message.as_str()),
            (FaultKind::InvalidRequest, message)
        );
    }
    assert!(
        parse_request(b"{\"model\":")
            .unwrap_err()
            .message
            .starts_with("The request body is not valid JSON")
    );
    let count = json!({"model": "m", "messages": user});
    assert_eq!(
        parse_count_request(count.to_string().as_bytes())
            .unwrap()
            .max_tokens,
        None
    );
}

#[test]
fn the_gateways_own_members_stay_with_it() {
    let body = json!({
        "model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "hi"}],
        "litellm_metadata": {"tags": ["a"]}, "fallbacks": ["b"], "num_retries": 1,
        "api_key": "sk-x", "unknown": 1,
    });
    let request = parse_request(body.to_string().as_bytes()).unwrap();
    assert_eq!(Value::from(request.extra), json!({"unknown": 1}));
}
