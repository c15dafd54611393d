//! Streams read, written and passed through: the deviations, one by one.

use bytes::BytesMut;
use proptest::prelude::*;

use super::*;
use crate::base::{Surface, Usage};
use crate::wire::Finish;
use crate::wire::openai::{CompletionWriter, DONE, Reader, StreamRelay, Writer, relay_answer};

fn stream(events: &[&str]) -> String {
    events
        .iter()
        .map(|event| format!("data: {event}\n\n"))
        .collect::<Vec<_>>()
        .concat()
}

fn calls(events: &[Event]) -> Vec<(u32, String, String, String)> {
    let mut found: Vec<(u32, String, String, String)> = Vec::new();
    for event in events {
        match event {
            Event::ToolStart {
                index, id, name, ..
            } => found.push((*index, id.clone(), name.clone(), String::new())),
            Event::ToolArguments { index, piece, .. } => {
                let call = found.iter_mut().find(|call| call.0 == *index).unwrap();
                call.3.push_str(piece);
            },
            _ => {},
        }
    }
    found
}

fn delta(calls: &str) -> String {
    format!(r#"{{"choices":[{{"index":0,"delta":{{"tool_calls":[{calls}]}}}}]}}"#)
}

#[test]
fn tool_calls_come_whole_or_in_pieces() {
    let cases: [(&str, &[&str]); 6] = [
        (
            "in pieces by index",
            &[
                r#"{"index":0,"id":"a","function":{"name":"f","arguments":""}}"#,
                r#"{"index":0,"function":{"arguments":"{\"x\":"}}"#,
                r#"{"index":1,"id":"b","function":{"name":"g"}}"#,
                r#"{"index":1,"function":{"arguments":"{}"}}"#,
                r#"{"index":0,"function":{"arguments":"1}"}}"#,
            ],
        ),
        (
            "whole, all under index 0",
            &[
                r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}}"#,
                r#"{"index":0,"id":"b","function":{"name":"g","arguments":"{}"}}"#,
            ],
        ),
        (
            "whole, two in one event, without index",
            &[
                r#"{"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}},{"id":"b","function":{"name":"g","arguments":"{}"}}"#,
            ],
        ),
        (
            "arguments as an object",
            &[
                r#"{"index":0,"id":"a","function":{"name":"f","arguments":{"x":1}}}"#,
                r#"{"index":1,"id":"b","function":{"name":"g","arguments":{}}}"#,
            ],
        ),
        (
            "id and name again with every piece",
            &[
                r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\""}}"#,
                r#"{"index":0,"id":"a","function":{"name":"f","arguments":":1}"}}"#,
                r#"{"index":1,"id":"b","function":{"name":"g","arguments":"{}"}}"#,
            ],
        ),
        (
            "arguments before the name",
            &[
                r#"{"index":0,"id":"a","function":{"arguments":"{\"x\""}}"#,
                r#"{"index":0,"function":{"name":"f","arguments":":1}"}}"#,
                r#"{"index":4,"id":"b","function":{"name":"g","arguments":"{}"}}"#,
            ],
        ),
    ];
    let wanted = [(0, "a", "f", "{\"x\":1}"), (1, "b", "g", "{}")]
        .map(|(i, id, name, text)| (i, id.to_owned(), name.to_owned(), text.to_owned()));
    for (what, pieces) in cases {
        let events: Vec<String> = pieces.iter().map(|piece| delta(piece)).collect();
        let events: Vec<&str> = events.iter().map(String::as_str).collect();
        assert_eq!(calls(&read(stream(&events))), wanted, "{what}");
    }
}

