//! What passes between a server's socket side and its dialect: the call that came in, the desk it is
//! answered at, and the reply.

use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use http::{HeaderMap, Method};
use serde_json::Value;

use crate::base::{Mono, Wall};
use crate::demo::answer::{Answer, Rhythm};
use crate::demo::ask::Ask;
use crate::demo::play::Score;
use crate::demo::profile::{Model, Profile};
use crate::demo::seed;
use crate::demo::strain::{Bucket, Memory, Prefixes, Verdict};

/// Longer than any sane client waits for a first byte.
const HANG: Duration = Duration::from_mins(4);

/// A request as it came in.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What goes back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) kind: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    /// How long it takes until the head goes out.
    pub(crate) after: Duration,
    /// Whether it needs one of the server's slots.
    pub(crate) computes: bool,
    pub(crate) content: Content,
}

/// The body of a reply.
#[derive(Debug)]
pub(crate) enum Content {
    /// All at once.
    Whole(Bytes),
    /// In pieces.
    Stream(Score),
}

/// What a server remembers between requests.
#[derive(Debug, Default)]
pub(crate) struct Strain {
    pub(crate) buckets: Vec<(&'static str, Bucket)>,
    pub(crate) prefixes: Prefixes,
    pub(crate) memory: Memory,
}

/// What happens to a request by bad luck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Luck {
    Good,
    Internal,
    Overloaded,
    Hang,
    Die,
}

/// Where one request is answered.
#[derive(Debug)]
pub(crate) struct Desk<'a> {
    pub(crate) profile: &'static Profile,
    pub(crate) strain: &'a mut Strain,
    pub(crate) now: Mono,
    pub(crate) wall: Wall,
    pub(crate) slower: u32,
    pub(crate) rng: Rng,
}

/// An answer with all that its dialect writes beside it.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) answer: Answer,
    pub(crate) rhythm: Rhythm,
    /// How long the model took to load.
    pub(crate) load: Duration,
    /// Prompt tokens.
    pub(crate) prompt: u64,
    /// Of those, read from a cache.
    pub(crate) cached: u64,
    /// What goes wrong with it.
    pub(crate) luck: Luck,
}

impl Call {
    /// A header's text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

impl Reply {
    /// A JSON answer at once.
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::whole(status, "application/json", body.to_string())
    }

    /// Any answer at once.
    pub(crate) fn whole(status: u16, kind: &'static str, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            kind,
            headers: Vec::new(),
            after: Duration::ZERO,
            computes: false,
            content: Content::Whole(body.into()),
        }
    }

    /// A streamed answer. The head goes out with the first frame.
    pub(crate) fn stream(kind: &'static str, score: Score) -> Self {
        Self {
            computes: true,
            content: Content::Stream(score),
            ..Self::whole(200, kind, "")
        }
    }

    /// The same after `wait`, on one of the server's slots.
    pub(crate) fn computed(mut self, wait: Duration) -> Self {
        self.after = wait;
        self.computes = true;
        self
    }

    /// The same with one more header.
    pub(crate) fn with(mut self, name: &'static str, value: &(impl ToString + ?Sized)) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }
}

impl Desk<'_> {
    /// Draws what goes wrong with this request.
    pub(crate) fn luck(&mut self) -> Luck {
        let faults = self.profile.faults;
        let mut drawn = self.rng.u32(0..1000);
        let odds = [
            (faults.internal, Luck::Internal),
            (faults.overloaded, Luck::Overloaded),
            (faults.hang, Luck::Hang),
            (faults.die, Luck::Die),
        ];
        for (per_mille, luck) in odds {
            if drawn < per_mille {
                return luck;
            }
            drawn -= per_mille;
        }
        Luck::Good
    }

    /// Asks the model's rate limit; `None` where it has none.
    pub(crate) fn allow(&mut self, model: &Model) -> Option<Verdict> {
        let allowance = model.rpm?;
        let buckets = &mut self.strain.buckets;
        let place = buckets
            .iter()
            .position(|(name, _)| *name == model.name)
            .unwrap_or_else(|| {
                buckets.push((model.name, Bucket::full(allowance, self.now)));
                buckets.len() - 1
            });
        Some(buckets[place].1.take(allowance, self.now))
    }

    /// Lets the model answer. `prompt` is what it reads of the request, `caches` whether it keeps
    /// prompts it has read.
    pub(crate) fn tell(&mut self, ask: &Ask, model: &Model, prompt: u64, caches: bool) -> Told {
        let luck = self.luck();
        let seen = self.strain.prefixes.seen(ask.prefix, prompt);
        let cached = if caches && prompt >= 1024 {
            seen * 9 / 10 / 128 * 128
        } else {
            0
        };
        let answer = Answer::compose(ask, model, &mut self.rng);
        let rhythm = Rhythm::new(
            model,
            prompt - cached.min(prompt),
            self.slower,
            &mut self.rng,
        );
        let load = self.strain.memory.load(model, self.now);
        Told {
            answer,
            rhythm,
            load,
            prompt,
            cached,
            luck,
        }
    }

    /// `length` letters and digits.
    pub(crate) fn name(&mut self, length: usize) -> String {
        (0..length).map(|_| self.rng.alphanumeric()).collect()
    }

    /// `length` hexadecimal digits.
    pub(crate) fn hex(&mut self, length: usize) -> String {
        (0..length)
            .filter_map(|_| char::from_digit(self.rng.u32(0..16), 16))
            .collect()
    }

    /// A vector for a text: the same for the same text, of length one.
    pub(crate) fn vector(text: &str, dimensions: usize) -> Vec<f32> {
        let mut rng = Rng::with_seed(seed::hash(text));
        let raw: Vec<f32> = (0..dimensions).map(|_| rng.f32() - 0.5).collect();
        let length = raw
            .iter()
            .map(|number| number * number)
            .sum::<f32>()
            .sqrt()
            .max(f32::EPSILON);
        raw.iter().map(|number| number / length).collect()
    }
}

impl Told {
    /// Time until the first byte of an answer in pieces.
    pub(crate) fn first(&self) -> Duration {
        let hang = if self.luck == Luck::Hang {
            HANG
        } else {
            Duration::ZERO
        };
        self.load + self.rhythm.first() + hang
    }

    /// Time until the whole answer is there.
    pub(crate) fn total(&mut self) -> Duration {
        let n_tokens = self.answer.tokens();
        let rest: Duration = (1..n_tokens).map(|_| self.rhythm.next()).sum();
        self.first() + rest
    }
}
