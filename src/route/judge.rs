//! The verdict on one candidate: may this request go to this deployment now, and if not, why not.
//!
//! The walk and (later) `explain` ask the very same question here.

use std::fmt;

use crate::base::{BreakerState, DeploymentIdx, HostState, Mono};
use crate::config::Strategy;
use crate::route::tags::Demand;
use crate::route::{DeploymentView, HostView, PoolIdx, Table, Trial, Unusable, View};

/// One moment of the world a walk looks at.
#[derive(Clone, Copy)]
pub struct Look<'w> {
    /// The configuration the request began with.
    pub table: &'w Table,
    /// The live state.
    pub view: &'w dyn View,
    /// The moment.
    pub now: Mono,
}

impl fmt::Debug for Look<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Look")
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

/// What a request asks of every candidate.
#[derive(Debug, Clone, Copy)]
pub struct Needs<'a> {
    /// What its tags demand.
    pub demand: &'a Demand,
    /// Its estimated prompt tokens.
    pub tokens: u64,
}

/// Whether a candidate may be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may; perhaps only as a trial.
    Healthy(Option<Trial>),
    /// It is not well, but may be tried when nothing else is left.
    Unwell(Unwell),
    /// It may not, now or ever.
    Barred(Bar),
}

/// Why a candidate is not well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unwell {
    /// Cooling down until then.
    Cooling(Mono),
    /// Its cooldown is over, and another request is trying it.
    OnTrial,
    /// Its host is back, and another request is trying it.
    HostOnTrial,
    /// Its host does not answer.
    HostDown,
}

/// Why a candidate may not be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bar {
    /// The request's tags forbid it, always.
    Tags,
    /// The config turns it off.
    Off,
    /// The live state says so.
    Unusable(Unusable),
    /// Its `max_parallel_requests` are all taken.
    Full,
    /// Its `rpm` is used up for now.
    Rpm,
    /// Its `tpm` has no room for this request.
    Tpm,
}

/// Judges one member of a pool.
pub fn judge(
    look: &Look<'_>,
    needs: Needs<'_>,
    pool: PoolIdx,
    deployment: DeploymentIdx,
) -> (Verdict, DeploymentView) {
    let Some(node) = look.table.deployment(deployment) else {
        let gone = Bar::Unusable(Unusable::NotInConfig);
        return (Verdict::Barred(gone), DeploymentView::default());
    };
    let view = look.view.deployment(deployment);
    if node.config.off.is_some() {
        return (Verdict::Barred(Bar::Off), view);
    }
    if !look.table.allows_in(needs.demand, deployment, pool) {
        return (Verdict::Barred(Bar::Tags), view);
    }
    if let Some(why) = view.unusable {
        return (Verdict::Barred(Bar::Unusable(why)), view);
    }
    if view.parallel_full {
        return (Verdict::Barred(Bar::Full), view);
    }
    if look.table.router().strategy == Strategy::UsageBased {
        let over = |used: u64, more: u64, limit: Option<u64>| {
            limit.is_some_and(|limit| used.saturating_add(more) > limit)
        };
        if over(view.rpm_used, 1, node.config.rpm) {
            return (Verdict::Barred(Bar::Rpm), view);
        }
        if over(view.tpm_used, needs.tokens, node.config.tpm) {
            return (Verdict::Barred(Bar::Tpm), view);
        }
    }
    (health(look.view.host(node.host), view, look.now), view)
}

fn health(host: HostView, view: DeploymentView, now: Mono) -> Verdict {
    let host_trial = match host.state {
        HostState::Down => return Verdict::Unwell(Unwell::HostDown),
        HostState::Probing if !host.trial_free => return Verdict::Unwell(Unwell::HostOnTrial),
        HostState::Probing => Some(Trial::Host),
        HostState::Up | HostState::Unknown => None,
    };
    match view.breaker {
        BreakerState::Closed => Verdict::Healthy(host_trial),
        // A view a moment old may still say open when the time is over.
        BreakerState::Open if now < view.ready_at => {
            Verdict::Unwell(Unwell::Cooling(view.ready_at))
        },
        BreakerState::Open | BreakerState::HalfOpen if view.trial_free => {
            Verdict::Healthy(Some(Trial::Cooldown))
        },
        BreakerState::Open | BreakerState::HalfOpen => Verdict::Unwell(Unwell::OnTrial),
    }
}

impl fmt::Display for Unwell {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Cooling(_) => "cooling down",
            Self::OnTrial => "on trial after its cooldown",
            Self::HostOnTrial => "its host is on trial",
            Self::HostDown => "its host is down",
        })
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tags => out.write_str("forbidden by tags"),
            Self::Off => out.write_str("off in the config"),
            Self::Unusable(why) => why.fmt(out),
            Self::Full => out.write_str("all its parallel requests are taken"),
            Self::Rpm => out.write_str("its rpm is used up"),
            Self::Tpm => out.write_str("its tpm is used up"),
        }
    }
}
