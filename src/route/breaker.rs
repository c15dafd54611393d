//! The breaker of one deployment: when failures make it cool down, and how it comes back.
//!
//! LiteLLM's rules with four amendments: a refused connection counts, a cooldown is not shortened,
//! after it one request at a time tries the deployment before traffic returns, and when it had only
//! become unreachable that trial is free as soon as its host is back. A state machine: `traffic` holds
//! one per deployment and tells it how every try ended.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use crate::base::{BreakerState, Fault, FaultKind, Mono};
use crate::config::AllowedFails;
use crate::route::Minute;

/// Share rule: this many tries in the minute before a share means anything.
const SHARE_LEAST_TRIES: u64 = 5;
/// Share rule: with this many tries and every one failed, even a lone deployment cools down.
const ALL_FAILED_TRIES: u64 = 1_000;
/// Most failures remembered; `allowed_fails` beyond it never trips.
const MOST_STAMPS: usize = 1 << 16;

/// What the configuration says about one deployment's breaker. Made by
/// [`Table::rules`](crate::route::Table::rules).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The deployment's own, else the router's.
    pub allowed_fails: AllowedFails,
    /// `cooldown_time` of the deployment: wins over the upstream's `Retry-After`.
    pub own_cooldown: Option<Duration>,
    /// `cooldown_time` of the router.
    pub cooldown: Duration,
    /// `disable_cooldowns`
    pub disabled: bool,
    /// Other deployments of its group that are not switched off in the config.
    pub siblings: usize,
    /// Whether its group falls back anywhere.
    pub has_fallback: bool,
    /// A wildcard deployment: an unknown model is the client's mistake, not its own.
    pub wildcard: bool,
}

/// One failed try, as far as a breaker cares.
#[derive(Debug, Clone, Copy)]
pub struct Failure<'f> {
    /// What went wrong.
    pub fault: &'f Fault,
    /// The host was already known to be down: that is the host's matter.
    pub host_down: bool,
    /// The time-out was the client's own wish.
    pub client_timeout: bool,
}

impl<'f> Failure<'f> {
    /// A failure of the backend's own making.
    pub const fn of(fault: &'f Fault) -> Self {
        Self {
            fault,
            host_down: false,
            client_timeout: false,
        }
    }
}

/// Why a breaker opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenReason {
    /// 429 while others can serve.
    RateLimited,
    /// 401, 402, 404: no further try can end better.
    Hopeless(FaultKind),
    /// More than half of the last minute's tries failed.
    Share {
        /// Failures.
        failed: u64,
        /// Tries.
        tries: u64,
    },
    /// More failures than `allowed_fails`.
    Count {
        /// Failures within the window.
        failed: usize,
        /// How many were allowed.
        allowed: u32,
    },
    /// The trial after a cooldown failed.
    Trial(FaultKind),
}

impl fmt::Display for OpenReason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RateLimited => out.write_str("429 rate limit"),
            Self::Hopeless(kind) => write!(out, "{}", kind.word()),
            Self::Share { failed, tries } => write!(out, "{failed} of {tries} failed in a minute"),
            Self::Count { failed, allowed } => write!(out, "{failed} failures, {allowed} allowed"),
            Self::Trial(kind) => write!(out, "trial failed: {}", kind.word()),
        }
    }
}

/// What a report changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It cools down from now on.
    Opened {
        /// For how long.
        wait: Duration,
        /// Why.
        why: OpenReason,
    },
    /// It takes traffic again.
    Closed,
}

/// The breaker itself.
#[derive(Debug, Clone, Default)]
pub struct Breaker {
    /// Set while open or half open: when the cooldown ends, and how long it was.
    open: Option<Open>,
    /// Tries and failures of the last minute, for the share rule.
    minute: Minute,
    /// Moments of counted failures, oldest first, for the count rule.
    stamps: VecDeque<Mono>,
    /// Cooldowns since it last served.
    in_row: u32,
    trial: bool,
    /// The last counted failure that was more than a broken or refused connection.
    answered_badly: Option<Mono>,
    /// A connection was refused during this cooldown, or among the failures that led to it.
    refused: bool,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    until: Mono,
    length: Duration,
    why: OpenReason,
    /// It was only not to be reached: when its host is back, nothing more is known against it.
    unreachable: bool,
}

