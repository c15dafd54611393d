//! Files that are damaged, newer, or another program's: set aside or left alone, never overwritten.

use super::*;

const ASIDE: &str = "pointsman.db.corrupt-20261121-010203";

/// Opens on whatever lies there, and proves that rows are written all the same.
fn serves_on(bench: &Bench) -> Status {
    let ledger = bench.open();
    ledger.record(Arc::new(sample::plain(1)));
    assert!(ledger.flush(LONG), "{:?}", ledger.status());
    assert_eq!(ledger.recent(10).unwrap(), [sample::plain(1)]);
    let status = ledger.status();
    assert!(ledger.close(LONG));
    status
}

#[test]
fn garbage_is_set_aside() {
    let bench = Bench::new();
    let garbage = "this is no database at all ".repeat(400);
    fs::write(bench.path(), &garbage).unwrap();
    let status = serves_on(&bench);
    assert!(status.trouble.contains(ASIDE), "{}", status.trouble);
    assert!(status.writing);
    let aside = bench.folder.path().join(ASIDE);
    assert_eq!(fs::read_to_string(aside).unwrap(), garbage);
}

#[test]
fn every_length_of_a_truncated_file_is_survived() {
    let whole = {
        let bench = Bench::new();
        let ledger = bench.open();
        fill(&ledger, 300);
        assert!(ledger.close(LONG));
        fs::read(bench.path()).unwrap()
    };
    for length in [
        1,
        15,
        16,
        99,
        100,
        512,
        4_095,
        4_096,
        8_192,
        whole.len() / 2,
        whole.len() - 4_096,
    ] {
        let bench = Bench::new();
        fs::write(bench.path(), &whole[..length]).unwrap();
        let status = serves_on(&bench);
        assert!(
            status.trouble.contains(ASIDE),
            "{length}: {}",
            status.trouble
        );
        let kept = fs::read(bench.folder.path().join(ASIDE)).unwrap();
        assert_eq!(kept, whole[..length], "{length}");
    }
}

#[test]
fn a_broken_page_in_the_middle_is_found_at_the_start() {
    let bench = Bench::new();
    let ledger = bench.open();
    fill(&ledger, 300);
    assert!(ledger.close(LONG));
    let mut bytes = fs::read(bench.path()).unwrap();
    let middle = bytes.len() / 4_096 / 2 * 4_096;
    bytes[middle..middle + 4_096].fill(0xA5);
    fs::write(bench.path(), &bytes).unwrap();
    let status = serves_on(&bench);
    assert!(status.trouble.contains(ASIDE), "{}", status.trouble);
}

#[test]
fn a_file_broken_while_in_use_is_set_aside() {
    let bench = Bench::new();
    let ledger = bench.open();
    fill(&ledger, 300);
    // Everything is in the file, so that overwriting it hits what the writer reads next.
    bench
        .foreign()
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .unwrap();
    let long = fs::metadata(bench.path()).unwrap().len();
    let broken = vec![0xA5; usize::try_from(long).unwrap()];
    fs::write(bench.path(), broken).unwrap();
    // A foreign write makes the writer drop the pages it remembers.
    ledger.record(Arc::new(sample::failed_over(1)));
    let many: Vec<_> = (0..3_000)
        .map(|number| Arc::new(sample::mixed(number)))
        .collect();
    for record in many {
        ledger.record(record);
    }
    let status = await_status(&ledger, "recovery", |status| status.written == 3_301);
    assert_eq!(status.lost, 0);
    assert!(status.trouble.contains(".corrupt-"), "{}", status.trouble);
    assert!(!ledger.recent(5_000).unwrap().is_empty());
}

#[test]
fn a_newer_file_is_left_alone_and_another_used() {
    let bench = Bench::new();
    let ledger = bench.open();
    fill(&ledger, 3);
    assert!(ledger.close(LONG));
    let newer = schema::newest(schema::STEPS) + 1;
    bench
        .foreign()
        .pragma_update(None, "user_version", newer)
        .unwrap();
    let before = fs::read(bench.path()).unwrap();
    let status = serves_on(&bench);
    assert!(
        status.trouble.contains("newer version"),
        "{}",
        status.trouble
    );
    assert!(
        status.path.ends_with("pointsman-v1.db"),
        "{:?}",
        status.path
    );
    assert_eq!(fs::read(bench.path()).unwrap(), before);
    assert_eq!(bench.files(), ["pointsman-v1.db", "pointsman.db"]);
    let again = bench.open();
    assert_eq!(
        again.recent(10).unwrap().len(),
        1,
        "the same one is carried on"
    );
}

#[test]
fn another_programs_database_is_left_alone() {
    let bench = Bench::new();
    let conn = Connection::open_with_flags(
        bench.path(),
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
    )
    .unwrap();
    conn.execute_batch("CREATE TABLE photos (id INTEGER)")
        .unwrap();
    drop(conn);
    let before = fs::read(bench.path()).unwrap();
    let status = serves_on(&bench);
    assert!(
        status.trouble.contains("another program"),
        "{}",
        status.trouble
    );
    assert_eq!(fs::read(bench.path()).unwrap(), before);
}

#[test]
fn what_a_killed_process_left_in_the_log_is_there_again() {
    let bench = Bench::new();
    let ledger = bench.open();
    fill(&ledger, 50);
    // A copy of the files as they are now is what a kill leaves behind.
    let other = Bench::new();
    for part in ["", "-wal"] {
        let name = format!("pointsman.db{part}");
        fs::copy(
            bench.folder.path().join(&name),
            other.folder.path().join(&name),
        )
        .unwrap();
    }
    let again = other.open();
    assert_eq!(again.recent(100).unwrap().len(), 50);
    fill(&again, 1);
    let verdict: String = other
        .foreign()
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(
        (verdict.as_str(), again.status().trouble.as_str()),
        ("ok", "")
    );
}

#[test]
fn a_log_without_its_file_is_kept() {
    let bench = Bench::new();
    let log = bench.folder.path().join("pointsman.db-wal");
    fs::write(&log, "what is left").unwrap();
    let status = serves_on(&bench);
    assert!(status.trouble.contains("orphan"), "{}", status.trouble);
    let kept = "pointsman.db.orphan-20261121-010203-wal";
    assert_eq!(bench.files(), ["pointsman.db", kept]);
    let text = fs::read_to_string(bench.folder.path().join(kept)).unwrap();
    assert_eq!(text, "what is left");
}
