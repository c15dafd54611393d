//! A gateway in the middle of its day, the same at every run: what all tests of the screens draw.
//!
//! A self-hosted backend is down, a cloud cools down, another is being tried again; requests went
//! on elsewhere. Times are of one fixed Saturday, one hour east of UTC.

use std::sync::Arc;

use crate::base::{
    Attempt, AttemptOutcome, BreakerState, CallId, HostState, NanoDollars, RequestRecord, Severity,
    Surface, Usage, Wall,
};
use crate::control::{
    Backend, BackendState, Event, EventKind, GatewayInfo, Headline, Host, InFlight, LedgerInfo,
    Model, Point, RequestRow, Series, Snapshot, Spend, SpendRow, Stats, Today, VERSION,
};

/// 2026-11-21 14:02:11 in the fixture's zone.
pub(crate) const NOW: Wall = Wall::from_micros(1_795_266_131_000_000);

/// `seconds` before [`NOW`].
pub(crate) const fn ago(seconds: i64) -> Wall {
    Wall::from_micros(NOW.as_micros() - seconds * 1_000_000)
}

/// The usual state: some trouble, much traffic.
pub(crate) fn busy() -> Snapshot {
    Snapshot {
        version: VERSION,
        seq: 1,
        taken_at: NOW,
        gateway: gateway(),
        now: stats(564, 5, 9.4, [640.0, 812.0, 190.0], 512.0),
        today: today(2_914, 21, 418),
        headline: Some(Headline {
            severity: Severity::Warning,
            text: "ollama down 3 min; 42 requests served by gpt-4o-mini, $0.03".to_owned(),
        }),
        hosts: hosts(),
        backends: backends(),
        models: models(),
        in_flight: in_flight(),
        recent: recent(),
        events: events(),
        series: series(9.4, 60, 0),
        spend: Some(Arc::new(spend())),
    }
}

/// Just started: nothing has happened.
pub(crate) fn fresh() -> Snapshot {
    let mut snapshot = busy();
    snapshot.headline = None;
    snapshot.now = Stats::default();
    snapshot.today = Today::default();
    snapshot.gateway.uptime_ms = 4_000;
    snapshot.in_flight.clear();
    snapshot.recent.clear();
    snapshot.events.clear();
    snapshot.series = Series::default();
    snapshot.spend = None;
    for host in &mut snapshot.hosts {
        host.state = HostState::Unknown;
        host.last_probe.clear();
    }
    for backend in &mut snapshot.backends {
        backend.state = BackendState::Up;
        backend.why.clear();
        backend.breaker = BreakerState::Closed;
        (backend.cooldown_left_ms, backend.cooldown_total_ms) = (None, None);
        (backend.cooldowns_in_row, backend.fails, backend.in_flight) = (0, 0, 0);
        backend.stats = Stats::default();
        backend.today = Today::default();
        backend.spark.clear();
        backend.spark_errors.clear();
        backend.errors.clear();
        backend.last_ok_ms = None;
    }
    for model in &mut snapshot.models {
        model.stats = Stats::default();
        model.today = Today::default();
        model.in_flight = 0;
        model.series = Series::default();
    }
    snapshot
}

fn gateway() -> GatewayInfo {
    GatewayInfo {
        version: "0.1.0".to_owned(),
        listen: "127.0.0.1:4000".to_owned(),
        demo: false,
        draining: false,
        uptime_ms: 3 * 86_400_000 + 4 * 3_600_000,
        config_path: "config.yaml".to_owned(),
        config_loaded: Some(ago(3_600)),
        config_errors: Vec::new(),
        config_notes: Vec::new(),
        needs_key: true,
        zone: "Europe/Berlin".to_owned(),
        zone_offset_s: 3_600,
        ledger: LedgerInfo {
            path: "pointsman.db".to_owned(),
            written: 2_914,
            ..LedgerInfo::default()
        },
    }
}

