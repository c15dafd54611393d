//! The state of the gateway at one moment, complete enough to draw every screen from.
//!
//! Times that count down are milliseconds left at `taken_at`; a reader subtracts the time that has
//! passed since it received the snapshot.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::base::{BreakerState, HostState, NanoDollars, Problem, RequestRecord, Severity, Wall};
use crate::control::Event;

/// Everything the dashboard shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// [`crate::control::VERSION`].
    pub version: u32,
    /// Rises with every change; equal numbers mean equal content.
    pub seq: u64,
    /// When it was taken.
    pub taken_at: Wall,
    /// The gateway itself.
    pub gateway: GatewayInfo,
    /// All requests of the last minute.
    pub now: Stats,
    /// Totals since local midnight.
    pub today: Today,
    /// The worst thing going on, in one plain sentence; `None` when all is well.
    pub headline: Option<Headline>,
    /// Hosts, one per `api_base`, in config order.
    pub hosts: Vec<Host>,
    /// Backends (deployments), in config order.
    pub backends: Vec<Backend>,
    /// Model groups, in config order.
    pub models: Vec<Model>,
    /// Requests being served, oldest first.
    pub in_flight: Vec<InFlight>,
    /// Requests that ended, newest first, at most [`Snapshot::MAX_RECENT`].
    pub recent: Vec<Arc<RequestRow>>,
    /// Events, newest first, at most [`Snapshot::MAX_EVENTS`].
    pub events: Vec<Arc<Event>>,
    /// The charts' data.
    pub series: Series,
    /// Spend of the last seven days; `None` until the ledger has been asked.
    pub spend: Option<Arc<Spend>>,
}

impl Snapshot {
    /// How many ended requests are kept for the live list.
    pub const MAX_RECENT: usize = 500;
    /// How many events are kept.
    pub const MAX_EVENTS: usize = 500;
}

/// The gateway itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GatewayInfo {
    /// Its version, `0.1.0`.
    pub version: String,
    /// Where it listens, `127.0.0.1:4000`.
    pub listen: String,
    /// Whether this is the demo.
    pub demo: bool,
    /// Whether it is shutting down.
    pub draining: bool,
    /// Milliseconds since it started.
    pub uptime_ms: u64,
    /// The config file, or how the config came to be (`--model ollama/llama3`).
    pub config_path: String,
    /// When the config in force was read.
    pub config_loaded: Option<Wall>,
    /// Why the file on disk is not in force; empty when it is.
    pub config_errors: Vec<Problem>,
    /// Warnings and notes about the config in force.
    pub config_notes: Vec<Problem>,
    /// Whether a key is needed.
    pub needs_key: bool,
    /// The time zone that "today" and all times are shown in, `Europe/Berlin` or `UTC`.
    pub zone: String,
    /// Its offset from UTC now, in seconds.
    pub zone_offset_s: i32,
    /// The ledger's health.
    pub ledger: LedgerInfo,
}

/// The ledger's health.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LedgerInfo {
    /// The database file.
    pub path: String,
    /// What is wrong with it, in one sentence; empty when all is well.
    pub trouble: String,
    /// Rows written since the start.
    pub written: u64,
    /// Rows that could not be written since the start; their money is still counted.
    pub lost: u64,
    /// Rows waiting to be written.
    pub queued: u64,
}

/// Rates and percentiles over some window. Durations are milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Stats {
    /// Requests that ended in the window.
    pub requests: u64,
    /// Those that failed.
    pub errors: u64,
    /// Requests a second.
    pub rps: f64,
    /// Median time to the last byte; `None` without samples.
    pub p50_ms: Option<f64>,
    /// 95th percentile of it.
    pub p95_ms: Option<f64>,
    /// Median time to the first token.
    pub first_token_p50_ms: Option<f64>,
    /// 95th percentile of it.
    pub first_token_p95_ms: Option<f64>,
    /// Median speed of generation, in tokens a second.
    pub tokens_per_s: Option<f64>,
    /// Prompt tokens in the window.
    pub tokens_in: u64,
    /// Completion tokens in the window.
    pub tokens_out: u64,
    /// Cost in the window.
    pub cost: NanoDollars,
}

