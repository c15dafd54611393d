//! What a server lives through: limits, slow spells, being stopped and started; and the traffic.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{LUCKY, Stage, chat, try_ask};
use crate::demo::{config, traffic};

#[tokio::test(start_paused = true)]
async fn a_rate_limit_says_when_to_come_back_and_keeps_its_word() {
    let stage = Stage::set(LUCKY).await;
    let body = chat("gpt-4o", false);
    let mut wait = None;
    for _ in 0..6 {
        let answer = stage
            .ask("openai", "/v1/chat/completions", Some(&body))
            .await;
        if answer.status() == 429 {
            let told = answer.headers()["retry-after"]
                .to_str()
                .unwrap()
                .parse::<u64>()
                .unwrap();
            let (_, refusal) = stage
                .json("openai", "/v1/chat/completions", Some(&body))
                .await;
            assert_eq!(refusal["error"]["code"], "rate_limit_exceeded");
            wait = Some(told);
            break;
        }
    }
    let wait = wait.expect("the burst is over after four");
    assert!((1..=5).contains(&wait));
    stage.clock.advance(Duration::from_secs(wait));
    let answer = stage
        .ask("openai", "/v1/chat/completions", Some(&body))
        .await;
    assert_ne!(answer.status(), 429);
    stage.strike().await;
}

/// Reads a stream until its first bytes are there, and returns what is left of it.
async fn begun(stage: &Stage, server: &str, path: &str, body: &Value) -> Incoming {
    let mut answer = stage.ask(server, path, Some(body)).await.into_body();
    answer.frame().await.unwrap().unwrap();
    answer
}

async fn rest(mut body: Incoming) -> (String, bool) {
    let mut text = String::new();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => text.push_str(&String::from_utf8_lossy(frame.data_ref().unwrap())),
            Err(_) => return (text, false),
        }
    }
    (text, true)
}

#[tokio::test(start_paused = true)]
async fn a_stopped_server_refuses_and_drops_what_was_open() {
    let stage = Stage::set(LUCKY).await;
    let base = stage.base("ollama-gpu");
    let stream = begun(&stage, "ollama-gpu", "/api/chat", &chat("qwen3:8b", true)).await;
    let in_flight = |stage: &Stage| stage.world.servers()[0].in_flight;
    assert_eq!(in_flight(&stage), 1);

    assert!(
        stage
            .world
            .set_running(&format!("{base}/v1"), false)
            .await
            .unwrap()
    );
    assert_eq!(stage.world.running(&base), Some(false));
    assert!(
        try_ask(&base, "/api/version", None).await.is_none(),
        "refused at once"
    );
    let (text, whole) = rest(stream).await;
    assert!(
        !whole && !text.contains("\"done\":true"),
        "dropped without an end: {text}"
    );
    assert_eq!(in_flight(&stage), 0);
    assert!(
        !stage.world.set_running(&base, false).await.unwrap(),
        "it is stopped already"
    );

    for _ in 0..3 {
        assert!(stage.world.set_running(&base, true).await.unwrap());
        let (status, _) = stage.json("ollama-gpu", "/api/version", None).await;
        assert_eq!((status, stage.base("ollama-gpu")), (200, base.clone()));
        let (_, memory) = stage.json("ollama-gpu", "/api/ps", None).await;
        assert_eq!(
            memory,
            json!({"models": []}),
            "a restart forgets its models"
        );
        assert!(stage.world.set_running(&base, false).await.unwrap());
    }
    let unknown = stage
        .world
        .set_running("http://127.0.0.1:1", true)
        .await
        .unwrap_err();
    assert!(
        unknown.to_string().contains("http://127.0.0.1:1") && unknown.to_string().contains(&base)
    );
    stage.strike().await;
}

