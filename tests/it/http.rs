//! HTTP/1.1 as the most different clients speak it: pipelined, chunked, in drops, old, or not at all.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use crate::support::canned::openai;
use crate::support::rig::{self, chat, chat_stream, quiet};
use crate::support::wait::{PATIENCE, now, stand_still};
use crate::support::{Ask, Gateway, Line, Reply, Upstream};

fn start() -> (Upstream, Gateway) {
    let upstream = Upstream::start(openai::server("hello there"));
    let gateway = rig::start(&[rig::openai("chat", &upstream)], "");
    (upstream, gateway)
}

/// Says these bytes, and gives all that comes back until the gateway hangs up.
fn said(gateway: &Gateway, bytes: &[u8]) -> String {
    let mut socket = TcpStream::connect(gateway.addr).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.write_all(bytes).unwrap();
    let mut all = Vec::new();
    socket.read_to_end(&mut all).unwrap();
    String::from_utf8(all).unwrap()
}

fn post(body: &str, more: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n{more}content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

#[test]
fn requests_that_come_at_once_are_answered_in_their_order() {
    let (upstream, gateway) = start();
    let mut line = Line::connect(gateway.addr).unwrap();
    let health = b"GET /health/liveliness HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec();
    let body = chat("chat").to_string();
    line.write(&[post(&body, ""), health, post("{", ""), post(&body, "")].concat())
        .unwrap();
    for status in [200, 200, 400, 200] {
        assert_eq!(line.answer(now()).unwrap().status, status);
    }
    assert_eq!(upstream.requests().len(), 2);
    quiet(&gateway, &[&upstream]);
}

#[test]
fn a_request_in_drops_and_chunks_is_one_request() {
    let (upstream, gateway) = start();
    let mut line = Line::connect(gateway.addr).unwrap();
    let body = chat("chat").to_string();
    let (first, second) = body.split_at(20);
    let whole = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n\
         {:x};x=y\r\n{first}\r\n{:X}\r\n{second}\r\n0\r\ntrailer: 1\r\n\r\n",
        first.len(),
        second.len()
    );
    for drop in whole.as_bytes().chunks(7) {
        line.write(drop).unwrap();
        thread::yield_now();
    }
    assert_eq!(line.answer(now()).unwrap().status, 200);
    // The connection is still good.
    line.write(&post(&body, "")).unwrap();
    assert_eq!(line.answer(now()).unwrap().status, 200);
    assert_eq!(
        upstream.requests()[0].json()["messages"],
        chat("chat")["messages"]
    );
    quiet(&gateway, &[&upstream]);
}

#[test]
fn old_clients_get_what_they_can_read() {
    let (upstream, gateway) = start();
    let body = chat_stream("chat").to_string();
    let head = "POST /v1/chat/completions HTTP/1.0\r\nhost: localhost\r\n";
    let stream = said(
        &gateway,
        format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes(),
    );
    assert!(stream.starts_with("HTTP/1.1 200 OK\r\n"), "{stream}");
    assert!(stream.contains("\r\nconnection: close\r\n"), "{stream}");
    assert!(!stream.contains("transfer-encoding"), "{stream}");
    assert!(stream.ends_with("data: [DONE]\n\n"), "{stream}");

    let mut line = Line::connect(gateway.addr).unwrap();
    let body = chat("chat").to_string();
    for _ in 0..2 {
        let head = format!(
            "{head}connection: keep-alive\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        line.write(head.as_bytes()).unwrap();
        let answer = line.answer(now()).unwrap();
        assert_eq!(
            (answer.status, answer.header("connection")),
            (200, Some("keep-alive"))
        );
    }
    quiet(&gateway, &[&upstream]);
}

#[test]
fn a_client_that_says_close_is_hung_up_upon() {
    let (upstream, gateway) = start();
    let answer = said(
        &gateway,
        &post(&chat("chat").to_string(), "connection: close\r\n"),
    );
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    assert!(
        answer.contains("\r\ndate: ") && answer.ends_with('}'),
        "{answer}"
    );
    quiet(&gateway, &[&upstream]);
}

#[test]
fn the_head_of_a_page_has_its_length_and_no_body() {
    let (upstream, gateway) = start();
    let ask = "HEAD /health/liveliness HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let head = said(&gateway, ask.as_bytes());
    assert!(
        head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"),
        "{head}"
    );
    assert!(head.contains("\r\ncontent-length: 12\r\n"), "{head}");
    quiet(&gateway, &[&upstream]);
}

#[test]
fn what_is_no_request_gets_a_reason_and_the_end() {
    let (upstream, gateway) = start();
    for (bytes, status, reason) in [
        ("\u{16}\u{3}\u{1}\u{2}", 400, "this is no HTTP"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "only HTTP/1.1"),
        (
            "GET / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
            400,
            "exclude each other",
        ),
        (
            "GET / HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r\n",
            501,
            "chunked",
        ),
        ("GET / HTTP/1.1\r\nbad header: 1\r\n\r\n", 400, "malformed"),
    ] {
        let answer = said(&gateway, bytes.as_bytes());
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        assert!(
            answer.contains(reason) && answer.contains("\r\nconnection: close\r\n"),
            "{answer}"
        );
    }
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(70_000));
    assert!(said(&gateway, long.as_bytes()).starts_with("HTTP/1.1 431 "));
    let chunks = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n";
    let answer = said(&gateway, chunks.as_bytes());
    assert!(
        answer.starts_with("HTTP/1.1 400 ") && answer.contains("a chunk's size is no number"),
        "{answer}"
    );
    quiet(&gateway, &[&upstream]);
}

