//! Signals, as values.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// SIGTERM or SIGINT.
    Stop(&'static str),
    /// SIGHUP: reload when headless; the terminal went away otherwise.
    HangUp,
}

/// The signals that mean something here.
#[derive(Debug)]
pub struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// The system gives no handlers.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hup: signal(SignalKind::hangup())?,
        })
    }

    /// The next one.
    pub async fn next(&mut self) -> Heard {
        tokio::select! {
            _ = self.term.recv() => Heard::Stop("SIGTERM"),
            _ = self.int.recv() => Heard::Stop("SIGINT"),
            _ = self.hup.recv() => Heard::HangUp,
        }
    }
}
