//! The faults a walk makes itself, in LiteLLM's words where clients match on them.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use crate::base::{DeploymentIdx, Fault, FaultKind};
use crate::route::judge::{Bar, Look, Unwell, Verdict};
use crate::route::{Ask, Table};

use super::Walk;

/// A full deployment frees a slot at some time soon.
const WAIT_WHEN_FULL: Duration = Duration::from_secs(1);
/// LiteLLM's `retry-after` when `rpm` or `tpm` is used up.
const WAIT_WHEN_LIMITED: Duration = Duration::from_mins(1);
/// At most this many deployments are named in a message.
const MOST_NAMED: usize = 8;

/// No group, alias, wildcard or deployment has this name.
pub(super) fn unknown_model(model: &str) -> Fault {
    let message = format!(
        "Invalid model name passed in model={model}. Call `/v1/models` to view available models \
         for your key."
    );
    Fault::new(FaultKind::UnknownModel, message).param("model")
}

/// The tags forbid all that the request could reach; says what would have fitted.
pub(super) fn tags(table: &Table, ask: &Ask) -> Fault {
    let demand = table.demand(&ask.tags);
    let mut fitting: Vec<&str> = Vec::new();
    for (place, node) in table.deployments().iter().enumerate() {
        let group = &*node.config.group;
        if table.allows(&demand, DeploymentIdx(place)) && !fitting.contains(&group) {
            fitting.push(group);
        }
    }
    let binding = table.tags.binding(&ask.tags).join(", ");
    let (model, all) = (&ask.model, ask.tags.join(", "));
    let fits = if fitting.is_empty() {
        format!("No deployment carries all of [{binding}].")
    } else {
        let groups = fitting.join(", ");
        format!("Deployments that carry all of [{binding}] serve: {groups}.")
    };
    let message = format!(
        "Not allowed to access model due to tags configuration. Passed model={model} and \
         tags=[{all}]. {fits}"
    );
    Fault::new(FaultKind::Forbidden, message).param("tags")
}

/// All parallel requests of a deployment are taken.
pub(super) fn full() -> Fault {
    let message = "Deployment has all max_parallel_requests slots in use.";
    Fault::new(FaultKind::RateLimited, message)
}

/// A walk was asked with another table than it began with.
pub(super) fn foreign_table() -> Fault {
    Fault::new(FaultKind::Internal, "Internal server error")
        .detail("a walk was asked with another routing table than it began with")
}

impl Walk {
    /// What the client is told in the end: the last fault of the group it asked for; if that group
    /// could not be tried, when it may be again; else the last fault of all.
    pub(super) fn final_fault(&self, look: &Look<'_>) -> Fault {
        if let Some(original) = &self.original {
            return Fault::clone(original);
        }
        let none = self.no_deployment(look);
        match &self.last {
            Some(last) if none.retry_after.is_none() => Fault::clone(last),
            _ => none,
        }
    }

    /// LiteLLM's "No deployments available", with the reason for each.
    fn no_deployment(&self, look: &Look<'_>) -> Fault {
        let home = self.home();
        let (pool_idx, pool) = (home.pool, look.table.pool(home.pool));
        let members = pool.map_or(&[][..], |pool| &pool.members);
        let off = pool.map_or(&[][..], |pool| &pool.off);
        let mut soonest: Option<Duration> = None;
        let mut why = String::new();
        let mut detail = String::new();
        for (place, &idx) in members.iter().chain(off).enumerate() {
            let verdict = self.verdict(look, pool_idx, idx);
            let wait = wait_for(look, verdict);
            soonest = match (soonest, wait) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
            let Some(node) = look.table.deployment(idx) else {
                continue;
            };
            let reason = words(verdict);
            if place < MOST_NAMED {
                append(&mut why, &node.config.id, &reason);
            }
            append(&mut detail, &node.config.name, &reason);
        }
        let model = &self.ask.model;
        let when = soonest.map_or_else(String::new, |wait| {
            format!(", Try again in {} seconds", ceil_secs(wait))
        });
        let message = format!(
            "No deployments available for selected model{when}. Passed model={model}. {why}"
        );
        let mut fault = Fault::new(FaultKind::NoDeployment, message.trim_end()).detail(detail);
        fault.retry_after = soonest;
        fault
    }
}

/// When a deployment may be used again, where time alone brings that.
fn wait_for(look: &Look<'_>, verdict: Verdict) -> Option<Duration> {
    match verdict {
        Verdict::Unwell(Unwell::Cooling(until)) => Some(look.now.until(until)),
        Verdict::Barred(Bar::Full) => Some(WAIT_WHEN_FULL),
        Verdict::Barred(Bar::Rpm | Bar::Tpm) => Some(WAIT_WHEN_LIMITED),
        _ => None,
    }
}

fn words(verdict: Verdict) -> Arc<str> {
    match verdict {
        Verdict::Healthy(_) => "taken by others".into(),
        Verdict::Unwell(why) => why.to_string().into(),
        Verdict::Barred(why) => why.to_string().into(),
    }
}

fn append(text: &mut String, name: &str, reason: &str) {
    let comma = if text.is_empty() { "" } else { ", " };
    write!(text, "{comma}{name}: {reason}").expect("writing to a string cannot fail");
}

fn ceil_secs(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
