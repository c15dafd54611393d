//! Logs: to stderr when headless, to a file while the dashboard owns the terminal.
//!
//! Lines go through a bounded channel to a writer thread; when it is full lines are dropped, so that
//! no request ever waits for a log.

use std::io;
use std::path::Path;

use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::fmt::time::SystemTime;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

/// Lines that may wait for the writer.
const BUFFERED_LINES: usize = 8_192;

/// Where log lines go.
#[derive(Debug, Clone, Copy)]
pub enum Sink<'a> {
    /// Standard error.
    Stderr {
        /// Whether it is a terminal that shows colours.
        color: bool,
    },
    /// A file, appended to.
    File(&'a Path),
}

/// How logs are written.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// Where to.
    pub sink: Sink<'a>,
    /// One JSON object a line.
    pub json: bool,
    /// One line for each attempt, with why.
    pub verbose: bool,
    /// A filter in `tracing`'s own language that overrides `verbose`; empty for none.
    pub filter: &'a str,
}

/// Writes out what is buffered when dropped.
#[derive(Debug)]
pub struct Logs {
    _writer: WorkerGuard,
    /// How much they say.
    pub dial: Dial,
}

/// Sets how much the logs say while they are written.
#[derive(Debug, Clone)]
pub struct Dial {
    /// None when a filter of the person's own holds.
    filter: Option<reload::Handle<EnvFilter, Registry>>,
}

impl Dial {
    /// One line for each attempt from now on, or none.
    pub fn turn(&self, verbose: bool) {
        let Some(filter) = &self.filter else { return };
        if let Err(error) = filter.reload(EnvFilter::new(level(verbose))) {
            tracing::warn!("the logs say as much as before: {error}");
        }
    }
}

/// Begins logging for the whole process.
///
/// # Errors
/// The file cannot be opened, or logging has begun already.
pub fn begin(options: &Options<'_>) -> io::Result<Logs> {
    let (writer, guard, color) = match options.sink {
        Sink::Stderr { color } => {
            let (writer, guard) = through(io::stderr());
            (writer, guard, color)
        },
        Sink::File(path) => {
            let file = std::fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(path)?;
            let (writer, guard) = through(file);
            (writer, guard, false)
        },
    };
    let own = Some(options.filter).filter(|text| !text.is_empty());
    let own = own.and_then(|text| EnvFilter::try_new(text).ok());
    let is_own = own.is_some();
    let filter = own.unwrap_or_else(|| EnvFilter::new(level(options.verbose)));
    let (filter, handle) = reload::Layer::new(filter);
    let registry = tracing_subscriber::registry().with(filter);
    let lines = fmt::layer()
        .with_timer(SystemTime)
        .with_target(false)
        .with_writer(writer);
    let begun = if options.json {
        registry.with(lines.json()).try_init()
    } else {
        registry.with(lines.with_ansi(color)).try_init()
    };
    begun.map_err(io::Error::other)?;
    Ok(Logs {
        _writer: guard,
        dial: Dial {
            filter: (!is_own).then_some(handle),
        },
    })
}

/// What is written without a filter of the person's own.
const fn level(verbose: bool) -> &'static str {
    if verbose {
        "warn,pointsman=debug"
    } else {
        "warn,pointsman=info"
    }
}

fn through<W: io::Write + Send + 'static>(sink: W) -> (NonBlocking, WorkerGuard) {
    NonBlockingBuilder::default()
        .buffered_lines_limit(BUFFERED_LINES)
        .lossy(true)
        .finish(sink)
}
