//! The database of requests: one writer thread, typed records in, typed summaries out.
//!
//! It is the only module with SQL and knows nothing of HTTP, routing or screens. `proxy` hands in a
//! record per request, `app` opens and closes it and asks for summaries.
//!
//! - `queue`, `shared`: what waits to be written, bounded, behind one short mutex
//! - `writer`: the thread; `store`, `rows`: the file it writes; `schema`: its shape and migrations
//! - `dictionary`, `text`: what repeats becomes a number; `place`, `trouble`: disks and what fails there
//! - `read`, `summary`: questions and answers
//!
//! Whatever happens to the disk, the gateway serves on: rows wait up to a bound and are tried again;
//! beyond it a row is lost but never its money, which is kept in `gaps`. A damaged file is renamed, a
//! newer one left alone; nothing is ever overwritten. [`Ledger::status`] says what is wrong.

mod bulk;
mod dictionary;
mod place;
mod queue;
mod read;
mod rows;
#[cfg(test)]
mod sample;
mod schema;
mod shared;
mod store;
mod summary;
#[cfg(test)]
mod tests;
mod text;
mod trouble;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::base::{Clock, RequestRecord, Wall};

pub use read::ReadError;
pub use summary::{SpendLine, SpendSummary, Status, Totals, TotalsSince, is_unpriced};

/// The longest a row waits for company before it is written.
const LONGEST_GATHER: Duration = Duration::from_millis(50);

/// How long a question waits for the file to be opened at the start.
const OPENING_WAIT: Duration = Duration::from_secs(5);

/// How long the writer may take for its last try and for closing the file.
const LAST_TRY: Duration = Duration::from_secs(2);

/// How to open a ledger.
#[derive(Debug, Clone)]
pub struct Options {
    /// The database file; its folder is made when it is missing.
    pub path: PathBuf,
    /// Gives the time in the name of a file that is set aside.
    pub clock: Arc<dyn Clock>,
    /// Rows that may wait to be written; some kilobyte each, reached only while the disk fails.
    pub queue_rows: usize,
    /// How long the first waiting row waits for others; at most 50 ms.
    pub commit_every: Duration,
}

impl Options {
    /// The usual bounds: 65,536 rows, 50 ms.
    pub fn new(path: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        Self {
            path: path.into(),
            clock,
            queue_rows: 65_536,
            commit_every: LONGEST_GATHER,
        }
    }
}

/// A handle to the ledger; clones share it. When the last one is dropped the writer finishes what
/// waits and ends by itself; [`Ledger::close`] waits for that.
#[derive(Debug, Clone)]
pub struct Ledger(Arc<Handle>);

/// What the clones share.
#[derive(Debug)]
struct Handle {
    shared: Arc<shared::Shared>,
    path: PathBuf,
}

impl Ledger {
    /// Starts the writer and returns at once: the file is opened by the writer's thread. It never
    /// fails; what is wrong is told by [`Ledger::status`].
    pub fn open(options: Options) -> Self {
        let shared = Arc::new(shared::Shared::new(options.queue_rows));
        let writer = writer::Writer::new(
            Arc::clone(&shared),
            options.clock,
            options.path.clone(),
            options.commit_every.min(LONGEST_GATHER),
        );
        let thread = std::thread::Builder::new().name("ledger".to_owned());
        if let Err(error) = thread.spawn(move || writer.run()) {
            shared.end(
                &queue::Batch::default(),
                Some(format!(
                    "the ledger's thread cannot be started ({error}): free some memory and restart pointsman"
                )),
            );
        }
        let path = options.path;
        Self(Arc::new(Handle { shared, path }))
    }

    /// Hands in a request that has ended. It takes some hundred nanoseconds, never waits for a disk
    /// and never fails: a row that finds no room is counted, and its money kept. Texts are cut at 1,024
    /// bytes.
    pub fn record(&self, record: Arc<RequestRecord>) {
        self.0.shared.push(record);
    }

    /// Hands in a request that shall leave no row: its money and tokens are kept in sums, as those of
    /// lost rows are, and nothing else of it.
    pub fn sum(&self, record: &RequestRecord) {
        self.0.shared.sum(record);
    }

    /// Waits until all that was handed in so far is written; whether it was within `timeout`.
    pub fn flush(&self, timeout: Duration) -> bool {
        self.0.shared.flush(timeout)
    }

    /// Writes what waits, trying again as long as `timeout` lasts, and ends the writer; whether all was
    /// written. What is left then, or handed in afterwards, is lost and counted so. It takes at most
    /// two seconds longer than `timeout`.
    pub fn close(&self, timeout: Duration) -> bool {
        let written = self.flush(timeout);
        self.0.shared.stop();
        self.0.shared.wait_for_end(LAST_TRY) && written
    }

    /// How the ledger is doing, without touching a disk.
    pub fn status(&self) -> Status {
        self.0.shared.status(&self.0.path)
    }

    /// Spend between the first and the last of `day_starts`, by day: eight bounds are seven days.
    /// A request belongs to the day it arrived in. Blocks: it reads the disk.
    pub fn spend(&self, day_starts: &[Wall]) -> Result<SpendSummary, ReadError> {
        if day_starts.len() < 2 || !day_starts.is_sorted() {
            return Err(ReadError::Days);
        }
        self.ask(|reader| reader.spend(day_starts))
    }

    /// Totals of the requests that arrived at `since` or later, and before `until`. Blocks: it reads
    /// the disk.
    pub fn totals_between(&self, since: Wall, until: Wall) -> Result<TotalsSince, ReadError> {
        self.ask(|reader| reader.totals_between(since, until))
    }

    /// The requests that ended last, newest first. Blocks: it reads the disk.
    pub fn recent(&self, limit: u32) -> Result<Vec<RequestRecord>, ReadError> {
        self.ask(|reader| reader.recent(limit))
    }

    /// All requests of this call id, newest first. Blocks: it reads the disk.
    pub fn by_call_id(&self, call_id: &str) -> Result<Vec<RequestRecord>, ReadError> {
        self.ask(|reader| reader.by_call_id(call_id))
    }

    fn ask<T>(
        &self,
        question: impl FnOnce(&mut read::Reader) -> rusqlite::Result<T>,
    ) -> Result<T, ReadError> {
        let path = self.0.shared.readable(OPENING_WAIT);
        let path = path.map_err(ReadError::Unavailable)?;
        let told = |path: &Path| question(&mut read::Reader::open(path)?);
        told(&path).map_err(|error| read::explain(&error, &path))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.stop();
    }
}
