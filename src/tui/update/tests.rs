//! What keys, clicks and snapshots do, without a terminal.

use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyModifiers};
use ratatui::layout::Rect;

use super::*;
use crate::control::BackendState;
use crate::tui::fixture;
use crate::tui::glyph::Glyphs;
use crate::tui::table::RowRef;
use crate::tui::theme::{Theme, shipped};
use crate::tui::view;

fn state() -> State {
    State::new(Arc::new(fixture::busy()), Mono::ZERO, true)
}

fn key_of(name: &str) -> KeyEvent {
    let (modifiers, rest) = match name.strip_prefix("ctrl-") {
        Some(rest) => (KeyModifiers::CONTROL, rest),
        None => (KeyModifiers::NONE, name),
    };
    let code = match rest {
        "enter" => KeyCode::Enter,
        "esc" => KeyCode::Esc,
        "tab" => KeyCode::Tab,
        "shift-tab" => KeyCode::BackTab,
        "up" => KeyCode::Up,
        "down" => KeyCode::Down,
        "left" => KeyCode::Left,
        "right" => KeyCode::Right,
        "home" => KeyCode::Home,
        "end" => KeyCode::End,
        "pgup" => KeyCode::PageUp,
        "pgdn" => KeyCode::PageDown,
        "backspace" => KeyCode::Backspace,
        "space" => KeyCode::Char(' '),
        other => KeyCode::Char(other.chars().next().expect("a key")),
    };
    KeyEvent::new(code, modifiers)
}

/// Presses keys, named and separated by blanks.
fn press(state: &mut State, keys: &str) -> Vec<Effect> {
    let keys = keys.split(' ').filter(|key| !key.is_empty());
    keys.flat_map(|key| state.update(Message::Key(key_of(key)), state.now))
        .collect()
}

/// Types a text into the open input.
fn typed(state: &mut State, text: &str) {
    for symbol in text.chars() {
        let key = KeyEvent::new(KeyCode::Char(symbol), KeyModifiers::NONE);
        state.update(Message::Key(key), state.now);
    }
}

fn selected(state: &State) -> String {
    let table = state.tab.table();
    state.selected(table).map_or_else(String::new, RowRef::key)
}

fn toast(state: &State) -> String {
    state
        .toast
        .as_ref()
        .map_or_else(String::new, |toast| toast.text.clone())
}

#[test]
fn screens_are_a_key_away() {
    let mut state = state();
    for (keys, tab) in [
        ("4", Tab::Requests),
        ("tab", Tab::Events),
        ("tab tab", Tab::Overview),
        ("shift-tab", Tab::Spend),
        ("-", Tab::Overview),
        ("-", Tab::Spend),
    ] {
        press(&mut state, keys);
        assert_eq!(state.tab, tab, "{keys}");
    }
}

#[test]
fn the_selection_stays_on_its_row_when_the_order_changes() {
    let mut state = state();
    press(&mut state, "2 down down down");
    assert_eq!(selected(&state), "a4");
    press(&mut state, "s n");
    assert_eq!(selected(&state), "a4");
    assert_eq!(
        state.rows(TableId::Backends)[0].key(),
        "a8",
        "sorted by name"
    );
    let mut next = fixture::busy();
    next.seq += 1;
    next.backends.retain(|backend| backend.id != "a8");
    state.update(Message::Snapshot(Arc::new(next)), Mono::ZERO);
    assert_eq!(selected(&state), "a4");
}

#[test]
fn requests_without_a_key_are_not_taken_for_the_total() {
    let mut state = state();
    press(&mut state, "6 v v end");
    let nameless = selected(&state);
    state.update(Message::Snapshot(Arc::new(fixture::busy())), Mono::ZERO);
    assert_eq!(selected(&state), nameless);
    assert_eq!(state.list(TableId::Spend).place, 3);
    press(&mut state, "home");
    assert!(matches!(
        state.selected(TableId::Spend),
        Some(RowRef::Total(_))
    ));
}

#[test]
fn a_row_that_goes_away_leaves_the_selection_at_its_place() {
    let mut state = state();
    press(&mut state, "2 end");
    assert_eq!(selected(&state), "a8");
    let mut next = fixture::busy();
    next.backends.truncate(3);
    state.update(Message::Snapshot(Arc::new(next)), Mono::ZERO);
    assert_eq!(selected(&state), "a3");
    let mut none = fixture::busy();
    none.backends.clear();
    state.update(Message::Snapshot(Arc::new(none)), Mono::ZERO);
    assert_eq!(selected(&state), "");
    assert!(press(&mut state, "t c b enter").is_empty());
}

