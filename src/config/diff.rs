//! What changed between two configurations, in lines for people, and what needs a restart.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Config, Deployment};

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diff {
    /// One line per kind of change; none when nothing did.
    pub lines: Vec<String>,
    /// Keys whose new value counts only after a restart.
    pub restart_keys: Vec<String>,
}

impl Diff {
    /// Whether nothing changed.
    pub const fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.restart_keys.is_empty()
    }
}

/// Compares two configurations. Deployments are the same when their ids are.
pub fn diff(old: &Config, new: &Config) -> Diff {
    let mut lines = backends(old, new);
    let mut settings = Vec::new();
    let mut changed = |key: &'static str, same: bool| {
        if !same {
            settings.push(key);
        }
    };
    let (a, b) = (&old.router, &new.router);
    changed("routing_strategy", a.strategy == b.strategy);
    changed("num_retries", a.num_retries == b.num_retries);
    changed("retry_after", a.retry_after == b.retry_after);
    changed("timeouts", a.timeouts == b.timeouts);
    changed("allowed_fails", a.allowed_fails == b.allowed_fails);
    changed("cooldown_time", a.cooldown_time == b.cooldown_time);
    changed(
        "disable_cooldowns",
        a.disable_cooldowns == b.disable_cooldowns,
    );
    changed("fallbacks", a.fallbacks == b.fallbacks);
    changed(
        "context_window_fallbacks",
        a.context_window_fallbacks == b.context_window_fallbacks,
    );
    changed(
        "default_fallbacks",
        a.default_fallbacks == b.default_fallbacks,
    );
    changed("max_fallbacks", a.max_fallbacks == b.max_fallbacks);
    changed("model_group_alias", a.aliases == b.aliases);
    changed("retry_policy", a.retry_policy == b.retry_policy);
    changed(
        "enable_pre_call_checks",
        a.pre_call_checks == b.pre_call_checks,
    );
    changed("enable_tag_filtering", a.tags == b.tags);
    let (a, b) = (&old.general, &new.general);
    changed("master_key", a.master_key == b.master_key);
    changed("cors_origins", a.cors == b.cors);
    changed(
        "require_auth_for_metrics_endpoint",
        a.metrics_open == b.metrics_open,
    );
    changed(
        "disable_spend_logs",
        a.disable_spend_logs == b.disable_spend_logs,
    );
    changed("completion_model", a.completion_model == b.completion_model);
    changed(
        "always_include_stream_usage",
        a.always_include_stream_usage == b.always_include_stream_usage,
    );
    changed(
        "forward_client_headers_to_llm_api",
        a.forward_client_headers == b.forward_client_headers,
    );
    changed("set_verbose", a.verbose == b.verbose);
    changed("timezone", a.timezone == b.timezone);
    let (a, b) = (&old.limits, &new.limits);
    changed("max_request_size_mb", a.body_bytes == b.body_bytes);
    changed("max_response_size_mb", a.answer_bytes == b.answer_bytes);
    changed("max_connections", a.connections == b.connections);
    changed("header_timeout", a.header_timeout == b.header_timeout);
    changed("drain_timeout", a.drain_timeout == b.drain_timeout);
    if !settings.is_empty() {
        lines.push(format!("settings changed: {}", settings.join(", ")));
    }
    Diff {
        lines,
        restart_keys: restart_keys(old, new),
    }
}

/// Keys that are read once, at the start.
fn restart_keys(old: &Config, new: &Config) -> Vec<String> {
    let (a, b) = (&old.startup, &new.startup);
    let keys = [
        ("host", a.host == b.host),
        ("port", a.port == b.port),
        ("data_dir", a.data_dir == b.data_dir),
        ("workers", a.workers == b.workers),
        ("json_logs", old.general.json_logs == new.general.json_logs),
    ];
    let changed = keys.into_iter().filter(|(_, same)| !same);
    changed.map(|(key, _)| key.to_owned()).collect()
}

fn backends(old: &Config, new: &Config) -> Vec<String> {
    let find = |config: &'_ Config, id: &Arc<str>| -> Option<usize> {
        config.deployments.iter().position(|other| other.id == *id)
    };
    let mut added = Vec::new();
    let mut changed = Vec::new();
    for deployment in &new.deployments {
        let before = find(old, &deployment.id).and_then(|at| old.deployments.get(at));
        match before {
            None => added.push(deployment.name.to_string()),
            Some(before) => changed.extend(change(before, deployment)),
        }
    }
    let removed: Vec<String> = old
        .deployments
        .iter()
        .filter(|deployment| find(new, &deployment.id).is_none())
        .map(|deployment| deployment.name.to_string())
        .collect();
    let kinds = [("added", added), ("removed", removed), ("changed", changed)];
    kinds
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(word, names)| line(word, &names))
        .collect()
}

/// `3 backends added: a, b, c`; long lists are cut.
fn line(word: &str, names: &[String]) -> String {
    const SHOWN: usize = 6;
    let noun = if names.len() == 1 {
        "backend"
    } else {
        "backends"
    };
    let shown = names
        .iter()
        .take(SHOWN)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    let more = match names.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{} {noun} {word}: {shown}{more}", names.len())
}

/// What changed about one deployment, as `name (order, timeout)`.
fn change(old: &Deployment, new: &Deployment) -> Option<String> {
    let mut words: BTreeSet<&str> = BTreeSet::new();
    let mut changed = |word: &'static str, same: bool| {
        if !same {
            words.insert(word);
        }
    };
    match (&old.off, &new.off) {
        (None, Some(_)) => changed("off now", false),
        (Some(_), None) => changed("on now", false),
        (before, now) => changed("why it is off", before == now),
    }
    changed("group", old.group == new.group);
    changed("upstream", old.upstream == new.upstream);
    changed("order", old.order == new.order);
    changed("weight", old.weight == new.weight);
    changed("rpm", old.rpm == new.rpm);
    changed("tpm", old.tpm == new.tpm);
    changed("timeouts", old.timeouts == new.timeouts);
    changed("num_retries", old.num_retries == new.num_retries);
    changed("cooldown_time", old.cooldown_time == new.cooldown_time);
    changed("allowed_fails", old.allowed_fails == new.allowed_fails);
    changed(
        "max_parallel_requests",
        old.max_parallel == new.max_parallel,
    );
    changed("tags", old.tags == new.tags);
    changed("request defaults", old.defaults == new.defaults);
    changed("drop_params", old.drop_params == new.drop_params);
    changed(
        "drop_params",
        old.additional_drop_params == new.additional_drop_params,
    );
    changed("price", old.price == new.price);
    changed("base_model", old.base_model == new.base_model);
    changed(
        "max_input_tokens",
        old.max_input_tokens == new.max_input_tokens,
    );
    changed("fallback", old.fallback == new.fallback);
    changed("model_info", old.model_info == new.model_info);
    if words.is_empty() {
        // Something only shown: spelling, a note, the order of keys.
        return (old != new).then(|| new.name.to_string());
    }
    let words: Vec<&str> = words.into_iter().collect();
    Some(format!("{} ({})", new.name, words.join(", ")))
}
