//! What a review of the request path found, end to end: counts, answers of the wrong kind, streams that
//! end early, ends of the gateway, connections that are used again.

use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::canned::{anthropic, openai};
use crate::support::{Answer, Ask, End, Gate, Gateway, Reply, Stream, Upstream, check};

/// A config of one group `chat` served by these `provider, base` pairs, in their order.
fn config(backends: &[(&str, String)]) -> String {
    let mut text = String::from("model_list:\n");
    for (order, (provider, base)) in (1..).zip(backends) {
        let entry = format!(
            "  - model_name: chat
    litellm_params:
      model: {provider}/mock-model
      api_base: {base}
      api_key: sk-upstream-1
      order: {order}
"
        );
        text.push_str(&entry);
    }
    text.push_str("router_settings:\n  num_retries: 0\n");
    text
}

fn openai_gateway(upstream: &Upstream) -> Gateway {
    Gateway::start(&config(&[("openai", format!("{}/v1", upstream.url()))]))
}

fn ask(stream: bool) -> Value {
    json!({"model": "chat", "stream": stream, "messages": [{"role": "user", "content": "hi there"}]})
}

#[test]
fn a_count_is_estimated_where_the_backend_cannot_count() {
    let upstream = Upstream::start(openai::server("hello"));
    let gateway = openai_gateway(&upstream);
    let answer = gateway
        .post("/v1/messages/count_tokens", &ask(false))
        .must_be(200);
    assert!(
        answer.json()["input_tokens"].as_u64().unwrap() > 0,
        "{}",
        answer.text()
    );
    assert!(upstream.requests().is_empty(), "nothing was to be sent");
    let rows = gateway.until_rows("select call_type, spend, status from litellm_spend_logs", 1);
    assert_eq!(
        rows[0],
        [json!("count_tokens"), json!(0.0), json!("success")]
    );
}

#[test]
fn a_count_that_fails_blames_no_backend() {
    let upstream = Upstream::start(|request| {
        if request.path.ends_with("count_tokens") {
            return anthropic::error(404, "not_found_error", "Not Found");
        }
        anthropic::server("hello")(request)
    });
    let gateway = Gateway::start(&config(&[("anthropic", upstream.url())]));
    for _ in 0..4 {
        let answer = gateway
            .post("/v1/messages/count_tokens", &ask(false))
            .must_be(200);
        assert!(
            answer.json()["input_tokens"].as_u64().unwrap() > 0,
            "{}",
            answer.text()
        );
    }
    assert_eq!(
        upstream.requests().len(),
        4,
        "a backend that may count is asked"
    );
    let mut body = ask(false);
    body["max_tokens"] = json!(10);
    gateway.post("/v1/messages", &body).must_be(200);

    upstream.always(anthropic::server("hello"));
    let counted = gateway
        .post("/v1/messages/count_tokens", &ask(false))
        .must_be(200);
    assert_eq!(
        counted.json(),
        json!({"input_tokens": crate::support::canned::PROMPT_TOKENS})
    );
}

#[test]
fn a_plain_answer_has_no_first_token() {
    let upstream = Upstream::start(openai::server("one two three"));
    let gateway = openai_gateway(&upstream);
    gateway
        .post("/v1/chat/completions", &ask(false))
        .must_be(200);
    let rows = gateway.until_rows("select completionStartTime from litellm_spend_logs", 1);
    assert_eq!(rows[0][0], Value::Null);
}

#[test]
fn a_stream_left_early_is_billed_by_its_events() {
    let gate = Gate::new();
    let held = gate.clone();
    let upstream = Upstream::start(move |_request| {
        let mut events = anthropic::stream("mock-model", "one two three four five");
        events.truncate(8);
        Reply::sse().chunks(events).wait(&held).end()
    });
    let gateway = Gateway::start(&config(&[("anthropic", upstream.url())]));
    let mut stream = Ask::post("/v1/chat/completions", &ask(true)).open(gateway.addr);
    let mut seen = 0;
    while seen < 5 {
        seen += stream.frames().unwrap().len();
    }
    drop(stream);
    let query = "select completion_tokens, prompt_tokens from litellm_spend_logs";
    let rows = gateway.until_rows(query, 1);
    assert!(rows[0][0].as_u64().unwrap() >= 4, "{rows:?}");
    gate.open();
}

