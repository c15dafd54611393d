//! What one request cost: rates, tiers by the length of the prompt, and the formula.
//!
//! LiteLLM's formula for text tokens, in integers: products are summed exactly and rounded once.
#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::as_conversions
)]

use crate::base::money::PicoSum;
use crate::base::{NanoDollars, PicoDollars, Usage};

/// Prices a token; `None` is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rates {
    /// A prompt token.
    pub input: Option<PicoDollars>,
    /// An answer token, reasoning included.
    pub output: Option<PicoDollars>,
    /// A prompt token read from the provider's cache; like `input` when not known.
    pub cache_read: Option<PicoDollars>,
    /// A prompt token written to the provider's cache; like `input` when not known.
    pub cache_write: Option<PicoDollars>,
    /// One written for an hour; like `cache_write` when not known.
    pub cache_write_1h: Option<PicoDollars>,
}

impl Rates {
    /// Everything costs nothing.
    pub const FREE: Self = Self {
        input: Some(PicoDollars(0)),
        output: Some(PicoDollars(0)),
        cache_read: Some(PicoDollars(0)),
        cache_write: Some(PicoDollars(0)),
        cache_write_1h: Some(PicoDollars(0)),
    };

    /// These rates, with those of `base` where these are not known.
    fn or(self, base: Self) -> Self {
        Self {
            input: self.input.or(base.input),
            output: self.output.or(base.output),
            cache_read: self.cache_read.or(base.cache_read),
            cache_write: self.cache_write.or(base.cache_write),
            cache_write_1h: self.cache_write_1h.or(base.cache_write_1h),
        }
    }

    /// These rates, with what the config says in place of them. The table's rates of the cache belong to
    /// the table's price of input: with another one they are no longer known, as in LiteLLM.
    fn overridden(self, over: &Override) -> Self {
        let base = match over.input {
            Some(_) => Self {
                output: self.output,
                ..Self::default()
            },
            None => self,
        };
        let configured = Self {
            input: over.input,
            output: over.output,
            cache_read: over.cache_read,
            cache_write: over.cache_write,
            // An hour's rate of the table belongs to the table's other rate of writing.
            cache_write_1h: over.cache_write,
        };
        configured.or(base)
    }

    /// What these tokens cost; `None` when a rate that is needed is not known.
    fn cost(&self, usage: &Usage) -> Option<NanoDollars> {
        let written_1h = usage.cache_write_1h.min(usage.cache_write);
        let written = usage.cache_write.saturating_sub(written_1h);
        let fresh = usage
            .prompt
            .saturating_sub(usage.cached)
            .saturating_sub(usage.cache_write);
        let write = self.cache_write.or(self.input);
        let parts = [
            (fresh, self.input),
            (usage.cached, self.cache_read.or(self.input)),
            (written, write),
            (written_1h, self.cache_write_1h.or(write)),
            (usage.completion, self.output),
        ];
        let mut sum = PicoSum::default();
        for (tokens, rate) in parts {
            if tokens > 0 {
                sum = sum.plus(tokens, rate?);
            }
        }
        Some(sum.round())
    }
}

/// Rates that hold for the whole request when its prompt is long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tier {
    /// The least number of prompt tokens it holds for.
    pub from: u64,
    /// Its rates; where they are not known the ordinary ones hold.
    pub rates: Rates,
}

/// Prices the config gives; each wins over the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Override {
    /// `input_cost_per_token`
    pub input: Option<PicoDollars>,
    /// `output_cost_per_token`
    pub output: Option<PicoDollars>,
    /// `cache_read_input_token_cost`
    pub cache_read: Option<PicoDollars>,
    /// `cache_creation_input_token_cost`
    pub cache_write: Option<PicoDollars>,
}

/// What the tokens of one model cost.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModelPrice {
    /// The ordinary rates.
    pub rates: Rates,
    /// Rates for long prompts, in rising order.
    pub tiers: Vec<Tier>,
}

impl ModelPrice {
    /// A model that costs nothing.
    pub const FREE: Self = Self {
        rates: Rates::FREE,
        tiers: Vec::new(),
    };

    /// This price, with what the config says in place of it, in every tier.
    #[must_use]
    pub fn overridden(mut self, over: &Override) -> Self {
        self.rates = self.rates.overridden(over);
        for tier in &mut self.tiers {
            tier.rates = tier.rates.overridden(over);
        }
        self
    }

    /// Whether nothing is known of it.
    pub fn is_unknown(&self) -> bool {
        self.rates == Rates::default() && self.tiers.is_empty()
    }

    /// The rates for a prompt of this many tokens.
    pub fn rates_for(&self, prompt: u64) -> Rates {
        let crossed = self.tiers.iter().rev().find(|tier| prompt >= tier.from);
        crossed.map_or(self.rates, |tier| tier.rates.or(self.rates))
    }

    /// What these tokens cost, rounded half up to a nano-dollar; `None` when a rate that is needed is
    /// not known.
    pub fn cost(&self, usage: &Usage) -> Option<NanoDollars> {
        self.rates_for(usage.prompt).cost(usage)
    }
}

