//! Pictures of every screen, reviewed by eye and kept as text; and what stands where.
//!
//! The pictures are drawn from the fixture, so that they change only when the drawing does. Where
//! colours matter the roles are kept beside the text, whatever a theme makes of them.

use std::fmt::Write;
use std::sync::Arc;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::{Color, Modifier};

use super::*;
use crate::base::{Mono, Place, Problem, Severity};
use crate::control::Snapshot;
use crate::tui::fixture;
use crate::tui::theme::{Depth, load};
use crate::tui::update::Message;

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

fn state(snapshot: Snapshot, tab: Tab) -> State {
    let mut state = State::new(Arc::new(snapshot), Mono::ZERO, true);
    state.show(tab, None);
    state
}

fn press(state: &mut State, keys: &str) {
    for symbol in keys.chars() {
        let code = if symbol == '\n' {
            KeyCode::Enter
        } else {
            KeyCode::Char(symbol)
        };
        let effects = state.update(
            Message::Key(KeyEvent::new(code, KeyModifiers::NONE)),
            Mono::ZERO,
        );
        assert_eq!(effects, [], "{symbol}");
    }
}

fn drawn(state: &State, (width, height): (u16, u16), glyphs: Glyphs) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    draw(&mut buffer, state, &Theme::of_roles(), glyphs);
    buffer
}

