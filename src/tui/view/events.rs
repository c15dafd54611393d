//! One event in detail: the whole sentence, and where it leads.

use ratatui::layout::Rect;
use ratatui::text::Line;

use super::Screen;
use crate::tui::format;
use crate::tui::table::{RowRef, TableId, kind_role};
use crate::tui::theme::Role;
use crate::tui::widget::wrap;

impl Screen<'_> {
    pub(super) fn event_detail(&mut self, area: Rect) {
        let state = self.state;
        let Some(RowRef::Event(event)) = state.selected(TableId::Events) else {
            self.frame(area, Line::default(), Line::default(), false);
            return;
        };
        let title = Line::from(vec![
            self.span(kind_role(event), event.kind.word()),
            self.span(Role::Heading, format!(" {}", event.subject)),
        ]);
        let context = self.context();
        let ago = context.now().as_micros() - event.at.as_micros();
        let ago = format::age(u64::try_from(ago / 1_000).unwrap_or(0));
        let ago = if ago == "now" {
            "just now".to_owned()
        } else {
            format!("{ago} ago")
        };
        let inner = self.frame(
            area,
            title,
            Line::from(self.span(Role::Muted, ago)),
            state.open,
        );
        let inner = Rect {
            x: inner.x + 1,
            width: inner.width.saturating_sub(2),
            ..inner
        };
        let mut lines = Vec::new();
        let day = format::clock_or_day(event.at, context.now(), context.zone());
        let clock = format::clock(event.at, context.zone());
        let when = if day == clock {
            clock
        } else {
            format!("{} {clock}", day.trim_end())
        };
        let zone = format::offset(context.zone());
        lines.push(self.pair(
            "when",
            vec![
                self.span(Role::Text, when),
                self.span(Role::Muted, format!(" {zone}   event {}", event.seq)),
            ],
        ));
        if let (Some(from), Some(to)) = (&event.from, &event.to) {
            lines.push(self.pair(
                "went",
                vec![
                    self.span(Role::Text, from.clone()),
                    self.span(Role::Accent, " → "),
                    self.span(Role::Text, to.clone()),
                ],
            ));
        }
        let room = usize::from(inner.width).saturating_sub(12);
        for (place, line) in wrap(&event.text, room).into_iter().enumerate() {
            let label = if place > 0 {
                ""
            } else if event.from.is_some() {
                "why"
            } else {
                "what"
            };
            lines.push(self.pair(label, vec![self.span(Role::Text, line)]));
        }
        if event.count > 1 {
            let text = format!("{} like it, folded into this one", event.count);
            lines.push(self.pair("times", vec![self.span(Role::Warn, text)]));
        }
        let next = match &event.call_id {
            Some(call_id) => vec![
                self.span(Role::Text, call_id.clone()),
                self.span(Role::Faint, "   enter opens it"),
            ],
            None => vec![self.span(Role::Faint, "none")],
        };
        lines.push(self.pair("request", next));
        self.lines(inner, &lines);
    }
}
