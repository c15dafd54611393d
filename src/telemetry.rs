//! Logs: to stderr when headless, to a file while the dashboard owns the terminal.
//!
//! Lines go through a bounded channel to a writer thread; when it is full lines are dropped, so that
//! no request ever waits for a log.

use std::io;
use std::path::Path;

use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::SystemTime;

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
    let level = if options.verbose {
        "warn,pointsman=debug"
    } else {
        "warn,pointsman=info"
    };
    let text = if options.filter.is_empty() {
        level
    } else {
        options.filter
    };
    let filter = EnvFilter::try_new(text).unwrap_or_else(|_bad| EnvFilter::new(level));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_timer(SystemTime)
        .with_target(false)
        .with_writer(writer);
    let begun = if options.json {
        lines.json().try_init()
    } else {
        lines.with_ansi(color).try_init()
    };
    begun.map_err(io::Error::other)?;
    Ok(Logs { _writer: guard })
}

fn through<W: io::Write + Send + 'static>(sink: W) -> (NonBlocking, WorkerGuard) {
    NonBlockingBuilder::default()
        .buffered_lines_limit(BUFFERED_LINES)
        .lossy(true)
        .finish(sink)
}
