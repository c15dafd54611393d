//! The composition root: order of start and stop, reload, tasks, and the dashboard's source.
//!
//! Threads: one a worker (its own runtime, its own connections to backends), one for everything else
//! (probes, reload, signals), one for the ledger's writer, one for the dashboard when there is one.
//! None of them waits for another on the request path.

pub mod build;
pub mod chores;
pub mod clock;
pub mod commands;
pub mod editor;
pub mod headline;
pub mod load;
pub mod lock;
pub mod panic;
pub mod pictures;
pub mod reload;
pub mod run;
pub mod screen;
pub mod signals;
pub mod snapshot;
pub mod start;
pub mod surroundings;
pub mod switches;
pub mod watch;
pub mod workers;

use std::path::PathBuf;

use crate::config;

pub use run::run;

/// What to start.
#[derive(Debug, Clone, Default)]
pub struct Start {
    /// The config file; `None` with `--model`.
    pub config: Option<PathBuf>,
    /// `--host`
    pub host: Option<String>,
    /// `--port`
    pub port: Option<u16>,
    /// `--data-dir`
    pub data_dir: Option<PathBuf>,
    /// `--model`
    pub model: Option<String>,
    /// `--fallback`
    pub fallbacks: Vec<String>,
    /// `--api_base`
    pub api_base: Option<String>,
    /// `--num_workers`
    pub workers: Option<usize>,
    /// `--detailed_debug`
    pub verbose: bool,
    /// `--log-bodies`
    pub log_bodies: bool,
    /// `--json-logs`
    pub json_logs: bool,
    /// `--allow-open`
    pub allow_open: bool,
    /// `--ignore-unsupported`
    pub ignore_unsupported: Vec<String>,
    /// The demo's seed, when this is the demo.
    pub demo: Option<u64>,
    /// Where the demo leaves pictures of itself.
    pub pictures: Option<PathBuf>,
}

/// How the dashboard is shown.
#[derive(Debug, Clone, Default)]
pub struct Ui {
    /// `--theme`
    pub theme: Option<String>,
    /// `--color`
    pub color: Option<&'static str>,
    /// `--glyphs ascii`
    pub ascii: Option<bool>,
    /// The mouse is ours.
    pub mouse: bool,
}

/// What `check` found.
#[derive(Debug, Clone)]
pub struct Checked {
    /// Everything, ready to be shown.
    pub text: String,
    /// Whether a start would succeed.
    pub ok: bool,
}

/// The whole start-up validation without starting.
pub fn check(start: &Start) -> Checked {
    let loaded = load::load(start, None);
    let mut text = config::report(&loaded.resolved);
    let mut ok = loaded.config().is_some();
    for problem in loaded.config().map(build::unbuildable).unwrap_or_default() {
        ok = false;
        text = format!("{text}\n{problem}");
    }
    Checked { text, ok }
}
