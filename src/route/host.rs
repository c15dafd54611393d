//! The health of one host (one `api_base` origin): a state machine over what probes and traffic saw.
//!
//! It knows no sockets and no clock: `probe` and `proxy` report [`Observation`]s, `traffic` holds one
//! machine per host. The rules:
//!
//! - *Nobody there* (refused, unreachable, no connection in [`PROBE_TIMEOUT`]) twice is down. Tries that
//!   wait on such a host are abandoned at once.
//! - *Silence* (connected, no answer) twice is down too: the process stands still. But a try that waits
//!   is abandoned only while somebody else could serve its request; alone, waiting is the only hope,
//!   and an answer that comes after all is served.
//! - *Busy is not silent.* Bytes of an answer that flow are a sign of life. And a server that serves
//!   one connection at a time says nothing to probes while it works: for such a one ([`Manner`]),
//!   silence with requests in flight says nothing, for [`PATIENCE`]. Silence with nothing in flight is
//!   the same for everybody.
//! - A server is known to serve one at a time when the first probe, made while another connection is
//!   held open, is answered only when that one has gone, or when a request is answered after a silence.
//!   One that answers probes while a request waits on it serves many.
//! - A silent probe keeps waiting on its one connection, so that a busy server finds one probe in its
//!   queue and not a hundred, and so that the end of the silence is known at once.
//!
//! A host is down within five seconds without any traffic ([`PROBE_EVERY`], two [`PROBE_TIMEOUT`]s and
//! [`PROBE_AGAIN`]), and within two seconds of a request that waits on it ([`SUSPECT_AFTER`], and the
//! rest of these).

use std::time::Duration;

use crate::base::{HostState, Mono, Observation};

/// Between two probes of a host nobody else has heard of meanwhile, and of one that is down.
pub const PROBE_EVERY: Duration = Duration::from_secs(2);
/// Between a first sign of trouble and the probe that decides.
pub const PROBE_AGAIN: Duration = Duration::from_millis(100);
/// How long a probe may take before it counts as failed.
pub const PROBE_TIMEOUT: Duration = Duration::from_millis(600);
/// A try that has waited this long for its first byte, and as long again, should call
/// [`HostHealth::suspect`].
pub const SUSPECT_AFTER: Duration = Duration::from_millis(500);
/// Proof of life that is younger than this answers a suspicion by itself.
const FRESH: Duration = Duration::from_millis(400);
/// How long a server that serves one at a time may be silent over a request.
pub const PATIENCE: Duration = Duration::from_mins(1);
/// A probe under way reports this often; one that does not has ended unseen.
const REPORTS: Duration = Duration::from_secs(3);

/// A step from one state to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The state before.
    pub from: HostState,
    /// The state now.
    pub to: HostState,
}

/// How a server treats several connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Not known; as good as [`Manner::Many`].
    Unknown,
    /// It serves many at once: it answers probes while it works.
    Many,
    /// It serves one after the other.
    OneByOne,
}

/// What is on a host while it is silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Requests on it.
    pub in_flight: u32,
    /// When bytes of any answer came last; [`Mono::ZERO`] for never.
    pub heard: Mono,
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
    manner: Manner,
    /// The last doubt was silence: somebody holds the connection.
    silent: bool,
    /// Since when probes are connected and not answered.
    silent_since: Option<Mono>,
    /// The last news of the probe under way.
    asking: Option<Mono>,
    /// A request has waited for long, and none was answered since.
    waited_on: bool,
    /// Probes answered meanwhile. (One may be answered in the moment between two requests.)
    spoke: u8,
    /// How often it went away.
    falls: u64,
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
            manner: Manner::Unknown,
            silent: false,
            silent_since: None,
            asking: None,
            waited_on: false,
            spoke: 0,
            falls: 0,
        }
    }

    /// Down, though somebody takes connections: worth waiting for by those who have no one else.
    pub fn is_silent(&self) -> bool {
        self.state == HostState::Down && self.silent
    }

    /// Counts how often it went down, and how often a silent one proved to be gone.
    pub const fn falls(&self) -> u64 {
        self.falls
    }

    /// How it treats several connections.
    pub const fn manner(&self) -> Manner {
        self.manner
    }

    /// What the first probe found out of its manner.
    pub const fn learn(&mut self, manner: Manner) {
        self.manner = manner;
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
                if self.silent_since.is_some() {
                    // It was at work all the while.
                    self.manner = Manner::OneByOne;
                }
                (self.waited_on, self.spoke) = (false, 0);
                self.proven(now);
                self.turn(HostState::Up, now)
            },
            Observation::ProbeAnswered if self.probed => {
                self.spoke = if self.waited_on {
                    self.spoke.saturating_add(1)
                } else {
                    0
                };
                if self.spoke >= 2 {
                    self.manner = Manner::Many;
                }
                self.asking = None;
                self.proven(now);
                let to = match self.state {
                    HostState::Down | HostState::Probing => HostState::Probing,
                    HostState::Unknown | HostState::Up => HostState::Up,
                };
                self.turn(to, now)
            },
            Observation::ProbeFailed if self.probed => {
                self.asking = None;
                self.silent_since = None;
                if std::mem::take(&mut self.silent) && self.state == HostState::Down {
                    self.falls += 1;
                }
                self.doubts = self.doubts.saturating_add(1);
                self.doubted(now)
            },
            Observation::ProbeSilent if self.probed => {
                let load = Load {
                    in_flight: 0,
                    heard: Mono::ZERO,
                };
                self.silence(load, now)
            },
            Observation::ConnectFailed if self.probed => {
                self.silent &= self.state == HostState::Down;
                if !self.refused {
                    self.refused = true;
                    self.doubts = self.doubts.saturating_add(1);
                }
                self.refused_again(now)
            },
            // A cloud is judged by its traffic alone, at its breakers.
            Observation::ProbeAnswered
            | Observation::ProbeFailed
            | Observation::ProbeSilent
            | Observation::ConnectFailed => None,
        }
    }

    /// A probe is connected and has no answer yet; it reports again while it waits.
    pub fn silence(&mut self, load: Load, now: Mono) -> Option<Change> {
        if !self.probed {
            return None;
        }
        self.asking = Some(now);
        self.next_probe = now.after(REPORTS);
        if load.heard != Mono::ZERO && now.since(load.heard) < PROBE_TIMEOUT {
            self.doubts = 0;
            self.silent_since = Some(now);
            return None;
        }
        let since = *self.silent_since.get_or_insert(now);
        let at_work = self.manner == Manner::OneByOne && load.in_flight > 0;
        if at_work && now.since(since) < PATIENCE {
            return None;
        }
        self.silent = true;
        self.doubts = self.doubts.saturating_add(1);
        if self.doubts < 2 && self.state != HostState::Probing {
            return None;
        }
        self.turn(HostState::Down, now)
    }

    /// A try waits long for its first byte: brings the next probe forward unless there was a sign of
    /// life just now.
    pub fn suspect(&mut self, now: Mono) {
        self.waited_on = true;
        if self.asking.is_some_and(|last| now.since(last) < REPORTS) {
            return;
        }
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
        self.asking = Some(now);
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
        self.silent = false;
        self.silent_since = None;
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
        if to == HostState::Down {
            self.falls += 1;
            if !self.silent {
                // What comes back may be another server.
                self.manner = Manner::Unknown;
            }
        }
        Some(Change { from, to })
    }
}

#[cfg(test)]
mod tests;
