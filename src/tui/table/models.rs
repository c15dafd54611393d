//! The list of model groups.

use ratatui::text::{Line, Span};

use super::backends::{is_free, model_state};
use super::figures::{self, Figures};
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
    Some(match field {
        "model" => Value::text(&model.name),
        "on" => serving(model, context.snapshot)
            .map_or(Value::Missing, |backend| Value::text(&backend.name)),
        "falls" => Value::Number(model.today.fallbacks as f64),
        "cost" => Value::Number(format::dollars(model.today.cost)),
        "state" => model_state(model, context.snapshot)
            .map_or(Value::Missing, |state| Value::text(state.word())),
        "backend" => {
            let all = backends(model, context.snapshot);
            Value::Text(
                all.map(|backend| backend.name.as_str())
                    .collect::<Vec<_>>()
                    .join(" ")
                    .into(),
            )
        },
        "fallback" => Value::Text(model.fallbacks.join(" ").into()),
        _ => return figures_of(model).value(field),
    })
}

/// The backends of a group.
fn backends<'a>(model: &'a Model, snapshot: &'a Snapshot) -> impl Iterator<Item = &'a Backend> {
    let places = model.backends.iter();
    places.filter_map(|place| snapshot.backends.get(*place))
}

/// The backend that serves a group now: its first in the best state, by tier.
fn serving<'a>(model: &'a Model, snapshot: &'a Snapshot) -> Option<&'a Backend> {
    let best = model_state(model, snapshot)?;
    backends(model, snapshot)
        .filter(|backend| backend.state == best)
        .min_by_key(|backend| backend.order.unwrap_or(i64::MAX))
}

pub(super) fn cell(
    model: &Model,
    column: &str,
    width: usize,
    context: Context<'_>,
) -> Line<'static> {
    let theme = context.theme;
    match column {
        "model" => Line::styled(fit(&model.name, width), theme.style(Role::Text)),
        "on" => on(model, width, context),
        "falls" => {
            let role = if model.today.fallbacks == 0 {
                Role::Faint
            } else {
                Role::Warn
            };
            Line::styled(format::count(model.today.fallbacks), theme.style(role))
        },
        "cost" => {
            let mut backends = backends(model, context.snapshot);
            figures::cost(&model.today, backends.all(is_free), width, context)
        },
        _ => figures_of(model)
            .cell(column, width, context)
            .unwrap_or_default(),
    }
}

const fn figures_of(model: &Model) -> Figures<'_> {
    Figures {
        in_flight: model.in_flight,
        stats: &model.stats,
        today: &model.today,
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