/// The screen as text, framed so that blanks at the ends show.
fn text(buffer: &Buffer) -> String {
    let rows = buffer.content.chunks(usize::from(buffer.area.width));
    let lines = rows.map(|row| {
        let line: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
        format!("|{line}|")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The roles of each line's cells, by columns: `state.up 20-23`.
fn roles(buffer: &Buffer) -> String {
    let name = |color: Color| match color {
        Color::Indexed(number) => Role::ALL
            .get(usize::from(number))
            .map_or("?", |role| role.name()),
        _ => "-",
    };
    let mut out = String::new();
    for (y, row) in buffer
        .content
        .chunks(usize::from(buffer.area.width))
        .enumerate()
    {
        write!(out, "{y:>2}:").expect("a string takes everything");
        let mut x = 0;
        while x < row.len() {
            let style = (row[x].fg, row[x].bg);
            let run = row[x..]
                .iter()
                .take_while(|cell| (cell.fg, cell.bg) == style)
                .count();
            let blank = row[x..x + run].iter().all(|cell| cell.symbol() == " ");
            if !blank || style.1 != Color::Reset {
                let ground = if style.1 == Color::Reset {
                    String::new()
                } else {
                    format!(" on {}", name(style.1))
                };
                write!(out, " {}{ground} {x}-{};", name(style.0), x + run - 1)
                    .expect("a string takes everything");
            }
            x += run;
        }
        out.push('\n');
    }
    out
}

#[test]
fn every_screen_at_every_size() {
    for tab in Tab::ALL {
        for size in SIZES {
            let mut state = state(fixture::busy(), tab);
            if tab == Tab::Requests {
                state.select(TableId::Requests, "119");
            }
            let name = format!("{}_{}x{}", tab.word().to_lowercase(), size.0, size.1);
            insta::assert_snapshot!(name, text(&drawn(&state, size, Glyphs::Unicode)));
        }
    }
}

#[test]
fn small_screens_keep_what_matters() {
    for tab in [Tab::Overview, Tab::Backends, Tab::Requests] {
        let state = state(fixture::busy(), tab);
        let name = format!("{}_44x14", tab.word().to_lowercase());
        insta::assert_snapshot!(name, text(&drawn(&state, (44, 14), Glyphs::Unicode)));
    }
    let state = state(fixture::busy(), Tab::Overview);
    insta::assert_snapshot!(
        "overview_40x12",
        text(&drawn(&state, (40, 12), Glyphs::Unicode))
    );
    insta::assert_snapshot!("one_line", text(&drawn(&state, (60, 3), Glyphs::Unicode)));
}

#[test]
fn the_picture_of_the_readme() {
    let state = state(fixture::busy(), Tab::Overview);
    insta::assert_snapshot!(
        "overview_160x50",
        text(&drawn(&state, (160, 50), Glyphs::Unicode))
    );
}

#[test]
fn ascii_is_ascii() {
    for tab in Tab::ALL {
        let state = state(fixture::busy(), tab);
        let buffer = drawn(&state, (120, 40), Glyphs::Ascii);
        assert!(text(&buffer).is_ascii(), "{tab:?}");
    }
    let state = state(fixture::busy(), Tab::Overview);
    insta::assert_snapshot!(
        "overview_ascii_80x24",
        text(&drawn(&state, (80, 24), Glyphs::Ascii))
    );
}

#[test]
fn roles_stand_where_they_should() {
    for (tab, size) in [(Tab::Overview, (80, 24)), (Tab::Requests, (120, 40))] {
        let state = state(fixture::busy(), tab);
        let name = format!("{}_roles", tab.word().to_lowercase());
        insta::assert_snapshot!(name, roles(&drawn(&state, size, Glyphs::Unicode)));
    }
}

#[test]
fn an_empty_gateway_says_what_to_do() {
    for tab in [Tab::Overview, Tab::Requests, Tab::Events, Tab::Spend] {
        let state = state(fixture::fresh(), tab);
        let name = format!("{}_fresh_80x24", tab.word().to_lowercase());
        insta::assert_snapshot!(name, text(&drawn(&state, (80, 24), Glyphs::Unicode)));
    }
    let mut nothing = fixture::fresh();
    nothing.backends.clear();
    nothing.models.clear();
    let state = state(nothing, Tab::Backends);
    let picture = text(&drawn(&state, (80, 24), Glyphs::Unicode));
    assert!(picture.contains("no backend is configured"), "{picture}");
}

fn broken() -> Snapshot {
    let mut snapshot = fixture::busy();
    let place = Place {
        file: "config.yaml".to_owned(),
        line: 14,
        column: 15,
    };
    snapshot.gateway.config_errors = vec![
        Problem {
            place: Some(place),
            snippet: "14 |     cooldown: 60sec\n   |               ^^^^^".to_owned(),
            ..Problem::error("expected a duration such as 60s, 2m or 1m30s (got `60sec`)")
                .hint("write `60s`")
        },
        Problem::error("fallback `smrt` names nothing").hint("did you mean `smart`?"),
    ];
    snapshot.gateway.config_notes = vec![Problem::new(
        Severity::Warning,
        "`redis_host` is not used: state is kept in memory",
    )];
    snapshot.gateway.ledger.trouble = "disk full: rows are kept back".to_owned();
    snapshot.gateway.ledger.lost = 1_204;
    snapshot
}

#[test]
fn lasting_trouble_stays_in_sight() {
    let state = state(broken(), Tab::Events);
    insta::assert_snapshot!(
        "banners_80x24",
        text(&drawn(&state, (80, 24), Glyphs::Unicode))
    );
}

#[test]
fn overlays() {
    for (name, tab, keys) in [
        ("help", Tab::Backends, "?"),
        ("help_search", Tab::Backends, "?cool"),
        ("ask_quit", Tab::Overview, "q"),
        ("ask_off", Tab::Overview, "jjt"),
        ("sort", Tab::Requests, "s"),
        ("problems", Tab::Overview, "!"),
        ("filter_error", Tab::Requests, "/model:chat p95>fast"),
        ("filter", Tab::Backends, "/state:up,cool\n"),
        ("paused", Tab::Events, "p"),
    ] {
        let mut state = state(broken(), tab);
        press(&mut state, keys);
        insta::assert_snapshot!(
            format!("{name}_80x24"),
            text(&drawn(&state, (80, 24), Glyphs::Unicode))
        );
    }
    // The last line of the help can be reached.
    let mut state = state(fixture::busy(), Tab::Overview);
    press(&mut state, "?");
    let end = KeyEvent::new(KeyCode::End, KeyModifiers::NONE);
    state.update(Message::Key(end), Mono::ZERO);
    let picture = text(&drawn(&state, (80, 24), Glyphs::Unicode));
    assert!(
        picture.contains("as they stand") && picture.contains("the second time at once"),
        "{picture}"
    );
}

#[test]
fn overlays_are_whole_on_a_small_screen() {
    let state_after = |keys| {
        let mut state = state(fixture::busy(), Tab::Backends);
        press(&mut state, keys);
        text(&drawn(&state, (40, 12), Glyphs::Unicode))
    };
    let sort = state_after("s");
    for column in TableId::Backends.columns() {
        let line = format!("{}  {}", column.letter, column.title.to_lowercase());
        assert!(sort.contains(&line), "{line}: {sort}");
    }
    let help = state_after("?");
    assert!(!help.contains('…') && help.contains("on/off"), "{help}");
}

#[test]
fn a_detail_opens_and_scrolls() {
    let mut state = state(fixture::busy(), Tab::Backends);
    press(&mut state, "\n");
    insta::assert_snapshot!(
        "backend_open_80x24",
        text(&drawn(&state, (80, 24), Glyphs::Unicode))
    );
    assert_eq!(drawn(&state, (60, 14), Glyphs::Unicode).area.width, 60);
    let before = text(&drawn(&state, (60, 14), Glyphs::Unicode));
    press(&mut state, " ");
    let after = text(&drawn(&state, (60, 14), Glyphs::Unicode));
    assert_ne!(before, after);
    assert!(after.contains("id "), "{after}");
}

#[test]
fn countdowns_run_between_snapshots() {
    let mut state = state(fixture::busy(), Tab::Overview);
    for (ms, shown) in [
        (0, "0:42"),
        (1_000, "0:41"),
        (41_900, "0:01"),
        (42_000, "0:00"),
        (99_000, "0:00"),
    ] {
        state.update(Message::Tick, Mono::from_millis(ms));
        let picture = text(&drawn(&state, (120, 40), Glyphs::Unicode));
        assert!(
            picture.contains(&format!(" {shown} 429")),
            "{shown}: {picture}"
        );
    }
}

#[test]
fn the_tokens_of_a_chart_say_which_way_they_went() {
    // What passes through is mostly prompts; under the name of the lists' TOK/S it would look like
    // the speed of an answer.
    let state = state(fixture::busy(), Tab::Overview);
    for (size, title) in [
        ((80, 24), "tok i/o ─ 7.3k"),
        ((120, 40), "tok/s ─ in 6.0k out 1.3k"),
        ((140, 30), "tokens/s ── in 6.0k  out 1.3k"),
    ] {
        let picture = text(&drawn(&state, size, Glyphs::Unicode));
        assert!(picture.contains(title), "{title}: {picture}");
    }
}

#[test]
fn every_size_can_be_drawn() {
    for tab in Tab::ALL {
        let mut states = [
            state(broken(), tab),
            state(fixture::fresh(), tab),
            state(broken(), tab),
        ];
        states[2].open = true;
        for width in [1, 39, 40, 79, 80, 110, 160] {
            for height in 1..52 {
                let place = usize::from(height + width) % states.len();
                drawn(&states[place], (width, height), Glyphs::Unicode);
            }
        }
    }
}

#[test]
fn clicks_find_what_they_hit() {
    let state = state(fixture::busy(), Tab::Overview);
    let mut buffer = Buffer::empty(Rect::new(0, 0, 80, 24));
    let found = draw(&mut buffer, &state, &Theme::of_roles(), Glyphs::Unicode);
    assert_eq!(found.at(20, 1), Some(Target::Tab(Tab::Backends)));
    assert_eq!(
        found.at(10, 7),
        Some(Target::Row(TableId::Backends, "a3".to_owned()))
    );
    assert_eq!(
        found.at(5, 4),
        Some(Target::Header(TableId::Backends, "backend"))
    );
    assert!(matches!(found.at(2, 23), Some(Target::Hint(_))));
    assert_eq!(found.at(40, 0), None);
}

#[test]
fn a_hostile_name_cannot_speak_to_the_terminal() {
    let mut snapshot = fixture::busy();
    snapshot.backends[0].name = "a\u{1b}[2Jb\u{7}\u{9b}31m\tc\u{202e}d".to_owned();
    snapshot.headline = None;
    let state = state(snapshot, Tab::Overview);
    let buffer = drawn(&state, (80, 24), Glyphs::Unicode);
    let control = buffer
        .content
        .iter()
        .any(|cell| cell.symbol().chars().any(char::is_control));
    assert!(!control);
}

#[test]
fn without_colours_the_selection_and_the_states_still_show() {
    let theme = load("dark", None, Depth::Mono).theme;
    let state = state(fixture::busy(), Tab::Overview);
    let mut buffer = Buffer::empty(Rect::new(0, 0, 80, 24));
    draw(&mut buffer, &state, &theme, Glyphs::Unicode);
    let plain = buffer
        .content
        .iter()
        .all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset);
    assert!(plain, "a colour was set");
    let reversed = |y: u16| buffer[(4, y)].modifier.contains(Modifier::REVERSED);
    assert_eq!((reversed(5), reversed(6)), (true, false));
}

#[test]
fn pictures_are_the_same_every_time() {
    let request = crate::tui::Picture {
        tab: Tab::Backends,
        size: (160, 50),
        theme: "light".to_owned(),
        selected: Some("groq".to_owned()),
    };
    let picture = crate::tui::picture(Arc::new(fixture::busy()), &request);
    assert_eq!(
        picture,
        crate::tui::picture(Arc::new(fixture::busy()), &request)
    );
    assert!(picture.contains("groq/llama-3.3-70b-versatile") && picture.contains("#fbfaf7"));
}
