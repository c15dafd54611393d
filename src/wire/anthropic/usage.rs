//! Token counts: exclusive on Anthropic's wire, inclusive inside.
//!
//! Prompt = `input_tokens` + `cache_creation_input_tokens` + `cache_read_input_tokens`. A stream tells
//! them in pieces, so the last word on each count is kept and the sum made anew.

use bytes::BufMut;
use serde::Deserialize;

use crate::base::Usage;
use crate::wire::emit::Object;

/// The counts as they stand on the wire; absent is not zero.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(super) struct Counts {
    #[serde(default)]
    input_tokens: Option<u64>,
    #[serde(default)]
    output_tokens: Option<u64>,
    #[serde(default)]
    cache_read_input_tokens: Option<u64>,
    #[serde(default)]
    cache_creation_input_tokens: Option<u64>,
    #[serde(default)]
    cache_creation: Option<Split>,
    #[serde(default)]
    output_tokens_details: Option<Details>,
}

/// What was written to the cache, by how long it is kept.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct Split {
    #[serde(default)]
    ephemeral_5m_input_tokens: Option<u64>,
    #[serde(default)]
    ephemeral_1h_input_tokens: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct Details {
    #[serde(default)]
    thinking_tokens: Option<u64>,
}

impl Counts {
    /// Takes over what a later report says.
    pub(super) fn learn(&mut self, later: &Self) {
        self.input_tokens = later.input_tokens.or(self.input_tokens);
        self.output_tokens = later.output_tokens.or(self.output_tokens);
        self.cache_read_input_tokens = later
            .cache_read_input_tokens
            .or(self.cache_read_input_tokens);
        self.cache_creation_input_tokens = later
            .cache_creation_input_tokens
            .or(self.cache_creation_input_tokens);
        self.cache_creation = later.cache_creation.or(self.cache_creation);
        self.output_tokens_details = later.output_tokens_details.or(self.output_tokens_details);
    }

    /// The counts as the rest of the program has them.
    pub(super) fn usage(&self) -> Usage {
        let split = self.cache_creation.unwrap_or_default();
        let short = split.ephemeral_5m_input_tokens.unwrap_or(0);
        let long = split.ephemeral_1h_input_tokens.unwrap_or(0);
        let written = self
            .cache_creation_input_tokens
            .unwrap_or(0)
            .max(short.saturating_add(long));
        let cached = self.cache_read_input_tokens.unwrap_or(0);
        let fresh = self.input_tokens.unwrap_or(0);
        Usage {
            prompt: fresh.saturating_add(cached).saturating_add(written),
            completion: self.output_tokens.unwrap_or(0),
            cached,
            cache_write: written,
            cache_write_1h: long,
            reasoning: self
                .output_tokens_details
                .and_then(|d| d.thinking_tokens)
                .unwrap_or(0),
        }
    }
}

/// Writes the members of a `usage` object.
pub(super) fn write<B: BufMut>(usage: &Usage, o: &mut Object<'_, B>) {
    let fresh = usage
        .prompt
        .saturating_sub(usage.cached)
        .saturating_sub(usage.cache_write);
    o.put("input_tokens", &fresh)
        .put("cache_creation_input_tokens", &usage.cache_write)
        .put("cache_read_input_tokens", &usage.cached);
    if usage.cache_write > 0 {
        o.object("cache_creation", |o| {
            let short = usage.cache_write.saturating_sub(usage.cache_write_1h);
            o.put("ephemeral_5m_input_tokens", &short)
                .put("ephemeral_1h_input_tokens", &usage.cache_write_1h);
        });
    }
    o.put("output_tokens", &usage.completion);
    if usage.reasoning > 0 {
        o.object("output_tokens_details", |o| {
            o.put("thinking_tokens", &usage.reasoning);
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::emit;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn counts_survive_the_way_out_and_in(
            fresh in 0_u64..1 << 40, cached in 0_u64..1 << 40, short in 0_u64..1 << 40,
            long in 0_u64..1 << 40, completion in 0_u64..1 << 40, reasoning in 0_u64..1 << 40,
        ) {
            let usage = Usage {
                prompt: fresh + cached + short + long,
                completion,
                cached,
                cache_write: short + long,
                cache_write_1h: long,
                reasoning,
            };
            let mut out = Vec::new();
            emit::object(&mut out, |o| write(&usage, o));
            let counts: Counts = serde_json::from_slice(&out).unwrap();
            prop_assert_eq!(counts.usage(), usage);
        }
    }

    #[test]
    fn a_later_report_takes_nothing_back() {
        let mut counts: Counts = serde_json::from_str(
            r#"{"input_tokens":3,"cache_read_input_tokens":90,"cache_creation_input_tokens":7,"output_tokens":1}"#,
        ).unwrap();
        counts.learn(&serde_json::from_str(r#"{"output_tokens":20,"input_tokens":null}"#).unwrap());
        let usage = counts.usage();
        assert_eq!(
            (
                usage.prompt,
                usage.cached,
                usage.cache_write,
                usage.completion
            ),
            (100, 90, 7, 20)
        );
    }
}
