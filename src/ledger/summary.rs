//! What the ledger tells: totals and spend, as plain values.
//!
//! It knows nothing of the database. `app` turns these into the shapes of the control plane.

use std::path::PathBuf;
use std::sync::Arc;

use crate::base::{NanoDollars, RequestRecord};

/// Sums over some requests, rows that were lost included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Requests that ended.
    pub requests: u64,
    /// Those that failed.
    pub errors: u64,
    /// Prompt tokens.
    pub tokens_in: u64,
    /// Completion tokens.
    pub tokens_out: u64,
    /// Prompt tokens that came from a provider's cache.
    pub tokens_cached: u64,
    /// What they cost.
    pub cost: NanoDollars,
    /// Requests whose price is unknown; they are in no cost.
    pub unpriced: u64,
    /// Changes of group.
    pub fallbacks: u64,
}

impl Totals {
    /// Adds one request.
    pub fn add(&mut self, record: &RequestRecord) {
        let usage = record.usage.unwrap_or_default();
        self.merge(&Self {
            requests: 1,
            errors: u64::from(!record.is_ok()),
            tokens_in: usage.prompt,
            tokens_out: usage.completion,
            tokens_cached: usage.cached,
            cost: record.cost.unwrap_or_default(),
            unpriced: u64::from(is_unpriced(record)),
            fallbacks: u64::from(record.fallbacks),
        });
    }

    /// Adds other sums.
    pub fn merge(&mut self, other: &Self) {
        let add = |left: &mut u64, right: u64| *left = left.saturating_add(right);
        add(&mut self.requests, other.requests);
        add(&mut self.errors, other.errors);
        add(&mut self.tokens_in, other.tokens_in);
        add(&mut self.tokens_out, other.tokens_out);
        add(&mut self.tokens_cached, other.tokens_cached);
        add(&mut self.unpriced, other.unpriced);
        add(&mut self.fallbacks, other.fallbacks);
        self.cost = self.cost.plus(other.cost);
    }
}

/// Whether a request's money is missing from every sum: it has no cost although it was served or
/// used tokens. A failure that used nothing is not missing anything.
pub fn is_unpriced(record: &RequestRecord) -> bool {
    let used = record.usage.is_some_and(|usage| usage.total() > 0);
    record.cost.is_none() && (record.is_ok() || used)
}

/// Totals since some moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TotalsSince {
    /// All requests.
    pub all: Totals,
    /// By the deployment that served, or was tried last: its id.
    pub by_deployment: Vec<(Arc<str>, Totals)>,
    /// By the group that served.
    pub by_group: Vec<(Arc<str>, Totals)>,
    /// By the model the client asked for.
    pub by_client_model: Vec<(Arc<str>, Totals)>,
}

/// Spend over some days.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SpendSummary {
    /// All of it.
    pub total: SpendLine,
    /// By the upstream model that served; by the model asked for where none did. Dearest first.
    pub by_model: Vec<SpendLine>,
    /// By backend: its name for people. Empty for requests that reached none. Dearest first.
    pub by_backend: Vec<SpendLine>,
    /// By key: its name, empty without one. Dearest first.
    pub by_key: Vec<SpendLine>,
    /// By app: the first word of the user agent, empty without one. Dearest first.
    pub by_app: Vec<SpendLine>,
}

/// One line of a spend table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SpendLine {
    /// The model, backend, key or app; empty for the total.
    pub name: String,
    /// Cost a day, oldest first.
    pub daily: Vec<NanoDollars>,
    /// Sums of all days.
    pub totals: Totals,
}

/// How the ledger is doing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// The database file in use.
    pub path: PathBuf,
    /// What is wrong and what to do, in one sentence; empty when all is well.
    pub trouble: String,
    /// Whether rows are being written now; false while the trouble keeps them waiting.
    pub writing: bool,
    /// Rows written since the start.
    pub written: u64,
    /// Rows lost since the start; their money is in the totals all the same.
    pub lost: u64,
    /// Rows waiting to be written.
    pub queued: u64,
}