#[test]
fn a_refusal_is_read_by_a_client_that_is_still_sending() {
    let (upstream, gateway) = start();
    let piece = vec![b'x'; 1 << 16];
    for path in ["/v1/nothing", "/v1/chat/completions"] {
        let mut socket = TcpStream::connect(gateway.addr).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let head =
            format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 90000000\r\n\r\n");
        socket.write_all(head.as_bytes()).unwrap();
        for _ in 0..8 {
            // By now it may have hung up on us.
            if socket.write_all(&piece).is_err() {
                break;
            }
        }
        let mut answer = [0; 12];
        socket.read_exact(&mut answer).unwrap();
        let wanted = if path == "/v1/nothing" {
            b"HTTP/1.1 404"
        } else {
            b"HTTP/1.1 413"
        };
        assert_eq!(&answer, wanted, "{path}");
    }
    quiet(&gateway, &[&upstream]);
}

#[test]
fn a_client_that_hangs_up_ends_its_request_at_once() {
    let upstream = Upstream::start(|_request| Reply::hang());
    let gateway = rig::start(&[rig::openai("chat", &upstream)], "");
    let mut whole = TcpStream::connect(gateway.addr).unwrap();
    whole
        .write_all(&post(&chat("chat").to_string(), ""))
        .unwrap();
    upstream.until_requests(1);
    drop(whole);
    quiet(&gateway, &[&upstream]);
    // Half of it is as good: nobody that still wants an answer closes its side.
    let mut half = TcpStream::connect(gateway.addr).unwrap();
    half.write_all(&post(&chat("chat").to_string(), ""))
        .unwrap();
    upstream.until_requests(2);
    half.shutdown(Shutdown::Write).unwrap();
    quiet(&gateway, &[&upstream]);
    let rows = rig::rows(&gateway, 2);
    assert!(
        rows.iter().all(|row| row.error == "client_gone"),
        "{rows:?}"
    );
}

#[test]
fn a_slow_reader_gets_all_of_a_long_stream() {
    let words = "word ".repeat(20_000);
    let upstream = Upstream::start(openai::server(&words));
    let gateway = rig::start(&[rig::openai("chat", &upstream)], "");
    let mut socket = TcpStream::connect(gateway.addr).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let body = chat_stream("chat").to_string();
    socket
        .write_all(&post(&body, "connection: close\r\n"))
        .unwrap();
    let (mut all, mut room) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        let came = socket.read(&mut room).unwrap();
        if came == 0 {
            break;
        }
        all.extend_from_slice(&room[..came]);
        stand_still(Duration::from_millis(1));
    }
    let text = String::from_utf8(all).unwrap();
    assert_eq!(text.matches("word").count(), 20_000);
    assert!(text.ends_with("\r\n0\r\n\r\n"));
    quiet(&gateway, &[&upstream]);
}

#[test]
fn an_idle_line_takes_the_next_request_and_the_next() {
    let (upstream, gateway) = start();
    let mut line = Line::connect(gateway.addr).unwrap();
    for _ in 0..50 {
        let ask = Ask::post("/v1/chat/completions", &chat("chat"));
        assert_eq!(line.send(&ask).unwrap().status, 200);
    }
    // The rest is for probes.
    assert!(
        upstream.counts().connections < 10,
        "{:?}",
        upstream.counts()
    );
    quiet(&gateway, &[&upstream]);
}
