//! What clients may not do: too large, too slow, too many, and nonsense.

use std::time::Duration;

use serde_json::json;

use crate::support::canned::openai;
use crate::support::rig::{self, chat, quiet};
use crate::support::wait::{PATIENCE, now};
use crate::support::{Ask, Line, Upstream, check, wait_for};

#[test]
fn a_body_over_the_limit_is_413_told_or_not() {
    let upstream = Upstream::start(openai::server("x"));
    let gateway = rig::start(
        &[rig::openai("chat", &upstream)],
        "general_settings: {max_request_size_mb: 1}\n",
    );
    let mut body = chat("chat");
    body["messages"][0]["content"] = "x".repeat(1 << 20).into();
    for (path, kind) in [
        ("/v1/chat/completions", "invalid_request_error"),
        ("/v1/messages", "request_too_large"),
    ] {
        let answer = gateway.post(path, &body).must_be(413);
        assert_eq!(answer.json()["error"]["type"], kind);
    }
    // Chunked: nobody told how long it would be.
    let mut line = Line::connect(gateway.addr).unwrap();
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
    line.write(head.as_bytes()).unwrap();
    let piece = [b"10000\r\n".as_slice(), &vec![b'x'; 0x10000], b"\r\n"].concat();
    for _ in 0..17 {
        // It may have hung up on us by now, and still says why.
        if line.write(&piece).is_err() {
            break;
        }
    }
    assert_eq!(line.answer(now()).unwrap().status, 413);
    body["messages"][0]["content"] = "x".repeat(1 << 19).into();
    gateway.post("/v1/chat/completions", &body).must_be(200);
    assert_eq!(upstream.requests().len(), 1);
    quiet(&gateway, &[&upstream]);
}

#[test]
fn a_body_that_waits_to_be_asked_is_asked_or_refused_unsent() {
    let upstream = Upstream::start(openai::server("x"));
    let gateway = rig::start(
        &[rig::openai("chat", &upstream)],
        "general_settings: {max_request_size_mb: 1}\n",
    );
    let answer = Ask::raw(
        "POST",
        "/v1/chat/completions",
        chat("chat").to_string().into_bytes(),
    )
    .header("expect", "100-continue")
    .send(gateway.addr);
    answer.must_be(200);
    let mut line = Line::connect(gateway.addr).unwrap();
    line.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 9000000\r\n\r\n").unwrap();
    assert_eq!(line.answer(now()).unwrap().status, 413);
    quiet(&gateway, &[&upstream]);
}

#[test]
fn a_slow_head_is_cut_off_and_idle_connections_are_not() {
    let upstream = Upstream::start(openai::server("x"));
    let gateway = rig::start(
        &[rig::openai("chat", &upstream)],
        "general_settings: {header_timeout: 1}\n",
    );
    let mut idle = Line::connect(gateway.addr).unwrap();
    idle.send(&Ask::get("/health/liveliness"))
        .unwrap()
        .must_be(200);
    let mut slow = Line::connect(gateway.addr).unwrap();
    slow.write(b"POST /v1/chat/comp").unwrap();
    let began = now();
    wait_for(
        "the slow head to be cut off",
        Duration::from_secs(5),
        || slow.write(b"l").is_err().then_some(()),
    );
    assert!(
        began.elapsed() >= Duration::from_millis(900),
        "{:?}",
        began.elapsed()
    );
    idle.send(&Ask::get("/health/liveliness"))
        .unwrap()
        .must_be(200);
    quiet(&gateway, &[&upstream]);
}

#[test]
fn connections_over_the_cap_are_told_so() {
    let upstream = Upstream::start(openai::server("x"));
    let gateway = rig::start(
        &[rig::openai("chat", &upstream)],
        "general_settings: {max_connections: 4}\n",
    );
    wait_for("the starting connections to be gone", PATIENCE, || {
        let mut held: Vec<Line> = (0..4)
            .map(|_| Line::connect(gateway.addr).unwrap())
            .collect();
        held.iter_mut()
            .all(|line| {
                line.send(&Ask::get("/health/liveliness"))
                    .is_ok_and(|answer| answer.status == 200)
            })
            .then(|| {
                let mut fifth = Line::connect(gateway.addr).unwrap();
                let answer = fifth
                    .send(&Ask::post("/v1/chat/completions", &chat("chat")))
                    .unwrap();
                assert_eq!(answer.status, 503);
                assert!(
                    answer.json()["error"]["message"]
                        .as_str()
                        .unwrap()
                        .contains("connections")
                );
            })
    });
    wait_for("a place to be free again", PATIENCE, || {
        let answer = Ask::post("/v1/chat/completions", &chat("chat"))
            .try_send(gateway.addr)
            .ok()?;
        (answer.status == 200).then_some(())
    });
    quiet(&gateway, &[&upstream]);
}

