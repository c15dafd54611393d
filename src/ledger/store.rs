//! The file open for writing: opens, checks, sets aside, and writes one batch as one transaction.
//!
//! Owned by the writer's thread; nobody else has a connection that can write. It keeps no row: a
//! batch that failed is the caller's to try again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::base::Wall;
use crate::ledger::dictionary::Dictionary;
use crate::ledger::place::{self, Head};
use crate::ledger::queue::Batch;
use crate::ledger::rows::Rows;
use crate::ledger::schema;
use crate::ledger::trouble::{Cause, Trouble};

/// How long a statement waits for a foreign lock before the trouble is shown and tried again later.
const LOCK_WAIT: Duration = Duration::from_millis(500);

/// Files up to this size are checked page by page when they are opened; larger ones would take long.
const CHECKED_BYTES: u64 = 32 << 20;

/// Files that may be passed over or set aside in one opening.
const MAX_FILES: usize = 4;

/// What the write-ahead log may keep on disk after a checkpoint.
const LOG_BYTES: i64 = 16 << 20;

/// The open file.
#[derive(Debug)]
pub(super) struct Store {
    conn: Connection,
    path: PathBuf,
    identity: Option<(u64, u64)>,
    dictionary: Dictionary,
    #[cfg(test)]
    limited: std::cell::Cell<bool>,
}

/// A file that was opened, and what a person should know about how.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) store: Store,
    /// Empty when there is nothing to say.
    pub(super) note: String,
}

/// What lies at a path.
enum Found {
    /// Nothing, or an empty database.
    Empty,
    /// A ledger this version can carry on.
    Ours,
    /// A ledger of this later version.
    Newer(i64),
    /// Another program's database.
    Foreign,
    /// No database any more.
    Damaged(Trouble),
}

