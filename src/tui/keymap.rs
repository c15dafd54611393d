//! Every key and what it does: the one table behind bindings, footer hints and `?` help.
//!
//! A test refuses two bindings of one key that could be live together.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::state::{State, Tab};

/// What a key can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// Show a screen.
    Tab(Tab),
    /// The next screen.
    NextTab,
    /// The previous screen.
    PreviousTab,
    /// The screen shown before.
    LastTab,
    /// One row up.
    Up,
    /// One row down.
    Down,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
    /// The first row, and stay with it.
    First,
    /// The last row.
    Last,
    /// Into the selected thing.
    Open,
    /// Out again.
    Back,
    /// The list alone, or with everything else.
    Zoom,
    /// Type a filter.
    Filter,
    /// Choose a column to sort by.
    Sort,
    /// Sort the other way round.
    Reverse,
    /// Freeze what is shown, or go on.
    Pause,
    /// Turn the backend off or on.
    Toggle,
    /// End the cooldown.
    ClearCooldown,
    /// Probe now.
    Probe,
    /// Demo: stop or start the simulated server.
    Simulate,
    /// Open the config in `$EDITOR`.
    EditConfig,
    /// Read the config again.
    Reload,
    /// Show what is wrong with the config.
    Problems,
    /// Split spend by something else.
    GroupBy,
    /// To the backend this row is about.
    Jump,
    /// Only rows with trouble.
    Troubles,
    /// The next theme.
    Theme,
    /// Mouse on or off.
    Mouse,
    /// Draw everything anew.
    Redraw,
    /// Hand the terminal back to the shell.
    Suspend,
    /// Show the keys.
    Help,
    /// Quit, after asking where that hurts.
    Quit,
    /// Quit; the second time without asking.
    Interrupt,
}

/// Where a binding is live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    /// On every screen.
    Everywhere,
    /// Where a list of backends stands.
    Backends,
    /// On the requests.
    Requests,
    /// On the events.
    Events,
    /// On the spend.
    Spend,
}

impl Layer {
    /// Whether it is live on a screen.
    pub(crate) const fn is_on(self, tab: Tab) -> bool {
        match self {
            Self::Everywhere => true,
            Self::Backends => matches!(tab, Tab::Overview | Tab::Backends),
            Self::Requests => matches!(tab, Tab::Requests),
            Self::Events => matches!(tab, Tab::Events),
            Self::Spend => matches!(tab, Tab::Spend),
        }
    }

    /// The heading in the help.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Everywhere => "everywhere",
            Self::Backends => "backends",
            Self::Requests => "requests",
            Self::Events => "events",
            Self::Spend => "spend",
        }
    }
}

/// One line of the table.
#[derive(Debug)]
pub(crate) struct Binding {
    /// The keys; the first one is shown.
    pub(crate) keys: &'static [&'static str],
    /// What they do.
    pub(crate) action: Action,
    /// Where.
    pub(crate) layer: Layer,
    /// Two or three words for the footer.
    pub(crate) hint: &'static str,
    /// A sentence for the help.
    pub(crate) about: &'static str,
    /// Its place among the footer hints, 1 first; 0 is never in the footer.
    pub(crate) rank: u8,
    /// Whether it makes sense now.
    pub(crate) when: fn(&State) -> bool,
}

const fn always(_state: &State) -> bool {
    true
}

const fn bind(
    keys: &'static [&'static str],
    action: Action,
    layer: Layer,
    (rank, hint): (u8, &'static str),
    about: &'static str,
) -> Binding {
    Binding {
        keys,
        action,
        layer,
        hint,
        about,
        rank,
        when: always,
    }
}

use Action as A;
use Layer::{Backends, Events, Everywhere, Requests, Spend};