/// What a million tokens cost at this rate.
pub fn per_million(rate: PicoDollars) -> NanoDollars {
    PicoSum::default().plus(1_000_000, rate).round()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "a rate may be unknown")]
    fn pico(number: i64) -> Option<PicoDollars> {
        Some(PicoDollars(number))
    }

    /// Claude Sonnet 4.5.
    fn sonnet() -> ModelPrice {
        ModelPrice {
            rates: Rates {
                input: pico(3_000_000),
                output: pico(15_000_000),
                cache_read: pico(300_000),
                cache_write: pico(3_750_000),
                cache_write_1h: pico(6_000_000),
            },
            tiers: vec![Tier {
                from: 200_001,
                rates: Rates {
                    input: pico(6_000_000),
                    output: pico(22_500_000),
                    cache_read: pico(600_000),
                    cache_write: pico(7_500_000),
                    cache_write_1h: None,
                },
            }],
        }
    }

    #[test]
    fn every_kind_of_token_has_its_rate() {
        let usage = Usage {
            prompt: 10_000,
            completion: 1_000,
            cached: 4_000,
            cache_write: 3_000,
            cache_write_1h: 1_000,
            reasoning: 600,
        };
        // 3,000 fresh, 4,000 read, 2,000 + 1,000 written, 1,000 out.
        let nano = 3_000 * 3_000 + 4_000 * 300 + 2_000 * 3_750 + 1_000 * 6_000 + 1_000 * 15_000;
        assert_eq!(sonnet().cost(&usage), Some(NanoDollars(nano)));
    }

    #[test]
    fn a_long_prompt_prices_the_whole_request() {
        let usage = |prompt| Usage {
            prompt,
            completion: 10,
            ..Usage::default()
        };
        let price = sonnet();
        assert_eq!(
            price.cost(&usage(200_000)),
            Some(NanoDollars(200_000 * 3_000 + 10 * 15_000))
        );
        assert_eq!(
            price.cost(&usage(200_001)),
            Some(NanoDollars(200_001 * 6_000 + 10 * 22_500))
        );
        assert_eq!(price.rates_for(300_000).cache_write_1h, pico(6_000_000));
    }

    #[test]
    fn a_missing_cache_rate_is_the_input_rate_and_an_explicit_zero_stays() {
        let usage = Usage {
            prompt: 100,
            cached: 60,
            cache_write: 30,
            cache_write_1h: 10,
            ..Usage::default()
        };
        let mut price = ModelPrice::default();
        price.rates.input = pico(1_000);
        assert_eq!(price.cost(&usage), Some(NanoDollars(100)));
        price.rates.cache_read = pico(0);
        assert_eq!(price.cost(&usage), Some(NanoDollars(40)));
    }

    #[test]
    fn a_rate_that_is_needed_and_not_known_leaves_the_request_unpriced() {
        let mut price = ModelPrice::default();
        price.rates.input = pico(1_000);
        let embedding = Usage {
            prompt: 5,
            ..Usage::default()
        };
        let chat = Usage {
            completion: 1,
            ..embedding
        };
        assert_eq!(price.cost(&embedding), Some(NanoDollars(5)));
        assert_eq!(price.cost(&chat), None);
        assert!(ModelPrice::default().is_unknown() && !price.is_unknown());
        assert_eq!(
            ModelPrice::default().cost(&Usage::default()),
            Some(NanoDollars(0))
        );
    }

    #[test]
    fn the_config_wins_in_every_tier_and_field_by_field() {
        let over = Override {
            input: pico(7),
            cache_write: pico(9),
            ..Override::default()
        };
        let price = sonnet().overridden(&over);
        for rates in [price.rates_for(1), price.rates_for(900_000)] {
            assert_eq!(rates.input, pico(7));
            assert_eq!(
                (rates.cache_write, rates.cache_write_1h),
                (pico(9), pico(9))
            );
        }
        assert_eq!(price.rates_for(900_000).output, pico(22_500_000));
        let over = Override {
            cache_write: pico(9),
            ..Override::default()
        };
        let price = sonnet().overridden(&over);
        assert_eq!(price.rates.cache_read, pico(300_000));
    }

    #[test]
    fn another_price_of_input_is_the_caches_too() {
        let over = Override {
            input: pico(7_000),
            output: pico(0),
            ..Override::default()
        };
        let usage = Usage {
            prompt: 1_000,
            cached: 600,
            cache_write: 300,
            cache_write_1h: 100,
            ..Usage::default()
        };
        assert_eq!(
            sonnet().overridden(&over).cost(&usage),
            Some(NanoDollars(7_000))
        );
        let over = Override {
            cache_read: pico(0),
            ..over
        };
        assert_eq!(
            sonnet().overridden(&over).cost(&usage),
            Some(NanoDollars(2_800))
        );
        assert_eq!(ModelPrice::FREE.overridden(&over).rates.output, pico(0));
    }

    #[test]
    fn a_million_tokens() {
        assert_eq!(per_million(PicoDollars(150_000)), NanoDollars(150_000_000));
    }

    proptest! {
        #[test]
        fn more_tokens_never_cost_less(
            prompt in 0_u64..400_000, more in 0_u64..400_000, completion in 0_u64..100_000,
            cached in 0_u64..500_000, written in 0_u64..500_000, hour in 0_u64..500_000,
        ) {
            let usage = Usage {
                prompt, completion, cached, cache_write: written, cache_write_1h: hour, reasoning: 0,
            };
            let longer = Usage { prompt: prompt.saturating_add(more), ..usage };
            let (short, long) = (sonnet().cost(&usage).unwrap(), sonnet().cost(&longer).unwrap());
            prop_assert!(NanoDollars(0) <= short && short <= long);
        }
    }
}
