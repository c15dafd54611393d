//! What a Claude model can do, read from its name.
//!
//! Anthropic refuses parameters model by model, and a gateway that sends them anyway turns a failover
//! into an error. Names of other makers' models say nothing, and get the oldest common behaviour.

/// Numbers from here on are dates, not versions.
const DATE: u32 = 1_000;

/// A model of Anthropic's, or of a server that speaks its dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Model {
    version: Option<(u32, u32)>,
}

impl Model {
    /// Reads `claude-opus-4-5-20251101`, `anthropic.claude-3-7-sonnet-20250219-v1:0` …
    pub(super) fn of(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        let Some(at) = name.find("claude") else {
            return Self { version: None };
        };
        let numbers = name
            .get(at..)
            .unwrap_or_default()
            .split(['-', '.', '@', ':', '/']);
        let mut numbers = numbers
            .filter_map(|word| word.parse::<u32>().ok())
            .take_while(|&number| number < DATE);
        let version = numbers
            .next()
            .map(|major| (major, numbers.next().unwrap_or(0)));
        Self { version }
    }

    fn at_least(self, version: (u32, u32)) -> bool {
        self.version.is_some_and(|own| own >= version)
    }

    /// Whether it knows `thinking` at all.
    pub(super) fn thinks(self) -> bool {
        self.version.is_none_or(|own| own >= (3, 7))
    }

    /// Whether it knows `thinking: {type: adaptive}` with `output_config.effort`.
    pub(super) fn adapts(self) -> bool {
        self.at_least((4, 6))
    }

    /// Whether it takes `budget_tokens`, `temperature`, `top_p` and `top_k`.
    pub(super) fn is_tunable(self) -> bool {
        !self.at_least((4, 7))
    }

    /// Whether it refuses `temperature` and `top_p` together.
    pub(super) fn takes_one_sampler(self) -> bool {
        self.at_least((4, 1))
    }

    /// Whether it knows `output_config.format`.
    pub(super) fn has_formats(self) -> bool {
        self.at_least((4, 5))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_every_spelling() {
        let cases = [
            ("claude-opus-4-5-20251101", Some((4, 5))),
            ("claude-sonnet-4-20250514", Some((4, 0))),
            ("claude-opus-4@20250514", Some((4, 0))),
            ("anthropic.claude-3-7-sonnet-20250219-v1:0", Some((3, 7))),
            ("anthropic.claude-opus-4-20250514-v1:0", Some((4, 0))),
            ("claude-3-opus-20240229", Some((3, 0))),
            ("anthropic/claude-sonnet-4.6", Some((4, 6))),
            ("claude-2.1", Some((2, 1))),
            ("claude-fable-5", Some((5, 0))),
            ("claude-latest", None),
            ("kimi-k2-0905", None),
        ];
        for (name, version) in cases {
            assert_eq!(Model::of(name), Model { version }, "{name}");
        }
    }

    #[test]
    fn what_a_model_can_do_follows_its_version() {
        let old = Model::of("claude-3-5-sonnet-20241022");
        assert!(!old.thinks() && !old.adapts() && old.is_tunable() && !old.has_formats());
        let mid = Model::of("claude-sonnet-4-5");
        assert!(mid.thinks() && !mid.adapts() && mid.takes_one_sampler() && mid.has_formats());
        let new = Model::of("claude-opus-4-7");
        assert!(new.adapts() && !new.is_tunable());
        let other = Model::of("deepseek-chat");
        assert!(other.thinks() && !other.adapts() && other.is_tunable() && !other.has_formats());
    }
}
