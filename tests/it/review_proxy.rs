//! What a review of the request path found, end to end: counts, answers of the wrong kind, streams that
//! end early, ends of the gateway, connections that are used again.

use serde_json::{Value, json};

use crate::support::canned::{anthropic, openai};
use crate::support::{Ask, Gateway, Upstream};

/// A config of one group `chat` served by these `provider, base` pairs, in their order.
fn config(backends: &[(&str, String)]) -> String {
    let mut text = String::from("model_list:\n");
    for (order, (provider, base)) in (1..).zip(backends) {
        text.push_str(&format!(
            "  - model_name: chat
    litellm_params:
      model: {provider}/mock-model
      api_base: {base}
      api_key: sk-upstream-1
      order: {order}
"
        ));
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
    let query = "select startTime, completionStartTime, endTime from litellm_spend_logs";
    let rows = gateway.until_rows(query, 1);
    assert_eq!(rows[0][1], rows[0][2], "{rows:?}");
}

#[test]
fn a_stream_left_early_is_billed_by_its_events() {
    let gate = crate::support::Gate::new();
    let held = gate.clone();
    let upstream = Upstream::start(move |_request| {
        let mut events = anthropic::stream("mock-model", "one two three four five");
        events.truncate(8);
        crate::support::Reply::sse()
            .chunks(events)
            .wait(&held)
            .end()
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
