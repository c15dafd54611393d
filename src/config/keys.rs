//! Says what becomes of every key that is written: unknown, not supported, without meaning.
//!
//! Driven by the catalogue; the values of supported keys are read elsewhere.

use super::catalogue::{self, Key, Kind, REQUEST_MEMBERS, Section};
use super::env::{self, note_missing};
use super::read::Desk;
use super::yaml::{Body, Entry, Node, Scalar};
use crate::base::Severity;

/// Callbacks that look at requests to refuse them; without them those requests pass.
const GUARDS: &[&str] = &[
    "aporia",
    "azure_content_safety",
    "banned_keywords",
    "blocked_user_check",
    "detect_prompt_injection",
    "google_text_moderation",
    "guardrails_ai",
    "hide_secrets",
    "lakera_prompt_injection",
    "llamaguard_moderations",
    "llmguard_moderations",
    "openai_moderations",
    "presidio",
];

/// Callbacks that count requests or money to refuse them.
const LIMITERS: &[&str] = &[
    "dynamic_rate_limiter",
    "dynamic_rate_limiter_v3",
    "max_budget_limiter",
    "max_budget_per_session_limiter",
    "max_iterations_limiter",
    "parallel_request_limiter",
    "parallel_request_limiter_v3",
];

/// Optional checks that refuse requests.
const REFUSING_CHECKS: &[&str] = &["router_budget_limiting", "enforce_model_rate_limits"];

/// Notes what is to be said about the keys of `map`.
pub(super) fn check(desk: &mut Desk<'_>, section: Section, map: &Node) {
    for entry in map.entries().unwrap_or_default() {
        match catalogue::find(section, &entry.key) {
            Some(key) => known(desk, key, entry),
            None => unknown(desk, section, entry),
        }
    }
}

fn known(desk: &mut Desk<'_>, key: &Key, entry: &Entry) {
    if key.kind == Kind::Supported || !entry.value.is_on() {
        return;
    }
    if key.kind != Kind::Restricts && listed(desk, key, entry) {
        return;
    }
    let name = key.name;
    let is_zero = entry.value.scalar().and_then(Scalar::as_decimal);
    let zero_budget = key.section == Section::Litellm
        && name == "max_budget"
        && is_zero.is_some_and(|text| text.parse::<f64>() == Ok(0.0));
    match key.kind {
        Kind::Supported => return,
        Kind::Later => {
            let message = format!("`{name}` is not supported yet: {}", key.about);
            desk.notes.warn(entry.key_at, message, "");
        },
        Kind::NoMeaning => {
            let message = format!("`{name}` has no effect here: {}", key.about);
            desk.notes.note(Severity::Note, entry.key_at, message, "");
        },
        Kind::Restricts if zero_budget => return,
        Kind::Restricts => restricting(desk, key.section, name, key.about, entry),
    }
    note_references(desk, &entry.value);
}

/// A key that stopped something: refused, or accepted by name.
fn restricting(desk: &mut Desk<'_>, section: Section, name: &str, about: &str, entry: &Entry) {
    let path = format!("{}.{name}", section.name());
    let accepted = &desk.cli.ignore_unsupported;
    let message = format!("`{name}` is not supported yet: {about}");
    if accepted.contains(name) || accepted.contains(&path) {
        desk.notes
            .warn(entry.key_at, message, "accepted by `--ignore-unsupported`");
    } else {
        let hint = format!(
            "nothing may get through that was stopped before; \
             if that is all right, start with `--ignore-unsupported {name}`"
        );
        desk.notes.error(entry.key_at, message, hint);
    }
}

/// Keys whose value is a list of features, each with an answer of its own. Whether all was said.
fn listed(desk: &mut Desk<'_>, key: &Key, entry: &Entry) -> bool {
    let callbacks = key.section == Section::Litellm && key.name.contains("callback");
    let checks = key.name == "optional_pre_call_checks";
    if !callbacks && !checks {
        return false;
    }
    let items = match &entry.value.body {
        Body::List(items) => items.as_slice(),
        Body::Scalar(_) => std::slice::from_ref(&entry.value),
        Body::Map(_) => return false,
    };
    for item in items {
        let Some(scalar) = item.scalar() else {
            continue;
        };
        let name = scalar.text.as_str();
        let here = Entry {
            key: name.to_owned(),
            key_at: item.at,
            value: item.clone(),
        };
        if GUARDS.contains(&name) {
            let about = "requests and answers pass unchecked";
            restricting(desk, key.section, name, about, &here);
        } else if callbacks && LIMITERS.contains(&name) {
            restricting(desk, key.section, name, "requests over a limit pass", &here);
        } else if checks && REFUSING_CHECKS.contains(&name) {
            restricting(desk, key.section, name, "such requests pass", &here);
        } else if callbacks && name == "prometheus" {
            let message = "`prometheus`: /metrics gives the gateway's own set, always";
            desk.notes.note(Severity::Note, item.at, message, "");
        } else if callbacks && name.contains('.') {
            let message = format!(
                "`{name}`: Python code does not run here; if it refuses requests, those pass"
            );
            desk.notes.warn(item.at, message, "");
        } else {
            let message = format!(
                "`{name}` under `{}` is not supported yet: {}",
                key.name, key.about
            );
            desk.notes.warn(item.at, message, "");
        }
    }
    true
}

fn unknown(desk: &mut Desk<'_>, section: Section, entry: &Entry) {
    let name = entry.key.as_str();
    if section == Section::Params && REQUEST_MEMBERS.contains(&name) {
        return;
    }
    let free = match section {
        Section::Params => true,
        Section::Info => {
            if ["supports_", "ptu_"]
                .iter()
                .any(|start| name.starts_with(start))
                || name.contains("cost")
            {
                return;
            }
            true
        },
        _ => false,
    };
    let names = catalogue::keys(section).iter().map(|key| key.name);
    let near = catalogue::nearest(name, names);
    let other = catalogue::elsewhere(section, name);
    let (message, hint) = match (near, other, free) {
        (None, None | Some(_), true) => return,
        (Some(near), _, true) if section == Section::Params => (
            format!(
                "`{name}` is no key of `litellm_params`; it is sent to the backend with every request"
            ),
            format!("did you mean `{near}`?"),
        ),
        (Some(near), _, _) => (
            format!(
                "unknown key `{name}` in `{}`; it is ignored",
                section.name()
            ),
            format!("did you mean `{near}`?"),
        ),
        (None, Some(other), _) => (
            format!(
                "unknown key `{name}` in `{}`; it is ignored",
                section.name()
            ),
            format!("it belongs under `{}`", other.name()),
        ),
        (None, None, _) => (
            format!(
                "unknown key `{name}` in `{}`; it is ignored",
                section.name()
            ),
            "remove it, or see `config.example.yaml` for all keys".to_owned(),
        ),
    };
    desk.notes.warn(entry.key_at, message, hint);
    if !free {
        note_references(desk, &entry.value);
    }
}

/// Notes variables that are not set where nothing depends on them.
pub(super) fn note_references(desk: &mut Desk<'_>, node: &Node) {
    match &node.body {
        Body::Scalar(scalar) => {
            if let Some(name) = env::reference(&scalar.text)
                && desk.env.get(name).is_none()
            {
                note_missing(&mut desk.notes, node.at, name);
            }
        },
        Body::List(items) => items.iter().for_each(|item| note_references(desk, item)),
        Body::Map(entries) => entries
            .iter()
            .for_each(|entry| note_references(desk, &entry.value)),
    }
}
