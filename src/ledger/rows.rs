//! Writes records as rows: one request, its attempts, the texts they share, the sums of a gap.
//!
//! All statements live as long as one transaction of `store`, which owns the connection. Nothing is
//! surely written before [`Rows::finish`].

use rusqlite::{Connection, Params, ffi, params_from_iter};

use crate::base::{Attempt, RequestRecord};
use crate::ledger::bulk::{Bulk, Cell, Insert, inserts, twice};
use crate::ledger::dictionary::{
    Client, Dictionary, Ending, Ids, Route, Target, outcome_code, stored, surface_code,
};
use crate::ledger::queue::{Gap, GapKey, QUARTER_HOUR_US};
use crate::ledger::text::{call_id_bytes, cut, json_array};

/// Tags of one request that are stored.
const MAX_TAGS: usize = 64;

// `OR ROLLBACK`, because a failed statement ends the whole transaction anyway: else SQLite would keep a
// copy of every page a long statement changes, to take back that statement alone. It would do so as well
// if requests came with their ids.
const REQUESTS: [Insert; 3] = inserts!(
    "INSERT OR ROLLBACK INTO requests (started, took, first_token, overhead, call_id, route, client,
         end_user, tags, status, error, stream, retries, fallbacks, bytes_in, bytes_out, prompt,
         completion, cached, cache_write, cache_write_1h, reasoning, cost) VALUES ",
    "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
);
const ATTEMPTS: [Insert; 3] = inserts!(
    "INSERT OR ROLLBACK INTO attempts (request, n, target, ending, started, took, first_token)
     VALUES ",
    "(?,?,?,?,?,?,?)"
);

const GAP: &str = "
INSERT INTO gaps (started, ended, route, client, requests, errors, prompt, completion, cached, fallbacks,
    unpriced, cost)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";

/// Adds to the sums of a quarter of an hour, route and client.
const MORE_GAP: &str = "
UPDATE gaps SET started = min(started, ?1), ended = max(ended, ?2), requests = requests + ?5,
    errors = errors + ?6, prompt = prompt + ?7, completion = completion + ?8, cached = cached + ?9,
    fallbacks = fallbacks + ?10, unpriced = unpriced + ?11, cost = cost + ?12
WHERE id = (SELECT id FROM gaps WHERE started >= ?13 AND started < ?14 AND route = ?3 AND client = ?4
    LIMIT 1)";

/// The statements of one transaction.
pub(super) struct Rows<'conn, 'row> {
    conn: &'conn Connection,
    dictionary: &'conn mut Dictionary,
    requests: Bulk<'conn, 'row, 23>,
    attempts: Bulk<'conn, 'row, 7>,
    /// The id of the last request.
    last: i64,
}

impl<'conn, 'row> Rows<'conn, 'row> {
    /// To be called within the transaction, so that nobody else adds a request meanwhile.
    pub(super) fn new(
        conn: &'conn Connection,
        dictionary: &'conn mut Dictionary,
    ) -> rusqlite::Result<Self> {
        // Asked anew each time: rows of a transaction that failed are not there, and another program
        // may have added or removed some.
        let mut newest = conn.prepare_cached("SELECT coalesce(max(id), 0) FROM requests")?;
        Ok(Self {
            conn,
            dictionary,
            requests: Bulk::new(conn, REQUESTS),
            attempts: Bulk::new(conn, ATTEMPTS),
            last: newest.query_row([], |row| row.get(0))?,
        })
    }

    /// Takes a request and its attempts.
    pub(super) fn request(&mut self, record: &'row RequestRecord) -> rusqlite::Result<()> {
        let route = self.dictionary.routes.id(
            self.conn,
            |key| key.is_of(record),
            || Route::of(record),
            route_params,
        )?;
        let client = self.dictionary.clients.id(
            self.conn,
            |key| key.is_of(record),
            || Client::of(record),
            client_params,
        )?;
        let end_user = self.end_user(&record.end_user)?;
        let tags = self.tags(&record.tags)?;
        let error = self.error(&record.error)?;
        let call_id = record.call_id.as_str();
        let usage = record.usage.as_ref();
        self.last = self.last.saturating_add(1);
        let written = self.requests.push([
            record.started.as_micros().into(),
            stored(record.took_us).into(),
            record.first_token_us.map(stored).into(),
            stored(record.overhead_us).into(),
            call_id_bytes(call_id).map_or(Cell::Text(call_id), Cell::Bytes),
            route.into(),
            client.into(),
            end_user.into(),
            tags.into(),
            i64::from(record.status).into(),
            error.into(),
            i64::from(record.stream).into(),
            i64::from(record.retries).into(),
            i64::from(record.fallbacks).into(),
            stored(record.bytes_in).into(),
            stored(record.bytes_out).into(),
            usage.map(|usage| stored(usage.prompt)).into(),
            usage.map(|usage| stored(usage.completion)).into(),
            usage.map(|usage| stored(usage.cached)).into(),
            usage.map(|usage| stored(usage.cache_write)).into(),
            usage.map(|usage| stored(usage.cache_write_1h)).into(),
            usage.map(|usage| stored(usage.reasoning)).into(),
            record.cost.map(|cost| cost.0).into(),
        ])?;
        if written {
            self.check()?;
        }
        for (n, attempt) in (0_i64..).zip(&record.attempts) {
            self.attempt(n, attempt)?;
        }
        Ok(())
    }

