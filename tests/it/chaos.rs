//! Everything at once: backends that fail in every way, clients of both dialects that come and leave.
//!
//! Seeded, so that a failure can be seen again. What is checked is what must hold whatever happens:
//! one row a request, every stream ended properly, and nothing left taken at the end.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::support::canned::openai;
use crate::support::rig::{self, chat, chat_stream, message, message_stream, quiet};
use crate::support::{End, Gateway, Reply, Upstream, check};

const CLIENTS: u64 = 12;
const REQUESTS: u64 = 25;
const SAID: &str = "all is well that ends well";

/// What a moody backend answers the n-th time.
fn moody(seed: u64, n: u64, stream: bool) -> Reply {
    let mut luck = fastrand::Rng::with_seed(seed.wrapping_mul(7_919) ^ n);
    let frames = openai::stream("mock-model", SAID, true);
    let some = luck.usize(0..frames.len() - 2);
    let begun = || Reply::sse().chunks(&frames[..some]);
    let pause = Duration::from_millis(luck.u64(0..30));
    match luck.u8(0..16) {
        0 => openai::error(500, "server_error", "boom"),
        1 => openai::rate_limited(1),
        2 => Reply::close(),
        3 => Reply::refuse(),
        4 => Reply::hang(),
        5 if stream => begun().pause(pause).reset(),
        6 if stream => begun().fin(),
        7 if stream => begun().end(),
        8 if stream => begun()
            .chunk("data: {\"error\": {\"message\": \"x\"}}\n\n")
            .end(),
        9 => Reply::body(200, "application/json", "<html>"),
        10 => Reply::body(502, "text/html", "<html>"),
        _ if stream => Reply::sse().late(pause).chunks(&frames).end(),
        _ => Reply::json(200, &openai::chat("mock-model", SAID)).late(pause),
    }
}

fn backend(seed: u64) -> Upstream {
    let count = AtomicUsize::new(0);
    Upstream::start(move |request| {
        let n = count.fetch_add(1, Ordering::Relaxed) as u64;
        moody(seed, n, request.wants_stream())
    })
}

/// One request of one kind; every answer there is must be a proper one.
fn ask(gateway: &Gateway, kind: u64) {
    match kind % 5 {
        0 => {
            let answer = gateway.post("/v1/chat/completions", &chat("chat"));
            let whole = answer.json();
            assert!(answer.status == 200 || whole["error"]["message"].is_string());
        },
        1 => {
            let answer = gateway.post("/v1/messages", &message("chat"));
            assert!(answer.status == 200 || answer.json()["type"] == "error");
        },
        2 | 3 => {
            let (path, body) = if kind % 5 == 2 {
                ("/v1/chat/completions", chat_stream("chat"))
            } else {
                ("/v1/messages", message_stream("chat"))
            };
            let stream = gateway.stream(path, &body);
            if stream.status != 200 {
                return;
            }
            let (frames, end) = stream.collect();
            assert_eq!(end, End::Whole);
            let last = check::events(&frames).last().copied().unwrap_or("none");
            let done = frames.last().is_some_and(crate::support::Frame::is_done);
            assert!(
                done || matches!(last, "message_stop" | "error"),
                "{frames:#?}"
            );
        },
        _ => {
            // Leaves in the middle.
            let mut stream = gateway.stream("/v1/chat/completions", &chat_stream("chat"));
            if stream.status == 200 {
                drop(stream.piece());
            }
        },
    }
}

#[test]
fn whatever_happens_every_request_has_its_row_and_nothing_stays_taken() {
    let backends: Vec<Upstream> = (1..=3).map(backend).collect();
    let sound = Upstream::start(openai::server(SAID));
    let mut entries: Vec<_> = (0..2)
        .map(|n| rig::openai("chat", &backends[n]).with("order: 1"))
        .collect();
    entries.push(rig::openai("chat", &backends[2]).with("max_parallel_requests: 2"));
    entries.push(rig::openai("sound", &sound));
    let gateway = rig::start(
        &entries,
        "router_settings: {num_retries: 1, timeout: 0.5, stream_timeout: 0.5, cooldown_time: 0.2, \
         allowed_fails: 3, fallbacks: [{chat: [sound]}]}\n",
    );
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let gateway = &gateway;
            scope.spawn(move || (0..REQUESTS).for_each(|n| ask(gateway, client + n)));
        }
    });
    let all: Vec<&Upstream> = backends.iter().chain([&sound]).collect();
    quiet(&gateway, &all);
    let requests = usize::try_from(CLIENTS * REQUESTS).unwrap();
    let rows = rig::rows(&gateway, requests);
    for row in &rows {
        assert!(!row.tries.is_empty(), "{row:?}");
        let last = row.tries.last().map(String::as_str);
        assert_eq!(last == Some(""), row.error.is_empty(), "{row:?}");
    }
    let served = rows.iter().filter(|row| row.status == 200).count();
    assert!(served * 10 > requests * 8, "{served} of {requests}");
    let plain = gateway
        .sqlite("select count(*) from litellm_spend_logs where status = 'failure' and stream = 0");
    assert_eq!(
        plain[0][0],
        json!(0),
        "a sound fallback leaves no plain request unserved"
    );
}
