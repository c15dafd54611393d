//! Requests as life brings them, for the ledger's tests: everything follows from a number.

use std::sync::Arc;

use crate::base::{
    Attempt, AttemptOutcome, CallId, NanoDollars, RequestRecord, Surface, Usage, Wall,
};

/// 2026-11-20T12:00:00Z
pub(super) const NOON: i64 = 1_795_176_000_000_000;

/// A request that went well at the first try.
pub(super) fn plain(number: u64) -> RequestRecord {
    let local = !number.is_multiple_of(3);
    let (group, model, provider, host) = if local {
        (
            "heavy-local",
            "qwen3:32b",
            "ollama",
            "http://192.168.1.50:11434",
        )
    } else {
        (
            "smart-cloud",
            "gpt-4o-mini",
            "openai",
            "https://api.openai.com",
        )
    };
    let deployment: Arc<str> = if local {
        "3f9a1c22d0e4b871"
    } else {
        "a1b2c3d4e5f60718"
    }
    .into();
    let host: Arc<str> = host.into();
    let group: Arc<str> = group.into();
    let took_us = 1_200_000 + number * 7_919 % 9_000_000;
    let prompt = 420 + number * 131 % 12_000;
    let completion = 60 + number * 17 % 900;
    RequestRecord {
        call_id: CallId::new(&uuid(number)),
        started: Wall::from_micros(NOON + i64::try_from(number * 20_011).unwrap()),
        took_us,
        first_token_us: Some(180_000 + number * 613 % 400_000),
        overhead_us: 40 + number % 200,
        surface: Surface::Chat,
        client_model: "chat".into(),
        group: Arc::clone(&group),
        deployment: Arc::clone(&deployment),
        model: model.into(),
        provider: provider.into(),
        host: Arc::clone(&host),
        usage: Some(Usage {
            prompt,
            completion,
            cached: prompt / 3,
            cache_write: 0,
            cache_write_1h: 0,
            reasoning: completion / 4,
        }),
        window: Some(if local { 32_768 } else { 128_000 }),
        cost: Some(NanoDollars(if local {
            0
        } else {
            i64::try_from(prompt * 150 + completion * 600).unwrap()
        })),
        status: 200,
        error: String::new(),
        key: "master".into(),
        end_user: String::new(),
        user_agent: "OpenAI/Python 1.54.0".into(),
        client_addr: format!("192.168.1.{}", 10 + number % 12).into(),
        tags: vec!["team-a".to_owned()],
        stream: number.is_multiple_of(2),
        retries: 0,
        fallbacks: 0,
        bytes_in: prompt * 4,
        bytes_out: completion * 190,
        attempts: vec![Attempt {
            deployment,
            backend: format!("{provider}/{model}").into(),
            started_us: 40 + number % 200,
            took_us: took_us - 300,
            first_token_us: Some(179_000 + number * 613 % 400_000),
            ..served(group, host)
        }],
    }
}

/// A try that was served.
fn served(group: Arc<str>, host: Arc<str>) -> Attempt {
    Attempt {
        deployment: "".into(),
        backend: "".into(),
        group,
        host,
        reason: "simple-shuffle".to_owned(),
        started_us: 0,
        took_us: 0,
        first_token_us: None,
        status: Some(200),
        outcome: AttemptOutcome::Served,
        error: String::new(),
        message: String::new(),
    }
}

/// A request whose first backend refused the connection, served by a fallback.
pub(super) fn failed_over(number: u64) -> RequestRecord {
    let mut record = plain(number * 3);
    record.retries = 1;
    record.fallbacks = 1;
    record.end_user = format!("user-{}", number % 40);
    let failed = Attempt {
        deployment: "3f9a1c22d0e4b871".into(),
        backend: "ollama/qwen3:32b".into(),
        group: "heavy-local".into(),
        host: "http://192.168.1.50:11434".into(),
        reason: "order 1 of 2".to_owned(),
        started_us: 40,
        took_us: 900,
        first_token_us: None,
        status: None,
        outcome: AttemptOutcome::Failed,
        error: "connect".to_owned(),
        message: "connection refused".to_owned(),
    };
    record.attempts.insert(0, failed);
    record
}

/// A request that was refused before any backend was tried.
pub(super) fn refused(number: u64) -> RequestRecord {
    let mut record = plain(number);
    record.status = 404;
    record.error = "unknown_model".to_owned();
    record.client_model = "gpt-9".into();
    for text in [&mut record.group, &mut record.deployment, &mut record.model] {
        *text = "".into();
    }
    (record.provider, record.host) = ("".into(), "".into());
    (record.usage, record.cost, record.window) = (None, None, None);
    record.first_token_us = None;
    record.attempts.clear();
    record.tags.clear();
    record
}

/// Of 100 requests, 90 go well at once, 8 fail over, 2 are refused.
pub(super) fn mixed(number: u64) -> RequestRecord {
    match number % 100 {
        0 | 50 => refused(number),
        place if place % 12 == 1 => failed_over(number),
        _ => plain(number),
    }
}

/// A version-4 UUID that looks as random as a real one.
fn uuid(number: u64) -> String {
    let high = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let low = (high ^ (high >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xFFFF,
        high & 0xFFF,
        0x8000 | (low >> 50),
        low & 0xFFFF_FFFF_FFFF
    )
}
