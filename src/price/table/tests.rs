//! The table that ships, and how models are found in it.

use super::*;
use crate::base::{NanoDollars, Usage};

/// Input and output in pico-dollars a token.
fn rates(table: &PriceTable, provider: &str, model: &str) -> Option<(i64, i64)> {
    let rates = table.lookup(provider, model, None)?.price.rates;
    Some((rates.input?.0, rates.output?.0))
}

#[test]
fn the_table_that_ships_is_whole() {
    let table = PriceTable::builtin();
    assert!(table.n_models() >= 300, "{}", table.n_models());
    for (provider, section) in &table.sections {
        for (name, facts) in &section.models {
            let rates = facts.price.rates;
            let (input, output) = (rates.input.unwrap().0, rates.output.unwrap().0);
            assert!(input <= 150_000_000, "{provider}/{name}: {input}");
            assert!(output <= 600_000_000, "{provider}/{name}: {output}");
            if facts.mode == Mode::Chat {
                assert!(input <= output, "{provider}/{name}");
            }
            if let (Some(read), true) = (rates.cache_read, input > 0) {
                assert!(read.0 < input, "{provider}/{name}: reading saves");
            }
            for tier in &facts.price.tiers {
                assert!(tier.rates.input.unwrap().0 > input, "{provider}/{name}");
            }
            assert!(facts.max_input_tokens != Some(0), "{provider}/{name}");
        }
    }
    let head = BUILTIN.split_once("\n[").unwrap().0;
    assert!(head.contains("Collected 20") && head.contains("LiteLLM"));
}

#[test]
fn models_are_found_by_the_names_people_write() {
    let table = PriceTable::builtin();
    let mini = Some((150_000, 600_000));
    let found = [
        ("openai", "gpt-4o-mini", mini),
        ("openai", "gpt-4o-mini-2024-07-18", mini),
        ("openai", "GPT-4o-mini", mini),
        ("azure", "gpt-4o-mini-2024-07-18", mini),
        ("openai", "gpt-4o-2024-11-20", Some((2_500_000, 10_000_000))),
        ("openai", "gpt-4o-2024-05-13", Some((5_000_000, 15_000_000))),
        ("openai", "gpt-5-chat-latest", Some((1_250_000, 10_000_000))),
        (
            "anthropic",
            "claude-3-7-sonnet-20250219",
            Some((3_000_000, 15_000_000)),
        ),
        (
            "anthropic",
            "claude-3-5-haiku-latest",
            Some((800_000, 4_000_000)),
        ),
        (
            "vertex_ai",
            "claude-3-5-sonnet@20240620",
            Some((3_000_000, 15_000_000)),
        ),
        (
            "anthropic",
            "claude-opus-4-1-20250805",
            Some((15_000_000, 75_000_000)),
        ),
        ("groq", "openai/gpt-oss-120b", Some((150_000, 600_000))),
        ("groq", "llama-3.3-70b-versatile", Some((590_000, 790_000))),
        (
            "mistral",
            "mistral-large-latest",
            Some((500_000, 1_500_000)),
        ),
        (
            "mistral",
            "mistral-large-2411",
            Some((2_000_000, 6_000_000)),
        ),
        ("xai", "grok-4-latest", Some((3_000_000, 15_000_000))),
        (
            "openrouter",
            "anthropic/claude-sonnet-4.5",
            Some((3_000_000, 15_000_000)),
        ),
        (
            "together_ai",
            "meta-llama/Llama-3.3-70B-Instruct-Turbo",
            Some((880_000, 880_000)),
        ),
        (
            "fireworks_ai",
            "accounts/fireworks/models/deepseek-v3p1",
            Some((560_000, 1_680_000)),
        ),
        ("fireworks_ai", "deepseek-v3p1", Some((560_000, 1_680_000))),
        ("openai", "text-embedding-3-small", Some((20_000, 0))),
        ("openai", "omni-moderation-latest", Some((0, 0))),
        // Nobody is sure: unpriced.
        ("openai", "gpt-99", None),
        ("openai", "ft:gpt-4o-mini-2024-07-18:acme::abc", None),
        ("groq", "gpt-4o-mini", None),
        ("openai", "gpt-4o-mini-2024-07", None),
        ("openai", "", None),
        ("openai", "-latest", None),
    ];
    for (provider, model, expected) in found {
        assert_eq!(
            rates(&table, provider, model),
            expected,
            "{provider}/{model}"
        );
    }
}