impl Breaker {
    /// What it does with traffic now.
    pub fn state(&self, now: Mono) -> BreakerState {
        match self.open {
            None => BreakerState::Closed,
            Some(open) if now < open.until => BreakerState::Open,
            Some(_) => BreakerState::HalfOpen,
        }
    }

    /// When the cooldown ends or ended; [`Mono::ZERO`] when there is none.
    pub fn ready_at(&self) -> Mono {
        self.open.map_or(Mono::ZERO, |open| open.until)
    }

    /// The whole length of the present cooldown.
    pub fn cooldown(&self) -> Option<Duration> {
        self.open.map(|open| open.length)
    }

    /// Why it is not closed.
    pub fn why(&self) -> Option<OpenReason> {
        self.open.map(|open| open.why)
    }

    /// Cooldowns in a row, without a served request between.
    pub const fn in_row(&self) -> u32 {
        self.in_row
    }

    /// Failures that count now towards the next cooldown, and how many it takes where that is fixed.
    pub fn fails(&mut self, rules: &Rules, now: Mono) -> (u32, Option<u32>) {
        match rules.allowed_fails {
            AllowedFails::Count(allowed) => {
                self.forget_before(rules, now);
                let count = u32::try_from(self.stamps.len()).unwrap_or(u32::MAX);
                (count, Some(allowed))
            },
            AllowedFails::Share => {
                let (_, failed) = self.minute.used(now);
                (u32::try_from(failed).unwrap_or(u32::MAX), None)
            },
        }
    }

    /// A try was served in full (or the backend proved well by refusing a request as such).
    pub fn success(&mut self, now: Mono) -> Option<Change> {
        self.minute.add(1, 0, now);
        match self.state(now) {
            BreakerState::Open => None,
            BreakerState::Closed => {
                self.in_row = 0;
                self.refused = false;
                None
            },
            BreakerState::HalfOpen => {
                self.clear();
                Some(Change::Closed)
            },
        }
    }

    /// A try failed.
    pub fn failure(&mut self, rules: &Rules, failure: Failure<'_>, now: Mono) -> Option<Change> {
        let fault = failure.fault;
        if answered(fault.kind) {
            return self.success(now);
        }
        if !counts(failure, rules) {
            return None;
        }
        self.minute.add(1, 1, now);
        match fault.kind {
            FaultKind::Connect => self.refused = true,
            FaultKind::Reset => {},
            _ => self.answered_badly = Some(now),
        }
        let reason = match self.state(now) {
            BreakerState::Open => return self.prolong(fault, now),
            BreakerState::HalfOpen => Some(OpenReason::Trial(fault.kind)),
            BreakerState::Closed => self.verdict(rules, fault, now),
        }?;
        let wait = rules
            .own_cooldown
            .or(fault.retry_after)
            .unwrap_or(rules.cooldown);
        if wait.is_zero() || rules.disabled {
            return None;
        }
        self.stamps.clear();
        self.in_row = self.in_row.saturating_add(1);
        self.open = Some(Open {
            until: now.after(wait),
            length: wait,
            why: reason,
            unreachable: self.is_merely_unreachable(rules, now),
        });
        Some(Change::Opened { wait, why: reason })
    }

    /// Its host answers. A cooldown that came of the host's absence alone is over: one request may try
    /// it. `was_down`: the host is known to have been away; otherwise only a refused connection tells
    /// so, since a server that breaks every answer may well be there.
    pub fn host_answers(&mut self, was_down: bool, now: Mono) {
        let was_away = was_down || self.refused;
        let open = self
            .open
            .as_mut()
            .filter(|open| open.unreachable && was_away);
        if let Some(open) = open {
            open.until = open.until.min(now);
            self.refused = false;
        }
    }

    /// Whether a trial may begin: the cooldown is over and nobody is trying.
    pub fn trial_free(&self, now: Mono) -> bool {
        self.state(now) == BreakerState::HalfOpen && !self.trial
    }

    /// Begins the one trial; `false` when it is not free.
    pub fn begin_trial(&mut self, now: Mono) -> bool {
        let free = self.trial_free(now);
        self.trial |= free;
        free
    }

