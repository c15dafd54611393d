//! The `Date` header: made once a second, copied for each answer.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

use crate::base::Wall;

/// Bytes of a date in the form of RFC 9110: `Sun, 06 Nov 1994 08:49:37 GMT`.
const LENGTH: usize = 29;

/// A moment as HTTP writes it.
pub type HttpDate = [u8; LENGTH];

/// The present second, for all answers of a worker.
#[derive(Debug)]
pub struct Date(Mutex<HttpDate>);

impl Date {
    /// Begins at a moment.
    pub fn new(now: Wall) -> Self {
        Self(Mutex::new(written(now)))
    }

    /// The second that was set last.
    pub fn get(&self) -> HttpDate {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A second has passed.
    pub fn set(&self, now: Wall) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = written(now);
    }
}

/// A clock that is out of all bounds says 1970.
fn written(now: Wall) -> HttpDate {
    let printer = DateTimePrinter::new();
    let text = |at: Timestamp| printer.timestamp_to_rfc9110_string(&at).ok();
    let at = Timestamp::from_second(now.as_secs()).unwrap_or(Timestamp::UNIX_EPOCH);
    let text = text(at).or_else(|| text(Timestamp::UNIX_EPOCH));
    let text = text.unwrap_or_default();
    text.into_bytes().try_into().unwrap_or([b' '; LENGTH])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_http_wants_them() {
        let date = Date::new(Wall::from_micros(784_111_777_000_000));
        assert_eq!(&date.get(), b"Sun, 06 Nov 1994 08:49:37 GMT");
        date.set(Wall::from_micros(i64::MAX));
        assert_eq!(date.get().len(), LENGTH);
    }
}
