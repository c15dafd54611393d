//! Questions to the ledger, each on a read-only connection of its own.
//!
//! A question runs on the thread that asks (a blocking one, please) and never holds up the writer:
//! in WAL mode readers and the writer don't wait for each other.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OpenFlags, Row};

use crate::base::{Attempt, CallId, NanoDollars, RequestRecord, Usage, Wall};
use crate::ledger::dictionary::{Client, Route, outcome_of, surface_of};
use crate::ledger::store::connect;
use crate::ledger::summary::{SpendLine, SpendSummary, Totals, TotalsSince};
use crate::ledger::text::{app_of, call_id_bytes, call_id_text};
use crate::ledger::trouble::{Cause, Trouble};

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The file is not open; the sentence says why and what to do.
    #[error("{0}")]
    Unavailable(String),
    /// The file cannot be read; the sentence says why and what to do.
    #[error("{0}")]
    Failed(String),
    /// The days asked for are fewer than two bounds, or not in rising order.
    #[error("days need at least two bounds in rising order")]
    Days,
}

/// Sums by route and client between two moments. Rows and gaps alike.
const SUMS: &str = "
WITH sums AS (
    SELECT route, client, count(*) AS requests, sum(error IS NOT NULL OR status >= 400) AS errors,
        sum(coalesce(prompt, 0)) AS prompt, sum(coalesce(completion, 0)) AS completion,
        sum(coalesce(cached, 0)) AS cached, sum(coalesce(cost, 0)) AS cost,
        sum(cost IS NULL AND ((error IS NULL AND status < 400)
            OR coalesce(prompt, 0) + coalesce(completion, 0) > 0)) AS unpriced,
        sum(fallbacks) AS fallbacks
    FROM requests WHERE started >= ?1 AND started < ?2 GROUP BY route, client
    UNION ALL
    SELECT route, client, sum(requests), sum(errors), sum(prompt), sum(completion), sum(cached),
        sum(cost), sum(unpriced), sum(fallbacks)
    FROM gaps WHERE started >= ?1 AND started < ?2 GROUP BY route, client
)
SELECT r.client_model, r.group_name, r.deployment, r.backend, r.model, c.key_name, c.user_agent,
    s.requests, s.errors, s.prompt, s.completion, s.cached, s.cost, s.unpriced, s.fallbacks
FROM sums AS s JOIN routes AS r ON r.id = s.route JOIN clients AS c ON c.id = s.client";

const REQUESTS: &str = "
SELECT q.id, q.started, q.took, q.first_token, q.overhead, q.call_id, q.route, q.client,
    coalesce(u.name, ''), coalesce(t.tags, '[]'), q.status, coalesce(e.word, ''), q.stream,
    q.retries, q.fallbacks, q.bytes_in, q.bytes_out, q.prompt, q.completion, q.cached,
    q.cache_write, q.cache_write_1h, q.reasoning, q.cost
FROM requests AS q
LEFT JOIN end_users AS u ON u.id = q.end_user
LEFT JOIN tag_sets AS t ON t.id = q.tags
LEFT JOIN errors AS e ON e.id = q.error";

const ATTEMPTS: &str = "
SELECT t.deployment, t.backend, t.group_name, t.host, e.reason, a.started, a.took, a.first_token,
    e.status, e.outcome, e.error, e.message
FROM attempts AS a JOIN targets AS t ON t.id = a.target JOIN endings AS e ON e.id = a.ending
WHERE a.request = ?1 ORDER BY a.n";

/// One open file to ask.
#[derive(Debug)]
pub(super) struct Reader {
    conn: Connection,
    /// Texts that are shared by many records are held once.
    texts: HashMap<String, Arc<str>>,
}

impl Reader {
    pub(super) fn open(path: &Path) -> rusqlite::Result<Self> {
        let conn = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        Ok(Self {
            conn,
            texts: HashMap::new(),
        })
    }

