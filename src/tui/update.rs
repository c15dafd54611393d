//! What happens to the state: every key, click, snapshot and answer goes through [`State::update`].
//!
//! Pure: what must be done outside comes back as [`Effect`]s. `list` moves, sorts and filters,
//! `command` asks things of the gateway.

mod command;
mod list;

use std::sync::Arc;
use std::time::Duration;

use ratatui::crossterm::event::KeyEvent;

use super::keymap::{self, Action};
use super::state::{Ask, Overlay, State, Tab, Toast, Tone};
use super::table::TableId;
use super::theme::SHIPPED;
use crate::base::Mono;
use crate::control::{Command, Reply, Snapshot, Ticket};

/// How long a sentence stays.
const TOAST: Duration = Duration::from_secs(5);

/// What reaches the state.
#[derive(Debug, Clone)]
pub(crate) enum Message {
    /// A newer state of the gateway.
    Snapshot(Arc<Snapshot>),
    /// Answers to commands.
    Replies(Vec<Reply>),
    /// Time has passed.
    Tick,
    /// A key.
    Key(KeyEvent),
    /// Pasted text.
    Paste(String),
    /// A click on something.
    Click(Target),
    /// The wheel, in rows; down is positive.
    Wheel(i32),
    /// The editor was left: a line to show.
    Edited(Result<String, String>),
    /// The program was stopped this long and goes on.
    Resumed(Duration),
}

/// What a click can hit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// A tab.
    Tab(Tab),
    /// A row of a list.
    Row(TableId, String),
    /// The header of a column.
    Header(TableId, &'static str),
    /// A hint of the footer.
    Hint(Action),
}

/// What must be done outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Ask the gateway.
    Send(Ticket, Command),
    /// Open the config in an editor.
    EditConfig,
    /// Stop the program until the shell continues it.
    Suspend,
    /// Take or release the mouse.
    Mouse(bool),
    /// Draw everything anew.
    Redraw,
    /// Use the shipped theme of this number.
    Theme(usize),
    /// Leave the dashboard.
    Quit,
}

impl State {
    /// Takes a message in at the moment `now`; returns what must be done outside.
    pub(crate) fn update(&mut self, message: Message, now: Mono) -> Vec<Effect> {
        self.now = self.now.max(now);
        match message {
            Message::Snapshot(snapshot) => {
                self.take(snapshot);
                Vec::new()
            },
            Message::Replies(replies) => {
                self.answer(replies);
                Vec::new()
            },
            Message::Tick => {
                self.expire();
                Vec::new()
            },
            Message::Key(key) => self.key(key),
            Message::Paste(text) => {
                self.paste(&text);
                Vec::new()
            },
            Message::Click(target) => self.click(target),
            Message::Wheel(rows) => {
                self.wheel(rows);
                Vec::new()
            },
            Message::Edited(result) => {
                match result {
                    Ok(text) => self.say(Tone::Good, text),
                    Err(text) => self.say(Tone::Bad, text),
                }
                Vec::new()
            },
            Message::Resumed(stood) => {
                if stood >= Duration::from_secs(1) {
                    let s = stood.as_secs();
                    self.say(Tone::Plain, format!("the gateway stood still for {s} s"));
                }
                Vec::new()
            },
        }
    }

    /// Shows a sentence for a while.
    pub(crate) fn say(&mut self, tone: Tone, text: impl Into<String>) {
        self.toast = Some(Toast {
            text: text.into(),
            tone,
            until: self.now.after(TOAST),
        });
    }

    fn expire(&mut self) {
        if self
            .toast
            .as_ref()
            .is_some_and(|toast| toast.until <= self.now)
        {
            self.toast = None;
        }
    }

    fn take(&mut self, snapshot: Arc<Snapshot>) {
        self.latest = snapshot;
        if self.paused.is_none() {
            self.show_latest();
        }
    }

    fn show_latest(&mut self) {
        self.shown = Arc::clone(&self.latest);
        self.received = self.now;
        if self.tab == Tab::Events {
            self.seen_event = self.shown.events.first().map_or(0, |event| event.seq);
        }
        for table in TableId::ALL {
            self.refresh(table);
        }
    }