#[test]
fn a_request_is_followed_from_in_flight_to_its_end() {
    let mut state = state();
    press(&mut state, "4 down");
    assert_eq!(selected(&state), "~17aa90ce");
    let mut next = fixture::busy();
    next.in_flight.retain(|flight| flight.call_id != "17aa90ce");
    let mut row = next.recent[0].as_ref().clone();
    row.seq = 500;
    Arc::make_mut(&mut row.record).call_id = crate::base::CallId::new("17aa90ce");
    next.recent.insert(0, Arc::new(row));
    state.update(Message::Snapshot(Arc::new(next)), Mono::ZERO);
    assert_eq!(selected(&state), "500");
}

#[test]
fn a_live_list_follows_what_is_new_until_one_moves() {
    let mut state = state();
    press(&mut state, "5");
    assert_eq!(selected(&state), "12");
    let mut next = fixture::busy();
    let mut event = next.events[0].as_ref().clone();
    event.seq = 13;
    next.events.insert(0, Arc::new(event));
    state.update(Message::Snapshot(Arc::new(next.clone())), Mono::ZERO);
    assert_eq!(selected(&state), "13");
    press(&mut state, "down");
    let mut event = next.events[0].as_ref().clone();
    event.seq = 14;
    next.events.insert(0, Arc::new(event));
    state.update(Message::Snapshot(Arc::new(next)), Mono::ZERO);
    assert_eq!(selected(&state), "12");
    press(&mut state, "g");
    assert_eq!(selected(&state), "14");
}

#[test]
fn turning_off_asks_only_for_the_last_one_up() {
    let mut state = state();
    // a4 and a5 serve the same group: no question.
    press(&mut state, "2");
    state.select(TableId::Backends, "a4");
    let off = |id: &str| Command::SetEnabled {
        backend: id.to_owned(),
        enabled: false,
    };
    assert_eq!(press(&mut state, "t"), [Effect::Send(1, off("a4"))]);
    // a3 is alone in its group.
    state.select(TableId::Backends, "a3");
    assert_eq!(press(&mut state, "t"), []);
    assert_eq!(
        state.overlay,
        Some(Overlay::Ask(Ask::TurnOff {
            id: "a3".to_owned()
        }))
    );
    assert_eq!(press(&mut state, "n"), []);
    assert_eq!(press(&mut state, "t y"), [Effect::Send(2, off("a3"))]);
    assert_eq!(state.overlay, None);
    // One that is off, or on its way, is turned on.
    for (id, ticket) in [("a8", 3), ("a7", 4)] {
        state.select(TableId::Backends, id);
        let on = Command::SetEnabled {
            backend: id.to_owned(),
            enabled: true,
        };
        assert_eq!(press(&mut state, "t"), [Effect::Send(ticket, on)]);
    }
}

#[test]
fn commands_go_out_and_answers_come_in() {
    let mut state = state();
    press(&mut state, "2");
    assert_eq!(
        press(&mut state, "b"),
        [Effect::Send(
            1,
            Command::Probe {
                backend: "a1".to_owned()
            }
        )]
    );
    state.select(TableId::Backends, "a6");
    assert_eq!(
        press(&mut state, "c"),
        [Effect::Send(
            2,
            Command::ClearCooldown {
                backend: "a6".to_owned()
            }
        )]
    );
    state.select(TableId::Backends, "a4");
    assert_eq!(press(&mut state, "c"), []);
    assert_eq!(toast(&state), "openai/gpt-4o is not cooling down");
    assert_eq!(press(&mut state, "r"), [Effect::Send(3, Command::Reload)]);
    assert_eq!(press(&mut state, "e"), [Effect::EditConfig]);
    let reply = |ticket, ok, text: &str| Reply {
        ticket,
        ok,
        text: text.to_owned(),
    };
    state.update(
        Message::Replies(vec![
            reply(99, true, "not ours"),
            reply(2, false, "no such backend"),
        ]),
        Mono::ZERO,
    );
    assert_eq!(toast(&state), "no such backend");
    assert_eq!(state.pending, [1, 3]);
    state.update(Message::Tick, Mono::ZERO.after(TOAST));
    assert_eq!(state.toast, None);
}