impl Store {
    /// Opens the ledger at `path`, or another file beside it where that one must not be touched. The
    /// file named by `distrust` is set aside unseen: writing to it has shown that it is damaged.
    pub(super) fn open(path: &Path, now: Wall, distrust: Option<&Path>) -> Result<Opened, Trouble> {
        place::prepare_folder(path)?;
        let network = place::network_file_system(path);
        let mut notes = Vec::new();
        if let Some(broken) = distrust {
            let trouble = Trouble::new(Cause::Damaged, broken, "writing found a broken page");
            notes.push(set_aside(&trouble, now)?);
        }
        if let Some(kind) = network {
            notes.push(format!(
                "the ledger {} lies on {kind}, where SQLite's write-ahead log is not safe: it is written the slow way; choose a local folder with --data-dir",
                path.display()
            ));
        }
        let mut path = path.to_owned();
        for _ in 0..MAX_FILES {
            let found = match inspect(&path)? {
                Found::Empty if place::has_log(&path) => {
                    let name = place::set_aside(&path, "orphan", &stamp(now))?;
                    notes.push(format!(
                        "{} was gone and what was left of it is kept as {}-wal: a new ledger was begun",
                        path.display(),
                        name.display()
                    ));
                    continue;
                },
                Found::Empty | Found::Ours => Self::attach(&path, network.is_some()),
                Found::Damaged(trouble) => Err(trouble),
                Found::Newer(version) => {
                    path = beside(&path, &mut notes, |path| {
                        format!(
                            "the ledger {path} was written by a newer version (schema {version})"
                        )
                    });
                    continue;
                },
                Found::Foreign => {
                    path = beside(&path, &mut notes, |path| {
                        format!("{path} is another program's database")
                    });
                    continue;
                },
            };
            match found {
                Ok(store) => {
                    let note = notes.join("; ");
                    return Ok(Opened { store, note });
                },
                Err(trouble) if trouble.cause == Cause::Damaged => {
                    notes.push(set_aside(&trouble, now)?);
                },
                Err(trouble) => return Err(trouble),
            }
        }
        Err(Trouble::new(Cause::Io, &path, "no usable file beside it"))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a batch, all of it or nothing.
    pub(super) fn write(&mut self, batch: &Batch) -> Result<(), Trouble> {
        let identity = place::identity(&self.path);
        if !matches!(identity, Ok(found) if found == self.identity) {
            return Err(Trouble::new(Cause::Gone, &self.path, ""));
        }
        self.transact(batch).map_err(|error| {
            self.dictionary.clear();
            Trouble::of(&error, &self.path)
        })
    }

    /// Limits the file to this many pages, as a disk of that size would.
    #[cfg(test)]
    pub(super) fn limit_pages(&self, pages: u32) {
        // Where there is no limit, nothing is asked: the file may be broken on purpose.
        if pages == u32::MAX && !self.limited.replace(false) {
            return;
        }
        self.limited.set(pages != u32::MAX);
        self.conn
            .query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
            .unwrap();
    }

    fn attach(path: &Path, network: bool) -> Result<Self, Trouble> {
        place::create_private(path)?;
        let trouble = |error: rusqlite::Error| Trouble::of(&error, path);
        let mut conn = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(trouble)?;
        prepare(&conn, network).map_err(trouble)?;
        let small = std::fs::metadata(path).is_ok_and(|found| found.len() <= CHECKED_BYTES);
        if small {
            let verdict: String = conn
                .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
                .map_err(trouble)?;
            if verdict != "ok" {
                return Err(Trouble::new(Cause::Damaged, path, verdict));
            }
        }
        schema::migrate(&mut conn, schema::STEPS).map_err(trouble)?;
        let identity = place::identity(path)
            .map_err(|error| Trouble::new(Cause::Io, path, error.to_string()))?;
        Ok(Self {
            conn,
            path: path.to_owned(),
            identity,
            dictionary: Dictionary::new(),
            #[cfg(test)]
            limited: std::cell::Cell::new(false),
        })
    }

    fn transact(&mut self, batch: &Batch) -> rusqlite::Result<()> {
        let change = self
            .conn
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut rows = Rows::new(&change, &mut self.dictionary)?;
        for record in &batch.rows {
            rows.request(record)?;
        }
        for (key, gap) in &batch.gaps {
            rows.gap(key, gap)?;
        }
        rows.finish()?;
        change.commit()
    }
}

/// Opens a connection.
pub(super) fn connect(path: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    let conn = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.busy_timeout(LOCK_WAIT)?;
    Ok(conn)
}

/// What holds for the writer's connection, and for the file while it is still empty.
fn prepare(conn: &Connection, network: bool) -> rusqlite::Result<()> {
    // Before the first table: later it is ignored.
    conn.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    let journal = if network { "TRUNCATE" } else { "WAL" };
    conn.query_row(&format!("PRAGMA journal_mode = {journal}"), [], |_| Ok(()))?;
    conn.pragma_update(None, "synchronous", "NORMAL")?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    // Every id the writer puts in comes from `dictionary`, in the same transaction or an earlier one:
    // looking each of them up again would be a fifth of the cost of a row.
    conn.pragma_update(None, "foreign_keys", false)?;
    conn.query_row(
        &format!("PRAGMA journal_size_limit = {LOG_BYTES}"),
        [],
        |_| Ok(()),
    )
}

/// Renames a damaged file and says so.
fn set_aside(trouble: &Trouble, now: Wall) -> Result<String, Trouble> {
    let name = place::set_aside(&trouble.path, "corrupt", &stamp(now))?;
    Ok(format!(
        "the ledger {} was damaged ({}) and is kept as {}: a new one was begun",
        trouble.path.display(),
        trouble.detail,
        name.display()
    ))
}

/// The file to use instead of one that must be left alone; says why.
fn beside(path: &Path, notes: &mut Vec<String>, why: impl FnOnce(String) -> String) -> PathBuf {
    let beside = place::beside(path, schema::newest(schema::STEPS));
    notes.push(format!(
        "{} and is left alone: rows go to {}",
        why(path.display().to_string()),
        beside.display()
    ));
    beside
}

/// Looks at a file without changing it.
fn inspect(path: &Path) -> Result<Found, Trouble> {
    let damaged = |detail: &str| Ok(Found::Damaged(Trouble::new(Cause::Damaged, path, detail)));
    match place::head(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Found::Empty),
        Err(error) => return Err(Trouble::new(Cause::ReadOnly, path, error.to_string())),
        Ok(Head::Empty) => return Ok(Found::Empty),
        // SQLite would take a file of a few bytes for an empty one, and write over it.
        Ok(Head::NoDatabase) => return damaged("file is not a database"),
        Ok(Head::Database {
            application,
            version,
            settled: true,
        }) if application == schema::APPLICATION_ID => return Ok(ours(version)),
        Ok(Head::Database { .. }) => {},
    }
    let looked = look(path, OpenFlags::SQLITE_OPEN_READ_ONLY).or_else(|error| {
        // A rollback journal left by a crash can be played back only by a connection that may write.
        match Trouble::of(&error, path).cause {
            Cause::ReadOnly => look(path, OpenFlags::SQLITE_OPEN_READ_WRITE),
            _ => Err(error),
        }
    });
    match looked {
        Ok(found) => Ok(found),
        Err(error) => match Trouble::of(&error, path) {
            trouble if trouble.cause == Cause::Damaged => Ok(Found::Damaged(trouble)),
            trouble => Err(trouble),
        },
    }
}

