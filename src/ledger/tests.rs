//! The ledger on real files: what comes back, what people query, and what happens when the disk,
//! the file or the clock misbehaves.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

use super::*;
use crate::base::{CallId, ManualClock, NanoDollars};
use crate::ledger::sample::{self, NOON};

mod damage;
mod queries;
mod trouble;

/// Longer than anything here takes on a busy machine.
const LONG: Duration = Duration::from_secs(10);

/// 2026-11-21T01:02:03Z
const NOW: i64 = 1_795_222_923_000_000;

/// A ledger in a folder of its own.
struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("pointsman.db")
    }

    fn options(&self) -> Options {
        let clock = Arc::new(ManualClock::at(Wall::from_micros(NOW)));
        Options {
            commit_every: Duration::from_millis(2),
            ..Options::new(self.path(), clock)
        }
    }

    fn open(&self) -> Ledger {
        Ledger::open(self.options())
    }

    /// Another program's connection.
    fn foreign(&self) -> Connection {
        foreign(&self.path())
    }

    /// The names of all files, sorted.
    fn files(&self) -> Vec<String> {
        let list = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> = list
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn foreign(path: &Path) -> Connection {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap()
}

/// Records the first `many` mixed samples and waits until they are written.
fn fill(ledger: &Ledger, many: u64) {
    for number in 0..many {
        ledger.record(Arc::new(sample::mixed(number)));
    }
    assert!(ledger.flush(LONG), "{:?}", ledger.status());
}

/// Looks until `done` is so. The writer works on a thread of its own, in real time.
fn await_status(ledger: &Ledger, what: &str, done: impl Fn(&Status) -> bool) -> Status {
    let (_keep, signal) = std::sync::mpsc::channel::<()>();
    for _ in 0..4_000 {
        let status = ledger.status();
        if done(&status) {
            return status;
        }
        assert!(signal.recv_timeout(Duration::from_millis(5)).is_err());
    }
    panic!("{what}: {:?}", ledger.status());
}

#[test]
fn what_is_written_comes_back_as_it_was() {
    let bench = Bench::new();
    let ledger = bench.open();
    let mut odd = sample::plain(7);
    odd.call_id = CallId::new("my call/7");
    odd.tags = vec!["a \"b\"".to_owned(), "ü".to_owned(), "c".to_owned()];
    odd.window = None;
    odd.cost = None;
    odd.usage = None;
    odd.first_token_us = None;
    odd.error = "reset".to_owned();
    odd.attempts[0].status = None;
    odd.attempts[0].message = "the connection ended".to_owned();
    odd.took_us = u64::try_from(i64::MAX).unwrap();
    let records = [
        sample::plain(1),
        sample::failed_over(2),
        sample::refused(3),
        odd,
    ];
    for record in &records {
        ledger.record(Arc::new(record.clone()));
    }
    assert!(ledger.flush(LONG));
    let mut back = ledger.recent(10).unwrap();
    back.reverse();
    assert_eq!(back, records);
    assert_eq!(ledger.recent(1).unwrap(), [records[3].clone()]);
    assert_eq!(ledger.status().written, 4);
    assert_eq!(ledger.status().trouble, "");
}

#[test]
fn rows_outlive_the_process_and_the_file_is_tidy() {
    let bench = Bench::new();
    let ledger = bench.open();
    fill(&ledger, 100);
    assert!(ledger.close(LONG));
    assert_eq!(bench.files(), ["pointsman.db"], "the log is folded in");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(bench.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let again = bench.open();
    assert_eq!(again.recent(1_000).unwrap().len(), 100);
    fill(&again, 1);
    assert_eq!(again.recent(1_000).unwrap().len(), 101);
    let one: (i64, String, i64) = bench
        .foreign()
        .query_row(
            "SELECT (SELECT * FROM pragma_auto_vacuum), (SELECT * FROM pragma_journal_mode),
                    (SELECT count(*) FROM routes)",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .unwrap();
    assert_eq!((one.0, one.1.as_str()), (2, "wal"), "incremental, WAL");
    assert!(one.2 <= 6, "texts are written once: {}", one.2);
}

#[test]
fn a_row_takes_at_most_200_bytes() {
    let bench = Bench::new();
    let ledger = bench.open();
    fill(&ledger, 100);
    assert!(ledger.close(LONG));
    let before = fs::metadata(bench.path()).unwrap().len();
    let ledger = bench.open();
    for number in 100..20_100 {
        ledger.record(Arc::new(sample::mixed(number)));
    }
    assert!(ledger.close(LONG));
    let grown = fs::metadata(bench.path()).unwrap().len() - before;
    let row = grown / 20_000;
    assert!(row <= 200, "{row} bytes a row");
    assert!(row >= 100, "{row} bytes a row: is everything there?");
}

#[test]
fn a_row_is_on_disk_within_100_ms_without_anybody_asking() {
    let bench = Bench::new();
    let ledger = Ledger::open(Options {
        commit_every: Duration::from_hours(1),
        ..bench.options()
    });
    fill(&ledger, 1);
    let reader = bench.foreign();
    ledger.record(Arc::new(sample::plain(2)));
    // The bound is 50 ms however long `commit_every` is; what is left is for a busy machine. Looking
    // from another connection is what a new process finds after `kill -9`.
    await_status(&ledger, "written", |status| status.written == 2);
    let rows: i64 = reader
        .query_row("SELECT count(*) FROM requests", [], |row| row.get(0))
        .unwrap();
    assert_eq!(rows, 2);
}

#[test]
fn rows_in_one_gather_share_a_transaction() {
    let bench = Bench::new();
    let ledger = Ledger::open(Options {
        commit_every: Duration::from_millis(50),
        ..bench.options()
    });
    fill(&ledger, 1);
    let watcher = bench.foreign();
    let version = || -> i64 {
        watcher
            .query_row("SELECT * FROM pragma_data_version", [], |row| row.get(0))
            .unwrap()
    };
    let mut seen = vec![version()];
    for number in 0..2_000 {
        ledger.record(Arc::new(sample::plain(number)));
    }
    while ledger.status().queued > 0 {
        seen.push(version());
    }
    seen.push(version());
    seen.dedup();
    assert!(
        seen.len() <= 20,
        "{} transactions for 2,000 rows",
        seen.len()
    );
}

#[test]
fn call_ids_need_not_be_unique() {
    let bench = Bench::new();
    let ledger = bench.open();
    for (number, id) in [(1, "same"), (2, "same"), (3, "other")] {
        let mut record = sample::plain(number);
        record.call_id = CallId::new(id);
        ledger.record(Arc::new(record));
    }
    let uuid = sample::plain(9);
    ledger.record(Arc::new(uuid.clone()));
    ledger.record(Arc::new(uuid.clone()));
    assert!(ledger.flush(LONG));
    let found = |id: &str| ledger.by_call_id(id).unwrap().len();
    assert_eq!((found("same"), found("other"), found("none")), (2, 1, 0));
    assert_eq!(found(uuid.call_id.as_str()), 2);
    let plan: String = bench
        .foreign()
        .query_row(
            "EXPLAIN QUERY PLAN SELECT * FROM requests WHERE call_id = x'00'",
            [],
            |row| row.get(3),
        )
        .unwrap();
    assert!(plan.contains("requests_call_id"), "{plan}");
}

#[test]
fn a_clock_that_jumps_back_loses_and_reorders_nothing() {
    let bench = Bench::new();
    let ledger = bench.open();
    let hour = 3_600_000_000;
    for (number, shift) in [(1, 0), (2, -30 * hour), (3, 5), (4, i64::MIN / 2)] {
        let mut record = sample::plain(number);
        record.started = Wall::from_micros(NOON + shift);
        if shift == i64::MIN / 2 {
            record.started = Wall::from_micros(-5);
        }
        record.call_id = CallId::new(&format!("call-{number}"));
        ledger.record(Arc::new(record));
    }
    assert!(ledger.flush(LONG));
    let order: Vec<String> = ledger
        .recent(10)
        .unwrap()
        .iter()
        .map(|record| record.call_id.to_string())
        .collect();
    assert_eq!(order, ["call-4", "call-3", "call-2", "call-1"]);
    let today = ledger
        .totals_between(Wall::from_micros(NOON), Wall::from_micros(i64::MAX))
        .unwrap();
    assert_eq!(today.all.requests, 2);
    let ever = ledger
        .totals_between(Wall::from_micros(i64::MIN), Wall::from_micros(i64::MAX))
        .unwrap();
    assert_eq!(ever.all.requests, 4);
}

#[test]
fn the_last_handle_ends_the_writer_and_its_rows_are_written() {
    let bench = Bench::new();
    let ledger = bench.open();
    let shared = Arc::clone(&ledger.0.shared);
    for number in 0..500 {
        ledger.record(Arc::new(sample::plain(number)));
    }
    drop(ledger);
    assert!(shared.wait_for_end(LONG));
    assert_eq!(bench.open().recent(1_000).unwrap().len(), 500);
}

#[test]
fn after_closing_a_row_is_lost_and_counted() {
    let bench = Bench::new();
    let ledger = bench.open();
    fill(&ledger, 3);
    assert!(ledger.close(LONG));
    ledger.record(Arc::new(sample::plain(4)));
    let status = ledger.status();
    assert_eq!((status.written, status.lost, status.queued), (3, 1, 0));
    assert!(ledger.close(Duration::ZERO), "closing twice is fine");
    assert_eq!(ledger.recent(10).unwrap().len(), 3, "still readable");
}

#[test]
fn requests_without_rows_keep_their_sums_on_one_line_a_quarter_of_an_hour() {
    let bench = Bench::new();
    let ledger = bench.open();
    let mut expected = Totals::default();
    for number in 0..3 {
        let mut record = sample::plain(0);
        record.started = Wall::from_micros(NOON + number);
        expected.add(&record);
        ledger.sum(&record);
        assert!(ledger.flush(LONG), "a batch of its own");
    }
    let mut later = sample::plain(0);
    later.started = Wall::from_micros(NOON + 15 * 60 * 1_000_000);
    expected.add(&later);
    ledger.sum(&later);
    assert!(ledger.flush(LONG));
    let status = ledger.status();
    assert_eq!((status.written, status.lost), (0, 0));
    let all = ledger.totals_between(Wall::from_micros(0), Wall::from_micros(i64::MAX));
    assert_eq!(all.unwrap().all, expected);
    let count = |table: &str| -> i64 {
        let query = format!("SELECT count(*) FROM {table}");
        bench
            .foreign()
            .query_row(&query, [], |row| row.get(0))
            .unwrap()
    };
    assert_eq!((count("requests"), count("gaps")), (0, 2));
}

#[test]
fn recording_waits_for_nobody() {
    let bench = Bench::new();
    let ledger = bench.open();
    fill(&ledger, 1);
    let foreign = bench.foreign();
    foreign.execute_batch("BEGIN EXCLUSIVE").unwrap();
    // Nobody can write: what is handed in must not wait for that.
    let records: Vec<_> = (0..20_000)
        .map(|number| Arc::new(sample::plain(number)))
        .collect();
    for record in records {
        ledger.record(record);
    }
    assert_eq!(ledger.status().queued, 20_000);
    foreign.execute_batch("COMMIT").unwrap();
    assert!(ledger.close(LONG));
    let sum: NanoDollars = (0..20_000)
        .filter_map(|number| sample::plain(number).cost)
        .sum();
    let all = ledger
        .totals_between(Wall::from_micros(0), Wall::from_micros(i64::MAX))
        .unwrap()
        .all;
    let first = sample::mixed(0).cost.unwrap_or_default();
    assert_eq!(all.cost, sum.plus(first));
}
