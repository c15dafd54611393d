//! What a person switched off, kept over restarts in a small file beside the ledger.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::base::Wall;
use crate::traffic::{Switch, Switches};

/// The file as written.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Saved {
    /// Deployment id → since when it is off, in microseconds since 1970.
    #[serde(default)]
    off: HashMap<Arc<str>, i64>,
    /// Deployment id → the place it had to itself. Earlier versions did not write this: there `off` is
    /// by place.
    places: Option<HashMap<Arc<str>, Arc<str>>>,
}

/// Where switches are kept.
#[derive(Debug, Clone)]
pub struct SwitchFile(PathBuf);

impl SwitchFile {
    /// The file in a data folder.
    pub fn within(folder: &Path) -> Self {
        Self(folder.join("switches.json"))
    }

    /// What is off. A file that makes no sense is set aside and told of.
    pub fn load(&self) -> Switches {
        let Ok(text) = std::fs::read_to_string(&self.0) else {
            return Switches::default();
        };
        match serde_json::from_str::<Saved>(&text) {
            Ok(Saved { off, places }) => {
                let place = |id: &Arc<str>| match &places {
                    Some(places) => places.get(id).cloned(),
                    None => Some(Arc::clone(id)),
                };
                let switches = off.into_iter().map(|(id, since)| {
                    let since = Wall::from_micros(since);
                    let place = place(&id);
                    (id, Switch { since, place })
                });
                Switches {
                    off: switches.collect(),
                }
            },
            Err(error) => {
                let aside = self.0.with_extension("json.broken");
                let moved = std::fs::rename(&self.0, &aside);
                tracing::warn!(
                    "{} makes no sense ({error}); everything is on. Set aside: {}",
                    self.0.display(),
                    moved.map_or_else(|e| e.to_string(), |()| aside.display().to_string()),
                );
                Switches::default()
            },
        }
    }

    /// Writes what is off: a new file put in the place of the old one.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn save(&self, switches: &Switches) -> std::io::Result<()> {
        let off = switches.off.iter();
        let off = off.map(|(id, switch)| (Arc::clone(id), switch.since.as_micros()));
        let places = switches.off.iter();
        let places =
            places.filter_map(|(id, switch)| Some((Arc::clone(id), switch.place.clone()?)));
        let text = serde_json::to_string(&Saved {
            off: off.collect(),
            places: Some(places.collect()),
        })?;
        let fresh = self.0.with_extension("json.new");
        let mut file = std::fs::File::create(&fresh)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&fresh, &self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_are_kept_and_nonsense_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let file = SwitchFile::within(folder.path());
        assert_eq!(file.load(), Switches::default());
        let mut switches = Switches::default();
        switches.turn_off(
            &"abc".into(),
            Some("chat → openai/m @ h".into()),
            Wall::from_micros(7),
        );
        switches.turn_off(&"def".into(), None, Wall::from_micros(8));
        file.save(&switches).unwrap();
        assert_eq!(file.load(), switches);
        std::fs::write(&file.0, "{").unwrap();
        assert_eq!(file.load(), Switches::default());
        assert!(folder.path().join("switches.json.broken").exists());
    }

    #[test]
    fn a_file_of_an_earlier_version_is_by_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = SwitchFile::within(folder.path());
        std::fs::write(&file.0, r#"{"off": {"chat → openai/m @ h": 7}}"#).unwrap();
        let place: Arc<str> = "chat → openai/m @ h".into();
        let since = file.load().off_since("abc", Some(&place));
        assert_eq!(since, Some(Wall::from_micros(7)));
    }
}
