//! Local days: one time zone for "today", for days in spend, and for every time on screen.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

use crate::base::Wall;

/// A time zone.
#[derive(Debug, Clone)]
pub struct Zone(TimeZone);

impl Zone {
    /// UTC.
    pub const fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// The zone the machine is set to.
    pub fn system() -> Self {
        Self(TimeZone::system())
    }

    /// A zone by its name in the time zone database.
    ///
    /// # Errors
    /// The name is not known on this machine.
    pub fn named(name: &str) -> Result<Self, String> {
        TimeZone::get(name)
            .map(Self)
            .map_err(|error| error.to_string())
    }

    /// Its name, `Europe/Berlin`; `UTC` when it has none.
    pub fn name(&self) -> String {
        match self.0.iana_name() {
            None | Some("Etc/UTC" | "Etc/UCT" | "Etc/Zulu" | "Zulu" | "UCT") => "UTC".to_owned(),
            Some(name) => name.to_owned(),
        }
    }

    /// Its offset from UTC at a moment, in seconds.
    pub fn offset_s(&self, at: Wall) -> i32 {
        self.0.to_offset(timestamp(at)).seconds()
    }

    /// The local midnight at or before a moment.
    pub fn day_start(&self, at: Wall) -> Wall {
        let local = self.local(at);
        wall(&local.start_of_day().unwrap_or(local))
    }

    /// The first local midnight after a moment.
    pub fn next_day(&self, at: Wall) -> Wall {
        let local = self.local(at);
        let next = local
            .checked_add(1.day())
            .and_then(|tomorrow| tomorrow.start_of_day());
        wall(&next.unwrap_or(local))
    }

    /// The midnights that bound the last `days` local days, today included: `days + 1` moments.
    pub fn days(&self, at: Wall, days: i64) -> Vec<Wall> {
        let local = self.local(at);
        let today = local.start_of_day().unwrap_or(local);
        let midnight = |offset: i64| {
            let moved = today
                .checked_add(offset.days())
                .and_then(|day| day.start_of_day());
            wall(&moved.unwrap_or_else(|_beyond| today.clone()))
        };
        (1 - days..=1).map(midnight).collect()
    }

    /// The local date at a moment, `2026-11-21`.
    pub fn date(&self, at: Wall) -> String {
        self.local(at).date().to_string()
    }

    /// The local time of day, `14:02`.
    pub fn clock_time(&self, at: Wall) -> String {
        self.local(at).strftime("%H:%M").to_string()
    }

    fn local(&self, at: Wall) -> Zoned {
        timestamp(at).to_zoned(self.0.clone())
    }
}

fn timestamp(at: Wall) -> Timestamp {
    Timestamp::from_microsecond(at.as_micros()).unwrap_or_default()
}

fn wall(local: &Zoned) -> Wall {
    Wall::from_micros(local.timestamp().as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Wall = Wall::from_micros(1_795_262_400_000_000); // 2026-11-21T12:00:00Z

    #[test]
    fn days_begin_at_local_midnight() {
        let zone = Zone::named("America/New_York").unwrap();
        assert_eq!(zone.date(NOON), "2026-11-21");
        assert_eq!(NOON.as_secs() - zone.day_start(NOON).as_secs(), 7 * 3_600);
        assert_eq!(zone.next_day(NOON).as_secs() - NOON.as_secs(), 17 * 3_600);
        assert_eq!(zone.offset_s(NOON), -5 * 3_600);
    }

    #[test]
    fn a_week_has_eight_bounds_and_may_hold_a_day_of_another_length() {
        let zone = Zone::named("America/New_York").unwrap();
        let november = Wall::from_micros(NOON.as_micros() - 16 * 86_400_000_000); // 5 November
        let bounds = zone.days(november, 7);
        assert_eq!(bounds.len(), 8);
        assert_eq!(bounds[6], zone.day_start(november));
        let hours: Vec<i64> = bounds
            .windows(2)
            .map(|pair| (pair[1].as_secs() - pair[0].as_secs()) / 3_600)
            .collect();
        assert_eq!(
            hours,
            [24, 24, 25, 24, 24, 24, 24],
            "clocks went back on 1 November"
        );
    }
}