#[test]
fn the_base_model_comes_first() {
    let table = PriceTable::builtin();
    let input = |provider, model, base| {
        let facts = table.lookup(provider, model, Some(base))?;
        facts.price.rates.input.map(|price| price.0)
    };
    assert_eq!(
        input("azure", "my-deployment", "azure/gpt-4o"),
        Some(2_500_000)
    );
    assert_eq!(input("azure", "my-deployment", "gpt-4o"), Some(2_500_000));
    assert_eq!(
        input("azure", "my-deployment", "openai/gpt-4o"),
        Some(2_500_000)
    );
    assert_eq!(input("groq", "x", "openai/gpt-oss-120b"), Some(150_000));
    assert_eq!(input("openai", "gpt-4o", "gpt-4o-mini"), Some(150_000));
    assert_eq!(input("openai", "gpt-4o", "unheard-of"), Some(2_500_000));
}

#[test]
fn what_is_local_is_free_unless_the_config_says_otherwise() {
    let table = PriceTable::builtin();
    let usage = Usage {
        prompt: 1_000,
        completion: 100,
        ..Usage::default()
    };
    let cost = |wanted: Wanted<'_>| table.price(&wanted)?.cost(&usage);
    let local = Wanted {
        provider: "ollama",
        model: "llama3.2",
        local: true,
        ..Wanted::default()
    };
    let over = Override {
        output: Some(PicoDollars(10_000)),
        ..Override::default()
    };
    assert_eq!(cost(local), Some(NanoDollars(0)));
    assert_eq!(cost(Wanted { over, ..local }), Some(NanoDollars(1_000)));
    let named_like_a_cloud = Wanted {
        provider: "hosted_vllm",
        model: "gpt-4o",
        ..local
    };
    assert_eq!(cost(named_like_a_cloud), Some(NanoDollars(0)));
    let paid = Wanted {
        provider: "openai",
        model: "gpt-4o-mini",
        ..Wanted::default()
    };
    assert_eq!(cost(paid), Some(NanoDollars(1_000 * 150 + 100 * 600)));
    assert_eq!(
        cost(Wanted { over, ..paid }),
        Some(NanoDollars(1_000 * 150 + 100 * 10))
    );
    let unknown = Wanted {
        provider: "openai",
        model: "gpt-99",
        ..Wanted::default()
    };
    assert_eq!(table.price(&unknown), None);
    assert_eq!(
        cost(Wanted { over, ..unknown }),
        None,
        "half a price is none"
    );
    let free = Wanted {
        provider: "openrouter",
        model: "deepseek/deepseek-r1:free",
        ..Wanted::default()
    };
    assert_eq!(cost(free), Some(NanoDollars(0)));
}

#[test]
fn tiers_are_read_with_their_bounds() {
    let table = PriceTable::builtin();
    let sonnet = &table
        .lookup("anthropic", "claude-sonnet-4-5", None)
        .unwrap()
        .price;
    assert_eq!(sonnet.tiers[0].from, 200_001);
    assert_eq!(
        sonnet.rates_for(200_000).input,
        Some(PicoDollars(3_000_000))
    );
    assert_eq!(
        sonnet.rates_for(200_001).cache_write_1h,
        Some(PicoDollars(12_000_000))
    );
    let grok = &table.lookup("xai", "grok-4", None).unwrap().price;
    assert_eq!(grok.tiers[0].from, 128_000, "at the bound already");
    assert_eq!(
        grok.rates_for(128_000).cache_read,
        Some(PicoDollars(750_000))
    );
}

#[test]
fn a_broken_table_names_the_line() {
    let table = [
        (
            "gpt chat 1 1 - - - 1 1",
            "line 1: a model before any `[provider]`",
        ),
        (
            "[a]\nx chat 1 1 - - - 1",
            "line 2: no column for the longest answer",
        ),
        ("[a]\nx talk 1 1 - - - 1 1", "line 2: unknown mode `talk`"),
        (
            "[a]\nX chat 1 1 - - - 1 1",
            "line 2: `X` is not in lower case",
        ),
        (
            "[a]\nx chat one 1 - - - 1 1",
            "line 2: `one`: not a decimal number",
        ),
        (
            "[a]\nx chat -1 1 - - - 1 1",
            "line 2: `-1` is no price in whole millionths of a dollar",
        ),
        (
            "[a]\nx chat 1 1 - - - 1 1 >5:1",
            "line 2: `>5:1` is no tier",
        ),
        (
            "[a]\nx chat 1 1 - - - 1 1 >9:1,1 >5:1,1",
            "line 2: tiers must rise",
        ),
        (
            "[a]\nx chat 1 1 - - - 1 1\nx chat 1 1 - - - 1 1",
            "line 3: `x` stands here twice",
        ),
        ("[a]\n[a]", "line 2: `[a]` stands here twice"),
        ("[a", "line 1: a section without `]`"),
        ("[a] blue", "line 1: unknown option `blue`"),
    ];
    for (text, expected) in table {
        assert_eq!(PriceTable::parse(text).unwrap_err().to_string(), expected);
    }
}
