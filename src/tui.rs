//! The dashboard: what [`control`](crate::control) tells, on a terminal.
//!
//! It runs on a thread of its own over a [`Source`], and knows neither the proxy nor the ledger nor
//! any file. `app` calls [`run()`]; [`restore`] gives the terminal back from anywhere; [`picture()`]
//! draws a screen without a terminal.
//!
//! Inside: `input` and `terminal` speak to the terminal, `keymap` says what a key means, `update`
//! changes the `state`, `view` draws it, `table` and `filter` know the lists, `theme` the colours.

mod filter;
#[cfg(test)]
mod fixture;
mod format;
mod glyph;
mod input;
mod keymap;
mod options;
mod run;
mod state;
mod svg;
mod table;
mod terminal;
mod theme;
mod update;
mod view;
mod widget;

use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

pub use glyph::Glyphs;
pub use options::{Environment, Options};
pub use run::run;
pub use state::Tab;
pub use terminal::restore;
pub use theme::Depth;

use crate::base::Mono;
use crate::control::{Command, Reply, Snapshot, Ticket};

/// Where the dashboard learns of the gateway and asks things of it: embedded now, remote later.
pub trait Source: Send {
    /// The latest state; cheap, and never waits.
    fn snapshot(&self) -> Arc<Snapshot>;
    /// Asks for something; the answer comes through [`Source::replies`] under the same ticket.
    fn send(&self, ticket: Ticket, command: Command);
    /// The answers that came in since the last call; never waits.
    fn replies(&self) -> Vec<Reply>;
}

/// What only the composition root can do while the terminal is handed over.
pub trait Host {
    /// Opens the config in the person's editor and waits for its end. The terminal is in its usual
    /// mode meanwhile. Returns a line to show: what came of it, or why nothing did.
    fn edit_config(&mut self) -> Result<String, String>;
}

/// How the dashboard ended. The terminal has been given back in every case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// The person quit: the gateway shall drain and stop.
    Quit,
    /// It was told to stop.
    Stopped,
    /// The terminal is gone, or there never was one: the gateway serves on.
    Detached,
    /// A defect: the gateway serves on. What the panic said.
    Panicked(String),
}

/// What a [`picture`] shows.
#[derive(Debug, Clone)]
pub struct Picture {
    /// The screen.
    pub tab: Tab,
    /// Columns and rows.
    pub size: (u16, u16),
    /// The theme's name.
    pub theme: String,
    /// What the selected row's id or name is, or contains; the first row when `None`.
    pub selected: Option<String>,
}

/// A screen as an SVG picture, without a terminal. The same snapshot gives the same bytes.
pub fn picture(snapshot: Arc<Snapshot>, picture: &Picture) -> String {
    let theme = theme::load(&picture.theme, None, Depth::True).theme;
    let mut state = state::State::new(snapshot, Mono::ZERO, true);
    state.show(picture.tab, picture.selected.as_deref());
    let mut buffer = Buffer::empty(Rect::new(0, 0, picture.size.0, picture.size.1));
    view::draw(&mut buffer, &state, &theme, Glyphs::Unicode);
    svg::svg(&buffer, &theme)
}
