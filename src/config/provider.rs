//! The table of providers: prefix → dialect, base URL, key variable; and how a model string names one.
//!
//! Facts only: which variables are set, and what a deployment makes of it, is decided in `resolve`.

mod table;

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
    /// Whether it takes `stream_options`; one that refuses it tells the usage of a stream unasked.
    pub stream_options: bool,
}

/// What a prefix or a bare model name leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// A provider whose language is spoken here.
    Spoken(&'static ProviderInfo),
    /// A provider that exists, and whose language is not spoken here: its prefix and the way out.
    Unspoken(&'static str, &'static str),
}

impl Known {
    /// The provider's prefix.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Spoken(info) => info.prefix,
            Self::Unspoken(prefix, _) => prefix,
        }
    }
}

/// All providers whose language is spoken.
pub fn all() -> &'static [ProviderInfo] {
    table::SPOKEN
}

/// The provider of this prefix.
pub fn find(prefix: &str) -> Option<Known> {
    let prefix = table::SAME
        .iter()
        .find(|(other, _)| *other == prefix)
        .map_or(prefix, |(_, prefix)| prefix);
    let spoken = table::SPOKEN.iter().find(|info| info.prefix == prefix);
    let unspoken = table::UNSPOKEN.iter().find(|(name, _)| *name == prefix);
    spoken
        .map(Known::Spoken)
        .or_else(|| unspoken.map(|(name, way_out)| Known::Unspoken(name, way_out)))
}

/// The provider of a model name that has no prefix: `gpt-4o`, `claude-sonnet-4-5`.
pub fn infer(model: &str) -> Option<Known> {
    let model = model.to_ascii_lowercase();
    // A fine-tuned model is named after the one it was made from: `ft:gpt-4o-mini:org::id`.
    let (model, tuned) = match model.strip_prefix("ft:") {
        Some(base) => (base, true),
        None => (model.as_str(), false),
    };
    // `mistral-nemo:12b` is a tag of Ollama's, `gpt-oss` runs at home: neither names a cloud.
    if model.starts_with("gpt-oss") || (model.contains(':') && !tuned) {
        return None;
    }
    let family = |(start, _): &&(&str, &str)| model.starts_with(start);
    let (_, prefix) = table::FAMILIES.iter().find(family)?;
    find(prefix)
}

/// The provider that serves at this host: `api.groq.com`.
pub fn by_host(host: &str) -> Option<&'static ProviderInfo> {
    let host = host.to_ascii_lowercase();
    let cloud = table::SPOKEN.iter().filter(|info| !info.local);
    cloud
        .filter(|info| !info.base.is_empty())
        .find(|info| host_of(info.base) == Some(host.as_str()))
}

/// Whether the provider of this prefix, or the one that serves at this base URL, refuses
/// `stream_options`.
pub fn refuses_stream_options(prefix: &str, base: &str) -> bool {
    let named = table::SPOKEN.iter().find(|info| info.prefix == prefix);
    let there = host_of(base).and_then(by_host);
    [named, there]
        .into_iter()
        .flatten()
        .any(|info| !info.stream_options)
}

/// All prefixes, for "did you mean".
pub fn prefixes() -> impl Iterator<Item = &'static str> {
    let spoken = table::SPOKEN.iter().map(|info| info.prefix);
    spoken.chain(table::UNSPOKEN.iter().map(|(name, _)| *name))
}

/// The host of a URL, without port and user.
pub(super) fn host_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    if let Some(inner) = host.strip_prefix('[') {
        return inner.split_once(']').map(|(address, _)| address);
    }
    let host = host.rsplit_once(':').map_or(host, |(name, _)| name);
    (!host.is_empty()).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix_of(model: &str) -> Option<&'static str> {
        infer(model).map(Known::prefix)
    }

    #[test]
    fn bare_names_find_their_provider() {
        let cases = [
            ("gpt-4o", Some("openai")),
            ("GPT-4o-mini", Some("openai")),
            ("o3-mini", Some("openai")),
            ("chatgpt-4o-latest", Some("openai")),
            ("text-embedding-3-small", Some("openai")),
            ("whisper-1", Some("openai")),
            ("ft:gpt-4o-mini:org::id", Some("openai")),
            ("claude-3-5-sonnet-20241022", Some("anthropic")),
            ("gemini-2.0-flash", Some("gemini")),
            ("mistral-large-latest", Some("mistral")),
            ("codestral-latest", Some("codestral")),
            ("deepseek-chat", Some("deepseek")),
            ("grok-4", Some("xai")),
            ("command-r-plus", Some("cohere")),
            ("llama3.2", None),
            ("gpt-oss:20b", None),
            ("deepseek-r1:7b", None),
            ("deepseek-reasoner", Some("deepseek")),
            ("ollama", None),
            ("o", None),
        ];
        for (model, expected) in cases {
            assert_eq!(prefix_of(model), expected, "{model}");
        }
    }

    #[test]
    fn the_table_is_sound() {
        let mut seen = std::collections::HashSet::new();
        for prefix in prefixes() {
            assert!(seen.insert(prefix), "{prefix} twice");
            assert!(!prefix.contains('/'), "{prefix}");
        }
        for info in all() {
            assert!(!info.base.ends_with('/'), "{}", info.prefix);
            let named = !info.base.is_empty() || !info.base_env.is_empty();
            assert!(named || !info.key_env.is_empty(), "{}", info.prefix);
            assert!(
                info.base.is_empty() || host_of(info.base).is_some(),
                "{}",
                info.base
            );
        }
        for (start, prefix) in table::FAMILIES {
            assert!(find(prefix).is_some(), "{start} leads to {prefix}");
        }
        for (other, prefix) in table::SAME {
            assert!(find(prefix).is_some() && !seen.contains(other), "{other}");
        }
    }

    #[test]
    fn hosts_are_taken_out_of_urls() {
        assert_eq!(host_of("https://u:p@h.example:81/v1"), Some("h.example"));
        assert_eq!(host_of("http://[::1]:11434"), Some("::1"));
        assert_eq!(host_of("http://localhost"), Some("localhost"));
        assert_eq!(host_of("localhost:1"), None);
        assert_eq!(host_of("http://"), None);
        assert_eq!(
            by_host("api.groq.com").map(|info| info.prefix),
            Some("groq")
        );
        assert_eq!(by_host("localhost").map(|info| info.prefix), None);
    }
}
