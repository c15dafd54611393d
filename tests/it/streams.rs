//! Streams that have begun: how they end when the upstream dies, stalls or says so, and when the
//! client leaves or does not read.

use std::fs;
use std::time::Duration;

use serde_json::json;

use crate::support::canned::{anthropic, ollama, openai};
use crate::support::rig::{self, chat_stream, message_stream, quiet, rows};
use crate::support::wait::PATIENCE;
use crate::support::{End, Frame, Gate, Gateway, Reply, Upstream, check, wait_for};

fn word(text: &str) -> String {
    openai::delta("mock-model", &json!({"content": text}))
}

/// A stream of OpenAI's that was cut: an error event in its words, after it nothing but `[DONE]`.
#[track_caller]
fn ends_with_openai_error(frames: &[Frame]) {
    let error = frames.iter().position(|frame| {
        frame.data.is_some() && !frame.is_done() && frame.json()["error"]["message"].is_string()
    });
    let error = error.unwrap_or_else(|| panic!("no error event in {frames:#?}"));
    assert!(
        frames[error + 1..].iter().all(Frame::is_done),
        "{frames:#?}"
    );
    assert!(
        check::openai_finish(frames).is_empty(),
        "it did not finish: {frames:#?}"
    );
}

#[track_caller]
fn cut_row(gateway: &Gateway, upstreams: &[&Upstream]) {
    let row = rows(gateway, 1).remove(0);
    assert_eq!(row.status, 200, "the head had gone out: {row:?}");
    assert!(!row.error.is_empty(), "{row:?}");
    assert_eq!(
        row.tries.len(),
        1,
        "what has begun is not tried again: {row:?}"
    );
    let outcome =
        gateway.sqlite("select n.outcome from attempts a join endings n on n.id = a.ending");
    assert_eq!(outcome[0][0], 2, "the row says cut");
    let tokens = gateway.sqlite("select completion_tokens from litellm_spend_logs");
    assert!(
        tokens[0][0].as_i64().unwrap() > 0,
        "what was used is counted"
    );
    quiet(gateway, upstreams);
}

#[test]
fn a_stream_that_dies_ends_with_an_error_event_in_the_clients_dialect() {
    let begun = || Reply::sse().chunk(word("Hel")).chunk(word("lo"));
    let deaths: Vec<(&str, Reply)> = vec![
        ("reset", begun().pause(Duration::from_millis(20)).reset()),
        ("end without [DONE]", begun().end()),
        ("close", begun().fin()),
        ("half an event", begun().chunk("data: {\"choi").fin()),
        (
            "abort",
            begun()
                .chunk(openai::finish("mock-model", "abort"))
                .chunk(openai::done())
                .end(),
        ),
        (
            "error event",
            begun()
                .chunk("data: {\"error\": {\"message\": \"CUDA\", \"code\": 500}}\n\n")
                .chunk(openai::done())
                .end(),
        ),
    ];
    for (what, death) in deaths {
        let upstream = Upstream::start(move |_| death.clone());
        let spare = Upstream::start(openai::server("not me"));
        for front in ["openai", "anthropic"] {
            let gateway = rig::start(
                &[
                    rig::openai("chat", &upstream).with("order: 1"),
                    rig::openai("chat", &spare).with("order: 2"),
                ],
                "",
            );
            let (path, body) = if front == "openai" {
                ("/v1/chat/completions", chat_stream("chat"))
            } else {
                ("/v1/messages", message_stream("chat"))
            };
            let (frames, end) = gateway.stream(path, &body).collect();
            assert_eq!(end, End::Whole, "{what} to {front}");
            if front == "openai" {
                assert_eq!(check::openai_text(&frames), "Hello", "{what}");
                ends_with_openai_error(&frames);
            } else {
                assert_eq!(check::anthropic_text(&frames), "Hello", "{what}");
                assert_eq!(
                    check::events(&frames).last(),
                    Some(&"error"),
                    "{what}: {frames:#?}"
                );
            }
            cut_row(&gateway, &[&upstream, &spare]);
        }
        assert!(spare.requests().is_empty(), "{what}");
    }
}