impl Stats {
    /// Failed share, 0 to 1; `None` without requests.
    pub fn error_rate(&self) -> Option<f64> {
        (self.requests > 0).then(|| self.errors as f64 / self.requests as f64)
    }
}

/// Totals since local midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Today {
    /// Requests that ended.
    pub requests: u64,
    /// Those that failed.
    pub errors: u64,
    /// Prompt tokens.
    pub tokens_in: u64,
    /// Completion tokens.
    pub tokens_out: u64,
    /// Prompt tokens that came from a provider's cache.
    pub tokens_cached: u64,
    /// What they cost.
    pub cost: NanoDollars,
    /// Requests whose price is unknown; they are in no cost.
    pub unpriced: u64,
    /// Changes of backend group.
    pub fallbacks: u64,
}

/// One sentence about the worst thing going on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Headline {
    /// How bad it is.
    pub severity: Severity,
    /// `ollama down 3 min; 42 requests served by gpt-4o-mini, $0.03`
    pub text: String,
}

/// One host: an `api_base`, shared by its deployments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// `http://192.168.1.50:11434`
    pub base: String,
    /// Whether it answers.
    pub state: HostState,
    /// Whether it is probed (self-hosted only).
    pub probed: bool,
    /// Milliseconds in this state.
    pub since_ms: u64,
    /// Milliseconds until the next probe.
    pub next_probe_ms: Option<u64>,
    /// What the last probe said: `200 in 3 ms`, `connection refused`.
    pub last_probe: String,
    /// Requests on it now.
    pub in_flight: u32,
    /// Demo only: whether the simulated server runs.
    pub simulated: Option<bool>,
}

/// What a backend does, in one word for the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackendState {
    /// Its host does not answer.
    Down,
    /// Cooling down.
    Cooling,
    /// One request at a time tries whether it is well again.
    Probing,
    /// Turned off while requests are still being finished.
    Draining,
    /// Turned off, by a person or by its config.
    Off,
    /// Takes traffic.
    Up,
}

impl BackendState {
    /// The word shown to people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Cooling => "cooling",
            Self::Probing => "probing",
            Self::Draining => "draining",
            Self::Off => "off",
            Self::Up => "up",
        }
    }
}

/// One backend: a deployment of the config.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Backend {
    /// Its id (`x-litellm-model-id`), stable over restarts.
    pub id: String,
    /// Its short name, unique among backends: `ollama/llama3.2 @ 192.168.1.50`.
    pub name: String,
    /// The group it serves.
    pub group: String,
    /// `ollama`, `openai`, `anthropic` …
    pub provider: String,
    /// The upstream's model name.
    pub model: String,
    /// The index of its host in [`Snapshot::hosts`].
    pub host: usize,
    /// Self-hosted, or a cloud.
    pub local: bool,
    /// What it does.
    pub state: BackendState,
    /// Why it is so: `429 rate_limit, Retry-After`, `off by you since 14:02`, `OPENAI_API_KEY not set`.
    pub why: String,
    /// The breaker itself.
    pub breaker: BreakerState,
    /// Milliseconds of cooldown left.
    pub cooldown_left_ms: Option<u64>,
    /// The whole length of the present cooldown.
    pub cooldown_total_ms: Option<u64>,
    /// Cooldowns in a row.
    pub cooldowns_in_row: u32,
    /// Eligible failures counted towards the next cooldown.
    pub fails: u32,
    /// How many of them it takes.
    pub fails_allowed: Option<u32>,
    /// Milliseconds in this state.
    pub since_ms: u64,
    /// Its order tier.
    pub order: Option<i64>,
    /// Its weight.
    pub weight: Option<f64>,
    /// Its configured requests a minute.
    pub rpm: Option<u64>,
    /// Its configured tokens a minute.
    pub tpm: Option<u64>,
    /// Requests sent to it in the present minute.
    pub rpm_used: u64,
    /// Tokens it used in the present minute.
    pub tpm_used: u64,
    /// Tags it declares.
    pub tags: Vec<String>,
    /// The window in tokens, when known.
    pub window: Option<u64>,
    /// Price of a million prompt tokens; `None` is unpriced.
    pub price_in: Option<NanoDollars>,
    /// Price of a million completion tokens.
    pub price_out: Option<NanoDollars>,
    /// Requests on it now.
    pub in_flight: u32,
    /// Tries of the last minute.
    pub stats: Stats,
    /// Totals since local midnight.
    pub today: Today,
    /// Tries per bucket over the last 15 minutes, oldest first.
    pub spark: Vec<u32>,
    /// Failed tries per bucket, same buckets.
    pub spark_errors: Vec<u32>,
    /// Milliseconds since its last served request.
    pub last_ok_ms: Option<u64>,
    /// Its last errors, newest first: when and what.
    pub errors: Vec<(Wall, String)>,
}

