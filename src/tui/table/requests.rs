//! The list of requests: those being served on top, then those that ended, newest first.

use std::borrow::Cow;

use ratatui::text::Line;

use super::{Column, Context, Value};
use crate::base::{AttemptOutcome, RequestRecord};
use crate::control::{InFlight, RequestRow};
use crate::tui::format::{self, fit};
use crate::tui::theme::Role;

pub(super) const COLUMNS: &[Column] = &[
    Column::text("time", "TIME", 't', [8, 8, 8], 2).falling(),
    Column::text("model", "MODEL", 'm', [12, 14, 24], 0),
    Column::text("backend", "BACKEND", 'b', [16, 26, 36], 1),
    Column::text("status", "STATUS", 's', [10, 14, 16], 0),
    Column::number("tries", "TRIES", 'r', 5, 4),
    Column::number("first", "FIRST", 'f', 5, 5),
    Column::number("took", "TOOK", 'd', 5, 1),
    Column::number("in", "IN", 'x', 5, 3),
    Column::number("out", "OUT", 'o', 5, 3),
    Column::number("cost", "COST", 'c', 7, 2),
    Column::text("key", "KEY", 'k', [8, 10, 14], 6),
    Column::text("app", "APP", 'a', [10, 14, 22], 7),
];

pub(super) const MORE: &[&str] = &[
    "error", "id", "tag", "user", "provider", "group", "falls", "age", "fallback",
];

/// How a request ended, in a word or two: `200`, `429 rate_limit`, `200 cut`.
pub(crate) fn status_text(record: &RequestRecord) -> String {
    if record.error.is_empty() {
        record.status.to_string()
    } else if is_cut(record) {
        format!("{} cut", record.status)
    } else if record.error == "client_gone" {
        "client left".to_owned()
    } else {
        format!("{} {}", record.status, record.error)
    }
}

fn is_cut(record: &RequestRecord) -> bool {
    record
        .attempts
        .last()
        .is_some_and(|last| last.outcome == AttemptOutcome::Cut)
}

pub(super) fn value<'a>(
    row: &'a RequestRow,
    field: &str,
    context: Context<'a>,
) -> Option<Value<'a>> {
    let record = &row.record;
    let usage = record.usage;
    Some(match field {
        "time" => Value::Number(record.started.as_micros() as f64),
        "model" => Value::text(&record.client_model),
        "backend" => Value::text(backend(record)),
        "status" => Value::Text(Cow::Owned(status_text(record))),
        "tries" => Value::Number(record.attempts.len() as f64),
        "first" => Value::optional(record.first_token_us.map(|us| us as f64 / 1_000.0)),
        "took" => Value::Number(record.took_us as f64 / 1_000.0),
        "in" => Value::optional(usage.map(|usage| usage.prompt as f64)),
        "out" => Value::optional(usage.map(|usage| usage.completion as f64)),
        "cost" => Value::optional(record.cost.map(format::dollars)),
        "key" => Value::text(&record.key),
        "app" => Value::text(app(record)),
        "error" if record.error.is_empty() => Value::Missing,
        "error" => Value::text(&record.error),
        "id" => Value::text(record.call_id.as_str()),
        "tag" => Value::Text(Cow::Owned(record.tags.join(" "))),
        "user" => Value::text(&record.end_user),
        "provider" => Value::text(&record.provider),
        "group" => Value::text(&record.group),
        "falls" => Value::Number(f64::from(record.fallbacks)),
        "fallback" => Value::text(if record.fallbacks > 0 { "yes" } else { "no" }),
        "age" => {
            Value::Number((context.now().as_micros() - record.started.as_micros()) as f64 / 1_000.0)
        },
        _ => return None,
    })
}