/// Every key.
pub(crate) const BINDINGS: &[Binding] = &[
    bind(
        &["?", "f1"],
        A::Help,
        Everywhere,
        (1, "help"),
        "show the keys of this screen",
    ),
    bind(
        &["1"],
        A::Tab(Tab::Overview),
        Everywhere,
        (0, "overview"),
        "overview",
    ),
    bind(
        &["2"],
        A::Tab(Tab::Backends),
        Everywhere,
        (0, "backends"),
        "backends, each with its detail",
    ),
    bind(
        &["3"],
        A::Tab(Tab::Models),
        Everywhere,
        (0, "models"),
        "model groups: latency, tokens, cost",
    ),
    bind(
        &["4"],
        A::Tab(Tab::Requests),
        Everywhere,
        (0, "requests"),
        "requests, live, with every try",
    ),
    bind(
        &["5"],
        A::Tab(Tab::Events),
        Everywhere,
        (0, "events"),
        "what happened and why",
    ),
    bind(
        &["6"],
        A::Tab(Tab::Spend),
        Everywhere,
        (0, "spend"),
        "spend of the last seven days",
    ),
    bind(
        &["tab", "right"],
        A::NextTab,
        Everywhere,
        (12, "next screen"),
        "next screen",
    ),
    bind(
        &["shift-tab", "left"],
        A::PreviousTab,
        Everywhere,
        (0, "previous"),
        "previous screen",
    ),
    bind(
        &["-"],
        A::LastTab,
        Everywhere,
        (0, "last screen"),
        "the screen before this one",
    ),
    bind(&["up", "k"], A::Up, Everywhere, (0, "up"), "one row up"),
    bind(
        &["down", "j"],
        A::Down,
        Everywhere,
        (0, "down"),
        "one row down",
    ),
    bind(
        &["pgup", "ctrl-u"],
        A::PageUp,
        Everywhere,
        (0, "page up"),
        "a page up",
    ),
    bind(
        &["pgdn", "ctrl-d", "space"],
        A::PageDown,
        Everywhere,
        (0, "page down"),
        "a page down",
    ),
    bind(
        &["home", "g"],
        A::First,
        Everywhere,
        (0, "first"),
        "first row; a live list follows what is new",
    ),
    bind(&["end", "G"], A::Last, Everywhere, (0, "last"), "last row"),
    Binding {
        when: |state| state.tab != Tab::Spend,
        ..bind(
            &["enter"],
            A::Open,
            Everywhere,
            (2, "open"),
            "open the row; an event opens its request",
        )
    },
    bind(
        &["esc", "backspace"],
        A::Back,
        Everywhere,
        (0, "back"),
        "back, or drop the filter",
    ),
    bind(
        &["t"],
        A::Toggle,
        Backends,
        (3, "on/off"),
        "turn the backend off (it finishes what it has) or on",
    ),
    bind(
        &["c"],
        A::ClearCooldown,
        Backends,
        (4, "clear cooldown"),
        "end the cooldown and forget the failures",
    ),
    bind(
        &["b"],
        A::Probe,
        Backends,
        (5, "probe"),
        "probe the backend's host now",
    ),
    Binding {
        when: State::is_simulated,
        ..bind(
            &["x"],
            A::Simulate,
            Backends,
            (3, "stop/start server"),
            "demo: stop or start the server behind the backend",
        )
    },
    bind(
        &["o"],
        A::Jump,
        Requests,
        (4, "backend"),
        "go to the backend that served the request",
    ),
    Binding {
        keys: &["o"],
        action: A::Jump,
        layer: Events,
        hint: "backend",
        about: "go to the backend the event is about",
        rank: 4,
        when: always,
    },
    bind(
        &["v"],
        A::GroupBy,
        Spend,
        (2, "split by"),
        "split by model, backend, key or app",
    ),
    bind(
        &["/"],
        A::Filter,
        Everywhere,
        (6, "filter"),
        "filter the list, as described below",
    ),
    bind(
        &["f"],
        A::Troubles,
        Everywhere,
        (9, "troubles"),
        "only rows with trouble, or all again",
    ),
    bind(
        &["s"],
        A::Sort,
        Everywhere,
        (8, "sort"),
        "sort: then the letter of a column",
    ),
    bind(
        &["S"],
        A::Reverse,
        Everywhere,
        (0, "reverse"),
        "sort the other way round",
    ),
    bind(
        &["p"],
        A::Pause,
        Everywhere,
        (7, "pause"),
        "freeze the screen (not the gateway), or go on",
    ),
    bind(
        &["z"],
        A::Zoom,
        Everywhere,
        (13, "zoom"),
        "the list alone, or with everything else",
    ),
    Binding {
        when: State::has_problems,
        ..bind(
            &["!"],
            A::Problems,
            Everywhere,
            (1, "problems"),
            "what is wrong with the config",
        )
    },
    bind(
        &["e"],
        A::EditConfig,
        Everywhere,
        (10, "edit config"),
        "open the config in $EDITOR",
    ),
    bind(
        &["r"],
        A::Reload,
        Everywhere,
        (11, "reload"),
        "read the config again now",
    ),
    bind(&["T"], A::Theme, Everywhere, (0, "theme"), "next theme"),
    bind(
        &["m"],
        A::Mouse,
        Everywhere,
        (0, "mouse"),
        "mouse on or off (off: select text)",
    ),
    bind(
        &["ctrl-l"],
        A::Redraw,
        Everywhere,
        (0, "redraw"),
        "draw everything anew",
    ),
    bind(
        &["ctrl-z"],
        A::Suspend,
        Everywhere,
        (0, "suspend"),
        "stop the program, gateway and all, until `fg`",
    ),
    bind(
        &["q"],
        A::Quit,
        Everywhere,
        (1, "quit"),
        "quit; asks when requests are in flight",
    ),
    bind(
        &["ctrl-c"],
        A::Interrupt,
        Everywhere,
        (0, "quit"),
        "quit; the second time at once",
    ),
];

