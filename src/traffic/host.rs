//! One host's live state: reachability, load, and a bell that rings when it goes down.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::base::{HostState, Mono, Observation};
use crate::route::host::{Change, HostHealth};

/// A host: one place on the network, shared by its deployments.
#[derive(Debug)]
pub struct HostLive {
    /// `scheme://host:port`
    pub base: Arc<str>,
    health: Mutex<HostHealth>,
    in_flight: AtomicU32,
    /// Rings when it goes down: tries that have sent nothing to their client are abandoned at once.
    gone: Notify,
    /// Rings when a probe is due sooner than was planned; one bell for all hosts.
    hurry: Arc<Notify>,
    last_probe: Mutex<String>,
}

impl HostLive {
    pub(super) fn new(base: &Arc<str>, probed: bool, hurry: &Arc<Notify>, now: Mono) -> Self {
        Self {
            base: Arc::clone(base),
            health: Mutex::new(HostHealth::new(probed, now)),
            in_flight: AtomicU32::new(0),
            gone: Notify::new(),
            hurry: Arc::clone(hurry),
            last_probe: Mutex::default(),
        }
    }

    /// Whether it can be reached.
    pub fn state(&self) -> HostState {
        self.health().state()
    }

    /// Its health, locked for a moment.
    pub fn health(&self) -> MutexGuard<'_, HostHealth> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Requests on it.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// What the last probe said.
    pub fn last_probe(&self) -> String {
        self.last_probe
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Waits until it goes down.
    pub const fn gone(&self) -> &Notify {
        &self.gone
    }

    /// Asks for a probe now.
    pub fn probe_now(&self, now: Mono) {
        self.health().probe_now(now);
        self.hurry.notify_one();
    }

    pub(super) fn suspect(&self, now: Mono) {
        self.health().suspect(now);
        self.hurry.notify_one();
    }

    pub(super) fn set_probed(&self, probed: bool, now: Mono) {
        let mut health = self.health();
        if health.is_probed() != probed {
            // Only its watching changes; that it is no longer down is seen by the next look.
            let _change = health.set_probed(probed, now);
        }
    }

    pub(super) fn set_last_probe(&self, said: String) {
        *self
            .last_probe
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = said;
    }

    pub(super) fn observe(&self, seen: Observation, now: Mono) -> Option<Change> {
        let change = self.health().observe(seen, now);
        if change.is_some_and(|change| change.to == HostState::Down) {
            self.gone.notify_waiters();
        }
        if seen == Observation::ConnectFailed {
            self.hurry.notify_one();
        }
        change
    }

    /// One more request, unless there are `limit` already.
    pub(super) fn enter(&self, limit: Option<u32>) -> bool {
        let most = limit.unwrap_or(u32::MAX);
        let step = |count: u32| (count < most).then(|| count + 1);
        self.in_flight.try_update(Ordering::Relaxed, Ordering::Relaxed, step).is_ok()
    }

    pub(super) fn leave(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
