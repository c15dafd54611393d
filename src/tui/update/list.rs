//! Moving, opening, sorting and filtering in lists.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::tui::filter::Filter;
use crate::tui::state::{Input, Overlay, State, Tab, Tone};
use crate::tui::table::{RowRef, TableId};

/// How many filters are remembered.
const HISTORY: usize = 50;

impl State {
    /// Moves the selection, or the open detail where it is longer than the screen.
    pub(super) fn step(&mut self, rows: i32) {
        let table = self.tab.table();
        let list = self.list(table);
        let last = list.visible.len().saturating_sub(1);
        let by = usize::try_from(rows.unsigned_abs()).unwrap_or(usize::MAX);
        let place = if rows < 0 {
            list.place.saturating_sub(by)
        } else {
            list.place.saturating_add(by).min(last)
        };
        self.move_to(place);
    }

    fn move_to(&mut self, place: usize) {
        let table = self.tab.table();
        let key = self.rows(table).get(place).map(|row| row.key());
        let list = self.list_mut(table);
        if place > 0 || key.is_none() {
            list.follow = false;
        }
        if key.is_some() {
            list.place = place;
            list.selected = key;
        }
        self.detail_scroll = 0;
    }

    pub(super) fn turn_page(&mut self, down: bool) {
        if self.open {
            let rest = *self.detail_rest.borrow();
            self.detail_scroll = if down {
                self.detail_scroll.saturating_add(10).min(rest)
            } else {
                self.detail_scroll.saturating_sub(10)
            };
            return;
        }
        let rows = i32::try_from(self.page(self.tab.table())).unwrap_or(i32::MAX);
        self.step(if down { rows } else { -rows });
    }

    pub(super) fn wheel(&mut self, rows: i32) {
        match &mut self.overlay {
            None => self.step(rows),
            Some(Overlay::Problems { scroll: at } | Overlay::Help { chosen: at, .. }) => {
                let by = usize::try_from(rows.unsigned_abs()).unwrap_or(0);
                *at = if rows < 0 {
                    at.saturating_sub(by)
                } else {
                    *at + by
                };
            },
            Some(Overlay::Ask(_) | Overlay::Sort) => {},
        }
        let found = match &self.overlay {
            Some(Overlay::Help { search, .. }) => self.help_lines(search).len(),
            _ => 0,
        };
        if let Some(Overlay::Help { chosen, .. }) = &mut self.overlay {
            *chosen = (*chosen).min(found.saturating_sub(1));
        }
    }

    pub(super) fn first(&mut self) {
        let table = self.tab.table();
        self.move_to(0);
        self.list_mut(table).follow = matches!(table, TableId::Requests | TableId::Events);
    }

    pub(super) fn last(&mut self) {
        let table = self.tab.table();
        self.move_to(self.list(table).visible.len().saturating_sub(1));
    }

    /// Into the selected row: a backend's screen, a detail, an event's request.
    pub(super) fn open(&mut self) {
        match self.tab {
            Tab::Overview => self.go(Tab::Backends),
            Tab::Events => self.open_event(),
            Tab::Spend => {},
            Tab::Backends | Tab::Models | Tab::Requests => {
                if self.selected(self.tab.table()).is_some() {
                    self.open = !self.open;
                    self.zoom = false;
                    self.detail_scroll = 0;
                }
            },
        }
    }

    pub(super) fn back(&mut self) {
        let table = self.tab.table();
        if self.open || self.zoom {
            (self.open, self.zoom) = (false, false);
        } else if self.list(table).filter.is_some() {
            self.set_filter(table, "");
        }
    }

    fn open_event(&mut self) {
        let Some(RowRef::Event(event)) = self.selected(TableId::Events) else {
            return;
        };
        let Some(call_id) = event.call_id.clone() else {
            self.jump_to_backend();
            return;
        };
        let flight = format!("~{call_id}");
        let is_flight = self
            .shown
            .in_flight
            .iter()
            .any(|one| one.call_id == call_id);
        let key = if is_flight {
            Some(flight)
        } else {
            self.ended(&call_id)
        };
        match key {
            Some(key) => {
                self.show_row(Tab::Requests, &key);
                self.open = true;
            },
            None => self.say(
                Tone::Plain,
                format!("request {call_id} is no longer in the list; the ledger has it"),
            ),
        }
    }