fn stats(requests: u64, errors: u64, rps: f64, ms: [f64; 3], tokens_per_s: f64) -> Stats {
    Stats {
        requests,
        errors,
        rps,
        p50_ms: Some(ms[0]),
        p95_ms: Some(ms[1]),
        first_token_p50_ms: Some(ms[2]),
        first_token_p95_ms: Some(ms[2] * 1.9),
        tokens_per_s: Some(tokens_per_s),
        tokens_in: requests * 640,
        tokens_out: requests * 140,
        cost: NanoDollars(i64::try_from(requests).expect("small") * 41_000),
    }
}

fn today(requests: u64, errors: u64, cents: i64) -> Today {
    Today {
        requests,
        errors,
        tokens_in: requests * 1_785,
        tokens_out: requests * 275,
        tokens_cached: requests * 857,
        cost: NanoDollars(cents * 10_000_000),
        unpriced: 0,
        fallbacks: requests / 40,
    }
}

fn hosts() -> Vec<Host> {
    let host =
        |base: &str, state, probed, since_s: u64, next: Option<u64>, said: &str, in_flight| Host {
            base: base.to_owned(),
            state,
            probed,
            since_ms: since_s * 1_000,
            next_probe_ms: next,
            last_probe: said.to_owned(),
            in_flight,
            simulated: None,
        };
    vec![
        host(
            "http://192.168.1.50:11434",
            HostState::Down,
            true,
            183,
            Some(3_200),
            "connection refused",
            0,
        ),
        host(
            "http://10.0.0.7:8000",
            HostState::Probing,
            true,
            6,
            Some(1_000),
            "200 in 3 ms",
            1,
        ),
        host(
            "https://api.openai.com/v1",
            HostState::Up,
            false,
            273_600,
            None,
            "",
            5,
        ),
        host(
            "https://api.anthropic.com",
            HostState::Up,
            false,
            273_600,
            None,
            "",
            2,
        ),
        host(
            "https://api.groq.com/openai/v1",
            HostState::Up,
            false,
            43,
            None,
            "",
            0,
        ),
    ]
}

