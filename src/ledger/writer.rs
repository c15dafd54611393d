//! The writer's thread: takes what waits, writes it, and on trouble waits and tries again.
//!
//! It alone owns a connection that can write. It holds one batch at most; all else waits in the
//! queue, whose bound holds whatever happens to the disk.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::base::Clock;
use crate::ledger::queue::Batch;
use crate::ledger::shared::Shared;
use crate::ledger::store::Store;
use crate::ledger::trouble::{Cause, Trouble};

/// The pause after a first failure; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The thread's state.
pub(super) struct Writer {
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    path: PathBuf,
    gather: Duration,
    store: Option<Store>,
    /// A file that has shown itself damaged while it was written.
    distrust: Option<PathBuf>,
    batch: Batch,
    pause: Duration,
}

impl Writer {
    pub(super) fn new(
        shared: Arc<Shared>,
        clock: Arc<dyn Clock>,
        path: PathBuf,
        gather: Duration,
    ) -> Self {
        Self {
            shared,
            clock,
            path,
            gather,
            store: None,
            distrust: None,
            batch: Batch::default(),
            pause: FIRST_PAUSE,
        }
    }

    /// Works until it is told to end.
    pub(super) fn run(self) {
        let mut guard = Guard(self);
        guard.0.work();
    }

    fn work(&mut self) {
        loop {
            if self.store.is_some() && self.batch.is_empty() {
                match self.shared.next(self.gather) {
                    Some(batch) => self.batch = batch,
                    None => return,
                }
            }
            match self.step() {
                Ok(()) => self.pause = FIRST_PAUSE,
                Err(trouble) => {
                    if trouble.needs_reopening() {
                        self.store = None;
                    }
                    self.distrust = (trouble.cause == Cause::Damaged).then(|| trouble.path.clone());
                    if !self.shared.fail(&trouble, self.pause) {
                        return;
                    }
                    self.pause = self.pause.saturating_mul(2).min(LONGEST_PAUSE);
                },
            }
        }
    }

    /// Opens the file when it is not open, and writes what is in hand.
    fn step(&mut self) -> Result<(), Trouble> {
        let store = if let Some(store) = &mut self.store {
            store
        } else {
            let distrust = self.distrust.take();
            let opened = Store::open(&self.path, self.clock.wall(), distrust.as_deref())?;
            self.shared.opened(opened.store.path(), opened.note);
            self.store.insert(opened.store)
        };
        if self.batch.is_empty() {
            return Ok(());
        }
        #[cfg(test)]
        store.limit_pages(self.shared.page_limit());
        store.write(&self.batch)?;
        let written = std::mem::take(&mut self.batch);
        self.shared.settle(&written);
        Ok(())
    }
}

/// Tells the handles of the end, also of one by panic.
struct Guard(Writer);

impl Drop for Guard {
    fn drop(&mut self) {
        let defect = std::thread::panicking().then(|| {
            "the ledger's writer stopped on a defect: rows are lost until pointsman is restarted"
                .to_owned()
        });
        // Closing the last connection folds the write-ahead log into the file.
        self.0.store = None;
        self.0.shared.end(&self.0.batch, defect);
    }
}
