//! A theme file as written: palette, roles, and what differs with sixteen colours or none.
//!
//! Reads YAML from text; files are opened by others. Unknown members are warnings, never failures.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The version of the format, the value of `pointsman_theme`.
pub(super) const VERSION: u32 = 1;

/// A theme file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Spec {
    /// The version of the format.
    pub(super) pointsman_theme: u32,
    /// Its name.
    pub(super) name: String,
    /// `dark` or `light`.
    pub(super) appearance: String,
    /// A shipped theme whose roles stand behind its own.
    pub(super) extends: Option<String>,
    /// Free names for colours.
    pub(super) palette: BTreeMap<String, String>,
    /// What each role looks like.
    pub(super) roles: BTreeMap<String, Value>,
    /// What differs on a terminal with sixteen colours.
    pub(super) ansi16: BTreeMap<String, Value>,
    /// What stands out without any colour.
    pub(super) mono: BTreeMap<String, Value>,
    /// Everything else.
    #[serde(flatten)]
    pub(super) rest: BTreeMap<String, serde_yaml::Value>,
}

/// What a role looks like.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Value {
    /// A foreground: `#rrggbb`, a palette name, another role, `default`.
    Color(String),
    /// One foreground each for `role.1`, `role.2` …
    List(Vec<String>),
    /// Foreground, background and attributes.
    Full(Full),
}

/// The long form.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Full {
    /// Foreground.
    pub(super) fg: Option<String>,
    /// Background.
    pub(super) bg: Option<String>,
    /// `bold`, `dim`, `italic`, `underline`, `reverse`.
    pub(super) add: Vec<String>,
}

/// Reads a theme file.
pub(super) fn read(text: &str) -> Result<Spec, String> {
    let mut spec: Spec = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
    if spec.pointsman_theme != VERSION {
        return Err(format!(
            "`pointsman_theme: {VERSION}` is missing or of another version (found {})",
            spec.pointsman_theme
        ));
    }
    for values in [&mut spec.roles, &mut spec.ansi16, &mut spec.mono] {
        spread_lists(values);
    }
    Ok(spec)
}

/// Turns `chart.series: [a, b]` into `chart.series.1: a`, `chart.series.2: b`.
fn spread_lists(values: &mut BTreeMap<String, Value>) {
    let mut spread = BTreeMap::new();
    for (name, value) in std::mem::take(values) {
        match value {
            Value::List(list) => {
                for (place, color) in list.into_iter().enumerate() {
                    spread.insert(format!("{name}.{}", place + 1), Value::Color(color));
                }
            },
            other => {
                spread.insert(name, other);
            },
        }
    }
    *values = spread;
}