    /// To the backend the selected row is about.
    pub(super) fn jump_to_backend(&mut self) {
        let names: Vec<String> = match self.selected(self.tab.table()) {
            Some(RowRef::Event(event)) => [
                event.to.clone(),
                event.from.clone(),
                Some(event.subject.clone()),
            ]
            .into_iter()
            .flatten()
            .collect(),
            Some(RowRef::Request(row)) => row
                .record
                .attempts
                .iter()
                .rev()
                .map(|attempt| attempt.backend.to_string())
                .collect(),
            Some(RowRef::Flight(flight)) => vec![flight.backend.clone()],
            _ => Vec::new(),
        };
        let snapshot = &self.shown;
        let found = names.iter().find_map(|name| {
            let by_host = |host: usize| {
                snapshot
                    .hosts
                    .get(host)
                    .is_some_and(|host| host.base == *name)
            };
            let backend = snapshot
                .backends
                .iter()
                .find(|one| one.name == *name || one.id == *name || by_host(one.host));
            backend.map(|backend| backend.id.clone())
        });
        match found {
            Some(id) => self.show_row(Tab::Backends, &id),
            None => self.say(Tone::Plain, "no backend belongs to this row"),
        }
    }

    /// Goes to a screen and selects a row there, dropping a filter that hides it.
    fn show_row(&mut self, tab: Tab, key: &str) {
        self.go(tab);
        let table = tab.table();
        if !self.select(table, key) {
            self.set_filter(table, "");
            self.select(table, key);
        }
    }

    // --- sorting

    pub(super) fn sort_key(&mut self, name: &str) {
        let table = self.tab.table();
        let mut letters = name.chars();
        let letter = letters.next().filter(|_| letters.next().is_none());
        let column = letter.and_then(|letter| {
            table
                .columns()
                .iter()
                .find(|column| column.letter == letter)
        });
        match (column, name) {
            (Some(column), _) => self.sort_by(table, column.id),
            (None, "-" | "backspace") => {
                self.list_mut(table).sort = None;
                self.refresh(table);
            },
            _ => {},
        }
    }

    /// Sorts by a column; again, the other way round. Quantities begin with the largest.
    pub(super) fn sort_by(&mut self, table: TableId, column: &'static str) {
        let falling = table.column(column).is_some_and(|column| column.falling);
        let list = self.list_mut(table);
        list.sort = match list.sort {
            Some((old, reverse)) if old == column => Some((column, !reverse)),
            _ => Some((column, falling)),
        };
        self.refresh(table);
    }

    pub(super) fn reverse(&mut self) {
        let table = self.tab.table();
        let first = table.columns().first().map_or("", |column| column.id);
        let list = self.list_mut(table);
        list.sort = Some(
            list.sort
                .map_or((first, true), |(column, reverse)| (column, !reverse)),
        );
        self.refresh(table);
    }

    // --- filtering

    pub(super) fn begin_filter(&mut self) {
        let text = self.list(self.tab.table()).filter_text.clone();
        let cursor = text.chars().count();
        self.input = Some(Input {
            text,
            cursor,
            ..Input::default()
        });
    }

    /// Puts a filter in force; a bad one leaves the last good one and tells what is wrong.
    pub(super) fn set_filter(&mut self, table: TableId, text: &str) {
        let fields: Vec<&str> = table.fields().collect();
        let error = match Filter::read(text, &fields) {
            Ok(filter) => {
                let list = self.list_mut(table);
                list.filter = filter;
                text.trim().clone_into(&mut list.filter_text);
                self.refresh(table);
                None
            },
            Err(error) => Some(error),
        };
        if let Some(input) = &mut self.input {
            input.error = error;
        }
    }

    /// Only what is not as it should be, in this list's own words; again for all.
    pub(super) fn troubles(&mut self) {
        let table = self.tab.table();
        let text = match table {
            TableId::Backends => "!state:up",
            TableId::Models => "err>0 or !state:up",
            TableId::Requests => "tries>1 or !error:?",
            TableId::Events => "severity:warning,error",
            TableId::Spend => "unpriced>0 or err>0",
        };
        let on = self.list(table).filter_text == text;
        self.set_filter(table, if on { "" } else { text });
    }

