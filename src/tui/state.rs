//! What the dashboard remembers: the snapshot shown, the screen, each list's selection, sort and
//! filter, what is asked and what is said.
//!
//! Pure data with pure questions. `update` changes it, `view` reads it; neither does any I/O.

use std::cell::RefCell;
use std::sync::Arc;

use super::filter::{Filter, FilterError};
use super::format;
use super::table::{self, By, Context, RowRef, TableId};
use super::theme::Theme;
use crate::base::Mono;
use crate::control::{Backend, BackendState, Snapshot, Ticket};

/// The screens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Tab {
    /// Everything at a glance.
    #[default]
    Overview,
    /// Backends, each with its detail.
    Backends,
    /// Model groups.
    Models,
    /// Requests.
    Requests,
    /// Events.
    Events,
    /// Spend.
    Spend,
}

impl Tab {
    /// All of them, in their order.
    pub const ALL: [Self; 6] = [
        Self::Overview,
        Self::Backends,
        Self::Models,
        Self::Requests,
        Self::Events,
        Self::Spend,
    ];

    /// Its name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Backends => "Backends",
            Self::Models => "Models",
            Self::Requests => "Requests",
            Self::Events => "Events",
            Self::Spend => "Spend",
        }
    }

    /// The list it shows.
    pub(crate) const fn table(self) -> TableId {
        match self {
            Self::Overview | Self::Backends => TableId::Backends,
            Self::Models => TableId::Models,
            Self::Requests => TableId::Requests,
            Self::Events => TableId::Events,
            Self::Spend => TableId::Spend,
        }
    }
}

/// A list's selection, sort and filter.
#[derive(Debug, Default)]
pub(crate) struct ListState {
    /// The key of the selected row.
    pub(crate) selected: Option<String>,
    /// Its place among the rows in sight, for when the row goes away.
    pub(crate) place: usize,
    /// Stay on the first row as new ones come in.
    pub(crate) follow: bool,
    /// The column it is sorted by, and whether in reverse.
    pub(crate) sort: Option<(&'static str, bool)>,
    /// The filter in force, as typed.
    pub(crate) filter_text: String,
    /// The filter in force.
    pub(crate) filter: Option<Filter>,
    /// The rows that pass, in order: places in [`table::rows`].
    pub(crate) visible: Vec<usize>,
    /// The first row in sight, and how many are: what the last drawing found.
    pub(crate) sight: (usize, u16),
}

/// A filter being typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Input {
    /// The text.
    pub(crate) text: String,
    /// The cursor, in characters.
    pub(crate) cursor: usize,
    /// What is wrong with it.
    pub(crate) error: Option<FilterError>,
    /// The place in the history while going through it.
    pub(crate) history: Option<usize>,
}

/// What stands in front of everything else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Overlay {
    /// The keys; what was typed to search, and the chosen line.
    Help { search: String, chosen: usize },
    /// A question.
    Ask(Ask),
    /// The columns to sort by.
    Sort,
    /// What is wrong with the config; the first line in sight.
    Problems { scroll: usize },
}

/// What is asked before it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Quit although requests are in flight.
    Quit,
    /// Stop the whole program although requests are in flight.
    Suspend,
    /// Turn off the last backend of a group that takes traffic: its id.
    TurnOff { id: String },
}

/// How a sentence is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Done.
    Good,
    /// Not done.
    Bad,
    /// Worth knowing.
    Plain,
}

/// A sentence shown for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Toast {
    /// The sentence.
    pub(crate) text: String,
    /// How it is meant.
    pub(crate) tone: Tone,
    /// When it goes away.
    pub(crate) until: Mono,
}

/// All of it.
#[derive(Debug)]
pub(crate) struct State {
    /// What is shown.
    pub(crate) shown: Arc<Snapshot>,
    /// The latest, which differs while paused.
    pub(crate) latest: Arc<Snapshot>,
    /// When `shown` came in.
    pub(crate) received: Mono,
    /// The present moment.
    pub(crate) now: Mono,
    /// The screen.
    pub(crate) tab: Tab,
    /// The one before.
    pub(crate) last_tab: Tab,
    /// The lists, by the number of [`TableId`].
    pub(crate) lists: [ListState; 5],
    /// What spend is split by.
    pub(crate) spend_by: By,
    /// Whether the detail has the whole screen.
    pub(crate) open: bool,
    /// How far the open detail is scrolled.
    pub(crate) detail_scroll: u16,
    /// Whether the list has the whole screen.
    pub(crate) zoom: bool,
    /// Whether the screen is frozen, and since when.
    pub(crate) paused: Option<Mono>,
    /// What stands in front.
    pub(crate) overlay: Option<Overlay>,
    /// The filter being typed.
    pub(crate) input: Option<Input>,
    /// Filters used before, oldest first.
    pub(crate) history: Vec<String>,
    /// A sentence for the person.
    pub(crate) toast: Option<Toast>,
    /// Whether the mouse is ours.
    pub(crate) mouse: bool,
    /// The shipped theme in use; `T` goes on from it.
    pub(crate) theme: Option<usize>,
    /// The newest event that was seen on the Events screen.
    pub(crate) seen_event: u64,
    /// Commands not answered yet.
    pub(crate) pending: Vec<Ticket>,
    /// The number of the next command.
    pub(crate) next_ticket: Ticket,
    /// How far the open detail can be scrolled: what the last drawing found.
    pub(crate) detail_rest: RefCell<u16>,
}

