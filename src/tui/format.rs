//! Numbers, durations, money and times as short texts of steady width.
//!
//! Pure functions: every screen formats through here, so that one quantity looks the same everywhere.
//! Nothing here knows colours, screens or the clock.

use crate::base::{NanoDollars, Wall};

/// A count of cells; a length beyond `u16` is cut, no terminal is that wide.
pub(crate) fn cells(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}

/// A float as an index: negative and not-a-number are 0, fractions are dropped.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and not-a-number becomes 0"
)]
pub(crate) const fn index(value: f64) -> usize {
    value as usize
}

/// How wide a text is on screen, in cells.
pub(crate) fn width(text: &str) -> usize {
    unicode_width::UnicodeWidthStr::width(text)
}

/// `text` in at most `room` cells, with an ellipsis where it was cut.
pub(crate) fn fit(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    if room == 0 {
        return String::new();
    }
    let mut out = String::new();
    let mut used = 0;
    for symbol in text.chars() {
        let wide = unicode_width::UnicodeWidthChar::width(symbol).unwrap_or(0);
        if used + wide + 1 > room {
            break;
        }
        used += wide;
        out.push(symbol);
    }
    out.push('…');
    out
}

/// `1.2k`, `34k`, `5.6M`: at most four digits and a letter.
pub(crate) fn count(value: u64) -> String {
    const STEPS: [(u64, &str); 4] = [
        (1_000_000_000_000, "T"),
        (1_000_000_000, "G"),
        (1_000_000, "M"),
        (1_000, "k"),
    ];
    for (step, letter) in STEPS {
        if value >= step {
            let tenths = value / (step / 10);
            let (whole, rest) = (tenths / 10, tenths % 10);
            return if whole < 10 {
                format!("{whole}.{rest}{letter}")
            } else {
                format!("{whole}{letter}")
            };
        }
    }
    value.to_string()
}

/// The same for a rate or an average.
pub(crate) fn decimal(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    if value < 9.95 {
        format!("{value:.1}")
    } else if value < 999.5 {
        format!("{value:.0}")
    } else {
        count(u64::try_from(index(value)).unwrap_or(u64::MAX))
    }
}

/// `812ms`, `1.4s`, `12s`, `2m05s`.
pub(crate) fn millis(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    if value < 999.5 {
        format!("{value:.0}ms")
    } else if value < 9_950.0 {
        format!("{:.1}s", value / 1_000.0)
    } else if value < 59_500.0 {
        format!("{:.0}s", value / 1_000.0)
    } else {
        span(u64::try_from(index(value)).unwrap_or(u64::MAX))
    }
}

/// What is not known is a dash, what is known as `text` writes it.
pub(crate) fn or_dash(value: Option<f64>, text: fn(f64) -> String) -> String {
    value.map_or_else(|| "–".to_owned(), text)
}

/// [`millis`] of what may be missing.
pub(crate) fn millis_or(value: Option<f64>) -> String {
    or_dash(value, millis)
}

/// [`millis`] of microseconds.
pub(crate) fn micros(value: u64) -> String {
    millis(value as f64 / 1_000.0)
}

/// A long time in two units: `42s`, `3m05s`, `4h07m`, `3d04h`.
pub(crate) fn span(ms: u64) -> String {
    let s = ms / 1_000;
    match s {
        0..60 => format!("{s}s"),
        60..3_600 => format!("{}m{:02}s", s / 60, s % 60),
        3_600..86_400 => format!("{}h{:02}m", s / 3_600, s % 3_600 / 60),
        _ => format!("{}d{:02}h", s / 86_400, s % 86_400 / 3_600),
    }
}

/// A countdown: `0:42`, `12:03`, `1:02:03`. A begun second counts whole, so `0:00` means over.
pub(crate) fn countdown(ms: u64) -> String {
    let s = ms.div_ceil(1_000);
    if s < 3_600 {
        format!("{}:{:02}", s / 60, s % 60)
    } else {
        format!("{}:{:02}:{:02}", s / 3_600, s % 3_600 / 60, s % 60)
    }
}

/// How long ago, coarse enough not to flicker: `now`, `10s`, `3m`, `2h`, `4d`.
pub(crate) fn age(ms: u64) -> String {
    let s = ms / 1_000;
    match s {
        0..5 => "now".to_owned(),
        5..10 => "5s".to_owned(),
        10..60 => format!("{}s", s / 10 * 10),
        60..3_600 => format!("{}m", s / 60),
        3_600..86_400 => format!("{}h", s / 3_600),
        _ => format!("{}d", s / 86_400),
    }
}

