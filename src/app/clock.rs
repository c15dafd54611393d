//! The one clock that reads the system.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::base::{Clock, Mono, Wall};

/// The system's clocks; the monotonic one counts from when this was made.
#[derive(Debug)]
pub struct SystemClock {
    began: Instant,
}

impl SystemClock {
    /// Starts the monotonic clock one second in, so that zero is always in the past.
    #[expect(clippy::disallowed_methods, reason = "this is where time comes from")]
    pub fn start() -> Self {
        Self {
            began: Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    fn mono(&self) -> Mono {
        let nanos = self.began.elapsed().as_nanos();
        Mono::from_nanos(
            u64::try_from(nanos)
                .unwrap_or(u64::MAX)
                .saturating_add(1_000_000_000),
        )
    }

    #[expect(clippy::disallowed_methods, reason = "this is where time comes from")]
    fn wall(&self) -> Wall {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Wall::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}