#[test]
fn x_is_a_key_only_where_a_server_is_simulated() {
    let mut state = state();
    assert_eq!(press(&mut state, "x"), []);
    let mut demo = fixture::busy();
    demo.hosts[0].simulated = Some(false);
    state.update(Message::Snapshot(Arc::new(demo)), Mono::ZERO);
    let start = Command::SetSimulated {
        backend: "a1".to_owned(),
        running: true,
    };
    assert_eq!(press(&mut state, "x"), [Effect::Send(1, start)]);
    assert!(
        keymap::hints(&state)
            .iter()
            .any(|hint| hint.action == Action::Simulate)
    );
    press(&mut state, "down");
    assert_eq!(press(&mut state, "x"), []);
}

#[test]
fn quitting_asks_while_requests_are_in_flight() {
    let mut state = state();
    assert_eq!(press(&mut state, "q"), []);
    assert_eq!(press(&mut state, "esc"), []);
    assert_eq!(press(&mut state, "q y"), [Effect::Quit]);
    assert_eq!(press(&mut state, "ctrl-c"), []);
    assert_eq!(press(&mut state, "ctrl-c"), [Effect::Quit]);
    assert_eq!(press(&mut state, "ctrl-z n"), []);
    assert_eq!(press(&mut state, "ctrl-z y"), [Effect::Suspend]);
    state.update(Message::Snapshot(Arc::new(fixture::fresh())), Mono::ZERO);
    assert_eq!(press(&mut state, "q"), [Effect::Quit]);
    assert_eq!(press(&mut state, "ctrl-c"), [Effect::Quit]);
}

#[test]
fn ctrl_c_quits_from_anywhere() {
    for keys in ["?", "s", "/", "4 enter"] {
        let mut state = state();
        press(&mut state, keys);
        press(&mut state, "ctrl-c");
        assert_eq!(press(&mut state, "ctrl-c"), [Effect::Quit], "after {keys}");
    }
}

#[test]
fn a_filter_works_while_it_is_typed_and_a_bad_one_keeps_the_last() {
    let mut state = state();
    press(&mut state, "2 /");
    typed(&mut state, "state:up");
    assert_eq!(state.rows(TableId::Backends).len(), 3);
    typed(&mut state, " (");
    let error = state
        .input
        .as_ref()
        .and_then(|input| input.error.clone())
        .expect("an error");
    assert_eq!(error.at, 10);
    assert_eq!(state.rows(TableId::Backends).len(), 3);
    typed(&mut state, "p95>2s)");
    assert_eq!(state.rows(TableId::Backends).len(), 2);
    press(&mut state, "enter");
    assert_eq!(
        (
            state.input.is_none(),
            state.list(TableId::Backends).filter_text.as_str()
        ),
        (true, "state:up (p95>2s)")
    );
    press(&mut state, "esc");
    assert_eq!(state.rows(TableId::Backends).len(), 8);
    press(&mut state, "/ up");
    assert_eq!(
        state.input.as_ref().expect("open").text,
        "state:up (p95>2s)"
    );
    press(&mut state, "ctrl-w backspace home ctrl-k");
    assert_eq!(state.input.as_ref().expect("open").text, "");
    state.update(Message::Paste("ollama\u{1b}[A\n".to_owned()), Mono::ZERO);
    assert_eq!(state.input.as_ref().expect("open").text, "ollama[A");
    press(&mut state, "esc");
    assert_eq!(state.rows(TableId::Backends).len(), 8);
}

#[test]
fn pasted_text_is_never_a_command() {
    let mut state = state();
    state.update(Message::Paste("qy".to_owned()), Mono::ZERO);
    assert_eq!(
        (state.overlay.is_none(), state.input.is_none()),
        (true, true)
    );
}

#[test]
fn troubles_are_a_key_away_on_every_screen() {
    for (tab, left) in [("1", 5), ("3", 2), ("4", 36), ("5", 7), ("6", 6)] {
        let mut state = state();
        press(&mut state, tab);
        let all = state.rows(state.tab.table()).len();
        press(&mut state, "f");
        assert_eq!(state.rows(state.tab.table()).len(), left, "screen {tab}");
        press(&mut state, "f");
        assert_eq!(state.rows(state.tab.table()).len(), all);
    }
}

