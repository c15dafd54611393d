//! The first end-to-end tests: the binary starts, relays, writes its rows, reloads and ends.
//!
//! They use every helper of `support::gateway` once; the tests a capability has are elsewhere.

use rustix::process::Signal;
use serde_json::json;

use crate::support::canned::openai;
use crate::support::{Ask, End, Gateway, Upstream, check};

const KEY: &str = "sk-test-5f1d0c6a9e";

fn config(upstream: &Upstream, group: &str) -> String {
    format!(
        "model_list:
  - model_name: {group}
    litellm_params:
      model: openai/mock-model
      api_base: {}/v1
      api_key: os.environ/UPSTREAM_KEY
general_settings:
  master_key: {KEY}
",
        upstream.url()
    )
}

fn start(upstream: &Upstream) -> Gateway {
    Gateway::builder(&config(upstream, "chat"))
        .env("UPSTREAM_KEY", "sk-upstream-1")
        .key(KEY)
        .start()
}

#[test]
fn a_request_is_relayed_and_written_down() {
    let upstream = Upstream::start(openai::server("Hello there, world"));
    let gateway = start(&upstream);
    let body = json!({"model": "chat", "messages": [{"role": "user", "content": "hi"}]});

    let answer = gateway.post("/v1/chat/completions", &body).must_be(200);
    let text = json!({"role": "assistant", "content": "Hello there, world"});
    check::contains(
        &answer.json(),
        &json!({"model": "chat", "choices": [{"message": text, "finish_reason": "stop"}]}),
    );
    let asked = &upstream.requests()[0];
    assert_eq!(asked.header("authorization"), Some("Bearer sk-upstream-1"));
    assert_eq!(asked.json()["model"], "mock-model");

    let rows = gateway.until_rows("select request_id, total_tokens from litellm_spend_logs", 1);
    assert_eq!(
        Some(rows[0][0].as_str().unwrap()),
        answer.header("x-litellm-call-id")
    );
    assert_eq!(rows[0][1], 22);

    assert_eq!(gateway.files_with(KEY), ["config.yaml"]);
    assert!(gateway.files_with("sk-upstream-1").is_empty());
    assert!(gateway.files_with("Hello there").is_empty());

    let exit = gateway.stop();
    assert_eq!(exit.code(), 0, "{}", exit.stderr);
}

#[test]
fn a_stream_is_relayed_to_its_proper_end() {
    let upstream = Upstream::start(openai::server("one two three"));
    let gateway = start(&upstream);
    let body = json!({"model": "chat", "stream": true,
        "messages": [{"role": "user", "content": "hi"}]});
    let stream = gateway.stream("/v1/chat/completions", &body);
    assert_eq!(stream.status, 200);
    let (frames, end) = stream.collect();
    assert_eq!(end, End::Whole);
    check::ends_with_done(&frames);
    assert_eq!(check::openai_text(&frames), "one two three");
}

#[test]
fn without_the_key_nothing_but_liveness_answers() {
    let upstream = Upstream::start(openai::server("secret"));
    let gateway = start(&upstream);
    let body = json!({"model": "chat", "messages": []});
    Ask::post("/v1/chat/completions", &body)
        .send(gateway.addr)
        .must_be(401);
    Ask::get("/v1/models").send(gateway.addr).must_be(401);
    Ask::get("/health/liveliness")
        .send(gateway.addr)
        .must_be(200);
    gateway.get("/v1/models").must_be(200);
    assert!(upstream.requests().is_empty());
}

#[test]
fn a_saved_config_is_in_force_without_restart() {
    let upstream = Upstream::start(openai::server("hello"));
    let gateway = start(&upstream);
    gateway.write_config(&config(&upstream, "renamed"));
    crate::support::wait_for("the new group", crate::support::wait::PATIENCE, || {
        gateway
            .get("/v1/models")
            .text()
            .contains("renamed")
            .then_some(())
    });
}

#[test]
fn a_config_that_cannot_be_used_ends_the_start_with_its_line() {
    let exit = Gateway::builder("model_list:\n  - model_name: [\n")
        .try_start()
        .unwrap_err();
    assert_ne!(exit.code(), 0);
    assert!(exit.stderr.contains("config.yaml:"), "{}", exit.stderr);
}

#[test]
fn killed_and_the_ledger_still_opens() {
    let upstream = Upstream::start(openai::server("hello"));
    let mut gateway = start(&upstream);
    let body = json!({"model": "chat", "messages": [{"role": "user", "content": "hi"}]});
    gateway.post("/v1/chat/completions", &body).must_be(200);
    gateway.until_rows("select request_id from litellm_spend_logs", 1);
    gateway.signal(Signal::HUP);
    gateway.kill();
    assert_eq!(gateway.sqlite("pragma integrity_check")[0][0], "ok");
}

#[test]
fn the_dashboard_shows_a_request_and_leaves_the_terminal_as_it_was() {
    let upstream = Upstream::start(openai::server("hello"));
    let builder = Gateway::builder(&config(&upstream, "chat"));
    let builder = builder.env("UPSTREAM_KEY", "sk-upstream-1").key(KEY);
    let mut gateway = builder.on_terminal((120, 40));
    gateway.terminal.until_shows("chat");
    let body = json!({"model": "chat", "messages": [{"role": "user", "content": "hi"}]});
    gateway.post("/v1/chat/completions", &body).must_be(200);
    gateway.terminal.press("q");
    assert_eq!(gateway.terminal.until_ended(), 0, "{:?}", gateway.terminal);
    assert_eq!(gateway.terminal.left_wrong(), [""; 0]);
    assert!(gateway.home().join("data/pointsman.db").exists());
}
