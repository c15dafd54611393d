//! Pictures of every screen, reviewed by eye and kept as text.

use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::*;
use crate::base::Mono;
use crate::control::Snapshot;
use crate::tui::fixture;
use crate::tui::theme::{Depth, load};

fn state(snapshot: Snapshot, tab: Tab) -> State {
    let mut state = State::new(Arc::new(snapshot), Mono::ZERO, true);
    state.tab = tab;
    state
}

fn drawn(state: &State, (width, height): (u16, u16), glyphs: Glyphs, theme: &Theme) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    draw(&mut buffer, state, theme, glyphs);
    buffer
}

fn text(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width);
    let rows = buffer.content.chunks(width);
    let lines = rows.map(|row| {
        let line: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
        format!("|{line}|")
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn look() {
    let Some(out) = option_env!("TUI_LOOK") else {
        return;
    };
    for (w, h) in [(80, 24), (120, 40), (200, 60), (44, 14)] {
        for tab in Tab::ALL {
            for (name, snapshot) in [("busy", fixture::busy()), ("fresh", fixture::fresh())] {
                let state = state(snapshot, tab);
                for theme in ["dark", "light"] {
                    let loaded = load(theme, None, Depth::True).theme;
                    let buffer = drawn(&state, (w, h), Glyphs::Unicode, &loaded);
                    let file = format!("{out}/{w}x{h}-{}-{name}-{theme}", tab.word());
                    std::fs::write(
                        format!("{file}.svg"),
                        crate::tui::svg::svg(&buffer, &loaded),
                    )
                    .unwrap();
                    std::fs::write(format!("{file}.txt"), text(&buffer)).unwrap();
                }
            }
        }
    }
}
