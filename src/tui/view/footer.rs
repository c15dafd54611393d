//! The bottom line: hints made from the key table, a sentence, or the filter being typed.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::Screen;
use crate::tui::format;
use crate::tui::keymap;
use crate::tui::state::Tone;
use crate::tui::theme::Role;
use crate::tui::update::Target;
use crate::tui::widget::{fit_spans, put, put_text};

impl Screen<'_> {
    /// The bottom line, or two while a filter is typed.
    pub(super) fn footer(&mut self, area: Rect) {
        if area.height == 0 {
            return;
        }
        if self.state.input.is_some() {
            self.filter_input(area);
            return;
        }
        let quit = Line::from(vec![
            self.span(Role::Key, "q"),
            self.span(Role::Muted, " quit "),
        ]);
        let width = format::cells(quit.width());
        let room = area.width.saturating_sub(width + 1);
        put(self.buffer, area.right() - width, area.y, width, &quit);
        let place = Rect::new(area.right() - width, area.y, width, 1);
        self.drawn
            .targets
            .push((place, Target::Hint(keymap::Action::Quit)));
        if let Some(toast) = &self.state.toast {
            let (role, sign) = match toast.tone {
                Tone::Good => (Role::Up, "✓"),
                Tone::Bad => (Role::Error, "✗"),
                Tone::Plain => (Role::Accent, "·"),
            };
            let base = self.theme.style(Role::Toast);
            let line = fit_spans(
                vec![
                    Span::styled(
                        format!(" {sign} "),
                        base.patch(self.theme.style(role).bg(base.bg.unwrap_or_default())),
                    ),
                    Span::styled(format!("{} ", toast.text), base),
                ],
                usize::from(room),
            );
            put(self.buffer, area.x, area.y, room, &line);
            return;
        }
        self.hints(area, room);
    }

    fn hints(&mut self, area: Rect, room: u16) {
        let mut x = area.x + 1;
        let end = area.x + room;
        for binding in keymap::hints(self.state) {
            if binding.action == keymap::Action::Quit {
                continue;
            }
            let hint = match binding.action {
                keymap::Action::Pause if self.state.paused.is_some() => "resume",
                keymap::Action::Open if self.state.open => "close",
                _ => binding.hint,
            };
            let key = binding.keys.first().copied().unwrap_or("");
            let width = format::cells(key.len() + 1 + hint.len());
            if x + width > end {
                break;
            }
            let line = Line::from(vec![
                self.span(Role::Key, key),
                self.span(Role::Muted, format!(" {hint}")),
            ]);
            put(self.buffer, x, area.y, width, &line);
            self.drawn
                .targets
                .push((Rect::new(x, area.y, width, 1), Target::Hint(binding.action)));
            x += width + 2;
        }
    }

    /// The filter being typed; below it a caret and what is wrong, or what may be typed.
    fn filter_input(&mut self, area: Rect) {
        let Some(input) = &self.state.input else {
            return;
        };
        let base = self.theme.style(Role::Input);
        self.buffer.set_style(Rect { height: 1, ..area }, base);
        put_text(
            self.buffer,
            area.x,
            area.y,
            2,
            " /",
            self.theme.style(Role::Key),
        );
        let start = area.x + 2;
        let room = usize::from(area.width.saturating_sub(4));
        let skip = input.cursor.saturating_sub(room);
        let text: String = input.text.chars().skip(skip).take(room).collect();
        put_text(self.buffer, start, area.y, format::cells(room), &text, base);
        let cells_before = |count: usize| {
            let head: String = input
                .text
                .chars()
                .skip(skip)
                .take(count.saturating_sub(skip))
                .collect();
            format::cells(format::width(&head))
        };
        self.drawn.cursor = Some((start + cells_before(input.cursor), area.y));
        if area.height < 2 {
            return;
        }
        let Some(error) = &input.error else {
            let text = "  word  !word  state:down,cooling  p95>1s  since:10m  a or (b c)   enter keep  esc drop";
            put_text(
                self.buffer,
                area.x,
                area.y + 1,
                area.width,
                text,
                self.theme.style(Role::Faint),
            );
            return;
        };
        let at = start + cells_before(error.at.min(input.text.chars().count()));
        let wrong = Rect::new(
            at,
            area.y,
            format::cells(error.length).min(area.right().saturating_sub(at)),
            1,
        );
        self.buffer.set_style(wrong, self.theme.style(Role::Error));
        // The message stands behind the caret where there is room, before it otherwise.
        let width = format::cells(format::width(&error.message));
        let style = self.theme.style(Role::Error);
        put_text(self.buffer, at, area.y + 1, 1, "^", style);
        if at + 2 + width <= area.right() || at < area.x + width + 2 {
            let x = at + 2;
            put_text(
                self.buffer,
                x,
                area.y + 1,
                area.right().saturating_sub(x),
                &error.message,
                style,
            );
        } else {
            put_text(
                self.buffer,
                at - width - 1,
                area.y + 1,
                width,
                &error.message,
                style,
            );
        }
    }
}