#[test]
fn other_dialects_that_die_are_told_the_same_way() {
    let lines = ollama::stream("llama3.2", "Hel lo").into_iter().take(2);
    let ollama_like = Reply::ndjson().chunks(lines.collect::<Vec<_>>());
    let events = anthropic::stream("claude-mock", "Hel lo")
        .into_iter()
        .take(5);
    let anthropic_like = Reply::sse().chunks(events.collect::<Vec<_>>());
    let said = anthropic::error_event("overloaded_error", "Overloaded");
    let cases = [
        (
            "ollama",
            ollama_like.clone().chunk(ollama::error_line()).end(),
        ),
        ("ollama", ollama_like.clone().end()),
        ("ollama", ollama_like.fin()),
        ("anthropic", anthropic_like.clone().chunk(said).end()),
        ("anthropic", anthropic_like.clone().end()),
        ("anthropic", anthropic_like.reset()),
    ];
    for (back, death) in cases {
        let upstream = Upstream::start(move |_| death.clone());
        let entry = if back == "ollama" {
            rig::ollama("chat", &upstream)
        } else {
            rig::anthropic("chat", &upstream)
        };
        let gateway = rig::start(&[entry], "");
        let (frames, end) = gateway
            .stream("/v1/chat/completions", &chat_stream("chat"))
            .collect();
        assert_eq!(end, End::Whole);
        assert_eq!(check::openai_text(&frames), "Hel lo");
        ends_with_openai_error(&frames);
        cut_row(&gateway, &[&upstream]);
        let (frames, end) = gateway
            .stream("/v1/messages", &message_stream("chat"))
            .collect();
        assert_eq!(end, End::Whole);
        let events = check::events(&frames);
        assert_eq!(events.last(), Some(&"error"));
        let errors = events.iter().filter(|event| **event == "error").count();
        assert_eq!(errors, 1, "it is told once: {frames:#?}");
        quiet(&gateway, &[&upstream]);
    }
}

#[test]
fn an_end_mark_behind_nothing_is_tried_elsewhere() {
    for hollow in ["", "data: hello\n\n", "data: {\"choices\":[]}\n\n"] {
        let upstream = Upstream::start(move |_| {
            Reply::sse()
                .chunk(format!("{hollow}data: [DONE]\n\n"))
                .end()
        });
        let spare = Upstream::start(openai::server("fine"));
        let gateway = rig::start(
            &[
                rig::openai("chat", &upstream).with("order: 1"),
                rig::openai("chat", &spare).with("order: 2"),
            ],
            "",
        );
        let (frames, end) = gateway
            .stream("/v1/chat/completions", &chat_stream("chat"))
            .collect();
        assert_eq!(end, End::Whole);
        assert_eq!(check::openai_text(&frames), "fine", "{hollow}");
        check::ends_with_done(&frames);
        assert_eq!(spare.requests().len(), 1);
        quiet(&gateway, &[&upstream, &spare]);
    }
}

#[test]
fn one_finished_choice_of_two_does_not_make_a_cut_stream_whole() {
    let upstream = Upstream::start(|_| {
        Reply::sse()
            .chunk(word("a"))
            .chunk(openai::finish("mock-model", "stop"))
            .end()
    });
    let gateway = rig::start(&[rig::openai("chat", &upstream)], "");
    let mut body = chat_stream("chat");
    body["n"] = json!(2);
    let (frames, end) = gateway.stream("/v1/chat/completions", &body).collect();
    assert_eq!(end, End::Whole);
    let has_error = |frame: &Frame| !frame.is_done() && frame.json()["error"].is_object();
    assert!(frames.iter().any(has_error), "{frames:#?}");
    quiet(&gateway, &[&upstream]);
}

#[test]
fn an_end_without_done_after_the_finish_reason_is_a_good_end() {
    let upstream = Upstream::start(|_| {
        Reply::sse()
            .chunk(word("fine"))
            .chunk(openai::finish("mock-model", "stop"))
            .end()
    });
    let gateway = rig::start(&[rig::openai("chat", &upstream)], "");
    let (frames, end) = gateway
        .stream("/v1/chat/completions", &chat_stream("chat"))
        .collect();
    assert_eq!(end, End::Whole);
    check::ends_with_done(&frames);
    assert_eq!(rows(&gateway, 1)[0].error, "");
    quiet(&gateway, &[&upstream]);
}

#[test]
fn comments_do_not_feed_the_idle_timer() {
    let beat = Duration::from_millis(150);
    let upstream = Upstream::start(move |_| {
        let begun = Reply::sse().chunk(word("a"));
        (0..100).fold(begun, |reply, _| {
            reply.pause(beat).chunk(": still here\n\n")
        })
    });
    let gateway = rig::start(
        &[rig::openai("chat", &upstream).with("stream_timeout: 0.6")],
        "",
    );
    let began = crate::support::wait::now();
    let (frames, end) = gateway
        .stream("/v1/chat/completions", &chat_stream("chat"))
        .collect();
    let took = began.elapsed();
    assert_eq!(end, End::Whole);
    ends_with_openai_error(&frames);
    assert!(
        took > Duration::from_millis(550) && took < Duration::from_secs(3),
        "{took:?}"
    );
    assert_eq!(rows(&gateway, 1)[0].error, "timeout");
    upstream.until("the stream to be given up", |counts| counts.given_up == 1);
    quiet(&gateway, &[&upstream]);
}

#[test]
fn comments_before_the_first_content_do_not_feed_it_either() {
    let beat = Duration::from_millis(150);
    let upstream = Upstream::start(move |_| {
        (0..100).fold(Reply::sse(), |reply, _| {
            reply.pause(beat).chunk(": processing\n\n")
        })
    });
    let spare = Upstream::start(openai::server("the second one"));
    let gateway = rig::start(
        &[
            rig::openai("chat", &upstream).with("order: 1, stream_timeout: 0.6"),
            rig::openai("chat", &spare).with("order: 2"),
        ],
        "router_settings: {num_retries: 0}\n",
    );
    let (frames, end) = gateway
        .stream("/v1/chat/completions", &chat_stream("chat"))
        .collect();
    assert_eq!(end, End::Whole);
    assert_eq!(check::openai_text(&frames), "the second one");
    assert_eq!(rows(&gateway, 1)[0].tries, ["timeout", ""]);
    quiet(&gateway, &[&upstream, &spare]);
}

