//! Upstreams that fail before a client has got anything: another one serves, unseen.

use std::time::Duration;

use serde_json::json;

use crate::support::canned::{ollama, openai};
use crate::support::rig::{self, Row, chat, chat_stream, message_stream, quiet, rows};
use crate::support::wait::PATIENCE;
use crate::support::{Ask, End, Gateway, Line, Reply, Upstream, check, wait_for};

const SERVED: &str = "the second one serves";

/// Two tiers: a first upstream that misbehaves, a second that serves.
fn two_tiers(first: &Upstream, second: &Upstream, params: &str, sections: &str) -> Gateway {
    let tier = |order: u8| format!("order: {order}{params}");
    rig::start(
        &[
            rig::openai("chat", first).with(&tier(1)).info("id: first"),
            rig::openai("chat", second)
                .with(&tier(2))
                .info("id: second"),
        ],
        sections,
    )
}

#[track_caller]
fn served_plain(gateway: &Gateway) -> Duration {
    let answer = gateway
        .post("/v1/chat/completions", &chat("chat"))
        .must_be(200);
    assert_eq!(answer.json()["choices"][0]["message"]["content"], SERVED);
    assert_eq!(answer.header("x-litellm-model-id"), Some("second"));
    answer.took
}

#[track_caller]
fn served_stream(gateway: &Gateway) {
    let stream = gateway.stream("/v1/chat/completions", &chat_stream("chat"));
    assert_eq!(stream.status, 200);
    let (frames, end) = stream.collect();
    assert_eq!(end, End::Whole);
    check::ends_with_done(&frames);
    assert_eq!(
        check::openai_text(&frames),
        SERVED,
        "not a word of the first"
    );
}

#[test]
fn a_rate_limit_goes_to_the_sibling_and_cools_down_as_told() {
    let first = Upstream::start(|_| openai::rate_limited(17));
    let second = Upstream::start(openai::server(SERVED));
    let gateway = two_tiers(&first, &second, "", "");
    served_plain(&gateway);
    let ill = rig::unhealthy(&gateway);
    assert_eq!(ill.len(), 1, "{ill:?}");
    assert_eq!(ill[0]["model_id"], "first");
    let why = ill[0]["error"].as_str().unwrap();
    assert!(
        why.contains("cooling down for 17 s") || why.contains("cooling down for 16 s"),
        "{why}"
    );
    served_plain(&gateway);
    assert_eq!(first.requests().len(), 1, "left alone while it cools down");
    let found = rows(&gateway, 2);
    assert_eq!(found[0].tries, ["rate_limit", ""]);
    assert_eq!(found[1].tries, [""]);
    quiet(&gateway, &[&first, &second]);
}

#[test]
fn a_lone_deployment_passes_the_rate_limit_on() {
    let first = Upstream::start(|_| openai::rate_limited(9));
    let gateway = rig::start(
        &[rig::openai("chat", &first)],
        "router_settings: {num_retries: 0}\n",
    );
    let answer = gateway
        .post("/v1/chat/completions", &chat("chat"))
        .must_be(429);
    assert_eq!(answer.header("retry-after"), Some("9"));
    check::contains(
        &answer.json(),
        &json!({"error": {"type": "rate_limit_error", "code": "429"}}),
    );
    assert_eq!(rows(&gateway, 1)[0].error, "rate_limit");
    quiet(&gateway, &[&first]);
}

#[test]
fn whatever_fails_before_the_first_content_is_invisible() {
    let tail = Duration::from_millis(1);
    let began = || openai::delta("mock-model", &json!({"role": "assistant", "content": ""}));
    let abort = || openai::finish("mock-model", "abort");
    let sse_error = "data: {\"error\": {\"message\": \"engine died\", \"code\": 500}}\n\n";
    let failures: Vec<(&str, Reply)> = vec![
        ("a 500", openai::error(500, "server_error", "boom")),
        ("a 503", openai::error(503, "overloaded", "busy")),
        ("a close", Reply::close()),
        ("a reset", Reply::refuse()),
        ("half a head", Reply::sse().slow_head(20, tail).reset()),
        ("an early reset", Reply::sse().chunk(began()).reset()),
        ("an early end", Reply::sse().chunk(began()).fin()),
        ("an empty stream", Reply::sse().end()),
        (
            "an empty stream that says done",
            Reply::sse()
                .chunk(began())
                .chunk(abort())
                .chunk(openai::done())
                .end(),
        ),
        ("an error in a 200", Reply::sse().chunk(sse_error).end()),
        (
            "an error after the role",
            Reply::sse()
                .chunk(began())
                .chunk(sse_error)
                .chunk(openai::done())
                .end(),
        ),
        (
            "no events",
            Reply::body(200, "text/event-stream", "<html>Bad gateway</html>"),
        ),
    ];
    for (what, failure) in failures {
        let first = Upstream::start(move |_| failure.clone());
        let second = Upstream::start(openai::server(SERVED));
        let settings = "router_settings: {num_retries: 0, allowed_fails: 100}\n";
        let gateway = two_tiers(&first, &second, "", settings);
        served_stream(&gateway);
        let found = rows(&gateway, 1);
        assert_eq!(found[0].tries.len(), 2, "{what}: {found:?}");
        assert!(
            !found[0].tries[0].is_empty() && found[0].tries[1].is_empty(),
            "{what}: {found:?}"
        );
        assert_eq!(found[0].status, 200, "{what}");
        quiet(&gateway, &[&first, &second]);
    }
}

