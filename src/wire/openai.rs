//! The OpenAI dialect: chat completions, legacy completions, embeddings.
//!
//! | to and from the neutral form | bytes passed through |
//! |---|---|
//! | [`parse_request`], [`write_request`] | [`StreamRelay`]: event by event |
//! | [`parse_answer`], [`write_answer`] | [`relay_answer`]: a whole answer |
//! | [`Reader`], [`Writer`]: streams | |
//!
//! Pure: knows how vLLM, llama.cpp and Ollama deviate, but not who is asked or why.

mod answer;
mod chunk;
mod completion;
mod effort;
mod embedding;
mod error;
mod field;
mod finish;
mod message;
mod observe;
mod reader;
mod relay;
mod request;
#[cfg(test)]
mod tests;
mod thought;
mod turns;
mod usage;
mod write;
mod writer;

pub use self::answer::{parse_answer, parse_answer_named, write_answer};
pub use self::completion::{CompletionWriter, parse_completion_request, write_completion_answer};
pub use self::embedding::{
    EmbedAnswer, EmbedRequest, Encoding, Input, parse_embed_request, write_embed_answer,
};
pub use self::error::parse_error;
pub use self::reader::Reader;
pub use self::relay::{StreamRelay, relay_answer};
pub use self::request::parse_request;
pub use self::usage::push_usage;
pub use self::write::{LONGEST_NAME, wants_completion_tokens, write_request};
pub use self::writer::Writer;

/// What ends every stream of this dialect.
pub const DONE: &[u8] = b"data: [DONE]\n\n";
