//! Which backend a request goes to: tiers, fallbacks, cycles, windows, tags, aliases, wildcards.

use serde_json::{Value, json};

use crate::support::canned::openai;
use crate::support::rig::{self, chat, message, quiet, rows};
use crate::support::{Answer, Ask, Gateway, Reply, Upstream, check};

fn broken() -> Upstream {
    Upstream::start(|_| openai::error(500, "server_error", "boom"))
}

fn text(answer: &Answer) -> String {
    answer.json()["choices"][0]["message"]["content"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[track_caller]
fn said(gateway: &Gateway, body: &Value, expected: &str) -> Answer {
    let answer = gateway.post("/v1/chat/completions", body).must_be(200);
    assert_eq!(text(&answer), expected);
    answer
}

const PATIENT: &str = "router_settings: {num_retries: 0, allowed_fails: 1000, ";

#[test]
fn tiers_go_in_order_and_those_without_one_last() {
    let (third, first, second) = (Upstream::start(openai::server("third")), broken(), broken());
    let gateway = rig::start(
        &[
            rig::openai("chat", &third),
            rig::openai("chat", &second).with("priority: 5"),
            rig::openai("chat", &first).with("order: 1"),
        ],
        &format!("{PATIENT}}}\n"),
    );
    let answer = said(&gateway, &chat("chat"), "third");
    assert_eq!(answer.header("x-litellm-attempted-fallbacks"), Some("0"));
    assert_eq!(
        rows(&gateway, 1)[0].tries,
        ["upstream_error", "upstream_error", ""]
    );
    let hosts = gateway
        .sqlite("select t.host from attempts a join targets t on t.id = a.target order by a.n");
    let hosts: Vec<&str> = hosts.iter().map(|row| row[0].as_str().unwrap()).collect();
    assert_eq!(hosts, [first.url(), second.url(), third.url()]);
    quiet(&gateway, &[&first, &second, &third]);
}

#[test]
fn fallbacks_form_chains_and_cycles_end() {
    let (a, b) = (broken(), broken());
    let c = Upstream::start(openai::server("c"));
    let gateway = rig::start(
        &[
            rig::openai("a", &a),
            rig::openai("b", &b),
            rig::openai("c", &c),
            rig::openai("x", &a),
            rig::openai("y", &b),
        ],
        &format!("{PATIENT}fallbacks: [{{a: [b]}}, {{b: [c]}}, {{x: [y]}}, {{y: [x]}}]}}\n"),
    );
    let answer = said(&gateway, &chat("a"), "c");
    assert_eq!(answer.header("x-litellm-attempted-fallbacks"), Some("2"));
    assert_eq!(answer.header("x-litellm-model-group"), Some("c"));
    assert_eq!(answer.json()["model"], "a", "the name the client asked for");
    let before = (a.requests().len(), b.requests().len());
    gateway
        .post("/v1/chat/completions", &chat("x"))
        .must_be(500);
    assert_eq!(
        (a.requests().len(), b.requests().len()),
        (before.0 + 1, before.1 + 1),
        "each once"
    );
    let found = rows(&gateway, 2);
    assert_eq!(found[0].fallbacks, 2);
    assert_eq!(found[1].status, 500);
    quiet(&gateway, &[&a, &b, &c]);
}

#[test]
fn requests_bring_their_own_fallbacks_or_forbid_them() {
    let (a, b) = (broken(), Upstream::start(openai::server("b")));
    let c = Upstream::start(openai::server("c"));
    let gateway = rig::start(
        &[
            rig::openai("a", &a),
            rig::openai("b", &b),
            rig::openai("c", &c),
        ],
        &format!("{PATIENT}fallbacks: [{{a: [b]}}]}}\n"),
    );
    said(&gateway, &chat("a"), "b");
    let mut body = chat("a");
    body["fallbacks"] = json!(["c"]);
    said(&gateway, &body, "c");
    body["fallbacks"] = json!([{"model": "c", "messages": [{"role": "user", "content": "other"}]}]);
    said(&gateway, &body, "c");
    assert_eq!(c.requests()[1].json()["messages"][0]["content"], "other");
    let mut body = chat("a");
    body["disable_fallbacks"] = true.into();
    gateway.post("/v1/chat/completions", &body).must_be(500);
    assert_eq!((b.requests().len(), c.requests().len()), (1, 2));
    quiet(&gateway, &[&a, &b, &c]);
}

#[test]
fn default_fallbacks_serve_every_group() {
    let (a, b) = (broken(), Upstream::start(openai::server("b")));
    let gateway = rig::start(
        &[rig::openai("a", &a), rig::openai("b", &b)],
        &format!("{PATIENT}default_fallbacks: [b]}}\n"),
    );
    said(&gateway, &chat("a"), "b");
    quiet(&gateway, &[&a, &b]);
}

#[test]
fn a_prompt_too_long_goes_to_the_longer_window() {
    let small = Upstream::start(|_| {
        let text = "This model's maximum context length is 4096 tokens.";
        let error = json!({"message": text, "type": "invalid_request_error", "param": "messages", "code": "context_length_exceeded"});
        Reply::json(400, &json!({"error": error}))
    });
    let (big, other) = (
        Upstream::start(openai::server("big")),
        Upstream::start(openai::server("other")),
    );
    let gateway = rig::start(
        &[
            rig::openai("small", &small),
            rig::openai("big", &big),
            rig::openai("other", &other),
            rig::openai("lone", &small),
        ],
        &format!(
            "{PATIENT}fallbacks: [{{small: [other]}}], context_window_fallbacks: [{{small: [big]}}]}}\n"
        ),
    );
    said(&gateway, &chat("small"), "big");
    let answer = gateway
        .post("/v1/chat/completions", &chat("lone"))
        .must_be(400);
    assert!(
        answer.text().contains("ContextWindowExceededError"),
        "{}",
        answer.text()
    );
    assert!(
        rig::unhealthy(&gateway).is_empty(),
        "a long prompt is no failure of the backend"
    );
    quiet(&gateway, &[&small, &big, &other]);
}

#[test]
fn per_request_retries_win() {
    let upstream = broken();
    let gateway = rig::start(
        &[rig::openai("a", &upstream)],
        "router_settings: {num_retries: 3, allowed_fails: 1000}\n",
    );
    let mut body = chat("a");
    body["num_retries"] = 0.into();
    gateway.post("/v1/chat/completions", &body).must_be(500);
    assert_eq!(upstream.requests().len(), 1);
    body["num_retries"] = 1.into();
    gateway.post("/v1/chat/completions", &body).must_be(500);
    assert_eq!(upstream.requests().len(), 3);
    quiet(&gateway, &[&upstream]);
}

#[test]
fn aliases_and_wildcards_resolve() {
    let (exact, any) = (
        Upstream::start(openai::server("exact")),
        Upstream::start(openai::server("any")),
    );
    let wild = rig::entry("openai/*", "openai/*", &format!("{}/v1", any.url()));
    let gateway = rig::start(
        &[rig::openai("chat", &exact), wild],
        "router_settings: {model_group_alias: {gpt-4: chat, hidden: {model: chat, hidden: true}}}\n",
    );
    for name in ["chat", "gpt-4", "hidden"] {
        let answer = said(&gateway, &chat(name), "exact");
        assert_eq!(answer.json()["model"], name);
    }
    said(&gateway, &chat("openai/gpt-4o-mini"), "any");
    assert_eq!(any.requests()[0].json()["model"], "gpt-4o-mini");
    let list = gateway.get("/v1/models").must_be(200).text();
    assert!(
        list.contains("\"gpt-4\"") && !list.contains("\"hidden\""),
        "{list}"
    );
    quiet(&gateway, &[&exact, &any]);
}

/// Tags: what a tag restricts holds on every try, fallback, alias and default.
#[test]
fn tags_restrict_every_try_fallback_and_alias() {
    let (plain, secret) = (Upstream::start(openai::server("plain")), broken());
    let gateway = rig::start(
        &[
            rig::openai("chat", &plain),
            rig::openai("chat", &secret).with("tags: [private]"),
            rig::openai("chat", &secret).info("tags: [private, eu], id: eu"),
            rig::openai("other", &plain),
        ],
        "router_settings: {num_retries: 0, allowed_fails: 1000, enable_tag_filtering: true, \
         fallbacks: [{chat: [other]}], default_fallbacks: [other], model_group_alias: {short: chat}}\n",
    );
    said(&gateway, &chat("other"), "plain");
    let served = plain.requests().len();
    // The tag in all the places it may stand in.
    let mut in_body = chat("short");
    in_body["tags"] = json!(["private"]);
    let mut in_metadata = chat("chat");
    in_metadata["metadata"] = json!({"tags": ["private"]});
    for body in [&in_body, &in_metadata] {
        let answer = gateway.post("/v1/chat/completions", body);
        assert!(answer.status >= 400, "{}", answer.text());
    }
    let answer = Ask::post("/v1/chat/completions", &chat("chat"))
        .header("x-litellm-tags", "private, team-a")
        .send(gateway.addr);
    assert!(answer.status >= 400);
    assert_eq!(
        plain.requests().len(),
        served,
        "nothing private went to the plain one"
    );
    assert!(secret.requests().len() >= 3);

    // Nothing fits at all: 403, and what would have fitted.
    let mut body = chat("other");
    body["tags"] = json!(["private", "eu"]);
    let answer = gateway.post("/v1/chat/completions", &body).must_be(403);
    assert_eq!(answer.json()["error"]["type"], "permission_error");
    assert!(answer.text().contains("private"), "{}", answer.text());
    let mut body = message("other");
    body["metadata"] = json!({"tags": ["eu"]});
    let answer = gateway.post("/v1/messages", &body).must_be(403);
    check::contains(
        &answer.json(),
        &json!({"error": {"type": "permission_error"}}),
    );
    assert_eq!(plain.requests().len(), served);

    // A tag that no deployment declares only accounts.
    let mut body = chat("other");
    body["tags"] = json!(["team-a"]);
    said(&gateway, &body, "plain");
    let tags = gateway.until_rows(
        "select request_tags from litellm_spend_logs where request_tags like '%team-a%'",
        2,
    );
    assert!(
        tags.iter()
            .all(|row| row[0].as_str().unwrap().contains("team-a"))
    );
    quiet(&gateway, &[&plain, &secret]);
}

#[test]
fn requests_spread_over_equals_and_by_weight() {
    let (a, b) = (
        Upstream::start(openai::server("a")),
        Upstream::start(openai::server("b")),
    );
    let gateway = rig::start(
        &[
            rig::openai("even", &a),
            rig::openai("even", &b),
            rig::openai("skewed", &a).with("weight: 1"),
            rig::openai("skewed", &b).with("weight: 0"),
        ],
        "",
    );
    for _ in 0..40 {
        gateway
            .post("/v1/chat/completions", &chat("even"))
            .must_be(200);
    }
    let (to_a, to_b) = (a.requests().len(), b.requests().len());
    assert!(to_a > 4 && to_b > 4, "{to_a} and {to_b}");
    for _ in 0..10 {
        said(&gateway, &chat("skewed"), "a");
    }
    quiet(&gateway, &[&a, &b]);
}

#[test]
fn parallel_limits_hold_and_waiting_requests_get_their_turn() {
    let upstream = Upstream::start(|request| {
        openai::server("x")(request).late(std::time::Duration::from_millis(30))
    });
    let gateway = rig::start(
        &[rig::openai("a", &upstream).with("max_parallel_requests: 2")],
        "",
    );
    let answers: Vec<u16> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| gateway.post("/v1/chat/completions", &chat("a")).status))
            .collect();
        clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .collect()
    });
    assert!(upstream.counts().most_in_flight <= 2);
    assert!(answers.iter().all(|status| *status == 200), "{answers:?}");
    quiet(&gateway, &[&upstream]);
}