#[test]
fn nonsense_is_400_in_the_clients_dialect() {
    let upstream = Upstream::start(openai::server("x"));
    let gateway = rig::start(&[rig::openai("chat", &upstream)], "");
    let deep = format!(
        "{{\"model\": \"chat\", \"messages\": {}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let nonsense = [
        "",
        "{",
        "null",
        "[]",
        "\"chat\"",
        "{\"model\": \"chat\", \"messages\": []} trailing",
        "{\"model\": \"chat\", \"model\": \"chat\", \"messages\": []}",
        "{\"model\": 5, \"messages\": []}",
        "{\"messages\": []}",
        "{\"model\": \"chat\", \"messages\": [}",
        "{\"model\": \"chat\", \"stream\": \"yes\", \"messages\": []}",
        "{\"model\": \"ch\\ud800at\", \"messages\": []}",
        deep.as_str(),
    ];
    for text in nonsense {
        let shown: String = text.chars().take(80).collect();
        for path in ["/v1/chat/completions", "/v1/messages", "/v1/embeddings"] {
            let answer = Ask::raw("POST", path, text.as_bytes().to_vec())
                .header("content-type", "application/json")
                .send(gateway.addr);
            assert_eq!(answer.status, 400, "{path} {shown}: {}", answer.text());
            let error = answer.json();
            assert_eq!(error["error"]["type"], "invalid_request_error", "{shown}");
            if path == "/v1/messages" {
                check::contains(&error, &json!({"type": "error"}));
            }
            assert!(answer.header("x-litellm-call-id").is_some());
        }
    }
    let bytes = vec![b'{', b'"', 0xff, 0xfe, b'"', b':', b'1', b'}'];
    Ask::raw("POST", "/v1/chat/completions", bytes)
        .send(gateway.addr)
        .must_be(400);
    assert!(upstream.requests().is_empty());
    quiet(&gateway, &[&upstream]);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let upstream = Upstream::start(openai::server("x"));
    let gateway = rig::start(&[rig::openai("chat", &upstream)], "");
    let mut line = Line::connect(gateway.addr).unwrap();
    let one = Ask::post("/v1/chat/completions", &chat("chat")).header("x-litellm-call-id", "one");
    let two = Ask::post("/v1/chat/completions", &chat("chat")).header("x-litellm-call-id", "two");
    line.write(&[one.bytes(gateway.addr), two.bytes(gateway.addr)].concat())
        .unwrap();
    for id in ["one", "two"] {
        let answer = line.answer(now()).unwrap().must_be(200);
        assert_eq!(answer.header("x-litellm-call-id"), Some(id));
    }
    quiet(&gateway, &[&upstream]);
}

#[test]
fn a_chunked_body_is_a_body() {
    let upstream = Upstream::start(openai::server("x"));
    let gateway = rig::start(&[rig::openai("chat", &upstream)], "");
    let body = chat("chat").to_string();
    let mut line = Line::connect(gateway.addr).unwrap();
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n\
                content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    line.write(head.as_bytes()).unwrap();
    for piece in body.as_bytes().chunks(7) {
        let size = format!("{:x}\r\n", piece.len());
        line.write(&[size.as_bytes(), piece, b"\r\n"].concat())
            .unwrap();
    }
    line.write(b"0\r\n\r\n").unwrap();
    line.answer(now()).unwrap().must_be(200);
    let sent = &upstream.requests()[0];
    assert_eq!(sent.json()["messages"], chat("chat")["messages"]);
    assert_eq!(
        sent.header("transfer-encoding"),
        None,
        "it goes on with its length"
    );
    quiet(&gateway, &[&upstream]);
}

#[test]
fn a_large_prompt_goes_through() {
    let upstream = Upstream::start(openai::server("x"));
    let gateway = rig::start(&[rig::openai("chat", &upstream)], "");
    let mut body = chat("chat");
    body["messages"][0]["content"] = "wörter ".repeat(1 << 20).into();
    gateway.post("/v1/chat/completions", &body).must_be(200);
    assert_eq!(upstream.requests()[0].json()["messages"], body["messages"]);
    quiet(&gateway, &[&upstream]);
}
