//! Wildcards in model names: `openai/*`, `*`, `bedrock/*-v1`.
//!
//! A pattern matches whole names, each `*` as much as it can, and what the stars caught fills the
//! stars of the upstream's model.

use std::sync::Arc;

/// A name with one `*` or more, ready to be matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    /// The texts between the stars: one more than there are stars.
    parts: Box<[Box<str>]>,
    /// The length of the pattern as written, in characters: longer is more specific.
    length: usize,
    /// Characters that are neither letters nor digits: more is more specific among equals.
    specials: usize,
}

impl Pattern {
    /// Whether a name is a pattern at all.
    pub(super) fn is_one(name: &str) -> bool {
        name.contains('*')
    }

    /// Reads a pattern.
    pub(super) fn new(text: &str) -> Self {
        Self {
            parts: text.split('*').map(Into::into).collect(),
            length: text.chars().count(),
            specials: text.chars().filter(|char| !char.is_alphanumeric()).count(),
        }
    }

    /// Greater is tried first.
    pub(super) const fn specificity(&self) -> (usize, usize) {
        (self.length, self.specials)
    }

    /// What the stars catch in `name`, or `None` when it does not match.
    pub(super) fn captures<'n>(&self, name: &'n str) -> Option<Vec<&'n str>> {
        let (first, others) = self.parts.split_first()?;
        let (last, middles) = others.split_last()?;
        let mut rest = name.strip_prefix(&**first)?.strip_suffix(&**last)?;
        // From the right, each text between two stars at its last place: so that every star,
        // from the left, catches as much as it can.
        let mut caught: Vec<&'n str> = Vec::with_capacity(others.len());
        for middle in middles.iter().rev() {
            let (before, after) = rest.rsplit_once(&**middle)?;
            caught.push(after);
            rest = before;
        }
        caught.push(rest);
        caught.reverse();
        Some(caught)
    }
}

/// The upstream's model for a name that matched: its stars filled with what was caught. A model with
/// fewer stars than were caught gets the whole name (without the provider's own prefix); one with
/// none stays as it is.
pub(super) fn fill(model: &Arc<str>, caught: &[&str], name: &str, provider: &str) -> Arc<str> {
    let stars = model.matches('*').count();
    if stars == 0 {
        return Arc::clone(model);
    }
    if stars < caught.len() {
        let bare = name.strip_prefix(provider);
        return bare
            .and_then(|rest| rest.strip_prefix('/'))
            .unwrap_or(name)
            .into();
    }
    let mut filled = String::with_capacity(model.len() + name.len());
    let mut caught = caught.iter();
    for (place, part) in model.split('*').enumerate() {
        if place > 0 {
            filled.push_str(caught.next().copied().unwrap_or("*"));
        }
        filled.push_str(part);
    }
    filled.into()
}

/// The provider whose model a bare name is known to be: for `gpt-4o` where only `openai/*` stands.
pub(super) fn provider_of(name: &str) -> Option<&'static str> {
    const FAMILIES: [(&str, &str); 17] = [
        ("gpt-", "openai"),
        ("chatgpt-", "openai"),
        ("o1", "openai"),
        ("o3", "openai"),
        ("o4", "openai"),
        ("text-embedding-", "openai"),
        ("dall-e", "openai"),
        ("whisper-", "openai"),
        ("tts-", "openai"),
        ("claude-", "anthropic"),
        ("gemini-", "gemini"),
        ("deepseek-", "deepseek"),
        ("mistral-", "mistral"),
        ("codestral-", "mistral"),
        ("command-", "cohere"),
        ("grok-", "xai"),
        ("sonar", "perplexity"),
    ];
    let known = FAMILIES.iter().find(|(start, _)| name.starts_with(start));
    known.map(|&(_, provider)| provider)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_catch_as_much_as_they_can() {
        let table: [(&str, &str, Option<&[&str]>); 9] = [
            ("openai/*", "openai/gpt-4o", Some(&["gpt-4o"])),
            ("openai/*", "openai/", Some(&[""])),
            ("openai/*", "azure/gpt-4o", None),
            ("*", "anything/at:all", Some(&["anything/at:all"])),
            ("*-mini", "gpt-4o-mini", Some(&["gpt-4o"])),
            ("*-mini", "gpt-4o-mini-2024", None),
            ("a*b*c", "a1b2b3c", Some(&["1b2", "3"])),
            ("a*a", "a", None),
            ("*/*", "x/y/z", Some(&["x/y", "z"])),
        ];
        for (pattern, name, caught) in table {
            let got = Pattern::new(pattern).captures(name);
            assert_eq!(got.as_deref(), caught, "{pattern} on {name}");
        }
    }

    #[test]
    fn what_was_caught_fills_the_model() {
        // (model, caught, name, filled)
        let table: [(&str, &[&str], &str, &str); 5] = [
            ("*", &["gpt-4o"], "openai/gpt-4o", "gpt-4o"),
            ("my-*-ft", &["gpt"], "openai/gpt", "my-gpt-ft"),
            ("fixed", &["gpt-4o"], "openai/gpt-4o", "fixed"),
            ("x-*", &["a", "b"], "openai/a-b", "a-b"),
            ("x-*", &["a", "b"], "team/a-b", "team/a-b"),
        ];
        for (model, caught, name, filled) in table {
            assert_eq!(&*fill(&model.into(), caught, name, "openai"), filled);
        }
    }

    #[test]
    fn longer_is_more_specific() {
        let mut patterns = ["*", "openai/*", "openai/gpt-*", "openai/gpt4*"].map(Pattern::new);
        patterns.sort_by_key(|pattern| std::cmp::Reverse(pattern.specificity()));
        let first = patterns.first().unwrap();
        assert_eq!(first, &Pattern::new("openai/gpt-*"));
        assert_eq!(patterns.last().unwrap(), &Pattern::new("*"));
    }
}
