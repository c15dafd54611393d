//! What a server lives under: rate limits, slow spells, prompts seen before, models in memory.
//!
//! State machines over `Mono`; no clock is read here.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::base::Mono;
use crate::demo::profile::{Allowance, Model, Weather};

/// Prompts a server remembers the beginnings of.
const REMEMBERED: usize = 64;
/// How long an unused model stays in memory, as Ollama's default.
const KEEP_ALIVE: Duration = Duration::from_mins(5);

/// A bucket of requests that refills evenly.
#[derive(Debug)]
pub(crate) struct Bucket {
    /// Thousandths of a request left.
    left: u64,
    filled: Mono,
}

/// What a rate limit says to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Whole requests left after this one.
    pub(crate) left: u64,
    /// Zero when it may pass; else how long until one may.
    pub(crate) wait: Duration,
}

/// Beginnings of prompts that were read lately, with their lengths.
#[derive(Debug, Default)]
pub(crate) struct Prefixes(VecDeque<(u64, u64)>);

/// Which models are in memory.
#[derive(Debug, Default)]
pub(crate) struct Memory(BTreeMap<&'static str, Loaded>);

/// A model in memory.
#[derive(Debug, Clone, Copy)]
struct Loaded {
    ready: Mono,
    expires: Mono,
}

impl Bucket {
    /// A full bucket.
    pub(crate) const fn full(allowance: Allowance, now: Mono) -> Self {
        Self {
            left: allowance.burst * 1000,
            filled: now,
        }
    }

    /// Takes one request out, if there is one.
    pub(crate) fn take(&mut self, allowance: Allowance, now: Mono) -> Verdict {
        let passed_ms = now.as_millis().saturating_sub(self.filled.as_millis());
        let gained = passed_ms.saturating_mul(allowance.per_minute) / 60;
        if gained > 0 {
            self.left = (self.left + gained).min(allowance.burst * 1000);
            self.filled = now;
        }
        if self.left >= 1000 {
            self.left -= 1000;
            return Verdict {
                left: self.left / 1000,
                wait: Duration::ZERO,
            };
        }
        let short = 1000 - self.left;
        let wait_ms = (short * 60).div_ceil(allowance.per_minute.max(1)).max(1);
        Verdict {
            left: 0,
            wait: Duration::from_millis(wait_ms),
        }
    }
}

impl Weather {
    /// How many times slower the server is at `now`; `shift_s` moves the spells by the seed.
    pub(crate) fn slower(self, now: Mono, shift_s: u64) -> u32 {
        let second = now.as_millis() / 1000;
        let first = self.first_s + shift_s;
        let spell = second >= first && (second - first) % self.every_s.max(1) < self.lasts_s;
        if spell { self.factor } else { 1 }
    }
}

impl Prefixes {
    /// How many of the prompt's tokens were read before; remembers this prompt.
    pub(crate) fn seen(&mut self, prefix: u64, tokens: u64) -> u64 {
        let known = self.0.iter().position(|(known, _)| *known == prefix);
        let before = known
            .and_then(|place| self.0.remove(place))
            .map_or(0, |(_, length)| length);
        self.0.push_front((prefix, tokens));
        self.0.truncate(REMEMBERED);
        before.min(tokens)
    }
}

impl Memory {
    /// Loads the model where needed; says how long until it is ready.
    pub(crate) fn load(&mut self, model: &Model, now: Mono) -> Duration {
        let load = Duration::from_millis(model.load_ms);
        let held = self.0.get(model.name).filter(|loaded| loaded.expires > now);
        let ready = held.map_or_else(|| now.after(load), |loaded| loaded.ready);
        let expires = now.max(ready).after(KEEP_ALIVE);
        self.0.insert(model.name, Loaded { ready, expires });
        now.until(ready)
    }

    /// Models in memory at `now`, each with the time left to it.
    pub(crate) fn held(&self, now: Mono) -> Vec<(&'static str, Duration)> {
        let held = self.0.iter().filter(|(_, loaded)| loaded.expires > now);
        held.map(|(name, loaded)| (*name, now.until(loaded.expires)))
            .collect()
    }

    /// Lets go of one model.
    pub(crate) fn unload(&mut self, model: &Model) {
        self.0.remove(model.name);
    }

    /// Forgets all, as a restart does.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::profile::SERVERS;

    const SIX: Allowance = Allowance {
        per_minute: 6,
        burst: 2,
    };

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let start = Mono::from_millis(0);
        let mut bucket = Bucket::full(SIX, start);
        assert_eq!(bucket.take(SIX, start).left, 1);
        assert_eq!(bucket.take(SIX, start).wait, Duration::ZERO);
        assert_eq!(bucket.take(SIX, start).wait, Duration::from_secs(10));
        let told = bucket.take(SIX, Mono::from_millis(4_000)).wait;
        assert_eq!(told, Duration::from_secs(6));
        assert_eq!(
            bucket.take(SIX, Mono::from_millis(10_000)).wait,
            Duration::ZERO
        );
    }

    #[test]
    fn spells_come_back() {
        let weather = Weather {
            first_s: 10,
            every_s: 100,
            lasts_s: 5,
            factor: 4,
        };
        let at = |second: u64| weather.slower(Mono::from_millis(second * 1000), 2);
        let told: Vec<u32> = [0, 11, 12, 16, 17, 111, 112, 116, 117].map(at).to_vec();
        assert_eq!(told, [1, 1, 4, 4, 1, 1, 4, 4, 1]);
    }

    #[test]
    fn a_prompt_seen_before_is_cached_as_far_as_it_was() {
        let mut prefixes = Prefixes::default();
        assert_eq!(prefixes.seen(1, 500), 0);
        assert_eq!(prefixes.seen(1, 800), 500);
        assert_eq!(prefixes.seen(1, 600), 600);
        for other in 2..80 {
            prefixes.seen(other, 1);
        }
        assert_eq!(prefixes.seen(1, 600), 0);
    }

    #[test]
    fn a_model_loads_once_and_leaves_when_unused() {
        let model = &SERVERS[0].models[0];
        let mut memory = Memory::default();
        let load = memory.load(model, Mono::ZERO);
        assert!(load > Duration::from_secs(1));
        let half = Mono::ZERO.after(load / 2);
        assert_eq!(memory.load(model, half), load.saturating_sub(load / 2));
        assert_eq!(memory.load(model, half.after(load)), Duration::ZERO);
        assert_eq!(memory.held(half).len(), 1);
        assert!(memory.held(half.after(Duration::from_mins(20))).is_empty());
        assert_eq!(
            memory.load(model, half.after(Duration::from_mins(20))),
            load
        );
    }
}
