//! A meter: rates and percentiles of the last minute, a chart of the last quarter of an hour, totals
//! of the day, for one model, one backend, or all.

use std::collections::VecDeque;

use crate::base::{Attempt, AttemptOutcome, Mono, NanoDollars, RequestRecord, Usage, Wall};
use crate::control::{Point, Series, Stats, Today};
use crate::live::histogram::Histogram;
use crate::live::{empty_points, millis};

/// The length of a point of a chart, in milliseconds.
const STEP_MS: u64 = 10_000;
/// Points of a chart: a quarter of an hour.
const POINTS: usize = 90;
/// Points that make a minute.
const MINUTE: usize = 6;
/// Points that make one bar of a sparkline.
const PER_BAR: usize = 3;
/// Errors remembered.
const ERRORS: usize = 8;

/// What one request, or one try, adds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sample {
    ok: bool,
    took_us: u64,
    first_token_us: Option<u64>,
    usage: Usage,
    cost: Option<NanoDollars>,
    fallbacks: u32,
}

/// Rates, percentiles, a chart and totals.
#[derive(Debug)]
pub struct Meter {
    /// Totals since local midnight.
    pub today: Today,
    /// Totals since the start.
    pub ever: Today,
    /// When something was served last.
    pub last_ok: Option<Mono>,
    /// The last errors, newest first.
    pub errors: VecDeque<(Wall, String)>,
    /// The step that is filling, counted from the clock's beginning.
    step: u64,
    /// The last minute's steps; `step % MINUTE` is the one that is filling.
    fine: [Fine; MINUTE],
    /// Points that are complete, oldest first.
    points: VecDeque<Point>,
}

/// One step with its histograms.
#[derive(Debug, Clone, Default)]
struct Fine {
    point: Point,
    took: Histogram,
    first_token: Histogram,
    /// Tokens a second, times a thousand: kept as if they were microseconds.
    speed: Histogram,
}

impl Sample {
    /// What a request adds.
    pub fn of_request(record: &RequestRecord) -> Self {
        Self {
            ok: record.is_ok(),
            took_us: record.took_us,
            first_token_us: record.first_token_us,
            usage: record.usage.unwrap_or_default(),
            cost: record.cost,
            fallbacks: record.fallbacks,
        }
    }

    /// What a try adds.
    pub fn of_attempt(attempt: &Attempt, usage: Option<Usage>, cost: Option<NanoDollars>) -> Self {
        Self {
            ok: matches!(
                attempt.outcome,
                AttemptOutcome::Served | AttemptOutcome::Cancelled
            ),
            took_us: attempt.took_us,
            first_token_us: attempt.first_token_us,
            usage: usage.unwrap_or_default(),
            cost,
            fallbacks: 0,
        }
    }

    fn count(&self, total: &mut Today) {
        total.requests += 1;
        total.errors += u64::from(!self.ok);
        total.tokens_in += self.usage.prompt;
        total.tokens_out += self.usage.completion;
        total.tokens_cached += self.usage.cached;
        total.fallbacks += u64::from(self.fallbacks);
        match self.cost {
            Some(cost) => total.cost = total.cost.plus(cost),
            None => total.unpriced += u64::from(!self.usage.is_empty()),
        }
    }

    /// Speed of generation in thousandths of a token a second: after the first token where that was
    /// seen, over the whole time for a plain answer.
    fn speed(&self) -> Option<u64> {
        let (tokens, spent) = match self.first_token_us {
            Some(first) => (
                self.usage.completion.saturating_sub(1),
                self.took_us.saturating_sub(first),
            ),
            None => (self.usage.completion, self.took_us),
        };
        (tokens > 0 && spent > 0).then(|| tokens.saturating_mul(1_000_000_000) / spent)
    }
}

impl Meter {
    /// An empty meter.
    pub fn new(now: Mono) -> Self {
        Self {
            today: Today::default(),
            ever: Today::default(),
            last_ok: None,
            errors: VecDeque::new(),
            step: now.as_millis() / STEP_MS,
            fine: Default::default(),
            points: VecDeque::new(),
        }
    }

    /// Adds a sample.
    pub fn add(&mut self, sample: &Sample, now: Mono) {
        self.turn(now);
        sample.count(&mut self.today);
        sample.count(&mut self.ever);
        if sample.ok {
            self.last_ok = Some(now);
        }
        let fine = &mut self.fine[place(self.step)];
        let point = &mut fine.point;
        point.requests += 1;
        point.errors += u32::from(!sample.ok);
        point.fallbacks += sample.fallbacks;
        point.tokens_in += sample.usage.prompt;
        point.tokens_out += sample.usage.completion;
        point.cost = point.cost.plus(sample.cost.unwrap_or_default());
        if !sample.ok {
            return;
        }
        fine.took.add(sample.took_us);
        if let Some(us) = sample.first_token_us {
            fine.first_token.add(us);
        }
        if let Some(speed) = sample.speed() {
            fine.speed.add(speed);
        }
    }