#[test]
fn a_web_page_is_no_answer_whatever_its_status() {
    let page = |_request: &_| Reply::body(200, "Text/HTML; charset=utf-8", "<html>log in</html>");
    let portal = Upstream::start(page);
    let gateway = openai_gateway(&portal);
    for stream in [false, true] {
        let answer = gateway
            .post("/v1/chat/completions", &ask(stream))
            .must_be(500);
        assert!(answer.text().contains("text/html"), "{}", answer.text());
    }
    let speech = json!({"model": "chat", "input": "hi", "voice": "alloy"});
    gateway.post("/v1/audio/speech", &speech).must_be(500);

    let healthy = Upstream::start(openai::server("from the second"));
    let both = [portal.url(), healthy.url()].map(|url| ("openai", format!("{url}/v1")));
    let gateway = Gateway::start(&config(&both));
    let answer = gateway
        .post("/v1/chat/completions", &ask(false))
        .must_be(200);
    assert!(
        answer.text().contains("from the second"),
        "{}",
        answer.text()
    );
}

#[test]
fn speech_and_transcripts_are_passed_on_as_they_come() {
    let upstream = Upstream::start(|_request| Reply::body(200, "audio/mpeg", [0xff, 0xf3, 0]));
    let gateway = openai_gateway(&upstream);
    let speech = json!({"model": "chat", "input": "hi", "voice": "alloy"});
    let answer = gateway.post("/v1/audio/speech", &speech).must_be(200);
    assert_eq!(answer.body, [0xff, 0xf3, 0]);
    assert_eq!(answer.header("content-type"), Some("audio/mpeg"));

    upstream.always(|_request| {
        Reply::body(200, "text/plain; charset=utf-8", "1\n00:00 --> 00:01\nhi\n")
    });
    let form = "--XX\r\nContent-Disposition: form-data; name=model\r\n\r\nchat\r\n--XX--\r\n";
    let ask = Ask::raw("POST", "/v1/audio/transcriptions", form.into());
    let answer = ask
        .header("content-type", "Multipart/Form-Data; boundary=XX")
        .send(gateway.addr);
    assert_eq!(answer.must_be(200).text(), "1\n00:00 --> 00:01\nhi\n");
}

#[test]
fn a_whole_answer_to_a_stream_becomes_a_stream() {
    let whole = |_request: &_| Reply::json(200, &openai::chat("mock-model", "one two three"));
    let upstream = Upstream::start(whole);
    let gateway = openai_gateway(&upstream);
    let mut body = ask(true);
    body["stream_options"] = json!({"include_usage": true});
    let (frames, end) = gateway.stream("/v1/chat/completions", &body).collect();
    assert_eq!(end, End::Whole);
    check::ends_with_done(&frames);
    assert_eq!(check::openai_text(&frames), "one two three");
    assert_eq!(check::openai_finish(&frames), ["stop"]);
    let usage = &frames[frames.len() - 2].json()["usage"];
    assert_eq!(usage["completion_tokens"], 3, "{usage}");

    body["max_tokens"] = json!(10);
    let (frames, _end) = gateway.stream("/v1/messages", &body).collect();
    assert_eq!(check::anthropic_text(&frames), "one two three");
    assert_eq!(check::events(&frames).last(), Some(&"message_stop"));

    upstream.always(|_request| openai::error(200, "server_error", "out of memory"));
    gateway
        .post("/v1/chat/completions", &ask(true))
        .must_be(500);
}

#[test]
fn a_stream_whose_last_chunk_comes_late_leaves_its_connection_for_the_next() {
    let late = Duration::from_millis(30);
    let upstream = Upstream::start(move |request| {
        let frames = openai::stream("mock-model", "one two", false);
        assert!(request.wants_stream());
        Reply::sse().chunks(frames).pause(late).end()
    });
    let gateway = Gateway::builder(&config(&[("openai", format!("{}/v1", upstream.url()))]));
    let gateway = gateway.arg("--num_workers").arg("1").start();
    for _ in 0..4 {
        let (frames, _end) = gateway.stream("/v1/chat/completions", &ask(true)).collect();
        check::ends_with_done(&frames);
        upstream.until("the last chunk to be sent", |counts| counts.in_flight == 0);
        thread::park_timeout(Duration::from_millis(50));
    }
    let connections: Vec<usize> = upstream.requests().iter().map(|r| r.connection).collect();
    assert!(
        connections.iter().all(|used| *used == connections[0]),
        "{connections:?}"
    );
}