    pub(super) fn paste(&mut self, text: &str) {
        if self.overlay.is_some() {
            return;
        }
        let Some(input) = &mut self.input else { return };
        let clean: String = text
            .chars()
            .filter(|symbol| !symbol.is_control())
            .take(500)
            .collect();
        input.insert(&clean);
        self.typed();
    }

    fn typed(&mut self) {
        let Some(input) = &mut self.input else { return };
        let text = input.text.clone();
        let table = self.tab.table();
        // The name of a field is most likely the start of a comparison: wait for the rest.
        let last = text.rsplit([' ', '(', '!']).next().unwrap_or("");
        if table.fields().any(|field| field == last) {
            input.error = None;
            return;
        }
        self.set_filter(table, &text);
    }

    pub(super) fn input_key(&mut self, name: &str, key: KeyEvent) {
        let table = self.tab.table();
        let Some(input) = &mut self.input else { return };
        let before = input.text.clone();
        match name {
            "enter" => {
                let text = input.text.trim().to_owned();
                self.set_filter(table, &text);
                let good = self.input.take().is_some_and(|input| input.error.is_none());
                if good && !text.is_empty() && self.history.last() != Some(&text) {
                    self.history.push(text);
                    let over = self.history.len().saturating_sub(HISTORY);
                    self.history.drain(..over);
                }
                return;
            },
            "esc" => {
                self.input = None;
                self.set_filter(table, "");
                return;
            },
            "up" | "down" => {
                let all = self.history.len();
                let place = match (name, input.history) {
                    ("up", None) => all.checked_sub(1),
                    ("up", Some(place)) => Some(place.saturating_sub(1)),
                    (_, Some(place)) if place + 1 < all => Some(place + 1),
                    _ => None,
                };
                let text = place
                    .and_then(|place| self.history.get(place))
                    .cloned()
                    .unwrap_or_default();
                input.cursor = text.chars().count();
                input.text = text;
                input.history = place;
            },
            "left" | "ctrl-b" => input.cursor = input.cursor.saturating_sub(1),
            "right" | "ctrl-f" => input.cursor = (input.cursor + 1).min(input.text.chars().count()),
            "home" | "ctrl-a" => input.cursor = 0,
            "end" | "ctrl-e" => input.cursor = input.text.chars().count(),
            "backspace" | "ctrl-h" => input.cut(input.cursor.saturating_sub(1), input.cursor),
            "del" | "ctrl-d" => input.cut(input.cursor, input.cursor + 1),
            "ctrl-u" => input.cut(0, input.cursor),
            "ctrl-k" => input.cut(input.cursor, usize::MAX),
            "ctrl-w" | "alt-backspace" => input.cut(input.word_start(), input.cursor),
            _ => match key.code {
                KeyCode::Char(symbol)
                    if !key
                        .modifiers
                        .intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) =>
                {
                    input.insert(symbol.encode_utf8(&mut [0; 4]));
                },
                _ => {},
            },
        }
        if self
            .input
            .as_ref()
            .is_some_and(|input| input.text != before)
        {
            self.typed();
        }
    }
}

impl Input {
    fn insert(&mut self, text: &str) {
        let tail: String = self.text.chars().skip(self.cursor).collect();
        let head: String = self.text.chars().take(self.cursor).collect();
        self.text = head + text + &tail;
        self.cursor += text.chars().count();
    }

    /// Removes the characters from `start` up to `end`.
    fn cut(&mut self, start: usize, end: usize) {
        let kept = self
            .text
            .chars()
            .enumerate()
            .filter(|(place, _)| *place < start || *place >= end);
        self.text = kept.map(|(_, symbol)| symbol).collect();
        self.cursor = start.min(self.text.chars().count());
    }

    /// Where the word before the cursor begins.
    fn word_start(&self) -> usize {
        let head: Vec<char> = self.text.chars().take(self.cursor).collect();
        let end = head
            .iter()
            .rposition(|symbol| *symbol != ' ')
            .map_or(0, |place| place + 1);
        head[..end]
            .iter()
            .rposition(|symbol| *symbol == ' ')
            .map_or(0, |place| place + 1)
    }
}
