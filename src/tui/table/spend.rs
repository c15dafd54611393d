//! Spend of the last seven days, by model, backend, key or app.

use ratatui::text::Line;

use super::figures::errors;
use super::{Column, Context, RowRef, Value};
use crate::control::{Spend, SpendRow};
use crate::tui::format::{self, fit};
use crate::tui::theme::Role;
use crate::tui::widget::{gauge, spark};

pub(super) const COLUMNS: &[Column] = &[
    Column::text("name", "NAME", 'n', [16, 26, 40], 0),
    Column::number("cost", "7 DAYS", 'c', 9, 0),
    Column::text("share", "SHARE", 's', [12, 18, 30], 2).falling(),
    Column::text("days", "PER DAY", 'd', [7, 7, 7], 4).falling(),
    Column::number("today", "TODAY", 't', 9, 1),
    Column::number("requests", "REQS", 'r', 5, 2),
    Column::number("err", "ERR", 'e', 5, 5),
    Column::number("in", "IN", 'x', 5, 3),
    Column::number("out", "OUT", 'o', 5, 3),
    Column::number("unpriced", "UNPRICED", 'u', 8, 4),
];

/// What the sum is called.
pub(crate) const TOTAL: &str = "total";

/// What spend is split by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) enum By {
    /// The model that served.
    #[default]
    Model,
    /// The backend.
    Backend,
    /// The key.
    Key,
    /// The app.
    App,
}

impl By {
    /// All of them, in the order of `v`.
    pub(crate) const ALL: [Self; 4] = [Self::Model, Self::Backend, Self::Key, Self::App];

    /// The word shown.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Backend => "backend",
            Self::Key => "key",
            Self::App => "app",
        }
    }

    /// The next one.
    pub(crate) const fn next(self) -> Self {
        match self {
            Self::Model => Self::Backend,
            Self::Backend => Self::Key,
            Self::Key => Self::App,
            Self::App => Self::Model,
        }
    }

    /// The total, then its rows.
    pub(super) fn with_total(self, spend: &Spend) -> impl Iterator<Item = RowRef<'_>> {
        let rows = self.rows(spend).iter().map(RowRef::Spend);
        std::iter::once(RowRef::Total(&spend.total)).chain(rows)
    }

    /// Its rows.
    pub(crate) fn rows(self, spend: &Spend) -> &[SpendRow] {
        match self {
            Self::Model => &spend.by_model,
            Self::Backend => &spend.by_backend,
            Self::Key => &spend.by_key,
            Self::App => &spend.by_app,
        }
    }
}

/// What a row is called; requests without a key, or from no known app, have no name of their own.
pub(crate) fn name(row: &SpendRow) -> &str {
    if row.name.is_empty() {
        "(none)"
    } else {
        &row.name
    }
}

/// What the total is called, as a cell.
pub(super) fn total_name(context: Context<'_>) -> Line<'static> {
    Line::styled(TOTAL, context.theme.style(Role::Heading))
}

pub(super) fn value<'a>(row: &'a SpendRow, field: &str) -> Option<Value<'a>> {
    Some(match field {
        "name" => Value::text(name(row)),
        "cost" | "share" | "days" => Value::Number(format::dollars(row.cost)),
        "today" => Value::optional(row.daily.last().copied().map(format::dollars)),
        "requests" => Value::Number(row.requests as f64),
        "err" => Value::optional(
            (row.requests > 0).then(|| row.errors as f64 * 100.0 / row.requests as f64),
        ),
        "in" => Value::Number(row.tokens_in as f64),
        "out" => Value::Number(row.tokens_out as f64),
        "unpriced" => Value::Number(row.unpriced as f64),
        _ => return None,
    })
}

pub(super) fn cell(
    row: &SpendRow,
    column: &str,
    width: usize,
    context: Context<'_>,
) -> Line<'static> {
    let theme = context.theme;
    let total = context
        .snapshot
        .spend
        .as_ref()
        .map_or(0, |spend| spend.total.cost.0);
    let styled = |text: &str, role| Line::styled(fit(text, width), theme.style(role));
    let share = if total > 0 {
        row.cost.0 as f64 / total as f64
    } else {
        0.0
    };
    let unknown = row.unpriced >= row.requests && row.cost.0 == 0 && row.requests > 0;
    match column {
        "name" if row.name.is_empty() => styled(name(row), Role::Faint),
        "name" => styled(name(row), Role::Text),
        "cost" => {
            let text = format::money_with(row.cost, row.requests, row.unpriced);
            styled(
                &text,
                if row.cost.0 == 0 {
                    Role::Muted
                } else {
                    Role::Cost
                },
            )
        },
        "share" => {
            let bar = width.saturating_sub(6);
            let mut spans = gauge(
                share,
                bar,
                theme.style(Role::Cost),
                theme.style(Role::Track),
            );
            let text = if unknown {
                "?".to_owned()
            } else {
                format::percent(share)
            };
            spans.push(ratatui::text::Span::styled(
                format!(" {text:>5}"),
                theme.style(Role::Muted),
            ));
            Line::from(spans)
        },
        "days" => {
            let cents: Vec<u32> = row
                .daily
                .iter()
                .map(|day| u32::try_from(day.0 / 100_000).unwrap_or(0))
                .collect();
            spark(&cents, &[], width, theme)
        },
        "today" if unknown => styled("?", Role::Muted),
        "today" => {
            let cost = row.daily.last().copied();
            let role = if cost.is_some_and(|cost| cost.0 != 0) {
                Role::Text
            } else {
                Role::Faint
            };
            styled(&format::money_or(cost), role)
        },
        "requests" => styled(&format::count(row.requests), Role::Text),
        "err" => {
            let rate = (row.requests > 0).then(|| row.errors as f64 / row.requests as f64);
            errors(rate, context)
        },
        "in" => styled(&format::count(row.tokens_in), Role::TokensIn),
        "out" => styled(&format::count(row.tokens_out), Role::TokensOut),
        "unpriced" if row.unpriced == 0 => styled("–", Role::Faint),
        "unpriced" => styled(&format!("? {}", format::count(row.unpriced)), Role::Warn),
        _ => Line::default(),
    }
}
