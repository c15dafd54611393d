//! What a model answers, before any dialect writes it down: text, thoughts or a tool call, and the
//! rhythm in which it comes.

use std::time::Duration;

use fastrand::Rng;
use serde_json::Value;

use crate::demo::ask::Ask;
use crate::demo::profile::{Job, Model};
use crate::demo::{json, seed, text};

/// An answer in pieces of about one token each.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// Thoughts, sent apart from the text.
    pub(crate) thoughts: Vec<String>,
    /// The text.
    pub(crate) pieces: Vec<String>,
    /// A tool called: name and arguments.
    pub(crate) call: Option<(String, Value)>,
    /// Why it ends.
    pub(crate) end: End,
}

/// Why an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It was complete.
    Stop,
    /// It reached `max_tokens`.
    Length,
    /// It calls a tool.
    Call,
}

/// How fast an answer comes.
#[derive(Debug)]
pub(crate) struct Rhythm {
    first: Duration,
    step: Duration,
    rng: Rng,
}

impl Answer {
    /// What `model` answers to `ask`.
    pub(crate) fn compose(ask: &Ask, model: &Model, rng: &mut Rng) -> Self {
        let wanted = ask.think.unwrap_or(model.thinks > 0);
        let thoughts = if wanted {
            let n_tokens = seed::spread(rng, if model.thinks > 0 { model.thinks } else { 40 });
            text::thoughts(rng, &ask.about, usize::try_from(n_tokens).unwrap_or(30))
        } else {
            Vec::new()
        };
        let calls = !ask.tools.is_empty() && !ask.after_tool && seed::chance(rng, 550);
        if calls {
            let (name, schema) = &ask.tools[rng.usize(0..ask.tools.len())];
            let arguments = json::fitting(schema, &ask.about, rng);
            let call = Some((name.clone(), arguments));
            return Self {
                thoughts,
                pieces: Vec::new(),
                call,
                end: End::Call,
            };
        }
        let mut answer = Self {
            thoughts,
            pieces: pieces(ask, model, rng),
            call: None,
            end: End::Stop,
        };
        answer.shorten(ask.max_tokens);
        answer
    }

    /// Tokens of thoughts, text and call together.
    pub(crate) fn tokens(&self) -> u64 {
        let call = self.call.as_ref().map_or(0, |(name, arguments)| {
            8 + (name.len() + arguments.to_string().len()).div_ceil(4)
        });
        u64::try_from(self.thoughts.len() + self.pieces.len() + call).unwrap_or(u64::MAX)
    }

    /// Tokens of the thoughts alone.
    pub(crate) fn thought_tokens(&self) -> u64 {
        u64::try_from(self.thoughts.len()).unwrap_or(u64::MAX)
    }

    /// Cuts it where `max_tokens` says; thoughts count too.
    fn shorten(&mut self, max_tokens: Option<u64>) {
        let most = max_tokens.map_or(usize::MAX, |most| {
            usize::try_from(most).unwrap_or(usize::MAX)
        });
        if self.thoughts.len() + self.pieces.len() > most {
            self.thoughts.truncate(most);
            self.pieces.truncate(most - self.thoughts.len());
            self.end = End::Length;
        }
    }
}

fn pieces(ask: &Ask, model: &Model, rng: &mut Rng) -> Vec<String> {
    let about = ask.about.as_str();
    if let Some(schema) = &ask.json {
        let made = if schema.is_object() {
            json::fitting(schema, about, rng)
        } else {
            json::free(about, rng)
        };
        let mut pieces = Vec::new();
        text::cut(&made.to_string(), &mut pieces);
        return pieces;
    }
    let n_tokens = usize::try_from(seed::spread(rng, model.length)).unwrap_or(64);
    match model.job {
        Job::Code => text::code(rng, about, n_tokens),
        Job::Chat | Job::Embed(_) => text::prose(rng, about, n_tokens),
    }
}

impl Rhythm {
    /// The rhythm of `model` for a prompt of which `fresh` tokens must be read, `slower` times slower
    /// than on a good day.
    pub(crate) fn new(model: &Model, fresh: u64, slower: u32, rng: &mut Rng) -> Self {
        let wake = Duration::from_millis(seed::spread(rng, model.first_ms));
        let read = Duration::from_millis(fresh.saturating_mul(1000) / model.reads.max(1));
        let pace = rng.u32(85..=118);
        Self {
            first: (wake + read) * slower,
            step: Duration::from_micros(1_000_000 / model.writes.max(1)) * slower * pace / 100,
            rng: rng.fork(),
        }
    }

    /// Time until the first token.
    pub(crate) const fn first(&self) -> Duration {
        self.first
    }

    /// Time until the next token: uneven, as tokens are.
    pub(crate) fn next(&mut self) -> Duration {
        self.step * self.rng.u32(40..=160) / 100
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::profile::SERVERS;

    fn ask(text: &str) -> Ask {
        Ask {
            about: text.to_owned(),
            ..Ask::default()
        }
    }

    #[test]
    fn max_tokens_cuts_and_says_so() {
        let model = &SERVERS[0].models[0];
        for nth in 0..20 {
            let mut rng = seed::stream(5, "answer", nth);
            let mut question = ask("why");
            question.max_tokens = Some(7);
            let answer = Answer::compose(&question, model, &mut rng);
            assert_eq!((answer.tokens(), answer.end), (7, End::Length));
        }
    }

    #[test]
    fn tools_are_called_sometimes_and_never_right_after_their_result() {
        let model = &SERVERS[1].models[0];
        let mut question = ask("rain?");
        question.tools = vec![("weather".to_owned(), serde_json::json!({"type": "object"}))];
        let compose = |question: &Ask, nth| {
            Answer::compose(question, model, &mut seed::stream(5, "calls", nth))
        };
        let n_calls = (0..200)
            .filter(|nth| compose(&question, *nth).call.is_some())
            .count();
        assert!((70..150).contains(&n_calls), "{n_calls}");
        question.after_tool = true;
        assert!((0..50).all(|nth| compose(&question, nth).call.is_none()));
    }

    #[test]
    fn json_is_answered_where_json_is_wanted() {
        let mut question = ask("sort this");
        question.json = Some(Value::Null);
        let mut rng = seed::stream(5, "json", 0);
        let answer = Answer::compose(&question, &SERVERS[3].models[0], &mut rng);
        assert!(
            serde_json::from_str::<Value>(&answer.pieces.concat())
                .unwrap()
                .is_object()
        );
    }

    #[test]
    fn a_slow_day_is_slower() {
        let model = &SERVERS[1].models[0];
        let fast = Rhythm::new(model, 100, 1, &mut seed::stream(5, "pace", 0));
        let mut slow = Rhythm::new(model, 100, 6, &mut seed::stream(5, "pace", 0));
        assert_eq!(slow.first(), fast.first() * 6);
        assert!(slow.next() > Duration::from_millis(40));
    }
}
