//! How the dashboard shall look on this terminal: from what the person asked for and what the
//! environment says.
//!
//! The environment comes in as values: this module reads none itself.

use super::glyph::Glyphs;
use super::theme::{Depth, Loaded, Theme, load};

/// What the environment says about the terminal. Empty means not set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// `NO_COLOR`
    pub no_color: String,
    /// `FORCE_COLOR`
    pub force_color: String,
    /// `COLORTERM`
    pub colorterm: String,
    /// `COLORFGBG`
    pub colorfgbg: String,
    /// `TERM`
    pub term: String,
    /// The locale of characters: the first of `LC_ALL`, `LC_CTYPE`, `LANG` that is set.
    pub locale: String,
}

impl Environment {
    /// Asks `get` for every variable that matters.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Self {
        let value = |name: &str| get(name).unwrap_or_default();
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].map(value);
        Self {
            no_color: value("NO_COLOR"),
            force_color: value("FORCE_COLOR"),
            colorterm: value("COLORTERM"),
            colorfgbg: value("COLORFGBG"),
            term: value("TERM"),
            locale: locale
                .into_iter()
                .find(|one| !one.is_empty())
                .unwrap_or_default(),
        }
    }

    /// How many colours the terminal shows.
    pub fn depth(&self) -> Depth {
        if !self.no_color.is_empty() {
            return Depth::Mono;
        }
        match self.force_color.as_str() {
            "0" | "false" => return Depth::Mono,
            "1" | "true" => return Depth::Ansi16,
            "2" => return Depth::Ansi256,
            "3" => return Depth::True,
            _ => {},
        }
        let term = self.term.as_str();
        if matches!(self.colorterm.as_str(), "truecolor" | "24bit") || term.ends_with("-direct") {
            Depth::True
        } else if term.contains("256color") {
            Depth::Ansi256
        } else if term == "dumb" {
            Depth::Mono
        } else {
            Depth::Ansi16
        }
    }

    /// Which characters the terminal can show.
    pub fn glyphs(&self) -> Glyphs {
        let locale = self.locale.to_lowercase();
        let utf8 = locale.contains("utf-8") || locale.contains("utf8");
        // The Linux console's own font has neither braille nor most of the signs.
        if utf8 && self.term != "linux" && self.term != "dumb" {
            Glyphs::Unicode
        } else {
            Glyphs::Ascii
        }
    }

    /// Whether the background is light, as far as it is known.
    pub fn is_light(&self) -> bool {
        let background = self.colorfgbg.rsplit(';').next().unwrap_or("");
        matches!(background.parse::<u8>(), Ok(7 | 9..=15))
    }
}

/// What the dashboard is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// The name of a theme; `None` chooses by the background.
    pub theme: Option<String>,
    /// The text of a theme file of the person's own; it wins over `theme`.
    pub theme_file: Option<String>,
    /// How many colours; `None` asks the environment.
    pub depth: Option<Depth>,
    /// Which characters; `None` asks the environment.
    pub glyphs: Option<Glyphs>,
    /// Whether the mouse is used from the start.
    pub mouse: bool,
    /// Whether frames are marked as one update each; off for terminals that get it wrong.
    pub sync: bool,
    /// What the environment says.
    pub environment: Environment,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            theme: None,
            theme_file: None,
            depth: None,
            glyphs: None,
            mouse: true,
            sync: true,
            environment: Environment::default(),
        }
    }
}

/// Theme and characters in force.
pub(crate) struct Look {
    /// The colours.
    pub(crate) theme: Theme,
    /// The characters.
    pub(crate) glyphs: Glyphs,
    /// For how many colours.
    pub(crate) depth: Depth,
}

impl Options {
    /// The look on this terminal, and what is wrong with the theme.
    pub(crate) fn look(&self) -> (Look, Vec<String>) {
        let depth = self.depth.unwrap_or_else(|| self.environment.depth());
        let glyphs = self.glyphs.unwrap_or_else(|| self.environment.glyphs());
        let usual = if self.environment.is_light() {
            "pointsman-light"
        } else {
            "pointsman-dark"
        };
        let name = self.theme.as_deref().unwrap_or(usual);
        let Loaded { theme, warnings } = load(name, self.theme_file.as_deref(), depth);
        (
            Look {
                theme,
                glyphs,
                depth,
            },
            warnings,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        Environment::read(|name| {
            let found = pairs.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn depth_follows_the_known_variables() {
        let cases: [(&[(&str, &str)], Depth); 10] = [
            (&[], Depth::Ansi16),
            (&[("TERM", "xterm-256color")], Depth::Ansi256),
            (
                &[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")],
                Depth::True,
            ),
            (&[("TERM", "xterm-direct")], Depth::True),
            (&[("TERM", "linux")], Depth::Ansi16),
            (&[("TERM", "dumb")], Depth::Mono),
            (
                &[("NO_COLOR", "1"), ("COLORTERM", "truecolor")],
                Depth::Mono,
            ),
            (&[("NO_COLOR", ""), ("COLORTERM", "24bit")], Depth::True),
            (&[("NO_COLOR", "1"), ("FORCE_COLOR", "3")], Depth::Mono),
            (&[("FORCE_COLOR", "2"), ("TERM", "dumb")], Depth::Ansi256),
        ];
        for (pairs, depth) in cases {
            assert_eq!(environment(pairs).depth(), depth, "{pairs:?}");
        }
    }

    #[test]
    fn characters_follow_the_locale() {
        let cases: [(&[(&str, &str)], Glyphs); 7] = [
            (&[], Glyphs::Ascii),
            (&[("LANG", "C")], Glyphs::Ascii),
            (&[("LANG", "de_DE.UTF-8")], Glyphs::Unicode),
            (&[("LANG", "C.utf8")], Glyphs::Unicode),
            (&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")], Glyphs::Ascii),
            (&[("LC_ALL", ""), ("LC_CTYPE", "C.UTF-8")], Glyphs::Unicode),
            (&[("LANG", "C.UTF-8"), ("TERM", "linux")], Glyphs::Ascii),
        ];
        for (pairs, glyphs) in cases {
            assert_eq!(environment(pairs).glyphs(), glyphs, "{pairs:?}");
        }
    }

    #[test]
    fn a_light_background_gets_the_light_theme() {
        for (value, light) in [
            ("", false),
            ("15;0", false),
            ("0;15", true),
            ("0;default;15", true),
            ("12;8", false),
            ("0;7", true),
        ] {
            let options = Options {
                environment: environment(&[("COLORFGBG", value)]),
                ..Options::default()
            };
            assert_eq!(options.look().0.theme.light, light, "{value}");
        }
        let options = Options {
            theme: Some("light".to_owned()),
            ..Options::default()
        };
        assert!(options.look().0.theme.light);
    }
}
