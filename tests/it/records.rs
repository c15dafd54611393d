//! What is written down about a request, and that nothing of it ever holds one up.

use rusqlite::Connection;
use serde_json::json;

use crate::support::canned::openai;
use crate::support::rig::{self, chat, chat_stream, quiet};
use crate::support::{Ask, Upstream};

const KEY: &str = "sk-e2e-9d0be77f1c";

#[test]
fn a_row_says_who_asked_what_of_whom_and_what_it_cost() {
    let upstream = Upstream::start(openai::server("one two three"));
    let entry = rig::openai("chat", &upstream)
        .with("input_cost_per_token: 0.000001, output_cost_per_token: 0.00001")
        .info("id: the-one, max_input_tokens: 1900");
    let free = rig::openai("own", &upstream);
    let settings = format!("general_settings: {{master_key: {KEY}}}\n");
    let gateway = rig::builder(&[entry, free], &settings).key(KEY).start();
    let mut body = chat("chat");
    body["user"] = "ada".into();
    body["metadata"] = json!({"tags": ["team-a"]});
    let ask = Ask::post("/v1/chat/completions", &body)
        .header("user-agent", "e2e/1.0")
        .header("x-litellm-tags", "night");
    gateway.with_key(ask).send(gateway.addr).must_be(200);
    let row = gateway.until_rows(
        "select requested_model, model, model_group, model_id, custom_llm_provider, api_base,
            api_key, end_user, user_agent, requester_ip_address, call_type, status, stream,
            prompt_tokens, completion_tokens, total_tokens, cache_hit, team_id
         from \"LiteLLM_SpendLogs\"",
        1,
    );
    let expected = json!([
        "chat",
        "mock-model",
        "chat",
        "the-one",
        "openai",
        upstream.url(),
        "master",
        "ada",
        "e2e/1.0",
        "127.0.0.1",
        "acompletion",
        "success",
        0,
        19,
        3,
        22,
        "False",
        null
    ]);
    assert_eq!(json!(row[0]), expected);
    let row = gateway.sqlite(
        "select spend, response_cost, context_share, request_tags, bytes_in, bytes_out,
            \"startTime\", \"endTime\", created_at, time_to_first_token_ms is null
         from litellm_spend_logs",
    );
    let cost = 19.0 * 1e-6 + 3.0 * 1e-5;
    assert!((row[0][0].as_f64().unwrap() - cost).abs() < 1e-9, "{row:?}");
    assert!((row[0][1].as_f64().unwrap() - cost).abs() < 1e-9);
    assert!((row[0][2].as_f64().unwrap() - 0.01).abs() < 1e-9);
    let tags = row[0][3].as_str().unwrap();
    assert!(tags.contains("team-a") && tags.contains("night"), "{tags}");
    assert_eq!(row[0][4], body.to_string().len());
    assert!(row[0][5].as_u64().unwrap() > 100);
    for time in &row[0][6..9] {
        let time = time.as_str().unwrap();
        let shape: String = time
            .chars()
            .map(|char| if char.is_ascii_digit() { '0' } else { char })
            .collect();
        assert_eq!(shape, "0000-00-00 00:00:00");
    }

    let (_frames, _end) = gateway
        .stream("/v1/chat/completions", &chat_stream("own"))
        .collect();
    let row = gateway.until_rows(
        "select response_cost, spend, stream, completion_tokens, time_to_first_token_ms
         from litellm_spend_logs where requested_model = 'own'",
        1,
    );
    assert_eq!(row[0][0], 0.0, "one's own machine costs nothing: {row:?}");
    assert_eq!((&row[0][2], &row[0][3]), (&json!(1), &json!(3)));
    assert!(row[0][4].is_number(), "a stream has a first token");
    quiet(&gateway, &[&upstream]);
}

