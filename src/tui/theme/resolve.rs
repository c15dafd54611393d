//! From a theme file to one style a role: references, inheritance, fallbacks, colour depth.
//!
//! A role is looked up in the theme, then in what it extends, then under its parent's name
//! (`state.cooling` → `state`), then in the default theme. What is wrong becomes a warning.

use std::collections::BTreeMap;

use ratatui::style::{Color, Modifier, Style};

use super::color::{ANSI, nearest_16, nearest_256, parse_hex};
use super::spec::{Full, Spec, Value, read};
use super::{Depth, Loaded, Role, SHIPPED, Theme};

/// How deep one colour may refer to another.
const DEPTH_LIMIT: usize = 8;

/// Reads a theme and resolves it for a depth. `text` is a theme file, or `None` for the shipped one
/// of this name. A file that cannot be read gives the default theme and a warning.
pub(crate) fn load(name: &str, text: Option<&str>, depth: Depth) -> Loaded {
    let mut warnings = Vec::new();
    let chain = if let Some(text) = text.or_else(|| shipped(name)) {
        chain(name, text, &mut warnings)
    } else {
        let known = SHIPPED.map(|(name, _)| name).join(", ");
        warnings.push(format!("theme `{name}` is not known; there are {known}"));
        Vec::new()
    };
    let chain = if chain.is_empty() {
        SHIPPED
            .first()
            .and_then(|(_, text)| read(text).ok())
            .into_iter()
            .collect()
    } else {
        chain
    };
    for spec in chain.iter().take(1) {
        complain(spec, &mut warnings);
    }
    let resolver = Resolver { chain: &chain };
    let styles = Role::ALL
        .iter()
        .map(|role| resolver.style(role.name(), depth, &mut warnings))
        .collect();
    let first = chain.first();
    warnings.dedup();
    Loaded {
        theme: Theme {
            name: first.map_or_else(|| name.to_owned(), |spec| spec.name.clone()),
            light: first.is_some_and(|spec| spec.appearance == "light"),
            styles,
        },
        warnings,
    }
}

fn shipped(name: &str) -> Option<&'static str> {
    let found = SHIPPED.iter().find(|(shipped, _)| {
        *shipped == name
            || shipped
                .strip_prefix("pointsman-")
                .is_some_and(|short| short == name)
    });
    found.map(|(_, text)| *text)
}

/// The theme and what it extends, nearest first, the default theme last.
fn chain(name: &str, text: &str, warnings: &mut Vec<String>) -> Vec<Spec> {
    let mut chain: Vec<Spec> = Vec::new();
    let mut next = Some((name.to_owned(), text.to_owned()));
    while let Some((name, text)) = next.take() {
        match read(&text) {
            Ok(spec) => {
                next = spec.extends.as_ref().and_then(|parent| {
                    let text = shipped(parent);
                    if text.is_none() {
                        warnings.push(format!(
                            "theme `{name}` extends `{parent}`, which is not known"
                        ));
                    }
                    text.map(|text| (parent.clone(), text.to_owned()))
                });
                chain.push(spec);
            },
            Err(error) => warnings.push(format!("theme `{name}`: {error}")),
        }
        if chain.len() > DEPTH_LIMIT {
            warnings.push(format!("theme `{name}` extends itself"));
            break;
        }
    }
    if !chain.is_empty() {
        chain.extend(SHIPPED.first().and_then(|(_, text)| read(text).ok()));
    }
    chain
}

/// Names members and roles that mean nothing.
fn complain(spec: &Spec, warnings: &mut Vec<String>) {
    for name in spec.rest.keys() {
        if name != "light_twin" && name != "dark_twin" {
            warnings.push(format!(
                "theme `{}`: `{name}` means nothing here",
                spec.name
            ));
        }
    }
    for name in [&spec.roles, &spec.ansi16, &spec.mono]
        .into_iter()
        .flat_map(BTreeMap::keys)
    {
        let known = Role::ALL.iter().any(|role| {
            let rest = role.name().strip_prefix(name.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        });
        if !known {
            warnings.push(format!("theme `{}`: role `{name}` is not known", spec.name));
        }
    }
}

struct Resolver<'a> {
    chain: &'a [Spec],
}

