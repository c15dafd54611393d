//! The table of providers: prefix → dialect, base URL, key variable.

use serde::{Deserialize, Serialize};

/// The language an upstream speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// OpenAI's API and everything that speaks it.
    OpenAi,
    /// Ollama's native API.
    Ollama,
    /// Anthropic Messages.
    Anthropic,
}

/// What is known about a provider before any config names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProviderInfo {
    /// The prefix of a model string, without the slash: `groq`.
    pub prefix: &'static str,
    /// The language it speaks.
    pub dialect: Dialect,
    /// Its base URL when the config names none; empty when one must be given.
    pub base: &'static str,
    /// Environment variables that may hold its base URL, first one set wins.
    pub base_env: &'static [&'static str],
    /// Environment variables that may hold its key, first one set wins.
    pub key_env: &'static [&'static str],
    /// Whether it is usually self-hosted: probed, free, and needing no key.
    pub local: bool,
}