/// A gateway with one stream and one plain request in flight that never end by themselves.
fn held_up(drain_timeout: &str) -> (Upstream, Gateway, Stream, JoinHandle<Answer>) {
    let upstream = Upstream::start(|request| {
        if !request.wants_stream() {
            return Reply::hang();
        }
        let mut frames = openai::stream("mock-model", "one two", false);
        frames.truncate(2);
        Reply::sse().chunks(frames).wait(&Gate::new())
    });
    let mut text = config(&[("openai", format!("{}/v1", upstream.url()))]);
    let general = format!("general_settings:\n  drain_timeout: {drain_timeout}\n");
    text.push_str(&general);
    let gateway = Gateway::start(&text);
    let mut stream = gateway.stream("/v1/chat/completions", &ask(true));
    stream.frames().unwrap();
    let plain = Ask::post("/v1/chat/completions", &ask(false));
    let addr = gateway.addr;
    let plain = thread::spawn(move || plain.send(addr));
    upstream.until_requests(2);
    (upstream, gateway, stream, plain)
}

fn must_be_told(stream: Stream, plain: JoinHandle<Answer>) {
    let (frames, end) = stream.collect();
    assert_eq!(end, End::Whole, "{frames:?}");
    check::ends_with_done(&frames);
    let error = &frames[frames.len() - 2].json()["error"];
    assert_eq!(error["code"], "503", "{error}");
    plain.join().unwrap().must_be(503);
}

#[test]
fn what_is_cut_after_the_drain_is_told() {
    let (_upstream, gateway, stream, plain) = held_up("1");
    gateway.signal(Signal::TERM);
    must_be_told(stream, plain);
    let exit = gateway.stop();
    assert_eq!(exit.code(), 0, "{}", exit.stderr);
    assert!(exit.stderr.contains("they are cut"), "{}", exit.stderr);
}

#[test]
fn a_second_signal_ends_the_drain() {
    let (_upstream, gateway, stream, plain) = held_up("600");
    let ledger = gateway.ledger();
    gateway.signal(Signal::INT);
    gateway.until_said("stopping: SIGINT");
    gateway.signal(Signal::INT);
    must_be_told(stream, plain);
    let rows = gateway.until_rows("select status from litellm_spend_logs", 2);
    assert_eq!(
        rows,
        [[json!("failure")], [json!("failure")]],
        "{}",
        ledger.display()
    );
}

#[test]
fn a_page_of_an_allowed_origin_may_read_refusals_too() {
    let upstream = Upstream::start(openai::server("hello"));
    let mut text = config(&[("openai", format!("{}/v1", upstream.url()))]);
    text.push_str(
        "general_settings:\n  master_key: sk-test-1\n  cors_origins: [\"https://app.example\"]\n",
    );
    let gateway = Gateway::start(&text);
    let page = |ask: Ask| {
        ask.header("origin", "https://app.example")
            .send(gateway.addr)
    };
    let allowed = "access-control-allow-origin";
    let refused = page(Ask::post("/v1/chat/completions", &ask(false))).must_be(401);
    assert_eq!(refused.header(allowed), Some("https://app.example"));
    let wrong = page(Ask::get("/v1/messages").key("sk-test-1")).must_be(405);
    assert_eq!(wrong.header(allowed), Some("https://app.example"));
    assert_eq!(wrong.header("allow"), Some("POST"));
    let models = page(Ask::post("/v1/models", &json!({})).key("sk-test-1")).must_be(405);
    assert_eq!(models.header("allow"), Some("GET, HEAD"));
    assert_eq!(
        models
            .fields
            .iter()
            .filter(|(name, _)| name == "allow")
            .count(),
        1
    );
}

#[test]
fn a_model_with_a_slash_is_found_in_the_path() {
    let upstream = Upstream::start(openai::server("hello"));
    let text = config(&[("openai", format!("{}/v1", upstream.url()))]);
    let gateway = Gateway::start(&text.replace("model_name: chat", "model_name: team/completions"));
    let body = json!({"messages": [{"role": "user", "content": "hi"}]});
    for path in [
        "/engines/team/completions/chat/completions",
        "/openai/deployments/team%2Fcompletions/chat/completions",
    ] {
        gateway.post(path, &body).must_be(200);
    }
}
