//! The words for health: what a host answers, what a deployment's breaker does, what was observed.

use serde::{Deserialize, Serialize};

/// Whether a host (one `api_base`) can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostState {
    /// Nothing was heard of it yet; it counts as reachable.
    #[default]
    Unknown,
    /// It answers.
    Up,
    /// It was down and answers probes again; one request tries it.
    Probing,
    /// It does not answer.
    Down,
}

/// What a deployment's breaker does with traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Traffic passes.
    #[default]
    Closed,
    /// Cooling down: no traffic until the time is over.
    Open,
    /// The time is over; one request at a time tries it.
    HalfOpen,
}

/// What somebody saw of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observation {
    /// A probe was answered.
    ProbeAnswered,
    /// A probe found nobody: refused, unreachable, no connection in time.
    ProbeFailed,
    /// A probe was connected and has got no answer yet: the process stands still, or is busy.
    ProbeSilent,
    /// A request got bytes back, whatever the status.
    TrafficAnswered,
    /// A request could not connect.
    ConnectFailed,
}