#[test]
fn plain_answers_that_make_no_sense_are_tried_elsewhere() {
    let failures: Vec<(&str, Reply)> = vec![
        (
            "no JSON",
            Reply::body(200, "application/json", "<html>nginx</html>"),
        ),
        (
            "an error in a 200",
            Reply::json(200, &json!({"error": {"message": "no", "code": 502}})),
        ),
        (
            "half an answer",
            Reply::stream("application/json")
                .chunk("{\"id\": \"x\", ")
                .fin(),
        ),
        (
            "a 502",
            Reply::body(502, "text/html", "<html>Bad gateway</html>"),
        ),
        (
            "a 529",
            openai::error(529, "overloaded_error", "overloaded"),
        ),
        (
            "a redirect",
            Reply::body(307, "text/html", "elsewhere").header("location", "http://127.0.0.1:9/"),
        ),
        (
            "a 401",
            openai::error(401, "invalid_api_key", "no such key"),
        ),
    ];
    for (what, failure) in failures {
        let first = Upstream::start(move |_| failure.clone());
        let second = Upstream::start(openai::server(SERVED));
        let gateway = two_tiers(&first, &second, "", "router_settings: {num_retries: 0}\n");
        served_plain(&gateway);
        let found = rows(&gateway, 1);
        assert_eq!(found[0].tries.len(), 2, "{what}: {found:?}");
        quiet(&gateway, &[&first, &second]);
    }
}

#[test]
fn a_hang_costs_its_timeout_and_no_more() {
    let first = Upstream::start(|_| Reply::hang());
    let second = Upstream::start(openai::server(SERVED));
    let gateway = two_tiers(
        &first,
        &second,
        "",
        "router_settings: {num_retries: 0, timeout: 0.4}\n",
    );
    let took = served_plain(&gateway);
    assert!(
        took >= Duration::from_millis(390) && took < Duration::from_secs(2),
        "{took:?}"
    );
    served_stream(&gateway);
    let found = rows(&gateway, 2);
    assert_eq!(found[0].tries, ["timeout", ""]);
    first.until("both to be given up", |counts| counts.given_up == 2);
    quiet(&gateway, &[&first, &second]);
}

#[test]
fn slow_heads_and_slow_bodies_run_into_the_timeout_too() {
    let slow = Duration::from_millis(60);
    let first = Upstream::start(move |request| {
        if request.wants_stream() {
            Reply::sse()
                .slow_head(4, slow)
                .chunks(openai::stream("m", "late", true))
                .end()
        } else {
            let body = openai::chat("m", "late").to_string();
            let (from, to) = body.split_at(40);
            Reply::stream("application/json")
                .chunk(from)
                .pause(Duration::from_secs(30))
                .chunk(to)
                .end()
        }
    });
    let second = Upstream::start(openai::server(SERVED));
    let gateway = two_tiers(
        &first,
        &second,
        "",
        "router_settings: {num_retries: 0, timeout: 0.4}\n",
    );
    served_stream(&gateway);
    served_plain(&gateway);
    for row in rows(&gateway, 2) {
        assert_eq!(row.tries, ["timeout", ""]);
    }
    quiet(&gateway, &[&first, &second]);
}

#[test]
fn a_refused_connection_costs_nothing_noticeable() {
    let mut first = Upstream::start(openai::server("never"));
    first.refuse();
    let second = Upstream::start(openai::server(SERVED));
    let gateway = two_tiers(&first, &second, "", "");
    let took = served_plain(&gateway);
    assert!(took < Duration::from_secs(1), "{took:?}");
    wait_for("the host to be seen down", Duration::from_secs(5), || {
        let ill = rig::unhealthy(&gateway);
        let why = ill.first()?["error"].as_str()?;
        why.contains("the host does not answer").then_some(())
    });
    served_plain(&gateway);
    let last = rows(&gateway, 2).pop().unwrap();
    assert_eq!(last.tries, [""], "a host that is down costs no failed try");
    quiet(&gateway, &[&second]);
}

