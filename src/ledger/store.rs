//! The file open for writing: opens, checks, sets aside, and writes one batch as one transaction.
//!
//! Owned by the writer's thread; nobody else has a connection that can write. It keeps no row: a
//! batch that failed is the caller's to try again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Statement, TransactionBehavior, params};

use crate::base::{Attempt, RequestRecord, Wall};
use crate::ledger::dictionary::{
    Client, Dictionary, Ending, Route, Statements, Target, outcome_code, stored, surface_code,
};
use crate::ledger::place::{self, Head};
use crate::ledger::queue::{Batch, Gap, GapKey};
use crate::ledger::schema;
use crate::ledger::text::{call_id_bytes, cut, json_array};
use crate::ledger::trouble::{Cause, Trouble};

/// How long a statement waits for a foreign lock before the trouble is shown and tried again later.
const LOCK_WAIT: Duration = Duration::from_millis(500);

/// Files up to this size are checked page by page when they are opened: some 50 ms.
const CHECKED_BYTES: u64 = 32 << 20;

/// Files that may be passed over or set aside in one opening.
const MAX_FILES: usize = 4;

/// Tags of one request that are stored.
const MAX_TAGS: usize = 64;

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
            dictionary: Dictionary::default(),
            #[cfg(test)]
            limited: std::cell::Cell::new(false),
        })
    }

    fn transact(&mut self, batch: &Batch) -> rusqlite::Result<()> {
        let change = self
            .conn
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut rows = Rows::prepare(&change, &mut self.dictionary)?;
        for record in &batch.rows {
            rows.request(record)?;
        }
        for (key, gap) in &batch.gaps {
            rows.gap(key, gap)?;
        }
        drop(rows);
        change.commit()
    }
}

/// The statements of one transaction.
struct Rows<'conn> {
    dictionary: &'conn mut Dictionary,
    texts: Statements<'conn>,
    request: Statement<'conn>,
    attempt: Statement<'conn>,
    gap: Statement<'conn>,
}

