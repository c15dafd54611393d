//! Time as values: a monotonic instant, a wall-clock instant, and the [`Clock`] that hands them out.
//!
//! Pure code takes `now: Mono` as an argument. The one clock that reads the system lives in `app`.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A moment on the process's monotonic clock, in nanoseconds since that clock began.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Mono(u64);

impl Mono {
    /// The moment the clock began.
    pub const ZERO: Self = Self(0);
    /// Later than every real moment.
    pub const FAR: Self = Self(u64::MAX);

    /// A moment `nanos` nanoseconds after the clock began.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// A moment `millis` milliseconds after the clock began.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Nanoseconds since the clock began.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Milliseconds since the clock began, rounded down.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Time passed since `earlier`; zero when `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Time left until `later`; zero when it has passed.
    pub const fn until(self, later: Self) -> Duration {
        later.since(self)
    }

    /// This moment moved `by` into the future, at most [`Mono::FAR`].
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)),
        )
    }
}

/// A moment on the wall clock, in microseconds since 1970-01-01T00:00:00Z. It may jump.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Wall(i64);

impl Wall {
    /// A moment `micros` microseconds after the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }
}

/// Where time comes from.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The present moment on the monotonic clock.
    fn mono(&self) -> Mono;
    /// The present moment on the wall clock.
    fn wall(&self) -> Wall;
}

/// A clock that stands still until it is moved: for tests and for pictures that must not change.
#[derive(Debug, Default)]
pub struct ManualClock {
    mono: AtomicU64,
    wall: AtomicI64,
}

impl ManualClock {
    /// A clock that shows `wall` and a monotonic time of zero.
    pub const fn at(wall: Wall) -> Self {
        Self {
            mono: AtomicU64::new(0),
            wall: AtomicI64::new(wall.0),
        }
    }

    /// Moves both times `by` into the future.
    pub fn advance(&self, by: Duration) {
        let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.mono.fetch_add(nanos, Ordering::SeqCst);
        let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.wall.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn mono(&self) -> Mono {
        Mono(self.mono.load(Ordering::SeqCst))
    }

    fn wall(&self) -> Wall {
        Wall(self.wall.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_never_goes_below_zero() {
        let early = Mono::from_millis(5);
        let late = early.after(Duration::from_millis(7));
        assert_eq!(late.since(early), Duration::from_millis(7));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(Mono::FAR.after(Duration::from_secs(1)), Mono::FAR);
    }

    #[test]
    fn the_manual_clock_moves_both_times() {
        let clock = ManualClock::at(Wall::from_micros(10));
        clock.advance(Duration::from_micros(3));
        assert_eq!(
            (clock.mono().as_nanos(), clock.wall().as_micros()),
            (3_000, 13)
        );
    }
}