fn backends() -> Vec<Backend> {
    let base = Backend {
        id: String::new(),
        name: String::new(),
        group: String::new(),
        provider: String::new(),
        model: String::new(),
        host: 0,
        local: false,
        state: BackendState::Up,
        why: String::new(),
        breaker: BreakerState::Closed,
        cooldown_left_ms: None,
        cooldown_total_ms: None,
        cooldowns_in_row: 0,
        fails: 0,
        fails_allowed: Some(3),
        since_ms: 273_600_000,
        order: None,
        weight: None,
        rpm: None,
        tpm: None,
        rpm_used: 0,
        tpm_used: 0,
        tags: Vec::new(),
        window: Some(128_000),
        price_in: None,
        price_out: None,
        in_flight: 0,
        stats: Stats::default(),
        today: Today::default(),
        spark: Vec::new(),
        spark_errors: Vec::new(),
        last_ok_ms: Some(400),
        errors: Vec::new(),
    };
    let named =
        |id: &str, name: &str, group: &str, provider: &str, model: &str, host: usize| Backend {
            id: id.to_owned(),
            name: name.to_owned(),
            group: group.to_owned(),
            provider: provider.to_owned(),
            model: model.to_owned(),
            host,
            spark: wave(30, 6, host * 7 + name.len()),
            spark_errors: vec![0; 30],
            ..base.clone()
        };
    vec![
        Backend {
            local: true,
            state: BackendState::Down,
            why: "connection refused".to_owned(),
            since_ms: 183_000,
            fails: 3,
            order: Some(1),
            tags: vec!["private".to_owned(), "gpu".to_owned()],
            window: Some(8_192),
            price_in: Some(NanoDollars(0)),
            price_out: Some(NanoDollars(0)),
            today: today(610, 6, 0),
            spark: wave(30, 5, 3)
                .into_iter()
                .enumerate()
                .map(|(i, n)| {
                    if i < 24 {
                        n
                    } else {
                        3 - u32::try_from(i).expect("small") / 10
                    }
                })
                .collect(),
            spark_errors: (0..30).map(|i| if i < 24 { 0 } else { 1 }).collect(),
            last_ok_ms: Some(184_000),
            errors: vec![
                (ago(2), "connect: connection refused".to_owned()),
                (ago(7), "connect: connection refused".to_owned()),
                (ago(183), "reset: connection closed mid-answer".to_owned()),
            ],
            ..named("a1", "ollama/llama3.2", "chat", "ollama", "llama3.2", 0)
        },
        Backend {
            local: true,
            state: BackendState::Probing,
            why: "answers again; one request tries it".to_owned(),
            breaker: BreakerState::HalfOpen,
            since_ms: 6_000,
            order: Some(2),
            in_flight: 1,
            price_in: Some(NanoDollars(0)),
            price_out: Some(NanoDollars(0)),
            stats: stats(6, 1, 0.1, [210.0, 940.0, 95.0], 410.0),
            today: today(204, 9, 0),
            last_ok_ms: Some(96_000),
            errors: vec![(ago(96), "timeout: no first byte in 30 s".to_owned())],
            ..named("a2", "vllm/qwen3-32b", "chat", "vllm", "qwen3-32b", 1)
        },
        Backend {
            in_flight: 4,
            rpm: Some(500),
            rpm_used: 366,
            tpm: Some(200_000),
            tpm_used: 61_400,
            price_in: Some(NanoDollars(150_000_000)),
            price_out: Some(NanoDollars(600_000_000)),
            stats: stats(366, 1, 6.1, [640.0, 812.0, 180.0], 512.0),
            today: today(1_310, 4, 231),
            ..named(
                "a3",
                "openai/gpt-4o-mini",
                "gpt-4o-mini",
                "openai",
                "gpt-4o-mini",
                2,
            )
        },
        Backend {
            in_flight: 1,
            weight: Some(2.0),
            price_in: Some(NanoDollars(2_500_000_000)),
            price_out: Some(NanoDollars(10_000_000_000)),
            stats: stats(48, 0, 0.8, [1_130.0, 2_410.0, 390.0], 96.0),
            today: today(402, 1, 77),
            ..named("a4", "openai/gpt-4o", "smart", "openai", "gpt-4o", 2)
        },
        Backend {
            in_flight: 2,
            weight: Some(1.0),
            window: Some(200_000),
            price_in: Some(NanoDollars(3_000_000_000)),
            price_out: Some(NanoDollars(15_000_000_000)),
            stats: stats(144, 0, 2.4, [1_700.0, 6_210.0, 480.0], 72.0),
            today: today(371, 1, 102),
            ..named(
                "a5",
                "anthropic/claude-sonnet-4-5",
                "smart",
                "anthropic",
                "claude-sonnet-4-5",
                3,
            )
        },
        Backend {
            state: BackendState::Cooling,
            why: "429 rate_limit, Retry-After".to_owned(),
            breaker: BreakerState::Open,
            cooldown_left_ms: Some(42_000),
            cooldown_total_ms: Some(60_000),
            cooldowns_in_row: 3,
            fails: 1,
            since_ms: 18_000,
            stats: stats(8, 1, 0.1, [180.0, 240.0, 60.0], 780.0),
            today: today(17, 3, 8),
            last_ok_ms: Some(22_000),
            spark_errors: (0..30).map(|i| u32::from(i % 9 == 8 || i > 27)).collect(),
            errors: vec![
                (ago(18), "rate_limit: 429, Retry-After 60 s".to_owned()),
                (ago(91), "rate_limit: 429, Retry-After 30 s".to_owned()),
            ],
            ..named(
                "a6",
                "groq/llama-3.3-70b-versatile",
                "fast",
                "groq",
                "llama-3.3-70b-versatile",
                4,
            )
        },
        Backend {
            state: BackendState::Draining,
            why: "off by you since 14:01".to_owned(),
            since_ms: 51_000,
            in_flight: 1,
            stats: stats(3, 0, 0.0, [980.0, 1_300.0, 320.0], 88.0),
            today: today(12, 0, 1),
            ..named(
                "a7",
                "openai/gpt-4.1-mini",
                "fast",
                "openai",
                "gpt-4.1-mini",
                2,
            )
        },
        Backend {
            state: BackendState::Off,
            why: "ANTHROPIC_KEY_2 not set".to_owned(),
            spark: Vec::new(),
            spark_errors: Vec::new(),
            last_ok_ms: None,
            ..named(
                "a8",
                "anthropic/claude-haiku-4-5",
                "fast",
                "anthropic",
                "claude-haiku-4-5",
                3,
            )
        },
    ]
}

