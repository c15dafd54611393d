//! Streams, in and out.

use bytes::BytesMut;
use proptest::prelude::*;
use serde_json::Value;

use super::super::{LONGEST_NAME, Reader, Writer};
use super::{data, frames, read, reasons, tell, write, writer_options};
use crate::base::{FaultKind, Usage};
use crate::wire::Names;
use crate::wire::neutral::{Event, Finish, Request, Tool};

fn text(text: &str) -> Event {
    Event::Text {
        choice: 0,
        text: text.to_owned(),
    }
}

fn thinking(text: &str) -> Event {
    Event::Thinking {
        choice: 0,
        text: text.to_owned(),
    }
}

fn tool(index: u32, id: &str, name: &str) -> Event {
    Event::ToolStart {
        choice: 0,
        index,
        id: id.to_owned(),
        name: name.to_owned(),
    }
}

fn arguments(index: u32, piece: &str) -> Event {
    Event::ToolArguments {
        choice: 0,
        index,
        piece: piece.to_owned(),
    }
}

fn finish(reason: Finish) -> Event {
    Event::Finish { choice: 0, reason }
}

/// Holds a stream against the grammar of the dialect and gives its events' data back.
fn checked(stream: &str) -> Vec<Value> {
    let mut open: Option<(u64, String)> = None;
    let mut next = 0;
    let mut all = Vec::new();
    for frame in frames(stream) {
        let value: Value = serde_json::from_slice(&frame.data).unwrap();
        let kind = value["type"].as_str().unwrap().to_owned();
        assert_eq!(frame.event, kind.as_bytes(), "{stream}");
        assert_eq!(all.is_empty(), kind == "message_start", "{stream}");
        match kind.as_str() {
            "content_block_start" => {
                assert!(open.is_none(), "a block inside a block: {stream}");
                assert_eq!(value["index"], next, "{stream}");
                open = Some((
                    next,
                    value["content_block"]["type"].as_str().unwrap().to_owned(),
                ));
                next += 1;
            },
            "content_block_delta" => {
                let (index, block) = open.clone().unwrap();
                assert_eq!(value["index"], index, "{stream}");
                let expected: &[&str] = match block.as_str() {
                    "text" => &["text_delta"],
                    "thinking" => &["thinking_delta", "signature_delta"],
                    "tool_use" => &["input_json_delta"],
                    other => panic!("a piece of {other}"),
                };
                assert!(
                    expected.contains(&value["delta"]["type"].as_str().unwrap()),
                    "{stream}"
                );
            },
            "content_block_stop" => assert_eq!(value["index"], open.take().unwrap().0, "{stream}"),
            "message_delta" | "message_stop" => assert!(open.is_none(), "{stream}"),
            _ => {},
        }
        all.push(value);
    }
    let last: Vec<_> = all
        .iter()
        .rev()
        .take(2)
        .map(|value| value["type"].clone())
        .collect();
    assert_eq!(last, ["message_stop", "message_delta"], "{stream}");
    all
}

#[test]
fn a_stream_with_everything_is_read() {
    let expected = [
        "start msg_01XFDUDYJgAACzvnptvVoYEL claude-sonnet-4-5-20250929",
        "usage 2325+2 cached 2000 written 300/200 reasoning 0",
        "thinking Two cities, two calls.",
        "signature EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pk",
        "redacted EmwKAhgBEgy3va3pzix",
        "text Let me look — \"both\".",
        "tool 0 toolu_01T1x1fJ34qAmk2tNTrN7Up6 get_weather",
        r#"arguments 0 {"city": "Paris}"}"#,
        "tool 1 toolu_02 now",
        "arguments 1 {}",
        "usage 2325+89 cached 2000 written 300/200 reasoning 30",
        "finish ToolCalls",
        "done",
    ];
    assert_eq!(tell(&read(data!("stream-everything.sse"))), expected);
}

#[test]
fn ollamas_own_messages_stream_is_read() {
    let expected = [
        "start msg_357e1abc43cb72219ab24648 tiny-hello",
        "usage 1+0 cached 0 written 0/0 reasoning 0",
        "text Hello from a tiny hand-made",
        "usage 19+5 cached 0 written 0/0 reasoning 0",
        "finish Length",
        "done",
    ];
    assert_eq!(tell(&read(data!("stream-ollama.sse"))), expected);
}