/// A ledger of this version.
fn ours(version: i64) -> Found {
    if version > schema::newest(schema::STEPS) {
        Found::Newer(version)
    } else {
        Found::Ours
    }
}

fn look(path: &Path, access: OpenFlags) -> rusqlite::Result<Found> {
    let conn = connect(path, access)?;
    let application = schema::application(&conn)?;
    let version = schema::version(&conn)?;
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
    Ok(match application {
        schema::APPLICATION_ID => ours(version),
        0 if tables == 0 => Found::Empty,
        _ => Found::Foreign,
    })
}

/// `YYYYMMDD-HHMMSS` in UTC.
fn stamp(now: Wall) -> String {
    let ask = |conn: Connection| {
        let sql = "SELECT strftime('%Y%m%d-%H%M%S', ?1, 'unixepoch')";
        conn.query_row(sql, [now.as_secs()], |row| row.get(0))
    };
    let text = Connection::open_in_memory().and_then(ask);
    text.unwrap_or_else(|_error| now.as_secs().to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::base::RequestRecord;
    use crate::ledger::read::Reader;
    use crate::ledger::sample;

    fn batch(numbers: std::ops::Range<u64>) -> Batch {
        Batch {
            rows: numbers
                .map(|number| Arc::new(sample::mixed(number)))
                .collect(),
            ..Batch::default()
        }
    }

    #[test]
    fn without_shared_memory_the_file_is_written_with_a_journal() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pointsman.db");
        let journal = |store: &Store| -> String {
            let ask = "SELECT * FROM pragma_journal_mode";
            store.conn.query_row(ask, [], |row| row.get(0)).unwrap()
        };
        for (network, mode, from) in [
            (true, "truncate", 0),
            (false, "wal", 50),
            (true, "truncate", 100),
        ] {
            let mut store = Store::attach(&path, network).unwrap();
            assert_eq!(journal(&store), mode);
            store.write(&batch(from..from + 50)).unwrap();
            let reader = connect(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
            let rows: u32 = reader
                .query_row("SELECT count(*) FROM requests", [], |row| row.get(0))
                .unwrap();
            assert_eq!(u64::from(rows), from + 50);
        }
    }

    /// All requests of a file, oldest first.
    fn stored(path: &Path) -> Vec<RequestRecord> {
        let mut found = Reader::open(path).unwrap().recent(10_000).unwrap();
        found.reverse();
        found
    }

    fn records(batches: &[Batch]) -> Vec<RequestRecord> {
        let rows = batches.iter().flat_map(|batch| &batch.rows);
        rows.map(|record| RequestRecord::clone(record)).collect()
    }

    #[test]
    fn a_failed_batch_leaves_nothing_behind() {
        for way in ["ABORT", "FAIL", "ROLLBACK"] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("pointsman.db");
            let mut store = Store::attach(&path, false).unwrap();
            // Texts that only the failed batch brings, so that the ids it learned go to others.
            let mut failed: Vec<_> = records(&[batch(40..77)]);
            for (number, record) in failed.iter_mut().enumerate() {
                record.end_user = format!("gone-{number}");
                record.group = "gone".into();
                record.user_agent = "gone/1".into();
                record.error = "gone".to_owned();
                for attempt in &mut record.attempts {
                    attempt.group = "gone".into();
                    attempt.message = format!("gone {number}");
                }
            }
            failed.last_mut().unwrap().bytes_in = 77_777;
            let failed = Batch {
                rows: failed.into_iter().map(Arc::new).collect(),
                ..Batch::default()
            };
            let written = [batch(0..20), batch(77..114)];
            store.write(&written[0]).unwrap();
            let trigger = format!(
                "CREATE TEMP TRIGGER broken AFTER INSERT ON main.requests WHEN NEW.bytes_in = 77777
                 BEGIN SELECT RAISE({way}, 'broken'); END"
            );
            store.conn.execute_batch(&trigger).unwrap();
            let trouble = store.write(&failed).unwrap_err();
            assert!(trouble.detail.contains("broken"), "{way}: {trouble:?}");
            assert_eq!(stored(&path), records(&written[..1]), "{way}");
            store.conn.execute_batch("DROP TRIGGER broken").unwrap();
            store.write(&written[1]).unwrap();
            assert_eq!(stored(&path), records(&written), "{way}");
            let again = [written, [failed, Batch::default()]].concat();
            store.write(&again[2]).unwrap();
            assert_eq!(stored(&path), records(&again), "{way}");
        }
    }

    #[test]
    fn attempts_follow_their_requests_whoever_else_writes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pointsman.db");
        let mut store = Store::attach(&path, false).unwrap();
        let foreign = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
        foreign.pragma_update(None, "foreign_keys", false).unwrap();
        store.write(&batch(0..30)).unwrap();
        // Removes the newest ten: their ids are free again.
        foreign
            .execute_batch(
                "DELETE FROM attempts WHERE request > 20; DELETE FROM requests WHERE id > 20",
            )
            .unwrap();
        store.write(&batch(30..50)).unwrap();
        assert_eq!(stored(&path), records(&[batch(0..20), batch(30..50)]));
        foreign
            .execute_batch("UPDATE requests SET id = 1000 WHERE id = 40; UPDATE attempts SET request = 1000 WHERE request = 40")
            .unwrap();
        store.write(&batch(50..90)).unwrap();
        assert_eq!(stored(&path), records(&[batch(0..20), batch(30..90)]));
        let newest = |id: i64| foreign.execute("UPDATE requests SET id = ?1 WHERE id > 1000", [id]);
        foreign
            .execute_batch(
                "DELETE FROM attempts WHERE request > 1000; DELETE FROM requests WHERE id > 1001",
            )
            .unwrap();
        newest(i64::MAX).unwrap();
        let trouble = store.write(&batch(90..100)).unwrap_err();
        assert!(
            trouble.sentence().contains("should have been"),
            "{trouble:?}"
        );
        newest(1_001).unwrap();
        store.write(&batch(90..100)).unwrap();
        let found = stored(&path);
        assert_eq!(found[found.len() - 10..], records(&[batch(90..100)]));
    }

    #[test]
    fn texts_that_clients_choose_are_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pointsman.db");
        let mut store = Store::attach(&path, false).unwrap();
        let mut record = sample::plain(1);
        let long = "x".repeat(1 << 20);
        record.client_model = long.as_str().into();
        record.end_user.clone_from(&long);
        record.user_agent = long.as_str().into();
        record.tags = vec![long.clone(); 1_000];
        record.attempts[0].message = long;
        let rows = vec![Arc::new(record)];
        store
            .write(&Batch {
                rows,
                ..Batch::default()
            })
            .unwrap();
        drop(store);
        let length = std::fs::metadata(&path).unwrap().len();
        assert!(length < 400_000, "{length}");
    }
}
