//! Draws the state into a buffer, and says what stands where for the mouse.
//!
//! ```text
//!  header     name, address, uptime            in flight, rate, errors, cost
//!  tabs       [1 Overview] 2 Backends …                            zone
//!  headline   the worst thing going on, in one sentence
//!  (banners)  config errors, ledger trouble: only while there are any
//!  body       the screen
//!  footer     keys, or a sentence, or the filter being typed
//! ```
//!
//! Pure: the same state gives the same picture. One file a screen; the chrome is in `chrome` and `footer`.

mod backends;
mod charts;
mod chrome;
mod events;
mod figures;
mod footer;
mod models;
mod overlay;
mod overview;
mod requests;
mod spend;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::format;
use super::glyph::{self, Glyphs};
use super::state::{State, Tab};
use super::table::{Context, TableId};
use super::theme::{Role, Theme};
use super::update::Target;
use super::widget::list::List;
use super::widget::{panel, put};

/// The smallest screen that is drawn in full; below it there is one line.
const SMALLEST: (u16, u16) = (40, 12);

/// The smallest screen with frames.
const ROOMY: (u16, u16) = (80, 24);

/// What the drawing found out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Drawn {
    /// What a click hits, topmost last.
    pub(crate) targets: Vec<(Rect, Target)>,
    /// Each list's first row in sight and number of rows in sight.
    pub(crate) sights: [Option<(usize, u16)>; 5],
    /// Where the cursor blinks.
    pub(crate) cursor: Option<(u16, u16)>,
}

impl Drawn {
    /// What stands at a cell.
    pub(crate) fn at(&self, x: u16, y: u16) -> Option<Target> {
        let mut hits = self.targets.iter().rev();
        let hit = hits.find(|(area, _)| area.contains((x, y).into()))?;
        Some(hit.1.clone())
    }
}

impl State {
    /// Keeps what the drawing found out.
    pub(crate) fn note(&mut self, drawn: &Drawn) {
        for (list, sight) in self.lists.iter_mut().zip(drawn.sights) {
            if let Some(sight) = sight {
                list.sight = sight;
            }
        }
    }
}

/// Draws everything.
pub(crate) fn draw(buffer: &mut Buffer, state: &State, theme: &Theme, glyphs: Glyphs) -> Drawn {
    let area = buffer.area;
    buffer.set_style(
        area,
        theme.style(Role::Background).patch(theme.style(Role::Text)),
    );
    let mut screen = Screen {
        buffer,
        state,
        theme,
        drawn: Drawn::default(),
    };
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        screen.one_line(area);
    } else {
        let body = screen.chrome(area);
        screen.body(body);
        screen.overlay(area);
    }
    let drawn = screen.drawn;
    if glyphs == Glyphs::Ascii {
        glyph::to_ascii(buffer);
    }
    drawn
}

/// The picture in the making.
struct Screen<'a> {
    buffer: &'a mut Buffer,
    state: &'a State,
    theme: &'a Theme,
    drawn: Drawn,
}

