//! What the walk reads of the live state at each step.
//!
//! `traffic` implements [`View`] over its hosts and deployments; tests and `explain` implement it over
//! what they please. Reading must be cheap: a healthy first try reads each deployment of a tier once.

use std::fmt;

use crate::base::{BreakerState, DeploymentIdx, HostIdx, HostState, Mono};

/// The live state, as of one moment.
pub trait View {
    /// The state of a host.
    fn host(&self, host: HostIdx) -> HostView;
    /// The state of a deployment.
    fn deployment(&self, deployment: DeploymentIdx) -> DeploymentView;
}

/// One host, as of now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HostView {
    /// Whether it can be reached.
    pub state: HostState,
    /// While [`HostState::Probing`]: whether a trial request may go to it.
    pub trial_free: bool,
    /// Requests on it.
    pub in_flight: u32,
}

/// One deployment, as of now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeploymentView {
    /// Why it may not be used, whatever its health.
    pub unusable: Option<Unusable>,
    /// What its breaker does.
    pub breaker: BreakerState,
    /// When its cooldown ends or ended; [`Mono::ZERO`] without one.
    pub ready_at: Mono,
    /// While [`BreakerState::HalfOpen`]: whether a trial request may go to it.
    pub trial_free: bool,
    /// Requests on it.
    pub in_flight: u32,
    /// Requests sent to it in the last minute.
    pub rpm_used: u64,
    /// Tokens it used in the last minute.
    pub tpm_used: u64,
    /// Its `max_parallel_requests` are all taken.
    pub parallel_full: bool,
}

/// Why a deployment may not be used at all. (Those off in the config are known to the table.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unusable {
    /// A person switched it off.
    OffByYou,
    /// The config was read again, and it is no longer there, or off there.
    NotInConfig,
    /// The config was read again, and its tags no longer allow this request.
    TagsChanged,
    /// Its API has no such route (embeddings at Anthropic).
    CannotServe,
}

impl fmt::Display for Unusable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::OffByYou => "off by you",
            Self::NotInConfig => "not in the present config",
            Self::TagsChanged => "its tags no longer allow this request",
            Self::CannotServe => "cannot serve this kind of request",
        })
    }
}