#[test]
fn llamacpps_streams_are_read_though_their_blocks_overlap() {
    let expected = [
        "start chatcmpl-bQylmTctkcRgdCVCW6kRrPOPK4pUnstH tiny-tool",
        "usage 422+0 cached 0 written 0/0 reasoning 0",
        "tool 0 jCefFU1v7kXunETfTBRzPd5N6yUXBHYf get_weather",
        r#"arguments 0 {"city": "Paris"}"#,
        "usage 422+8 cached 0 written 0/0 reasoning 0",
        "finish ToolCalls",
        "done",
    ];
    assert_eq!(tell(&read(data!("stream-llamacpp-tools.sse"))), expected);
    let told = tell(&read(data!("stream-llamacpp-thinking.sse")));
    let expected = [
        "thinking Let me think about this carefully, step by step.\n",
        "text \n\nThe answer is 42.",
        "usage 18+16 cached 0 written 0/0 reasoning 0",
        "finish Stop",
        "done",
    ];
    assert_eq!(told[2..], expected);
    checked(&write(&read(data!("stream-llamacpp-thinking.sse"))));
}

#[test]
fn an_error_in_mid_stream_is_read_with_its_status() {
    let told = tell(&read(data!("stream-error.sse")));
    assert_eq!(
        told.last().unwrap(),
        "error Some(529) overloaded_error Overloaded"
    );
    let odd = read("data: {\"error\":{\"message\":\"boom\",\"code\":500}}\n\n");
    assert_eq!(tell(&odd), ["error Some(500)  boom"]);
}

#[test]
fn what_is_no_json_is_a_fault() {
    let mut events = Vec::new();
    for frame in frames("data: {\"type\":\n\ndata: [1]\n\n") {
        let fault = Reader::new().read(&frame, &mut events).unwrap_err();
        assert_eq!(fault.kind, FaultKind::BadAnswer);
    }
    assert_eq!(events, []);
    assert_eq!(
        tell(&read(": ping\n\nevent: ping\ndata: {}\n\ndata: [DONE]\n\n")),
        ["done"]
    );
}

#[test]
fn members_that_are_null_are_taken_as_absent() {
    let stream = concat!(
        r#"data: {"type":"message_start","message":{"id":null,"model":null,"usage":null}}"#,
        "\n\n",
        r#"data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":null,"signature":null}}"#,
        "\n\n",
        r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a","thinking":null}}"#,
        "\n\n",
        r#"data: {"type":"message_delta","delta":{"stop_reason":null},"usage":{"output_tokens":null}}"#,
        "\n\n",
    );
    assert_eq!(
        tell(&read(stream)),
        [
            "start - -",
            "text a",
            "usage 0+0 cached 0 written 0/0 reasoning 0"
        ]
    );
}

