//! What waits to be written, in bounded memory: rows, and the sums of rows that found no room.
//!
//! Plain state without threads or files; `Ledger` guards it with a mutex that is held for a push or
//! a take, never while anything is written.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::base::{RequestRecord, Wall};
use crate::ledger::dictionary::{Client, Route};
use crate::ledger::summary::Totals;

/// Gaps kept apart by route and client; when there are more, the rest share one.
const MAX_GAPS: usize = 1_024;

/// Gaps are cut at these microseconds of UTC, so that a gap never spans two days of any time zone.
pub(super) const QUARTER_HOUR_US: i64 = 15 * 60 * 1_000_000;

/// Rows that wait for no further company: few enough that their memory is still in the processor's
/// cache when they are written, and that it is soon used again.
const CROWD: usize = 256;

/// Rows handed over in one go at most: one transaction.
pub(super) const MAX_BATCH: usize = 8_192;

/// Requests without rows, lost or never wanted, summed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gap {
    /// Arrival of the first.
    pub(super) from: Wall,
    /// End of the last.
    pub(super) to: Wall,
    pub(super) totals: Totals,
}

/// What a gap's money belongs to: a quarter of an hour, and who and where unless there were too many.
pub(super) type GapKey = (i64, Option<(Route, Client)>);

/// What is written in one transaction.
#[derive(Debug, Clone, Default)]
pub(super) struct Batch {
    pub(super) rows: Vec<Arc<RequestRecord>>,
    pub(super) gaps: HashMap<GapKey, Gap>,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.gaps.is_empty()
    }
}

/// The queue itself.
#[derive(Debug)]
pub(super) struct Queue {
    rows: VecDeque<Arc<RequestRecord>>,
    gaps: HashMap<GapKey, Gap>,
    capacity: usize,
    /// Rows that were taken and are neither written nor lost yet; they count against the capacity.
    in_hand: usize,
    /// Requests ever handed in, those of them that were taken, and those that are done with.
    pushed: u64,
    taken: u64,
    done: u64,
    /// Rows written since the start.
    pub(super) written: u64,
    /// Rows lost since the start.
    pub(super) lost: u64,
}

impl Queue {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            rows: VecDeque::with_capacity(capacity.min(1_024)),
            gaps: HashMap::new(),
            capacity: capacity.max(1),
            in_hand: 0,
            pushed: 0,
            taken: 0,
            done: 0,
            written: 0,
            lost: 0,
        }
    }

    /// Adds a row, or only its sums when there is no room.
    pub(super) fn push(&mut self, record: Arc<RequestRecord>) {
        self.pushed = self.pushed.saturating_add(1);
        if self.waiting() < self.capacity {
            self.rows.push_back(record);
        } else {
            self.lose(&record);
        }
    }

    /// Adds a request of which no row is wanted, only its sums.
    pub(super) fn sum(&mut self, record: &RequestRecord) {
        self.pushed = self.pushed.saturating_add(1);
        self.add_to_gap(record);
    }

    /// Counts a row that nobody will write any more.
    pub(super) fn refuse(&mut self) {
        self.lost = self.lost.saturating_add(1);
    }

    /// Requests ever handed in.
    pub(super) fn pushed(&self) -> u64 {
        self.pushed
    }

    /// Whether the first `pushed` requests are done with: written, or given up.
    pub(super) fn is_done(&self, pushed: u64) -> bool {
        self.done >= pushed
    }

    /// Rows that are not written yet.
    pub(super) fn waiting(&self) -> usize {
        self.rows.len().saturating_add(self.in_hand)
    }

    /// Whether rows should not wait any longer for company.
    pub(super) fn is_crowded(&self) -> bool {
        self.rows.len() >= self.crowd()
    }

    /// Whether the last row made the queue crowded: the one moment to tell the writer.
    pub(super) fn is_crowded_just_now(&self) -> bool {
        self.rows.len() == self.crowd()
    }

    fn crowd(&self) -> usize {
        CROWD.min(self.capacity.div_ceil(2))
    }

    /// Whether there is nothing to write that is not in hand already.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.gaps.is_empty()
    }

    /// Takes what comes next. It must be handed back to [`Queue::settle`] or [`Queue::give_up`].
    pub(super) fn take(&mut self) -> Batch {
        let many = self.rows.len().min(MAX_BATCH);
        let rows: Vec<_> = self.rows.drain(..many).collect();
        self.in_hand = self.in_hand.saturating_add(rows.len());
        self.taken = self.pushed.saturating_sub(count(self.rows.len()));
        Batch {
            rows,
            gaps: std::mem::take(&mut self.gaps),
        }
    }

    /// A batch has been written.
    pub(super) fn settle(&mut self, batch: &Batch) {
        self.in_hand = self.in_hand.saturating_sub(batch.rows.len());
        self.written = self.written.saturating_add(count(batch.rows.len()));
        self.done = self.taken;
    }

    /// A batch will never be written, and neither will what still waits.
    pub(super) fn give_up(&mut self, batch: &Batch) {
        self.in_hand = self.in_hand.saturating_sub(batch.rows.len());
        let lost = batch.rows.len().saturating_add(self.rows.len());
        self.rows.clear();
        self.done = self.pushed;
        self.lost = self.lost.saturating_add(count(lost));
    }

    /// Counts a row that found no room.
    fn lose(&mut self, record: &RequestRecord) {
        self.lost = self.lost.saturating_add(1);
        self.add_to_gap(record);
    }

    /// Adds a request to the sums of those that have no row.
    fn add_to_gap(&mut self, record: &RequestRecord) {
        let quarter = record.started.as_micros().div_euclid(QUARTER_HOUR_US);
        let mut key = (quarter, Some((Route::of(record), Client::of(record))));
        if self.gaps.len() >= MAX_GAPS && !self.gaps.contains_key(&key) {
            key = (quarter, None);
        }
        let end = ended(record);
        let gap = self.gaps.entry(key).or_insert_with(|| Gap {
            from: record.started,
            to: end,
            totals: Totals::default(),
        });
        gap.from = gap.from.min(record.started);
        gap.to = gap.to.max(end);
        gap.totals.add(record);
    }
}

