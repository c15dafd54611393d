//! The list of model groups.

use ratatui::text::{Line, Span};

use super::backends::{errors, model_state};
use super::{Column, Context, Value};
use crate::control::{Backend, BackendState, Model, Snapshot};
use crate::tui::format::{self, fit};
use crate::tui::glyph;
use crate::tui::theme::Role;

pub(super) const COLUMNS: &[Column] = &[
    Column::text("model", "MODEL", 'n', [14, 18, 28], 0),
    Column::text("on", "SERVED BY", 'b', [14, 28, 44], 3),
    Column::number("inflight", "INFL", 'i', 4, 2),
    Column::number("rps", "RPS", 'r', 4, 1),
    Column::number("p50", "P50", 'm', 5, 4),
    Column::number("p95", "P95", 'p', 5, 1),
    Column::number("first", "FIRST", 'f', 5, 3),
    Column::number("tps", "TOK/S", 'k', 5, 6),
    Column::number("err", "ERR", 'e', 5, 4),
    Column::number("in", "IN", 'x', 5, 5),
    Column::number("out", "OUT", 'o', 5, 5),
    Column::number("falls", "FALLS", 'l', 5, 7),
    Column::number("cost", "TODAY", 'c', 7, 1),
];

pub(super) const MORE: &[&str] = &["state", "backend", "fallback"];

pub(super) fn value<'a>(model: &'a Model, field: &str, context: Context<'a>) -> Option<Value<'a>> {
    let stats = &model.stats;
    Some(match field {
        "model" => Value::text(&model.name),
        "on" => serving(model, context.snapshot)
            .map_or(Value::Missing, |backend| Value::text(&backend.name)),
        "inflight" => Value::Number(f64::from(model.in_flight)),
        "rps" => Value::Number(stats.rps),
        "p50" => Value::optional(stats.p50_ms),
        "p95" => Value::optional(stats.p95_ms),
        "first" => Value::optional(stats.first_token_p50_ms),
        "tps" => Value::optional(stats.tokens_per_s),
        "err" => Value::optional(stats.error_rate().map(|rate| rate * 100.0)),
        "in" => Value::Number(model.today.tokens_in as f64),
        "out" => Value::Number(model.today.tokens_out as f64),
        "falls" => Value::Number(model.today.fallbacks as f64),
        "cost" => Value::Number(format::dollars(model.today.cost)),
        "state" => model_state(model, context.snapshot)
            .map_or(Value::Missing, |state| Value::text(state.word())),
        "backend" => {
            let names = model
                .backends
                .iter()
                .filter_map(|place| context.snapshot.backends.get(*place));
            Value::Text(
                names
                    .map(|backend| backend.name.as_str())
                    .collect::<Vec<_>>()
                    .join(" ")
                    .into(),
            )
        },
        "fallback" => Value::Text(model.fallbacks.join(" ").into()),
        _ => return None,
    })
}

/// The backend that serves a group now: its first in the best state, by tier.
fn serving<'a>(model: &Model, snapshot: &'a Snapshot) -> Option<&'a Backend> {
    let best = model_state(model, snapshot)?;
    let all = model
        .backends
        .iter()
        .filter_map(|place| snapshot.backends.get(*place));
    all.filter(|backend| backend.state == best)
        .min_by_key(|backend| backend.order.unwrap_or(i64::MAX))
}

pub(super) fn cell(
    model: &Model,
    column: &str,
    width: usize,
    context: Context<'_>,
) -> Line<'static> {
    let theme = context.theme;
    let stats = &model.stats;
    let quiet = stats.requests == 0;
    let number = |text: String| {
        let role = if quiet { Role::Faint } else { Role::Text };
        Line::styled(fit(&text, width), theme.style(role))
    };
    match column {
        "model" => Line::styled(fit(&model.name, width), theme.style(Role::Text)),
        "on" => on(model, width, context),
        "inflight" => {
            let role = if model.in_flight == 0 {
                Role::Faint
            } else {
                Role::Accent
            };
            Line::styled(format::count(u64::from(model.in_flight)), theme.style(role))
        },
        "rps" => number(format::decimal(stats.rps)),
        "p50" => number(format::millis_or(stats.p50_ms)),
        "p95" => number(format::millis_or(stats.p95_ms)),
        "first" => number(format::millis_or(stats.first_token_p50_ms)),
        "tps" => number(
            stats
                .tokens_per_s
                .map_or_else(|| "–".to_owned(), format::decimal),
        ),
        "err" => errors(stats.error_rate(), context),
        "in" => Line::styled(
            format::count(model.today.tokens_in),
            theme.style(Role::TokensIn),
        ),
        "out" => Line::styled(
            format::count(model.today.tokens_out),
            theme.style(Role::TokensOut),
        ),
        "falls" => {
            let role = if model.today.fallbacks == 0 {
                Role::Faint
            } else {
                Role::Warn
            };
            Line::styled(format::count(model.today.fallbacks), theme.style(role))
        },
        "cost" => {
            let today = &model.today;
            let text = format::money_with(today.cost, today.requests, today.unpriced);
            let role = if today.cost.0 == 0 {
                Role::Faint
            } else {
                Role::Cost
            };
            Line::styled(fit(&text, width), theme.style(role))
        },
        _ => Line::default(),
    }
}

fn on(model: &Model, width: usize, context: Context<'_>) -> Line<'static> {
    let theme = context.theme;
    let Some(backend) = serving(model, context.snapshot) else {
        return Line::styled(fit("no backend", width), theme.style(Role::Error));
    };
    let style = theme.style(Role::of_state(backend.state));
    let takes = matches!(backend.state, BackendState::Up | BackendState::Probing);
    let text = match (takes, model.fallbacks.first()) {
        (false, Some(next)) => format!("{} → {next}", backend.state.word()),
        (false, None) => format!("{}, no fallback", backend.state.word()),
        _ if model.backends.len() > 1 => format!("{} +{}", backend.name, model.backends.len() - 1),
        _ => backend.name.clone(),
    };
    let room = width.saturating_sub(2);
    let role = if takes {
        Role::Muted
    } else {
        Role::of_state(backend.state)
    };
    Line::from(vec![
        Span::styled(format!("{} ", glyph::state(backend.state)), style),
        Span::styled(fit(&text, room), theme.style(role)),
    ])
}
