//! Waiting without blind sleep: a condition, a deadline, and a clear word when it passes.

use std::thread;
use std::time::{Duration, Instant};

/// How long a test waits for something that should come at once, on a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Pause between two looks at a condition.
const POLL: Duration = Duration::from_millis(3);

/// The real clock.
#[expect(
    clippy::disallowed_methods,
    reason = "end-to-end tests run in real time"
)]
pub fn now() -> Instant {
    Instant::now()
}

/// Gives the processor away until the next look.
pub fn pause() {
    thread::park_timeout(POLL);
}

/// Polls `look` until it gives a value; fails the test, naming `what`, after `deadline`.
#[track_caller]
pub fn wait_for<T>(what: &str, deadline: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let began = now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            began.elapsed() < deadline,
            "waited {deadline:?} in vain for: {what}"
        );
        pause();
    }
}

#[test]
fn waits_until_the_condition_holds() {
    let mut looks = 0;
    let found = wait_for("three looks", PATIENCE, || {
        looks += 1;
        (looks == 3).then_some("here")
    });
    assert_eq!((found, looks), ("here", 3));
}

/// Waits in real time: what is tested is how long somebody is patient.
pub fn stand_still(how_long: Duration) {
    crate::support::Gate::new().wait(how_long);
}
