//! Planted secrets must come out nowhere.

use std::fs;

use serde_json::json;

use crate::support::canned::openai;
use crate::support::rig::{self, chat, chat_stream, message, quiet};
use crate::support::{Ask, Reply, Upstream};

const MASTER: &str = "sk-master-PLANTED-7c1f";
const UPSTREAM: &str = "sk-upstream-PLANTED-93ab";
const HEADER: &str = "header-PLANTED-55de";
const WRONG: &str = "sk-wrong-PLANTED-01cc";
const PLANTED: [&str; 4] = [MASTER, UPSTREAM, HEADER, WRONG];

#[track_caller]
fn clean(what: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for secret in PLANTED {
        assert!(!text.contains(secret), "{secret} in {what}: {text}");
    }
}

/// An upstream that repeats all it was sent, in every kind of failure.
fn repeating() -> Upstream {
    Upstream::start(|request| {
        let echo: Vec<String> = request
            .fields
            .iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        let echo = echo.join("; ");
        let said = json!({"error": {"message": format!("refused: {echo}"), "type": echo, "code": 500, "param": echo}});
        match request.json()["user"].as_str() {
            Some("401") => Reply::json(401, &said),
            Some("400") => Reply::json(400, &said),
            Some("text") => Reply::body(500, "text/plain", echo),
            Some("stream") => Reply::sse()
                .chunk(openai::delta("m", &json!({"content": "x"})))
                .chunk(format!("data: {said}\n\n"))
                .end(),
            _ => Reply::json(500, &said),
        }
    })
}

#[test]
fn planted_secrets_come_out_nowhere() {
    let upstream = repeating();
    let params = format!("extra_headers: {{x-team-secret: {HEADER}}}, order: 1");
    let entry = rig::entry("chat", "openai/m", &format!("{}/v1", upstream.url())).with(&params);
    let config = rig::config(
        &[entry],
        &format!(
            "general_settings: {{master_key: {MASTER}}}\nrouter_settings: {{num_retries: 0, allowed_fails: 99}}\n"
        ),
    );
    let config = config.replace("api_key: sk-upstream", "api_key: os.environ/PLANTED_KEY");
    let gateway = crate::support::Gateway::builder(&config)
        .env("PLANTED_KEY", UPSTREAM)
        .arg("--detailed_debug")
        .key(MASTER)
        .start();
    for user in ["401", "400", "text", "500"] {
        let mut body = chat("chat");
        body["user"] = user.into();
        clean(
            "an error",
            &gateway.post("/v1/chat/completions", &body).body,
        );
        let mut body = message("chat");
        body["metadata"] = json!({"user_id": user});
        clean(
            "an Anthropic error",
            &gateway.post("/v1/messages", &body).body,
        );
    }
    let sent = upstream.requests();
    assert!(
        sent.iter()
            .all(|request| request.header("x-team-secret") == Some(HEADER)),
        "the header is sent"
    );
    let mut body = chat_stream("chat");
    body["user"] = "stream".into();
    let (frames, _end) = gateway.stream("/v1/chat/completions", &body).collect();
    clean("an error event", format!("{frames:?}").as_bytes());
    Ask::post("/v1/chat/completions", &chat("chat"))
        .key(WRONG)
        .send(gateway.addr)
        .must_be(401);
    let wrong = Ask::get(&format!("/v1/models/{WRONG}"))
        .key(WRONG)
        .send(gateway.addr);
    assert_eq!(wrong.status, 401);
    for path in [
        "/model/info",
        "/v1/models",
        "/health",
        "/metrics",
        "/health/readiness",
    ] {
        let answer = gateway.get(path).must_be(200);
        clean(path, &answer.body);
        clean(path, format!("{:?}", answer.fields).as_bytes());
    }
    gateway.until_rows("select 1 from requests", 9);
    quiet(&gateway, &[&upstream]);
    // A broken file that holds them is told about without them.
    let before = gateway.stderr().len();
    gateway.write_config(
        &config
            .replace("order: 1", "order: [")
            .replace("os.environ/PLANTED_KEY", UPSTREAM),
    );
    crate::support::wait_for("the error", crate::support::wait::PATIENCE, || {
        gateway
            .stderr()
            .get(before..)?
            .contains("stays")
            .then_some(())
    });
    clean("stderr", gateway.stderr().as_bytes());
    for file in fs::read_dir(gateway.home().join("data")).unwrap() {
        let path = file.unwrap().path();
        clean(&path.display().to_string(), &fs::read(&path).unwrap());
    }
    let exit = gateway.stop();
    clean("stderr at the end", exit.stderr.as_bytes());
}