/// When a request ended.
fn ended(record: &RequestRecord) -> Wall {
    let took = i64::try_from(record.took_us).unwrap_or(i64::MAX);
    Wall::from_micros(record.started.as_micros().saturating_add(took))
}

fn count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::NanoDollars;
    use crate::ledger::sample;

    #[test]
    fn a_full_queue_keeps_the_money() {
        let mut queue = Queue::new(2);
        for number in 0..5 {
            queue.push(Arc::new(sample::plain(number)));
        }
        assert_eq!((queue.waiting(), queue.lost), (2, 3));
        let batch = queue.take();
        assert_eq!(batch.rows.len(), 2);
        let money: NanoDollars = batch.gaps.values().map(|gap| gap.totals.cost).sum();
        let lost = (2..5).filter_map(|number| sample::plain(number).cost).sum();
        assert_eq!(money, lost);
        let requests: u64 = batch.gaps.values().map(|gap| gap.totals.requests).sum();
        assert_eq!(requests, 3);
    }

    #[test]
    fn rows_in_hand_count_against_the_bound() {
        let mut queue = Queue::new(3);
        for number in 0..3 {
            queue.push(Arc::new(sample::plain(number)));
        }
        let batch = queue.take();
        queue.push(Arc::new(sample::plain(3)));
        assert_eq!((queue.waiting(), queue.lost), (3, 1));
        queue.settle(&batch);
        queue.push(Arc::new(sample::plain(4)));
        assert_eq!((queue.waiting(), queue.lost, queue.written), (1, 1, 3));
    }

    #[test]
    fn gaps_are_bounded_and_cut_at_the_quarter_hour() {
        let mut queue = Queue::new(1);
        queue.push(Arc::new(sample::plain(0)));
        let total = 3 * u64::try_from(MAX_GAPS).unwrap();
        for number in 0..total {
            let mut record = sample::plain(number);
            record.client_addr = format!("10.0.{}.{}", number / 256, number % 256).into();
            queue.push(Arc::new(record));
        }
        let gaps = queue.take().gaps;
        assert!(gaps.len() <= MAX_GAPS + 64, "{}", gaps.len());
        let requests: u64 = gaps.values().map(|gap| gap.totals.requests).sum();
        assert_eq!(requests, total);
        for ((quarter, _), gap) in &gaps {
            assert_eq!(gap.from.as_micros().div_euclid(QUARTER_HOUR_US), *quarter);
        }
    }
}
