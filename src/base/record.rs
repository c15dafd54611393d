//! What is written down about one request and each of its tries.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::base::{CallId, NanoDollars, Usage, Wall};

/// Which route a request came in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Surface {
    /// `/v1/chat/completions`
    Chat,
    /// `/v1/completions`
    Completions,
    /// `/v1/embeddings`
    Embeddings,
    /// `/v1/messages` (Anthropic)
    Messages,
    /// `/v1/messages/count_tokens`
    CountTokens,
    /// `/v1/rerank`
    Rerank,
    /// `/v1/audio/transcriptions`, `/v1/audio/translations`
    Transcription,
    /// `/v1/audio/speech`
    Speech,
    /// `/v1/images/*`
    Images,
    /// `/v1/moderations`
    Moderations,
}

impl Surface {
    /// All of them, in the order of their ledger codes.
    pub const ALL: [Self; 10] = [
        Self::Chat,
        Self::Completions,
        Self::Embeddings,
        Self::Messages,
        Self::CountTokens,
        Self::Rerank,
        Self::Transcription,
        Self::Speech,
        Self::Images,
        Self::Moderations,
    ];

    /// LiteLLM's `call_type`.
    pub const fn call_type(self) -> &'static str {
        match self {
            Self::Chat => "acompletion",
            Self::Completions => "atext_completion",
            Self::Embeddings => "aembedding",
            Self::Messages => "anthropic_messages",
            Self::CountTokens => "count_tokens",
            Self::Rerank => "arerank",
            Self::Transcription => "atranscription",
            Self::Speech => "aspeech",
            Self::Images => "aimage_generation",
            Self::Moderations => "amoderation",
        }
    }
}

/// How one try ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// The answer came in full.
    Served,
    /// It failed; another try followed, or the client got an error.
    Failed,
    /// It died after content had gone to the client.
    Cut,
    /// The client left.
    Cancelled,
}

/// One try of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The deployment's id (`x-litellm-model-id`).
    pub deployment: Arc<str>,
    /// Its short name for people: `ollama/llama3.2 @ 192.168.1.50`.
    pub backend: Arc<str>,
    /// The group it was tried for.
    pub group: Arc<str>,
    /// The host, as `scheme://host:port`.
    pub host: Arc<str>,
    /// Why this deployment: `order 1 of 2`, `retry 1: 429`, `fallback from chat: connect` …
    pub reason: String,
    /// From the request's arrival to the start of this try, in microseconds.
    pub started_us: u64,
    /// From the start of the try to its end, in microseconds.
    pub took_us: u64,
    /// From the start of the try to its first content, in microseconds.
    pub first_token_us: Option<u64>,
    /// The upstream's status, when it answered.
    pub status: Option<u16>,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// `FaultKind::word`, empty when it was served.
    pub error: String,
    /// What went wrong in a sentence; empty when it was served.
    pub message: String,
}

/// One request, from arrival to its last byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRecord {
    /// `x-litellm-call-id`; the ledger's `request_id`. Not unique: a client may choose it.
    pub call_id: CallId,
    /// When it arrived.
    pub started: Wall,
    /// From arrival to the last byte (or the end of it), in microseconds.
    pub took_us: u64,
    /// From arrival to the first content sent to the client, in microseconds.
    pub first_token_us: Option<u64>,
    /// Time spent in the gateway itself before the first byte went upstream, in microseconds.
    pub overhead_us: u64,
    /// The route it came by.
    pub surface: Surface,
    /// The model the client asked for.
    pub client_model: Arc<str>,
    /// The group that served it (after alias and fallback); empty when none was chosen.
    pub group: Arc<str>,
    /// The deployment that served it, or was tried last: its id. Empty when none.
    pub deployment: Arc<str>,
    /// Its upstream model (`llama3.2`).
    pub model: Arc<str>,
    /// Its provider (`ollama`, `openai`).
    pub provider: Arc<str>,
    /// Its host, as `scheme://host:port`.
    pub host: Arc<str>,
    /// Tokens, as the upstream counted them; `None` when it never said.
    pub usage: Option<Usage>,
    /// The window of the model that served it, in tokens, when known.
    pub window: Option<u64>,
    /// What it cost; `None` is unpriced, not free.
    pub cost: Option<NanoDollars>,
    /// The status the client got. A stream cut after its start keeps 200.
    pub status: u16,
    /// `FaultKind::word` of what the client was told, empty when all went well.
    pub error: String,
    /// The key's name (never the key): `master`, a key's alias, or empty without a key.
    pub key: Arc<str>,
    /// The end user the client named, or empty.
    pub end_user: String,
    /// The client's `User-Agent`, cut at 200 bytes.
    pub user_agent: Arc<str>,
    /// The client's address without its port.
    pub client_addr: Arc<str>,
    /// Tags, for routing and for accounting.
    pub tags: Vec<String>,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// Further tries within one group.
    pub retries: u32,
    /// Changes of group.
    pub fallbacks: u32,
    /// Bytes of the request body.
    pub bytes_in: u64,
    /// Bytes of the answer sent to the client.
    pub bytes_out: u64,
    /// Every try, in order.
    pub attempts: Vec<Attempt>,
}

impl RequestRecord {
    /// Whether the client got all it asked for.
    pub fn is_ok(&self) -> bool {
        self.error.is_empty() && self.status < 400
    }
}
