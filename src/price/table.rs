//! The table of prices and how a model is found in it.
//!
//! The text format is described in the head of `assets/prices.txt`. Reading it takes well under a
//! millisecond, so it is read when the composition root asks for it and not kept as a global.

use std::collections::HashMap;

use crate::base::PicoDollars;
use crate::price::{ModelPrice, Override, Rates, Tier};

/// The table that comes with the program.
const BUILTIN: &str = include_str!("../../assets/prices.txt");

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Chat completions.
    Chat,
    /// Text completions.
    Completion,
    /// OpenAI's responses API only.
    Responses,
    /// Embeddings.
    Embedding,
    /// Moderations.
    Moderation,
    /// Reranking.
    Rerank,
}

impl Mode {
    const ALL: [Self; 6] = [
        Self::Chat,
        Self::Completion,
        Self::Responses,
        Self::Embedding,
        Self::Moderation,
        Self::Rerank,
    ];

    /// LiteLLM's word for it, as in `model_info.mode`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Completion => "completion",
            Self::Responses => "responses",
            Self::Embedding => "embedding",
            Self::Moderation => "moderation",
            Self::Rerank => "rerank",
        }
    }
}

/// What the table knows of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFacts {
    /// What it is for.
    pub mode: Mode,
    /// What its tokens cost.
    pub price: ModelPrice,
    /// The longest prompt, in tokens.
    pub max_input_tokens: Option<u64>,
    /// The longest answer, in tokens.
    pub max_output_tokens: Option<u64>,
}

/// Which model's price is wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'text> {
    /// The provider's prefix: `openai`, `groq`.
    pub provider: &'text str,
    /// The upstream model, without that prefix.
    pub model: &'text str,
    /// `model_info.base_model`: looked up first.
    pub base_model: Option<&'text str>,
    /// A backend of one's own: free unless the config says otherwise.
    pub local: bool,
    /// What the config says; it wins.
    pub over: Override,
}

/// Why a table cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct TableError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

/// All prices.
#[derive(Debug, Clone, Default)]
pub struct PriceTable {
    sections: HashMap<Box<str>, Section>,
    /// Sections whose names hold for providers that have none, in the order of the file.
    bare: Vec<Box<str>>,
}

/// The models of one provider.
#[derive(Debug, Clone, Default)]
struct Section {
    /// What may stand before a name.
    under: Option<Box<str>>,
    models: HashMap<Box<str>, ModelFacts>,
}

impl PriceTable {
    /// The table that comes with the program.
    pub fn builtin() -> Self {
        Self::parse(BUILTIN).expect("a test reads this very text")
    }

    /// Reads a table.
    pub fn parse(text: &str) -> Result<Self, TableError> {
        let mut table = Self::default();
        let mut provider = None;
        for (number, line) in text.lines().enumerate() {
            let failed = |what: String| TableError {
                line: number.saturating_add(1),
                what,
            };
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(head) = line.strip_prefix('[') {
                provider = Some(table.section(head).map_err(failed)?);
                continue;
            }
            let (name, facts) = read_model(line).map_err(failed)?;
            let section = provider
                .as_ref()
                .and_then(|name| table.sections.get_mut(name));
            let section =
                section.ok_or_else(|| failed("a model before any `[provider]`".into()))?;
            if section.models.insert(name.into(), facts).is_some() {
                return Err(failed(format!("`{name}` stands here twice")));
            }
        }
        Ok(table)
    }

    /// How many models it knows.
    pub fn n_models(&self) -> usize {
        self.sections
            .values()
            .map(|section| section.models.len())
            .sum()
    }

    /// What is known of a model: by `base_model` first, then by `provider/model`, then, for providers
    /// the table has no section for, by `model` alone. A date or `-latest` at the end of a name may be
    /// left out.
    pub fn lookup(
        &self,
        provider: &str,
        model: &str,
        base_model: Option<&str>,
    ) -> Option<&ModelFacts> {
        let based = base_model.and_then(|base| self.find_base(provider, base));
        based.or_else(|| self.find(provider, model))
    }

    /// What the tokens of a model cost; `None` is unpriced.
    pub fn price(&self, wanted: &Wanted<'_>) -> Option<ModelPrice> {
        let known = if wanted.local || is_free(wanted) {
            ModelPrice::FREE
        } else {
            let facts = self.lookup(wanted.provider, wanted.model, wanted.base_model);
            facts.map(|facts| facts.price.clone()).unwrap_or_default()
        };
        let price = known.overridden(&wanted.over);
        (!price.is_unknown()).then_some(price)
    }

    /// Finds a `base_model`, which may name its provider or not.
    fn find_base(&self, provider: &str, base: &str) -> Option<&ModelFacts> {
        let named = base
            .split_once('/')
            .and_then(|(first, rest)| self.find(first, rest));
        named
            .or_else(|| self.sections.get(provider)?.find(base))
            .or_else(|| self.find_bare(base))
    }

    fn find(&self, provider: &str, model: &str) -> Option<&ModelFacts> {
        match self.sections.get(provider) {
            Some(section) => section.find(model),
            None => self.find_bare(model),
        }
    }

    fn find_bare(&self, model: &str) -> Option<&ModelFacts> {
        let mut sections = self.bare.iter().filter_map(|name| self.sections.get(name));
        sections.find_map(|section| section.find(model))
    }

