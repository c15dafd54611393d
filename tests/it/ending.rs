//! How it ends: SIGTERM drains, `kill -9` loses no more than the last moment.

use std::net::TcpStream;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use crate::support::canned::openai;
use crate::support::rig::{self, chat, chat_stream, rows};
use crate::support::wait::{PATIENCE, now};
use crate::support::{Ask, End, Gate, Line, Reply, Upstream, check, wait_for};

fn gated(gate: &Gate) -> Upstream {
    let gate = gate.clone();
    Upstream::start(move |_| {
        let word = openai::delta("mock-model", &json!({"content": "word "}));
        let reply = Reply::sse().chunk(&word).wait(&gate).chunk(&word);
        reply
            .chunk(openai::finish("mock-model", "stop"))
            .chunk(openai::done())
            .end()
    })
}

#[test]
fn sigterm_lets_streams_end_and_takes_no_more() {
    let gate = Gate::new();
    let upstream = gated(&gate);
    let gateway = rig::start(&[rig::openai("chat", &upstream)], "");
    let mut idle = Line::connect(gateway.addr).unwrap();
    idle.send(&Ask::get("/v1/models")).unwrap().must_be(200);
    let mut stream = gateway.stream("/v1/chat/completions", &chat_stream("chat"));
    stream.frames().unwrap();
    gateway.signal(Signal::TERM);
    wait_for("new connections to be refused", PATIENCE, || {
        TcpStream::connect(gateway.addr).is_err().then_some(())
    });
    let again = idle.send(&Ask::post("/v1/chat/completions", &chat("chat")));
    assert!(
        again.is_err() || again.is_ok_and(|answer| answer.status == 503),
        "no new request"
    );
    gate.open();
    let (frames, end) = stream.collect();
    assert_eq!(end, End::Whole);
    check::ends_with_done(&frames);
    let ledger = gateway.ledger();
    let home = gateway.home().to_path_buf();
    assert!(home.exists());
    let exit_rows = {
        let began = now();
        wait_for("the end", PATIENCE, || {
            gateway.open_sockets().is_none_or(|n| n == 0).then_some(())
        });
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "{:?}",
            began.elapsed()
        );
        rows(&gateway, 1)
    };
    assert_eq!(exit_rows[0].status, 200);
    assert_eq!(exit_rows[0].error, "");
    assert!(ledger.exists());
    let exit = gateway.stop();
    assert_eq!(exit.code(), 0, "{}", exit.stderr);
    upstream.until("no socket left", |counts| counts.open == 0);
}

#[test]
fn a_drain_has_a_deadline_and_the_cut_stream_its_row() {
    let upstream = gated(&Gate::new());
    let gateway = rig::start(
        &[rig::openai("chat", &upstream)],
        "general_settings: {drain_timeout: 1}\n",
    );
    let mut idle = Line::connect(gateway.addr).unwrap();
    idle.send(&Ask::get("/v1/models")).unwrap().must_be(200);
    let mut stream = gateway.stream("/v1/chat/completions", &chat_stream("chat"));
    stream.frames().unwrap();
    let began = now();
    gateway.signal(Signal::TERM);
    wait_for("the end", PATIENCE, || {
        gateway.open_sockets().is_none_or(|n| n == 0).then_some(())
    });
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "{:?}",
        began.elapsed()
    );
    // It is told, in the client's dialect, and then ended as every stream is.
    let (frames, end) = stream.collect();
    assert_eq!(end, End::Whole);
    let told = format!("{frames:?}");
    assert!(
        told.contains("shut down") && told.contains("[DONE]"),
        "{told}"
    );
    let row = rows(&gateway, 1).remove(0);
    assert_eq!(row.error, "draining", "{row:?}");
    let exit = gateway.stop();
    assert_eq!(exit.code(), 0, "{}", exit.stderr);
}

#[test]
fn after_kill_9_what_was_settled_100_ms_before_is_there() {
    let upstream = Upstream::start(openai::server("hello"));
    let mut gateway = rig::start(&[rig::openai("chat", &upstream)], "");
    let mut told = Vec::new();
    for _ in 0..50 {
        let answer = gateway
            .post("/v1/chat/completions", &chat("chat"))
            .must_be(200);
        told.push((
            now(),
            answer.header("x-litellm-call-id").unwrap().to_owned(),
        ));
    }
    gateway.kill();
    let killed = now();
    assert_eq!(gateway.sqlite("pragma integrity_check")[0][0], "ok");
    let there = gateway.sqlite("select request_id from litellm_spend_logs");
    let there: Vec<&str> = there.iter().map(|row| row[0].as_str().unwrap()).collect();
    for (at, id) in told {
        if killed.duration_since(at) > Duration::from_millis(100) {
            assert!(there.contains(&id.as_str()), "{id} is lost");
        }
    }
    let orphans = gateway
        .sqlite("select count(*) from attempts where request not in (select id from requests)");
    assert_eq!(orphans[0][0], 0);
    let lacking = gateway
        .sqlite("select count(*) from requests where id not in (select request from attempts)");
    assert_eq!(lacking[0][0], 0, "a row without its attempts");
}

#[test]
fn two_on_one_data_folder_are_refused() {
    let upstream = Upstream::start(openai::server("hello"));
    let entry = rig::openai("chat", &upstream);
    let gateway = rig::start(std::slice::from_ref(&entry), "");
    let second = rig::builder(&[entry], "").data_dir(&gateway.home().join("data"));
    let exit = second.try_start().unwrap_err();
    assert_eq!(exit.code(), 1, "{}", exit.stderr);
    let here = gateway.addr.to_string();
    assert!(exit.stderr.contains(&here), "it says who: {}", exit.stderr);
    gateway
        .post("/v1/chat/completions", &chat("chat"))
        .must_be(200);
}

#[test]
fn after_kill_9_the_next_one_goes_on_with_the_same_ledger() {
    let upstream = Upstream::start(openai::server("hello"));
    let entry = rig::openai("chat", &upstream);
    let mut first = rig::start(std::slice::from_ref(&entry), "");
    first
        .post("/v1/chat/completions", &chat("chat"))
        .must_be(200);
    rows(&first, 1);
    first.kill();
    let second = rig::builder(&[entry], "")
        .data_dir(&first.home().join("data"))
        .start();
    second
        .post("/v1/chat/completions", &chat("chat"))
        .must_be(200);
    // The one file, seen from the first one's home.
    assert_eq!(rows(&first, 2).len(), 2);
    rig::quiet(&second, &[&upstream]);
}
