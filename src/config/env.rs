//! The environment a configuration sees: `environment_variables` over the process over `.env` files.
//!
//! A value of its own: the environment of the process is neither read nor changed here. It remembers
//! which names were asked for, so that a reload knows what matters.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::dotenv;
use super::snippet::is_secret_key;
use super::source::{FileText, Notebook};
use super::yaml::{Node, Spot};
use crate::base::Severity;

/// Names that `environment_variables` may not set: they would change how programs are found and loaded.
const BLOCKED: [&str; 12] = [
    "PATH",
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PYTHONHOME",
    "HOME",
    "USER",
    "SHELL",
    "LOGNAME",
    "NO_PROXY",
    "DYLD_",
];

/// How a reference to a variable begins.
const REFERENCE: &str = "os.environ/";

/// The layers, strongest first.
#[derive(Debug, Default)]
pub(super) struct Env {
    written: BTreeMap<String, String>,
    process: BTreeMap<String, String>,
    files: Vec<BTreeMap<String, String>>,
    asked: RefCell<BTreeSet<String>>,
}

impl Env {
    /// The process's environment and the `.env` files; bad lines of those go into the notebook.
    pub(super) fn new(
        process: BTreeMap<String, String>,
        files: &[FileText],
        notes: &mut Notebook,
    ) -> Self {
        let files = files.iter().map(|file| read_file(file, notes)).collect();
        Self {
            process,
            files,
            ..Self::default()
        }
    }

    /// Puts the `environment_variables` section on top.
    pub(super) fn add_written(&mut self, section: &Node, notes: &mut Notebook) {
        let Some(entries) = section.entries() else {
            if !section.is_null() {
                let message = format!(
                    "`environment_variables` takes a mapping, found {}",
                    section.kind()
                );
                notes.error(section.at, message, "write `NAME: value` lines below it");
            }
            return;
        };
        for entry in entries {
            let name = entry.key.as_str();
            let blocked = BLOCKED.contains(&name) || name.starts_with("DYLD_");
            let Some(scalar) = entry.value.scalar() else {
                let message = format!(
                    "`{name}` takes a single value, found {}",
                    entry.value.kind()
                );
                notes.error(entry.value.at, message, "write the value as text");
                continue;
            };
            if blocked {
                notes.warn(
                    entry.key_at,
                    format!("`{name}` cannot be set here and is left as it is"),
                    "set it where the program is started",
                );
                continue;
            }
            let value = match reference(&scalar.text) {
                None => Some(scalar.text.clone()),
                Some(other) => {
                    let value = self.get(other);
                    if value.is_none() {
                        note_missing(notes, entry.value.at, other);
                    }
                    value
                },
            };
            let Some(value) = value else { continue };
            if is_secret_key(name) {
                notes.hide(&value);
            }
            self.written.insert(name.to_owned(), value);
        }
    }

    /// The value of a variable; an empty one counts as not set, as compose files pass it on so.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        self.asked.borrow_mut().insert(name.to_owned());
        let layers = [&self.written, &self.process];
        let found = layers
            .into_iter()
            .chain(&self.files)
            .find_map(|layer| layer.get(name).filter(|value| !value.is_empty()));
        found.cloned()
    }

    /// The first of several variables that is set, with its name.
    pub(super) fn first(&self, names: &[&'static str]) -> Option<(&'static str, String)> {
        names
            .iter()
            .find_map(|name| self.get(name).map(|value| (*name, value)))
    }

    /// Whether a variable is set to something that means yes.
    pub(super) fn is_on(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| {
            matches!(
                value.trim().to_ascii_lowercase().as_str(),
                "1" | "true" | "yes" | "on"
            )
        })
    }

    /// All names asked for so far.
    pub(super) fn asked(&self) -> BTreeSet<String> {
        self.asked.borrow().clone()
    }
}

/// The variable that a value refers to, when it is a reference.
pub(super) fn reference(text: &str) -> Option<&str> {
    text.strip_prefix(REFERENCE)
}

/// Notes a variable that is not set and that nothing depends on.
pub(super) fn note_missing(notes: &mut Notebook, at: Spot, name: &str) {
    notes.note(
        Severity::Note,
        at,
        format!("the environment variable `{name}` is not set; nothing here depends on it"),
        "",
    );
}

fn read_file(file: &FileText, notes: &mut Notebook) -> BTreeMap<String, String> {
    let text = String::from_utf8_lossy(&file.bytes);
    // The lines of an environment file are never shown: each one may be a secret.
    let number = notes.add_file(&file.name, "");
    let (pairs, errors) = dotenv::parse(&text);
    for error in errors {
        let at = Spot {
            file: number,
            line: error.line,
            column: error.column,
            end_line: error.line,
            end_column: error.column + 1,
        };
        let message = format!("{}: line left out", error.message);
        notes.warn(
            at,
            message,
            "write `NAME=value`, the value in quotes when it holds `#` or blanks",
        );
    }
    pairs
        .into_iter()
        .map(|pair| (pair.name, pair.value))
        .collect()
}
