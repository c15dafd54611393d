//! One model group in detail: its backends, where it falls back to, and its own charts.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{Screen, split_top};
use crate::control::{Model, Snapshot};
use crate::tui::format;
use crate::tui::glyph;
use crate::tui::table::{RowRef, TableId, model_state};
use crate::tui::theme::Role;

impl Screen<'_> {
    pub(super) fn model_detail(&mut self, area: Rect) {
        let state = self.state;
        let Some(RowRef::Model(model)) = state.selected(TableId::Models) else {
            self.frame(area, Line::default(), Line::default(), false);
            return;
        };
        let lines = self.model_lines(model, &state.shown);
        let wanted = format::cells(lines.len()) + 2;
        let (top, bottom) = split_top(area, wanted.min(area.height.saturating_sub(5)).max(4));
        let title = Line::from(self.span(Role::Heading, model.name.clone()));
        let right = Line::from(self.span(Role::Muted, model.strategy.clone()));
        let inner = self.frame(top, title, right, state.open);
        let inner = Rect {
            x: inner.x + 1,
            width: inner.width.saturating_sub(2),
            ..inner
        };
        self.lines(inner, &lines);
        let rows = if bottom.height >= 12 { 2 } else { 1 };
        self.charts(bottom, (&model.series, &model.stats), rows);
    }

    fn model_lines(&self, model: &Model, snapshot: &Snapshot) -> Vec<Line<'static>> {
        let mut lines = vec![self.pair("route", self.chain(model, snapshot))];
        if !model.context_fallbacks.is_empty() {
            let text = format!("→ {}", model.context_fallbacks.join(" → "));
            lines.push(self.pair("too long", vec![self.span(Role::Muted, text)]));
        }
        let backends = model
            .backends
            .iter()
            .filter_map(|place| snapshot.backends.get(*place));
        for (place, backend) in backends.enumerate() {
            let label = if place == 0 { "backends" } else { "" };
            let state = format!(
                "{} {:<9}",
                glyph::state(backend.state),
                backend.state.word()
            );
            let mut spans = vec![
                self.span(Role::of_state(backend.state), state),
                self.span(Role::Text, backend.name.clone()),
            ];
            if let Some(order) = backend.order {
                spans.push(self.span(Role::Muted, format!("   order {order}")));
            }
            if !backend.why.is_empty() {
                spans.push(self.span(Role::Muted, format!("   {}", backend.why)));
            }
            lines.push(self.pair(label, spans));
        }
        lines.extend(self.stats_lines(&model.stats, &model.today));
        lines
    }

    /// `chat ✗ → gpt-4o-mini ● → smart ●`: each group with the best its backends can do.
    fn chain(&self, model: &Model, snapshot: &Snapshot) -> Vec<Span<'static>> {
        let mut spans = Vec::new();
        let names = std::iter::once(&model.name).chain(&model.fallbacks);
        for (place, name) in names.enumerate() {
            if place > 0 {
                spans.push(self.span(Role::Accent, " → "));
            }
            let group = snapshot.models.iter().find(|one| one.name == *name);
            let best = group.and_then(|group| model_state(group, snapshot));
            spans.push(self.span(
                if place == 0 {
                    Role::Heading
                } else {
                    Role::Text
                },
                format!("{name} "),
            ));
            spans.push(match best {
                Some(best) => self.span(Role::of_state(best), glyph::state(best)),
                None => self.span(Role::Faint, "?"),
            });
        }
        if model.fallbacks.is_empty() {
            spans.push(self.span(Role::Faint, "   no fallback"));
        }
        spans
    }
}