fn models() -> Vec<Model> {
    let model = |name: &str,
                 backends: &[usize],
                 falls: &[&str],
                 stats: Stats,
                 today: Today,
                 in_flight,
                 seed| Model {
        name: name.to_owned(),
        backends: backends.to_vec(),
        strategy: "simple-shuffle".to_owned(),
        fallbacks: falls.iter().map(ToString::to_string).collect(),
        context_fallbacks: if name == "chat" {
            vec!["smart".to_owned()]
        } else {
            Vec::new()
        },
        stats,
        today,
        in_flight,
        series: series(stats.rps, 60, seed),
    };
    vec![
        model(
            "chat",
            &[0, 1],
            &["gpt-4o-mini", "smart"],
            stats(312, 3, 5.2, [790.0, 2_120.0, 212.0], 240.0),
            today(1_204, 9, 31),
            4,
            3,
        ),
        model(
            "gpt-4o-mini",
            &[2],
            &[],
            stats(54, 0, 0.9, [430.0, 512.0, 150.0], 520.0),
            today(510, 1, 202),
            1,
            5,
        ),
        model(
            "smart",
            &[3, 4],
            &["chat"],
            stats(192, 0, 3.2, [1_410.0, 5_900.0, 480.0], 80.0),
            today(1_180, 8, 179),
            3,
            7,
        ),
        model(
            "fast",
            &[5, 6, 7],
            &["gpt-4o-mini"],
            stats(6, 2, 0.1, [210.0, 1_300.0, 70.0], 640.0),
            today(20, 3, 6),
            1,
            11,
        ),
    ]
}

fn in_flight() -> Vec<InFlight> {
    let one =
        |id: &str, model: &str, backend: &str, age_ms, attempt, streaming, client: &str| InFlight {
            call_id: id.to_owned(),
            model: model.to_owned(),
            backend: backend.to_owned(),
            age_ms,
            attempt,
            streaming,
            client: client.to_owned(),
        };
    vec![
        one(
            "9c1f07aa",
            "smart",
            "anthropic/claude-sonnet-4-5",
            7_040,
            1,
            true,
            "claude-cli/2.0",
        ),
        one(
            "55e0b2d1",
            "chat",
            "openai/gpt-4o-mini",
            2_310,
            3,
            true,
            "OpenWebUI/0.6",
        ),
        one(
            "17aa90ce",
            "chat",
            "vllm/qwen3-32b",
            640,
            2,
            false,
            "n8n/1.80",
        ),
        one("e20c3b44", "fast", "", 80, 1, false, "python-httpx/0.28"),
    ]
}