#[tokio::test(start_paused = true)]
async fn a_stopped_vllm_says_abort_and_done() {
    let stage = Stage::set(LUCKY).await;
    let stream = begun(
        &stage,
        "vllm",
        "/v1/chat/completions",
        &chat("openai/gpt-oss-120b", true),
    )
    .await;
    assert!(
        stage
            .world
            .set_running(&stage.base("vllm"), false)
            .await
            .unwrap()
    );
    let (text, whole) = rest(stream).await;
    assert!(
        whole && text.contains("\"finish_reason\":\"abort\"") && text.ends_with("data: [DONE]\n\n"),
        "{text}"
    );
    stage.strike().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_is_noticed() {
    let stage = Stage::set(LUCKY).await;
    let stream = begun(
        &stage,
        "openai",
        "/v1/chat/completions",
        &chat("gpt-4o", true),
    )
    .await;
    let in_flight = || stage.world.servers()[3].in_flight;
    assert_eq!(in_flight(), 1);
    drop(stream);
    for _ in 0..1000 {
        if in_flight() == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(in_flight(), 0);
    stage.strike().await;
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_answers_the_same() {
    let (one, two, other) = (
        Stage::set(3).await,
        Stage::set(3).await,
        Stage::set(4).await,
    );
    let mut differs = false;
    for stream in [true, false, true] {
        let body = chat("llama3.2:3b", stream);
        let mut told = Vec::new();
        for stage in [&one, &two, &other] {
            // A probe in between changes nothing.
            if stage.world.seed() == 3 && told.is_empty() {
                stage.json("ollama-mini", "/api/ps", None).await;
            }
            let answer = stage.ask("ollama-mini", "/api/chat", Some(&body)).await;
            told.push(answer.into_body().collect().await.unwrap().to_bytes());
        }
        assert_eq!(told[0], told[1]);
        differs |= told[0] != told[2];
    }
    assert!(differs);
    for stage in [one, two, other] {
        stage.strike().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_spell_is_slow() {
    let stage = Stage::set(LUCKY).await;
    let body = chat("llama3.2:3b", false);
    let took = async |stage: &Stage| {
        let (_, answer) = stage.json("ollama-mini", "/api/chat", Some(&body)).await;
        let number = |key: &str| answer[key].as_u64().unwrap();
        number("eval_duration") / number("eval_count")
    };
    let before = took(&stage).await;
    stage.clock.advance(Duration::from_secs(62));
    let during = took(&stage).await;
    assert!(
        during > before * 3,
        "{before} ns a token before, {during} in the spell"
    );
    stage.strike().await;
}

#[tokio::test(start_paused = true)]
async fn the_config_names_every_server() {
    let stage = Stage::set(11).await;
    let text = config(&stage.world);
    for server in stage.world.servers() {
        assert!(
            text.contains(&format!("api_base: {}", server.base)),
            "{} is missing",
            server.name
        );
    }
    let cloud = |name: &str| stage.world.cloud(&format!("{}/v1", stage.base(name)));
    assert_eq!((cloud("openai"), cloud("vllm")), (Some(true), Some(false)));
    assert_eq!(stage.world.cloud("https://api.openai.com/v1"), None);
    let placeholders = text.matches(['{', '}']).count();
    assert_eq!(placeholders, 0, "{text}");
    assert!(text.starts_with("# seed 11\n"));
    stage.strike().await;
}

#[tokio::test(start_paused = true)]
async fn traffic_sends_counts_and_stops() {
    let stage = Stage::set(LUCKY).await;
    let addr = stage
        .base("vllm")
        .strip_prefix("http://")
        .unwrap()
        .parse()
        .unwrap();
    let target = traffic::Target {
        addr,
        key: None,
        seed: 5,
    };
    let tally = Arc::new(traffic::Tally::default());
    let cancel = CancellationToken::new();
    let run = traffic::run(
        target,
        stage.tasks.clone(),
        cancel.clone(),
        Arc::clone(&tally),
    );
    let stop = async {
        tokio::time::sleep(Duration::from_mins(1)).await;
        cancel.cancel();
    };
    tokio::join!(run, stop);
    let counts = tally.counts();
    assert!((150..500).contains(&counts.sent), "{counts:?}");
    // No gateway is there: the groups' names mean nothing to the server.
    assert!(counts.refused > 0 && counts.served == 0, "{counts:?}");
    stage.strike().await;
}
