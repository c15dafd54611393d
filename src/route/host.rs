//! The health of one host (one `api_base` origin): a state machine over what probes and traffic saw.
//!
//! It knows no sockets and no clock: `probe` and `proxy` report [`Observation`]s, `traffic` holds one
//! machine per host. A silent or refusing host is down within five seconds without any traffic
//! ([`PROBE_EVERY`] + [`PROBE_TIMEOUT`] + [`PROBE_AGAIN`] + [`PROBE_TIMEOUT`]), and within two seconds
//! of a request that waits on it ([`SUSPECT_AFTER`] and two time-outs).

use std::time::Duration;

use crate::base::{HostState, Mono, Observation};

/// Between two probes of a host nobody else has heard of meanwhile, and of one that is down.
pub const PROBE_EVERY: Duration = Duration::from_secs(2);
/// Between a first sign of trouble and the probe that decides.
pub const PROBE_AGAIN: Duration = Duration::from_millis(100);
/// How long a probe may take before it counts as failed.
pub const PROBE_TIMEOUT: Duration = Duration::from_millis(650);
/// A try that has waited this long for its first byte should call [`HostHealth::suspect`].
pub const SUSPECT_AFTER: Duration = Duration::from_millis(500);
/// Proof of life that is younger than this answers a suspicion by itself.
const FRESH: Duration = Duration::from_millis(250);

/// A step from one state to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The state before.
    pub from: HostState,
    /// The state now.
    pub to: HostState,
}

/// What is known about one host.
#[derive(Debug, Clone)]
pub struct HostHealth {
    state: HostState,
    /// Probed at all: self-hosted.
    probed: bool,
    /// Signs of trouble since the last proof of life: failed probes and a refused request.
    doubts: u8,
    /// Whether traffic's refused connection is already among the doubts.
    refused: bool,
    last_proof: Option<Mono>,
    next_probe: Mono,
    since: Mono,
    trial: bool,
}

impl HostHealth {
    /// A host nothing is known about. `probed` is for self-hosted ones: a cloud is never probed, and
    /// so never down; its trouble shows at the breakers of its deployments.
    pub const fn new(probed: bool, now: Mono) -> Self {
        Self {
            state: HostState::Unknown,
            probed,
            doubts: 0,
            refused: false,
            last_proof: None,
            next_probe: now,
            since: now,
            trial: false,
        }
    }

    /// The present state.
    pub const fn state(&self) -> HostState {
        self.state
    }

    /// Since when it is in that state.
    pub const fn since(&self) -> Mono {
        self.since
    }

    /// Whether it is probed.
    pub const fn is_probed(&self) -> bool {
        self.probed
    }

    /// When the next probe is due: [`PROBE_EVERY`] after the last sign of life, sooner in doubt.
    /// `None` for hosts that are not probed.
    pub fn next_probe_at(&self) -> Option<Mono> {
        self.probed.then_some(self.next_probe)
    }

    /// Takes in what somebody saw.
    pub fn observe(&mut self, seen: Observation, now: Mono) -> Option<Change> {
        match seen {
            Observation::TrafficAnswered => {
                self.proven(now);
                self.turn(HostState::Up, now)
            },
            Observation::ProbeAnswered if self.probed => {
                self.proven(now);
                let to = match self.state {
                    HostState::Down | HostState::Probing => HostState::Probing,
                    HostState::Unknown | HostState::Up => HostState::Up,
                };
                self.turn(to, now)
            },
            Observation::ProbeFailed if self.probed => {
                self.doubts = self.doubts.saturating_add(1);
                self.doubted(now)
            },
            Observation::ConnectFailed if self.probed => {
                if !self.refused {
                    self.refused = true;
                    self.doubts = self.doubts.saturating_add(1);
                }
                self.refused_again(now)
            },
            // A cloud is judged by its traffic alone, at its breakers.
            Observation::ProbeAnswered | Observation::ProbeFailed | Observation::ConnectFailed => {
                None
            },
        }
    }

    /// A try waits long for its first byte: brings the next probe forward unless there was a sign of
    /// life just now.
    pub fn suspect(&mut self, now: Mono) {
        let proof = self.last_proof.unwrap_or(Mono::ZERO);
        let due = match self.last_proof {
            Some(_) if now.since(proof) < FRESH => proof.after(FRESH),
            _ => now,
        };
        self.next_probe = self.next_probe.min(due);
    }

    /// Asks for a probe now (a person did).
    pub const fn probe_now(&mut self, now: Mono) {
        self.next_probe = now;
    }

    /// A probe has begun: the next one is not due before it has ended.
    pub fn probe_begun(&mut self, now: Mono) {
        self.next_probe = now.after(PROBE_EVERY);
    }

    /// A reload changed whether it is probed.
    pub fn set_probed(&mut self, probed: bool, now: Mono) -> Option<Change> {
        self.probed = probed;
        self.next_probe = now;
        if probed || !matches!(self.state, HostState::Down | HostState::Probing) {
            return None;
        }
        self.doubts = 0;
        self.turn(HostState::Unknown, now)
    }

    /// Whether a trial request may go to it now ([`HostState::Probing`], and nobody is trying).
    pub fn trial_free(&self) -> bool {
        self.state == HostState::Probing && !self.trial
    }

    /// Begins the one trial; `false` when it is not free.
    pub fn begin_trial(&mut self) -> bool {
        let free = self.trial_free();
        self.trial |= free;
        free
    }

    /// Ends the trial, however it went; what it saw comes through [`HostHealth::observe`].
    pub const fn end_trial(&mut self) {
        self.trial = false;
    }

    fn proven(&mut self, now: Mono) {
        self.doubts = 0;
        self.refused = false;
        self.last_proof = Some(now);
        self.next_probe = now.after(PROBE_EVERY);
    }

    /// After a failed probe: down at the second doubt, and at once when it had only just come back.
    fn doubted(&mut self, now: Mono) -> Option<Change> {
        if self.doubts >= 2 || self.state == HostState::Probing {
            self.next_probe = now.after(PROBE_EVERY);
            return self.turn(HostState::Down, now);
        }
        self.next_probe = now.after(match self.state {
            HostState::Down => PROBE_EVERY,
            _ => PROBE_AGAIN,
        });
        None
    }

    /// After a refused request: a probe decides, unless one has failed already.
    fn refused_again(&mut self, now: Mono) -> Option<Change> {
        match self.state {
            HostState::Down => None,
            HostState::Probing => self.doubted(now),
            _ if self.doubts >= 2 => self.doubted(now),
            _ => {
                self.next_probe = self.next_probe.min(now);
                None
            },
        }
    }

    fn turn(&mut self, to: HostState, now: Mono) -> Option<Change> {
        if self.state == to {
            return None;
        }
        let from = self.state;
        self.state = to;
        self.since = now;
        Some(Change { from, to })
    }
}

#[cfg(test)]
mod tests;
