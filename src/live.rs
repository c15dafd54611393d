//! The read model: requests in flight, rates, percentiles, events, totals of the day.
//!
//! Written by request tasks under one short lock (a few hundred nanoseconds a request), read by
//! `app` when somebody watches. It knows no backend's state: `app` joins that in. Nothing here
//! waits, and everything here is bounded.

pub mod day;
pub mod feed;
pub mod flight;
pub mod histogram;
pub mod meter;
pub mod outage;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::base::{Clock, Mono, NanoDollars, RequestRecord, Severity, Wall};
use crate::control::{
    Event, EventKind, InFlight, Point, RequestRow, Series, Snapshot, Stats, Today,
};
use crate::live::day::Zone;
use crate::live::feed::Feed;
use crate::live::flight::Flights;
use crate::live::meter::{Meter, Sample};
use crate::live::outage::Outages;

pub use crate::live::flight::Slot;
pub use crate::live::outage::Outage;

/// Names of models and backends that get a meter of their own; further ones share the last.
const MOST_METERS: usize = 2_000;

/// Numbers of rows from earlier runs count down from here, those of this run up from it.
const EARLIER: u64 = 1 << 32;

/// Totals of earlier runs.
#[derive(Debug, Clone, Default)]
pub struct Earlier {
    /// All requests.
    pub all: Today,
    /// By the group that was asked for.
    pub by_group: Vec<(Arc<str>, Today)>,
    /// By deployment id.
    pub by_deployment: Vec<(Arc<str>, Today)>,
}

/// What happens in the gateway now and happened a short while ago.
#[derive(Debug)]
pub struct Live {
    clock: Arc<dyn Clock>,
    started: Mono,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    zone: Zone,
    day_ends: Wall,
    flights: Flights,
    recent: VecDeque<Arc<RequestRow>>,
    row_seq: u64,
    feed: Feed,
    all: Meter,
    models: Meters,
    backends: Meters,
    outages: Outages,
    changes: u64,
}

/// By names that stand in the config: nobody can choose them so that they collide.
type Meters = HashMap<Arc<str>, Meter, foldhash::fast::RandomState>;

/// Numbers of one model group.
#[derive(Debug, Clone, Default)]
pub struct ModelNumbers {
    /// The last minute.
    pub stats: Stats,
    /// Since local midnight.
    pub today: Today,
    /// Requests in flight.
    pub in_flight: u32,
    /// The last quarter of an hour.
    pub series: Series,
}

/// Numbers of one backend; its requests are tries.
#[derive(Debug, Clone, Default)]
pub struct BackendNumbers {
    /// The last minute.
    pub stats: Stats,
    /// Since local midnight.
    pub today: Today,
    /// Tries per half minute over the last quarter of an hour.
    pub spark: Vec<u32>,
    /// Failed tries, same buckets.
    pub spark_errors: Vec<u32>,
    /// Milliseconds since the last served request.
    pub last_ok_ms: Option<u64>,
    /// The last errors, newest first.
    pub errors: Vec<(Wall, String)>,
}

/// All numbers at one moment.
#[derive(Debug, Clone, Default)]
pub struct Numbers {
    /// Rises with every change.
    pub changes: u64,
    /// All requests of the last minute.
    pub now: Stats,
    /// All requests since local midnight.
    pub today: Today,
    /// All requests of the last quarter of an hour.
    pub series: Series,
    /// Requests being served, oldest first.
    pub in_flight: Vec<InFlight>,
    /// Ended requests, newest first.
    pub recent: Vec<Arc<RequestRow>>,
    /// Events, newest first.
    pub events: Vec<Arc<Event>>,
    /// By model group.
    pub models: HashMap<Arc<str>, ModelNumbers>,
    /// By deployment id.
    pub backends: HashMap<Arc<str>, BackendNumbers>,
    /// By host: what went elsewhere while it was down.
    pub outages: HashMap<Arc<str>, Outage>,
}

impl Live {
    /// An empty read model for a time zone.
    pub fn new(clock: Arc<dyn Clock>, zone: Zone) -> Self {
        let (now, wall) = (clock.mono(), clock.wall());
        let inner = Inner {
            day_ends: zone.next_day(wall),
            zone,
            flights: Flights::default(),
            recent: VecDeque::new(),
            row_seq: EARLIER,
            feed: Feed::default(),
            all: Meter::new(now),
            models: Meters::default(),
            backends: Meters::default(),
            outages: Outages::default(),
            changes: 0,
        };
        Self {
            clock,
            started: now,
            inner: Mutex::new(inner),
        }
    }

