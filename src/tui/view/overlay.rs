//! What stands in front: the keys, a question, the columns to sort by, the config's problems.

use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Clear, Widget};

use super::Screen;
use crate::tui::format::{self, fit};
use crate::tui::keymap::{Binding, GRAMMAR};
use crate::tui::state::{Ask, Overlay};
use crate::tui::theme::Role;
use crate::tui::widget::{panel, put, put_text, wrap};

impl Screen<'_> {
    pub(super) fn overlay(&mut self, area: Rect) {
        let state = self.state;
        match &state.overlay {
            None => {},
            Some(Overlay::Help { search, chosen }) => self.help(area, search, *chosen),
            Some(Overlay::Ask(ask)) => self.ask(area, ask),
            Some(Overlay::Sort) => self.sort(area),
            Some(Overlay::Problems { scroll }) => self.problems(area, *scroll),
        }
    }

    /// An empty panel in the middle.
    fn popup(
        &mut self,
        area: Rect,
        (width, height): (u16, u16),
        title: Line<'static>,
        right: Line<'static>,
    ) -> Rect {
        let width = width.min(area.width);
        let height = height.min(area.height);
        let place = Rect {
            x: area.x + (area.width - width) / 2,
            y: area.y + (area.height - height) / 2,
            width,
            height,
        };
        Clear.render(place, self.buffer);
        let base = self
            .theme
            .style(Role::Background)
            .patch(self.theme.style(Role::Text));
        self.buffer.set_style(place, base);
        let inner = panel(self.buffer, place, self.theme, (title, right), true);
        Rect {
            x: inner.x + 1,
            width: inner.width.saturating_sub(2),
            ..inner
        }
    }

    fn help(&mut self, area: Rect, search: &str, chosen: usize) {
        let found = self.state.help_lines(search);
        let grammar = if search.is_empty() {
            GRAMMAR.len() + 1
        } else {
            0
        };
        let wanted = format::cells(found.len() + grammar + 6);
        let title = Line::from(vec![
            self.span(Role::Heading, "Keys"),
            self.span(Role::Muted, format!(" on {}", self.state.tab.word())),
        ]);
        let right =
            Line::from(self.span(Role::Muted, "type to search   enter does it   esc closes"));
        let right = if area.width >= 70 {
            right
        } else {
            Line::default()
        };
        let inner = self.popup(area, (88, wanted), title, right);
        let prompt = Line::from(vec![
            self.span(Role::Key, "search "),
            self.span(Role::Text, search.to_owned()),
        ]);
        let used = put(self.buffer, inner.x, inner.y, inner.width, &prompt);
        self.drawn.cursor = Some((inner.x + used, inner.y));
        let (lines, chosen_line) =
            self.help_rows(&found, search, (chosen, usize::from(inner.width)));
        let body = Rect {
            y: inner.y + 1,
            height: inner.height.saturating_sub(1),
            ..inner
        };
        let height = usize::from(body.height).max(1);
        // The chosen line stays in sight, and the end can be reached.
        let last = found.len().saturating_sub(1);
        let focus = if chosen >= last {
            lines.len().saturating_sub(1)
        } else {
            chosen_line
        };
        let skip = (focus + 1).saturating_sub(height).min(chosen_line);
        for ((line, here), y) in lines.iter().skip(skip).zip(body.y..body.bottom()) {
            if *here {
                self.buffer.set_style(
                    Rect {
                        y,
                        height: 1,
                        ..body
                    },
                    self.theme.style(Role::Selection),
                );
            }
            put(self.buffer, body.x, y, body.width, line);
        }
    }

    /// The lines of the help under their headings, whether each is the chosen one, and its place. A
    /// narrow screen gets the words of the footer instead of half a sentence.
    fn help_rows(
        &self,
        found: &[&'static Binding],
        search: &str,
        (chosen, room): (usize, usize),
    ) -> (Vec<(Line<'static>, bool)>, usize) {
        let mut lines: Vec<(Line<'static>, bool)> = Vec::new();
        let mut heading = "";
        let mut chosen_line = 0;
        for (place, binding) in found.iter().enumerate() {
            if binding.layer.word() != heading {
                heading = binding.layer.word();
                lines.push((Line::from(self.span(Role::Heading, heading)), false));
            }
            if place == chosen {
                chosen_line = lines.len();
            }
            let line = if room < 60 {
                let key = binding.keys.first().copied().unwrap_or("");
                let about = if binding.about.len() + 13 > room {
                    binding.hint
                } else {
                    binding.about
                };
                vec![
                    self.span(Role::Key, format!("  {key:<11}")),
                    self.span(Role::Text, about),
                ]
            } else {
                let keys = binding.keys.join(" ");
                vec![
                    self.span(Role::Key, format!("  {keys:<19}")),
                    self.span(Role::Text, binding.about),
                ]
            };
            lines.push((Line::from(line), place == chosen));
        }
        if found.is_empty() {
            lines.push((
                Line::from(self.span(Role::Muted, "no key does that; esc clears the search")),
                false,
            ));
        }
        if search.is_empty() {
            lines.push((Line::from(self.span(Role::Heading, "filter")), false));
            for (text, meaning) in GRAMMAR {
                let line = Line::from(vec![
                    self.span(Role::Match, format!("  {text}")),
                    self.span(
                        Role::Text,
                        format!(
                            "{:pad$}{meaning}",
                            "",
                            pad = 22_usize.saturating_sub(text.len()).max(1)
                        ),
                    ),
                ]);
                lines.push((line, false));
            }
        }
        (lines, chosen_line)
    }

    fn ask(&mut self, area: Rect, ask: &Ask) {
        let flights = self.state.latest.in_flight.len();
        let requests = if flights == 1 {
            "1 request is".to_owned()
        } else {
            format!("{flights} requests are")
        };
        let (title, text, yes, no) = match ask {
            Ask::Quit => (
                "Quit?",
                format!(
                    "{requests} in flight. Quitting stops the gateway: no new requests, and those in flight get a moment to finish."
                ),
                "quit",
                "stay",
            ),
            Ask::Suspend => (
                "Suspend?",
                format!(
                    "{requests} in flight. Suspending stops the whole program: they stand still until you type `fg`."
                ),
                "suspend",
                "stay",
            ),
            Ask::TurnOff { id } => (
                "Turn off the last one?",
                self.last_one(id),
                "turn off",
                "leave on",
            ),
        };
        let width = 60.min(area.width.saturating_sub(2)).max(20);
        let lines = wrap(&text, usize::from(width.saturating_sub(4)));
        let height = format::cells(lines.len()) + 4;
        let title = Line::from(self.span(Role::Heading, title));
        let inner = self.popup(area, (width, height), title, Line::default());
        for (line, y) in lines.iter().zip(inner.y..inner.bottom()) {
            put_text(
                self.buffer,
                inner.x,
                y,
                inner.width,
                line,
                self.theme.style(Role::Text),
            );
        }
        let keys = Line::from(vec![
            self.span(Role::Key, "y"),
            self.span(Role::Text, format!(" {yes}   ")),
            self.span(Role::Key, "n"),
            self.span(Role::Text, format!(" {no}")),
        ]);
        put(
            self.buffer,
            inner.x,
            inner.bottom().saturating_sub(1),
            inner.width,
            &keys,
        );
    }

    /// What happens when the last backend of a group goes.
    fn last_one(&self, id: &str) -> String {
        let snapshot = &self.state.shown;
        let Some(backend) = snapshot.backends.iter().find(|backend| backend.id == id) else {
            return "It is the last backend of its group that takes traffic.".to_owned();
        };
        let falls = snapshot
            .models
            .iter()
            .find(|model| model.name == backend.group)
            .map(|model| model.fallbacks.join(", "));
        let next = match falls {
            Some(falls) if !falls.is_empty() => format!("Its requests will go to {falls}."),
            _ => "It has no fallback: its requests will fail.".to_owned(),
        };
        format!(
            "{} is the last backend of `{}` that takes traffic. {next}",
            backend.name, backend.group
        )
    }

    fn sort(&mut self, area: Rect) {
        let table = self.state.tab.table();
        let now = self.state.list(table).sort;
        let columns = table.columns();
        // A low screen takes them side by side: every letter must be seen.
        let beside = format::cells(columns.len()) + 3 > area.height;
        let (parts, width) = if beside { (2, 38) } else { (1, 34) };
        let rows = columns.len().div_ceil(parts).max(1);
        let size = (width, format::cells(rows) + 3);
        let title = Line::from(self.span(Role::Heading, "Sort by"));
        let inner = self.popup(area, size, title, Line::default());
        for (place, column) in columns.iter().enumerate() {
            let part = inner.width / format::cells(parts);
            let x = inner.x + part * format::cells(place / rows);
            let y = inner.y + format::cells(place % rows);
            if y + 1 >= inner.bottom() {
                continue;
            }
            let arrow = match now {
                Some((id, reverse)) if id == column.id => {
                    if reverse {
                        " ▾"
                    } else {
                        " ▴"
                    }
                },
                _ => "",
            };
            let line = Line::from(vec![
                self.span(Role::Key, column.letter.to_string()),
                self.span(Role::Text, format!("  {}", column.title.to_lowercase())),
                self.span(Role::Accent, arrow),
            ]);
            put(self.buffer, x, y, part, &line);
        }
        let end = Line::from(vec![
            self.span(Role::Key, "-"),
            self.span(Role::Muted, "  as the gateway gives them"),
        ]);
        put(
            self.buffer,
            inner.x,
            inner.bottom().saturating_sub(1),
            inner.width,
            &end,
        );
    }

    fn problems(&mut self, area: Rect, scroll: usize) {
        let gateway = &self.state.shown.gateway;
        let width = area.width.saturating_sub(4).min(110);
        let room = usize::from(width.saturating_sub(4));
        let mut lines: Vec<Line<'static>> = Vec::new();
        for problem in gateway.config_errors.iter().chain(&gateway.config_notes) {
            let role = match problem.severity {
                crate::base::Severity::Error => Role::Error,
                crate::base::Severity::Warning => Role::Warn,
                crate::base::Severity::Note => Role::Accent,
            };
            for line in wrap(&problem.headline(), room) {
                lines.push(Line::from(self.span(role, line)));
            }
            for line in problem.snippet.lines() {
                lines.push(Line::from(self.span(Role::Muted, fit(line, room))));
            }
            if !problem.hint.is_empty() {
                for line in wrap(&format!("hint: {}", problem.hint), room) {
                    lines.push(Line::from(self.span(Role::Text, line)));
                }
            }
            lines.push(Line::default());
        }
        if lines.is_empty() {
            lines.push(Line::from(self.span(Role::Up, "nothing is wrong any more")));
        }
        let height = format::cells(lines.len()) + 2;
        let title = Line::from(vec![
            self.span(Role::Heading, "Config"),
            self.span(Role::Muted, format!(" {}", gateway.config_path)),
        ]);
        let right = Line::from(self.span(Role::Muted, "e edits it   esc closes"));
        let inner = self.popup(
            area,
            (width, height.min(area.height.saturating_sub(2))),
            title,
            right,
        );
        let skip = scroll.min(lines.len().saturating_sub(usize::from(inner.height)));
        for (line, y) in lines.iter().skip(skip).zip(inner.y..inner.bottom()) {
            put(self.buffer, inner.x, y, inner.width, line);
        }
    }
}
