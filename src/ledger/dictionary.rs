//! Texts that repeat, each written once: what a request shares with others becomes a small number.
//!
//! A cache in front of the dictionary tables, for the writer alone. It is emptied when a transaction
//! fails, as the ids it learned in it are gone, and when it has grown too large.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use rusqlite::{CachedStatement, Connection, Params, Statement};

use crate::base::{Attempt, AttemptOutcome, RequestRecord, Surface};
use crate::ledger::text::{cut, cut_shared};

/// Entries a cache may hold before it is emptied.
const MAX_CACHED: usize = 16_384;

/// The ids of one dictionary table.
#[derive(Debug)]
pub(super) struct Ids<K> {
    known: HashMap<K, i64>,
    /// The one asked for last: neighbours are mostly alike, and to compare is cheaper than to hash.
    last: Option<(K, i64)>,
}

impl<K> Default for Ids<K> {
    fn default() -> Self {
        Self {
            known: HashMap::new(),
            last: None,
        }
    }
}

impl<K: Hash + Eq + Clone> Ids<K> {
    /// The id of `key`, written first when nobody has yet. `insert` must end in `RETURNING id`.
    pub(super) fn id<P: Params>(
        &mut self,
        insert: &mut Statement<'_>,
        key: K,
        params: impl FnOnce(&K) -> P,
    ) -> rusqlite::Result<i64> {
        if let Some((last, id)) = &self.last
            && *last == key
        {
            return Ok(*id);
        }
        let id = match self.known.get(&key) {
            Some(id) => *id,
            None => {
                let id = insert.query_row(params(&key), |row| row.get(0))?;
                if self.known.len() >= MAX_CACHED {
                    self.known.clear();
                }
                self.known.insert(key.clone(), id);
                id
            },
        };
        self.last = Some((key, id));
        Ok(id)
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.known.clear();
        self.last = None;
    }
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
        let served = |attempt: &&Attempt| attempt.deployment == record.deployment;
        let backend = match record.attempts.iter().rev().find(served) {
            Some(attempt) => Arc::clone(&attempt.backend),
            None => Arc::clone(&record.deployment),
        };
        Self {
            surface: record.surface,
            client_model: cut_shared(&record.client_model),
            group: Arc::clone(&record.group),
            deployment: Arc::clone(&record.deployment),
            backend,
            model: Arc::clone(&record.model),
            provider: Arc::clone(&record.provider),
            host: Arc::clone(&record.host),
            window: record.window.unwrap_or(0),
        }
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

/// Who asked: one row of `clients`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Client {
    pub(super) key: Arc<str>,
    pub(super) user_agent: String,
    pub(super) address: String,
}

impl Client {
    pub(super) fn of(record: &RequestRecord) -> Self {
        Self {
            key: Arc::clone(&record.key),
            user_agent: cut(&record.user_agent).to_owned(),
            address: cut(&record.client_addr).to_owned(),
        }
    }

    /// Nobody in particular: what stands for many.
    pub(super) fn none() -> Self {
        Self {
            key: "".into(),
            user_agent: String::new(),
            address: String::new(),
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
#[derive(Debug, Default)]
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
    /// Forgets all: what was learned in a failed transaction is not in the file.
    pub(super) fn clear(&mut self) {
        self.routes.clear();
        self.clients.clear();
        self.end_users.clear();
        self.tag_sets.clear();
        self.errors.clear();
        self.targets.clear();
        self.endings.clear();
    }
}

/// The statements that write dictionary rows; the connection keeps them from batch to batch.
pub(super) struct Statements<'conn> {
    pub(super) route: CachedStatement<'conn>,
    pub(super) client: CachedStatement<'conn>,
    pub(super) end_user: CachedStatement<'conn>,
    pub(super) tag_set: CachedStatement<'conn>,
    pub(super) error: CachedStatement<'conn>,
    pub(super) target: CachedStatement<'conn>,
    pub(super) ending: CachedStatement<'conn>,
}

impl<'conn> Statements<'conn> {
    // The update changes nothing: it makes RETURNING answer for a row that was there already.
    pub(super) fn prepare(conn: &'conn Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            route: conn.prepare_cached(
                "INSERT INTO routes (surface, client_model, group_name, deployment, backend, model,
                     provider, host, max_tokens) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
                 ON CONFLICT DO UPDATE SET host = host RETURNING id",
            )?,
            client: conn.prepare_cached(
                "INSERT INTO clients (key_name, user_agent, address) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET address = address RETURNING id",
            )?,
            end_user: conn.prepare_cached(
                "INSERT INTO end_users (name) VALUES (?1)
                 ON CONFLICT DO UPDATE SET name = name RETURNING id",
            )?,
            tag_set: conn.prepare_cached(
                "INSERT INTO tag_sets (tags) VALUES (?1)
                 ON CONFLICT DO UPDATE SET tags = tags RETURNING id",
            )?,
            error: conn.prepare_cached(
                "INSERT INTO errors (word) VALUES (?1)
                 ON CONFLICT DO UPDATE SET word = word RETURNING id",
            )?,
            target: conn.prepare_cached(
                "INSERT INTO targets (deployment, backend, group_name, host) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET host = host RETURNING id",
            )?,
            ending: conn.prepare_cached(
                "INSERT INTO endings (reason, status, outcome, error, message)
                 VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO UPDATE SET message = message RETURNING id",
            )?,
        })
    }
}
