//! Spend: the last seven days as bars, and what it went to.

use ratatui::layout::Rect;
use ratatui::text::Line;

use super::{Screen, split_right, split_top};
use crate::control::{Spend, SpendRow};
use crate::tui::format;
use crate::tui::keymap::Action;
use crate::tui::state::State;
use crate::tui::table::{By, RowRef, TOTAL, TableId, spend_name};
use crate::tui::theme::Role;
use crate::tui::update::Target;
use crate::tui::widget::bars::{self, Bar};
use crate::tui::widget::{gauge, put};

impl<'a> Screen<'a> {
    pub(super) fn spend(&mut self, area: Rect) {
        let state = self.state;
        let Some(spend) = &state.shown.spend else {
            let inner = self.frame(
                area,
                Line::from(self.span(Role::Heading, "Spend")),
                Line::default(),
                true,
            );
            self.empty(inner, TableId::Spend);
            return;
        };
        if state.zoom || area.height < 14 {
            self.spend_list(area);
            return;
        }
        let wanted = format::cells(state.list(TableId::Spend).visible.len()) + 4;
        let four = area.height >= 34 && area.width >= 110;
        let height = if four {
            area.height / 3
        } else {
            area.height
                .saturating_sub(wanted)
                .max(8)
                .min(area.height / 2)
        };
        let (top, rest) = split_top(area, height);
        if area.width >= 110 {
            let (left, right) = split_right(top, (area.width / 3).clamp(38, 60));
            self.days(left, spend);
            self.summary(right, spend);
        } else {
            self.days(top, spend);
        }
        if !four {
            self.spend_list(rest);
            return;
        }
        let (list, below) = split_top(rest, wanted.min(rest.height / 2));
        self.spend_list(list);
        let others = By::ALL.into_iter().filter(|by| *by != state.spend_by);
        for (by, place) in others.zip(Self::side_by_side(below, 3)) {
            self.share(place, by, spend);
        }
    }

    /// The row whose days are drawn, with its name: the selected one, else all.
    fn chosen(&self, spend: &'a Spend) -> (&'a SpendRow, &'a str) {
        let state: &'a State = self.state;
        match state.selected(TableId::Spend) {
            Some(RowRef::Spend(row)) => (row, spend_name(row)),
            _ => (&spend.total, TOTAL),
        }
    }

    fn days(&mut self, area: Rect, spend: &'a Spend) {
        let (row, name) = self.chosen(spend);
        let title = Line::from(vec![
            self.span(Role::Heading, "Spend a day"),
            self.span(Role::Muted, format!("  {name}")),
        ]);
        let total = format::money_with(row.cost, row.requests, row.unpriced);
        let right = Line::from(vec![
            self.span(Role::Cost, total),
            self.span(Role::Muted, " in 7 days"),
        ]);
        let inner = self.frame(area, title, right, false);
        let inner = Rect {
            x: inner.x + 1,
            width: inner.width.saturating_sub(2),
            ..inner
        };
        let unknown = row.unpriced >= row.requests && row.cost.0 == 0 && row.requests > 0;
        let bars: Vec<Bar> = spend
            .days
            .iter()
            .zip(&row.daily)
            .enumerate()
            .map(|(place, (day, cost))| Bar {
                name: format!("{} {}", format::weekday(day), format::short_day(day)),
                value: format::dollars(*cost),
                label: if unknown {
                    "?".to_owned()
                } else {
                    format::money(*cost)
                },
                now: place + 1 == spend.days.len(),
            })
            .collect();
        bars::draw(self.buffer, inner, &bars, self.theme);
    }