#[test]
fn sorting_by_letter_header_and_back() {
    let mut state = state();
    let first = |state: &State| state.rows(TableId::Backends)[0].key();
    press(&mut state, "2 s p");
    assert_eq!(state.list(TableId::Backends).sort, Some(("p95", true)));
    assert_eq!(first(&state), "a5", "the slowest first");
    press(&mut state, "S");
    assert_eq!(
        first(&state),
        "a6",
        "the fastest first; what has none is last"
    );
    state.update(
        Message::Click(Target::Header(TableId::Backends, "p95")),
        Mono::ZERO,
    );
    assert_eq!(first(&state), "a5");
    press(&mut state, "s -");
    assert_eq!(
        (first(&state).as_str(), state.list(TableId::Backends).sort),
        ("a1", None)
    );
    press(&mut state, "6 s s");
    assert_eq!(
        state.list(TableId::Spend).sort,
        Some(("share", true)),
        "the largest share first, although it is a bar"
    );
}

#[test]
fn the_next_theme_is_another_one() {
    let mut state = state();
    state.theme = shipped("pointsman-dark");
    assert_eq!(press(&mut state, "T"), [Effect::Theme(1)]);
    assert_eq!(press(&mut state, "T"), [Effect::Theme(0)]);
}

#[test]
fn pausing_holds_back_and_going_on_shows_all() {
    let mut state = state();
    press(&mut state, "5 p");
    let mut next = fixture::busy();
    let mut event = next.events[0].as_ref().clone();
    event.seq = 14;
    next.events.insert(0, Arc::new(event));
    state.update(Message::Snapshot(Arc::new(next)), Mono::from_millis(5_000));
    assert_eq!(
        (state.held_back(), state.rows(TableId::Events).len()),
        (2, 12)
    );
    assert_eq!(state.elapsed_ms(), 0, "countdowns stand still");
    press(&mut state, "p");
    assert_eq!(
        (state.held_back(), state.rows(TableId::Events).len()),
        (0, 13)
    );
}

#[test]
fn an_event_opens_its_request_and_leads_to_its_backend() {
    let mut state = state();
    press(&mut state, "5 enter");
    assert_eq!(
        (state.tab, selected(&state).as_str(), state.open),
        (Tab::Requests, "119", true)
    );
    press(&mut state, "o");
    assert_eq!(
        (state.tab, selected(&state).as_str()),
        (Tab::Backends, "a3")
    );
    // A host leads to its backend; a file to nothing.
    press(&mut state, "5");
    state.select(TableId::Events, "7");
    press(&mut state, "o");
    assert_eq!(
        (state.tab, selected(&state).as_str()),
        (Tab::Backends, "a1")
    );
    press(&mut state, "5");
    state.select(TableId::Events, "6");
    press(&mut state, "o");
    assert_eq!(
        (state.tab, toast(&state).as_str()),
        (Tab::Events, "no backend belongs to this row")
    );
    // A request that has left the list is said to have.
    let mut next = fixture::busy();
    next.recent.clear();
    state.update(Message::Snapshot(Arc::new(next)), Mono::ZERO);
    press(&mut state, "g enter");
    assert!(
        toast(&state).contains("no longer in the list"),
        "{}",
        toast(&state)
    );
}

#[test]
fn a_hidden_row_is_shown_by_dropping_the_filter() {
    let mut state = state();
    press(&mut state, "4 /");
    typed(&mut state, "model:smart");
    press(&mut state, "enter 5 enter");
    assert_eq!(
        (state.tab, selected(&state).as_str()),
        (Tab::Requests, "119")
    );
    assert_eq!(state.list(TableId::Requests).filter_text, "");
}

#[test]
fn the_help_searches_and_does() {
    let mut state = state();
    press(&mut state, "?");
    typed(&mut state, "spend of");
    assert_eq!(state.help_lines("spend of").len(), 1);
    press(&mut state, "enter");
    assert_eq!((state.tab, state.overlay.is_none()), (Tab::Spend, true));
    press(&mut state, "? z z z esc");
    assert_eq!(
        state.overlay,
        Some(Overlay::Help {
            search: String::new(),
            chosen: 0
        })
    );
    press(&mut state, "esc");
    assert_eq!(state.overlay, None);
    // Every live key is in it.
    let lines = state.help_lines("");
    assert_eq!(lines.len(), keymap::live(&state).count());
}

