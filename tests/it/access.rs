//! Who may call: keys, hosts, origins.

use serde_json::json;

use crate::support::canned::openai;
use crate::support::rig::{self, chat, message};
use crate::support::{Ask, Upstream, check};

const KEY: &str = "sk-e2e-3b1f8c70aa";

const POSTS: [&str; 12] = [
    "/v1/chat/completions",
    "/chat/completions",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/messages",
    "/v1/messages/count_tokens",
    "/v1/rerank",
    "/v1/audio/transcriptions",
    "/v1/audio/speech",
    "/v1/images/generations",
    "/v1/moderations",
    "/engines/chat/completions",
];

const GETS: [&str; 8] = [
    "/v1/models",
    "/models",
    "/v1/models/chat",
    "/model/info",
    "/v1/model/info",
    "/health",
    "/metrics",
    "/nothing",
];

#[test]
fn every_route_but_liveness_wants_the_key() {
    let upstream = Upstream::start(openai::server("x"));
    let gateway = rig::builder(
        &[rig::openai("chat", &upstream)],
        &format!("general_settings: {{master_key: {KEY}}}\n"),
    )
    .key(KEY)
    .start();
    for path in POSTS {
        for ask in [
            Ask::post(path, &chat("chat")),
            Ask::post(path, &chat("chat")).key("sk-wrong"),
        ] {
            let answer = ask.send(gateway.addr);
            assert_eq!(answer.status, 401, "{path}: {}", answer.text());
        }
    }
    for path in GETS {
        assert_eq!(Ask::get(path).send(gateway.addr).status, 401, "{path}");
        assert_eq!(
            Ask::get(path).key("sk-wrong").send(gateway.addr).status,
            401,
            "{path}"
        );
    }
    for path in ["/health/liveliness", "/health/liveness"] {
        Ask::get(path).send(gateway.addr).must_be(200);
    }
    for (name, value) in [
        ("authorization", format!("Bearer {KEY}")),
        ("x-api-key", KEY.to_owned()),
        ("api-key", KEY.to_owned()),
    ] {
        Ask::post("/v1/chat/completions", &chat("chat"))
            .header(name, &value)
            .send(gateway.addr)
            .must_be(200);
    }
    let answer = Ask::post("/v1/messages", &message("chat"))
        .header("x-api-key", "no")
        .send(gateway.addr)
        .must_be(401);
    check::contains(
        &answer.json(),
        &json!({"type": "error", "error": {"type": "authentication_error"}}),
    );
    let requests = upstream.requests();
    assert_eq!(requests.len(), 3);
    for request in requests {
        assert_eq!(request.header("authorization"), Some("Bearer sk-upstream"));
        assert_eq!(request.header("x-api-key"), None);
        assert_eq!(request.header("api-key"), None);
    }
    assert!(
        gateway
            .get("/metrics")
            .text()
            .contains("pointsman_refused_requests_total")
    );
    rig::quiet(&gateway, &[&upstream]);
}

#[test]
fn a_browser_page_cannot_spend_money() {
    let upstream = Upstream::start(openai::server("x"));
    let gateway = rig::start(&[rig::openai("chat", &upstream)], "");
    let post = || Ask::post("/v1/chat/completions", &chat("chat"));
    post()
        .header("authorization", "Bearer whatever")
        .send(gateway.addr)
        .must_be(200);
    for ask in [
        post().header("origin", "https://evil.example"),
        post().header("origin", "null"),
        post().header("origin", "http://localhost:9999"),
        Ask::get("/v1/models").header("origin", "https://evil.example"),
    ] {
        let answer = ask.send(gateway.addr).must_be(403);
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    // A page that gave its own name to our address.
    let mut line = crate::support::Line::connect(gateway.addr).unwrap();
    line.write(b"GET /v1/models HTTP/1.1\r\nhost: evil.example:4000\r\n\r\n")
        .unwrap();
    assert_eq!(
        line.answer(crate::support::wait::now()).unwrap().status,
        403
    );
    let preflight = Ask::raw("OPTIONS", "/v1/chat/completions", Vec::new())
        .header("origin", "https://evil.example")
        .header("access-control-request-method", "POST")
        .send(gateway.addr);
    assert_eq!(preflight.status, 403);
    assert_eq!(preflight.header("access-control-allow-origin"), None);
    assert_eq!(upstream.requests().len(), 1);
    rig::quiet(&gateway, &[&upstream]);
}

#[test]
fn configured_origins_may_call() {
    const PAGE: &str = "https://chat.example.org";
    let upstream = Upstream::start(openai::server("x"));
    let gateway = rig::builder(
        &[rig::openai("chat", &upstream)],
        &format!("general_settings: {{master_key: {KEY}, cors_origins: [\"{PAGE}\"]}}\n"),
    )
    .key(KEY)
    .start();
    let preflight = Ask::raw("OPTIONS", "/v1/chat/completions", Vec::new())
        .header("origin", PAGE)
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "authorization, x-stainless-os",
        )
        .send(gateway.addr)
        .must_be(204);
    assert_eq!(preflight.header("access-control-allow-origin"), Some(PAGE));
    assert!(
        preflight
            .header("access-control-allow-headers")
            .unwrap()
            .contains("x-stainless-os")
    );
    let post = || Ask::post("/v1/chat/completions", &chat("chat")).header("origin", PAGE);
    let answer = post().key(KEY).send(gateway.addr).must_be(200);
    assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE));
    let answer = post().send(gateway.addr).must_be(401);
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some(PAGE),
        "the page may read why"
    );
    rig::quiet(&gateway, &[&upstream]);
}
