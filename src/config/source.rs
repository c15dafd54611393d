//! What a configuration is made from, and the notebook in which everything wrong with it is put down.
//!
//! Nothing here reads a file or the environment: both come in as values, so the same sources always
//! give the same result. The notebook knows the texts of all files and turns a [`Spot`] into a place
//! with a snippet; secrets are taken out of every line before it leaves.

use std::collections::{BTreeMap, BTreeSet};

use super::snippet;
use super::yaml::{Node, Spot};
use crate::base::{Place, Problem, Severity};

/// A file as its reader found it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileText {
    /// The path as people name it; places and messages show it, `include` is relative to it.
    pub name: String,
    /// Its bytes; what is no UTF-8 is a problem with a place.
    pub bytes: Vec<u8>,
}

/// How `include`d files are read: the path as written joined to the including file's folder.
pub type Load<'a> = dyn Fn(&str) -> Result<Vec<u8>, String> + 'a;

/// Whether a name of the time zone database is known on this machine.
pub type KnowsZone<'a> = dyn Fn(&str) -> bool + 'a;

/// Everything a configuration depends on.
pub struct Sources<'a> {
    /// The main file; `None` when there is none (`--model` alone).
    pub main: Option<FileText>,
    /// Reads a file for `include`; the error is shown as it is.
    pub load: &'a Load<'a>,
    /// Looks up a time zone.
    pub knows_zone: &'a KnowsZone<'a>,
    /// The environment of the process.
    pub env: BTreeMap<String, String>,
    /// `.env` files, the weaker ones later. They fill gaps of the environment, never override it.
    pub dotenv: Vec<FileText>,
    /// What the command line says.
    pub cli: Overrides,
}

/// What the command line (or its environment variables) says about the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--model`: a deployment that serves every request.
    pub model: Option<String>,
    /// `--fallback`, in order.
    pub fallbacks: Vec<String>,
    /// `--api_base` for `--model`.
    pub api_base: Option<String>,
    /// `--ignore-unsupported KEY`: keys (`guardrails`, or with their section
    /// `litellm_settings.guardrails`) whose absence the person accepts.
    pub ignore_unsupported: BTreeSet<String>,
    /// `--allow-open`: no key on an address others can reach is meant so.
    pub allow_open: bool,
    /// `--host`, when given.
    pub host: Option<String>,
    /// Inside a container the default address is `0.0.0.0`.
    pub in_container: bool,
}

impl Sources<'_> {
    /// Sources with nothing in them, whose `include`s all fail, on a machine that knows every zone.
    pub fn empty() -> Self {
        Self {
            main: None,
            load: &|_path| Err("no such file".to_owned()),
            knows_zone: &|_name| true,
            env: BTreeMap::new(),
            dotenv: Vec::new(),
            cli: Overrides::default(),
        }
    }
}

/// A text whose lines can be shown.
#[derive(Debug)]
struct Shown {
    name: String,
    lines: Vec<String>,
    /// Values that must not be shown, once the file could be read.
    secrets: Vec<Spot>,
}

/// All problems so far, and the texts they point into.
#[derive(Debug, Default)]
pub(super) struct Notebook {
    files: Vec<Shown>,
    notes: Vec<(Option<Spot>, Problem)>,
    /// Values that no message may hold, wherever they came from.
    secrets: BTreeSet<String>,
}

impl Notebook {
    /// The place of what stands in no file, such as an argument of the command line.
    pub(super) const NOWHERE: Spot = Spot {
        file: usize::MAX,
        line: 1,
        column: 1,
        end_line: 1,
        end_column: 2,
    };

    /// Takes in a text and gives it a number. Of a file whose lines must never be shown, pass none.
    pub(super) fn add_file(&mut self, name: &str, text: &str) -> usize {
        self.files.push(Shown {
            name: name.to_owned(),
            lines: text.lines().map(str::to_owned).collect(),
            secrets: Vec::new(),
        });
        self.files.len() - 1
    }

    /// Marks the secret values of a file that could be read.
    pub(super) fn hide_secrets_of(&mut self, root: &Node) {
        let mut spots = Vec::new();
        snippet::secret_spots(root, false, &mut spots);
        for spot in spots {
            if let Some(file) = self.files.get_mut(spot.file) {
                file.secrets.push(spot);
            }
        }
    }

    /// Puts down a value that no message may hold. Plain words (`ollama`, `not-needed`) are no secrets,
    /// and hiding them would garble every text.
    pub(super) fn hide(&mut self, secret: &str) {
        let digit = secret.bytes().any(|byte| byte.is_ascii_digit());
        if secret.len() >= 16 || (digit && secret.len() >= 6) {
            self.secrets.insert(secret.to_owned());
        }
    }

    /// Puts down a problem at a place.
    pub(super) fn note(
        &mut self,
        severity: Severity,
        at: Spot,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let problem = Problem::new(severity, message).hint(hint);
        self.notes.push((Some(at), problem));
    }

    /// Puts down an error at a place.
    pub(super) fn error(&mut self, at: Spot, message: impl Into<String>, hint: impl Into<String>) {
        self.note(Severity::Error, at, message, hint);
    }

    /// Puts down a warning at a place.
    pub(super) fn warn(&mut self, at: Spot, message: impl Into<String>, hint: impl Into<String>) {
        self.note(Severity::Warning, at, message, hint);
    }

    /// Puts down a problem that stands in no file.
    pub(super) fn elsewhere(&mut self, problem: Problem) {
        self.notes.push((None, problem));
    }

    /// `file:line` of a spot, for a message that names a second place.
    pub(super) fn line_of(&self, at: Spot) -> String {
        match self.files.get(at.file) {
            Some(file) => format!("{}:{}", file.name, at.line),
            None => "the command line".to_owned(),
        }
    }

    /// All problems, errors first, then by place, each once; with snippets, without secrets.
    pub(super) fn finish(mut self) -> Vec<Problem> {
        let mut notes = std::mem::take(&mut self.notes);
        notes.sort_by_key(|(at, problem)| {
            let rank = match problem.severity {
                Severity::Error => 0,
                Severity::Warning => 1,
                Severity::Note => 2,
            };
            (rank, *at)
        });
        let mut problems: Vec<Problem> = Vec::with_capacity(notes.len());
        for (at, problem) in notes {
            let problem = self.placed(at, problem);
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        }
        problems
    }

    fn placed(&self, at: Option<Spot>, mut problem: Problem) -> Problem {
        if let Some((at, file)) = at.and_then(|at| Some((at, self.files.get(at.file)?))) {
            problem.place = Some(Place {
                file: file.name.clone(),
                line: at.line,
                column: at.column,
            });
            problem.snippet = snippet::render(&file.lines, at, &file.secrets);
        }
        problem.message = self.scrub(&problem.message);
        problem.snippet = self.scrub(&problem.snippet);
        problem.hint = self.scrub(&problem.hint);
        problem
    }

    /// Takes every known secret out of a text.
    fn scrub(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        for secret in &self.secrets {
            if clean.contains(secret.as_str()) {
                clean = clean.replace(secret.as_str(), "****");
            }
        }
        clean
    }
}