#[test]
fn every_reason_goes_both_ways() {
    for (word, sequence, reason) in reasons() {
        let stream = write(&[text("x"), finish(reason.clone()), Event::Done]);
        let all = checked(&stream);
        let delta = &all[all.len() - 2]["delta"];
        assert_eq!(
            (
                delta["stop_reason"].as_str(),
                delta["stop_sequence"].as_str()
            ),
            (Some(word), sequence)
        );
        assert!(read(&stream).contains(&finish(reason)), "{word}");
    }
    for (word, reason) in [
        ("model_context_window_exceeded", Finish::Length),
        ("pause_turn", Finish::Length),
        ("brand_new", Finish::Other("brand_new".to_owned())),
    ] {
        let line =
            format!(r#"data: {{"type":"message_delta","delta":{{"stop_reason":"{word}"}}}}"#);
        assert_eq!(read(&format!("{line}\n\n")), [finish(reason)]);
    }
}

#[test]
fn a_written_stream_has_all_that_clients_need() {
    let usage = Usage {
        prompt: 100,
        completion: 7,
        cached: 60,
        cache_write: 10,
        ..Usage::default()
    };
    let stream = write(&[
        Event::Start {
            id: Some("chatcmpl-abc".to_owned()),
            model: Some("upstream".to_owned()),
        },
        text("Hi"),
        text(" you"),
        finish(Finish::Stop),
        Event::Usage(usage),
        Event::Done,
    ]);
    let expected = concat!(
        "event: message_start\n",
        r#"data: {"type":"message_start","message":{"id":"msg_abc","type":"message","role":"assistant","#,
        r#""model":"asked \"model\"","content":[],"stop_reason":null,"stop_sequence":null,"#,
        r#""usage":{"input_tokens":0,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}}}"#,
        "\n\nevent: content_block_start\n",
        r#"data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        "\n\nevent: content_block_delta\n",
        r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}"#,
        "\n\nevent: content_block_delta\n",
        r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" you"}}"#,
        "\n\nevent: content_block_stop\n",
        r#"data: {"type":"content_block_stop","index":0}"#,
        "\n\nevent: message_delta\n",
        r#"data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"#,
        r#""usage":{"input_tokens":30,"cache_creation_input_tokens":10,"cache_read_input_tokens":60,"#,
        r#""cache_creation":{"ephemeral_5m_input_tokens":10,"ephemeral_1h_input_tokens":0},"output_tokens":7}}"#,
        "\n\nevent: message_stop\n",
        r#"data: {"type":"message_stop"}"#,
        "\n\n",
    );
    assert_eq!(stream, expected);
}

#[test]
fn calls_that_come_mixed_are_parted_into_whole_blocks() {
    let stream = write(&[
        thinking("hm"),
        text("Two."),
        tool(0, "a", "f"),
        arguments(0, "{\"x\":"),
        tool(1, "", "g"),
        arguments(1, "{\"y\":[1,"),
        text("between"),
        arguments(0, "\"}\"}"),
        arguments(1, "2]}"),
        tool(2, "c", "h"),
        finish(Finish::Stop),
        Event::Done,
    ]);
    let all = checked(&stream);
    let blocks: Vec<_> = all
        .iter()
        .filter(|v| v["type"] == "content_block_start")
        .collect();
    let kinds: Vec<_> = blocks
        .iter()
        .map(|v| v["content_block"]["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "thinking", "text", "tool_use", "tool_use", "text", "tool_use"
        ]
    );
    assert_eq!(blocks[3]["content_block"]["id"], "toolu_7_3");
    assert_eq!(all[all.len() - 2]["delta"]["stop_reason"], "tool_use");
    let told = tell(&read(&stream));
    for line in [
        r#"arguments 0 {"x":"}"}"#,
        r#"arguments 1 {"y":[1,2]}"#,
        "arguments 2 {}",
        "text between",
    ] {
        assert!(told.iter().any(|told| told == line), "{line} in {told:?}");
    }
}