#[test]
fn a_host_that_comes_back_serves_again_by_itself() {
    let mut first = Upstream::start(openai::server("the first one serves"));
    let second = Upstream::start(openai::server(SERVED));
    let gateway = two_tiers(
        &first,
        &second,
        "",
        "router_settings: {allowed_fails: 3, cooldown_time: 1}\n",
    );
    gateway
        .post("/v1/chat/completions", &chat("chat"))
        .must_be(200);
    first.kill();
    served_plain(&gateway);
    first.revive();
    wait_for("the first one to serve again", PATIENCE, || {
        let answer = gateway
            .post("/v1/chat/completions", &chat("chat"))
            .must_be(200);
        (answer.header("x-litellm-model-id") == Some("first")).then_some(())
    });
    quiet(&gateway, &[&first, &second]);
}

#[test]
fn a_connection_closed_while_idle_is_replaced_unseen() {
    let upstream = Upstream::start(openai::server(SERVED));
    upstream.close_idle_after(Duration::from_millis(30));
    let gateway = rig::start(
        &[rig::openai("chat", &upstream)],
        "router_settings: {num_retries: 0}\n",
    );
    for n in 1..=5 {
        gateway
            .post("/v1/chat/completions", &chat("chat"))
            .must_be(200);
        upstream.until("the idle connection to be closed", |counts| {
            counts.open == 0
        });
        assert_eq!(rows(&gateway, n)[n - 1].tries, [""]);
    }
    quiet(&gateway, &[&upstream]);
}

#[test]
fn a_warm_connection_that_dies_under_a_request_is_replayed_unseen() {
    // The upstream reads the request and closes without a byte, as one does that restarts.
    let upstream = Upstream::start(openai::server(SERVED));
    let gateway = rig::builder(
        &[rig::openai("chat", &upstream)],
        "router_settings: {num_retries: 0}\ngeneral_settings: {workers: 1}\n",
    )
    .start();
    gateway
        .post("/v1/chat/completions", &chat("chat"))
        .must_be(200);
    upstream.push(Reply::close());
    gateway
        .post("/v1/chat/completions", &chat("chat"))
        .must_be(200);
    let all = upstream.requests();
    assert_eq!(all.len(), 3, "the second was sent again");
    assert_eq!(
        all[0].connection, all[1].connection,
        "on the warm connection first"
    );
    let found = rows(&gateway, 2);
    assert_eq!(found[1].tries, [""], "and nobody saw it");
    quiet(&gateway, &[&upstream]);
}

#[test]
fn connections_are_kept_and_reused() {
    let upstream = Upstream::start(openai::server(SERVED));
    let gateway = rig::start(
        &[rig::openai("chat", &upstream)],
        "general_settings: {workers: 1}\n",
    );
    for _ in 0..10 {
        gateway
            .post("/v1/chat/completions", &chat("chat"))
            .must_be(200);
        let (_frames, end) = gateway
            .stream("/v1/chat/completions", &chat_stream("chat"))
            .collect();
        assert_eq!(end, End::Whole);
    }
    let used: std::collections::BTreeSet<usize> = upstream
        .requests()
        .iter()
        .map(|request| request.connection)
        .collect();
    assert!(used.len() <= 2, "{used:?}");
    quiet(&gateway, &[&upstream]);
}

#[test]
fn an_ollama_that_fails_is_replaced_by_a_cloud_for_anthropic_clients_too() {
    for failure in [
        ollama::busy(),
        Reply::ndjson().chunk(ollama::error_line()).end(),
    ] {
        let first = Upstream::start(move |_| failure.clone());
        let second = Upstream::start(openai::server(SERVED));
        let gateway = rig::start(
            &[
                rig::ollama("chat", &first).with("order: 1"),
                rig::openai("chat", &second).with("order: 2"),
            ],
            "router_settings: {num_retries: 0}\n",
        );
        let (frames, end) = gateway
            .stream("/v1/messages", &message_stream("chat"))
            .collect();
        assert_eq!(end, End::Whole);
        assert_eq!(check::anthropic_text(&frames), SERVED);
        served_stream(&gateway);
        let found = rows(&gateway, 2);
        assert!(!found[0].tries[0].is_empty(), "{found:?}");
        quiet(&gateway, &[&first, &second]);
    }
}

