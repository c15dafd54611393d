//! Overview: the backends, the charts, what happened last; on a large screen more of everything.
//!
//! ```text
//!  80×24            120×40                 200×60
//!  backends         backends               backends        | detail of the
//!  4 charts         4 charts               charts 2×2      | selected one
//!  events           models     | spend     models | spend  | requests
//!                   events                 events          |
//! ```

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{Screen, columns, split_right, split_top};
use crate::control::Model;
use crate::tui::format;
use crate::tui::table::{TableId, event_detail, event_subject, kind_role};
use crate::tui::theme::Role;
use crate::tui::widget::{fit_spans, gauge, put};

impl Screen<'_> {
    pub(super) fn overview(&mut self, area: Rect) {
        if self.state.zoom {
            self.list(area, TableId::Backends, true);
        } else if area.width < 80 || area.height < 16 {
            self.overview_small(area);
        } else if area.width >= 160 && area.height >= 40 {
            self.overview_huge(area);
        } else {
            self.overview_usual(area);
        }
    }

    /// Backends on top, what happened last below; no charts.
    fn overview_small(&mut self, area: Rect) {
        let rows = format::cells(self.state.list(TableId::Backends).visible.len()).max(1) + 2;
        let top = rows.min(area.height.saturating_sub(3)).max(4);
        let (top, bottom) = split_top(area, top);
        self.list(top, TableId::Backends, true);
        self.latest_events(bottom);
    }

    fn overview_usual(&mut self, area: Rect) {
        let rich = area.height >= 30;
        let charts = if rich {
            9
        } else {
            area.height.saturating_sub(13).clamp(5, 7)
        };
        let models = if rich {
            self.models_height().min(area.height / 4)
        } else {
            0
        };
        let events = if rich { 6 } else { 4 };
        let wanted = format::cells(self.state.list(TableId::Backends).visible.len()).max(2) + 3;
        let room = area.height.saturating_sub(charts + models + events);
        let (top, rest) = split_top(area, wanted.min(room).max(5));
        self.list(top, TableId::Backends, true);
        let (middle, rest) = split_top(rest, charts);
        let snapshot = &self.state.shown;
        self.charts(middle, (&snapshot.series, &snapshot.now), 1);
        let (third, rest) = split_top(rest, models);
        if models > 0 {
            let (left, right) = split_right(third, (area.width * 2 / 5).max(44));
            self.list(left, TableId::Models, false);
            self.today(right);
        }
        self.latest_events(rest);
    }

    fn overview_huge(&mut self, area: Rect) {
        let (left, right) = split_right(area, (area.width * 2 / 5).max(66));
        let wanted = format::cells(self.state.list(TableId::Backends).visible.len()).max(2) + 3;
        let (top, rest) = split_top(left, wanted.min(left.height / 3));
        self.list(top, TableId::Backends, true);
        let models = self.models_height();
        let charts = (rest.height.saturating_sub(models) * 3 / 5).clamp(14, 26);
        let (middle, rest) = split_top(rest, charts);
        let snapshot = &self.state.shown;
        self.charts(middle, (&snapshot.series, &snapshot.now), 2);
        let (third, rest) = split_top(rest, models);
        self.list(third, TableId::Models, false);
        self.latest_events(rest);

        let (top, rest) = split_top(right, right.height * 2 / 5);
        self.backend_detail(top);
        let (middle, bottom) = split_top(rest, 9);
        self.today(middle);
        self.list(bottom, TableId::Requests, false);
    }

    fn models_height(&self) -> u16 {
        format::cells(self.state.list(TableId::Models).visible.len()).clamp(3, 8) + 3
    }

    /// The newest events, without selection.
    fn latest_events(&mut self, area: Rect) {
        if area.height < 2 {
            return;
        }
        let state = self.state;
        let news = state.new_events();
        let right = if news > 0 {
            Line::from(self.span(Role::Warn, format!("{news} new")))
        } else {
            Line::default()
        };
        let title = Line::from(self.span(Role::Heading, "Events"));
        let inner = self.frame(area, title, right, false);
        if state.shown.events.is_empty() {
            let lines = if state.shown.recent.is_empty() {
                self.first_request()
            } else {
                vec!["nothing has happened yet".to_owned()]
            };
            let lines: Vec<String> = if usize::from(inner.height) < lines.len() {
                lines.into_iter().take(2).collect()
            } else {
                lines
            };
            self.centred(inner, &lines);
            return;
        }
        let context = self.context();
        for (event, y) in state.shown.events.iter().zip(inner.y..inner.bottom()) {
            let time = if area.width < 60 {
                format::clock_short(event.at, context.zone())
            } else {
                format::clock_or_day(event.at, context.now(), context.zone())
            };
            let mut spans = vec![
                self.span(Role::Muted, format!("{time} ")),
                self.span(kind_role(event), format!("{:<9}", event.kind.word())),
            ];
            if event.from.is_none() || area.width >= 100 {
                let room = if area.width >= 100 { 28 } else { 18 };
                spans.push(self.span(
                    Role::Text,
                    format!("{:<room$} ", format::fit(event_subject(event), room)),
                ));
            }
            let times = if event.count > 1 {
                format!("  ×{}", format::count(u64::from(event.count)))
            } else {
                String::new()
            };
            let used: usize = spans.iter().map(Span::width).sum();
            let room = usize::from(inner.width).saturating_sub(used + 1 + format::width(&times));
            spans.extend(fit_spans(event_detail(event, room, context), room).spans);
            spans.push(self.span(Role::Warn, times));
            put(
                self.buffer,
                inner.x + 1,
                y,
                inner.width.saturating_sub(1),
                &Line::from(spans),
            );
        }
    }

    /// Totals since midnight, and what the money went to.
    fn today(&mut self, area: Rect) {
        let state = self.state;
        let today = &state.shown.today;
        let cost = format::money_with(today.cost, today.requests, today.unpriced);
        let zone = format!(
            "since 00:00 {}",
            format::offset(state.shown.gateway.zone_offset_s)
        );
        let title = Line::from(self.span(Role::Heading, "Today"));
        let right = Line::from(self.span(Role::Muted, zone));
        let inner = self.frame(area, title, right, false);
        let inner = Rect {
            x: inner.x + 1,
            width: inner.width.saturating_sub(2),
            ..inner
        };
        let failed = format!("{} failed", format::count(today.errors));
        let cached = today.tokens_cached as f64 / today.tokens_in.max(1) as f64;
        let failed_role = if today.errors > 0 {
            Role::Warn
        } else {
            Role::Muted
        };
        let mut lines = vec![
            self.pair(
                "requests",
                vec![
                    self.span(Role::Text, format!("{:<7}", format::count(today.requests))),
                    self.span(failed_role, failed),
                    self.span(
                        Role::Muted,
                        format!("   {} fallbacks", format::count(today.fallbacks)),
                    ),
                ],
            ),
            self.pair(
                "tokens",
                vec![
                    self.span(
                        Role::TokensIn,
                        format!("{:<7}", format!("{} in", format::count(today.tokens_in))),
                    ),
                    self.span(
                        Role::TokensOut,
                        format!("  {} out", format::count(today.tokens_out)),
                    ),
                    self.span(
                        Role::TokensCached,
                        format!("   {} cached", format::percent(cached)),
                    ),
                ],
            ),
            self.pair("cost", {
                let mut spans = vec![self.span(Role::Cost, cost)];
                if today.unpriced > 0 {
                    spans.push(self.span(
                        Role::Warn,
                        format!("   ? {} unpriced", format::count(today.unpriced)),
                    ));
                }
                spans
            }),
        ];
        lines.extend(self.shares(usize::from(inner.width)));
        self.lines(inner, &lines);
    }

    /// What each model group cost today, the dearest first.
    fn shares(&self, width: usize) -> Vec<Line<'static>> {
        let snapshot = &self.state.shown;
        let all = snapshot.today.cost.0.max(1) as f64;
        let bar = width.saturating_sub(36).clamp(4, 30);
        let mut models: Vec<_> = snapshot
            .models
            .iter()
            .filter(|one| one.today.cost.0 > 0)
            .collect();
        models.sort_by_key(|model| std::cmp::Reverse(model.today.cost));
        let line = |model: &Model| {
            let share = model.today.cost.0 as f64 / all;
            let name = format!("  {:<15} ", format::fit(&model.name, 15));
            let cost = format!("{:>8} ", format::money(model.today.cost));
            let mut spans = vec![self.span(Role::Text, name), self.span(Role::Cost, cost)];
            spans.extend(gauge(
                share,
                bar,
                self.theme.style(Role::Cost),
                self.theme.style(Role::Track),
            ));
            spans.push(self.span(Role::Muted, format!(" {:>5}", format::percent(share))));
            Line::from(spans)
        };
        models.into_iter().map(line).collect()
    }

    /// Equal columns, for screens that show several lists side by side.
    pub(super) fn side_by_side(area: Rect, parts: u16) -> Vec<Rect> {
        columns(area, parts)
    }
}