/// One try; times in milliseconds.
fn attempt(
    backend: &str,
    reason: &str,
    started: u64,
    took: u64,
    status: Option<u16>,
    error: &str,
) -> Attempt {
    Attempt {
        deployment: backend.into(),
        backend: backend.into(),
        group: "chat".into(),
        host: "http://192.168.1.50:11434".into(),
        reason: reason.to_owned(),
        started_us: started * 1_000,
        took_us: took * 1_000,
        first_token_us: error.is_empty().then_some(took * 250),
        status,
        outcome: if error.is_empty() {
            AttemptOutcome::Served
        } else {
            AttemptOutcome::Failed
        },
        error: error.to_owned(),
        message: match error {
            "" => String::new(),
            "connect" => "192.168.1.50:11434: connection refused".to_owned(),
            "rate_limit" => "Rate limit reached for requests; try again in 60 s".to_owned(),
            other => format!("{other}, says the upstream"),
        },
    }
}

fn record(seq: u64) -> RequestRecord {
    let kind = seq % 7;
    let attempts = match kind {
        0 => vec![
            attempt("ollama/llama3.2", "order 1 of 2", 0, 2, None, "connect"),
            attempt(
                "vllm/qwen3-32b",
                "retry 1: connect",
                55,
                310,
                Some(503),
                "overloaded",
            ),
            attempt(
                "openai/gpt-4o-mini",
                "fallback from chat: overloaded",
                380,
                1_520,
                Some(200),
                "",
            ),
        ],
        3 => vec![attempt(
            "groq/llama-3.3-70b-versatile",
            "only one in reach",
            0,
            96,
            Some(429),
            "rate_limit",
        )],
        5 => vec![attempt(
            "anthropic/claude-sonnet-4-5",
            "weight 1 of 3",
            1,
            6_200,
            Some(200),
            "",
        )],
        _ => vec![attempt(
            "openai/gpt-4o-mini",
            "only backend",
            0,
            700 + 37 * (seq % 11),
            Some(200),
            "",
        )],
    };
    let (model, cost) = match kind {
        0 => ("chat", Some(NanoDollars(312_000))),
        3 => ("fast", Some(NanoDollars(0))),
        5 => ("smart", Some(NanoDollars(71_000_000))),
        6 => ("gpt-4o-mini", None),
        _ => ("gpt-4o-mini", Some(NanoDollars(211_000))),
    };
    let last = attempts.last().expect("there is a try").clone();
    let failed = kind == 3;
    let served = attempts.len() > 1;
    RequestRecord {
        call_id: CallId::new(&format!("{:08x}", 0x8f21_0000_u64 + seq * 4_099)),
        started: ago(i64::try_from(600 - seq * 5).expect("small")),
        took_us: last.started_us + last.took_us,
        first_token_us: last.first_token_us.map(|us| us + last.started_us),
        overhead_us: 180,
        surface: if kind == 5 {
            Surface::Messages
        } else {
            Surface::Chat
        },
        client_model: model.into(),
        group: if kind == 0 {
            "gpt-4o-mini".into()
        } else {
            model.into()
        },
        deployment: Arc::clone(&last.deployment),
        model: last.backend.split('/').next_back().unwrap_or("").into(),
        provider: last.backend.split('/').next().unwrap_or("").into(),
        host: Arc::clone(&last.host),
        usage: (!failed).then_some(Usage {
            prompt: 820 + 311 * kind,
            completion: 96 + 44 * kind,
            cached: if kind == 5 { 1_024 } else { 0 },
            reasoning: 0,
            ..Usage::default()
        }),
        window: Some(128_000),
        cost,
        status: if failed { 429 } else { 200 },
        error: if failed {
            "rate_limit".to_owned()
        } else {
            String::new()
        },
        key: ["team-ci", "laptop", "agents"][usize::try_from(seq % 3).expect("small")].into(),
        end_user: String::new(),
        user_agent: ["n8n/1.80", "OpenWebUI/0.6", "claude-cli/2.0"]
            [usize::try_from(seq % 3).expect("small")]
        .to_owned(),
        client_addr: "192.168.1.20".to_owned(),
        tags: if kind == 0 {
            vec!["private".to_owned()]
        } else {
            Vec::new()
        },
        stream: kind != 6,
        retries: u32::from(served),
        fallbacks: u32::from(served),
        bytes_in: 4_200 + seq,
        bytes_out: 9_800,
        attempts,
    }
}

