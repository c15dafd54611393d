//! Colours by role: what the views name, what a theme file fills in, what the terminal can show.
//!
//! `spec` reads a file, `resolve` turns it into one [`Theme`] for a colour depth. Views know roles
//! only; no other file names a colour.

mod color;
mod resolve;
mod spec;

pub(crate) use color::hex;
#[cfg(test)]
pub(crate) use color::{distance, luminance_contrast};

use ratatui::style::Style;

pub(crate) use resolve::load;

use crate::control::BackendState;

/// How many colours the terminal shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Depth {
    /// None: attributes only.
    Mono,
    /// The sixteen of the terminal's own palette.
    Ansi16,
    /// The 256 of xterm.
    Ansi256,
    /// Any.
    #[default]
    True,
}

macro_rules! roles {
    ($($role:ident = $name:literal),* $(,)?) => {
        /// What a colour is for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(crate) enum Role { $($role),* }

        impl Role {
            /// All of them, in the order of their numbers.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$role),*];

            /// The name in a theme file.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$role => $name),* }
            }
        }
    };
}

roles! {
    Background = "background",
    Text = "text",
    Muted = "text.muted",
    Faint = "text.faint",
    Heading = "heading",
    Brand = "brand",
    Accent = "accent",
    Key = "key",
    Border = "border",
    BorderFocus = "border.focus",
    Selection = "selection",
    Input = "input",
    Match = "match",
    Up = "state.up",
    Probing = "state.probing",
    Cooling = "state.cooling",
    Down = "state.down",
    Draining = "state.draining",
    Off = "state.off",
    Info = "severity.info",
    Warn = "severity.warn",
    Error = "severity.error",
    Cost = "cost",
    TokensIn = "tokens.in",
    TokensOut = "tokens.out",
    TokensCached = "tokens.cached",
    Axis = "chart.axis",
    Marker = "chart.marker",
    Series1 = "chart.series.1",
    Series2 = "chart.series.2",
    Series3 = "chart.series.3",
    Series4 = "chart.series.4",
    Series5 = "chart.series.5",
    Series6 = "chart.series.6",
    Track = "gauge.track",
    Toast = "toast",
}

impl Role {
    /// The role of a backend's state.
    pub(crate) const fn of_state(state: BackendState) -> Self {
        match state {
            BackendState::Up => Self::Up,
            BackendState::Probing => Self::Probing,
            BackendState::Cooling => Self::Cooling,
            BackendState::Down => Self::Down,
            BackendState::Draining => Self::Draining,
            BackendState::Off => Self::Off,
        }
    }
}

/// One style a role, for one depth.
#[derive(Debug, Clone)]
pub(crate) struct Theme {
    /// Its name, as its file gives it.
    pub(crate) name: String,
    /// Whether its background is light.
    pub(crate) light: bool,
    styles: Vec<Style>,
}

impl Theme {
    /// The style of a role. It sets no background unless the role is one.
    pub(crate) fn style(&self, role: Role) -> Style {
        self.styles
            .get(role as usize)
            .copied()
            .unwrap_or(Style::new())
    }

    /// No style at all, for where only values matter.
    pub(crate) fn plain() -> Self {
        Self {
            name: String::new(),
            light: false,
            styles: Vec::new(),
        }
    }

    /// A theme that gives each role a colour of its own number, so that a test can name the role of
    /// every cell whatever the colours are.
    #[cfg(test)]
    pub(crate) fn of_roles() -> Self {
        let style = |(number, role): (usize, &Role)| {
            let color =
                ratatui::style::Color::Indexed(u8::try_from(number).expect("fewer than 256 roles"));
            match role {
                Role::Background => Style::new(),
                Role::Selection | Role::Toast | Role::Input => Style::new().bg(color),
                _ => Style::new().fg(color),
            }
        };
        Self {
            name: "roles".to_owned(),
            light: false,
            styles: Role::ALL.iter().enumerate().map(style).collect(),
        }
    }
}

/// The shipped themes: name and file. The first one is the default on a dark terminal.
pub(crate) const SHIPPED: [(&str, &str); 2] = [
    ("pointsman-dark", include_str!("../../themes/dark.yaml")),
    ("pointsman-light", include_str!("../../themes/light.yaml")),
];

/// The place of a theme of this name among the shipped ones.
pub(crate) fn shipped(name: &str) -> Option<usize> {
    SHIPPED.iter().position(|(one, _)| *one == name)
}

/// A theme together with what was odd about its file.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    /// The theme.
    pub(crate) theme: Theme,
    /// One line a complaint; the theme can be used all the same.
    pub(crate) warnings: Vec<String>,
}

#[cfg(test)]
mod tests;
