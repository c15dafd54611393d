//! Texts that repeat, each written once: what a request shares with others becomes a small number.
//!
//! A cache in front of the dictionary tables, for the writer alone. It is emptied when a transaction
//! fails, as the ids it learned in it are gone, and when it has grown too large.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use rusqlite::{Connection, Params};

use crate::base::{Attempt, AttemptOutcome, RequestRecord, Surface};
use crate::ledger::text::{cut, cut_shared};

/// Entries a cache may hold before it is emptied.
const MAX_CACHED: usize = 16_384;

/// Keys kept where they are found by comparing: more than one, as load is spread over a few backends.
const RECENT: usize = 4;

/// The ids of one dictionary table.
#[derive(Debug)]
pub(super) struct Ids<K> {
    /// Writes a key; ends in `RETURNING id`.
    insert: &'static str,
    known: HashMap<K, i64>,
    /// Those that were looked up last: neighbours are mostly alike, and to compare is cheaper than to
    /// make a key and hash it.
    recent: [Option<(K, i64)>; RECENT],
    /// The place in `recent` that is used next.
    next: usize,
}

impl<K: Hash + Eq + Clone> Ids<K> {
    fn new(insert: &'static str) -> Self {
        Self {
            insert,
            known: HashMap::new(),
            recent: [const { None }; RECENT],
            next: 0,
        }
    }

    /// The id of the key that `is_it` knows and `make` makes, written first when nobody has yet.
    pub(super) fn id<P: Params>(
        &mut self,
        conn: &Connection,
        is_it: impl Fn(&K) -> bool,
        make: impl FnOnce() -> K,
        params: impl FnOnce(&K) -> P,
    ) -> rusqlite::Result<i64> {
        let mut recent = self.recent.iter().flatten();
        if let Some((_, id)) = recent.find(|(key, _)| is_it(key)) {
            return Ok(*id);
        }
        let key = make();
        let id = if let Some(id) = self.known.get(&key) {
            *id
        } else {
            let mut insert = conn.prepare_cached(self.insert)?;
            let id = insert.query_row(params(&key), |row| row.get(0))?;
            if self.known.len() >= MAX_CACHED {
                self.known.clear();
            }
            self.known.insert(key.clone(), id);
            id
        };
        if let Some(place) = self.recent.get_mut(self.next) {
            *place = Some((key, id));
        }
        self.next = (self.next + 1) % RECENT;
        Ok(id)
    }
}

/// Whether two shared texts are alike; mostly they are one and the same.
fn same(left: &Arc<str>, right: &Arc<str>) -> bool {
    Arc::ptr_eq(left, right) || left == right
}

/// The same where the left one was cut.
fn same_cut(left: &Arc<str>, right: &Arc<str>) -> bool {
    Arc::ptr_eq(left, right) || **left == *cut(right)
}

/// The way a request took: one row of `routes`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Route {
    pub(super) surface: Surface,
    pub(super) client_model: Arc<str>,
    pub(super) group: Arc<str>,
    pub(super) deployment: Arc<str>,
    pub(super) backend: Arc<str>,
    pub(super) model: Arc<str>,
    pub(super) provider: Arc<str>,
    pub(super) host: Arc<str>,
    /// 0 is not known.
    pub(super) window: u64,
}

impl Route {
    pub(super) fn of(record: &RequestRecord) -> Self {
        Self {
            surface: record.surface,
            client_model: cut_shared(&record.client_model),
            group: Arc::clone(&record.group),
            deployment: Arc::clone(&record.deployment),
            backend: Arc::clone(backend(record)),
            model: Arc::clone(&record.model),
            provider: Arc::clone(&record.provider),
            host: Arc::clone(&record.host),
            window: record.window.unwrap_or(0),
        }
    }

    /// Whether it is what [`Route::of`] makes of `record`.
    pub(super) fn is_of(&self, record: &RequestRecord) -> bool {
        self.surface == record.surface
            && self.window == record.window.unwrap_or(0)
            && same(&self.deployment, &record.deployment)
            && same_cut(&self.client_model, &record.client_model)
            && same(&self.group, &record.group)
            && same(&self.backend, backend(record))
            && same(&self.model, &record.model)
            && same(&self.provider, &record.provider)
            && same(&self.host, &record.host)
    }

    /// No way in particular: what stands for many.
    pub(super) fn none() -> Self {
        let none: Arc<str> = "".into();
        Self {
            surface: Surface::Chat,
            client_model: Arc::clone(&none),
            group: Arc::clone(&none),
            deployment: Arc::clone(&none),
            backend: Arc::clone(&none),
            model: Arc::clone(&none),
            provider: Arc::clone(&none),
            host: none,
            window: 0,
        }
    }
}

/// The name of the backend that served a request, or was tried last.
fn backend(record: &RequestRecord) -> &Arc<str> {
    let served = |attempt: &&Attempt| same(&attempt.deployment, &record.deployment);
    match record.attempts.iter().rev().find(served) {
        Some(attempt) => &attempt.backend,
        None => &record.deployment,
    }
}

/// Who asked: one row of `clients`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Client {
    pub(super) key: Arc<str>,
    pub(super) user_agent: Arc<str>,
    pub(super) address: Arc<str>,
}

impl Client {
    pub(super) fn of(record: &RequestRecord) -> Self {
        Self {
            key: Arc::clone(&record.key),
            user_agent: cut_shared(&record.user_agent),
            address: cut_shared(&record.client_addr),
        }
    }

