//! The neutral form of a chat exchange: what a client asks, what a stream says, what an answer is.
//!
//! It is richer than any one dialect, so that nothing is lost between two that both have a thing.
//! Members that no dialect of ours knows ride along in `extra` under their original names.

use serde_json::{Map, Value};

use crate::base::Usage;

/// A chat request.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Request {
    /// The model as the client named it.
    pub model: String,
    /// The conversation, system messages included where they stood.
    pub messages: Vec<Message>,
    /// Tools on offer.
    pub tools: Vec<Tool>,
    /// Which tool must, may or must not be called.
    pub tool_choice: Option<ToolChoice>,
    /// `parallel_tool_calls`
    pub parallel_tool_calls: Option<bool>,
    /// Most tokens of the answer.
    pub max_tokens: Option<u64>,
    /// `temperature`
    pub temperature: Option<f64>,
    /// `top_p`
    pub top_p: Option<f64>,
    /// `top_k`
    pub top_k: Option<u64>,
    /// `seed`
    pub seed: Option<i64>,
    /// `frequency_penalty`
    pub frequency_penalty: Option<f64>,
    /// `presence_penalty`
    pub presence_penalty: Option<f64>,
    /// Texts that end the answer.
    pub stop: Vec<String>,
    /// How many answers; 1 when absent.
    pub n: Option<u64>,
    /// What form the answer must have.
    pub format: Option<Format>,
    /// How hard to think.
    pub thinking: Option<Thinking>,
    /// Who the end user is.
    pub user: Option<String>,
    /// Whether a stream is asked for.
    pub stream: bool,
    /// Whether the client asked for usage at the end of its stream.
    pub include_usage: bool,
    /// Everything else, under its own name (`keep_alive`, `num_ctx`, `logit_bias`, …).
    pub extra: Map<String, Value>,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// `system` or `developer`
    System,
    /// `user`
    User,
    /// `assistant`
    Assistant,
}

/// One message. A tool's result is a [`Part::ToolResult`] in a user message.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said, in order.
    pub parts: Vec<Part>,
    /// The speaker's name, where a dialect has one.
    pub name: Option<String>,
}

/// A piece of a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Text; `cache` marks Anthropic's `cache_control` as it was written.
    Text {
        /// The text.
        text: String,
        /// `cache_control`, as it was written.
        cache: Option<Value>,
    },
    /// A picture; `cache` as with text.
    Image {
        /// The picture.
        image: Image,
        /// `cache_control`, as it was written.
        cache: Option<Value>,
    },
    /// A file or document, as base64 or by reference, in the client's own shape.
    File(Value),
    /// A part of some other kind (audio, video …), kept as it was written.
    Other(Value),
    /// Reasoning of an earlier turn.
    Thinking {
        /// The reasoning's text.
        text: String,
        /// Anthropic's signature over it.
        signature: Option<String>,
    },
    /// Reasoning that only the provider can read.
    RedactedThinking {
        /// The opaque data.
        data: String,
    },
    /// A tool the assistant called.
    ToolCall(ToolCall),
    /// What a tool answered.
    ToolResult {
        /// Which call it answers.
        id: String,
        /// The tool's name, where a dialect has it.
        name: Option<String>,
        /// The answer: text and images.
        parts: Vec<Self>,
        /// Whether the tool failed.
        is_error: bool,
    },
}

impl Part {
    /// Plain text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text {
            text: text.into(),
            cache: None,
        }
    }

    /// A picture without a mark.
    pub const fn image(image: Image) -> Self {
        Self::Image { image, cache: None }
    }

    /// The place of `cache_control`, where a part has one.
    pub const fn cache_mut(&mut self) -> Option<&mut Option<Value>> {
        match self {
            Self::Text { cache, .. } | Self::Image { cache, .. } => Some(cache),
            _ => None,
        }
    }
}

/// A picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Image {
    /// By address.
    Url {
        /// The address.
        url: String,
        /// OpenAI's `detail`.
        detail: Option<String>,
    },
    /// By its bytes.
    Base64 {
        /// `image/png`
        media_type: String,
        /// The bytes in base64, without a `data:` head.
        data: String,
    },
}

