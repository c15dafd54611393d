//! Bytes that are forwarded.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use serde_json::Value;

use super::super::{
    Reader, StreamRelay, has_unsigned_thinking, parse_answer, parse_error, parse_request,
    relay_answer,
};
use super::{data, frames};
use crate::base::Usage;
use crate::wire::neutral::Finish;
use crate::wire::shape::{Frame, Observed};

fn relay(stream: &str, asked: &str) -> (String, Vec<Observed>) {
    let mut relay = StreamRelay::new(asked);
    let mut out = BytesMut::new();
    let seen = frames(stream)
        .iter()
        .map(|frame| relay.frame(frame, &mut out))
        .collect();
    (String::from_utf8(out.to_vec()).unwrap(), seen)
}

#[test]
fn only_the_models_name_is_changed() {
    for (stream, model) in [
        (data!("stream-everything.sse"), "claude-sonnet-4-5-20250929"),
        (data!("stream-ollama.sse"), "tiny-hello"),
        (data!("stream-llamacpp-tools.sse"), "tiny-tool"),
        (data!("stream-llamacpp-thinking.sse"), "tiny-think"),
    ] {
        let (out, _) = relay(stream, "my \"alias\"");
        let expected = stream.replacen(
            &format!("\"model\":\"{model}\""),
            r#""model":"my \"alias\"""#,
            1,
        );
        assert_eq!(out, expected);
        assert_eq!(relay(stream, model).0, stream);
    }
}

#[test]
fn a_stream_is_seen_for_what_it_says() {
    let (_, seen) = relay(data!("stream-everything.sse"), "m");
    let content: Vec<usize> = seen
        .iter()
        .enumerate()
        .filter(|(_, seen)| seen.content)
        .map(|(at, _)| at)
        .collect();
    // thinking, signature, redacted, text, the server's tool and its input, two tools, two pieces.
    assert_eq!(content, [3, 4, 5, 7, 10, 12, 13, 15, 17, 18, 20]);
    assert_eq!(seen[0].usage.unwrap().prompt, 2_325);
    let last = &seen[seen.len() - 2];
    assert_eq!(last.finish, Some(Finish::ToolCalls));
    let usage = Usage {
        prompt: 2_325,
        completion: 89,
        cached: 2_000,
        cache_write: 300,
        cache_write_1h: 200,
        reasoning: 30,
    };
    assert_eq!(last.usage, Some(usage));
    assert_eq!(seen.iter().filter(|seen| seen.done).count(), 1);
    assert!(seen.last().unwrap().done);
    assert!(seen.iter().all(|seen| seen.error.is_none()));
}

#[test]
fn content_of_llamacpps_streams_is_seen() {
    let (_, seen) = relay(data!("stream-llamacpp-thinking.sse"), "m");
    let content: Vec<bool> = seen.iter().map(|seen| seen.content).collect();
    assert_eq!(content.iter().filter(|&&content| content).count(), 14);
    assert!(
        !content[1] && content[2] && !content[12] && !content[17],
        "{content:?}"
    );
    let (_, seen) = relay(data!("stream-llamacpp-tools.sse"), "m");
    assert!(seen[1].content && seen.last().unwrap().done);
}