impl<'conn> Rows<'conn> {
    fn prepare(
        conn: &'conn Connection,
        dictionary: &'conn mut Dictionary,
    ) -> rusqlite::Result<Self> {
        Ok(Self {
            dictionary,
            texts: Statements::prepare(conn)?,
            request: conn.prepare(
                "INSERT INTO requests (started, took, first_token, overhead, call_id, route, client,
                     end_user, tags, status, error, stream, retries, fallbacks, bytes_in, bytes_out,
                     prompt, completion, cached, cache_write, cache_write_1h, reasoning, cost)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
                     ?18, ?19, ?20, ?21, ?22, ?23)",
            )?,
            attempt: conn.prepare(
                "INSERT INTO attempts (request, n, target, ending, started, took, first_token)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?,
            gap: conn.prepare(
                "INSERT INTO gaps (started, ended, route, client, requests, errors, prompt,
                     completion, cached, fallbacks, unpriced, cost)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?,
        })
    }

    fn request(&mut self, record: &RequestRecord) -> rusqlite::Result<()> {
        let route = self.route(Route::of(record))?;
        let client = self.client(Client::of(record))?;
        let end_user = self.end_user(&record.end_user)?;
        let tags = self.tags(&record.tags)?;
        let error = self.error(&record.error)?;
        let call_id = record.call_id.as_str();
        let packed = call_id_bytes(call_id);
        let call_id: &dyn rusqlite::ToSql = match &packed {
            Some(bytes) => bytes,
            None => &call_id,
        };
        let usage = record.usage.as_ref();
        let request = self.request.insert(params![
            record.started.as_micros(),
            stored(record.took_us),
            record.first_token_us.map(stored),
            stored(record.overhead_us),
            call_id,
            route,
            client,
            end_user,
            tags,
            record.status,
            error,
            record.stream,
            record.retries,
            record.fallbacks,
            stored(record.bytes_in),
            stored(record.bytes_out),
            usage.map(|usage| stored(usage.prompt)),
            usage.map(|usage| stored(usage.completion)),
            usage.map(|usage| stored(usage.cached)),
            usage.map(|usage| stored(usage.cache_write)),
            usage.map(|usage| stored(usage.cache_write_1h)),
            usage.map(|usage| stored(usage.reasoning)),
            record.cost.map(|cost| cost.0),
        ])?;
        for (n, attempt) in (0_i64..).zip(&record.attempts) {
            self.attempt(request, n, attempt)?;
        }
        Ok(())
    }

    fn attempt(&mut self, request: i64, n: i64, attempt: &Attempt) -> rusqlite::Result<()> {
        let insert = &mut self.texts.target;
        let target = self
            .dictionary
            .targets
            .id(insert, Target::of(attempt), |key| {
                let text = |part: &str| part.to_owned();
                let (one, two) = (text(&key.deployment), text(&key.backend));
                (one, two, text(&key.group), text(&key.host))
            })?;
        let insert = &mut self.texts.ending;
        let ending = self
            .dictionary
            .endings
            .id(insert, Ending::of(attempt), |key| {
                let outcome = outcome_code(key.outcome);
                let (error, message) = (key.error.clone(), key.message.clone());
                (key.reason.clone(), key.status, outcome, error, message)
            })?;
        self.attempt.execute(params![
            request,
            n,
            target,
            ending,
            stored(attempt.started_us),
            stored(attempt.took_us),
            attempt.first_token_us.map(stored),
        ])?;
        Ok(())
    }

    fn gap(&mut self, (_, owner): &GapKey, gap: &Gap) -> rusqlite::Result<()> {
        let (route, client) = owner
            .clone()
            .unwrap_or_else(|| (Route::none(), Client::none()));
        let route = self.route(route)?;
        let client = self.client(client)?;
        let totals = &gap.totals;
        self.gap.execute(params![
            gap.from.as_micros(),
            gap.to.as_micros(),
            route,
            client,
            stored(totals.requests),
            stored(totals.errors),
            stored(totals.tokens_in),
            stored(totals.tokens_out),
            stored(totals.tokens_cached),
            stored(totals.fallbacks),
            stored(totals.unpriced),
            totals.cost.0,
        ])?;
        Ok(())
    }

    fn route(&mut self, route: Route) -> rusqlite::Result<i64> {
        let insert = &mut self.texts.route;
        self.dictionary.routes.id(insert, route, |key| {
            let text = |part: &str| part.to_owned();
            (
                surface_code(key.surface),
                text(&key.client_model),
                text(&key.group),
                text(&key.deployment),
                text(&key.backend),
                text(&key.model),
                text(&key.provider),
                text(&key.host),
                stored(key.window),
            )
        })
    }

    fn client(&mut self, client: Client) -> rusqlite::Result<i64> {
        let insert = &mut self.texts.client;
        self.dictionary.clients.id(insert, client, |key| {
            let agent = key.user_agent.clone();
            ((*key.key).to_owned(), agent, key.address.clone())
        })
    }

    fn end_user(&mut self, name: &str) -> rusqlite::Result<Option<i64>> {
        if name.is_empty() {
            return Ok(None);
        }
        let insert = &mut self.texts.end_user;
        let ids = &mut self.dictionary.end_users;
        ids.id(insert, cut(name).to_owned(), |key| (key.clone(),))
            .map(Some)
    }

    fn tags(&mut self, tags: &[String]) -> rusqlite::Result<Option<i64>> {
        if tags.is_empty() {
            return Ok(None);
        }
        let insert = &mut self.texts.tag_set;
        let ids = &mut self.dictionary.tag_sets;
        let tags = tags.iter().take(MAX_TAGS).map(|tag| cut(tag).to_owned());
        ids.id(insert, tags.collect(), |key| (json_array(key),))
            .map(Some)
    }

    fn error(&mut self, word: &str) -> rusqlite::Result<Option<i64>> {
        if word.is_empty() {
            return Ok(None);
        }
        let insert = &mut self.texts.error;
        let ids = &mut self.dictionary.errors;
        ids.id(insert, cut(word).to_owned(), |key| (key.clone(),))
            .map(Some)
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
    use super::*;
    use crate::ledger::sample;
    use std::sync::Arc;

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

    #[test]
    fn texts_that_clients_choose_are_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pointsman.db");
        let mut store = Store::attach(&path, false).unwrap();
        let mut record = sample::plain(1);
        let long = "x".repeat(1 << 20);
        record.client_model = long.as_str().into();
        record.end_user.clone_from(&long);
        record.user_agent.clone_from(&long);
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