#[test]
fn retries_stay_in_the_group_and_are_counted() {
    let upstream = Upstream::start(openai::server(SERVED));
    upstream.push(openai::error(500, "server_error", "boom"));
    upstream.push(openai::error(500, "server_error", "boom"));
    let gateway = rig::start(
        &[rig::openai("chat", &upstream)],
        "router_settings: {num_retries: 2, allowed_fails: 50}\n",
    );
    let answer = gateway
        .post("/v1/chat/completions", &chat("chat"))
        .must_be(200);
    assert_eq!(answer.header("x-litellm-attempted-retries"), Some("2"));
    let expected = Row {
        status: 200,
        error: String::new(),
        retries: 2,
        fallbacks: 0,
        tries: vec![
            "upstream_error".to_owned(),
            "upstream_error".to_owned(),
            String::new(),
        ],
    };
    assert_eq!(rows(&gateway, 1), [expected]);
    quiet(&gateway, &[&upstream]);
}

#[test]
fn answers_that_end_with_their_connection_are_whole() {
    let body = openai::chat("mock-model", SERVED).to_string();
    let frames = openai::stream("mock-model", SERVED, true);
    let upstream = Upstream::start(move |request| {
        if request.wants_stream() {
            Reply::until_close("text/event-stream")
                .chunks(&frames)
                .fin()
        } else {
            Reply::until_close("application/json").chunk(&body).fin()
        }
    });
    let gateway = rig::start(&[rig::openai("chat", &upstream)], "");
    let answer = gateway.post("/v1/chat/completions", &chat("chat"));
    assert!(answer.must_be(200).text().contains(SERVED));
    served_stream(&gateway);
    assert!(rows(&gateway, 2).iter().all(|row| row.tries == [""]));
    quiet(&gateway, &[&upstream]);
}

#[test]
fn the_clients_own_timeout_holds_and_blames_nobody() {
    let first = Upstream::start(|_| Reply::hang());
    let gateway = rig::start(
        &[rig::openai("chat", &first)],
        "router_settings: {num_retries: 0, allowed_fails: 0}\n",
    );
    let mut body = chat("chat");
    body["timeout"] = 0.2.into();
    let answer = gateway.post("/v1/chat/completions", &body).must_be(408);
    assert!(answer.took < Duration::from_secs(2), "{:?}", answer.took);
    assert!(rig::unhealthy(&gateway).is_empty());
    first.until("it to be given up", |counts| counts.given_up == 1);
    quiet(&gateway, &[&first]);
}

#[test]
fn a_client_that_leaves_between_two_tries_ends_the_walk() {
    let upstream = Upstream::start(|_| openai::rate_limited(3));
    let gateway = rig::start(
        &[rig::openai("chat", &upstream)],
        "router_settings: {num_retries: 3, allowed_fails: 100}\n",
    );
    let mut line = Line::connect(gateway.addr).unwrap();
    line.write(&Ask::post("/v1/chat/completions", &chat("chat")).bytes(gateway.addr))
        .unwrap();
    upstream.until_requests(1);
    wait_for("the first try to be over", PATIENCE, || {
        let metrics = gateway.get("/metrics").text();
        let zero =
            |line: &str| line.starts_with("pointsman_deployment_in_flight") && line.ends_with(" 0");
        (upstream.counts().in_flight == 0 && metrics.lines().any(zero)).then_some(())
    });
    drop(line);
    let row = rows(&gateway, 1).remove(0);
    assert_eq!((row.status, row.error.as_str()), (499, "client_gone"));
    assert_eq!(row.tries, ["rate_limit"]);
    quiet(&gateway, &[&upstream]);
    assert_eq!(upstream.requests().len(), 1);
}

#[test]
fn what_is_known_of_a_host_counts_for_all_of_its_deployments() {
    let mut shared = Upstream::start(openai::server("never"));
    let second = Upstream::start(openai::server(SERVED));
    let gateway = rig::start(
        &[
            rig::openai("chat", &shared).with("order: 1"),
            rig::openai("chat", &second)
                .with("order: 2")
                .info("id: second"),
            rig::openai("other", &shared).with("order: 1"),
            rig::openai("other", &second).with("order: 2"),
        ],
        "router_settings: {num_retries: 0}\n",
    );
    shared.kill();
    served_plain(&gateway);
    wait_for("the host to be seen down", Duration::from_secs(5), || {
        (rig::unhealthy(&gateway).len() == 2).then_some(())
    });
    gateway
        .post("/v1/chat/completions", &chat("other"))
        .must_be(200);
    let last = rows(&gateway, 2).pop().unwrap();
    assert_eq!(last.tries, [""], "the other group knows it, too");
    quiet(&gateway, &[&second]);
}
