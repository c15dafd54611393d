//! Lines of labelled figures, the same for a backend and for a model group.

use ratatui::text::{Line, Span};

use super::Screen;
use crate::control::{Stats, Today};
use crate::tui::format;
use crate::tui::theme::Role;

/// A label (or none), a value, and the value's colour.
pub(super) struct Figure(&'static str, String, Role);

/// One figure.
pub(super) fn figure(label: &'static str, value: impl Into<String>, role: Role) -> Figure {
    Figure(label, value.into(), role)
}

impl Screen<'_> {
    /// Figures side by side, three blanks apart.
    pub(super) fn figures(&self, figures: &[Figure]) -> Vec<Span<'static>> {
        let mut spans = Vec::new();
        for Figure(label, value, role) in figures {
            let gap = if spans.is_empty() { "" } else { "   " };
            let blank = if label.is_empty() { "" } else { " " };
            spans.push(self.span(Role::Muted, format!("{gap}{label}{blank}")));
            spans.push(self.span(*role, value.clone()));
        }
        spans
    }

    /// A labelled line of figures.
    pub(super) fn line_of(&self, label: &str, figures: &[Figure]) -> Line<'static> {
        self.pair(label, self.figures(figures))
    }

    /// The last minute and today: rates, latency, tokens, cost.
    pub(super) fn stats_lines(&self, stats: &Stats, today: &Today) -> Vec<Line<'static>> {
        let failed = if today.errors > 0 {
            Role::Warn
        } else {
            Role::Text
        };
        let cost = format::money_with(today.cost, today.requests, today.unpriced);
        vec![
            self.line_of(
                "last minute",
                &[
                    figure(
                        "",
                        format!("{} req/s", format::decimal(stats.rps)),
                        Role::Text,
                    ),
                    figure(
                        "err",
                        format::or_dash(stats.error_rate(), format::percent),
                        Role::Text,
                    ),
                    // Of one answer; the charts have the tokens of all requests together.
                    figure(
                        "speed",
                        format::or_dash(stats.tokens_per_s, |speed| {
                            format!("{} tok/s", format::decimal(speed))
                        }),
                        Role::Text,
                    ),
                ],
            ),
            self.line_of(
                "latency",
                &[
                    figure("p50", format::millis_or(stats.p50_ms), Role::Series2),
                    figure("p95", format::millis_or(stats.p95_ms), Role::Series3),
                ],
            ),
            self.line_of(
                "first token",
                &[
                    figure(
                        "p50",
                        format::millis_or(stats.first_token_p50_ms),
                        Role::Series2,
                    ),
                    figure(
                        "p95",
                        format::millis_or(stats.first_token_p95_ms),
                        Role::Series3,
                    ),
                ],
            ),
            self.line_of(
                "today",
                &[
                    figure(
                        "",
                        format!("{} requests", format::count(today.requests)),
                        Role::Text,
                    ),
                    figure("failed", format::count(today.errors), failed),
                    figure("", cost, Role::Cost),
                ],
            ),
            self.line_of(
                "tokens",
                &[
                    figure("in", format::count(today.tokens_in), Role::TokensIn),
                    figure("out", format::count(today.tokens_out), Role::TokensOut),
                    figure(
                        "cached",
                        format::count(today.tokens_cached),
                        Role::TokensCached,
                    ),
                ],
            ),
        ]
    }
}