    pub(super) fn spend(&self, day_starts: &[Wall]) -> rusqlite::Result<SpendSummary> {
        let days = day_starts.len().saturating_sub(1);
        let mut tables: [Table; 5] = Default::default();
        for (day, bounds) in day_starts.windows(2).enumerate() {
            let [from, to] = bounds else { continue };
            self.sums(*from, *to, |who, totals| {
                let model = if who.model.is_empty() {
                    &who.client_model
                } else {
                    &who.model
                };
                let names = ["", model, &who.backend, &who.key, app_of(&who.user_agent)];
                for (table, name) in tables.iter_mut().zip(names) {
                    table.add(name, day, days, totals);
                }
            })?;
        }
        let [total, by_model, by_backend, by_key, by_app] = tables.map(Table::lines);
        let nothing = || SpendLine {
            daily: vec![NanoDollars::ZERO; days],
            ..SpendLine::default()
        };
        Ok(SpendSummary {
            total: total.into_iter().next().unwrap_or_else(nothing),
            by_model,
            by_backend,
            by_key,
            by_app,
        })
    }

    pub(super) fn totals_between(&self, since: Wall, until: Wall) -> rusqlite::Result<TotalsSince> {
        let mut all = Totals::default();
        let mut sides: [BTreeMap<String, Totals>; 3] = Default::default();
        self.sums(since, until, |who, totals| {
            all.merge(totals);
            let names = [&who.deployment, &who.group, &who.client_model];
            for (side, name) in sides.iter_mut().zip(names) {
                side.entry(name.clone()).or_default().merge(totals);
            }
        })?;
        let list = |side: BTreeMap<String, Totals>| {
            let named = side.into_iter().filter(|(name, _)| !name.is_empty());
            named.map(|(name, totals)| (name.into(), totals)).collect()
        };
        let [by_deployment, by_group, by_client_model] = sides.map(list);
        Ok(TotalsSince {
            all,
            by_deployment,
            by_group,
            by_client_model,
        })
    }

    pub(super) fn recent(&mut self, limit: u32) -> rusqlite::Result<Vec<RequestRecord>> {
        let sql = format!("{REQUESTS} ORDER BY q.id DESC LIMIT ?1");
        self.records(&sql, limit)
    }

    pub(super) fn by_call_id(&mut self, call_id: &str) -> rusqlite::Result<Vec<RequestRecord>> {
        let sql = format!("{REQUESTS} WHERE q.call_id = ?1 ORDER BY q.id DESC");
        match call_id_bytes(call_id) {
            Some(bytes) => self.records(&sql, bytes),
            None => self.records(&sql, call_id),
        }
    }

    fn sums(
        &self,
        from: Wall,
        to: Wall,
        mut each: impl FnMut(&Who, &Totals),
    ) -> rusqlite::Result<()> {
        let mut statement = self.conn.prepare(SUMS)?;
        let mut rows = statement.query((from.as_micros(), to.as_micros()))?;
        while let Some(row) = rows.next()? {
            let who = Who {
                client_model: row.get(0)?,
                group: row.get(1)?,
                deployment: row.get(2)?,
                backend: row.get(3)?,
                model: row.get(4)?,
                key: row.get(5)?,
                user_agent: row.get(6)?,
            };
            let totals = Totals {
                requests: count(row, 7)?,
                errors: count(row, 8)?,
                tokens_in: count(row, 9)?,
                tokens_out: count(row, 10)?,
                tokens_cached: count(row, 11)?,
                cost: NanoDollars(row.get(12)?),
                unpriced: count(row, 13)?,
                fallbacks: count(row, 14)?,
            };
            each(&who, &totals);
        }
        Ok(())
    }

