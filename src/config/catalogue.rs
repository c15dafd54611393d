//! Every key of a config as data: what it is for, its default, and what becomes of it here.
//!
//! One table drives the check for unknown and unsupported keys, the "did you mean", and the test that
//! keeps `config.example.yaml` complete. The reading of values is not here.

mod general;
mod litellm;
mod model;
mod router;
mod top;

/// Where a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Section {
    /// The top of the file.
    Top,
    /// An entry of `model_list`.
    Entry,
    /// `litellm_params` of an entry.
    Params,
    /// `model_info` of an entry.
    Info,
    /// `router_settings`
    Router,
    /// `litellm_settings`
    Litellm,
    /// `general_settings`
    General,
    /// An entry of `credential_list`.
    Credential,
}

impl Section {
    /// All sections.
    pub const ALL: [Self; 8] = [
        Self::Top,
        Self::Entry,
        Self::Params,
        Self::Info,
        Self::Router,
        Self::Litellm,
        Self::General,
        Self::Credential,
    ];

    /// Its name in the file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Top => "the config",
            Self::Entry => "model_list",
            Self::Params => "litellm_params",
            Self::Info => "model_info",
            Self::Router => "router_settings",
            Self::Litellm => "litellm_settings",
            Self::General => "general_settings",
            Self::Credential => "credential_list",
        }
    }
}

/// What becomes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It does what it says.
    Supported,
    /// Not supported; the text says what happens instead.
    Later,
    /// Not supported, and it stops something: the text says what would get through. Refused unless the
    /// person accepts it by name.
    Restricts,
    /// There is nothing here for it to do; the text says why.
    NoMeaning,
}

/// One key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Where it stands.
    pub section: Section,
    /// Its name.
    pub name: &'static str,
    /// What becomes of it.
    pub kind: Kind,
    /// Its default as YAML; empty when a value must be given or there is none.
    pub default: &'static str,
    /// One line: what it is for, or what happens instead.
    pub about: &'static str,
}

const fn yes(
    section: Section,
    name: &'static str,
    default: &'static str,
    about: &'static str,
) -> Key {
    Key {
        section,
        name,
        kind: Kind::Supported,
        default,
        about,
    }
}

const fn other(section: Section, kind: Kind, name: &'static str, about: &'static str) -> Key {
    Key {
        section,
        name,
        kind,
        default: "",
        about,
    }
}

const fn later(section: Section, name: &'static str, about: &'static str) -> Key {
    other(section, Kind::Later, name, about)
}

const fn restricts(section: Section, name: &'static str, about: &'static str) -> Key {
    other(section, Kind::Restricts, name, about)
}

const fn moot(section: Section, name: &'static str, about: &'static str) -> Key {
    other(section, Kind::NoMeaning, name, about)
}

/// The keys of one section.
pub fn keys(section: Section) -> &'static [Key] {
    match section {
        Section::Top => top::TOP,
        Section::Credential => top::CREDENTIAL,
        Section::Entry => model::ENTRY,
        Section::Params => model::PARAMS,
        Section::Info => model::INFO,
        Section::Router => router::ROUTER,
        Section::Litellm => litellm::LITELLM,
        Section::General => general::GENERAL,
    }
}

/// The key of this name.
pub fn find(section: Section, name: &str) -> Option<&'static Key> {
    keys(section).iter().find(|key| key.name == name)
}

/// The section, other than `section`, that knows a key of this name.
pub fn elsewhere(section: Section, name: &str) -> Option<Section> {
    Section::ALL
        .into_iter()
        .find(|other| *other != section && find(*other, name).is_some())
}

/// Members of a request that people write as defaults under `litellm_params`.
pub const REQUEST_MEMBERS: &[&str] = &[
    "chat_template_kwargs",
    "dimensions",
    "encoding_format",
    "extra_body",
    "format",
    "frequency_penalty",
    "function_call",
    "functions",
    "guided_json",
    "input_type",
    "keep_alive",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "metadata",
    "min_p",
    "mirostat",
    "mirostat_eta",
    "mirostat_tau",
    "modalities",
    "n",
    "num_batch",
    "num_ctx",
    "num_gpu",
    "num_keep",
    "num_predict",
    "num_thread",
    "options",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "quality",
    "reasoning",
    "reasoning_effort",
    "repeat_last_n",
    "repeat_penalty",
    "repetition_penalty",
    "response_format",
    "safe_prompt",
    "seed",
    "service_tier",
    "size",
    "stop",
    "store",
    "stream",
    "stream_options",
    "style",
    "suffix",
    "system",
    "temperature",
    "template",
    "tfs_z",
    "think",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_logprobs",
    "top_p",
    "typical_p",
    "user",
    "verbosity",
    "voice",
    "web_search_options",
];

/// The name nearest to a misspelt one, when it is near enough to be meant.
pub fn nearest<'n>(wrong: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let wrong = wrong.to_lowercase();
    let limit = (wrong.chars().count() / 3).clamp(1, 3);
    let near = names.map(|name| (distance(&wrong, &name.to_lowercase()), name));
    let (steps, name) = near.min_by_key(|(steps, _)| *steps)?;
    (steps <= limit).then_some(name)
}

/// Letters to add, remove, replace or swap with a neighbour to get from one word to the other.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    let mut last = '\0';
    for (done, letter) in left.chars().enumerate() {
        let mut next = vec![done + 1];
        for (index, other) in right.iter().enumerate() {
            let at =
                |row: &[usize], place: usize| row.get(place).copied().unwrap_or(usize::MAX / 2);
            let change = at(&row, index) + usize::from(letter != *other);
            let mut best = change
                .min(at(&row, index + 1) + 1)
                .min(at(&next, index) + 1);
            let swapped = index > 0 && right.get(index - 1) == Some(&letter) && last == *other;
            if swapped {
                best = best.min(at(&before, index - 1) + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
        last = letter;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn distances_count_a_swap_as_one() {
        for (left, right, steps) in [
            ("", "abc", 3),
            ("kitten", "sitting", 3),
            ("timeotu", "timeout", 1),
            ("same", "same", 0),
            ("api_bse", "api_base", 1),
        ] {
            assert_eq!(distance(left, right), steps, "{left} {right}");
            assert_eq!(distance(right, left), steps, "{right} {left}");
        }
    }

    #[test]
    fn a_misspelt_key_finds_its_neighbour_and_a_foreign_word_none() {
        let names = || keys(Section::Router).iter().map(|key| key.name);
        assert_eq!(
            nearest("routing_stratgy", names()),
            Some("routing_strategy")
        );
        assert_eq!(nearest("fallback", names()), Some("fallbacks"));
        assert_eq!(nearest("banana_bread", names()), None);
    }

    #[test]
    fn every_key_stands_once_and_says_what_it_is() {
        for section in Section::ALL {
            let mut seen = HashSet::new();
            for key in keys(section) {
                assert!(seen.insert(key.name), "{} twice", key.name);
                assert!(
                    !key.about.is_empty() && !key.about.ends_with('.'),
                    "{}",
                    key.name
                );
                assert_eq!(key.section, section, "{}", key.name);
            }
        }
    }
}
