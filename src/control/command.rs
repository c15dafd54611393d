//! What may be asked of the gateway, and what it answers.

use serde::{Deserialize, Serialize};

/// A number the asker chose, to find the answer again.
pub type Ticket = u64;

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Command {
    /// Turn a backend on, or off (what it serves now is finished, nothing new begins).
    SetEnabled {
        /// The deployment's id.
        backend: String,
        /// On or off.
        enabled: bool,
    },
    /// End a backend's cooldown now and forget its failures.
    ClearCooldown {
        /// The deployment's id.
        backend: String,
    },
    /// Probe a backend's host now.
    Probe {
        /// The deployment's id.
        backend: String,
    },
    /// Read the config again now.
    Reload,
    /// Demo only: stop or start the simulated server behind a backend.
    SetSimulated {
        /// The deployment's id.
        backend: String,
        /// Whether it shall run.
        running: bool,
    },
    /// Stop the gateway: drain, then exit.
    Shutdown,
}

/// The answer to a [`Command`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// Which command this answers.
    pub ticket: Ticket,
    /// Whether it was done.
    pub ok: bool,
    /// One sentence for the person: what was done, or why not.
    pub text: String,
}