    fn records(
        &mut self,
        sql: &str,
        param: impl rusqlite::ToSql,
    ) -> rusqlite::Result<Vec<RequestRecord>> {
        let mut routes: HashMap<i64, Route> = HashMap::new();
        let mut clients: HashMap<i64, Client> = HashMap::new();
        let mut records = Vec::new();
        // One moment for all the questions below.
        self.conn.execute_batch("BEGIN")?;
        let Self { conn, texts } = self;
        let mut statement = conn.prepare(sql)?;
        let mut attempts = conn.prepare(ATTEMPTS)?;
        let mut rows = statement.query([param])?;
        while let Some(row) = rows.next()? {
            let (route_id, client_id) = (row.get(6)?, row.get(7)?);
            let route = match routes.get(&route_id) {
                Some(route) => route.clone(),
                None => read_route(conn, texts, route_id)?,
            };
            let client = match clients.get(&client_id) {
                Some(client) => client.clone(),
                None => read_client(conn, texts, client_id)?,
            };
            let tags = read_tags(conn, &row.get::<_, String>(9)?)?;
            let tries = attempts
                .query_map([row.get::<_, i64>(0)?], |row| read_attempt(row, texts))?
                .collect::<rusqlite::Result<_>>()?;
            routes.insert(route_id, route.clone());
            clients.insert(client_id, client.clone());
            records.push(read_record(row, route, client, tags, tries)?);
        }
        drop(rows);
        drop((statement, attempts));
        self.conn.execute_batch("COMMIT")?;
        Ok(records)
    }
}

/// What an error of SQLite means to the one who asked.
pub(super) fn explain(error: &rusqlite::Error, path: &Path) -> ReadError {
    let trouble = Trouble::of(error, path);
    ReadError::Failed(match trouble.cause {
        Cause::Locked => trouble.sentence(),
        Cause::Damaged => format!(
            "the ledger {} has a damaged page ({}): new rows are still written; to mend it, stop pointsman and run `sqlite3 FILE .recover`, or move the file away",
            path.display(),
            trouble.detail
        ),
        _ => format!(
            "the ledger {} cannot be read ({}): check the disk and the file's permissions",
            path.display(),
            trouble.detail
        ),
    })
}

/// Whom sums belong to.
struct Who {
    client_model: String,
    group: String,
    deployment: String,
    backend: String,
    model: String,
    key: String,
    user_agent: String,
}

/// A spend table being summed.
#[derive(Debug, Default)]
struct Table(HashMap<String, SpendLine>);

impl Table {
    fn add(&mut self, name: &str, day: usize, days: usize, totals: &Totals) {
        let line = self.0.entry(name.to_owned()).or_insert_with(|| SpendLine {
            name: name.to_owned(),
            daily: vec![NanoDollars::ZERO; days],
            totals: Totals::default(),
        });
        if let Some(amount) = line.daily.get_mut(day) {
            *amount = amount.plus(totals.cost);
        }
        line.totals.merge(totals);
    }

    /// Dearest first, then busiest, then by name.
    fn lines(self) -> Vec<SpendLine> {
        let mut lines: Vec<_> = self.0.into_values().collect();
        lines.sort_by(|left, right| {
            let key = |line: &SpendLine| (line.totals.cost, line.totals.requests);
            key(right)
                .cmp(&key(left))
                .then_with(|| left.name.cmp(&right.name))
        });
        lines
    }
}

type Texts = HashMap<String, Arc<str>>;

/// The shared copy of a text.
fn shared(row: &Row<'_>, column: usize, texts: &mut Texts) -> rusqlite::Result<Arc<str>> {
    let text: String = row.get(column)?;
    let found = texts
        .entry(text)
        .or_insert_with_key(|text| Arc::from(text.as_str()));
    Ok(Arc::clone(found))
}

