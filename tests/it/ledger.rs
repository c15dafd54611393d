//! The ledger against a real `kill -9` and a really full disk.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use pointsman::base::{CallId, ManualClock, NanoDollars, RequestRecord, Surface, Wall};
use pointsman::ledger::{Ledger, Options, Status};

/// Tells the test binary, started once more, where to write until it is killed.
const VICTIM: &str = "POINTSMAN_TEST_LEDGER";

/// Longer than anything here takes on a busy machine.
const LONG: Duration = Duration::from_secs(20);

fn open(path: PathBuf) -> Ledger {
    let clock = Arc::new(ManualClock::at(Wall::from_micros(1_795_222_923_000_000)));
    Ledger::open(Options::new(path, clock))
}

fn record(number: u64) -> RequestRecord {
    RequestRecord {
        call_id: CallId::new(&number.to_string()),
        started: Wall::from_micros(1_795_222_923_000_000),
        took_us: 900_000,
        first_token_us: None,
        overhead_us: 50,
        surface: Surface::Chat,
        client_model: "chat".into(),
        group: "chat".into(),
        deployment: "0123456789abcdef".into(),
        model: "gpt-4o-mini".into(),
        provider: "openai".into(),
        host: "https://api.openai.com".into(),
        usage: None,
        window: None,
        cost: Some(NanoDollars(1)),
        status: 200,
        error: String::new(),
        key: "master".into(),
        end_user: String::new(),
        user_agent: "curl/8.5.0".into(),
        client_addr: "127.0.0.1".into(),
        tags: Vec::new(),
        stream: false,
        retries: 0,
        fallbacks: 0,
        bytes_in: 100,
        bytes_out: 1_000,
        attempts: Vec::new(),
    }
}

/// Waits `pause` without anything to wait for: rows must arrive over some time.
fn pass(pause: Duration) {
    let (_keep, signal) = std::sync::mpsc::channel::<()>();
    assert!(signal.recv_timeout(pause).is_err());
}

fn await_status(ledger: &Ledger, what: &str, done: impl Fn(&Status) -> bool) -> Status {
    for _ in 0..4_000 {
        let status = ledger.status();
        if done(&status) {
            return status;
        }
        pass(Duration::from_millis(5));
    }
    let status = ledger.status();
    assert!(done(&status), "{what}: {status:?}");
    status
}

/// Writes rows and says so, a line a row. By itself it checks that they are all there; as the victim
/// of the test below it goes on until it is killed.
#[test]
fn a_writer_of_rows() {
    if let Some(path) = std::env::var_os(VICTIM) {
        let ledger = open(path.into());
        for number in 0..1_000_000 {
            ledger.record(Arc::new(record(number)));
            println!("row {number}");
            if number % 20 == 0 {
                pass(Duration::from_millis(1));
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path().join("pointsman.db"));
    for number in 0..50 {
        ledger.record(Arc::new(record(number)));
    }
    assert!(ledger.close(LONG));
    assert_eq!(ledger.recent(100).unwrap().len(), 50);
}

fn start_victim(path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "ledger::a_writer_of_rows", "--nocapture"])
        .env(VICTIM, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn a_killed_process_loses_only_what_was_settled_last() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pointsman.db");
    let mut victim = start_victim(&path);
    let lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    let mut numbers = lines.filter_map(|line| line.unwrap().strip_prefix("row ")?.parse().ok());
    let settled: u64 = numbers.find(|number| *number >= 5_000).unwrap();
    // What was settled by now must be on disk 100 ms later; the rest is for a busy machine.
    pass(Duration::from_millis(400));
    victim.kill().unwrap();
    victim.wait().unwrap();

    let ledger = open(path);
    let kept = ledger.recent(u32::MAX).unwrap();
    let newest: u64 = kept[0].call_id.as_str().parse().unwrap();
    assert!(
        newest >= settled,
        "row {settled} is lost; the last one is {newest}"
    );
    let order = kept.iter().rev().map(|row| row.call_id.to_string());
    assert!(
        order.eq((0..=newest).map(|number| number.to_string())),
        "rows are missing or doubled"
    );
    ledger.record(Arc::new(record(0)));
    assert!(ledger.flush(LONG));
    assert_eq!(ledger.status().trouble, "", "the file opens clean");
    assert!(ledger.close(LONG));
}

/// A small disk of its own, where the machine lets us mount one.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn new() -> Option<Self> {
        let disk = Self(tempfile::tempdir().unwrap());
        disk.mount("size=1m").then_some(disk)
    }

    fn mount(&self, options: &str) -> bool {
        let mut command = Command::new("mount");
        command
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(self.0.path());
        let outcome = command.stderr(Stdio::null()).status();
        outcome.is_ok_and(|status| status.success())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let outcome = Command::new("umount")
            .arg("-l")
            .arg(self.0.path())
            .stderr(Stdio::null())
            .status();
        drop(outcome);
    }
}

#[test]
fn a_really_full_disk_is_told_and_recovered_from() {
    let Some(disk) = SmallDisk::new() else {
        // `ledger::tests::trouble` does the same with SQLite's own limit.
        return println!("no right to mount a small disk here");
    };
    let ledger = open(disk.0.path().join("pointsman.db"));
    for number in 0..30_000 {
        ledger.record(Arc::new(record(number)));
    }
    let status = await_status(&ledger, "trouble", |status| !status.writing);
    assert!(
        status.trouble.contains("no space is left"),
        "{}",
        status.trouble
    );
    assert_eq!(status.written + status.queued, 30_000);
    assert!(disk.mount("remount,size=64m"));
    assert!(ledger.flush(LONG), "{:?}", ledger.status());
    let status = ledger.status();
    assert_eq!(
        (status.written, status.lost, status.trouble.as_str()),
        (30_000, 0, "")
    );
    assert!(ledger.close(LONG));
}
