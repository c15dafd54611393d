//! The figures of traffic that backends and model groups share: what each column says of them.
//!
//! One place for both lists, so a figure sorts, filters and looks the same in either. It knows the
//! last minute and the day, not whose they are.

use ratatui::text::Line;

use super::{Context, Value};
use crate::control::{Stats, Today};
use crate::tui::format::{self, fit};
use crate::tui::theme::Role;

/// The traffic of one row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figures<'a> {
    /// Requests being served.
    pub(super) in_flight: u32,
    /// The last minute.
    pub(super) stats: &'a Stats,
    /// Since midnight.
    pub(super) today: &'a Today,
}

impl Figures<'_> {
    /// What a field holds; `None` when it is none of these figures.
    pub(super) fn value(self, field: &str) -> Option<Value<'static>> {
        let Self {
            in_flight,
            stats,
            today,
        } = self;
        Some(match field {
            "inflight" => Value::Number(f64::from(in_flight)),
            "rps" => Value::Number(stats.rps),
            "p50" => Value::optional(stats.p50_ms),
            "p95" => Value::optional(stats.p95_ms),
            "first" => Value::optional(stats.first_token_p50_ms),
            "tps" => Value::optional(stats.tokens_per_s),
            "err" => Value::optional(stats.error_rate().map(|rate| rate * 100.0)),
            "in" => Value::Number(today.tokens_in as f64),
            "out" => Value::Number(today.tokens_out as f64),
            _ => return None,
        })
    }

    /// A cell, at most `width` cells wide; `None` when the column is none of these figures.
    pub(super) fn cell(
        self,
        column: &str,
        width: usize,
        context: Context<'_>,
    ) -> Option<Line<'static>> {
        let Self {
            in_flight,
            stats,
            today,
        } = self;
        let styled = |text: &str, role| Line::styled(fit(text, width), context.theme.style(role));
        // Without traffic the rates of the last minute say nothing.
        let measured = if stats.requests == 0 {
            Role::Faint
        } else {
            Role::Text
        };
        let busy = if in_flight == 0 {
            Role::Faint
        } else {
            Role::Accent
        };
        Some(match column {
            "inflight" => styled(&format::count(u64::from(in_flight)), busy),
            "rps" => styled(&format::decimal(stats.rps), measured),
            "p50" => styled(&format::millis_or(stats.p50_ms), measured),
            "p95" => styled(&format::millis_or(stats.p95_ms), measured),
            "first" => styled(&format::millis_or(stats.first_token_p50_ms), measured),
            "tps" => styled(
                &format::or_dash(stats.tokens_per_s, format::decimal),
                measured,
            ),
            "err" => errors(stats.error_rate(), context),
            "in" => styled(&format::count(today.tokens_in), Role::TokensIn),
            "out" => styled(&format::count(today.tokens_out), Role::TokensOut),
            _ => return None,
        })
    }
}

/// What was spent since midnight. `free` is whether nothing costs anything there, which is more than
/// that nothing was spent.
pub(super) fn cost(today: &Today, free: bool, width: usize, context: Context<'_>) -> Line<'static> {
    let (text, role) = if today.requests == 0 {
        ("–".to_owned(), Role::Faint)
    } else if free && today.cost.0 == 0 && today.unpriced == 0 {
        ("free".to_owned(), Role::Faint)
    } else {
        let spent = today.cost.0 != 0 || today.unpriced > 0;
        (
            format::money_with(today.cost, today.requests, today.unpriced),
            if spent { Role::Cost } else { Role::Faint },
        )
    };
    Line::styled(fit(&text, width), context.theme.style(role))
}

/// An error rate; it is quiet at zero and loud from five percent on.
pub(super) fn errors(rate: Option<f64>, context: Context<'_>) -> Line<'static> {
    let Some(rate) = rate else {
        return Line::styled("–", context.theme.style(Role::Faint));
    };
    let role = match rate {
        rate if rate >= 0.05 => Role::Error,
        rate if rate > 0.0 => Role::Warn,
        _ => Role::Faint,
    };
    Line::styled(format::percent(rate), context.theme.style(role))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::fixture;
    use crate::tui::theme::Theme;

    #[test]
    fn a_figure_is_quiet_until_there_is_something_to_say() {
        let theme = Theme::of_roles();
        let snapshot = fixture::fresh();
        let context = Context {
            snapshot: &snapshot,
            elapsed_ms: 0,
            theme: &theme,
        };
        let busy = Stats {
            requests: 1,
            rps: 0.1,
            ..Stats::default()
        };
        let today = Today::default();
        let cell = |in_flight, stats, column| {
            let figures = Figures {
                in_flight,
                stats,
                today: &today,
            };
            figures.cell(column, 5, context).expect("a figure").style
        };
        let idle = Stats::default();
        for (in_flight, stats, column, role) in [
            (0, &idle, "inflight", Role::Faint),
            (1, &idle, "inflight", Role::Accent),
            (0, &idle, "rps", Role::Faint),
            (0, &busy, "rps", Role::Text),
            (0, &idle, "in", Role::TokensIn),
            (0, &idle, "out", Role::TokensOut),
        ] {
            let name = format!("{column} of {in_flight} in flight");
            assert_eq!(cell(in_flight, stats, column), theme.style(role), "{name}");
        }
    }

    #[test]
    fn only_what_costs_nothing_is_free() {
        let theme = Theme::of_roles();
        let snapshot = fixture::fresh();
        let context = Context {
            snapshot: &snapshot,
            elapsed_ms: 0,
            theme: &theme,
        };
        let all_failed = Today {
            requests: 3,
            errors: 3,
            ..Today::default()
        };
        let text = |today, free| cost(today, free, 7, context).to_string();
        assert_eq!(text(&all_failed, true), "free");
        assert_eq!(text(&all_failed, false), "$0.00", "it has a price");
        assert_eq!(text(&Today::default(), false), "–");
    }

    #[test]
    fn other_columns_are_left_to_their_lists() {
        let (stats, today) = (Stats::default(), Today::default());
        let figures = Figures {
            in_flight: 0,
            stats: &stats,
            today: &today,
        };
        assert_eq!(figures.value("cost"), None);
        assert_eq!(figures.value("err"), Some(Value::Missing));
    }
}