/// A share, 0 to 1: `0.8%`, `12%`. What is not nothing never looks like nothing.
pub(crate) fn percent(share: f64) -> String {
    let value = share * 100.0;
    if !value.is_finite() {
        "–".to_owned()
    } else if value > 0.0 && value < 0.1 {
        "<0.1%".to_owned()
    } else if value < 9.95 {
        format!("{value:.1}%")
    } else {
        format!("{value:.0}%")
    }
}

/// Dollars as a number for sorting and charts.
pub(crate) fn dollars(amount: NanoDollars) -> f64 {
    amount.0 as f64 / 1e9
}

/// `$4.18`, `$0.012`, `$0.0012`, `$1.2k`; never nothing for something.
pub(crate) fn money(amount: NanoDollars) -> String {
    let value = dollars(amount).abs();
    let sign = if amount.0 < 0 { "-" } else { "" };
    if amount.0 == 0 {
        "$0.00".to_owned()
    } else if value < 0.000_05 {
        format!("{sign}<$.0001")
    } else if value < 0.01 {
        format!("{sign}${value:.4}")
    } else if value < 0.1 {
        format!("{sign}${value:.3}")
    } else if value < 999.995 {
        format!("{sign}${value:.2}")
    } else {
        format!(
            "{sign}${}",
            count(u64::try_from(index(value)).unwrap_or(u64::MAX))
        )
    }
}

/// [`money`] of a price or cost; unknown is `?`, never nothing.
pub(crate) fn money_or(amount: Option<NanoDollars>) -> String {
    amount.map_or_else(|| "?".to_owned(), money)
}

/// What a tab or table says for a total that may hold unpriced requests: `$4.18` or `$4.18+?`.
pub(crate) fn money_with(amount: NanoDollars, requests: u64, unpriced: u64) -> String {
    if unpriced == 0 {
        money(amount)
    } else if unpriced >= requests && amount.0 == 0 {
        "?".to_owned()
    } else {
        format!("{}+?", money(amount))
    }
}

/// A moment in a zone: hours, minutes, seconds.
pub(crate) fn clock(at: Wall, offset_s: i32) -> String {
    let s = (at.as_secs() + i64::from(offset_s)).rem_euclid(86_400);
    format!("{:02}:{:02}:{:02}", s / 3_600, s % 3_600 / 60, s % 60)
}

/// Hours and minutes only.
pub(crate) fn clock_short(at: Wall, offset_s: i32) -> String {
    let s = (at.as_secs() + i64::from(offset_s)).rem_euclid(86_400);
    format!("{:02}:{:02}", s / 3_600, s % 3_600 / 60)
}

/// The time for a moment of the day of `now`, else the day: always eight cells.
pub(crate) fn clock_or_day(at: Wall, now: Wall, offset_s: i32) -> String {
    let day = |moment: Wall| (moment.as_secs() + i64::from(offset_s)).div_euclid(86_400);
    if day(at) == day(now) {
        return clock(at, offset_s);
    }
    let (month, day) = month_day(day(at));
    format!("{} {day:>2}  ", month_name(month))
}

/// A day as `2026-11-21`, shortened to `Nov 21`; anything else stays as it is.
pub(crate) fn short_day(day: &str) -> String {
    let mut parts = day.split('-').skip(1);
    let month = parts.next().and_then(|part| part.parse().ok());
    let date = parts.next().and_then(|part| part.parse::<u32>().ok());
    match (month, date) {
        (Some(month), Some(date)) => format!("{} {date}", month_name(month)),
        _ => day.to_owned(),
    }
}

/// The day of the week of `2026-11-21`, in two letters; empty for anything else.
pub(crate) fn weekday(day: &str) -> &'static str {
    const NAMES: [&str; 7] = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"];
    let mut parts = day.split('-').map(str::parse::<i64>);
    let (Some(Ok(year)), Some(Ok(month)), Some(Ok(date))) =
        (parts.next(), parts.next(), parts.next())
    else {
        return "";
    };
    // 1970-01-01 was a Thursday.
    let days = days_from_civil(year, month, date);
    let index = usize::try_from((days + 3).rem_euclid(7)).unwrap_or(0);
    NAMES.get(index).copied().unwrap_or("")
}