    /// Remembers an error.
    pub fn error(&mut self, at: Wall, word: &str, status: Option<u16>, message: &str) {
        self.errors.truncate(ERRORS - 1);
        let status = status.map_or_else(String::new, |code| format!("{code} "));
        self.errors
            .push_front((at, format!("{status}{word}: {message}")));
    }

    /// The last minute.
    pub fn stats(&mut self, now: Mono, started: Mono) -> Stats {
        self.turn(now);
        let (mut took, mut first, mut speed) = (
            Histogram::default(),
            Histogram::default(),
            Histogram::default(),
        );
        let mut stats = Stats::default();
        for fine in &self.fine {
            took.merge(&fine.took);
            first.merge(&fine.first_token);
            speed.merge(&fine.speed);
            stats.requests += u64::from(fine.point.requests);
            stats.errors += u64::from(fine.point.errors);
            stats.tokens_in += fine.point.tokens_in;
            stats.tokens_out += fine.point.tokens_out;
            stats.cost = stats.cost.plus(fine.point.cost);
        }
        let filled = now.as_millis() % STEP_MS + (MINUTE as u64 - 1) * STEP_MS;
        let span_ms = filled.min(millis(now.since(started))).max(1_000);
        stats.rps = stats.requests as f64 * 1_000.0 / span_ms as f64;
        stats.p50_ms = took.quantile_ms(0.5);
        stats.p95_ms = took.quantile_ms(0.95);
        stats.first_token_p50_ms = first.quantile_ms(0.5);
        stats.first_token_p95_ms = first.quantile_ms(0.95);
        stats.tokens_per_s = speed.quantile_ms(0.5);
        stats
    }

    /// The chart, oldest first, always of full length.
    pub fn series(&mut self, now: Mono) -> Series {
        self.turn(now);
        let mut points = empty_points(POINTS.saturating_sub(self.points.len() + 1));
        points.extend(self.points.iter().copied());
        points.push(self.fine[place(self.step)].close());
        let surplus = points.len().saturating_sub(POINTS);
        points.drain(..surplus);
        Series {
            step_ms: STEP_MS,
            points,
        }
    }

    /// Requests and failures per half minute, oldest first.
    pub fn spark(&mut self, now: Mono) -> (Vec<u32>, Vec<u32>) {
        let points = self.series(now).points;
        let bars = points.chunks(PER_BAR);
        let sum = |count: fn(&Point) -> u32| {
            bars.clone()
                .map(|bar| bar.iter().map(count).sum())
                .collect()
        };
        (sum(|point| point.requests), sum(|point| point.errors))
    }

    /// Closes the steps that have passed.
    fn turn(&mut self, now: Mono) {
        let step = now.as_millis() / STEP_MS;
        let behind = step.saturating_sub(self.step);
        if behind > POINTS as u64 {
            self.points.clear();
            self.fine = Default::default();
            self.step = step;
            return;
        }
        for _ in 0..behind {
            let closed = self.fine[place(self.step)].close();
            if self.points.len() == POINTS {
                self.points.pop_front();
            }
            self.points.push_back(closed);
            self.step += 1;
            self.fine[place(self.step)].clear();
        }
    }
}

impl Fine {
    /// The point with its percentiles.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a chart needs no more precision"
    )]
    fn close(&self) -> Point {
        let ms = |histogram: &Histogram, share| histogram.quantile_ms(share).map(|ms| ms as f32);
        Point {
            p50_ms: ms(&self.took, 0.5),
            p95_ms: ms(&self.took, 0.95),
            first_token_ms: ms(&self.first_token, 0.5),
            ..self.point
        }
    }

    fn clear(&mut self) {
        self.point = Point::default();
        self.took.clear();
        self.first_token.clear();
        self.speed.clear();
    }
}

fn place(step: u64) -> usize {
    usize::try_from(step % MINUTE as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_answers_speed_is_over_its_whole_time() {
        let speed = |first_token_us, completion| {
            let sample = Sample {
                took_us: 2_000_000,
                first_token_us,
                usage: Usage {
                    completion,
                    ..Usage::default()
                },
                ..Sample::default()
            };
            sample.speed()
        };
        assert_eq!(speed(None, 100), Some(50_000));
        assert_eq!(speed(Some(1_000_000), 101), Some(100_000));
        assert_eq!(speed(Some(1_000_000), 1), None);
        assert_eq!(speed(None, 0), None, "an embedding generates nothing");
    }
}
