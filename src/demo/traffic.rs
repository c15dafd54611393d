//! Traffic like life: several apps, each with its own habits, that send real requests to the gateway.
//!
//! Arrivals are random around a rate that rises and falls like a short day. Nothing is unbounded: at
//! most [`MOST_AT_ONCE`] requests are open, and one that finds no room is counted and left out.

mod apps;
mod client;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::base::Secret;
use crate::demo::seed;
use crate::demo::traffic::apps::Library;
use crate::demo::traffic::client::Outcome;

/// Requests that may be open at once.
pub const MOST_AT_ONCE: usize = 64;
/// The length of a day, in seconds.
const DAY_S: f64 = 240.0;

/// Where the requests go.
#[derive(Debug, Clone)]
pub struct Target {
    /// The gateway's address.
    pub addr: SocketAddr,
    /// Its key, when it wants one.
    pub key: Option<Secret>,
    /// The same seed sends the same requests in the same order.
    pub seed: u64,
}

/// What became of the requests so far.
#[derive(Debug, Default)]
pub struct Tally {
    sent: AtomicU64,
    served: AtomicU64,
    refused: AtomicU64,
    cut: AtomicU64,
    left: AtomicU64,
    unreached: AtomicU64,
    skipped: AtomicU64,
}

/// The numbers of a [`Tally`] at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Requests that went out.
    pub sent: u64,
    /// Those that were answered in full.
    pub served: u64,
    /// Those that got an error status.
    pub refused: u64,
    /// Streams that ended with an error, or without an end.
    pub cut: u64,
    /// Those whose client hung up on purpose.
    pub left: u64,
    /// Those that got no answer: refused or broken connections, and answers longer than the patience.
    pub unreached: u64,
    /// Those that were not sent because too many were open.
    pub skipped: u64,
}

impl Tally {
    /// The numbers now.
    pub fn counts(&self) -> Counts {
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        Counts {
            sent: read(&self.sent),
            served: read(&self.served),
            refused: read(&self.refused),
            cut: read(&self.cut),
            left: read(&self.left),
            unreached: read(&self.unreached),
            skipped: read(&self.skipped),
        }
    }

    fn note(&self, outcome: Outcome) {
        let number = match outcome {
            Outcome::Served => &self.served,
            Outcome::Refused(_) => &self.refused,
            Outcome::Cut => &self.cut,
            Outcome::Left => &self.left,
            Outcome::Unreached => &self.unreached,
        };
        number.fetch_add(1, Ordering::Relaxed);
    }
}

/// Sends requests to `target` until `cancel`; requests that are open then are dropped, as by clients
/// that leave. Every task is in `tasks`; `tally` counts what becomes of them.
pub async fn run(target: Target, tasks: TaskTracker, cancel: CancellationToken, tally: Arc<Tally>) {
    let room = Arc::new(Semaphore::new(MOST_AT_ONCE));
    let library = Library::new(target.seed);
    let target = Arc::new(target);
    let mut rng = seed::stream(target.seed, "arrivals", 0);
    let mut at_s = 0.0;
    for nth in 0.. {
        // Exponential gaps: arrivals know nothing of each other.
        let gap_s = -(1.0 - rng.f64()).ln() / rate(at_s);
        at_s += gap_s;
        tokio::select! {
            biased;
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs_f64(gap_s.min(5.0))) => {},
        }
        let shot = apps::compose(&library, target.seed, nth, night(at_s));
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
            tally.skipped.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        tally.sent.fetch_add(1, Ordering::Relaxed);
        let (target, cancel, tally) = (Arc::clone(&target), cancel.clone(), Arc::clone(&tally));
        tasks.spawn(async move {
            tokio::select! {
                biased;
                () = cancel.cancelled() => {},
                outcome = client::send(&target, &shot) => tally.note(outcome),
            }
            drop(permit);
        });
    }
}

/// How far the day is from midnight, 0 to 1; noon is 1.
fn daylight(at_s: f64) -> f64 {
    let turn = at_s / DAY_S * std::f64::consts::TAU;
    // The demo begins in the morning: nobody wants to watch an empty night first.
    0.5 - 0.5 * (turn + 1.3).cos()
}

/// Requests a second.
fn rate(at_s: f64) -> f64 {
    let ripple = (at_s / 17.0).sin() * 0.5;
    3.5 + 4.0 * daylight(at_s) + ripple
}

fn night(at_s: f64) -> bool {
    daylight(at_s) < 0.2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_stays_between_three_and_eight() {
        let rates: Vec<f64> = (0..480).map(|second| rate(f64::from(second))).collect();
        assert!(rates.iter().all(|rate| (3.0..=8.0).contains(rate)));
        assert!(rates.iter().any(|rate| *rate < 4.0) && rates.iter().any(|rate| *rate > 7.0));
        assert!((0..240).any(|second| night(f64::from(second))) && !night(0.0));
    }
}