    /// Reads `provider] options` and makes room for its models.
    fn section(&mut self, head: &str) -> Result<Box<str>, String> {
        let (name, options) = head.split_once(']').ok_or("a section without `]`")?;
        let mut section = Section::default();
        let mut words = options.split_whitespace();
        while let Some(word) = words.next() {
            match (word, words.clone().next()) {
                ("bare", _) => self.bare.push(name.into()),
                ("under", Some(path)) => {
                    section.under = Some(path.into());
                    words.next();
                },
                _ => return Err(format!("unknown option `{word}`")),
            }
        }
        match self.sections.insert(name.into(), section) {
            None => Ok(name.into()),
            Some(_) => Err(format!("`[{name}]` stands here twice")),
        }
    }
}

impl Section {
    fn find(&self, model: &str) -> Option<&ModelFacts> {
        let model = model.to_ascii_lowercase();
        let under = self.under.as_deref();
        let name = under
            .and_then(|path| model.strip_prefix(path))
            .unwrap_or(&model);
        self.models
            .get(name)
            .or_else(|| self.models.get(undated(name)?))
    }
}

/// A name without the date or `-latest` at its end; `None` when there is none.
fn undated(name: &str) -> Option<&str> {
    if let Some(start) = name.strip_suffix("-latest") {
        return Some(start);
    }
    let day = |text: &str| text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some((start, end)) = name.rsplit_once(['-', '@'])
        && day(end)
    {
        return Some(start);
    }
    // `-2024-11-20`
    let mut parts = name.rsplitn(4, '-');
    let (last, middle, first) = (parts.next()?, parts.next()?, parts.next()?);
    let start = parts.next()?;
    let digits = |text: &str, many: usize| {
        text.len() == many && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    (digits(first, 4) && digits(middle, 2) && digits(last, 2)).then_some(start)
}

/// Models that are free by their very name.
fn is_free(wanted: &Wanted<'_>) -> bool {
    wanted.provider == "openrouter" && wanted.model.ends_with(":free")
}

/// Reads one model's line.
fn read_model(line: &str) -> Result<(&str, ModelFacts), String> {
    let mut words = line.split_whitespace();
    let mut next = |what: &str| {
        words
            .next()
            .ok_or_else(|| format!("no column for the {what}"))
    };
    let name = next("name")?;
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(format!("`{name}` is not in lower case"));
    }
    let mode = next("mode")?;
    let mode = Mode::ALL
        .into_iter()
        .find(|known| known.word() == mode)
        .ok_or_else(|| format!("unknown mode `{mode}`"))?;
    let rates = Rates {
        input: read_price(next("input")?)?,
        output: read_price(next("output")?)?,
        cache_read: read_price(next("cache read")?)?,
        cache_write: read_price(next("cache write")?)?,
        cache_write_1h: read_price(next("cache write for an hour")?)?,
    };
    let max_input_tokens = read_count(next("window")?)?;
    let max_output_tokens = read_count(next("longest answer")?)?;
    let tiers = words.map(read_tier).collect::<Result<Vec<_>, _>>()?;
    if !tiers.is_sorted_by(|low, high| low.from < high.from) {
        return Err("tiers must rise".to_owned());
    }
    Ok((
        name,
        ModelFacts {
            mode,
            price: ModelPrice { rates, tiers },
            max_input_tokens,
            max_output_tokens,
        },
    ))
}

/// Reads dollars a million tokens; `-` is not known.
fn read_price(text: &str) -> Result<Option<PicoDollars>, String> {
    if text == "-" {
        return Ok(None);
    }
    let dollars: PicoDollars = text.parse().map_err(|error| format!("`{text}`: {error}"))?;
    if dollars.0 < 0 || dollars.0 % 1_000_000 != 0 {
        return Err(format!(
            "`{text}` is no price in whole millionths of a dollar"
        ));
    }
    Ok(Some(PicoDollars(dollars.0 / 1_000_000)))
}

/// Reads a number of tokens; `-` is not known.
fn read_count(text: &str) -> Result<Option<u64>, String> {
    if text == "-" {
        return Ok(None);
    }
    text.parse()
        .map(Some)
        .map_err(|error| format!("`{text}`: {error}"))
}

/// Reads `>N:input,output,…`.
fn read_tier(text: &str) -> Result<Tier, String> {
    let wrong = || format!("`{text}` is no tier");
    let (bound, rates) = text
        .strip_prefix('>')
        .and_then(|rest| rest.split_once(':'))
        .ok_or_else(wrong)?;
    let (bound, more) = match bound.strip_prefix('=') {
        Some(bound) => (bound, 0),
        None => (bound, 1),
    };
    let bound = read_count(bound)?.ok_or_else(wrong)?;
    let mut rates = rates.split(',').map(read_price);
    let mut next = || rates.next().transpose().map(Option::flatten);
    let tier = Tier {
        from: bound.saturating_add(more),
        rates: Rates {
            input: next()?,
            output: next()?,
            cache_read: next()?,
            cache_write: next()?,
            cache_write_1h: next()?,
        },
    };
    if tier.rates.input.is_none() || tier.rates.output.is_none() || rates.next().is_some() {
        return Err(wrong());
    }
    Ok(tier)
}

#[cfg(test)]
mod tests;
