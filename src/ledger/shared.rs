//! What the handles and the writer's thread share: the queue, how the file is doing, two wake-ups.
//!
//! The one mutex is held for pushes, takes and look-ups only, never while a file is touched, so that
//! nobody on a request's path waits for a disk.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::base::RequestRecord;
use crate::ledger::queue::{Batch, Queue};
use crate::ledger::summary::Status;
use crate::ledger::trouble::Trouble;

/// How the opening of the file stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Opening {
    /// Nobody knows yet.
    Pending,
    /// This file is in use.
    Done(PathBuf),
    /// It could not be opened; it is tried again.
    Failed,
}

/// Shared state.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// To the writer: there is something to do.
    wake: Condvar,
    /// From the writer: something was written, opened or ended.
    news: Condvar,
}

#[derive(Debug)]
struct State {
    queue: Queue,
    /// The writer waits for a first row.
    asleep: bool,
    /// Somebody waits for what is in the queue.
    urgent: bool,
    /// The writer shall end.
    stop: bool,
    /// The writer has ended.
    stopped: bool,
    opening: Opening,
    /// What keeps rows from being written now.
    failing: Option<String>,
    /// What a person should know of how the file was opened.
    note: String,
    /// A file of at most this many pages: a small disk.
    #[cfg(test)]
    page_limit: u32,
}

impl Shared {
    pub(super) fn new(queue_rows: usize) -> Self {
        Self {
            state: Mutex::new(State {
                queue: Queue::new(queue_rows),
                asleep: false,
                urgent: false,
                stop: false,
                stopped: false,
                opening: Opening::Pending,
                failing: None,
                note: String::new(),
                #[cfg(test)]
                page_limit: u32::MAX,
            }),
            wake: Condvar::new(),
            news: Condvar::new(),
        }
    }

    // === for the handles ===

    /// Hands in a row.
    pub(super) fn push(&self, record: Arc<RequestRecord>) {
        self.put(|queue| queue.push(record));
    }

    /// Hands in a request of which only the sums are kept.
    pub(super) fn sum(&self, record: &RequestRecord) {
        self.put(|queue| queue.sum(record));
    }

    fn put(&self, into: impl FnOnce(&mut Queue)) {
        let mut state = self.lock();
        if state.stopped {
            return state.queue.refuse();
        }
        into(&mut state.queue);
        let wanted = state.asleep || state.queue.is_crowded_just_now();
        state.asleep = false;
        drop(state);
        if wanted {
            self.wake.notify_one();
        }
    }

    /// Waits until all that was handed in so far is done with; whether it is.
    pub(super) fn flush(&self, timeout: Duration) -> bool {
        let mut state = self.lock();
        let goal = state.queue.pushed();
        state.urgent = true;
        self.wake.notify_one();
        let waits = |state: &mut State| !state.queue.is_done(goal) && !state.stopped;
        let (state, _) = self
            .news
            .wait_timeout_while(state, timeout, waits)
            .unwrap_or_else(PoisonError::into_inner);
        state.queue.is_done(goal)
    }

    /// Tells the writer to end once the queue is empty.
    pub(super) fn stop(&self) {
        self.lock().stop = true;
        self.wake.notify_one();
    }

    /// Waits until the writer has ended; whether it has.
    pub(super) fn wait_for_end(&self, timeout: Duration) -> bool {
        let (state, _) = self
            .news
            .wait_timeout_while(self.lock(), timeout, |state| !state.stopped)
            .unwrap_or_else(PoisonError::into_inner);
        state.stopped
    }

    /// The file to read from, once it is open.
    pub(super) fn readable(&self, timeout: Duration) -> Result<PathBuf, String> {
        let waits = |state: &mut State| state.opening == Opening::Pending && !state.stopped;
        let (state, _) = self
            .news
            .wait_timeout_while(self.lock(), timeout, waits)
            .unwrap_or_else(PoisonError::into_inner);
        match (&state.opening, &state.failing) {
            (Opening::Done(path), _) => Ok(path.clone()),
            (_, Some(sentence)) => Err(sentence.clone()),
            (_, None) => Err("the ledger is still being opened".to_owned()),
        }
    }

    /// How it goes; `configured` is the path while no file is open.
    pub(super) fn status(&self, configured: &Path) -> Status {
        let state = self.lock();
        let path = match &state.opening {
            Opening::Done(path) => path.clone(),
            Opening::Pending | Opening::Failed => configured.to_owned(),
        };
        Status {
            path,
            trouble: state.failing.clone().unwrap_or_else(|| state.note.clone()),
            writing: state.failing.is_none() && !state.stopped,
            written: state.queue.written,
            lost: state.queue.lost,
            queued: u64::try_from(state.queue.waiting()).unwrap_or(u64::MAX),
        }
    }

    // === for the writer ===

    /// Waits for a first row, then `gather` for more; `None` when all is written and the end has come.
    pub(super) fn next(&self, gather: Duration) -> Option<Batch> {
        let mut state = self.lock();
        while state.queue.is_empty() {
            if state.stop {
                return None;
            }
            state.asleep = true;
            state.urgent = false;
            state = self
                .wake
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.asleep = false;
        let waits = |state: &mut State| !(state.urgent || state.stop || state.queue.is_crowded());
        let (mut state, _) = self
            .wake
            .wait_timeout_while(state, gather, waits)
            .unwrap_or_else(PoisonError::into_inner);
        state.urgent = false;
        Some(state.queue.take())
    }

    /// A batch has been written.
    pub(super) fn settle(&self, batch: &Batch) {
        let mut state = self.lock();
        state.queue.settle(batch);
        state.failing = None;
        self.news.notify_all();
    }

    /// The file is open.
    pub(super) fn opened(&self, path: &Path, note: String) {
        let mut state = self.lock();
        state.opening = Opening::Done(path.to_owned());
        if !note.is_empty() {
            state.note = note;
        }
        if state.queue.waiting() == 0 {
            state.failing = None;
        }
        self.news.notify_all();
    }

    /// Something went wrong: shows it and waits `pause`, less when somebody is in a hurry. Whether
    /// there is to be another try.
    pub(super) fn fail(&self, trouble: &Trouble, pause: Duration) -> bool {
        let mut state = self.lock();
        state.failing = Some(trouble.sentence());
        if state.opening == Opening::Pending {
            state.opening = Opening::Failed;
        }
        self.news.notify_all();
        if state.stop {
            return false;
        }
        let waits = |state: &mut State| !(state.urgent || state.stop);
        let (mut state, _) = self
            .wake
            .wait_timeout_while(state, pause, waits)
            .unwrap_or_else(PoisonError::into_inner);
        state.urgent = false;
        true
    }

    /// The writer ends. What is left is lost; `defect` says why it ends unasked.
    pub(super) fn end(&self, batch: &Batch, defect: Option<String>) {
        let mut state = self.lock();
        state.queue.give_up(batch);
        state.stopped = true;
        if defect.is_some() {
            state.failing = defect;
        }
        self.news.notify_all();
    }

    #[cfg(test)]
    pub(super) fn page_limit(&self) -> u32 {
        self.lock().page_limit
    }

    #[cfg(test)]
    pub(super) fn set_page_limit(&self, pages: u32) {
        self.lock().page_limit = pages;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