#[test]
fn a_signed_thought_is_closed_and_a_hidden_one_keeps_its_signature() {
    let signature = |text: &str| Event::Signature {
        choice: 0,
        signature: text.to_owned(),
    };
    let events = [
        thinking("a"),
        signature("s1"),
        thinking("b"),
        signature("s2"),
        signature("s3"),
        text("c"),
    ];
    let all = checked(&write(&events));
    let starts = all.iter().filter(|v| v["type"] == "content_block_start");
    let kinds: Vec<_> = starts
        .map(|v| v["content_block"]["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["thinking", "thinking", "thinking", "text"]);
}

#[test]
fn every_begun_stream_ends_once() {
    let mut out = BytesMut::new();
    let mut writer = Writer::new(writer_options());
    writer.write(&text("x"), &mut out);
    writer.error("overloaded_error", "gone", &mut out);
    let length = out.len();
    writer.write(&text("y"), &mut out);
    writer.error("api_error", "again", &mut out);
    writer.finish(&mut out);
    assert_eq!(out.len(), length);
    assert!(out.ends_with(
        b"event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"gone\"}}\n\n"
    ));

    let empty = checked(&write(&[]));
    assert_eq!(empty.len(), 3);
    let stream = write(&[text("x"), Event::Done, text("late"), Event::Done]);
    assert!(!stream.contains("late"));
    checked(&stream);

    let aborted = write(&[text("x"), finish(Finish::Abort), Event::Done]);
    assert!(aborted.contains("event: error") && !aborted.contains("message_stop"));
    let failed = write(&[Event::Error {
        status: None,
        kind: String::new(),
        message: "m".to_owned(),
    }]);
    assert!(failed.starts_with("event: error") && failed.contains("api_error"));
}

#[test]
fn the_form_of_an_answer_comes_back_as_text() {
    let stream = write(&[
        tool(0, "t", "json_tool_call"),
        arguments(0, "{\"a\":"),
        arguments(0, "1}"),
        finish(Finish::ToolCalls),
    ]);
    let told = tell(&read(&stream));
    assert_eq!(
        told[2..],
        [
            "text {\"a\":1}",
            "usage 0+0 cached 0 written 0/0 reasoning 0",
            "finish Stop",
            "done"
        ]
    );
}

#[test]
fn tools_get_their_clients_names_back() {
    let tool_of = |name: &str| Tool::Function {
        name: name.to_owned(),
        description: None,
        schema: Value::Null,
        strict: None,
        cache: None,
    };
    let request = Request {
        tools: vec![tool_of("fs.read")],
        ..Request::default()
    };
    let mut reader = Reader::with_names(Names::of(&request, LONGEST_NAME));
    let mut events = Vec::new();
    for frame in frames(&write(&[tool(0, "t", "fs_read")])) {
        reader.read(&frame, &mut events).unwrap();
    }
    assert!(events.contains(&tool(0, "t", "fs.read")), "{events:?}");
}

/// Any order of pieces that an upstream could send: calls begin in order, each piece of arguments is
/// for a call that began.
fn upstream_events() -> impl Strategy<Value = Vec<Event>> {
    let step = (0_u8..7, 0_u32..4, "[a-z\"\\\\{}é\n]{1,4}");
    prop::collection::vec(step, 0..40).prop_map(|steps| {
        let mut events = vec![Event::Start {
            id: Some("msg_p".to_owned()),
            model: None,
        }];
        let mut begun = 0_u32;
        let mut left: Vec<Vec<&'static str>> = Vec::new();
        for (kind, which, piece) in steps {
            match kind {
                0 | 1 => events.push(text(&piece)),
                2 => events.push(thinking(&piece)),
                3 if begun < 4 => {
                    events.push(tool(begun, &format!("id{begun}"), "f"));
                    left.push(vec!["\"]}", "[\"}", "{\"k\":"]);
                    begun += 1;
                },
                _ if begun > 0 => {
                    let index = which % begun;
                    if let Some(piece) = left[index as usize].pop() {
                        events.push(arguments(index, piece));
                    }
                },
                _ => {},
            }
        }
        for (index, left) in (0_u32..).zip(left) {
            events.extend(left.into_iter().rev().map(|piece| arguments(index, piece)));
        }
        events.push(finish(if begun > 0 {
            Finish::ToolCalls
        } else {
            Finish::Stop
        }));
        events.push(Event::Usage(Usage {
            prompt: 9,
            completion: 4,
            cached: 3,
            ..Usage::default()
        }));
        events.push(Event::Done);
        events
    })
}

/// All that was said of one kind, in order.
fn said(events: &[Event]) -> (String, String, Vec<(String, String)>, Vec<Event>) {
    let (mut texts, mut thoughts, mut calls, mut rest) =
        (String::new(), String::new(), Vec::new(), Vec::new());
    for event in events {
        match event {
            Event::Text { text, .. } => texts.push_str(text),
            Event::Thinking { text, .. } => thoughts.push_str(text),
            Event::ToolStart { id, .. } => calls.push((id.clone(), String::new())),
            Event::ToolArguments { index, piece, .. } => calls[*index as usize].1.push_str(piece),
            Event::Usage(usage) if usage.is_empty() => {},
            Event::Start { .. } => {},
            other => rest.push(other.clone()),
        }
    }
    rest.sort_by_key(|event| format!("{event:?}"));
    (texts, thoughts, calls, rest)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_written_stream_keeps_the_grammar_and_is_read_as_what_it_was(events in upstream_events()) {
        let stream = write(&events);
        checked(&stream);
        prop_assert_eq!(said(&read(&stream)), said(&events));
    }
}