/// A tool on offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tool {
    /// A function the client runs.
    Function {
        /// Its name.
        name: String,
        /// What it does.
        description: Option<String>,
        /// JSON schema of its arguments.
        schema: Value,
        /// OpenAI's `strict`.
        strict: Option<bool>,
        /// `cache_control`, as it was written.
        cache: Option<Value>,
    },
    /// A tool the provider runs, in the client's own shape.
    Hosted(Value),
}

/// Which tool must, may or must not be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolChoice {
    /// As the model likes.
    Auto,
    /// None.
    None,
    /// Some tool.
    Required,
    /// This one.
    Function(String),
}

/// A tool call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    /// Its id; empty when the dialect has none.
    pub id: String,
    /// The function.
    pub name: String,
    /// The arguments as JSON text, exactly as they came where they came as text.
    pub arguments: String,
}

/// What form the answer must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// Any JSON object.
    Json,
    /// JSON after this schema.
    Schema {
        /// OpenAI's name for it.
        name: Option<String>,
        /// The schema.
        schema: Value,
        /// OpenAI's `strict`.
        strict: Option<bool>,
    },
}

/// How hard to think.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Thinking {
    /// Not at all.
    Off,
    /// As much as the model likes (Ollama's `think: true`, Anthropic's adaptive).
    On,
    /// `reasoning_effort`: `minimal`, `low`, `medium`, `high` …
    Effort(String),
    /// So many tokens (Anthropic's `budget_tokens`).
    Budget(u64),
}

/// Why an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finish {
    /// It was complete, or a stop text was met.
    Stop,
    /// A stop text was met, and this one (Anthropic tells).
    StopSequence(String),
    /// It met the limit of tokens.
    Length,
    /// It calls tools.
    ToolCalls,
    /// The provider filtered it.
    ContentFilter,
    /// The server gave up (vLLM's `abort`): a failure, not an ending.
    Abort,
    /// Some other word.
    Other(String),
}

/// One thing a stream says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The answer begins.
    Start {
        /// The upstream's id for it.
        id: Option<String>,
        /// The upstream's name for the model.
        model: Option<String>,
    },
    /// Text of the answer.
    Text {
        /// Which choice.
        choice: u32,
        /// The text.
        text: String,
    },
    /// Text of the reasoning.
    Thinking {
        /// Which choice.
        choice: u32,
        /// The text.
        text: String,
    },
    /// Anthropic's signature over the reasoning so far.
    Signature {
        /// Which choice.
        choice: u32,
        /// The signature.
        signature: String,
    },
    /// Reasoning that only the provider can read.
    RedactedThinking {
        /// Which choice.
        choice: u32,
        /// The opaque data.
        data: String,
    },
    /// A tool call begins.
    ToolStart {
        /// Which choice.
        choice: u32,
        /// Which call of the choice, from 0.
        index: u32,
        /// Its id; empty when the dialect has none.
        id: String,
        /// The function.
        name: String,
    },
    /// More of a tool call's arguments, as JSON text.
    ToolArguments {
        /// Which choice.
        choice: u32,
        /// Which call of the choice, from 0.
        index: u32,
        /// The piece.
        piece: String,
    },
    /// A choice ended.
    Finish {
        /// Which choice.
        choice: u32,
        /// Why.
        reason: Finish,
    },
    /// Tokens so far, or in all; may come more than once, see [`Usage::max`].
    Usage(Usage),
    /// The upstream says it failed.
    Error {
        /// The status it would have used, when it says.
        status: Option<u16>,
        /// Its own word for the kind (`overloaded_error`).
        kind: String,
        /// Its message.
        message: String,
    },
    /// The upstream says the stream is complete (`[DONE]`, `message_stop`, `done: true`).
    Done,
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    /// The upstream's id for it; empty when it gave none.
    pub id: String,
    /// The model to name in the answer.
    pub model: String,
    /// When, in seconds since 1970; 0 when the upstream did not say.
    pub created: i64,
    /// The answers, by index.
    pub choices: Vec<Choice>,
    /// Tokens, when the upstream counted them.
    pub usage: Option<Usage>,
}

/// One of an answer's choices.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Choice {
    /// What is said, thinking and tool calls included, in order.
    pub parts: Vec<Part>,
    /// Why it ended.
    pub finish: Option<Finish>,
}
