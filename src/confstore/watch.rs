//! Tells when config files change.
//!
//! Folders are watched, not files: an atomic rename replaces the file that a watch would sit on, and
//! Kubernetes swaps a link beside it. An event only asks for a look; a look compares the contents, for
//! an edit may keep size and time (and a copy may keep both on purpose). What it remembers was there
//! before the caller reads: what is saved while the caller reads is seen by the next look.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

use crate::confstore;

/// How often the files are looked at without an event.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long after an event the file is left alone: an editor writes in several steps.
const SETTLE: Duration = Duration::from_millis(60);

/// A watch over a set of files.
#[derive(Debug)]
pub struct Watch {
    files: BTreeMap<PathBuf, Stamp>,
    stirred: Arc<Notify>,
    /// Kept for its side effect; `None` where the system gives no events.
    watcher: Option<RecommendedWatcher>,
}

/// What a file holds, in short; `None` when it cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp(Option<u64>);

impl Watch {
    /// Watches these files, whether or not they exist yet.
    pub fn over(files: impl IntoIterator<Item = PathBuf>) -> Self {
        let files: BTreeMap<PathBuf, Stamp> = files
            .into_iter()
            .map(|path| (path.clone(), Stamp::of(&path)))
            .collect();
        let stirred = Arc::new(Notify::new());
        let watcher = watch_folders(files.keys(), &stirred);
        Self {
            files,
            stirred,
            watcher,
        }
    }

    /// Whether the system gives events; otherwise changes are seen by looking.
    pub const fn has_events(&self) -> bool {
        self.watcher.is_some()
    }

    /// Waits until a file changed and its writer has paused.
    pub async fn changed(&mut self) {
        loop {
            let stirred = tokio::time::timeout(LOOK_EVERY, self.stirred.notified())
                .await
                .is_ok();
            if stirred {
                tokio::time::sleep(SETTLE).await;
            }
            if self.look() {
                return;
            }
        }
    }

    /// Whether any file differs from the last look.
    fn look(&mut self) -> bool {
        let mut different = false;
        for (path, stamp) in &mut self.files {
            let now = Stamp::of(path);
            if now != *stamp {
                *stamp = now;
                different = true;
            }
        }
        different
    }
}

impl Stamp {
    fn of(path: &Path) -> Self {
        Self(confstore::read(path).ok().map(|bytes| {
            let mut hasher = DefaultHasher::new();
            bytes.hash(&mut hasher);
            hasher.finish()
        }))
    }
}

fn watch_folders(
    files: impl Iterator<Item = impl AsRef<Path>>,
    stirred: &Arc<Notify>,
) -> Option<RecommendedWatcher> {
    let stir = Arc::clone(stirred);
    let made = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Opening and reading a file is an event too; only what may have changed it counts.
        if event.is_ok_and(|event| !event.kind.is_access()) {
            stir.notify_one();
        }
    });
    let mut watcher = match made {
        Ok(watcher) => watcher,
        Err(error) => {
            tracing::info!("no file events here ({error}); the config is looked at twice a second");
            return None;
        },
    };
    let mut folders: Vec<PathBuf> = files
        .map(|path| folder_of(path.as_ref()).to_path_buf())
        .collect();
    folders.sort_unstable();
    folders.dedup();
    for folder in folders {
        if let Err(error) = watcher.watch(&folder, RecursiveMode::NonRecursive) {
            tracing::info!("no file events for {}: {error}", folder.display());
        }
    }
    Some(watcher)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(3);

    async fn sees(watch: &mut Watch) -> bool {
        tokio::time::timeout(SOON, watch.changed()).await.is_ok()
    }

    #[tokio::test]
    async fn a_rename_a_rewrite_and_a_new_file_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        let (file, other) = (
            folder.path().join("config.yaml"),
            folder.path().join(".env"),
        );
        std::fs::write(&file, "a").unwrap();
        let mut watch = Watch::over([file.clone(), other.clone()]);

        let fresh = folder.path().join("config.yaml.tmp");
        std::fs::write(&fresh, "b").unwrap();
        std::fs::rename(&fresh, &file).unwrap();
        assert!(sees(&mut watch).await, "a rename over the file");

        std::fs::write(&file, "longer").unwrap();
        assert!(sees(&mut watch).await, "a rewrite in place");

        std::fs::write(&other, "K=v").unwrap();
        assert!(sees(&mut watch).await, "a file that was not there");

        std::fs::remove_file(&file).unwrap();
        assert!(sees(&mut watch).await, "a file that went away");
    }

    #[tokio::test]
    async fn without_events_looking_finds_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.yaml");
        std::fs::write(&file, "a").unwrap();
        let mut watch = Watch::over([file.clone()]);
        watch.watcher = None;
        std::fs::write(&file, "ab").unwrap();
        assert!(sees(&mut watch).await);
    }

    #[tokio::test]
    async fn an_edit_that_keeps_size_and_time_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.yaml");
        std::fs::write(&file, "port: 4001").unwrap();
        let time = std::fs::metadata(&file).unwrap().modified().unwrap();
        for with_events in [true, false] {
            let mut watch = Watch::over([file.clone()]);
            if !with_events {
                watch.watcher = None;
            }
            let text = if with_events {
                "port: 4002"
            } else {
                "port: 4003"
            };
            std::fs::write(&file, text).unwrap();
            let handle = std::fs::File::options().write(true).open(&file).unwrap();
            handle.set_modified(time).unwrap();
            assert!(sees(&mut watch).await, "events: {with_events}");
        }
    }

    #[test]
    fn a_touch_is_no_change() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.yaml");
        std::fs::write(&file, "a").unwrap();
        let mut watch = Watch::over([file.clone()]);
        std::fs::write(&file, "a").unwrap();
        assert!(!watch.look());
        std::fs::write(&file, "b").unwrap();
        assert!(watch.look());
        assert!(!watch.look(), "told once");
    }
}