fn recent() -> Vec<Arc<RequestRow>> {
    (1..=119)
        .rev()
        .map(|seq| {
            Arc::new(RequestRow {
                seq,
                record: record(seq),
            })
        })
        .collect()
}

fn events() -> Vec<Arc<Event>> {
    let base = Event {
        seq: 0,
        at: NOW,
        kind: EventKind::Fallback,
        severity: Severity::Warning,
        subject: "chat".to_owned(),
        from: None,
        to: None,
        text: String::new(),
        call_id: None,
        count: 1,
    };
    let call = |seq: u64| Some(record(seq).call_id.to_string());
    let plain = |kind, severity, subject: &str, text: &str, seconds| Event {
        kind,
        severity,
        subject: subject.to_owned(),
        text: text.to_owned(),
        at: ago(seconds),
        ..base.clone()
    };
    let fallback = |from: &str, to: &str, why: &str, seconds, seq, count| Event {
        from: Some(from.to_owned()),
        to: Some(to.to_owned()),
        text: why.to_owned(),
        at: ago(seconds),
        call_id: call(seq),
        count,
        ..base.clone()
    };
    let list = vec![
        fallback(
            "vllm/qwen3-32b",
            "openai/gpt-4o-mini",
            "503 overloaded",
            5,
            119,
            1,
        ),
        plain(
            EventKind::Cooldown,
            Severity::Warning,
            "groq/llama-3.3-70b-versatile",
            "60 s, 3rd in a row: 429 rate_limit, Retry-After",
            18,
        ),
        plain(
            EventKind::Toggle,
            Severity::Note,
            "openai/gpt-4.1-mini",
            "off by you; 1 request is being finished",
            51,
        ),
        plain(
            EventKind::Cut,
            Severity::Error,
            "ollama/llama3.2",
            "stream cut after 212 tokens: connection closed mid-answer",
            182,
        ),
        fallback(
            "ollama/llama3.2",
            "openai/gpt-4o-mini",
            "connection refused",
            183,
            84,
            42,
        ),
        plain(
            EventKind::Down,
            Severity::Error,
            "http://192.168.1.50:11434",
            "connection refused; 1 backend",
            183,
        ),
        plain(
            EventKind::Reload,
            Severity::Note,
            "config.yaml",
            "3 backends changed, valid, 41 ms",
            552,
        ),
        plain(
            EventKind::Recover,
            Severity::Note,
            "anthropic/claude-sonnet-4-5",
            "up after 1m04s",
            671,
        ),
        plain(
            EventKind::Error,
            Severity::Error,
            "fast",
            "429 rate_limit: every backend is cooling or off",
            700,
        ),
        plain(
            EventKind::Up,
            Severity::Note,
            "http://10.0.0.7:8000",
            "answers again: 200 in 3 ms",
            706,
        ),
        plain(
            EventKind::Ledger,
            Severity::Warning,
            "pointsman.db",
            "written again after 4 s; 12 rows waited",
            1_900,
        ),
        plain(
            EventKind::Lifecycle,
            Severity::Note,
            "pointsman",
            "listening on 127.0.0.1:4000",
            273_600,
        ),
    ];
    let total = u64::try_from(list.len()).expect("small");
    (0..total)
        .zip(list)
        .map(|(place, event)| {
            Arc::new(Event {
                seq: total - place,
                ..event
            })
        })
        .collect()
}