/// `UTC`, or the offset as `UTC+1`, `UTC-3:30`.
pub(crate) fn offset(offset_s: i32) -> String {
    if offset_s == 0 {
        return "UTC".to_owned();
    }
    let sign = if offset_s < 0 { '-' } else { '+' };
    let minutes = offset_s.unsigned_abs() / 60;
    if minutes.is_multiple_of(60) {
        format!("UTC{sign}{}", minutes / 60)
    } else {
        format!("UTC{sign}{}:{:02}", minutes / 60, minutes % 60)
    }
}

fn month_name(month: u32) -> &'static str {
    const NAMES: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let index = usize::try_from(month.saturating_sub(1)).unwrap_or(0);
    NAMES.get(index).copied().unwrap_or("???")
}

/// Days since 1970-01-01 of a date in the Gregorian calendar (Hinnant's algorithm).
fn days_from_civil(year: i64, month: i64, date: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + date - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Month and day of the month, both from 1, of a day counted from 1970-01-01.
fn month_day(days: i64) -> (u32, u32) {
    let shifted = days + 719_468;
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let date = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (
        u32::try_from(month).unwrap_or(1),
        u32::try_from(date).unwrap_or(1),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_stay_short() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1_000, "1.0k"),
            (1_299, "1.2k"),
            (9_999, "9.9k"),
            (10_000, "10k"),
            (999_999, "999k"),
            (1_000_000, "1.0M"),
            (u64::MAX, "18446744T"),
        ];
        for (value, text) in cases {
            assert_eq!(count(value), text);
        }
    }

    #[test]
    fn durations_carry_their_unit() {
        let cases = [
            (0.0, "0ms"),
            (999.4, "999ms"),
            (999.6, "1.0s"),
            (9_949.0, "9.9s"),
            (9_951.0, "10s"),
            (59_499.0, "59s"),
            (59_600.0, "59s"),
            (125_000.0, "2m05s"),
            (f64::NAN, "–"),
        ];
        for (value, text) in cases {
            assert_eq!(millis(value), text, "{value}");
        }
        assert_eq!(span(3 * 86_400_000 + 4 * 3_600_000), "3d04h");
        assert_eq!(countdown(41_001), "0:42");
        assert_eq!(countdown(0), "0:00");
        assert_eq!(countdown(3_723_000), "1:02:03");
        assert_eq!(age(59_999), "50s");
    }

    #[test]
    fn something_never_looks_like_nothing() {
        assert_eq!(percent(0.0004), "<0.1%");
        assert_eq!(percent(0.0), "0.0%");
        assert_eq!(percent(1.0), "100%");
        assert_eq!(money(NanoDollars(1)), "<$.0001");
        assert_eq!(money(NanoDollars(12_100_000)), "$0.012");
        assert_eq!(money(NanoDollars(1_210_000)), "$0.0012");
        assert_eq!(money(NanoDollars(4_180_000_000)), "$4.18");
        assert_eq!(money(NanoDollars(-4_180_000_000)), "-$4.18");
        assert_eq!(money(NanoDollars(1_234_000_000_000)), "$1.2k");
        assert_eq!(money_or(None), "?");
        assert_eq!(money_with(NanoDollars(0), 3, 3), "?");
        assert_eq!(money_with(NanoDollars(0), 3, 0), "$0.00");
        assert_eq!(money_with(NanoDollars(2_000_000_000), 3, 1), "$2.00+?");
    }

    #[test]
    fn times_are_of_the_zone() {
        let at = Wall::from_micros(1_795_266_131_000_000);
        assert_eq!(clock(at, 0), "13:02:11");
        assert_eq!(clock(at, 3_600), "14:02:11");
        assert_eq!(clock_short(at, -12_600), "09:32");
        assert_eq!(clock_or_day(at, at, 0), "13:02:11");
        let next_day = Wall::from_micros(at.as_micros() + 86_400_000_000);
        assert_eq!(clock_or_day(at, next_day, 0), "Nov 21  ");
        assert_eq!(offset(3_600), "UTC+1");
        assert_eq!(offset(-12_600), "UTC-3:30");
        assert_eq!(short_day("2026-11-21"), "Nov 21");
        assert_eq!(short_day("?"), "?");
        assert_eq!(weekday("2026-11-21"), "Sa");
        assert_eq!(weekday("1970-01-01"), "Th");
    }

    #[test]
    fn texts_are_cut_by_cells() {
        assert_eq!(fit("ollama/llama3.2", 8), "ollama/…");
        assert_eq!(fit("short", 8), "short");
        assert_eq!(fit("日本語モデル", 5), "日本…");
        assert_eq!(fit("abc", 0), "");
    }
}