pub(super) fn flight_value<'a>(
    flight: &'a InFlight,
    field: &str,
    context: Context<'a>,
) -> Option<Value<'a>> {
    let age = (flight.age_ms + context.elapsed_ms) as f64;
    Some(match field {
        "time" => Value::Number(context.now().as_micros() as f64 - age * 1_000.0),
        "model" => Value::text(&flight.model),
        "backend" => Value::text(&flight.backend),
        "status" => Value::text(if flight.streaming {
            "streaming"
        } else {
            "waiting"
        }),
        "tries" => Value::Number(f64::from(flight.attempt)),
        "took" | "age" => Value::Number(age),
        "app" => Value::text(&flight.client),
        "id" => Value::text(&flight.call_id),
        "tag" | "user" | "provider" | "group" | "key" => Value::text(""),
        "fallback" => Value::text("no"),
        "error" | "first" | "in" | "out" | "cost" | "falls" => Value::Missing,
        _ => return None,
    })
}

/// The backend that answered, or was tried last.
fn backend(record: &RequestRecord) -> &str {
    record.attempts.last().map_or("", |last| &last.backend)
}

fn app(record: &RequestRecord) -> &str {
    if record.user_agent.is_empty() {
        &record.client_addr
    } else {
        &record.user_agent
    }
}

pub(super) fn cell(
    row: &RequestRow,
    column: &str,
    width: usize,
    context: Context<'_>,
) -> Line<'static> {
    let theme = context.theme;
    let record = &row.record;
    let styled = |text: &str, role| Line::styled(fit(text, width), theme.style(role));
    let tokens = |count: Option<u64>, role| match count {
        Some(count) => styled(&format::count(count), role),
        None => styled("–", Role::Faint),
    };
    match column {
        "time" => styled(
            &format::clock_or_day(record.started, context.now(), context.zone()),
            Role::Muted,
        ),
        "model" => styled(&record.client_model, Role::Text),
        "backend" => {
            let name = backend(record);
            let text = if name.is_empty() { "–" } else { name };
            styled(
                text,
                if record.fallbacks > 0 {
                    Role::Warn
                } else {
                    Role::Muted
                },
            )
        },
        "status" => {
            let role = match record.status {
                _ if record.error == "client_gone" => Role::Muted,
                _ if !record.error.is_empty() => Role::Error,
                _ => Role::Up,
            };
            styled(&status_text(record), role)
        },
        "tries" => {
            let role = if record.attempts.len() > 1 {
                Role::Warn
            } else {
                Role::Faint
            };
            styled(&record.attempts.len().to_string(), role)
        },
        "first" => match record.first_token_us {
            Some(us) => styled(&format::micros(us), Role::Muted),
            None => styled("–", Role::Faint),
        },
        "took" => styled(&format::micros(record.took_us), Role::Text),
        "in" => tokens(record.usage.map(|usage| usage.prompt), Role::TokensIn),
        "out" => tokens(record.usage.map(|usage| usage.completion), Role::TokensOut),
        "cost" => match record.cost {
            Some(cost) if cost.0 == 0 => styled("free", Role::Faint),
            cost => styled(&format::money_or(cost), Role::Cost),
        },
        "key" => styled(
            if record.key.is_empty() {
                "–"
            } else {
                &record.key
            },
            Role::Muted,
        ),
        "app" => styled(app(record), Role::Faint),
        _ => Line::default(),
    }
}

pub(super) fn flight_cell(
    flight: &InFlight,
    column: &str,
    width: usize,
    context: Context<'_>,
) -> Line<'static> {
    let theme = context.theme;
    let styled = |text: &str, role| Line::styled(fit(text, width), theme.style(role));
    match column {
        "time" => styled("now", Role::Accent),
        "model" => styled(&flight.model, Role::Text),
        "backend" if flight.backend.is_empty() => styled("waits for a backend", Role::Faint),
        "backend" => styled(&flight.backend, Role::Muted),
        "status" if flight.streaming => styled("streaming", Role::Accent),
        "status" => styled("waiting", Role::Muted),
        "tries" => {
            let role = if flight.attempt > 1 {
                Role::Warn
            } else {
                Role::Faint
            };
            styled(&flight.attempt.to_string(), role)
        },
        "took" => styled(
            &format::millis((flight.age_ms + context.elapsed_ms) as f64),
            Role::Accent,
        ),
        "app" => styled(&flight.client, Role::Faint),
        "first" | "in" | "out" | "cost" | "key" => styled("…", Role::Faint),
        _ => Line::default(),
    }
}
