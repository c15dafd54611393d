//! Which words of `reasoning_effort` a family of models takes.
//!
//! OpenAI's models refuse a word they do not know, and most refuse the whole member. What a client of
//! another dialect wished is said in the nearest word that is known to be taken, or not at all.

use crate::wire::neutral::Thinking;

/// All words, from the least effort to the most.
const SCALE: [&str; 6] = ["none", "minimal", "low", "medium", "high", "xhigh"];

/// What everybody takes who takes the member at all.
const COMMON: &[&str] = &["low", "medium", "high"];

/// How models' names begin, and the words they take; the first that fits.
const FAMILIES: [(&str, &[&str]); 17] = [
    ("gpt-3", &[]),
    ("gpt-4", &[]),
    ("chatgpt", &[]),
    ("gpt-5-pro", &["high"]),
    ("gpt-5-codex", COMMON),
    ("gpt-5.1-codex", COMMON),
    ("gpt-5.1", &["none", "low", "medium", "high"]),
    ("gpt-5.", &["none", "low", "medium", "high", "xhigh"]),
    ("gpt-5", &["minimal", "low", "medium", "high"]),
    ("o1-mini", &[]),
    ("o1-preview", &[]),
    ("grok-3-mini", &["low", "high"]),
    ("grok-", &[]),
    ("mistral-", &[]),
    ("ministral-", &[]),
    ("magistral-", &[]),
    ("codestral-", &[]),
];

/// Up to so many tokens of a budget are called `low` and `medium`.
const LOW_BUDGET: u64 = 1024;
const MEDIUM_BUDGET: u64 = 2048;

/// The effort to name for this model, if any.
pub(super) fn effort(thinking: Option<&Thinking>, model: &str) -> Option<&'static str> {
    let words = words(model);
    let wish = match thinking? {
        Thinking::Off => "none",
        Thinking::Budget(..=LOW_BUDGET) => "low",
        Thinking::On | Thinking::Budget(..=MEDIUM_BUDGET) => "medium",
        Thinking::Budget(_) => "high",
        Thinking::Effort(word) => match word.as_str() {
            "disable" | "disabled" | "off" => "none",
            "max" => "xhigh",
            word => word,
        },
    };
    let rank = |word: &str| SCALE.iter().position(|known| *known == word);
    let wished = rank(wish)?;
    // Not to think at all is no degree: who knows no word for it is told nothing.
    if wished == 0 {
        return words.first().copied().filter(|word| *word == "none");
    }
    let mut degrees = words.iter().copied().filter(|word| *word != "none");
    let least = degrees.clone().next()?;
    let most = degrees.rfind(|word| rank(word) <= Some(wished));
    Some(most.unwrap_or(least))
}

fn words(model: &str) -> &'static [&'static str] {
    let name = model.rsplit('/').next().unwrap_or(model);
    let name = name.strip_prefix("ft:").unwrap_or(name);
    // Those for conversation do not reason, or choose for themselves.
    if name.starts_with("gpt-5") && name.contains("-chat") {
        return &[];
    }
    let family = FAMILIES.iter().find(|(start, _)| name.starts_with(start));
    family.map_or(COMMON, |(_, words)| words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_that_a_family_takes_are_said() {
        let word = |word: &str| Thinking::Effort(word.to_owned());
        let cases = [
            (word("high"), "gpt-4o", None),
            (word("high"), "openai/gpt-4.1-mini", None),
            (word("low"), "ft:gpt-4o-mini:org::id", None),
            (Thinking::Off, "gpt-4o", None),
            (Thinking::Budget(9_000), "gpt-4o", None),
            (word("high"), "gpt-5-chat-latest", None),
            (word("max"), "gpt-5", Some("high")),
            (word("max"), "gpt-5.2", Some("xhigh")),
            (word("xhigh"), "gpt-5.1", Some("high")),
            (word("minimal"), "gpt-5-mini", Some("minimal")),
            (word("minimal"), "gpt-5.1", Some("low")),
            (word("minimal"), "o3-mini", Some("low")),
            (word("low"), "gpt-5-pro", Some("high")),
            (word("medium"), "gpt-5-codex", Some("medium")),
            (word("medium"), "grok-3-mini", Some("low")),
            (word("medium"), "x-ai/grok-4", None),
            (word("low"), "magistral-medium-latest", None),
            (Thinking::Off, "o3", None),
            (Thinking::Off, "gpt-5", None),
            (Thinking::Off, "gpt-5.1", Some("none")),
            (Thinking::Off, "qwen3", None),
            (word("off"), "gpt-5.1", Some("none")),
            (word("max"), "o4-mini", Some("high")),
            (word("max"), "gpt-oss-120b", Some("high")),
            (word("strange"), "qwen3", None),
            (Thinking::On, "o3", Some("medium")),
            (Thinking::Budget(1_024), "qwen3", Some("low")),
            (Thinking::Budget(2_000), "qwen3", Some("medium")),
            (Thinking::Budget(9_000), "openai/o3", Some("high")),
        ];
        for (thinking, model, said) in cases {
            assert_eq!(effort(Some(&thinking), model), said, "{thinking:?} {model}");
        }
        assert_eq!(effort(None, "o3"), None);
    }
}
