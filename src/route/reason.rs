//! What a walk answers: the next try and why, a wait, or the end; in data first, in words by `Display`.
//!
//! The words go into the ledger, the events and the dashboard's waterfall: short, lower case.

use std::fmt;
use std::sync::Arc;

use crate::base::{DeploymentIdx, Fault, FaultKind, Mono};

/// What to do next with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Send it there.
    Try(Try),
    /// Ask again at this moment, or sooner when the state of the world has changed.
    Wait {
        /// When.
        until: Mono,
        /// What for.
        why: WaitReason,
    },
    /// It cannot be served: tell the client this.
    Give(Fault),
}

/// One try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Try {
    /// Where to.
    pub deployment: DeploymentIdx,
    /// The group it is tried for.
    pub group: Arc<str>,
    /// The upstream's name of the model, wildcards filled in.
    pub upstream_model: Arc<str>,
    /// Why this deployment.
    pub reason: Reason,
    /// What kind of step it is.
    pub kind: Kind,
    /// Whether it takes the one trial of a breaker or a host: begin it there first, and ask again
    /// when it is no longer free.
    pub is_trial: bool,
    /// The place in the request's own plain list of fallbacks whose overrides hold for this try.
    pub hop: Option<usize>,
}

/// What kind of step a try is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The first of the request.
    First,
    /// A further one for the same group and order.
    Retry,
    /// The first at the next order of the same group.
    Tier,
    /// The first for another group.
    Fallback,
}

/// Why a deployment was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// What led to this try.
    pub why: Why,
    /// How it was picked among its equals.
    pub pick: Pick,
    /// Its order tier, from 1, and how many there are.
    pub tier: (usize, usize),
    /// Whether it is a trial.
    pub trial: Option<Trial>,
}

/// What led to a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// The request came in.
    First,
    /// An earlier try of the same group and order failed.
    Retry {
        /// The how-manieth retry for this group.
        number: u32,
        /// What had gone wrong.
        after: Brief,
    },
    /// Lower orders of the group are of no use.
    Tier(Cause),
    /// Another group is of no use.
    Fallback {
        /// The group whose fallbacks these are.
        from: Arc<str>,
        /// What was wrong with it.
        because: Cause,
    },
    /// Nothing healthy is left.
    Anyway,
}

/// How a deployment was picked among its equals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pick {
    /// The group has no other.
    OnlyOne,
    /// No other of its tier can take requests now.
    OnlyHealthy,
    /// At random, all alike.
    Random,
    /// At random, by weight.
    Weighted,
    /// Fewest requests in flight.
    LeastBusy {
        /// How many.
        in_flight: u32,
    },
    /// Fewest tokens used in the last minute.
    LeastUsed {
        /// How many.
        tokens: u64,
    },
    /// The soonest to be ready among those that are not.
    Soonest,
}

/// What a trial tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trial {
    /// A deployment whose cooldown is over.
    Cooldown,
    /// A host that was down and answers probes again.
    Host,
}

/// Why a tier or group is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// A try failed.
    Fault(Brief),
    /// None of it can take requests now: cooling down, down, off or full.
    Unavailable,
    /// The request's tags forbid all of it.
    Tags,
}

/// A fault in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Brief {
    /// What kind.
    pub kind: FaultKind,
    /// The upstream's status, when it answered.
    pub status: Option<u16>,
}

/// What a request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WaitReason {
    /// The backoff before a retry.
    Backoff {
        /// The how-manieth retry follows.
        retry: u32,
        /// What had gone wrong.
        after: Brief,
    },
    /// Every deployment that could serve has all its `max_parallel_requests` taken.
    Full,
}

impl Brief {
    /// The short form of a fault.
    pub const fn of(fault: &Fault) -> Self {
        Self {
            kind: fault.kind,
            status: fault.upstream_status,
        }
    }
}

/// The status where there is one, else the kind's word.
impl fmt::Display for Brief {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(out, "{status}"),
            None => out.write_str(self.kind.word()),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(brief) => brief.fmt(out),
            Self::Unavailable => out.write_str("none available"),
            Self::Tags => out.write_str("tags"),
        }
    }
}

impl fmt::Display for Pick {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OnlyOne => out.write_str("only one"),
            Self::OnlyHealthy => out.write_str("only healthy one"),
            Self::Random => out.write_str("random"),
            Self::Weighted => out.write_str("by weight"),
            Self::LeastBusy { in_flight } => write!(out, "least busy ({in_flight} in flight)"),
            Self::LeastUsed { tokens } => write!(out, "least used ({tokens} tokens this minute)"),
            Self::Soonest => out.write_str("soonest ready"),
        }
    }
}

impl fmt::Display for Trial {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Cooldown => "trial after cooldown",
            Self::Host => "trial of a host that is back",
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (tier, tiers) = self.tier;
        match &self.why {
            Why::First => {
                return match self.trial {
                    Some(trial) => trial.fmt(out),
                    None if tiers > 1 => write!(out, "order {tier} of {tiers}"),
                    None => self.pick.fmt(out),
                };
            },
            Why::Retry { number, after } => write!(out, "retry {number} after {after}")?,
            Why::Tier(cause) => write!(out, "order {tier} of {tiers}: {cause}")?,
            Why::Fallback { from, because } => write!(out, "fallback from {from}: {because}")?,
            Why::Anyway => out.write_str("all down, trying anyway")?,
        }
        match self.trial {
            Some(trial) => write!(out, ", {trial}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for WaitReason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Backoff { retry, after } => write!(out, "backoff before retry {retry}: {after}"),
            Self::Full => out.write_str("all slots taken"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_read_well() {
        let brief = |kind, status| Brief { kind, status };
        let limited = brief(FaultKind::RateLimited, Some(429));
        let connect = Cause::Fault(brief(FaultKind::Connect, None));
        let from = |because| Why::Fallback {
            from: "chat".into(),
            because,
        };
        let retry = Why::Retry {
            number: 1,
            after: limited,
        };
        let busy = Pick::LeastBusy { in_flight: 2 };
        let table = [
            (Why::First, Pick::OnlyOne, 1, None, "only one"),
            (Why::First, busy, 1, None, "least busy (2 in flight)"),
            (Why::First, Pick::OnlyOne, 2, None, "order 1 of 2"),
            (
                Why::First,
                Pick::OnlyOne,
                1,
                Some(Trial::Cooldown),
                "trial after cooldown",
            ),
            (retry, busy, 1, None, "retry 1 after 429"),
            (Why::Tier(connect), busy, 2, None, "order 1 of 2: connect"),
            (from(connect), busy, 1, None, "fallback from chat: connect"),
            (
                from(Cause::Unavailable),
                busy,
                1,
                Some(Trial::Host),
                "fallback from chat: none available, trial of a host that is back",
            ),
            (
                Why::Anyway,
                Pick::Soonest,
                1,
                None,
                "all down, trying anyway",
            ),
        ];
        for (why, pick, tiers, trial, expected) in table {
            let tier = (1, tiers);
            let reason = Reason {
                why,
                pick,
                tier,
                trial,
            };
            assert_eq!(reason.to_string(), expected);
        }
    }
}
