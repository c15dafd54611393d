//! What a person switched off, kept over restarts in a small file beside the ledger.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::base::Wall;
use crate::traffic::Switches;

/// The file as written.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Saved {
    /// [`switch_key`](crate::traffic::switch_key) → since when it is off, in microseconds since 1970.
    #[serde(default)]
    off: HashMap<Arc<str>, i64>,
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
            return Switches::new();
        };
        match serde_json::from_str::<Saved>(&text) {
            Ok(saved) => saved
                .off
                .into_iter()
                .map(|(id, since)| (id, Wall::from_micros(since)))
                .collect(),
            Err(error) => {
                let aside = self.0.with_extension("json.broken");
                let moved = std::fs::rename(&self.0, &aside);
                tracing::warn!(
                    "{} makes no sense ({error}); everything is on. Set aside: {}",
                    self.0.display(),
                    moved.map_or_else(|e| e.to_string(), |()| aside.display().to_string()),
                );
                Switches::new()
            },
        }
    }

    /// Writes what is off: a new file put in the place of the old one.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn save(&self, switches: &Switches) -> std::io::Result<()> {
        let off = switches
            .iter()
            .map(|(id, since)| (Arc::clone(id), since.as_micros()))
            .collect();
        let text = serde_json::to_string(&Saved { off })?;
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
        assert!(file.load().is_empty());
        let switches = Switches::from([(Arc::from("abc"), Wall::from_micros(7))]);
        file.save(&switches).unwrap();
        assert_eq!(file.load(), switches);
        std::fs::write(&file.0, "{").unwrap();
        assert!(file.load().is_empty());
        assert!(folder.path().join("switches.json.broken").exists());
    }
}
