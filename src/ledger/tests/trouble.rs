//! A full disk, a foreign lock, an overflowing queue, a folder that is not there.

use super::*;

#[test]
fn a_foreign_lock_keeps_rows_waiting_until_it_is_gone() {
    let bench = Bench::new();
    let ledger = bench.open();
    fill(&ledger, 1);
    let foreign = bench.foreign();
    foreign.execute_batch("BEGIN EXCLUSIVE").unwrap();
    for number in 1..50 {
        ledger.record(Arc::new(sample::plain(number)));
    }
    let status = await_status(&ledger, "trouble", |status| !status.trouble.is_empty());
    assert!(
        status.trouble.contains("another program holds a lock"),
        "{}",
        status.trouble
    );
    assert!(
        status.trouble.contains("pointsman.db"),
        "{}",
        status.trouble
    );
    assert_eq!(
        (status.writing, status.written, status.queued),
        (false, 1, 49)
    );
    assert!(!ledger.flush(Duration::from_millis(1)));
    foreign.execute_batch("ROLLBACK").unwrap();
    let status = await_status(&ledger, "recovery", |status| status.written == 50);
    assert_eq!((status.trouble.as_str(), status.writing), ("", true));
    assert_eq!((status.lost, status.queued), (0, 0));
    assert_eq!(ledger.recent(100).unwrap().len(), 50);
}

#[test]
fn a_full_disk_keeps_rows_waiting_until_there_is_space() {
    let bench = Bench::new();
    let ledger = bench.open();
    fill(&ledger, 10);
    ledger.0.shared.set_page_limit(1);
    for number in 10..3_000 {
        ledger.record(Arc::new(sample::mixed(number)));
    }
    let status = await_status(&ledger, "trouble", |status| !status.trouble.is_empty());
    assert!(
        status.trouble.contains("no space is left"),
        "{}",
        status.trouble
    );
    assert_eq!(status.lost, 0);
    assert_eq!(status.written + status.queued, 3_000);
    ledger.0.shared.set_page_limit(u32::MAX);
    assert!(ledger.flush(LONG));
    let status = ledger.status();
    assert_eq!(
        (status.written, status.lost, status.trouble.as_str()),
        (3_000, 0, "")
    );
    let back = ledger.recent(5_000).unwrap();
    assert_eq!(back.len(), 3_000);
    assert_eq!(
        back[0],
        sample::mixed(2_999),
        "dictionary ids survive the failed try"
    );
}

#[test]
fn an_overflowing_queue_loses_rows_but_no_money() {
    let bench = Bench::new();
    let ledger = Ledger::open(Options {
        queue_rows: 100,
        ..bench.options()
    });
    fill(&ledger, 1);
    let foreign = bench.foreign();
    foreign.execute_batch("BEGIN EXCLUSIVE").unwrap();
    for number in 1..1_000 {
        ledger.record(Arc::new(sample::mixed(number)));
    }
    let status = ledger.status();
    assert_eq!((status.queued, status.lost), (100, 899));
    foreign.execute_batch("COMMIT").unwrap();
    assert!(ledger.flush(LONG));
    let status = ledger.status();
    assert_eq!((status.written, status.lost, status.queued), (101, 899, 0));

    let mut expected = Totals::default();
    (0..1_000).for_each(|number| expected.add(&sample::mixed(number)));
    let since = ledger
        .totals_between(Wall::from_micros(0), Wall::from_micros(i64::MAX))
        .unwrap();
    assert_eq!(since.all, expected);
    let day = 86_400_000_000;
    let days = [Wall::from_micros(NOON - day), Wall::from_micros(NOON + day)];
    let spend = ledger.spend(&days).unwrap();
    assert_eq!(spend.total.totals, expected);
    let by_backend: NanoDollars = spend.by_backend.iter().map(|line| line.totals.cost).sum();
    assert_eq!(by_backend, expected.cost);
    assert_eq!(
        spend.by_backend[0].name, "openai/gpt-4o-mini",
        "gaps know whose money it was"
    );

    let (requests, from, to): (i64, i64, i64) = foreign
        .query_row(
            "SELECT sum(requests), min(started), max(ended) FROM gaps",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .unwrap();
    assert_eq!(requests, 899);
    let both: f64 = foreign
        .query_row(
            "SELECT (SELECT sum(spend) FROM litellm_spend_logs) + (SELECT sum(spend) FROM spend_gaps)",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(
        format!("{both:.9}"),
        format!("{:.9}", expected.cost.0 as f64 / 1e9)
    );
    assert!(NOON < from && from < to);
}

#[test]
fn rows_left_at_the_end_are_counted_as_lost() {
    let bench = Bench::new();
    let ledger = bench.open();
    fill(&ledger, 1);
    let foreign = bench.foreign();
    foreign.execute_batch("BEGIN EXCLUSIVE").unwrap();
    for number in 0..20 {
        ledger.record(Arc::new(sample::plain(number)));
    }
    assert!(!ledger.close(Duration::from_millis(1)));
    let status = ledger.status();
    assert_eq!((status.written, status.lost, status.queued), (1, 20, 0));
    assert!(status.trouble.contains("lock"), "{}", status.trouble);
}

#[test]
fn closing_waits_for_a_lock_to_go() {
    let bench = Bench::new();
    let ledger = bench.open();
    fill(&ledger, 1);
    let foreign = bench.foreign();
    foreign.execute_batch("BEGIN EXCLUSIVE").unwrap();
    ledger.record(Arc::new(sample::plain(2)));
    let closing = {
        let ledger = ledger.clone();
        std::thread::spawn(move || ledger.close(LONG))
    };
    await_status(&ledger, "trouble", |status| !status.writing);
    foreign.execute_batch("ROLLBACK").unwrap();
    assert!(closing.join().unwrap());
    assert_eq!(ledger.status().written, 2);
}

#[test]
fn a_folder_that_cannot_be_made_is_tried_again() {
    let bench = Bench::new();
    let blocker = bench.folder.path().join("data");
    fs::write(&blocker, "a file where the folder should be").unwrap();
    let ledger = Ledger::open(Options {
        path: blocker.join("pointsman.db"),
        ..bench.options()
    });
    ledger.record(Arc::new(sample::plain(1)));
    let status = await_status(&ledger, "trouble", |status| !status.trouble.is_empty());
    assert!(status.trouble.contains("--data-dir"), "{}", status.trouble);
    let error = ledger.recent(1).unwrap_err();
    assert_eq!(error, ReadError::Unavailable(status.trouble));
    fs::remove_file(&blocker).unwrap();
    let status = await_status(&ledger, "recovery", |status| status.written == 1);
    assert_eq!(status.trouble, "");
    assert_eq!(ledger.recent(10).unwrap(), [sample::plain(1)]);
}

#[test]
fn a_file_moved_away_under_us_is_begun_anew() {
    let bench = Bench::new();
    let ledger = bench.open();
    fill(&ledger, 5);
    let moved = bench.folder.path().join("moved.db");
    for part in ["", "-wal", "-shm"] {
        let from = bench.folder.path().join(format!("pointsman.db{part}"));
        fs::rename(from, bench.folder.path().join(format!("moved.db{part}"))).unwrap();
    }
    ledger.record(Arc::new(sample::plain(6)));
    assert!(
        ledger.flush(LONG) || ledger.flush(LONG),
        "{:?}",
        ledger.status()
    );
    assert_eq!(ledger.recent(10).unwrap(), [sample::plain(6)]);
    let kept: i64 = foreign(&moved)
        .query_row("SELECT count(*) FROM requests", [], |row| row.get(0))
        .unwrap();
    assert_eq!(kept, 5);
}