#[test]
fn events_are_passed_on_as_they_come() {
    let gates: Vec<Gate> = (0..3).map(|_| Gate::new()).collect();
    let script = gates.clone();
    let upstream = Upstream::start(move |_| {
        let reply = script.iter().fold(Reply::sse(), |reply, gate| {
            reply.chunk(word("x ")).wait(gate)
        });
        reply
            .chunk(openai::finish("mock-model", "stop"))
            .chunk(openai::done())
            .end()
    });
    let gateway = rig::start(&[rig::openai("chat", &upstream)], "");
    let mut stream = gateway.stream("/v1/chat/completions", &chat_stream("chat"));
    for gate in gates {
        // Nothing but this event can have come: the upstream waits for us.
        assert_eq!(check::openai_text(&stream.frames().unwrap()), "x ");
        gate.open();
    }
    let (frames, end) = stream.collect();
    assert_eq!(end, End::Whole);
    check::ends_with_done(&frames);
    quiet(&gateway, &[&upstream]);
}

#[test]
fn a_client_that_leaves_takes_the_upstream_with_it() {
    for front in ["openai", "anthropic"] {
        let upstream = Upstream::start(|_| {
            Reply::sse()
                .chunk(word("one "))
                .chunk(word("two "))
                .wait(&Gate::new())
        });
        let gateway = rig::start(&[rig::openai("chat", &upstream)], "");
        let mut stream = if front == "openai" {
            gateway.stream("/v1/chat/completions", &chat_stream("chat"))
        } else {
            gateway.stream("/v1/messages", &message_stream("chat"))
        };
        stream.frames().unwrap();
        let left = crate::support::wait::now();
        drop(stream);
        upstream.until("the upstream to be cancelled", |counts| {
            counts.given_up == 1
        });
        assert!(
            left.elapsed() < Duration::from_secs(1),
            "{:?}",
            left.elapsed()
        );
        let row = rows(&gateway, 1).remove(0);
        assert_eq!((row.status, row.error.as_str()), (499, "client_gone"));
        assert_eq!(row.tries, ["cancelled"]);
        let tokens =
            gateway.sqlite("select completion_tokens, prompt_tokens from litellm_spend_logs");
        assert!(tokens[0][0].as_i64().unwrap() >= 1, "{tokens:?}");
        assert!(
            rig::unhealthy(&gateway).is_empty(),
            "the backend is not to blame"
        );
        quiet(&gateway, &[&upstream]);
    }
}

#[test]
fn a_client_that_leaves_before_any_answer_cancels_as_well() {
    let upstream = Upstream::start(|_| Reply::hang());
    let gateway = rig::start(&[rig::openai("chat", &upstream)], "");
    for body in [rig::chat("chat"), chat_stream("chat")] {
        let mut line = crate::support::Line::connect(gateway.addr).unwrap();
        line.write(&crate::support::Ask::post("/v1/chat/completions", &body).bytes(gateway.addr))
            .unwrap();
        upstream.until("the request", |counts| counts.in_flight == 1);
        drop(line);
        upstream.until("it to be given up", |counts| counts.in_flight == 0);
    }
    upstream.until("its sockets to be closed", |counts| counts.given_up == 2);
    for row in rows(&gateway, 2) {
        assert_eq!((row.status, row.error.as_str()), (499, "client_gone"));
    }
    quiet(&gateway, &[&upstream]);
}

/// Resident memory of a process in MiB.
fn resident(gateway: &Gateway) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", gateway.pid())).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        / 1024
}

#[test]
fn a_client_that_does_not_read_is_held_in_bounded_memory() {
    let megabyte = word(&"x".repeat(1 << 20));
    let upstream =
        Upstream::start(move |_| (0..200).fold(Reply::sse(), |reply, _| reply.chunk(&megabyte)));
    let gateway = rig::start(&[rig::openai("chat", &upstream)], "");
    let mut stream = gateway.stream("/v1/chat/completions", &chat_stream("chat"));
    stream.piece().unwrap();
    let mut most = 0;
    let mut same = 0;
    let mut last = 0;
    // Until the memory has stood still for a while: everything is full.
    wait_for("the stream to stall", PATIENCE, || {
        let now = resident(&gateway);
        most = most.max(now);
        same = if now == last { same + 1 } else { 0 };
        last = now;
        (same > 100).then_some(())
    });
    assert!(most < 60, "{most} MiB");
    assert_eq!(upstream.counts().in_flight, 1, "it waits");
    drop(stream);
    upstream.until("the upstream to be cancelled", |counts| {
        counts.given_up == 1
    });
    quiet(&gateway, &[&upstream]);
}
