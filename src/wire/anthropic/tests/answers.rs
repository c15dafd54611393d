//! Whole answers.

use serde_json::{Value, json};

use super::super::{parse_answer, parse_error, write_answer};
use super::{data, reasons, writer_options};
use crate::base::{FaultKind, Usage};
use crate::wire::neutral::{Answer, Choice, Finish, Part, ToolCall};

#[test]
fn answers_of_real_servers_are_read() {
    let cases = [
        (
            data!("answer-ollama.json"),
            "msg_858cbb86501787bc5c02556b",
            "tiny-hello",
            19,
            14,
            0,
        ),
        (
            data!("answer-llamacpp.json"),
            "chatcmpl-",
            "models/tiny-hello.gguf",
            19,
            14,
            18,
        ),
        (
            data!("answer-vllm.json"),
            "chatcmpl-bffa372c6ae2958e",
            "tiny-hello",
            20,
            12,
            0,
        ),
    ];
    for (body, id, model, prompt, completion, cached) in cases {
        let answer = parse_answer(body.as_bytes()).unwrap();
        assert!(answer.id.starts_with(id), "{}", answer.id);
        assert_eq!(answer.model, model);
        assert_eq!(
            answer.usage,
            Some(Usage {
                prompt,
                completion,
                cached,
                ..Usage::default()
            })
        );
        let [choice] = answer.choices.as_slice() else {
            panic!()
        };
        assert_eq!(choice.finish, Some(Finish::Stop));
        let [Part::Text { text, .. }] = choice.parts.as_slice() else {
            panic!()
        };
        assert!(
            text.starts_with("Hello from a tiny hand-made model"),
            "{text}"
        );
    }
}

fn full() -> Answer {
    let call = |id: &str, arguments: &str| {
        Part::ToolCall(ToolCall {
            id: id.to_owned(),
            name: "f".to_owned(),
            arguments: arguments.to_owned(),
        })
    };
    Answer {
        id: "msg_1".to_owned(),
        model: "asked \"model\"".to_owned(),
        created: 0,
        choices: vec![Choice {
            parts: vec![
                Part::Thinking {
                    text: "hm".to_owned(),
                    signature: Some("sig".to_owned()),
                },
                Part::RedactedThinking {
                    data: "xx".to_owned(),
                },
                Part::text("yes"),
                call(
                    "toolu_1",
                    r#"{ "big":12345678901234567890123, "s":"\u00e9" }"#,
                ),
                call("toolu_2", "{}"),
            ],
            finish: Some(Finish::ToolCalls),
        }],
        usage: Some(Usage {
            prompt: 50,
            completion: 5,
            cached: 20,
            cache_write: 10,
            cache_write_1h: 4,
            reasoning: 2,
        }),
    }
}

#[test]
fn an_answer_survives_the_way_out_and_in() {
    let written = write_answer(&full(), &writer_options());
    assert_eq!(parse_answer(&written).unwrap(), full());
    let value: Value = serde_json::from_slice(&written).unwrap();
    assert_eq!(
        (&value["type"], &value["role"]),
        (&json!("message"), &json!("assistant"))
    );
    assert_eq!(value["usage"]["input_tokens"], 20);
    for (word, sequence, reason) in reasons() {
        let mut answer = full();
        answer.choices[0].parts.truncate(3);
        answer.choices[0].finish = Some(reason);
        let written = write_answer(&answer, &writer_options());
        let value: Value = serde_json::from_slice(&written).unwrap();
        assert_eq!(
            (
                value["stop_reason"].as_str(),
                value["stop_sequence"].as_str()
            ),
            (Some(word), sequence)
        );
        assert_eq!(parse_answer(&written).unwrap(), answer);
    }
}

#[test]
fn what_other_dialects_leave_open_is_filled_in() {
    let answer = Answer {
        choices: vec![Choice {
            parts: vec![
                Part::text(""),
                Part::ToolCall(ToolCall {
                    id: String::new(),
                    name: "f".to_owned(),
                    arguments: "not json".to_owned(),
                }),
            ],
            finish: Some(Finish::Stop),
        }],
        ..Answer::default()
    };
    let value: Value = serde_json::from_slice(&write_answer(&answer, &writer_options())).unwrap();
    assert_eq!(value["id"], "msg_7");
    assert_eq!(
        value["content"],
        json!([{"type": "tool_use", "id": "toolu_7_1", "name": "f", "input": {"arguments": "not json"}}])
    );
    assert_eq!(value["stop_reason"], "tool_use");
    assert_eq!(value["usage"]["output_tokens"], 0);
}

#[test]
fn the_form_of_an_answer_comes_back_as_text() {
    let body = json!({"content": [{"type": "tool_use", "id": "t", "name": "json_tool_call", "input": {"a": [1]}}],
        "stop_reason": "tool_use"});
    let answer = parse_answer(body.to_string().as_bytes()).unwrap();
    assert_eq!(answer.choices[0].parts, [Part::text(r#"{"a":[1]}"#)]);
    assert_eq!(answer.choices[0].finish, Some(Finish::Stop));
}

#[test]
fn what_is_no_message_is_a_fault() {
    for body in [
        "",
        "[]",
        "{}",
        r#"{"content":[{"type":"text"}]}"#,
        r#"{"content":[1]}"#,
    ] {
        assert_eq!(
            parse_answer(body.as_bytes()).unwrap_err().kind,
            FaultKind::BadAnswer,
            "{body}"
        );
    }
    let fault = parse_answer(data!("error-ollama.json").as_bytes()).unwrap_err();
    assert_eq!(
        (fault.kind, fault.message.as_str()),
        (FaultKind::UpstreamError, "model 'nosuch' not found")
    );
    let error = parse_error(404, data!("error-ollama.json").as_bytes());
    assert_eq!(
        (error.status, error.kind.as_str()),
        (Some(404), "not_found_error")
    );
}
