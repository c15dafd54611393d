//! What went elsewhere while a host was down: the numbers of the headline sentence.

use std::collections::HashMap;
use std::sync::Arc;

use crate::base::{NanoDollars, RequestRecord};

/// One host's outage so far.
#[derive(Debug, Clone, Default)]
pub struct Outage {
    groups: Vec<Arc<str>>,
    /// Requests for its groups that others served.
    pub served_elsewhere: u64,
    /// Requests for its groups that failed.
    pub failed: u64,
    /// What those that others served cost.
    pub cost: NanoDollars,
    /// Who served them, by model name.
    by_model: HashMap<Arc<str>, u64>,
}

impl Outage {
    /// The model that served most of them.
    pub fn mostly_by(&self) -> Option<&Arc<str>> {
        self.by_model
            .iter()
            .max_by_key(|(name, count)| (**count, *name))
            .map(|(name, _count)| name)
    }

    /// How many models served them.
    pub fn models(&self) -> usize {
        self.by_model.len()
    }
}

/// All hosts that are down.
#[derive(Debug, Default)]
pub struct Outages {
    by_host: HashMap<Arc<str>, Outage>,
}

impl Outages {
    /// A host went down; `groups` have a backend on it.
    pub fn begin(&mut self, host: &Arc<str>, groups: Vec<Arc<str>>) {
        let fresh = || Outage {
            groups,
            ..Outage::default()
        };
        self.by_host.entry(Arc::clone(host)).or_insert_with(fresh);
    }

    /// A host answers again.
    pub fn end(&mut self, host: &str) {
        self.by_host.remove(host);
    }

    /// A request for `group` ended.
    pub fn count(&mut self, group: &str, record: &RequestRecord) {
        for (host, outage) in &mut self.by_host {
            if !outage.groups.iter().any(|name| &**name == group) || record.host == *host {
                continue;
            }
            if !record.is_ok() {
                outage.failed += 1;
                continue;
            }
            outage.served_elsewhere += 1;
            outage.cost = outage.cost.plus(record.cost.unwrap_or_default());
            *outage
                .by_model
                .entry(Arc::clone(&record.model))
                .or_default() += 1;
        }
    }

    /// All of them.
    pub fn list(&self) -> HashMap<Arc<str>, Outage> {
        self.by_host.clone()
    }
}
