//! What comes out of a stream's way, and when a stream counts as complete.

use serde_json::{Value, json};

use super::*;
use crate::config::{FileText, Sources, resolve};

/// The backend of this model string.
fn backend(model: &str) -> Backend {
    let params = json!({"model": model, "api_base": "http://127.0.0.1:9", "api_key": "k"});
    let config = json!({"model_list": [{"model_name": "m", "litellm_params": params}]});
    let mut sources = Sources::empty();
    sources.main = Some(FileText {
        name: "config.yaml".into(),
        bytes: config.to_string().into_bytes(),
    });
    let deployment = resolve(&sources).config.unwrap().deployments.pop().unwrap();
    Backend::prepare(&deployment).unwrap()
}

fn options() -> WriterOptions {
    WriterOptions {
        model: "m".to_owned(),
        id: "x".to_owned(),
        created: 1,
        include_usage: false,
    }
}

fn pump(surface: Surface, model: &str, same: bool, choices: u32) -> Pump {
    let way = build::Way {
        same,
        choices,
        ..build::Way::default()
    };
    Pump::new(surface, &backend(model), way, options(), 1 << 20)
}

fn event(value: &Value) -> String {
    format!("data: {value}\n\n")
}

fn delta(index: u32, finish: Option<&str>) -> String {
    let choice = json!({"index": index, "delta": {"content": "a"}, "finish_reason": finish});
    event(&json!({"choices": [choice], "model": "m"}))
}

#[test]
fn a_last_event_without_its_empty_line_stays_apart_from_what_we_write() {
    for end in ["", "\n", "\r\n"] {
        let mut pump = pump(Surface::Chat, "openai/x", true, 1);
        let mut out = BytesMut::new();
        let last = delta(0, Some("stop"));
        let cut = format!("{}{end}", last.trim_end());
        assert!(!pump.push(cut.into(), &mut out).unwrap().finished);
        assert!(pump.rest(&mut out).unwrap().finished);
        pump.finish(&mut out);
        let text = std::str::from_utf8(&out).unwrap().replace('\r', "");
        assert_eq!(text, format!("{last}data: [DONE]\n\n"));
    }
    let mut pump = pump(Surface::Messages, "anthropic/x", true, 1);
    let mut out = BytesMut::new();
    let last = json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}});
    let last = event(&last);
    pump.push(last.trim_end().to_owned().into(), &mut out)
        .unwrap();
    assert!(pump.rest(&mut out).unwrap().finished);
    pump.finish(&mut out);
    let text = std::str::from_utf8(&out).unwrap();
    let end = text.strip_prefix(&last).unwrap();
    assert_eq!(
        end,
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
    );
}

#[test]
fn half_an_event_is_never_passed_on() {
    let mut pump = pump(Surface::Chat, "openai/x", true, 1);
    let mut out = BytesMut::new();
    pump.push(Bytes::from_static(b"data: {\"choices\":[{"), &mut out)
        .unwrap();
    assert_eq!(pump.rest(&mut out).unwrap(), Seen::default());
    assert!(out.is_empty());
}

#[test]
fn a_stream_is_finished_when_every_choice_is() {
    for (surface, same) in [(Surface::Chat, true), (Surface::Messages, false)] {
        let mut pump = pump(surface, "openai/x", same, 2);
        let mut out = BytesMut::new();
        let mut push = |event: String| pump.push(event.into(), &mut out).unwrap().finished;
        assert!(!push(delta(0, None) + &delta(1, None)));
        assert!(!push(delta(1, Some("stop"))));
        assert!(!push(delta(1, Some("stop"))), "it counts once");
        assert!(push(delta(0, Some("length"))));
    }
}

#[test]
fn an_end_mark_behind_nothing_is_no_answer() {
    let done = "data: [DONE]\n\n";
    let ends = |model: &str, same, stream: String| {
        let surface = if model.starts_with("anthropic") {
            Surface::Messages
        } else {
            Surface::Chat
        };
        let mut out = BytesMut::new();
        let seen = pump(surface, model, same, 1).push(stream.into(), &mut out);
        seen.map(|seen| seen.done).map_err(|fault| fault.kind)
    };
    let role = event(&json!({"choices": [{"index": 0, "delta": {"role": "assistant"}}]}));
    let mute = event(&json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}));
    let bad = Err(FaultKind::BadAnswer);
    assert_eq!(ends("openai/x", true, done.to_owned()), bad);
    assert_eq!(ends("openai/x", true, format!("{role}{done}")), bad);
    assert_eq!(
        ends("openai/x", true, format!("data: hello\n\n{done}")),
        bad
    );
    assert_eq!(ends("openai/x", false, format!("{role}{done}")), bad);
    assert_eq!(ends("openai/x", true, format!("{mute}{done}")), Ok(true));
    assert_eq!(
        ends("openai/x", true, format!("{}{done}", delta(0, None))),
        Ok(true)
    );
    let stop = event(&json!({"type": "message_stop"}));
    assert_eq!(ends("anthropic/x", true, stop), bad);
}
