//! Writes records as rows: one request, its attempts, the texts they share, the sums of a gap.
//!
//! All statements live as long as one transaction of `store`, which owns the connection.

use rusqlite::{CachedStatement, Connection, params, params_from_iter};

use crate::base::{Attempt, RequestRecord};
use crate::ledger::dictionary::{
    Client, Dictionary, Ending, Route, Statements, Target, outcome_code, stored, surface_code,
};
use crate::ledger::queue::{Gap, GapKey, QUARTER_HOUR_US};
use crate::ledger::text::{call_id_bytes, cut, json_array};

/// Tags of one request that are stored.
const MAX_TAGS: usize = 64;

/// Adds to the sums of a quarter of an hour, route and client.
const MORE_GAP: &str = "
UPDATE gaps SET started = min(started, ?1), ended = max(ended, ?2), requests = requests + ?5,
    errors = errors + ?6, prompt = prompt + ?7, completion = completion + ?8, cached = cached + ?9,
    fallbacks = fallbacks + ?10, unpriced = unpriced + ?11, cost = cost + ?12
WHERE id = (SELECT id FROM gaps WHERE started >= ?13 AND started < ?14 AND route = ?3 AND client = ?4
    LIMIT 1)";

/// The statements of one transaction.
pub(super) struct Rows<'conn> {
    dictionary: &'conn mut Dictionary,
    texts: Statements<'conn>,
    request: CachedStatement<'conn>,
    attempt: CachedStatement<'conn>,
    gap: CachedStatement<'conn>,
    more_gap: CachedStatement<'conn>,
}

impl<'conn> Rows<'conn> {
    pub(super) fn prepare(
        conn: &'conn Connection,
        dictionary: &'conn mut Dictionary,
    ) -> rusqlite::Result<Self> {
        Ok(Self {
            dictionary,
            texts: Statements::prepare(conn)?,
            request: conn.prepare_cached(
                "INSERT INTO requests (started, took, first_token, overhead, call_id, route, client,
                     end_user, tags, status, error, stream, retries, fallbacks, bytes_in, bytes_out,
                     prompt, completion, cached, cache_write, cache_write_1h, reasoning, cost)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
                     ?18, ?19, ?20, ?21, ?22, ?23)",
            )?,
            attempt: conn.prepare_cached(
                "INSERT INTO attempts (request, n, target, ending, started, took, first_token)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?,
            gap: conn.prepare_cached(
                "INSERT INTO gaps (started, ended, route, client, requests, errors, prompt,
                     completion, cached, fallbacks, unpriced, cost)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?,
            more_gap: conn.prepare_cached(MORE_GAP)?,
        })
    }

    /// Writes a request and its attempts.
    pub(super) fn request(&mut self, record: &RequestRecord) -> rusqlite::Result<()> {
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

    /// Writes the sums of requests without rows: onto those of the same quarter of an hour when there are
    /// some, else every batch would leave a line.
    pub(super) fn gap(&mut self, (quarter, owner): &GapKey, gap: &Gap) -> rusqlite::Result<()> {
        let (route, client) = owner
            .clone()
            .unwrap_or_else(|| (Route::none(), Client::none()));
        let route = self.route(route)?;
        let client = self.client(client)?;
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
        if self.more_gap.execute(all)? == 0 {
            self.gap.execute(sums)?;
        }
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