impl State {
    /// A dashboard that shows `snapshot`, received now.
    pub(crate) fn new(snapshot: Arc<Snapshot>, now: Mono, mouse: bool) -> Self {
        let seen_event = snapshot.events.first().map_or(0, |event| event.seq);
        let mut state = Self {
            latest: Arc::clone(&snapshot),
            shown: snapshot,
            received: now,
            now,
            tab: Tab::Overview,
            last_tab: Tab::Overview,
            lists: std::array::from_fn(|_| ListState::default()),
            spend_by: By::default(),
            open: false,
            detail_scroll: 0,
            zoom: false,
            paused: None,
            overlay: None,
            input: None,
            history: Vec::new(),
            toast: None,
            mouse,
            theme: None,
            seen_event,
            pending: Vec::new(),
            next_ticket: 1,
            detail_rest: RefCell::new(0),
        };
        for table in [TableId::Requests, TableId::Events] {
            state.list_mut(table).follow = true;
        }
        for table in TableId::ALL {
            state.refresh(table);
        }
        state
    }

    /// A list.
    pub(crate) const fn list(&self, table: TableId) -> &ListState {
        &self.lists[table as usize]
    }

    /// A list, to change it.
    pub(crate) const fn list_mut(&mut self, table: TableId) -> &mut ListState {
        &mut self.lists[table as usize]
    }

    /// Milliseconds since the snapshot shown came in; it stands still while paused.
    pub(crate) fn elapsed_ms(&self) -> u64 {
        let end = self.paused.unwrap_or(self.now);
        u64::try_from(end.since(self.received).as_millis()).unwrap_or(u64::MAX)
    }

    /// What cells are made with.
    pub(crate) fn context<'a>(&'a self, theme: &'a Theme) -> Context<'a> {
        Context {
            snapshot: &self.shown,
            elapsed_ms: self.elapsed_ms(),
            theme,
        }
    }

