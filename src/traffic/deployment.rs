//! One deployment's live state: breaker, load, the minute's use, and its switch.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::base::{Mono, Wall};
use crate::route::{Breaker, Minute};

/// A deployment's live state.
#[derive(Debug)]
pub struct DeploymentLive {
    /// `x-litellm-model-id`
    pub id: Arc<str>,
    breaker: Mutex<Breaker>,
    minute: Mutex<Minute>,
    in_flight: AtomicU32,
    off_since: Mutex<Option<Wall>>,
    turned: Mutex<Mono>,
}

impl DeploymentLive {
    pub(super) fn new(id: &Arc<str>, off_since: Option<Wall>, now: Mono) -> Self {
        Self {
            id: Arc::clone(id),
            breaker: Mutex::default(),
            minute: Mutex::default(),
            in_flight: AtomicU32::new(0),
            off_since: Mutex::new(off_since),
            turned: Mutex::new(now),
        }
    }

    /// Its breaker, locked for a moment.
    pub fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Requests and tokens of the last minute.
    pub fn used(&self, now: Mono) -> (u64, u64) {
        self.minute().used(now)
    }

    /// Counts requests and tokens.
    pub fn use_up(&self, requests: u64, tokens: u64, now: Mono) {
        self.minute().add(requests, tokens, now);
    }

    /// Requests on it.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Since when a person has it switched off.
    pub fn off_since(&self) -> Option<Wall> {
        *self
            .off_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Switches it off (since a moment) or on.
    pub fn switch(&self, off_since: Option<Wall>, now: Mono) {
        *self
            .off_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = off_since;
        self.note_turn(now);
    }

    /// When its state changed last.
    pub fn turned(&self) -> Mono {
        *self.turned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its state changed.
    pub fn note_turn(&self, now: Mono) {
        *self.turned.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    fn minute(&self) -> MutexGuard<'_, Minute> {
        self.minute.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more request, unless there are `limit` already.
    pub(super) fn enter(&self, limit: Option<u32>) -> bool {
        let Some(limit) = limit else {
            self.in_flight.fetch_add(1, Ordering::Relaxed);
            return true;
        };
        let step = |count: u32| (count < limit).then(|| count + 1);
        self.in_flight
            .try_update(Ordering::Relaxed, Ordering::Relaxed, step)
            .is_ok()
    }

    pub(super) fn leave(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
