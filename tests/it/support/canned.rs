//! Ready-made answers, as the real servers word them; a file a dialect.
//!
//! Each dialect gives whole bodies, stream frames, and a `server` that answers by path and by the
//! `stream` flag, so that most tests need one line.

pub mod anthropic;
pub mod ollama;
pub mod openai;

/// The words of `text`, each with the space before it, as models stream them.
pub fn words(text: &str) -> Vec<&str> {
    text.split_inclusive(' ').collect()
}

/// What the canned usage says a text costs: a token a word.
pub fn tokens(text: &str) -> usize {
    words(text).len()
}

/// Prompt tokens in every canned answer.
pub const PROMPT_TOKENS: usize = 19;