#[test]
fn without_spend_logs_the_spend_stays_and_no_request_leaves_a_row() {
    let upstream = Upstream::start(openai::server("one two three"));
    let entry = rig::openai("chat", &upstream)
        .with("input_cost_per_token: 0.000001, output_cost_per_token: 0");
    let settings = "general_settings: {disable_spend_logs: true}\n";
    let gateway = rig::start(&[entry], settings);
    gateway
        .post("/v1/chat/completions", &chat("chat"))
        .must_be(200);
    gateway
        .post("/v1/chat/completions", &chat("chat"))
        .must_be(200);
    let sums = "select sum(requests), sum(prompt_tokens), sum(spend) from spend_gaps having sum(requests) = 2";
    let sums = gateway.until_rows(sums, 1);
    assert_eq!(json!(sums), json!([[2, 38, 0.000_038]]));
    assert!(
        gateway
            .sqlite("select * from litellm_spend_logs")
            .is_empty()
    );
    quiet(&gateway, &[&upstream]);
}

#[test]
fn requests_that_share_a_call_id_have_a_row_each() {
    let upstream = Upstream::start(openai::server("x"));
    let gateway = rig::start(&[rig::openai("chat", &upstream)], "");
    for _ in 0..3 {
        let answer = Ask::post("/v1/chat/completions", &chat("chat"))
            .header("x-litellm-call-id", "twice-used")
            .send(gateway.addr)
            .must_be(200);
        assert_eq!(answer.header("x-litellm-call-id"), Some("twice-used"));
    }
    gateway.until_rows(
        "select 1 from litellm_spend_logs where request_id = 'twice-used'",
        3,
    );
    for unfit in ["", "a b\u{1}", &"x".repeat(5_000)] {
        let answer = Ask::post("/v1/chat/completions", &chat("chat"))
            .header("x-litellm-call-id", &unfit.replace('\u{1}', ""))
            .send(gateway.addr)
            .must_be(200);
        let id = answer.header("x-litellm-call-id").unwrap();
        assert!(!id.is_empty() && id.len() <= 256, "{id}");
    }
    quiet(&gateway, &[&upstream]);
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "this plays another program with the file open"
)]
fn a_foreign_lock_on_the_ledger_holds_up_no_request_and_loses_no_row() {
    let upstream = Upstream::start(openai::server("x"));
    let gateway = rig::start(&[rig::openai("chat", &upstream)], "");
    gateway
        .post("/v1/chat/completions", &chat("chat"))
        .must_be(200);
    gateway.until_rows("select 1 from requests", 1);
    let other = Connection::open(gateway.ledger()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    for _ in 0..20 {
        let answer = gateway.post("/v1/chat/completions", &chat("chat"));
        assert!(answer.took.as_millis() < 2_000, "{:?}", answer.took);
        answer.must_be(200);
    }
    assert_eq!(gateway.sqlite("select count(*) from requests")[0][0], 1);
    other.execute_batch("ROLLBACK").unwrap();
    gateway.until_rows("select 1 from requests", 21);
    quiet(&gateway, &[&upstream]);
}

#[test]
fn requests_that_are_refused_have_rows_too() {
    let upstream = Upstream::start(openai::server("x"));
    let gateway = rig::start(&[rig::openai("chat", &upstream)], "");
    gateway
        .post("/v1/chat/completions", &chat("made-up-name"))
        .must_be(400);
    let broken = Ask::raw("POST", "/v1/chat/completions", b"{".to_vec());
    broken.send(gateway.addr).must_be(400);
    let rows = gateway.until_rows(
        "select status_code, error_class, spend from litellm_spend_logs order by error_class",
        2,
    );
    assert_eq!(rows[0], [json!(400), json!("invalid_request"), json!(0.0)]);
    assert_eq!(rows[1], [json!(400), json!("unknown_model"), json!(0.0)]);
    let metrics = gateway.get("/metrics").text();
    assert!(
        !metrics.contains("made-up-name"),
        "names that clients make up are no labels: {metrics}"
    );
    quiet(&gateway, &[&upstream]);
}
