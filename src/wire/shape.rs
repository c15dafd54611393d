//! The shapes every dialect's file shares: options of writers, what a relay observed, a frame.

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::base::Usage;
use crate::wire::Finish;

/// One whole event of a stream, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// All bytes of the event, its end (blank line, newline) included: what is forwarded.
    pub raw: Bytes,
    /// The value of its `event:` field; empty when it has none (always for NDJSON).
    pub event: Bytes,
    /// Its `data:` lines joined by newlines, or the NDJSON line; empty for a comment.
    pub data: Bytes,
}

impl Frame {
    /// Whether it is only a comment or a field that carries no data.
    pub const fn is_comment(&self) -> bool {
        self.data.is_empty()
    }
}

/// How a request is to be written for an upstream.
#[derive(Debug, Clone, Copy)]
pub struct WriteOptions<'a> {
    /// The upstream's name for the model.
    pub model: &'a str,
    /// Leave out what the dialect cannot say instead of refusing.
    pub drop_params: bool,
    /// Members to leave out in any case (`additional_drop_params`).
    pub drop: &'a [String],
    /// Members to put in where the client sent none (a deployment's defaults).
    pub defaults: &'a Map<String, Value>,
    /// Most tokens of the answer where the client did not say and the dialect must (Anthropic).
    pub max_tokens: u64,
}

/// A request written for an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The body.
    pub body: Vec<u8>,
    /// Names of members that were left out because the dialect cannot say them.
    pub dropped: Vec<String>,
}

/// How a stream or answer is to be written for a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriterOptions {
    /// The model as the client asked for it.
    pub model: String,
    /// The id to give where the upstream gave none.
    pub id: String,
    /// When, in seconds since 1970.
    pub created: i64,
    /// Whether the client wants usage at the end of its stream (OpenAI's `include_usage`).
    pub include_usage: bool,
}

/// What an upstream said of its own failure.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UpstreamError {
    /// The status it names, when it does.
    pub status: Option<u16>,
    /// Its word for the kind: `rate_limit_error`, `exceed_context_size_error`; empty when none.
    pub kind: String,
    /// Its code: `context_length_exceeded`; empty when none.
    pub code: String,
    /// The request member it blames; empty when none.
    pub param: String,
    /// Its message.
    pub message: String,
}

/// What was seen in bytes that were forwarded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observed {
    /// Content for the client: text, reasoning, a tool call, audio. The first one ends failover.
    pub content: bool,
    /// Why a choice ended.
    pub finish: Option<Finish>,
    /// Which choices ended.
    pub ended: Choices,
    /// Tokens.
    pub usage: Option<Usage>,
    /// The upstream says it failed.
    pub error: Option<UpstreamError>,
    /// The upstream says the stream is complete.
    pub done: bool,
}

/// A set of choices, by index. Those past the largest share the last place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Choices(u128);

impl Choices {
    /// The most that are told apart.
    pub const MOST: u32 = u128::BITS;

    /// Puts a choice in.
    pub fn add(&mut self, index: u32) {
        self.0 |= 1 << index.min(Self::MOST - 1);
    }

    /// Puts in all that another set holds.
    pub const fn join(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// How many there are.
    pub const fn count(self) -> u32 {
        self.0.count_ones()
    }
}