#[test]
fn clicks_select_then_open() {
    let mut state = state();
    let row = |table, key: &str| Message::Click(Target::Row(table, key.to_owned()));
    state.update(row(TableId::Backends, "a3"), Mono::ZERO);
    assert_eq!(
        (state.tab, selected(&state).as_str()),
        (Tab::Overview, "a3")
    );
    state.update(row(TableId::Backends, "a3"), Mono::ZERO);
    assert_eq!(
        (state.tab, selected(&state).as_str()),
        (Tab::Backends, "a3")
    );
    press(&mut state, "1");
    state.update(row(TableId::Models, "smart"), Mono::ZERO);
    assert_eq!(
        (state.tab, selected(&state).as_str()),
        (Tab::Models, "smart")
    );
    state.update(Message::Click(Target::Tab(Tab::Events)), Mono::ZERO);
    assert_eq!(state.tab, Tab::Events);
    state.update(Message::Wheel(3), Mono::ZERO);
    assert_eq!(selected(&state), "9");
    assert_eq!(
        state.update(Message::Click(Target::Hint(Action::Reload)), Mono::ZERO),
        [Effect::Send(1, Command::Reload)]
    );
}

#[test]
fn news_are_counted_until_they_are_seen() {
    let mut state = state();
    let mut next = fixture::busy();
    let mut event = next.events[0].as_ref().clone();
    event.seq = 15;
    next.events.insert(0, Arc::new(event));
    state.update(Message::Snapshot(Arc::new(next)), Mono::ZERO);
    assert_eq!(state.new_events(), 3);
    press(&mut state, "5 1");
    assert_eq!(state.new_events(), 0);
}

#[test]
fn the_screen_wakes_for_countdowns_and_else_hardly() {
    let mut state = state();
    state.update(Message::Tick, Mono::from_millis(300));
    assert_eq!(state.next_change_ms(), 700, "a cooldown is in sight");
    press(&mut state, "3");
    assert_eq!(state.next_change_ms(), 60_000);
    press(&mut state, "4");
    assert_eq!(state.next_change_ms(), 700, "ages are in sight");
    press(&mut state, "p");
    assert_eq!(
        state.next_change_ms(),
        60_000,
        "a frozen screen stands still"
    );
}

/// Anything a person or the gateway can do.
fn anything() -> impl Strategy<Value = (Message, bool)> {
    let keys: Vec<&'static str> = keymap::BINDINGS
        .iter()
        .flat_map(|binding| binding.keys)
        .copied()
        .filter(|key| !key.starts_with('f') || key.len() == 1)
        .chain(["y", "n", "a", ":", ">", "(", "\"", "w", "ä"])
        .collect();
    let snapshot = (0_usize..6).prop_map(|kind| {
        let mut snapshot = if kind == 0 {
            fixture::fresh()
        } else {
            fixture::busy()
        };
        match kind {
            1 => snapshot.backends.truncate(2),
            2 => snapshot.models.clear(),
            3 => {
                snapshot.events.clear();
                snapshot.in_flight.clear();
            },
            4 => {
                // Indexes that lead nowhere must not matter.
                snapshot.hosts.clear();
                snapshot
                    .backends
                    .iter_mut()
                    .for_each(|backend| backend.state = BackendState::Cooling);
                snapshot
                    .models
                    .iter_mut()
                    .for_each(|model| model.backends.push(99));
            },
            5 => snapshot.recent.truncate(3),
            _ => {},
        }
        Message::Snapshot(Arc::new(snapshot))
    });
    let one = prop_oneof![
        12 => prop::sample::select(keys).prop_map(|key| Message::Key(key_of(key))),
        1 => snapshot,
        1 => (-5..5).prop_map(Message::Wheel),
        1 => "[a-z:>()! ]{0,8}".prop_map(Message::Paste),
        1 => Just(Message::Tick),
    ];
    (one, any::<bool>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn nothing_makes_it_panic(
        messages in prop::collection::vec(anything(), 1..60),
        sizes in prop::collection::vec((1_u16..220, 1_u16..70), 1..4),
    ) {
        let mut state = state();
        let theme = Theme::of_roles();
        let mut now = Mono::ZERO;
        for (place, (message, draws)) in messages.into_iter().enumerate() {
            now = now.after(Duration::from_millis(700));
            state.update(message, now);
            if draws {
                let (width, height) = sizes[place % sizes.len()];
                let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
                let glyphs = if place % 2 == 0 { Glyphs::Unicode } else { Glyphs::Ascii };
                let drawn = view::draw(&mut buffer, &state, &theme, glyphs);
                state.note(&drawn);
                if let Some(target) = drawn.targets.get(place) {
                    state.update(Message::Click(target.1.clone()), now);
                }
            }
            for table in TableId::ALL {
                let list = state.list(table);
                let rows = state.rows(table);
                let key = rows.get(list.place).map(|row| row.key());
                prop_assert_eq!(&list.selected, &key, "{:?}", table);
            }
        }
    }
}