/// What the help says about typing a filter.
pub(crate) const GRAMMAR: &[(&str, &str)] = &[
    ("word", "the row contains it, in any case"),
    ("!word", "it does not"),
    ("state:down,cooling", "the field contains one of these"),
    (
        "p95>1.5s cost>$0.05",
        "compare; ms s m h d, k M, % and $ are understood",
    ),
    ("since:10m", "not older than that"),
    ("a or (b !c)", "either; brackets group"),
    ("\"two words\"", "as they stand"),
];

/// A key's name, as the table spells it.
pub(crate) fn name(key: KeyEvent) -> String {
    let plain = match key.code {
        KeyCode::Char(' ') => "space".to_owned(),
        KeyCode::Char(symbol) => symbol.to_string(),
        KeyCode::Enter => "enter".to_owned(),
        KeyCode::Esc => "esc".to_owned(),
        KeyCode::Backspace => "backspace".to_owned(),
        KeyCode::Delete => "del".to_owned(),
        KeyCode::Tab => "tab".to_owned(),
        KeyCode::BackTab => "shift-tab".to_owned(),
        KeyCode::Up => "up".to_owned(),
        KeyCode::Down => "down".to_owned(),
        KeyCode::Left => "left".to_owned(),
        KeyCode::Right => "right".to_owned(),
        KeyCode::Home => "home".to_owned(),
        KeyCode::End => "end".to_owned(),
        KeyCode::PageUp => "pgup".to_owned(),
        KeyCode::PageDown => "pgdn".to_owned(),
        KeyCode::F(number) => format!("f{number}"),
        _ => return String::new(),
    };
    let mut name = String::new();
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        name.push_str("ctrl-");
    }
    if key.modifiers.contains(KeyModifiers::ALT) {
        name.push_str("alt-");
    }
    name + &plain
}

/// The bindings that are live on a screen.
pub(crate) fn live(state: &State) -> impl Iterator<Item = &'static Binding> {
    BINDINGS
        .iter()
        .filter(|binding| binding.layer.is_on(state.tab) && (binding.when)(state))
}

/// What a key does now.
pub(crate) fn find(state: &State, key: &str) -> Option<Action> {
    live(state)
        .find(|binding| binding.keys.contains(&key))
        .map(|binding| binding.action)
}

/// The footer's hints, the most useful first.
pub(crate) fn hints(state: &State) -> Vec<&'static Binding> {
    let mut hints: Vec<_> = live(state).filter(|binding| binding.rank > 0).collect();
    hints.sort_by_key(|binding| binding.rank);
    hints
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_key_means_two_things_at_once() {
        for tab in Tab::ALL {
            let mut seen = HashSet::new();
            for binding in BINDINGS.iter().filter(|binding| binding.layer.is_on(tab)) {
                for key in binding.keys {
                    assert!(seen.insert(*key), "{key} has two meanings on {tab:?}");
                }
            }
        }
    }

    #[test]
    fn every_binding_is_explained() {
        for binding in BINDINGS {
            assert!(
                !binding.keys.is_empty() && !binding.about.is_empty() && !binding.hint.is_empty()
            );
            assert!(binding.hint.len() <= 20, "{}", binding.hint);
            assert!(binding.about.len() <= 53, "{}", binding.about);
        }
    }

    #[test]
    fn names_are_those_of_the_table() {
        let key = |code, modifiers| name(KeyEvent::new(code, modifiers));
        assert_eq!(key(KeyCode::Char('c'), KeyModifiers::CONTROL), "ctrl-c");
        assert_eq!(key(KeyCode::Char('S'), KeyModifiers::SHIFT), "S");
        assert_eq!(key(KeyCode::BackTab, KeyModifiers::SHIFT), "shift-tab");
        assert_eq!(key(KeyCode::F(1), KeyModifiers::NONE), "f1");
    }
}