    /// A list's rows as they stand on screen.
    pub(crate) fn rows(&self, table: TableId) -> Vec<RowRef<'_>> {
        let all = table::rows(&self.shown, table, self.spend_by);
        let visible = self.list(table).visible.iter();
        visible
            .filter_map(|place| all.get(*place).copied())
            .collect()
    }

    /// The selected row of a list.
    pub(crate) fn selected(&self, table: TableId) -> Option<RowRef<'_>> {
        let list = self.list(table);
        list.selected.as_ref()?;
        let place = list.visible.get(list.place)?;
        table::rows(&self.shown, table, self.spend_by)
            .get(*place)
            .copied()
    }

    /// The selected backend.
    pub(crate) fn backend(&self) -> Option<&Backend> {
        match self.selected(TableId::Backends)? {
            RowRef::Backend(backend) => Some(backend),
            _ => None,
        }
    }

    /// How many rows a list has without its filter.
    pub(crate) fn all_rows(&self, table: TableId) -> usize {
        table::rows(&self.shown, table, self.spend_by).len()
    }

    /// Whether the selected backend's server is simulated.
    pub(crate) fn is_simulated(&self) -> bool {
        let host = self
            .backend()
            .and_then(|backend| self.shown.hosts.get(backend.host));
        host.is_some_and(|host| host.simulated.is_some())
    }

    /// Whether there is anything to say about the config.
    pub(crate) fn has_problems(&self) -> bool {
        let gateway = &self.shown.gateway;
        !gateway.config_errors.is_empty() || !gateway.config_notes.is_empty()
    }

    /// Events that came in since the Events screen was last seen.
    pub(crate) fn new_events(&self) -> u64 {
        self.latest
            .events
            .first()
            .map_or(0, |event| event.seq.saturating_sub(self.seen_event))
    }

    /// Requests and events held back by the pause.
    pub(crate) fn held_back(&self) -> u64 {
        let newest = |snapshot: &Snapshot| {
            let event = snapshot.events.first().map_or(0, |event| event.seq);
            let request = snapshot.recent.first().map_or(0, |row| row.seq);
            (event, request)
        };
        let (shown, latest) = (newest(&self.shown), newest(&self.latest));
        latest.0.saturating_sub(shown.0) + latest.1.saturating_sub(shown.1)
    }

    /// Whether this backend is the last one of its group that takes traffic.
    pub(crate) fn is_last_up(&self, backend: &Backend) -> bool {
        let takes = |one: &Backend| matches!(one.state, BackendState::Up | BackendState::Probing);
        let others = self
            .shown
            .backends
            .iter()
            .filter(|one| one.group == backend.group && one.id != backend.id);
        takes(backend) && !others.into_iter().any(takes)
    }

    /// Milliseconds until something on screen changes by itself: a countdown, an age, a toast.
    pub(crate) fn next_change_ms(&self) -> u64 {
        let to_second = 1_000 - self.elapsed_ms() % 1_000;
        let mut next = 60_000;
        if self.paused.is_none() {
            let cooling = self
                .shown
                .backends
                .iter()
                .any(|backend| backend.cooldown_left_ms.is_some());
            let shows_backends = matches!(self.tab, Tab::Overview | Tab::Backends);
            let shows_ages = self.tab == Tab::Requests && !self.shown.in_flight.is_empty();
            if (cooling && shows_backends) || shows_ages {
                next = to_second;
            }
        }
        if let Some(toast) = &self.toast {
            let left = self.now.until(toast.until).as_millis();
            next = next.min(u64::try_from(left).unwrap_or(u64::MAX).max(1));
        }
        next
    }

    /// Filters and sorts a list anew, and keeps the selection on its row.
    pub(crate) fn refresh(&mut self, table: TableId) {
        let theme = Theme::plain();
        let context = self.context(&theme);
        let rows = table::rows(&self.shown, table, self.spend_by);
        let list = self.list(table);
        let mut visible: Vec<usize> = match &list.filter {
            None => (0..rows.len()).collect(),
            Some(filter) => (0..rows.len())
                .filter(|place| {
                    let row = &rows[*place];
                    let pass = |field: &str| row.value(field, context);
                    filter.matches(&row.haystack(table, context), &pass)
                })
                .collect(),
        };
        if let Some((column, reverse)) = list.sort {
            let keyed = |place: &usize| {
                rows[*place]
                    .value(column, context)
                    .unwrap_or(table::Value::Missing)
            };
            let pinned = |place: &usize| table == TableId::Spend && *place == 0;
            visible.sort_by(|a, b| {
                pinned(b)
                    .cmp(&pinned(a))
                    .then_with(|| keyed(a).order(&keyed(b), reverse))
            });
        }
        let keys: Vec<String> = visible.iter().map(|place| rows[*place].key()).collect();
        let place = if list.follow {
            0
        } else {
            self.find_selected(table, &keys).unwrap_or(list.place)
        };
        let place = place.min(keys.len().saturating_sub(1));
        let selected = keys.into_iter().nth(place);
        let list = self.list_mut(table);
        list.visible = visible;
        list.place = place;
        list.selected = selected;
    }

    /// Where the selected row stands now. A request that has ended is found under its new key.
    fn find_selected(&self, table: TableId, keys: &[String]) -> Option<usize> {
        let selected = self.list(table).selected.as_ref()?;
        let find = |key: &str| keys.iter().position(|one| one == key);
        find(selected).or_else(|| {
            let call_id = selected
                .strip_prefix('~')
                .filter(|_| table == TableId::Requests)?;
            find(&self.ended(call_id)?)
        })
    }

    /// The key of the newest ended request of this call id.
    pub(crate) fn ended(&self, call_id: &str) -> Option<String> {
        let mut recent = self.shown.recent.iter();
        let row = recent.find(|row| row.record.call_id.as_str() == call_id)?;
        Some(row.seq.to_string())
    }

    /// Selects a row by its key; whether it is there.
    pub(crate) fn select(&mut self, table: TableId, key: &str) -> bool {
        let rows = self.rows(table);
        let Some(place) = rows.iter().position(|row| row.key() == key) else {
            return false;
        };
        let list = self.list_mut(table);
        list.follow = list.follow && place == 0;
        list.place = place;
        list.selected = Some(key.to_owned());
        true
    }

    /// Shows a screen with the first row that is, or contains, `wanted` selected.
    pub(crate) fn show(&mut self, tab: Tab, wanted: Option<&str>) {
        self.tab = tab;
        let Some(wanted) = wanted else { return };
        let table = tab.table();
        let theme = Theme::plain();
        let context = self.context(&theme);
        let lower = wanted.to_lowercase();
        let found = self.rows(table).into_iter().find_map(|row| {
            let key = row.key();
            let hit = key == wanted || row.haystack(table, context).contains(&lower);
            hit.then_some(key)
        });
        if let Some(key) = found {
            self.select(table, &key);
        }
    }

    /// How many rows a page has.
    pub(crate) fn page(&self, table: TableId) -> usize {
        usize::from(self.list(table).sight.1.max(2) - 1)
    }

    /// The address an app is pointed at.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v1", self.shown.gateway.listen)
    }

    /// The line of the header that says for how long the gateway runs.
    pub(crate) fn uptime(&self) -> String {
        format::span(self.shown.gateway.uptime_ms + self.elapsed_ms())
    }
}