#[test]
fn calls_without_ids_or_indexes_stay_apart() {
    let events = read(stream(&[
        &delta(r#"{"index":0,"id":"","function":{"name":"f","arguments":"{}"}}"#),
        &delta(r#"{"index":0,"id":"","function":{"name":"f","arguments":"{}"}}"#),
    ]));
    assert_eq!(calls(&events).len(), 2);
    let mut writer = Writer::new(options(false));
    let mut out = BytesMut::new();
    for event in &events {
        writer.write(event, &mut out);
    }
    writer.finish(&mut out);
    let again = calls(&read(out.freeze()));
    assert_eq!(again[0].1, "call_cdef0123456789abcdef_0_0");
    assert_eq!(again[1].1, "call_cdef0123456789abcdef_0_1");
    assert!(again[0].1.len() <= 40);
}

#[test]
fn both_names_of_reasoning_are_read_once() {
    let events = read(stream(&[
        r#"{"choices":[{"index":0,"delta":{"reasoning":"a","reasoning_content":"a"}}]}"#,
        r#"{"choices":[{"index":1,"delta":{"reasoning":"b","content":[{"type":"text","text":"c"}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"reasoning_content":null,"refusal":"no"}}]}"#,
    ]));
    let text = |choice, text: &str| Event::Text {
        choice,
        text: text.to_owned(),
    };
    let thinking = |choice, text: &str| Event::Thinking {
        choice,
        text: text.to_owned(),
    };
    assert_eq!(
        events[1..],
        [
            thinking(0, "a"),
            thinking(1, "b"),
            text(1, "c"),
            text(0, "no")
        ]
    );
}

#[test]
fn errors_inside_a_stream_are_events() {
    let cases = [
        (
            "data: {\"error\":{\"message\":\"boom\",\"type\":\"server_error\",\"code\":500}}\n\n",
            (Some(500), "server_error", "boom"),
        ),
        ("data: {\"error\":\"boom\"}\n\n", (None, "", "boom")),
        (
            "event: error\ndata: {\"message\":\"boom\"}\n\n",
            (None, "", "boom"),
        ),
        ("event: error\ndata: boom\n\n", (None, "", "boom")),
        (
            "data: {\"object\":\"error\",\"message\":\"boom\",\"code\":503}\n\n",
            (Some(503), "", "boom"),
        ),
    ];
    for (text, (status, kind, message)) in cases {
        let wanted = Event::Error {
            status,
            kind: kind.to_owned(),
            message: message.to_owned(),
        };
        assert_eq!(read(text), [wanted], "{text}");
        let mut out = BytesMut::new();
        let mut relay = StreamRelay::new("m", Surface::Chat, true);
        let seen = relay.frame(&frames(text)[0], &mut out);
        assert_eq!(seen.error.unwrap().message, message);
        assert!(out.is_empty(), "an error is the caller's to tell");
    }
    for nothing in ["null", "\"\"", "{}"] {
        let fine =
            format!(r#"{{"error":{nothing},"choices":[{{"index":0,"delta":{{"content":"x"}}}}]}}"#);
        assert_eq!(read(stream(&[&fine])).len(), 2, "{nothing}");
        let mut relay = StreamRelay::new("m", Surface::Chat, true);
        assert_eq!(relayed(&mut relay, &fine).0.error, None, "{nothing}");
    }
}

#[test]
fn an_event_that_is_no_json_is_a_fault() {
    for bad in ["{\"choices\":", "{\"choices\":3}", "[1]", "hello"] {
        let frame = &frames(stream(&[bad]))[0];
        let mut events = Vec::new();
        assert!(Reader::new().read(frame, &mut events).is_err(), "{bad}");
    }
    let frame = &frames(stream(&["{\"choices\":"]))[0];
    let mut out = BytesMut::new();
    let seen = StreamRelay::new("m", Surface::Chat, true).frame(frame, &mut out);
    assert_eq!(seen.error.unwrap().kind, "bad_event");
    assert!(out.is_empty());
}

fn relayed(relay: &mut StreamRelay, event: &str) -> (crate::wire::Observed, String) {
    let mut out = BytesMut::new();
    let seen = relay.frame(&frames(stream(&[event]))[0], &mut out);
    (seen, String::from_utf8(out.to_vec()).unwrap())
}

#[test]
fn an_abort_is_told_and_not_written() {
    let mut relay = StreamRelay::new("m", Surface::Chat, true);
    let (seen, out) = relayed(
        &mut relay,
        r#"{"model":"u","choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"abort"}]}"#,
    );
    assert_eq!((seen.finish, out.as_str()), (Some(Finish::Abort), ""));
}

#[test]
fn only_an_event_of_nothing_but_usage_is_hidden() {
    let mut relay = StreamRelay::new("m", Surface::Chat, false);
    let cases = [
        (
            r#"{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#,
            false,
        ),
        // Azure's first event.
        (r#"{"choices":[],"prompt_filter_results":[]}"#, true),
        (r#"{"choices":[],"usage":null}"#, true),
        (
            r#"{"choices":[{"index":0,"delta":{}}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#,
            true,
        ),
    ];
    for (event, shown) in cases {
        let (seen, out) = relayed(&mut relay, event);
        assert_eq!(!out.is_empty(), shown, "{event}");
        assert_eq!(
            seen.usage.is_some(),
            event.contains("prompt_tokens"),
            "{event}"
        );
        assert!(!seen.content);
    }
}

#[test]
fn what_is_content_and_what_is_not() {
    let cases = [
        (r#""role":"assistant""#, false),
        (r#""role":"assistant","content":"""#, false),
        (r#""role":"assistant","content":null"#, false),
        (r#""content":"","tool_calls":[]"#, false),
        (r#""content" : "x""#, true),
        (r#""content":[{"type":"text","text":"x"}]"#, true),
        (r#""reasoning":"x""#, true),
        (r#""content":"","reasoning_content":"x""#, true),
        (r#""tool_calls":[{"index":0}]"#, true),
        (r#""function_call":{"name":"f"}"#, true),
        (r#""refusal":"no""#, true),
        (r#""audio":{"data":"x"}"#, true),
        (r#""note":"\"content\":\"x\"""#, false),
    ];
    for (inside, content) in cases {
        // The second event goes by the fast path where there is one.
        let mut relay = StreamRelay::new("m", Surface::Chat, true);
        for _ in 0..2 {
            let event = format!(
                r#"{{"model":"u","choices":[{{"index":0,"delta":{{{inside}}},"finish_reason":null}}],"usage":null}}"#
            );
            let (seen, out) = relayed(&mut relay, &event);
            assert_eq!(seen.content, content, "{inside}");
            assert_eq!(out, stream(&[&event.replace("\"u\"", "\"m\"")]));
        }
    }
    let mut relay = StreamRelay::new("m", Surface::Completions, true);
    assert!(
        relayed(&mut relay, r#"{"choices":[{"text":"x"}]}"#)
            .0
            .content
    );
    assert!(
        !relayed(&mut relay, r#"{"choices":[{"text":""}]}"#)
            .0
            .content
    );
}

#[test]
fn a_name_that_changes_or_moves_is_still_replaced() {
    let mut relay = StreamRelay::new("m", Surface::Chat, true);
    let events = [
        r#"{"id":"1","model":"u","choices":[{"delta":{"content":"x"}}]}"#,
        r#"{"id":"2","model":"u","choices":[{"delta":{"content":"x"}}]}"#,
        r#"{"id":"2","model":"uu","choices":[{"delta":{"content":"x"}}]}"#,
        r#"{"choices":[{"delta":{"content":"x"}}],"model":"u","n":1}"#,
        r#"{"choices":[{"delta":{"content":"\"model\":\"u\",\"n\":1}"}}],"model":"u","n":1}"#,
        r#"{"choices":[{"delta":{"content":"y","model":"u"}}],"n":1}"#,
        r#"{"id":"2","model":"m","choices":[{"delta":{"content":"\"model\":\"u\""}}]}"#,
    ];
    for event in events {
        let (seen, out) = relayed(&mut relay, event);
        assert!(seen.content);
        let want: serde_json::Value = {
            let mut value: serde_json::Value = serde_json::from_str(event).unwrap();
            if let Some(model) = value.get_mut("model") {
                *model = "m".into();
            }
            value
        };
        let text = out.strip_prefix("data: ").unwrap();
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(text).unwrap(),
            want
        );
    }
}

#[test]
fn data_in_several_lines_goes_out_in_one() {
    let mut relay = StreamRelay::new("m", Surface::Chat, true);
    let text = "event: x\ndata: {\"model\":\"u\",\ndata: \"choices\":[]}\n\n";
    let mut out = BytesMut::new();
    relay.frame(&frames(text)[0], &mut out);
    assert_eq!(
        &out[..],
        b"event: x\ndata: {\"model\":\"m\",\"choices\":[]}\n\n"
    );
}

#[test]
fn comments_and_unknown_events_pass() {
    let mut relay = StreamRelay::new("m", Surface::Chat, true);
    for text in [": ping\n\n", "data: hello\n\n", "retry: 5\n\n"] {
        let mut out = BytesMut::new();
        let seen = relay.frame(&frames(text)[0], &mut out);
        assert_eq!(&out[..], text.as_bytes());
        assert_eq!(seen, crate::wire::Observed::default());
    }
}

#[test]
fn a_plain_answer_that_is_an_error_is_told() {
    let body = Bytes::from_static(br#"{"error":{"message":"boom","code":500}}"#);
    let (_, seen) = relay_answer(&body, "m").unwrap();
    assert_eq!(seen.error.unwrap().message, "boom");
    for bad in ["", "<html>", "[]", "{\"a\":1"] {
        let fault = relay_answer(&Bytes::from(bad), "m").unwrap_err();
        assert_eq!(fault.kind, crate::base::FaultKind::BadAnswer, "{bad}");
    }
}

fn written(events: &[Event], include_usage: bool) -> String {
    let mut writer = Writer::new(options(include_usage));
    let mut out = BytesMut::new();
    for event in events {
        writer.write(event, &mut out);
    }
    writer.finish(&mut out);
    let length = out.len();
    writer.finish(&mut out);
    writer.error("late", "x", 500, &mut out);
    writer.write(&Event::Done, &mut out);
    assert_eq!(out.len(), length, "nothing follows the end");
    String::from_utf8(out.to_vec()).unwrap()
}

#[test]
fn a_stream_is_written_like_openais() {
    let usage = Usage {
        prompt: 3,
        completion: 2,
        ..Usage::default()
    };
    let events = [
        Event::Start {
            id: Some("msg_1".to_owned()),
            model: Some("claude".to_owned()),
        },
        Event::Thinking {
            choice: 0,
            text: "hm".to_owned(),
        },
        Event::Text {
            choice: 0,
            text: "a\"b".to_owned(),
        },
        Event::ToolStart {
            choice: 0,
            index: 0,
            id: "t".to_owned(),
            name: "f".to_owned(),
        },
        Event::ToolArguments {
            choice: 0,
            index: 0,
            piece: "{}".to_owned(),
        },
        Event::Finish {
            choice: 0,
            reason: Finish::Stop,
        },
        Event::Finish {
            choice: 0,
            reason: Finish::Length,
        },
        Event::Text {
            choice: 0,
            text: "late".to_owned(),
        },
        Event::Usage(usage),
        Event::Done,
    ];
    let head = r#"data: {"id":"msg_1","object":"chat.completion.chunk","created":1700000000,"model":"asked","choices":["#;
    let choice = |delta: &str, reason: &str| {
        format!(
            "{head}{{\"index\":0,\"delta\":{{{delta}}},\"logprobs\":null,\"finish_reason\":{reason}}}],\"usage\":null}}\n\n"
        )
    };
    let wanted = [
        choice(
            r#""role":"assistant","content":null,"reasoning_content":"hm""#,
            "null",
        ),
        choice(r#""content":"a\"b""#, "null"),
        choice(
            r#""tool_calls":[{"index":0,"id":"t","type":"function","function":{"name":"f","arguments":""}}]"#,
            "null",
        ),
        choice(
            r#""tool_calls":[{"index":0,"function":{"arguments":"{}"}}]"#,
            "null",
        ),
        choice("", "\"tool_calls\""),
        format!(
            "{head}],\"usage\":{{\"prompt_tokens\":3,\"completion_tokens\":2,\"total_tokens\":5,\"prompt_tokens_details\":{{\"cached_tokens\":0}},\"completion_tokens_details\":{{\"reasoning_tokens\":0}}}}}}\n\n"
        ),
        String::from_utf8_lossy(DONE).into_owned(),
    ];
    assert_eq!(written(&events, true), wanted.concat());
}

#[test]
fn a_streamed_thought_can_be_given_back_with_its_signature() {
    let thinks = |text: &str| Event::Thinking {
        choice: 0,
        text: text.to_owned(),
    };
    let sign = Event::Signature {
        choice: 0,
        signature: "s".to_owned(),
    };
    let text = written(
        &[thinks("a"), thinks("b"), sign.clone(), thinks("c"), sign],
        false,
    );
    for block in [
        r#""thinking_blocks":[{"type":"thinking","thinking":"ab","signature":"s"}]"#,
        r#""thinking_blocks":[{"type":"thinking","thinking":"c","signature":"s"}]"#,
    ] {
        assert!(text.contains(block), "{text}");
    }
}

#[test]
fn an_empty_stream_still_ends_properly() {
    let events = read(written(&[], false));
    assert_eq!(events.len(), 3, "{events:?}");
    assert!(events.contains(&Event::Finish {
        choice: 0,
        reason: Finish::Stop,
    }));
    let mut writer = CompletionWriter::new(options(false));
    let mut out = BytesMut::new();
    writer.finish(&mut out);
    assert_eq!(
        &out[..],
        b"data: {\"id\":\"chatcmpl-0123456789abcdef-0123456789abcdef\",\"object\":\"text_completion\",\"created\":1700000000,\"model\":\"asked\",\"choices\":[{\"text\":\"\",\"index\":0,\"logprobs\":null,\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"
    );
}

#[test]
fn an_error_ends_the_stream() {
    let wanted = "data: {\"error\":{\"message\":\"it broke\",\"type\":\"server_error\",\"param\":null,\"code\":\"502\"}}\n\ndata: [DONE]\n\n";
    let mut out = BytesMut::new();
    Writer::new(options(true)).error("it broke", "server_error", 502, &mut out);
    assert_eq!(&out[..], wanted.as_bytes());
    out.clear();
    let error = Event::Error {
        status: Some(502),
        kind: "server_error".to_owned(),
        message: "it broke".to_owned(),
    };
    CompletionWriter::new(options(true)).write(&error, &mut out);
    assert_eq!(&out[..], wanted.as_bytes());
}

#[test]
fn completions_are_written_as_text() {
    let mut writer = CompletionWriter::new(options(true));
    let mut out = BytesMut::new();
    for (_, recorded) in recordings("sse")
        .into_iter()
        .filter(|(n, _)| n == "llama-stream-usage")
    {
        for event in read(recorded) {
            writer.write(&event, &mut out);
        }
    }
    writer.finish(&mut out);
    let text = String::from_utf8_lossy(&out).into_owned();
    assert!(text.contains(r#""object":"text_completion""#));
    let events = read(out.freeze());
    let said: String = events
        .iter()
        .filter_map(|event| match event {
            Event::Text { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(said, "Hello from a");
    assert_eq!(events.last(), Some(&Event::Done));
    assert_eq!(
        events
            .iter()
            .filter(|e| matches!(e, Event::Usage(_)))
            .count(),
        1
    );
}

fn any_event() -> impl Strategy<Value = Event> {
    let choice = 0u32..2;
    prop_oneof![
        (choice.clone(), ".{1,12}").prop_map(|(choice, text)| Event::Text { choice, text }),
        (choice.clone(), ".{1,12}").prop_map(|(choice, text)| Event::Thinking { choice, text }),
        (choice, "[a-z]{1,4}", ".{1,9}").prop_map(|(choice, id, piece)| {
            // Stands for a call in whole; taken apart below.
            Event::ToolStart {
                choice,
                index: 0,
                id,
                name: piece,
            }
        }),
    ]
}

proptest! {
    #[test]
    fn what_is_written_reads_the_same(list in prop::collection::vec(any_event(), 1..20)) {
        let mut events = Vec::new();
        let mut next = [0u32; 2];
        for event in list {
            if let Event::ToolStart { choice, id, name: piece, .. } = event {
                let slot = &mut next[usize::try_from(choice).unwrap()];
                let index = *slot;
                *slot += 1;
                let id = format!("{id}{index}");
                events.push(Event::ToolStart { choice, index, id, name: "f".to_owned() });
                events.push(Event::ToolArguments { choice, index, piece });
            } else {
                events.push(event);
            }
        }
        let text = written(&events, false);
        let mut back = read(text);
        prop_assert_eq!(back.pop(), Some(Event::Done));
        back.retain(|event| !matches!(event, Event::Start { .. } | Event::Finish { .. }));
        prop_assert_eq!(back, events);
    }

    #[test]
    fn the_fast_path_gives_what_the_slow_one_gives(
        texts in prop::collection::vec(".{0,10}", 1..10), tail in any::<bool>()
    ) {
        let mut relay = StreamRelay::new("asked", Surface::Chat, true);
        for text in texts {
            let choices = serde_json::json!([{"index": 0, "delta": {"content": text}}]);
            let event = if tail {
                format!(r#"{{"choices":{choices},"model":"up","object":"c"}}"#)
            } else {
                format!(r#"{{"id":"1","model":"up","choices":{choices}}}"#)
            };
            let (seen, out) = relayed(&mut relay, &event);
            let mut fresh = StreamRelay::new("asked", Surface::Chat, true);
            let (slow, slow_out) = relayed(&mut fresh, &event);
            prop_assert_eq!(seen.content, !text.is_empty());
            prop_assert_eq!(seen, slow);
            prop_assert_eq!(&out, &slow_out);
            prop_assert_eq!(out, stream(&[&event.replacen("\"model\":\"up\"", "\"model\":\"asked\"", 1)]));
        }
    }

    #[test]
    fn no_bytes_make_it_panic(data in prop::collection::vec(any::<u8>(), 0..120)) {
        let raw = Bytes::from(data);
        let frame = Frame { raw: raw.clone(), event: Bytes::new(), data: raw.clone() };
        let mut events = Vec::new();
        drop(Reader::new().read(&frame, &mut events));
        let mut relay = StreamRelay::new("m", Surface::Chat, true);
        relay.frame(&frame, &mut BytesMut::new());
        drop(relay_answer(&raw, "m"));
        drop(crate::wire::openai::parse_error(500, &raw));
        drop(crate::wire::openai::parse_request(&raw));
        drop(crate::wire::openai::parse_answer(&raw));
    }
}