    fn key(&mut self, key: KeyEvent) -> Vec<Effect> {
        let name = keymap::name(key);
        if name.is_empty() {
            return Vec::new();
        }
        if name == "ctrl-c" {
            return self.act(Action::Interrupt);
        }
        if self.overlay.is_some() {
            return self.overlay_key(&name, key);
        }
        if self.input.is_some() {
            self.input_key(&name, key);
            return Vec::new();
        }
        match keymap::find(self, &name) {
            Some(action) => self.act(action),
            None => Vec::new(),
        }
    }

    /// Does what a key, a click or the help asks for.
    pub(crate) fn act(&mut self, action: Action) -> Vec<Effect> {
        match action {
            Action::Tab(tab) => self.go(tab),
            Action::NextTab => self.go(self.neighbour(1)),
            Action::PreviousTab => self.go(self.neighbour(Tab::ALL.len() - 1)),
            Action::LastTab => self.go(self.last_tab),
            Action::Up => self.step(-1),
            Action::Down => self.step(1),
            Action::PageUp => self.turn_page(false),
            Action::PageDown => self.turn_page(true),
            Action::First => self.first(),
            Action::Last => self.last(),
            Action::Open => self.open(),
            Action::Back => self.back(),
            Action::Zoom => {
                self.zoom = !self.zoom;
                self.open = false;
            },
            Action::Filter => self.begin_filter(),
            Action::Sort => self.overlay = Some(Overlay::Sort),
            Action::Reverse => self.reverse(),
            Action::Troubles => self.troubles(),
            Action::Pause => self.pause(),
            Action::GroupBy => {
                self.spend_by = self.spend_by.next();
                self.list_mut(TableId::Spend).selected = None;
                self.refresh(TableId::Spend);
            },
            Action::Jump => self.jump_to_backend(),
            Action::Help => {
                self.overlay = Some(Overlay::Help {
                    search: String::new(),
                    chosen: 0,
                });
            },
            Action::Problems => self.overlay = Some(Overlay::Problems { scroll: 0 }),
            Action::Toggle => return self.toggle(),
            Action::ClearCooldown => return self.clear_cooldown(),
            Action::Probe => return self.probe(),
            Action::Simulate => return self.simulate(),
            Action::Reload => return self.send(Command::Reload),
            Action::EditConfig => return vec![Effect::EditConfig],
            Action::Redraw => return vec![Effect::Redraw],
            Action::Theme => {
                let next = self.theme.map_or(0, |place| place + 1) % SHIPPED.len();
                self.theme = Some(next);
                self.say(Tone::Plain, format!("theme {}", SHIPPED[next].0));
                return vec![Effect::Theme(next)];
            },
            Action::Mouse => {
                self.mouse = !self.mouse;
                let text = if self.mouse {
                    "mouse on"
                } else {
                    "mouse off: the terminal selects text"
                };
                self.say(Tone::Plain, text);
                return vec![Effect::Mouse(self.mouse)];
            },
            Action::Suspend => return self.ask_first(Ask::Suspend),
            Action::Quit => return self.ask_first(Ask::Quit),
            Action::Interrupt if self.overlay == Some(Overlay::Ask(Ask::Quit)) => {
                return vec![Effect::Quit];
            },
            Action::Interrupt => return self.ask_first(Ask::Quit),
        }
        Vec::new()
    }

    /// Quits or stops at once when nobody is served; asks otherwise.
    fn ask_first(&mut self, ask: Ask) -> Vec<Effect> {
        if self.latest.in_flight.is_empty() {
            return self.confirmed(ask);
        }
        self.overlay = Some(Overlay::Ask(ask));
        Vec::new()
    }

    /// Does what was asked about.
    fn confirmed(&mut self, ask: Ask) -> Vec<Effect> {
        match ask {
            Ask::Quit => vec![Effect::Quit],
            Ask::Suspend => vec![Effect::Suspend],
            Ask::TurnOff { id } => self.send(Command::SetEnabled {
                backend: id,
                enabled: false,
            }),
        }
    }

    fn go(&mut self, tab: Tab) {
        if tab != self.tab {
            self.last_tab = self.tab;
            self.tab = tab;
            self.open = false;
            self.detail_scroll = 0;
            self.input = None;
        }
        if tab == Tab::Events {
            self.seen_event = self.shown.events.first().map_or(0, |event| event.seq);
        }
    }

    fn neighbour(&self, by: usize) -> Tab {
        let place = Tab::ALL
            .iter()
            .position(|tab| *tab == self.tab)
            .unwrap_or(0);
        Tab::ALL[(place + by) % Tab::ALL.len()]
    }