fn read_route(conn: &Connection, texts: &mut Texts, id: i64) -> rusqlite::Result<Route> {
    let sql =
        "SELECT surface, client_model, group_name, deployment, backend, model, provider, host,
               max_tokens FROM routes WHERE id = ?1";
    conn.query_row(sql, [id], |row| {
        let mut text = |column| shared(row, column, texts);
        Ok(Route {
            surface: surface_of(row.get(0)?),
            client_model: text(1)?,
            group: text(2)?,
            deployment: text(3)?,
            backend: text(4)?,
            model: text(5)?,
            provider: text(6)?,
            host: text(7)?,
            window: count(row, 8)?,
        })
    })
}

fn read_client(conn: &Connection, texts: &mut Texts, id: i64) -> rusqlite::Result<Client> {
    let sql = "SELECT key_name, user_agent, address FROM clients WHERE id = ?1";
    conn.query_row(sql, [id], |row| {
        Ok(Client {
            key: shared(row, 0, texts)?,
            user_agent: row.get(1)?,
            address: row.get(2)?,
        })
    })
}

fn read_tags(conn: &Connection, json: &str) -> rusqlite::Result<Vec<String>> {
    if json == "[]" {
        return Ok(Vec::new());
    }
    let mut statement = conn.prepare("SELECT value FROM json_each(?1) ORDER BY key")?;
    let tags = statement.query_map([json], |row| row.get(0))?;
    tags.collect()
}

fn read_attempt(row: &Row<'_>, texts: &mut Texts) -> rusqlite::Result<Attempt> {
    let status: u16 = row.get(8)?;
    Ok(Attempt {
        deployment: shared(row, 0, texts)?,
        backend: shared(row, 1, texts)?,
        group: shared(row, 2, texts)?,
        host: shared(row, 3, texts)?,
        reason: row.get(4)?,
        started_us: count(row, 5)?,
        took_us: count(row, 6)?,
        first_token_us: maybe_count(row, 7)?,
        status: (status != 0).then_some(status),
        outcome: outcome_of(row.get(9)?),
        error: row.get(10)?,
        message: row.get(11)?,
    })
}

fn read_record(
    row: &Row<'_>,
    route: Route,
    client: Client,
    tags: Vec<String>,
    attempts: Vec<Attempt>,
) -> rusqlite::Result<RequestRecord> {
    let call_id = match row.get_ref(5)? {
        rusqlite::types::ValueRef::Blob(bytes) => CallId::new(&call_id_text(bytes)),
        other => CallId::new(other.as_str().unwrap_or_default()),
    };
    let usage = maybe_count(row, 17)?.map(|prompt| -> rusqlite::Result<Usage> {
        let part = |column| maybe_count(row, column).map(Option::unwrap_or_default);
        Ok(Usage {
            prompt,
            completion: part(18)?,
            cached: part(19)?,
            cache_write: part(20)?,
            cache_write_1h: part(21)?,
            reasoning: part(22)?,
        })
    });
    Ok(RequestRecord {
        call_id,
        started: Wall::from_micros(row.get(1)?),
        took_us: count(row, 2)?,
        first_token_us: maybe_count(row, 3)?,
        overhead_us: count(row, 4)?,
        surface: route.surface,
        client_model: route.client_model,
        group: route.group,
        deployment: route.deployment,
        model: route.model,
        provider: route.provider,
        host: route.host,
        usage: usage.transpose()?,
        window: (route.window > 0).then_some(route.window),
        cost: row.get::<_, Option<i64>>(23)?.map(NanoDollars),
        status: row.get(10)?,
        error: row.get(11)?,
        key: client.key,
        end_user: row.get(8)?,
        user_agent: client.user_agent,
        client_addr: client.address,
        tags,
        stream: row.get(12)?,
        retries: row.get(13)?,
        fallbacks: row.get(14)?,
        bytes_in: count(row, 15)?,
        bytes_out: count(row, 16)?,
        attempts,
    })
}

/// A count that SQLite holds as a signed number.
fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0))
}

fn maybe_count(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<u64>> {
    let found: Option<i64> = row.get(column)?;
    Ok(found.map(|number| u64::try_from(number).unwrap_or(0)))
}
