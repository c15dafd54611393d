//! Recordings of real servers: what is read from them, and that passing them through changes the
//! model's name and nothing else.

use bytes::BytesMut;

use super::*;
use crate::base::Surface;
use crate::wire::openai::{StreamRelay, parse_answer, relay_answer};

fn golden(name: &str, text: &str) {
    insta::with_settings!({
        snapshot_path => folder().join("golden"),
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, { insta::assert_snapshot!(name, text) });
}

#[test]
fn streams_are_read_as_recorded() {
    for (name, stream) in recordings("sse") {
        golden(&name, &lines(&read(stream)));
    }
}

#[test]
fn answers_are_read_as_recorded() {
    for (name, body) in recordings("json") {
        if !name.contains("embedding") {
            golden(&name, &format!("{:#?}", parse_answer(&body).unwrap()));
        }
    }
}

/// The recorded model's name, quoted.
fn name_in(text: &str) -> &str {
    let start = text.find("\"model\":\"").unwrap() + "\"model\":".len();
    let len = text.get(start + 1..).unwrap().find('"').unwrap();
    text.get(start..start + len + 2).unwrap()
}

#[test]
fn streams_pass_through_with_the_asked_name() {
    for (file, stream) in recordings("sse") {
        let surface = if file.contains("completion") {
            Surface::Completions
        } else {
            Surface::Chat
        };
        let text = String::from_utf8(stream.to_vec()).unwrap();
        let renamed = text.replace(name_in(&text), "\"as/\\\"ked\"");
        for show_usage in [true, false] {
            let mut relay = StreamRelay::new("as/\"ked", surface, show_usage);
            let mut out = BytesMut::new();
            let mut seen = Vec::new();
            for frame in frames(stream.clone()) {
                seen.push(relay.frame(&frame, &mut out));
            }
            let wanted: String = renamed
                .split_inclusive("\n\n")
                .filter(|event| !event.contains("[DONE]"))
                .filter(|event| show_usage || !event.contains("\"choices\":[],"))
                .collect();
            assert_eq!(String::from_utf8_lossy(&out), wanted, "{file}");
            if show_usage {
                golden(&format!("{file}.seen"), &lines(&seen));
            }
        }
    }
}

#[test]
fn answers_pass_through_with_the_asked_name() {
    for (file, body) in recordings("json") {
        let text = String::from_utf8(body.to_vec()).unwrap();
        let (out, seen) = relay_answer(&body, "asked").unwrap();
        let wanted = text.replace(name_in(&text), "\"asked\"");
        assert_eq!(String::from_utf8_lossy(&out), wanted, "{file}");
        assert!(seen.content && seen.usage.is_some() && seen.done, "{file}");
        let embedding = file.contains("embedding");
        assert_eq!(seen.finish.is_none(), embedding, "{file}");
        if !embedding {
            let answer = parse_answer(&body).unwrap();
            assert_eq!(answer.usage, seen.usage, "{file}");
            assert_eq!(answer.choices[0].finish, seen.finish, "{file}");
        }
    }
}

#[test]
fn reading_and_relaying_agree() {
    for (file, stream) in recordings("sse") {
        let mut relay = StreamRelay::new("m", Surface::Chat, true);
        let mut reader = crate::wire::openai::Reader::new();
        for frame in frames(stream) {
            let mut events = Vec::new();
            reader.read(&frame, &mut events).unwrap();
            let seen = relay.frame(&frame, &mut BytesMut::new());
            let content = events.iter().any(|event| {
                matches!(
                    event,
                    Event::Text { .. }
                        | Event::Thinking { .. }
                        | Event::ToolStart { .. }
                        | Event::ToolArguments { .. }
                )
            });
            assert_eq!(seen.content, content, "{file}: {events:?}");
            assert_eq!(seen.done, events.contains(&Event::Done), "{file}");
            let finish = events.iter().find_map(|event| match event {
                Event::Finish { reason, .. } => Some(reason.clone()),
                _ => None,
            });
            assert_eq!(seen.finish, finish, "{file}");
            let usage = events.iter().find_map(|event| match event {
                Event::Usage(usage) => Some(*usage),
                _ => None,
            });
            assert_eq!(seen.usage, usage, "{file}");
        }
    }
}
