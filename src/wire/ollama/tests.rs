//! Goldens of the real server.

mod options;
mod requests;

use bytes::{Bytes, BytesMut};
use serde_json::{Map, Value, json};

use super::{Reader, parse_answer, parse_embed, parse_error, write_embed};
use crate::base::{FaultKind, Usage};
use crate::wire::anthropic;
use crate::wire::neutral::{Choice, Event, Finish, Part, ToolCall};
use crate::wire::shape::{Frame, WriterOptions};

macro_rules! data {
    ($name:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/data/wire/ollama/",
            $name
        ))
    };
}

fn read(stream: &'static str) -> Vec<Event> {
    let mut reader = Reader::new();
    let mut events = Vec::new();
    for line in stream.split_inclusive('\n') {
        let frame = Frame {
            raw: Bytes::from_static(line.as_bytes()),
            event: Bytes::new(),
            data: Bytes::from_static(line.trim_end().as_bytes()),
        };
        reader.read(&frame, &mut events).unwrap();
    }
    events
}

/// All pieces of text and of reasoning, and every other event.
fn said(events: Vec<Event>) -> (String, String, Vec<Event>) {
    let (mut text, mut thinking, mut rest) = (String::new(), String::new(), Vec::new());
    for event in events {
        match event {
            Event::Text { text: piece, .. } => text.push_str(&piece),
            Event::Thinking { text: piece, .. } => thinking.push_str(&piece),
            other => rest.push(other),
        }
    }
    (text, thinking, rest)
}

fn start(model: &str) -> Event {
    Event::Start {
        id: None,
        model: Some(model.to_owned()),
    }
}

fn usage(prompt: u64, completion: u64) -> Usage {
    Usage {
        prompt,
        completion,
        ..Usage::default()
    }
}

fn ending(reason: Finish, usage: Usage) -> [Event; 3] {
    [
        Event::Usage(usage),
        Event::Finish { choice: 0, reason },
        Event::Done,
    ]
}

fn call(index: u32, id: &str, name: &str, arguments: &str) -> [Event; 2] {
    [
        Event::ToolStart {
            choice: 0,
            index,
            id: id.to_owned(),
            name: name.to_owned(),
        },
        Event::ToolArguments {
            choice: 0,
            index,
            piece: arguments.to_owned(),
        },
    ]
}

const HELLO: &str = "Hello from a tiny hand-made model, it runs inside the real llama.cpp server.";

#[test]
fn a_stream_of_text_is_read() {
    let (text, thinking, rest) = said(read(data!("stream-text.ndjson")));
    assert_eq!((text.as_str(), thinking.as_str()), (HELLO, ""));
    let mut expected = vec![start("tiny-hello")];
    expected.extend(ending(Finish::Stop, usage(19, 14)));
    assert_eq!(rest, expected);
}

#[test]
fn a_stream_with_reasoning_is_read() {
    let (text, thinking, rest) = said(read(data!("stream-thinking.ndjson")));
    assert_eq!(text, "\n\nThe answer is 42.");
    assert_eq!(
        thinking,
        "Let me think about this carefully, step by step.\n"
    );
    assert_eq!(rest[1..], ending(Finish::Stop, usage(18, 16)));
}

#[test]
fn one_line_with_a_call_is_the_whole_stream() {
    let mut expected = vec![start("tiny-tool")];
    expected.extend(call(
        0,
        "eKapof2nJu9GNCl6RRZMOYIPyJuKg9Q1",
        "get_weather",
        r#"{"city":"Paris"}"#,
    ));
    expected.extend(ending(Finish::ToolCalls, usage(423, 8)));
    assert_eq!(read(data!("stream-tools.ndjson")), expected);
}

#[test]
fn several_calls_are_numbered_and_get_ids_of_their_own() {
    let (text, _, rest) = said(read(data!("stream-two-tools.ndjson")));
    assert_eq!(text, "Both.");
    let mut expected = vec![start("llama3.2")];
    let big = r#"{"city":"Paris","days":12345678901234567890123}"#;
    expected.extend(call(
        0,
        "call_20250701100000000000002_0",
        "get_weather",
        big,
    ));
    expected.extend(call(
        1,
        "call_20250701100000000000003_1",
        "get_weather",
        r#"{"city":"Köln"}"#,
    ));
    expected.extend(call(2, "call_20250701100000000000003_2", "now", "{}"));
    expected.extend(ending(Finish::ToolCalls, usage(0, 31)));
    assert_eq!(rest, expected);
}

