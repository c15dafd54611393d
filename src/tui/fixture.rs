//! A gateway in the middle of its day, the same at every run: what all tests of the screens draw.
//!
//! A self-hosted backend is down, a cloud cools down, another is being tried again; requests went
//! on elsewhere. Times are of one fixed Saturday, one hour east of UTC.

mod backends;
mod events;
mod requests;
mod spend;

use std::sync::Arc;

use crate::base::{BreakerState, HostState, NanoDollars, Severity, Wall};
use crate::control::{
    BackendState, GatewayInfo, Headline, Host, LedgerInfo, Model, Point, Series, Snapshot, Stats,
    Today, VERSION,
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
        backends: backends::backends(),
        models: models(),
        in_flight: requests::in_flight(),
        recent: requests::recent(),
        events: events::events(),
        series: series(9.4, 60, 0),
        spend: Some(Arc::new(spend::spend())),
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