impl<'a> Screen<'a> {
    fn context(&self) -> Context<'a> {
        self.state.context(self.theme)
    }

    fn body(&mut self, area: Rect) {
        if area.height == 0 {
            return;
        }
        match self.state.tab {
            Tab::Overview => self.overview(area),
            Tab::Backends => self.with_detail(area, TableId::Backends, Self::backend_detail),
            Tab::Models => self.with_detail(area, TableId::Models, Self::model_detail),
            Tab::Requests => self.with_detail(area, TableId::Requests, Self::request_detail),
            Tab::Events => self.with_detail(area, TableId::Events, Self::event_detail),
            Tab::Spend => self.spend(area),
        }
    }

    /// A list with the detail of its selected row: beside it, below it, or instead of it.
    fn with_detail(&mut self, area: Rect, table: TableId, detail: fn(&mut Self, Rect)) {
        let state = self.state;
        let some = state.selected(table).is_some();
        if some && state.open {
            detail(self, area);
        } else if !some || state.zoom || area.height < 16 {
            self.list(area, table, true);
        } else if area.width >= 160
            && state.list(table).visible.len() + 3 > usize::from(area.height / 2)
        {
            let right = (area.width * 2 / 5).max(64);
            let (left, right) = split_right(area, right);
            self.list(left, table, true);
            detail(self, right);
        } else {
            let rows = format::cells(state.list(table).visible.len()) + 3;
            // Some details are short: what they leave over, the list gets.
            let most = match table {
                TableId::Events => area.height.saturating_sub(8),
                TableId::Requests => area.height.saturating_sub(15).max(area.height / 2),
                _ => area.height / 2,
            };
            let least = if matches!(table, TableId::Events | TableId::Requests) {
                most
            } else {
                6
            };
            let (top, bottom) = split_top(area, rows.clamp(least, most));
            self.list(top, table, true);
            detail(self, bottom);
        }
    }

    /// A list in a panel, with its counts, sort and filter in the frame.
    fn list(&mut self, area: Rect, table: TableId, focus: bool) {
        let inner = self.frame(area, self.list_title(table), self.list_flags(table), focus);
        self.bare_list(inner, table, focus);
    }

    /// The list alone, or what to do when it is empty.
    fn bare_list(&mut self, area: Rect, table: TableId, focus: bool) {
        let state = self.state;
        let list = state.list(table);
        let rows = state.rows(table);
        if rows.is_empty() {
            self.empty(area, table);
            return;
        }
        let shown = List {
            columns: table.columns(),
            rows: &rows,
            selected: (focus && list.selected.is_some()).then_some(list.place),
            sort: list.sort,
            offset: list.sight.0,
            context: self.context(),
        }
        .draw(self.buffer, area);
        self.drawn.sights[table as usize] = Some((shown.offset, shown.height));
        let headers = shown
            .headers
            .into_iter()
            .map(|(area, column)| (area, Target::Header(table, column)));
        self.drawn.targets.extend(headers);
        let rows = shown
            .rows
            .into_iter()
            .map(|(area, key)| (area, Target::Row(table, key)));
        self.drawn.targets.extend(rows);
    }

    /// A panel with frame; on a small screen a title line without one.
    fn frame(
        &mut self,
        area: Rect,
        title: Line<'static>,
        right: Line<'static>,
        focus: bool,
    ) -> Rect {
        if self.buffer.area.width >= ROOMY.0 && self.buffer.area.height >= ROOMY.1 {
            return panel(self.buffer, area, self.theme, (title, right), focus);
        }
        let used = put(self.buffer, area.x, area.y, area.width, &title);
        let width = format::cells(right.width());
        if area.width > used + width + 1 {
            put(self.buffer, area.right() - width, area.y, width, &right);
        }
        Rect {
            y: area.y + 1,
            height: area.height.saturating_sub(1),
            ..area
        }
    }

    fn list_title(&self, table: TableId) -> Line<'static> {
        let name = match table {
            TableId::Backends => "Backends",
            TableId::Models => "Models",
            TableId::Requests => "Requests",
            TableId::Events => "Events",
            TableId::Spend => "Spend",
        };
        let (seen, all) = (
            self.state.list(table).visible.len(),
            self.state.all_rows(table),
        );
        let count = if seen == all {
            format!(" {all}")
        } else {
            format!(" {seen} of {all}")
        };
        let mut spans = vec![
            Span::styled(name, self.theme.style(Role::Heading)),
            Span::styled(count, self.theme.style(Role::Muted)),
        ];
        if table == TableId::Backends {
            spans.push(Span::styled(
                self.state_counts(),
                self.theme.style(Role::Muted),
            ));
        }
        Line::from(spans)
    }

    /// `: 3 up, 1 cooling, 1 off`
    fn state_counts(&self) -> String {
        use crate::control::BackendState::{Cooling, Down, Draining, Off, Probing, Up};
        let backends = &self.state.shown.backends;
        let parts: Vec<String> = [Up, Probing, Cooling, Down, Draining, Off]
            .into_iter()
            .filter_map(|state| {
                let count = backends
                    .iter()
                    .filter(|backend| backend.state == state)
                    .count();
                (count > 0).then(|| format!("{count} {}", state.word()))
            })
            .collect();
        if parts.is_empty() {
            String::new()
        } else {
            format!(": {}", parts.join(", "))
        }
    }

    fn list_flags(&self, table: TableId) -> Line<'static> {
        let list = self.state.list(table);
        let mut spans = Vec::new();
        if !list.filter_text.is_empty() {
            let text = format!("/{}", format::fit(&list.filter_text, 40));
            spans.push(Span::styled(text, self.theme.style(Role::Match)));
        }
        if let Some((column, reverse)) = list.sort {
            let arrow = if reverse { "▾" } else { "▴" };
            let gap = if spans.is_empty() { "" } else { "  " };
            let text = format!("{gap}sort {column} {arrow}");
            spans.push(Span::styled(text, self.theme.style(Role::Muted)));
        }
        if let Some(rest) = self.follow_flag(table) {
            spans.push(rest);
        }
        Line::from(spans)
    }

    fn follow_flag(&self, table: TableId) -> Option<Span<'static>> {
        let list = self.state.list(table);
        let live = matches!(table, TableId::Requests | TableId::Events);
        let plain = list.filter_text.is_empty() && list.sort.is_none();
        (live && list.follow && plain && self.state.paused.is_none())
            .then(|| Span::styled("live", self.theme.style(Role::Up)))
    }

    /// What to do when a list has nothing to show.
    fn empty(&mut self, area: Rect, table: TableId) {
        let state = self.state;
        let lines: Vec<String> = if state.list(table).filter.is_some() {
            vec![
                "nothing passes the filter".to_owned(),
                "esc drops it, / changes it".to_owned(),
            ]
        } else {
            match table {
                TableId::Requests => self.first_request(),
                TableId::Events => vec!["nothing has happened yet".to_owned()],
                TableId::Spend => vec!["the ledger has not answered yet".to_owned()],
                TableId::Backends | TableId::Models => vec![
                    "no backend is configured".to_owned(),
                    "e opens the config in your editor; add one under `model_list:`".to_owned(),
                ],
            }
        };
        self.centred(area, &lines);
    }

    /// How to make the first request.
    fn first_request(&self) -> Vec<String> {
        let state = self.state;
        let model = state
            .shown
            .models
            .first()
            .map_or("MODEL", |model| &model.name);
        let mut lines = vec![
            "no requests yet: point an app at".to_owned(),
            state.base_url(),
            String::new(),
            format!("curl {}/chat/completions \\", state.base_url()),
        ];
        if state.shown.gateway.needs_key {
            lines.push("  -H 'Authorization: Bearer KEY' \\".to_owned());
        }
        lines.push("  -H 'Content-Type: application/json' \\".to_owned());
        lines.push(format!(
            "  -d '{{\"model\": \"{model}\", \"messages\": [{{\"role\": \"user\", \"content\": \"hi\"}}]}}'"
        ));
        lines
    }

    /// A block of lines in the middle, flush left among themselves.
    fn centred(&mut self, area: Rect, lines: &[String]) {
        let widest = lines
            .iter()
            .map(|line| format::width(line))
            .max()
            .unwrap_or(0);
        let x = area.x + area.width.saturating_sub(format::cells(widest)) / 2;
        let top = area.y + area.height.saturating_sub(format::cells(lines.len())) / 2;
        for (line, y) in lines.iter().zip(top..area.bottom()) {
            let style = self.theme.style(Role::Muted);
            put(
                self.buffer,
                x,
                y,
                area.right().saturating_sub(x),
                &Line::styled(line.clone(), style),
            );
        }
    }

    /// Lines of a detail inside `area`, scrolled when the detail is open.
    fn lines(&mut self, area: Rect, lines: &[Line<'static>]) {
        let rest = format::cells(lines.len()).saturating_sub(area.height);
        if self.state.open {
            *self.state.detail_rest.borrow_mut() = rest;
        }
        let skip = if self.state.open {
            self.state.detail_scroll.min(rest)
        } else {
            0
        };
        for (line, y) in lines
            .iter()
            .skip(usize::from(skip))
            .zip(area.y..area.bottom())
        {
            put(self.buffer, area.x, y, area.width, line);
        }
    }

    /// A label of a fixed width, then a value.
    fn pair(&self, label: &str, value: Vec<Span<'static>>) -> Line<'static> {
        let mut spans = vec![Span::styled(
            format!("{label:<12}"),
            self.theme.style(Role::Muted),
        )];
        spans.extend(value);
        Line::from(spans)
    }

    fn span(&self, role: Role, text: impl Into<String>) -> Span<'static> {
        Span::styled(text.into(), self.theme.style(role))
    }
}

/// The top `height` rows, and the rest.
fn split_top(area: Rect, height: u16) -> (Rect, Rect) {
    let height = height.min(area.height);
    let top = Rect { height, ..area };
    let rest = Rect {
        y: area.y + height,
        height: area.height - height,
        ..area
    };
    (top, rest)
}

/// Everything but the right `width` columns, and those.
fn split_right(area: Rect, width: u16) -> (Rect, Rect) {
    let width = width.min(area.width);
    let left = Rect {
        width: area.width - width,
        ..area
    };
    let right = Rect {
        x: area.x + left.width,
        width,
        ..area
    };
    (left, right)
}

/// `parts` columns of equal width that fill the area.
fn columns(area: Rect, parts: u16) -> Vec<Rect> {
    let parts = parts.max(1);
    (0..parts)
        .map(|part| {
            let (from, to) = (area.width * part / parts, area.width * (part + 1) / parts);
            Rect {
                x: area.x + from,
                width: to - from,
                ..area
            }
        })
        .collect()
}

#[cfg(test)]
mod tests;