#[test]
fn an_error_line_is_an_error_and_no_end() {
    let (text, _, rest) = said(read(data!("stream-killed.ndjson")));
    assert_eq!(text, " tick");
    let message = "an error was encountered while running the model: unexpected EOF".to_owned();
    let error = Event::Error {
        status: None,
        kind: String::new(),
        message,
    };
    assert_eq!(rest, [start("tiny-slow"), error]);
    let nested = r#"{"error":"{\"error\":{\"code\":400,\"message\":\"too long\",\"type\":\"exceed_context_size_error\"}}"}"#;
    let error = Event::Error {
        status: Some(400),
        kind: "exceed_context_size_error".to_owned(),
        message: "too long".to_owned(),
    };
    assert_eq!(read(nested), [error]);
}

#[test]
fn every_reason_is_read() {
    for (word, reason) in [
        (r#","done_reason":"stop""#, Finish::Stop),
        (r#","done_reason":"length""#, Finish::Length),
        (r#","done_reason":"load""#, Finish::Stop),
        (r#","done_reason":"unload""#, Finish::Stop),
        (r#","done_reason":"new""#, Finish::Other("new".to_owned())),
        ("", Finish::Stop),
    ] {
        let line = format!(
            r#"{{"model":"m","message":{{"role":"assistant","content":""}},"done":true{word}}}"#
        );
        let answer = parse_answer(line.as_bytes()).unwrap();
        assert_eq!(
            (answer.choices[0].finish.clone(), answer.usage),
            (Some(reason.clone()), None)
        );
        let events = read(line.leak());
        assert_eq!(
            events[1..],
            [Event::Finish { choice: 0, reason }, Event::Done]
        );
    }
}

#[test]
fn tags_at_the_head_become_reasoning() {
    let events = read(concat!(
        r#"{"model":"m","message":{"content":"<thi"},"done":false}"#,
        "\n",
        r#"{"model":"m","message":{"content":"nk>hm</"},"done":false}"#,
        "\n",
        "\n",
        r#"{"model":"m","message":{"content":"think>\n\nyes"},"done":true}"#,
        "\n",
    ));
    let (text, thinking, rest) = said(events);
    assert_eq!((text.as_str(), thinking.as_str()), ("yes", "hm"));
    assert_eq!(rest.last(), Some(&Event::Done));
    let body = json!({"message": {"content": "<think>hm</think>yes"}, "done": true});
    let parts = parse_answer(body.to_string().as_bytes())
        .unwrap()
        .choices
        .remove(0)
        .parts;
    assert_eq!(
        parts,
        [
            Part::Thinking {
                text: "hm".to_owned(),
                signature: None
            },
            Part::text("yes")
        ]
    );
}

#[test]
fn whole_answers_are_read() {
    let tool = Part::ToolCall(ToolCall {
        id: "4vH8tt0WXsKDJCPRwUy4kZGQGBY0uWBE".to_owned(),
        name: "get_weather".to_owned(),
        arguments: r#"{"city":"Paris"}"#.to_owned(),
    });
    let thinking = "Let me think about this carefully, step by step.\n".to_owned();
    let cases = [
        (
            data!("answer-text.json"),
            vec![Part::text(HELLO)],
            Finish::Stop,
            Some(usage(19, 14)),
        ),
        (
            data!("answer-length.json"),
            vec![Part::text("Hello from a")],
            Finish::Length,
            Some(usage(19, 3)),
        ),
        (data!("answer-load.json"), vec![], Finish::Stop, None),
        (data!("answer-unload.json"), vec![], Finish::Stop, None),
        (
            data!("answer-tools.json"),
            vec![tool],
            Finish::ToolCalls,
            Some(usage(423, 8)),
        ),
        (
            data!("answer-thinking.json"),
            vec![
                Part::Thinking {
                    text: thinking,
                    signature: None,
                },
                Part::text("\n\nThe answer is 42."),
            ],
            Finish::Stop,
            Some(usage(18, 16)),
        ),
        (
            data!("answer-format.json"),
            vec![Part::text("{\n\"ok\" : false }")],
            Finish::Stop,
            Some(usage(19, 17)),
        ),
    ];
    for (body, parts, finish, usage) in cases {
        let answer = parse_answer(body.as_bytes()).unwrap();
        assert_eq!(
            answer.choices,
            [Choice {
                parts,
                finish: Some(finish)
            }],
            "{body}"
        );
        assert_eq!(answer.usage, usage);
    }
    for (body, kind) in [
        ("", FaultKind::BadAnswer),
        (r#"{"done":false}"#, FaultKind::BadAnswer),
        (r#"{"error":"boom"}"#, FaultKind::UpstreamError),
    ] {
        assert_eq!(parse_answer(body.as_bytes()).unwrap_err().kind, kind);
    }
    let frame = Frame {
        raw: Bytes::new(),
        event: Bytes::new(),
        data: Bytes::from_static(b"{\"model\":"),
    };
    assert_eq!(
        Reader::new()
            .read(&frame, &mut Vec::new())
            .unwrap_err()
            .kind,
        FaultKind::BadAnswer
    );
}

#[test]
fn every_shape_of_error_is_read() {
    let cases = [
        (
            400,
            data!("error-context.json"),
            "exceed_context_size_error",
            "request (1017 tokens) exceeds the available context size (256 tokens), try increasing it",
        ),
        (
            404,
            data!("error-unknown-model.json"),
            "",
            "model 'nosuch' not found",
        ),
        (
            404,
            data!("error-embed-unknown.json"),
            "",
            "model \"nosuch\" not found, try pulling it first",
        ),
        (
            501,
            data!("error-embed-chat.json"),
            "",
            "This server does not support embeddings. Start it with `--embeddings`",
        ),
        (
            400,
            data!("error-no-thinking.json"),
            "",
            "\"tiny-hello\" does not support thinking",
        ),
        (404, data!("error-no-path.txt"), "", "404 page not found"),
        (
            403,
            "",
            "",
            "Ollama refused the request's Host or Origin header",
        ),
    ];
    for (status, body, kind, message) in cases {
        let error = parse_error(status, body.as_bytes());
        assert_eq!(
            (error.status, error.kind.as_str(), error.message.as_str()),
            (Some(status), kind, message)
        );
    }
}

#[test]
fn an_anthropic_client_gets_ollamas_calls_as_blocks() {
    let options = WriterOptions {
        model: "m".to_owned(),
        id: "1".to_owned(),
        created: 0,
        include_usage: true,
    };
    let mut writer = anthropic::Writer::new(options);
    let mut out = BytesMut::new();
    for event in read(data!("stream-two-tools.ndjson")) {
        writer.write(&event, &mut out);
    }
    let stream = String::from_utf8(out.to_vec()).unwrap();
    let blocks: Vec<Value> = stream
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str::<Value>(data).unwrap())
        .filter(|event| event["type"] == "content_block_start")
        .map(|event| json!([event["index"], event["content_block"]["id"]]))
        .collect();
    let expected = json!([
        [0, null],
        [1, "call_20250701100000000000002_0"],
        [2, "call_20250701100000000000003_1"],
        [3, "call_20250701100000000000003_2"],
    ]);
    assert_eq!(Value::from(blocks), expected);
    assert!(
        stream.contains(r#""stop_reason":"tool_use""#)
            && stream.ends_with("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n")
    );
}

// === embeddings ===

#[test]
fn embeddings_go_up_and_come_back() {
    let members = json!({"dimensions": 64, "truncate": false, "keep_alive": "5m", "num_ctx": 512, "encoding_format": "float", "user": "u"});
    let body = write_embed(
        &["a".to_owned(), "b".to_owned()],
        "nomic",
        members.as_object().unwrap(),
    );
    assert_eq!(
        serde_json::from_slice::<Value>(&body).unwrap(),
        json!({
            "model": "nomic", "input": ["a", "b"], "dimensions": 64, "truncate": false, "keep_alive": "5m", "options": {"num_ctx": 512},
        })
    );
    assert_eq!(
        write_embed(&[], "m", &Map::new()),
        br#"{"model":"m","input":[]}"#
    );
    let embedded = parse_embed(data!("answer-embed.json").as_bytes()).unwrap();
    assert_eq!(
        embedded.vectors,
        [
            vec![0.056_154_538, 0.140_307_35, -0.150_779_96],
            vec![-0.0185, 1.0, 0.0]
        ]
    );
    assert_eq!(embedded.prompt_tokens, Some(5));
    for (body, message) in [
        ("{}", "no `embeddings`"),
        (r#"{"error":"boom"}"#, "boom"),
        ("x", "broken"),
    ] {
        let fault = parse_embed(body.as_bytes()).unwrap_err();
        assert_eq!(fault.kind, FaultKind::BadAnswer);
        assert!(fault.message.contains(message), "{}", fault.message);
    }
}
