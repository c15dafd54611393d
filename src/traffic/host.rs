//! One host's live state: reachability, load, and a bell that rings when it goes down.

use std::pin::pin;
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
    /// How often it has gone down.
    falls: AtomicU32,
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
            falls: AtomicU32::new(0),
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

    /// How often it has gone down: what [`HostLive::gone_since`] counts from.
    pub(super) fn falls(&self) -> u32 {
        self.falls.load(Ordering::Acquire)
    }

    /// Waits until it goes down, or returns at once when it did so since `falls` was read.
    pub async fn gone_since(&self, falls: u32) {
        let mut bell = pin!(self.gone.notified());
        // Hears from now on, so that no fall lies between the look and the wait.
        bell.as_mut().enable();
        if self.falls() == falls {
            bell.await;
        }
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
            self.falls.fetch_add(1, Ordering::Release);
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
        self.in_flight
            .try_update(Ordering::Relaxed, Ordering::Relaxed, step)
            .is_ok()
    }

    pub(super) fn leave(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_fall_is_heard_of_before_and_after_it_is_waited_for() {
        let host = HostLive::new(&"http://h".into(), true, &Arc::default(), Mono::ZERO);
        let before = host.falls();
        let mut waiting = Box::pin(host.gone_since(before));
        assert!(waiting.as_mut().now_or_never().is_none(), "it is well");
        let down = || {
            for _ in 0..2 {
                host.observe(Observation::ProbeFailed, Mono::ZERO);
            }
        };
        down();
        assert!(waiting.now_or_never().is_some(), "the bell");
        assert!(
            host.gone_since(before).now_or_never().is_some(),
            "too late for it"
        );
        let since = host.falls();
        down();
        assert!(
            host.gone_since(since).now_or_never().is_none(),
            "a host that is tried although it is down has no further fall"
        );
    }
}