    /// Whether it is what [`Client::of`] makes of `record`.
    pub(super) fn is_of(&self, record: &RequestRecord) -> bool {
        same_cut(&self.address, &record.client_addr)
            && same(&self.key, &record.key)
            && same_cut(&self.user_agent, &record.user_agent)
    }

    /// Nobody in particular: what stands for many.
    pub(super) fn none() -> Self {
        let none: Arc<str> = "".into();
        Self {
            key: Arc::clone(&none),
            user_agent: Arc::clone(&none),
            address: none,
        }
    }
}

/// Where a try went: one row of `targets`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Target {
    pub(super) deployment: Arc<str>,
    pub(super) backend: Arc<str>,
    pub(super) group: Arc<str>,
    pub(super) host: Arc<str>,
}

impl Target {
    pub(super) fn of(attempt: &Attempt) -> Self {
        Self {
            deployment: Arc::clone(&attempt.deployment),
            backend: Arc::clone(&attempt.backend),
            group: Arc::clone(&attempt.group),
            host: Arc::clone(&attempt.host),
        }
    }

    /// Whether it is what [`Target::of`] makes of `attempt`.
    pub(super) fn is_of(&self, attempt: &Attempt) -> bool {
        same(&self.deployment, &attempt.deployment)
            && same(&self.backend, &attempt.backend)
            && same(&self.group, &attempt.group)
            && same(&self.host, &attempt.host)
    }
}

/// Why a try was made and how it ended: one row of `endings`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Ending {
    pub(super) reason: String,
    /// 0 when the upstream did not answer.
    pub(super) status: u16,
    pub(super) outcome: AttemptOutcome,
    pub(super) error: String,
    pub(super) message: String,
}

impl Ending {
    pub(super) fn of(attempt: &Attempt) -> Self {
        Self {
            reason: cut(&attempt.reason).to_owned(),
            status: attempt.status.unwrap_or(0),
            outcome: attempt.outcome,
            error: cut(&attempt.error).to_owned(),
            message: cut(&attempt.message).to_owned(),
        }
    }

    /// Whether it is what [`Ending::of`] makes of `attempt`.
    pub(super) fn is_of(&self, attempt: &Attempt) -> bool {
        self.outcome == attempt.outcome
            && self.status == attempt.status.unwrap_or(0)
            && self.reason == cut(&attempt.reason)
            && self.error == cut(&attempt.error)
            && self.message == cut(&attempt.message)
    }
}

/// The number an outcome is stored as.
pub(super) const fn outcome_code(outcome: AttemptOutcome) -> i64 {
    match outcome {
        AttemptOutcome::Served => 0,
        AttemptOutcome::Failed => 1,
        AttemptOutcome::Cut => 2,
        AttemptOutcome::Cancelled => 3,
    }
}

/// The outcome stored as `code`; an unknown one counts as failed.
pub(super) const fn outcome_of(code: i64) -> AttemptOutcome {
    match code {
        0 => AttemptOutcome::Served,
        2 => AttemptOutcome::Cut,
        3 => AttemptOutcome::Cancelled,
        _ => AttemptOutcome::Failed,
    }
}

/// The number a surface is stored as.
pub(super) fn surface_code(surface: Surface) -> i64 {
    let place = Surface::ALL.iter().position(|known| *known == surface);
    place
        .and_then(|place| i64::try_from(place).ok())
        .unwrap_or(0)
}

/// The surface stored as `code`; an unknown one counts as chat.
pub(super) fn surface_of(code: i64) -> Surface {
    let place = usize::try_from(code).ok();
    place
        .and_then(|place| Surface::ALL.get(place).copied())
        .unwrap_or(Surface::Chat)
}

/// A count as SQLite holds it.
pub(super) fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// All caches of the writer.
#[derive(Debug)]
pub(super) struct Dictionary {
    pub(super) routes: Ids<Route>,
    pub(super) clients: Ids<Client>,
    pub(super) end_users: Ids<String>,
    pub(super) tag_sets: Ids<Vec<String>>,
    pub(super) errors: Ids<String>,
    pub(super) targets: Ids<Target>,
    pub(super) endings: Ids<Ending>,
}

impl Dictionary {
    // The update changes nothing: it makes RETURNING answer for a row that was there already.
    pub(super) fn new() -> Self {
        Self {
            routes: Ids::new(
                "INSERT INTO routes (surface, client_model, group_name, deployment, backend, model,
                     provider, host, max_tokens) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
                 ON CONFLICT DO UPDATE SET host = host RETURNING id",
            ),
            clients: Ids::new(
                "INSERT INTO clients (key_name, user_agent, address) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET address = address RETURNING id",
            ),
            end_users: Ids::new(
                "INSERT INTO end_users (name) VALUES (?1)
                 ON CONFLICT DO UPDATE SET name = name RETURNING id",
            ),
            tag_sets: Ids::new(
                "INSERT INTO tag_sets (tags) VALUES (?1)
                 ON CONFLICT DO UPDATE SET tags = tags RETURNING id",
            ),
            errors: Ids::new(
                "INSERT INTO errors (word) VALUES (?1)
                 ON CONFLICT DO UPDATE SET word = word RETURNING id",
            ),
            targets: Ids::new(
                "INSERT INTO targets (deployment, backend, group_name, host) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET host = host RETURNING id",
            ),
            endings: Ids::new(
                "INSERT INTO endings (reason, status, outcome, error, message)
                 VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO UPDATE SET message = message RETURNING id",
            ),
        }
    }

    /// Forgets all: what was learned in a failed transaction is not in the file.
    pub(super) fn clear(&mut self) {
        *self = Self::new();
    }
}
