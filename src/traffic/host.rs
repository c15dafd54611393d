//! One host's live state: reachability, load, and a bell that rings when it goes down.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

use crate::base::{HostState, Mono, Observation};
use crate::route::host::{Change, HostHealth, Load, Manner};
use crate::traffic::Slots;

/// A host: one place on the network, shared by its deployments.
#[derive(Debug)]
pub struct HostLive {
    /// `scheme://host:port`
    pub base: Arc<str>,
    health: Mutex<HostHealth>,
    in_flight: AtomicU32,
    /// When bytes of any answer came last, in nanoseconds of the monotonic clock; 0 for never.
    heard: AtomicU64,
    /// How often it went away; whoever waits on it hears of each time.
    falls: watch::Sender<u64>,
    /// Rings when a probe is due sooner than was planned; one bell for all hosts.
    hurry: Arc<Notify>,
    /// Rings when a slot is given back; one for all hosts.
    slots: Arc<Slots>,
    last_probe: Mutex<String>,
}

impl HostLive {
    pub(super) fn new(
        base: &Arc<str>,
        probed: bool,
        (hurry, slots): (&Arc<Notify>, &Arc<Slots>),
        now: Mono,
    ) -> Self {
        Self {
            base: Arc::clone(base),
            health: Mutex::new(HostHealth::new(probed, now)),
            in_flight: AtomicU32::new(0),
            heard: AtomicU64::new(0),
            falls: watch::Sender::new(0),
            hurry: Arc::clone(hurry),
            slots: Arc::clone(slots),
            last_probe: Mutex::default(),
        }
    }

    /// Whether it can be reached.
    pub fn state(&self) -> HostState {
        self.health().state()
    }

    /// Whether it is down though it takes connections.
    pub fn is_silent(&self) -> bool {
        self.health().is_silent()
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

    /// A bell for everything after this moment: rings when it goes down, and when a silent one proves
    /// to be gone. Its value counts.
    pub fn bell(&self) -> watch::Receiver<u64> {
        self.falls.subscribe()
    }

    /// How often it went away.
    pub fn falls(&self) -> u64 {
        *self.falls.borrow()
    }

    /// Bytes of an answer came.
    pub fn heard(&self, now: Mono) {
        self.heard.store(now.as_nanos(), Ordering::Relaxed);
    }

    /// What a first probe found out of its manner.
    pub fn learn(&self, manner: Manner) {
        self.health().learn(manner);
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
        let mut health = self.health();
        let change = match seen {
            Observation::ProbeSilent => {
                let load = Load {
                    in_flight: self.in_flight(),
                    heard: Mono::from_nanos(self.heard.load(Ordering::Relaxed)),
                };
                health.silence(load, now)
            },
            _ => health.observe(seen, now),
        };
        let falls = health.falls();
        drop(health);
        self.falls
            .send_if_modified(|known| std::mem::replace(known, falls) != falls);
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

    /// One less. Its deployment was left before: who waits for either is told now.
    pub(super) fn leave(&self) {
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        self.slots.give_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fall_between_two_waits_is_not_missed() {
        let now = Mono::from_millis(1);
        let host = HostLive::new(
            &"http://h:80".into(),
            true,
            (&Arc::default(), &Arc::default()),
            now,
        );
        let bell = host.bell();
        let first_wait = bell.clone();
        assert!(!first_wait.has_changed().unwrap());
        drop(first_wait);
        host.observe(Observation::ProbeFailed, now);
        assert!(!bell.has_changed().unwrap());
        host.observe(Observation::ProbeFailed, now);
        assert!(bell.has_changed().unwrap(), "a wait that begins now");
        assert!(!host.bell().has_changed().unwrap(), "begun after the fall");
        assert_eq!(host.falls(), 1);
    }

    #[test]
    fn a_host_takes_no_more_than_its_limit() {
        let now = Mono::from_millis(1);
        let host = HostLive::new(
            &"http://h:80".into(),
            true,
            (&Arc::default(), &Arc::default()),
            now,
        );
        assert!(host.enter(Some(2)) && host.enter(Some(2)) && !host.enter(Some(2)));
        assert!(host.enter(None));
        host.leave();
        host.leave();
        assert!(host.enter(Some(2)));
    }
}