    /// A request arrived.
    pub fn begin(&self, call_id: &str, model: &Arc<str>, client: &Arc<str>, now: Mono) -> Slot {
        let mut inner = self.lock();
        inner.changes += 1;
        inner.flights.begin(call_id, model, client, now)
    }

    /// A request is tried on a backend.
    pub fn attempt(&self, slot: Slot, backend: &Arc<str>, number: u32) {
        self.lock().flights.attempt(slot, backend, number);
    }

    /// The first content of a stream went to its client.
    pub fn content(&self, slot: Slot) {
        self.lock().flights.content(slot);
    }

    /// A request ended. `group` is the group that was asked for, after aliases.
    pub fn end(&self, slot: Slot, record: Arc<RequestRecord>, group: &str, now: Mono) {
        let wall = self.clock.wall();
        let mut inner = self.lock();
        inner.changes += 1;
        inner.flights.end(slot);
        inner.turn_day(wall);
        inner.count(&record, now, wall, group);
        inner.row_seq += 1;
        let row = Arc::new(RequestRow {
            seq: inner.row_seq,
            record,
        });
        if inner.recent.len() == Snapshot::MAX_RECENT {
            inner.recent.pop_back();
        }
        inner.recent.push_front(row);
    }

    /// Something happened.
    pub fn event(&self, happened: Happened) {
        let wall = self.clock.wall();
        let mut inner = self.lock();
        inner.changes += 1;
        let fresh = inner.feed.add(happened, wall);
        drop(inner);
        if let Some(event) = fresh {
            feed::log(&event);
        }
    }

    /// A host stopped answering; `groups` are those that have a backend on it.
    pub fn host_down(&self, host: &Arc<str>, groups: Vec<Arc<str>>) {
        self.lock().outages.begin(host, groups);
    }

    /// A host answers again.
    pub fn host_up(&self, host: &str) {
        self.lock().outages.end(host);
    }

    /// Puts requests of earlier runs behind those of this one in the list, newest first.
    pub fn refill(&self, records: Vec<RequestRecord>) {
        let mut inner = self.lock();
        inner.changes += 1;
        for (place, record) in (1_u64..).zip(records) {
            let row = RequestRow {
                // Below all numbers of this run, and falling.
                seq: EARLIER - place,
                record: Arc::new(record),
            };
            inner.recent.push_back(Arc::new(row));
        }
        inner.recent.truncate(Snapshot::MAX_RECENT);
    }

    /// Adds what earlier runs counted today: all of it, by group, and by deployment.
    pub fn seed_today(&self, earlier: &Earlier) {
        let now = self.clock.mono();
        let mut inner = self.lock();
        inner.changes += 1;
        plus(&mut inner.all.today, &earlier.all);
        for (name, totals) in &earlier.by_group {
            plus(&mut meter_of(&mut inner.models, name, now).today, totals);
        }
        for (id, totals) in &earlier.by_deployment {
            plus(&mut meter_of(&mut inner.backends, id, now).today, totals);
        }
    }

    /// Uses another time zone from now on.
    pub fn set_zone(&self, zone: Zone) {
        let wall = self.clock.wall();
        let mut inner = self.lock();
        inner.day_ends = zone.next_day(wall);
        inner.zone = zone;
    }

    /// The time zone in use: its name and its offset now, in seconds.
    pub fn zone(&self) -> Zone {
        self.lock().zone.clone()
    }

    /// Requests in flight.
    pub fn in_flight(&self) -> usize {
        self.lock().flights.len()
    }

    /// Totals since the start, by model group: for counters that never fall.
    pub fn totals(&self) -> Vec<(Arc<str>, Today)> {
        let inner = self.lock();
        let mut totals: Vec<_> = inner
            .models
            .iter()
            .map(|(name, meter)| (Arc::clone(name), meter.ever))
            .collect();
        totals.sort_by(|one, other| one.0.cmp(&other.0));
        totals
    }

