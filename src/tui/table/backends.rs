//! The list of backends.

use std::borrow::Cow;

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::figures::{self, Figures};
use super::{Column, Context, Value};
use crate::control::{Backend, BackendState, Model, Snapshot};
use crate::tui::format::{self, fit};
use crate::tui::glyph;
use crate::tui::theme::Role;
use crate::tui::widget::{gauge, spark};

pub(super) const COLUMNS: &[Column] = &[
    Column::text("backend", "BACKEND", 'n', [16, 24, 34], 0),
    Column::text("state", "STATE", 's', [10, 10, 10], 0),
    Column::text("why", "RECOVERS/WHY", 'w', [12, 20, 46], 1),
    Column::text("group", "GROUP", 'g', [7, 11, 14], 9),
    Column::number("inflight", "INFL", 'i', 4, 2),
    Column::number("rps", "RPS", 'r', 4, 3),
    Column::number("p50", "P50", 'm', 5, 7),
    Column::number("p95", "P95", 'p', 5, 3),
    Column::number("first", "FIRST", 'f', 5, 7),
    Column::number("tps", "TOK/S", 'k', 5, 8),
    Column::number("err", "ERR", 'e', 5, 4),
    Column::number("in", "IN", 'x', 5, 11),
    Column::number("out", "OUT", 'o', 5, 11),
    Column::number("cost", "TODAY", 'c', 7, 7),
    Column::text("spark", "15 MIN", 'v', [8, 10, 15], 6).falling(),
];

pub(super) const MORE: &[&str] = &["provider", "model", "host", "tag", "local"];

/// The countdown of a backend's cooldown, milliseconds left and whole, at this moment.
pub(crate) fn recovery(backend: &Backend, elapsed_ms: u64) -> Option<(u64, u64)> {
    let left = backend.cooldown_left_ms?.saturating_sub(elapsed_ms);
    let total = backend.cooldown_total_ms.unwrap_or(left).max(left).max(1);
    Some((left, total))
}

/// What a group as a whole can do: the best of its backends.
pub(crate) fn model_state(model: &Model, snapshot: &Snapshot) -> Option<BackendState> {
    let states = model
        .backends
        .iter()
        .filter_map(|place| snapshot.backends.get(*place));
    states
        .map(|backend| backend.state)
        .max_by_key(|state| match state {
            BackendState::Up => 5,
            BackendState::Probing => 4,
            BackendState::Draining => 3,
            BackendState::Cooling => 2,
            BackendState::Down => 1,
            BackendState::Off => 0,
        })
}

pub(super) fn value<'a>(
    backend: &'a Backend,
    field: &str,
    context: Context<'a>,
) -> Option<Value<'a>> {
    Some(match field {
        "backend" => Value::text(&backend.name),
        "state" => Value::text(backend.state.word()),
        "why" => match recovery(backend, context.elapsed_ms) {
            Some((left, _)) => Value::Number(left as f64),
            None if backend.why.is_empty() => Value::Missing,
            None => Value::text(&backend.why),
        },
        "group" => Value::text(&backend.group),
        "cost" => Value::Number(format::dollars(backend.today.cost)),
        "spark" => Value::Number(backend.spark.iter().map(|n| f64::from(*n)).sum()),
        "provider" => Value::text(&backend.provider),
        "model" => Value::text(&backend.model),
        "host" => match context.snapshot.hosts.get(backend.host) {
            Some(host) => Value::text(&host.base),
            None => Value::Missing,
        },
        "tag" => Value::Text(Cow::Owned(backend.tags.join(" "))),
        "local" => Value::text(if backend.local { "yes" } else { "no" }),
        _ => return figures_of(backend).value(field),
    })
}

pub(super) fn cell(
    backend: &Backend,
    column: &str,
    width: usize,
    context: Context<'_>,
) -> Line<'static> {
    let theme = context.theme;
    match column {
        "backend" => {
            let role = if backend.state == BackendState::Off {
                Role::Faint
            } else {
                Role::Text
            };
            Line::styled(fit(&backend.name, width), theme.style(role))
        },
        "state" => {
            let text = format!("{} {}", glyph::state(backend.state), backend.state.word());
            Line::styled(text, theme.style(Role::of_state(backend.state)))
        },
        "why" => why(backend, width, context),
        "group" => Line::styled(fit(&backend.group, width), theme.style(Role::Muted)),
        "cost" => cost(backend, width, context),
        "spark" => spark(&backend.spark, &backend.spark_errors, width, theme),
        _ => figures_of(backend)
            .cell(column, width, context)
            .unwrap_or_default(),
    }
}

const fn figures_of(backend: &Backend) -> Figures<'_> {
    Figures {
        in_flight: backend.in_flight,
        stats: &backend.stats,
        today: &backend.today,
    }
}

/// Whether its price is known, and nothing.
pub(super) fn is_free(backend: &Backend) -> bool {
    let mut prices = [backend.price_in, backend.price_out].into_iter().flatten();
    let known = backend.price_in.is_some() || backend.price_out.is_some();
    known && prices.all(|price| price.0 == 0)
}

fn cost(backend: &Backend, width: usize, context: Context<'_>) -> Line<'static> {
    let today = &backend.today;
    let unknown = backend.price_in.is_none() && backend.price_out.is_none();
    if today.requests > 0 && today.cost.0 == 0 && unknown {
        return Line::styled("?", context.theme.style(Role::Muted));
    }
    figures::cost(today, is_free(backend), width, context)
}

/// While it cools: a bar, the time left and the reason. Else the reason alone.
fn why(backend: &Backend, width: usize, context: Context<'_>) -> Line<'static> {
    let theme = context.theme;
    let muted = theme.style(Role::Muted);
    let Some((left, total)) = recovery(backend, context.elapsed_ms) else {
        return Line::styled(fit(&backend.why, width), muted);
    };
    let bar = if width >= 30 { 10 } else { 6 };
    let passed = 1.0 - left as f64 / total as f64;
    let mut spans = gauge(
        passed,
        bar,
        theme.style(Role::Cooling),
        theme.style(Role::Track),
    );
    let clock = format!(" {:>4}", format::countdown(left));
    let room = width.saturating_sub(bar + format::width(&clock) + 1);
    spans.push(Span::styled(clock, theme.style(Role::Heading)));
    if room >= 3 {
        spans.push(Span::styled(" ", Style::new()));
        spans.push(Span::styled(fit(&backend.why, room), muted));
    }
    Line::from(spans)
}
