//! A small histogram of durations: logarithmic buckets, a fixed size, within 6 % of the truth.

/// Sub-buckets of one doubling.
const PER_OCTAVE: u32 = 12;
/// Shortest duration told apart, in microseconds.
const FLOOR_US: f64 = 50.0;
/// Buckets: 50 µs × 2^(288/12) = about 14 minutes.
const BUCKETS: usize = 288;

/// Counts of durations.
#[derive(Debug, Clone)]
pub struct Histogram {
    counts: Box<[u32; BUCKETS]>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: Box::new([0; BUCKETS]),
            total: 0,
        }
    }
}

impl Histogram {
    /// Counts one duration, in microseconds.
    pub fn add(&mut self, us: u64) {
        if let Some(count) = self.counts.get_mut(bucket(us)) {
            *count = count.saturating_add(1);
            self.total += 1;
        }
    }

    /// Adds all of another one.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts.iter()) {
            *mine = mine.saturating_add(*theirs);
        }
        self.total += other.total;
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        if self.total > 0 {
            self.counts.fill(0);
            self.total = 0;
        }
    }

    /// How many were counted.
    pub const fn len(&self) -> u64 {
        self.total
    }

    /// Whether nothing was counted.
    pub const fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// The duration that a share (0 to 1) of all does not exceed, in milliseconds.
    pub fn quantile_ms(&self, share: f64) -> Option<f64> {
        if self.total == 0 {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a count is a count"
        )]
        let rank = ((share * self.total as f64).ceil() as u64).clamp(1, self.total);
        let mut seen = 0_u64;
        let place = self.counts.iter().position(|count| {
            seen += u64::from(*count);
            seen >= rank
        })?;
        let middle = (place as f64 + 0.5) / f64::from(PER_OCTAVE);
        Some(FLOOR_US * middle.exp2() / 1_000.0)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the range of buckets"
)]
fn bucket(us: u64) -> usize {
    let octaves = (us as f64 / FLOOR_US).max(1.0).log2();
    ((octaves * f64::from(PER_OCTAVE)) as usize).min(BUCKETS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_six_percent() {
        let mut histogram = Histogram::default();
        for ms in 1..=1_000_u64 {
            histogram.add(ms * 1_000);
        }
        for (share, truth) in [(0.5, 500.0), (0.95, 950.0), (0.99, 990.0)] {
            let told = histogram.quantile_ms(share).unwrap();
            assert!(
                (told - truth).abs() / truth < 0.06,
                "{share}: {told} for {truth}"
            );
        }
    }

    #[test]
    fn extremes_are_kept_in_the_last_bucket() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile_ms(0.5), None);
        histogram.add(0);
        histogram.add(u64::MAX);
        assert_eq!(histogram.len(), 2);
        assert!(histogram.quantile_ms(1.0).unwrap() > 800_000.0);
    }
}
