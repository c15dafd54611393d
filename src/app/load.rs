//! Reads the configuration's sources: files, `.env`, environment, command line.

use std::path::{Path, PathBuf};

use crate::app::{Start, surroundings};
use crate::base::Problem;
use crate::config::{self, Config, FileText, Overrides, Resolved, Sources};
use crate::confstore;
use crate::live::day::Zone;

/// A configuration as it was read.
#[derive(Debug)]
pub struct Loaded {
    /// What became of it.
    pub resolved: Resolved,
    /// Every file that counted.
    pub files: Vec<PathBuf>,
    /// What people call it: the file, or the flags that stand for one.
    pub name: String,
}

impl Loaded {
    /// The configuration, when nothing is wrong with it.
    pub const fn config(&self) -> Option<&Config> {
        self.resolved.config.as_ref()
    }

    /// Problems that keep it from being used.
    pub fn errors(&self) -> Vec<Problem> {
        let errors = self.resolved.problems.iter();
        errors
            .filter(|p| p.severity == crate::base::Severity::Error)
            .cloned()
            .collect()
    }

    /// Everything worth knowing about one that is used.
    pub fn notes(&self) -> Vec<Problem> {
        let notes = self.resolved.problems.iter();
        notes
            .filter(|p| p.severity != crate::base::Severity::Error)
            .cloned()
            .collect()
    }
}

/// Reads everything afresh. `text` stands in for the file (the demo's own config).
pub fn load(start: &Start, text: Option<&str>) -> Loaded {
    let (main, name) = match (text, &start.config) {
        (Some(text), _) => {
            let name = "built-in config".to_owned();
            (
                Some(FileText {
                    name: name.clone(),
                    bytes: text.as_bytes().to_vec(),
                }),
                name,
            )
        },
        (None, Some(path)) => {
            let name = path.display().to_string();
            match std::fs::metadata(path).and_then(|_there| read_bytes(path)) {
                Ok(bytes) => (
                    Some(FileText {
                        name: name.clone(),
                        bytes,
                    }),
                    name,
                ),
                Err(error) => return missing(path, &error),
            }
        },
        (None, None) => (
            None,
            format!("--model {}", start.model.as_deref().unwrap_or_default()),
        ),
    };
    let folder = start
        .config
        .as_deref()
        .and_then(Path::parent)
        .unwrap_or_else(|| Path::new(""));
    let dotenv_path = folder.join(".env");
    let dotenv = read_bytes(&dotenv_path).ok().map(|bytes| FileText {
        name: dotenv_path.display().to_string(),
        bytes,
    });
    let read = |path: &str| read_bytes(Path::new(path)).map_err(|error| error.to_string());
    let sources = Sources {
        main,
        load: &read,
        knows_zone: &|name| Zone::named(name).is_ok(),
        env: surroundings::environment(),
        dotenv: dotenv.into_iter().collect(),
        cli: overrides(start),
    };
    let resolved = config::resolve(&sources);
    let mut files: Vec<PathBuf> = resolved.watched_files.iter().map(PathBuf::from).collect();
    files.extend(start.config.clone());
    if text.is_none() {
        files.push(dotenv_path);
    }
    files.sort();
    files.dedup();
    Loaded {
        resolved,
        files,
        name,
    }
}

fn read_bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    confstore::read(path)
}

fn overrides(start: &Start) -> Overrides {
    Overrides {
        model: start.model.clone(),
        fallbacks: start.fallbacks.clone(),
        api_base: start.api_base.clone(),
        ignore_unsupported: start.ignore_unsupported.iter().cloned().collect(),
        allow_open: start.allow_open,
        host: start.host.clone(),
        in_container: surroundings::in_container(),
    }
}

/// The file that was asked for is not there, or cannot be read.
fn missing(path: &Path, error: &std::io::Error) -> Loaded {
    let name = path.display().to_string();
    let problem = Problem::error(format!("cannot read the config {name}: {error}")).hint(
        "write one (config.example.yaml shows every key), name another with -c FILE, serve one model \
         with `pointsman --model ollama/llama3.2`, or look around with `pointsman demo`",
    );
    let resolved = Resolved {
        config: None,
        problems: vec![problem],
        used_env: std::collections::BTreeSet::new(),
        watched_files: Vec::new(),
        listen_host: String::new(),
    };
    Loaded {
        resolved,
        files: vec![path.to_path_buf()],
        name,
    }
}
