//! What happened, one thing at a time, in words a person reads.

use serde::{Deserialize, Serialize};

use crate::base::{Severity, Wall};

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A request went on to another group or tier.
    Fallback,
    /// A backend began to cool down.
    Cooldown,
    /// A backend serves again.
    Recover,
    /// A host stopped answering.
    Down,
    /// A host answers again.
    Up,
    /// The config was read again.
    Reload,
    /// A config was refused; the old one stays.
    ConfigError,
    /// Somebody turned a backend on or off.
    Toggle,
    /// A stream ended with an error after content had been sent.
    Cut,
    /// A request failed for the client.
    Error,
    /// The ledger lost rows, was set aside, or works again.
    Ledger,
    /// Start, stop, drain.
    Lifecycle,
}

impl EventKind {
    /// The word shown to people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Fallback => "fallback",
            Self::Cooldown => "cooldown",
            Self::Recover => "recover",
            Self::Down => "down",
            Self::Up => "up",
            Self::Reload => "reload",
            Self::ConfigError => "config",
            Self::Toggle => "toggle",
            Self::Cut => "cut",
            Self::Error => "error",
            Self::Ledger => "ledger",
            Self::Lifecycle => "gateway",
        }
    }
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Rises by one with each event; a gap means events were dropped.
    pub seq: u64,
    /// When.
    pub at: Wall,
    /// What kind.
    pub kind: EventKind,
    /// How much it matters.
    pub severity: Severity,
    /// What it is about: a backend's name, a group, a file.
    pub subject: String,
    /// For a fallback: the backend it went from.
    pub from: Option<String>,
    /// For a fallback: the backend it went to.
    pub to: Option<String>,
    /// Why, or what changed, in a few words.
    pub text: String,
    /// The request it belongs to.
    pub call_id: Option<String>,
    /// How many like it were folded into this one (1 for a single one).
    pub count: u32,
}