    /// Everything, copied out.
    pub fn numbers(&self) -> Numbers {
        let (now, wall) = (self.clock.mono(), self.clock.wall());
        let started = self.started;
        let mut inner = self.lock();
        inner.turn_day(wall);
        let Inner {
            flights,
            recent,
            feed,
            all,
            models,
            backends,
            outages,
            changes,
            ..
        } = &mut *inner;
        let models = models.iter_mut().map(|(name, meter)| {
            let numbers = ModelNumbers {
                stats: meter.stats(now, started),
                today: meter.today,
                in_flight: flights.of_model(name),
                series: meter.series(now),
            };
            (Arc::clone(name), numbers)
        });
        let models = models.collect();
        let backends = backends.iter_mut().map(|(id, meter)| {
            let (spark, spark_errors) = meter.spark(now);
            let numbers = BackendNumbers {
                stats: meter.stats(now, started),
                today: meter.today,
                spark,
                spark_errors,
                last_ok_ms: meter.last_ok.map(|at| millis(now.since(at))),
                errors: meter.errors.iter().cloned().collect(),
            };
            (Arc::clone(id), numbers)
        });
        Numbers {
            changes: *changes,
            now: all.stats(now, started),
            today: all.today,
            series: all.series(now),
            backends: backends.collect(),
            models,
            in_flight: flights.list(now),
            recent: recent.iter().cloned().collect(),
            events: feed.newest().cloned().collect(),
            outages: outages.list(),
        }
    }

    /// A counter that changes whenever the numbers may have.
    pub fn changes(&self) -> u64 {
        self.lock().changes
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An event that is about to be written down: what the caller knows of it.
#[derive(Debug, Clone)]
pub struct Happened {
    /// What kind.
    pub kind: EventKind,
    /// How much it matters.
    pub severity: Severity,
    /// What it is about.
    pub subject: String,
    /// For a fallback: from where.
    pub from: Option<String>,
    /// For a fallback: to where.
    pub to: Option<String>,
    /// Why, or what changed.
    pub text: String,
    /// The request it belongs to.
    pub call_id: Option<String>,
}

impl Happened {
    /// An event about one thing.
    pub fn new(
        kind: EventKind,
        severity: Severity,
        subject: impl Into<String>,
        text: impl Into<String>,
    ) -> Self {
        let (subject, text) = (subject.into(), text.into());
        Self {
            kind,
            severity,
            subject,
            from: None,
            to: None,
            text,
            call_id: None,
        }
    }

    /// Adds the request it belongs to.
    #[must_use]
    pub fn call(mut self, call_id: &str) -> Self {
        self.call_id = Some(call_id.to_owned());
        self
    }

    /// A request went on elsewhere.
    pub fn fallback(group: &str, from: &str, to: &str, why: &str, call_id: &str) -> Self {
        let mut event = Self::new(EventKind::Fallback, Severity::Warning, group, why);
        event.from = Some(from.to_owned());
        event.to = Some(to.to_owned());
        event.call(call_id)
    }
}

// === impl Inner ===

impl Inner {
    /// Starts the day's totals again when midnight has passed.
    fn turn_day(&mut self, wall: Wall) {
        if wall < self.day_ends {
            return;
        }
        self.day_ends = self.zone.next_day(wall);
        let meters = self.models.values_mut().chain(self.backends.values_mut());
        for meter in meters.chain(std::iter::once(&mut self.all)) {
            meter.today = Today::default();
        }
    }

    fn count(&mut self, record: &RequestRecord, now: Mono, wall: Wall, group: &str) {
        let sample = Sample::of_request(record);
        self.all.add(&sample, now);
        meter_of(&mut self.models, group, now).add(&sample, now);
        let last = record.attempts.len().saturating_sub(1);
        for (place, attempt) in record.attempts.iter().enumerate() {
            let meter = meter_of(&mut self.backends, &attempt.deployment, now);
            let (usage, cost) = if place == last {
                (record.usage, record.cost)
            } else {
                (None, Some(NanoDollars::ZERO))
            };
            meter.add(&Sample::of_attempt(attempt, usage, cost), now);
            if !attempt.error.is_empty() {
                meter.error(wall, &attempt.error, attempt.status, &attempt.message);
            }
        }
        self.outages.count(group, record);
    }
}

fn plus(total: &mut Today, other: &Today) {
    total.requests += other.requests;
    total.errors += other.errors;
    total.tokens_in += other.tokens_in;
    total.tokens_out += other.tokens_out;
    total.tokens_cached += other.tokens_cached;
    total.cost = total.cost.plus(other.cost);
    total.unpriced += other.unpriced;
    total.fallbacks += other.fallbacks;
}

fn meter_of<'a>(meters: &'a mut Meters, name: &str, now: Mono) -> &'a mut Meter {
    let known = meters.contains_key(name);
    let name = if known || meters.len() < MOST_METERS {
        name
    } else {
        "…"
    };
    if !known && !meters.contains_key(name) {
        meters.insert(name.into(), Meter::new(now));
    }
    meters.get_mut(name).expect("it was there or put in")
}

/// Whole milliseconds of a duration.
pub(crate) fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// An empty point, for series that have none.
pub(crate) fn empty_points(count: usize) -> Vec<Point> {
    vec![Point::default(); count]
}

#[cfg(test)]
mod tests;
