//! Requests and tokens of the last minute, in a ring of five-second slots.
//!
//! A use counts for 55 to 60 seconds. `traffic` holds one per deployment and shows it through
//! [`View`](super::View).

use std::time::Duration;

use crate::base::Mono;

/// How long one slot gathers.
const SLOT: Duration = Duration::from_secs(5);
/// Slots to a minute.
const SLOTS: usize = 12;

/// Sums over the last minute of two counts: requests and tokens, or tries and failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Minute {
    slots: [(u64, u64); SLOTS],
    /// The number of the newest slot since the clock began.
    newest: u64,
    sums: (u64, u64),
}

impl Minute {
    /// Counts what was just used.
    pub fn add(&mut self, requests: u64, tokens: u64, now: Mono) {
        self.turn(now);
        let place = usize::try_from(self.newest).unwrap_or(0) % SLOTS;
        if let Some(slot) = self.slots.get_mut(place) {
            slot.0 = slot.0.saturating_add(requests);
            slot.1 = slot.1.saturating_add(tokens);
        }
        self.sums.0 = self.sums.0.saturating_add(requests);
        self.sums.1 = self.sums.1.saturating_add(tokens);
    }

    /// Requests and tokens of the last minute.
    pub fn used(&mut self, now: Mono) -> (u64, u64) {
        self.turn(now);
        self.sums
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self {
            newest: self.newest,
            ..Self::default()
        };
    }

    /// Drops the slots that are over.
    fn turn(&mut self, now: Mono) {
        let number = now.since(Mono::ZERO).as_secs() / SLOT.as_secs();
        let passed = number.saturating_sub(self.newest);
        if passed == 0 {
            return;
        }
        if usize::try_from(passed).map_or(true, |passed| passed >= SLOTS) {
            self.slots = [(0, 0); SLOTS];
            self.sums = (0, 0);
            self.newest = number;
            return;
        }
        for step in 1..=passed {
            let place = usize::try_from(self.newest + step).unwrap_or(0) % SLOTS;
            if let Some(slot) = self.slots.get_mut(place) {
                self.sums.0 = self.sums.0.saturating_sub(slot.0);
                self.sums.1 = self.sums.1.saturating_sub(slot.1);
                *slot = (0, 0);
            }
        }
        self.newest = number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Mono {
        Mono::from_millis(secs * 1_000)
    }

    #[test]
    fn uses_fall_out_after_a_minute() {
        let mut minute = Minute::default();
        minute.add(1, 100, at(2));
        minute.add(1, 50, at(31));
        assert_eq!(minute.used(at(54)), (2, 150));
        assert_eq!(minute.used(at(60)), (1, 50));
        assert_eq!(minute.used(at(91)), (0, 0));
        minute.add(3, 7, at(1_000));
        assert_eq!(minute.used(at(1_054)), (3, 7));
        assert_eq!(minute.used(at(1_060)), (0, 0));
    }

    #[test]
    fn a_clock_that_steps_back_loses_nothing() {
        let mut minute = Minute::default();
        minute.add(1, 1, at(100));
        minute.add(1, 1, at(90));
        assert_eq!(minute.used(at(100)), (2, 2));
        minute.clear();
        assert_eq!(minute.used(at(100)), (0, 0));
    }
}