/// A wave that looks like traffic, always the same for one seed.
fn wave(length: usize, height: u32, seed: usize) -> Vec<u32> {
    (0..length)
        .map(|place| {
            let x = place as f64 / 5.0 + seed as f64;
            let value = f64::from(height) * (0.55 + 0.3 * x.sin() + 0.15 * (3.1 * x).cos());
            u32::try_from(crate::tui::format::index(value.max(0.0))).expect("small")
        })
        .collect()
}

fn series(rps: f64, length: usize, seed: usize) -> Series {
    let step_s = 15.0;
    let points = wave(length, 1_000, seed)
        .into_iter()
        .enumerate()
        .map(|(place, height)| {
            let share = f64::from(height) / 800.0;
            let quiet = (30..34).contains(&place);
            let requests = if quiet {
                0
            } else {
                u32::try_from(crate::tui::format::index(rps * step_s * share)).expect("small")
            };
            #[expect(clippy::cast_possible_truncation, reason = "a drawing")]
            let ms = |base: f64| (requests > 0).then_some((base * (0.7 + 0.5 * share)) as f32);
            Point {
                requests,
                errors: u32::from(place % 13 == 12),
                fallbacks: u32::from(place == 47) * 3,
                p50_ms: ms(640.0),
                p95_ms: ms(1_320.0),
                first_token_ms: ms(190.0),
                tokens_in: u64::from(requests) * 640,
                tokens_out: u64::from(requests) * 140,
                cost: NanoDollars(i64::from(requests) * 41_000),
            }
        })
        .collect();
    Series {
        step_ms: 15_000,
        points,
    }
}

fn spend() -> Spend {
    let row = |name: &str, cents: [i64; 7], requests: u64, unpriced: u64| SpendRow {
        name: name.to_owned(),
        daily: cents
            .iter()
            .map(|cents| NanoDollars(cents * 10_000_000))
            .collect(),
        cost: NanoDollars(cents.iter().sum::<i64>() * 10_000_000),
        requests,
        errors: requests / 140,
        tokens_in: requests * 1_785,
        tokens_out: requests * 275,
        unpriced,
    };
    Spend {
        days: (15..=21).map(|day| format!("2026-11-{day}")).collect(),
        total: row("total", [212, 305, 691, 420, 388, 151, 418], 18_204, 2),
        by_model: vec![
            row(
                "claude-sonnet-4-5",
                [100, 150, 401, 210, 190, 71, 179],
                4_020,
                0,
            ),
            row("gpt-4o-mini", [80, 101, 190, 150, 148, 60, 202], 9_104, 0),
            row("gpt-4o", [30, 50, 90, 56, 48, 20, 31], 1_902, 0),
            row("llama3.2", [0, 0, 0, 0, 0, 0, 0], 3_176, 0),
            row("qwen3-next", [0, 0, 0, 0, 0, 0, 0], 2, 2),
        ],
        by_backend: vec![
            row(
                "anthropic/claude-sonnet-4-5",
                [100, 150, 401, 210, 190, 71, 179],
                4_020,
                0,
            ),
            row(
                "openai/gpt-4o-mini",
                [80, 101, 190, 150, 148, 60, 202],
                9_104,
                0,
            ),
            row("openai/gpt-4o", [30, 50, 90, 56, 48, 20, 31], 1_902, 0),
            row("ollama/llama3.2", [0, 0, 0, 0, 0, 0, 0], 3_176, 0),
        ],
        by_key: vec![
            row("team-ci", [120, 170, 380, 230, 210, 80, 190], 8_020, 0),
            row("laptop", [60, 90, 210, 130, 120, 50, 141], 6_104, 2),
            row("agents", [32, 45, 101, 60, 58, 21, 87], 4_080, 0),
        ],
        by_app: vec![
            row("claude-cli", [90, 140, 350, 190, 180, 66, 160], 3_820, 0),
            row("n8n", [72, 95, 201, 140, 128, 45, 158], 9_304, 0),
            row("OpenWebUI", [50, 70, 140, 90, 80, 40, 100], 5_080, 2),
        ],
    }
}