    fn attempt(&mut self, n: i64, attempt: &Attempt) -> rusqlite::Result<()> {
        let target = self.dictionary.targets.id(
            self.conn,
            |key| key.is_of(attempt),
            || Target::of(attempt),
            |key| {
                let text = |part: &str| part.to_owned();
                let (one, two) = (text(&key.deployment), text(&key.backend));
                (one, two, text(&key.group), text(&key.host))
            },
        )?;
        let ending = self.dictionary.endings.id(
            self.conn,
            |key| key.is_of(attempt),
            || Ending::of(attempt),
            |key| {
                let outcome = outcome_code(key.outcome);
                let (error, message) = (key.error.clone(), key.message.clone());
                (key.reason.clone(), key.status, outcome, error, message)
            },
        )?;
        self.attempts.push([
            self.last.into(),
            n.into(),
            target.into(),
            ending.into(),
            stored(attempt.started_us).into(),
            stored(attempt.took_us).into(),
            attempt.first_token_us.map(stored).into(),
        ])?;
        Ok(())
    }

    /// Writes the sums of requests without rows: onto those of the same quarter of an hour when there are
    /// some, else every batch would leave a line.
    pub(super) fn gap(&mut self, (quarter, owner): &GapKey, gap: &Gap) -> rusqlite::Result<()> {
        let (route, client) = owner
            .clone()
            .unwrap_or_else(|| (Route::none(), Client::none()));
        let route = self.dictionary.routes.id(
            self.conn,
            |key| *key == route,
            || route.clone(),
            route_params,
        )?;
        let client = self.dictionary.clients.id(
            self.conn,
            |key| *key == client,
            || client.clone(),
            client_params,
        )?;
        let totals = &gap.totals;
        let sums = [
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
        ];
        let from = quarter.saturating_mul(QUARTER_HOUR_US);
        let bounds = [from, from.saturating_add(QUARTER_HOUR_US)];
        let all = params_from_iter(sums.iter().chain(&bounds));
        if self.conn.prepare_cached(MORE_GAP)?.execute(all)? == 0 {
            self.conn.prepare_cached(GAP)?.execute(sums)?;
        }
        Ok(())
    }

    /// Writes what still waits for company. Without it those rows are lost.
    pub(super) fn finish(mut self) -> rusqlite::Result<()> {
        if self.requests.finish()? {
            self.check()?;
        }
        self.attempts.finish()?;
        Ok(())
    }

    /// Whether the requests got the ids that their attempts name. SQLite counts on from the largest,
    /// unless that is the largest there can be, or a trigger of somebody else's is in the way.
    fn check(&self) -> rusqlite::Result<()> {
        let found = self.conn.last_insert_rowid();
        if found == self.last {
            return Ok(());
        }
        let code = ffi::Error::new(ffi::SQLITE_CONSTRAINT_ROWID);
        let text = format!("request {found} should have been {}", self.last);
        Err(rusqlite::Error::SqliteFailure(code, Some(text)))
    }

    fn end_user(&mut self, name: &str) -> rusqlite::Result<Option<i64>> {
        word(self.conn, &mut self.dictionary.end_users, name)
    }

    fn error(&mut self, name: &str) -> rusqlite::Result<Option<i64>> {
        word(self.conn, &mut self.dictionary.errors, name)
    }

    fn tags(&mut self, tags: &[String]) -> rusqlite::Result<Option<i64>> {
        if tags.is_empty() {
            return Ok(None);
        }
        let ids = &mut self.dictionary.tag_sets;
        let tags = || tags.iter().take(MAX_TAGS).map(|tag| cut(tag));
        ids.id(
            self.conn,
            |key| tags().eq(key),
            || tags().map(str::to_owned).collect(),
            |key| (json_array(key),),
        )
        .map(Some)
    }
}

/// The id of a word, none of an empty one.
fn word(conn: &Connection, ids: &mut Ids<String>, word: &str) -> rusqlite::Result<Option<i64>> {
    if word.is_empty() {
        return Ok(None);
    }
    let word = cut(word);
    ids.id(
        conn,
        |key| key == word,
        || word.to_owned(),
        |key| (key.clone(),),
    )
    .map(Some)
}

fn route_params(key: &Route) -> impl Params + use<> {
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
}

fn client_params(key: &Client) -> impl Params + use<> {
    let text = |part: &str| part.to_owned();
    (text(&key.key), text(&key.user_agent), text(&key.address))
}