impl Resolver<'_> {
    fn style(&self, role: &str, depth: Depth, warnings: &mut Vec<String>) -> Style {
        let full = self.find(role, |spec| &spec.roles).unwrap_or_default();
        if depth == Depth::Mono {
            let own = self.find_exact(role, |spec| &spec.mono).unwrap_or_default();
            let words: Vec<&String> = full.add.iter().chain(&own.add).collect();
            return Style::new().add_modifier(attributes(&words, warnings));
        }
        let tuned = (depth == Depth::Ansi16)
            .then(|| self.find_exact(role, |spec| &spec.ansi16))
            .flatten();
        let full = tuned.unwrap_or(full);
        let mut style =
            Style::new().add_modifier(attributes(&full.add.iter().collect::<Vec<_>>(), warnings));
        if let Some(name) = &full.fg {
            style.fg = Some(self.color(name, depth, 0, warnings));
        }
        if let Some(name) = &full.bg {
            style.bg = Some(self.color(name, depth, 0, warnings));
        }
        // `background` is written as a colour, and is one behind everything.
        if role == "background" {
            style = Style {
                fg: None,
                bg: style.fg.or(style.bg),
                ..style
            };
        }
        style
    }

    /// The value of a role or of its nearest parent that has one.
    fn find(&self, role: &str, part: fn(&Spec) -> &BTreeMap<String, Value>) -> Option<Full> {
        let mut name = role;
        loop {
            if let Some(full) = self.find_exact(name, part) {
                return Some(full);
            }
            name = name.rsplit_once('.')?.0;
        }
    }

    fn find_exact(&self, name: &str, part: fn(&Spec) -> &BTreeMap<String, Value>) -> Option<Full> {
        self.chain
            .iter()
            .find_map(|spec| match part(spec).get(name)? {
                Value::Color(color) => Some(Full {
                    fg: Some(color.clone()),
                    ..Full::default()
                }),
                Value::Full(full) => Some(full.clone()),
                Value::List(_) => None,
            })
    }

    /// A colour by hex, palette name, name of the sixteen, or another role.
    fn color(&self, name: &str, depth: Depth, level: usize, warnings: &mut Vec<String>) -> Color {
        if name == "default" {
            return Color::Reset;
        }
        if let Some(rgb) = parse_hex(name) {
            return match depth {
                Depth::True => Color::Rgb(rgb.0, rgb.1, rgb.2),
                Depth::Ansi256 => nearest_256(rgb),
                Depth::Ansi16 => nearest_16(rgb),
                Depth::Mono => Color::Reset,
            };
        }
        let own = self
            .chain
            .iter()
            .any(|spec| spec.palette.contains_key(name));
        // Among sixteen colours the terminal's own names win over the file's palette.
        if let Some((_, color)) = ANSI.iter().find(|(known, _)| *known == name)
            && (depth == Depth::Ansi16 || !own)
        {
            return *color;
        }
        let next = self
            .chain
            .iter()
            .find_map(|spec| spec.palette.get(name).cloned())
            .or_else(|| self.find(name, |spec| &spec.roles).and_then(|full| full.fg));
        match next {
            Some(next) if level < DEPTH_LIMIT => self.color(&next, depth, level + 1, warnings),
            Some(_) => {
                warnings.push(format!("colour `{name}` refers to itself"));
                Color::Reset
            },
            None => {
                warnings.push(format!(
                    "colour `{name}` is neither `#rrggbb` nor a known name"
                ));
                Color::Reset
            },
        }
    }
}

fn attributes(words: &[&String], warnings: &mut Vec<String>) -> Modifier {
    let mut all = Modifier::empty();
    for word in words {
        all |= match word.as_str() {
            "bold" => Modifier::BOLD,
            "dim" => Modifier::DIM,
            "italic" => Modifier::ITALIC,
            "underline" => Modifier::UNDERLINED,
            "reverse" => Modifier::REVERSED,
            other => {
                warnings.push(format!("attribute `{other}` is not known"));
                Modifier::empty()
            },
        };
    }
    all
}