    fn pause(&mut self) {
        if self.paused.take().is_some() {
            self.show_latest();
        } else {
            self.paused = Some(self.now);
        }
    }

    fn overlay_key(&mut self, name: &str, key: KeyEvent) -> Vec<Effect> {
        let Some(overlay) = self.overlay.take() else {
            return Vec::new();
        };
        match overlay {
            Overlay::Help { search, chosen } => self.help_key(name, key, search, chosen),
            Overlay::Ask(ask) => match name {
                "y" | "enter" => self.confirmed(ask),
                "q" if ask == Ask::Quit => self.confirmed(ask),
                "n" | "esc" | "q" | "s" | "backspace" => Vec::new(),
                _ => {
                    self.overlay = Some(Overlay::Ask(ask));
                    Vec::new()
                },
            },
            Overlay::Sort => {
                self.sort_key(name);
                Vec::new()
            },
            Overlay::Problems { scroll } => {
                let scroll = match name {
                    "up" | "k" => scroll.saturating_sub(1),
                    "down" | "j" => scroll + 1,
                    "pgup" | "ctrl-u" => scroll.saturating_sub(10),
                    "pgdn" | "ctrl-d" | "space" => scroll + 10,
                    "home" | "g" => 0,
                    "e" => return vec![Effect::EditConfig],
                    _ => return Vec::new(),
                };
                self.overlay = Some(Overlay::Problems { scroll });
                Vec::new()
            },
        }
    }

    /// In the help: letters search, arrows choose, enter does it.
    fn help_key(
        &mut self,
        name: &str,
        key: KeyEvent,
        mut search: String,
        mut chosen: usize,
    ) -> Vec<Effect> {
        use ratatui::crossterm::event::{KeyCode, KeyModifiers};
        let found = self.help_lines(&search);
        match (name, key.code) {
            ("esc", _) if !search.is_empty() => {
                search.clear();
                chosen = 0;
            },
            ("esc" | "?" | "f1", _) => return Vec::new(),
            ("up", _) => chosen = chosen.saturating_sub(1),
            ("down", _) => chosen += 1,
            ("pgup", _) => chosen = chosen.saturating_sub(10),
            ("pgdn", _) => chosen += 10,
            ("home", _) => chosen = 0,
            ("end", _) => chosen = found.len(),
            ("backspace", _) => {
                search.pop();
                chosen = 0;
            },
            ("enter", _) => {
                return found
                    .get(chosen)
                    .map_or_else(Vec::new, |binding| self.act(binding.action));
            },
            (_, KeyCode::Char(symbol))
                if !key
                    .modifiers
                    .intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) =>
            {
                search.push(symbol);
                chosen = 0;
            },
            _ => {},
        }
        let last = self.help_lines(&search).len().saturating_sub(1);
        self.overlay = Some(Overlay::Help {
            search,
            chosen: chosen.min(last),
        });
        Vec::new()
    }

    /// The lines of the help that match what was typed: this screen's own keys first.
    pub(crate) fn help_lines(&self, search: &str) -> Vec<&'static keymap::Binding> {
        let search = search.to_lowercase();
        let mut lines: Vec<_> = keymap::live(self)
            .filter(|binding| {
                let keys = binding.keys.join(" ");
                binding.about.to_lowercase().contains(&search)
                    || binding.hint.contains(&search)
                    || keys.to_lowercase().split(' ').any(|key| key == search)
            })
            .collect();
        lines.sort_by_key(|binding| binding.layer == keymap::Layer::Everywhere);
        lines
    }

    fn click(&mut self, target: Target) -> Vec<Effect> {
        if self.overlay.is_some() {
            return Vec::new();
        }
        match target {
            Target::Tab(tab) => self.go(tab),
            Target::Header(table, column) => self.sort_by(table, column),
            Target::Hint(action) => return self.act(action),
            Target::Row(table, key) => {
                if self.tab.table() != table {
                    if let Some(tab) = Tab::ALL
                        .into_iter()
                        .find(|tab| tab.table() == table && *tab != Tab::Overview)
                    {
                        self.go(tab);
                    }
                    self.select(table, &key);
                } else if self.list(table).selected.as_ref() == Some(&key) {
                    self.open();
                } else {
                    self.select(table, &key);
                }
            },
        }
        Vec::new()
    }
}

#[cfg(test)]
mod tests;