    /// The figures of the chosen row, and what is not known.
    fn summary(&mut self, area: Rect, spend: &'a Spend) {
        let (row, name) = self.chosen(spend);
        let inner = self.frame(
            area,
            Line::from(self.span(Role::Heading, name.to_owned())),
            Line::default(),
            false,
        );
        let inner = Rect {
            x: inner.x + 1,
            width: inner.width.saturating_sub(2),
            ..inner
        };
        let days = i64::try_from(row.daily.len().max(1)).unwrap_or(1);
        let mean = crate::base::NanoDollars(row.cost.0 / days);
        let most = row
            .daily
            .iter()
            .zip(&spend.days)
            .max_by_key(|(cost, _)| **cost);
        let today = row.daily.last().copied();
        let mut lines = vec![
            self.pair(
                "7 days",
                vec![self.span(
                    Role::Cost,
                    format::money_with(row.cost, row.requests, row.unpriced),
                )],
            ),
            self.pair(
                "today",
                vec![self.span(Role::Cost, format::money_or(today))],
            ),
            self.pair(
                "mean",
                vec![self.span(Role::Text, format!("{} a day", format::money(mean)))],
            ),
        ];
        if let Some((cost, day)) = most.filter(|(cost, _)| cost.0 > 0) {
            let text = format!("{} on {}", format::money(*cost), format::short_day(day));
            lines.push(self.pair("most", vec![self.span(Role::Text, text)]));
        }
        let failed = format!("   {} failed", format::count(row.errors));
        lines.push(self.pair(
            "requests",
            vec![
                self.span(Role::Text, format::count(row.requests)),
                self.span(
                    if row.errors > 0 {
                        Role::Warn
                    } else {
                        Role::Muted
                    },
                    failed,
                ),
            ],
        ));
        lines.push(self.pair(
            "tokens",
            vec![
                self.span(
                    Role::TokensIn,
                    format!("{} in", format::count(row.tokens_in)),
                ),
                self.span(
                    Role::TokensOut,
                    format!("   {} out", format::count(row.tokens_out)),
                ),
            ],
        ));
        if row.unpriced > 0 {
            let text = format!("? {} requests, in no sum", format::count(row.unpriced));
            lines.push(self.pair("unpriced", vec![self.span(Role::Warn, text)]));
        }
        self.lines(inner, &lines);
    }

    /// The list, headed by what it can be split by.
    fn spend_list(&mut self, area: Rect) {
        let by = self.state.spend_by;
        let mut spans = vec![self.span(Role::Heading, "By ")];
        for (place, one) in By::ALL.into_iter().enumerate() {
            if place > 0 {
                spans.push(self.span(Role::Faint, " "));
            }
            let (role, text) = if one == by {
                (Role::Accent, format!("[{}]", one.word()))
            } else {
                (Role::Muted, one.word().to_owned())
            };
            spans.push(self.span(role, text));
        }
        let place = Rect {
            height: 1,
            width: area.width.min(34),
            ..area
        };
        let inner = self.frame(
            area,
            Line::from(spans),
            self.list_flags(TableId::Spend),
            true,
        );
        self.drawn
            .targets
            .push((place, Target::Hint(Action::GroupBy)));
        self.bare_list(inner, TableId::Spend, true);
    }

    /// A short list of shares.
    fn share(&mut self, area: Rect, by: By, spend: &Spend) {
        let title = Line::from(self.span(Role::Heading, format!("By {}", by.word())));
        let inner = self.frame(area, title, Line::default(), false);
        let total = spend.total.cost.0.max(1) as f64;
        // A narrow panel keeps the name and leaves out the percentage.
        let percent = inner.width >= 50;
        let bar = if percent {
            usize::from(inner.width / 5)
        } else {
            6
        };
        let rest = if percent { 18 } else { 12 };
        let name_width = usize::from(inner.width).saturating_sub(bar + rest).max(8);
        for (row, y) in by.rows(spend).iter().zip(inner.y..inner.bottom()) {
            let share = row.cost.0 as f64 / total;
            let cost = format::money_with(row.cost, row.requests, row.unpriced);
            let name = format!(" {:<name_width$}", format::fit(spend_name(row), name_width));
            let mut spans = vec![
                self.span(Role::Text, name),
                self.span(Role::Cost, format!(" {cost:>9} ")),
            ];
            spans.extend(gauge(
                share,
                bar,
                self.theme.style(Role::Cost),
                self.theme.style(Role::Track),
            ));
            if percent {
                spans.push(self.span(Role::Muted, format!(" {:>5}", format::percent(share))));
            }
            put(self.buffer, inner.x, y, inner.width, &Line::from(spans));
        }
    }
}