/// One model group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// The name clients use.
    pub name: String,
    /// Indexes into [`Snapshot::backends`].
    pub backends: Vec<usize>,
    /// The routing strategy in force.
    pub strategy: String,
    /// Groups it falls back to, in order.
    pub fallbacks: Vec<String>,
    /// Groups it falls back to when the prompt is too long.
    pub context_fallbacks: Vec<String>,
    /// Requests for it, last minute.
    pub stats: Stats,
    /// Totals since local midnight.
    pub today: Today,
    /// Requests in flight that were asked of it.
    pub in_flight: u32,
    /// Its own charts.
    pub series: Series,
}

/// A request being served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InFlight {
    /// `x-litellm-call-id`
    pub call_id: String,
    /// The model the client asked for.
    pub model: String,
    /// The backend it is on now; empty while it waits.
    pub backend: String,
    /// Milliseconds since it arrived.
    pub age_ms: u64,
    /// Which try this is, from 1.
    pub attempt: u32,
    /// Whether content has been sent to the client.
    pub streaming: bool,
    /// Who asked: user agent or address.
    pub client: String,
}

/// A request that ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRow {
    /// Rises by one a request: the identity of a row on screen.
    pub seq: u64,
    /// All that is written down about it.
    pub record: Arc<RequestRecord>,
}

/// Points of equal length in time, oldest first; the last one is still filling.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Series {
    /// The length of a point, in milliseconds.
    pub step_ms: u64,
    /// The points.
    pub points: Vec<Point>,
}

/// What happened within one step of a series.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Point {
    /// Requests that ended.
    pub requests: u32,
    /// Those that failed.
    pub errors: u32,
    /// Changes of group.
    pub fallbacks: u32,
    /// Median time to the last byte, milliseconds; `None` is a gap.
    pub p50_ms: Option<f32>,
    /// 95th percentile of it.
    pub p95_ms: Option<f32>,
    /// Median time to the first token.
    pub first_token_ms: Option<f32>,
    /// Prompt tokens.
    pub tokens_in: u64,
    /// Completion tokens.
    pub tokens_out: u64,
    /// Cost.
    pub cost: NanoDollars,
}

/// Spend of the last seven days, from the ledger. Days are local days.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Spend {
    /// The days, oldest first, as `2026-11-21`; always seven, the last one is today.
    pub days: Vec<String>,
    /// All of it, one amount a day.
    pub total: SpendRow,
    /// By the model that served, dearest first.
    pub by_model: Vec<SpendRow>,
    /// By backend, dearest first.
    pub by_backend: Vec<SpendRow>,
    /// By key, dearest first.
    pub by_key: Vec<SpendRow>,
    /// By app (user agent), dearest first.
    pub by_app: Vec<SpendRow>,
}

/// One line of a spend table.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SpendRow {
    /// The model, backend, key or app.
    pub name: String,
    /// Cost a day, in the order of [`Spend::days`].
    pub daily: Vec<NanoDollars>,
    /// Cost of all days.
    pub cost: NanoDollars,
    /// Requests of all days.
    pub requests: u64,
    /// Failed requests of all days.
    pub errors: u64,
    /// Prompt tokens of all days.
    pub tokens_in: u64,
    /// Completion tokens of all days.
    pub tokens_out: u64,
    /// Requests whose price is unknown.
    pub unpriced: u64,
}