    /// Ends the trial, however it went; how it went comes as success or failure.
    pub const fn end_trial(&mut self) {
        self.trial = false;
    }

    /// Ends the cooldown and forgets all failures (a person asked, or it serves again). A trial under
    /// way stays under way.
    pub fn clear(&mut self) {
        self.open = None;
        self.minute.clear();
        self.stamps.clear();
        self.in_row = 0;
        self.answered_badly = None;
        self.refused = false;
    }

    /// More bad news while cooling: a later `Retry-After` prolongs it, nothing shortens it.
    fn prolong(&mut self, fault: &Fault, now: Mono) -> Option<Change> {
        let open = self.open.as_mut()?;
        let wait = fault.retry_after?;
        let until = now.after(wait);
        if fault.kind == FaultKind::RateLimited && until > open.until {
            open.length += open.until.until(until);
            open.until = until;
        }
        None
    }

    fn verdict(&mut self, rules: &Rules, fault: &Fault, now: Mono) -> Option<OpenReason> {
        match rules.allowed_fails {
            AllowedFails::Count(allowed) => self.counted(rules, allowed, now),
            AllowedFails::Share => self.shared(rules, fault, now),
        }
    }

    fn counted(&mut self, rules: &Rules, allowed: u32, now: Mono) -> Option<OpenReason> {
        self.forget_before(rules, now);
        if self.stamps.len() < MOST_STAMPS {
            self.stamps.push_back(now);
        }
        let lone = rules.siblings == 0 && !rules.has_fallback;
        let failed = self.stamps.len();
        let over = u32::try_from(failed).map_or(true, |failed| failed > allowed);
        (over && !lone).then_some(OpenReason::Count { failed, allowed })
    }

    fn shared(&mut self, rules: &Rules, fault: &Fault, now: Mono) -> Option<OpenReason> {
        let alone = rules.siblings == 0;
        match fault.kind {
            FaultKind::RateLimited if !alone => return Some(OpenReason::RateLimited),
            FaultKind::UpstreamAuth | FaultKind::UpstreamNotFound => {
                return Some(OpenReason::Hopeless(fault.kind));
            },
            FaultKind::Payment if !alone => return Some(OpenReason::Hopeless(fault.kind)),
            FaultKind::Payment => return None,
            _ => {},
        }
        let (tries, failed) = self.minute.used(now);
        let most = !alone && tries >= SHARE_LEAST_TRIES && failed * 2 > tries;
        let all = tries >= ALL_FAILED_TRIES && failed == tries;
        (most || all).then_some(OpenReason::Share { failed, tries })
    }

    /// Whether all failures that count towards a cooldown now were broken or refused connections.
    fn is_merely_unreachable(&self, rules: &Rules, now: Mono) -> bool {
        let window = match rules.allowed_fails {
            AllowedFails::Count(_) => rules.own_cooldown.unwrap_or(rules.cooldown),
            AllowedFails::Share => Duration::from_mins(1),
        };
        self.answered_badly
            .is_none_or(|last| now.since(last) > window)
    }

    /// Drops failures older than the window, which is as long as the cooldown.
    fn forget_before(&mut self, rules: &Rules, now: Mono) {
        let window = rules.own_cooldown.unwrap_or(rules.cooldown);
        while let Some(&oldest) = self.stamps.front() {
            if now.since(oldest) <= window {
                break;
            }
            self.stamps.pop_front();
        }
    }
}

/// Faults that show the backend itself to be well: it read the request and turned it down.
const fn answered(kind: FaultKind) -> bool {
    matches!(
        kind,
        FaultKind::Refused | FaultKind::ContextWindow | FaultKind::ContentPolicy
    )
}

/// Whether a failure counts against the deployment at all.
fn counts(failure: Failure<'_>, rules: &Rules) -> bool {
    let status = failure.fault.upstream_status;
    match failure.fault.kind {
        FaultKind::UpstreamAuth => status != Some(403),
        FaultKind::UpstreamNotFound => !rules.wildcard,
        FaultKind::Timeout => !failure.client_timeout,
        FaultKind::Connect => !failure.host_down,
        FaultKind::Payment
        | FaultKind::RateLimited
        | FaultKind::Overloaded
        | FaultKind::UpstreamError
        | FaultKind::Reset
        | FaultKind::BadAnswer => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