#[test]
fn reasoning_that_nobody_signed_is_found() {
    let body = |signature: &str| {
        format!(
            r#"{{"messages":[{{"role":"assistant","content":[{{"type":"thinking","thinking":"a","signature":{signature}}}]}}]}}"#
        )
    };
    for (signature, expected) in [(r#""""#, true), (r#" "" "#, true), (r#""EqQB""#, false)] {
        assert_eq!(has_unsigned_thinking(body(signature).as_bytes()), expected);
    }
}

#[test]
fn an_error_is_seen_wherever_it_stands() {
    let (out, seen) = relay(data!("stream-error.sse"), "m");
    assert!(!out.contains("overloaded_error"), "it is told, not written");
    let error = seen.last().unwrap().error.clone().unwrap();
    assert_eq!(
        (error.status, error.kind.as_str()),
        (Some(529), "overloaded_error")
    );
    let (_, seen) = relay("data: {\"error\":\"boom\"}\n\n", "m");
    assert_eq!(seen[0].error.as_ref().unwrap().message, "boom");
    let (_, seen) = relay("data: {\"type\":\"other\",\"error\":null}\n\n", "m");
    assert_eq!(seen[0], Observed::default());
}

#[test]
fn an_end_is_written_where_the_upstream_wrote_none() {
    let end = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    let last = "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}\n\n";
    for (stray, done) in [("", false), ("data: [DONE]\n\n", true)] {
        let mut relay = StreamRelay::new("m");
        let mut out = BytesMut::new();
        for frame in frames(last) {
            assert!(relay.frame(&frame, &mut out).finish.is_some());
        }
        for frame in frames(stray) {
            assert_eq!(relay.frame(&frame, &mut out).done, done);
        }
        relay.finish(&mut out);
        relay.finish(&mut out);
        assert_eq!(std::str::from_utf8(&out).unwrap(), format!("{last}{end}"));
    }
    let mut relay = StreamRelay::new("m");
    let mut out = BytesMut::new();
    for frame in frames(end) {
        relay.frame(&frame, &mut out);
    }
    relay.finish(&mut out);
    assert_eq!(std::str::from_utf8(&out).unwrap(), end);
}

#[test]
fn kinds_are_known_without_the_event_field_too() {
    let bare: String = data!("stream-everything.sse")
        .lines()
        .filter(|line| !line.starts_with("event:"))
        .fold(String::new(), |text, line| text + line + "\n");
    let strip = |seen: Vec<Observed>| seen;
    assert_eq!(
        strip(relay(&bare, "m").1),
        relay(data!("stream-everything.sse"), "m").1
    );
    let (out, _) = relay(
        "data: { \"message\": {\"model\" : \"a\"}, \"type\": \"message_start\" }\n\n",
        "b",
    );
    assert_eq!(
        out,
        "data: { \"message\": {\"model\" : \"b\"}, \"type\": \"message_start\" }\n\n"
    );
}

#[test]
fn pings_comments_and_empty_pieces_are_no_content() {
    let stream = concat!(
        "event: ping\ndata: {\"type\": \"ping\"}\n\n",
        ": keep-alive\n\n",
        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"\"}}\n\n",
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
    );
    let (out, seen) = relay(stream, "m");
    assert_eq!(out, stream);
    assert!(
        seen.iter().all(|seen| *seen == Observed::default()),
        "{seen:?}"
    );
}

#[test]
fn data_of_several_lines_is_put_together() {
    let data = "{\"type\":\"message_start\",\n\"message\":{\"model\":\"a\"}}";
    let frame = Frame {
        raw: Bytes::from(format!("data: {}\n\n", data.replace('\n', "\ndata: "))),
        event: Bytes::new(),
        data: Bytes::from_static(data.as_bytes()),
    };
    let mut out = BytesMut::new();
    StreamRelay::new("b").frame(&frame, &mut out);
    assert_eq!(
        String::from_utf8_lossy(&out),
        "event: message_start\ndata: {\"type\":\"message_start\", \"message\":{\"model\":\"b\"}}\n\n"
    );
}

#[test]
fn whole_answers_are_relayed() {
    let cases = [
        (data!("answer-ollama.json"), 19, 14, 0),
        (data!("answer-llamacpp.json"), 19, 14, 18),
        (data!("answer-vllm.json"), 20, 12, 0),
    ];
    for (body, prompt, completion, cached) in cases {
        let before: Value = serde_json::from_str(body).unwrap();
        let (out, seen) = relay_answer(&Bytes::from_static(body.as_bytes()), "asked");
        let mut after: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(after["model"], "asked");
        after["model"] = before["model"].clone();
        assert_eq!(after, before);
        assert_eq!(seen.finish, Some(Finish::Stop));
        assert_eq!(
            seen.usage,
            Some(Usage {
                prompt,
                completion,
                cached,
                ..Usage::default()
            })
        );
        assert!(seen.content && seen.done && seen.error.is_none());
    }
    let body = Bytes::from_static(data!("answer-ollama.json").as_bytes());
    assert_eq!(relay_answer(&body, "tiny-hello").0, body);
    for broken in ["", "{}", "[]", data!("error-ollama.json")] {
        let (out, seen) = relay_answer(&Bytes::from_static(broken.as_bytes()), "asked");
        assert_eq!(out, broken);
        assert!(seen.error.is_some() && !seen.done, "{broken}");
    }
}

/// A golden with a piece cut out and something else put in.
fn broken() -> impl Strategy<Value = Vec<u8>> {
    let goldens = vec![
        data!("stream-everything.sse"),
        data!("answer-llamacpp.json"),
        data!("error-ollama.json"),
        data!("request-claude-code.json"),
    ];
    (
        prop::sample::select(goldens),
        any::<prop::sample::Index>(),
        0_usize..40,
        "[{}\\[\\]\",:0nul\\\\]{0,6}",
    )
        .prop_map(|(golden, at, length, put)| {
            let mut bytes = golden.as_bytes().to_vec();
            let start = at.index(bytes.len());
            let end = (start + length).min(bytes.len());
            bytes.splice(start..end, put.into_bytes());
            bytes
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn broken_bytes_are_forwarded_whole_and_break_nothing(bytes in broken()) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let mut relay = StreamRelay::new("claude-sonnet-4-5-20250929");
        let mut reader = Reader::new();
        let (mut out, mut events) = (BytesMut::new(), Vec::new());
        let mut faults = 0;
        for frame in frames(&text) {
            let before = out.len();
            let seen = relay.frame(&frame, &mut out);
            if seen.error.is_none() && !frame.raw.windows(13).any(|part| part == b"message_start") {
                prop_assert_eq!(&out[before..], &frame.raw[..]);
            }
            faults += usize::from(reader.read(&frame, &mut events).is_err());
        }
        let answered = parse_answer(&bytes).is_ok();
        let asked = parse_request(&bytes).is_ok();
        prop_assert!(!(answered && asked));
        let _seen = relay_answer(&Bytes::from(bytes.clone()), "m");
        prop_assert!(!parse_error(500, &bytes).message.is_empty());
        prop_assert!(faults <= frames(&text).len());
    }
}
