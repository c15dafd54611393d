//! What went wrong with a request: whose fault it is, whether to try again, what the client may read.
//!
//! A [`Fault`] carries no status code of ours: `proxy::respond` alone turns one into an answer.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Whose fault it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The request cannot be served by anybody as it stands.
    Client,
    /// The backend failed.
    Upstream,
    /// We failed, or have nobody to send it to.
    Gateway,
}

/// What kind of thing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    // --- the client's side
    /// The body or a parameter is wrong.
    InvalidRequest,
    /// No group, alias, wildcard or deployment has this name.
    UnknownModel,
    /// No key was sent.
    NoKey,
    /// The key is wrong.
    BadKey,
    /// The request may not do this: tags, foreign origin.
    Forbidden,
    /// The body is over the limit.
    TooLarge,
    /// The body did not come in time.
    SlowBody,
    /// No such route.
    NoRoute,
    /// The route exists, the method does not.
    NoMethod,
    /// The chosen backends cannot do what was asked, and `drop_params` is off.
    Unsupported,
    /// The client went away.
    ClientGone,
    // --- the upstream's side
    /// The prompt is longer than the model's window.
    ContextWindow,
    /// The provider's content policy refused.
    ContentPolicy,
    /// The upstream refused the request itself: 400, 405, 409, 413, 422 and other 4xx.
    Refused,
    /// The upstream refused our credential: 401, 403.
    UpstreamAuth,
    /// The account is out of money: 402.
    Payment,
    /// The upstream does not know the model or path: 404.
    UpstreamNotFound,
    /// The upstream limits our rate: 429.
    RateLimited,
    /// The upstream is overloaded or loading: 503, 529.
    Overloaded,
    /// The upstream broke: other 5xx.
    UpstreamError,
    /// No connection: refused, unreachable, DNS, TLS.
    Connect,
    /// No answer, or no next byte, within the time-out; also upstream 408.
    Timeout,
    /// The connection ended in the middle of an answer.
    Reset,
    /// The answer makes no sense: not JSON, not the dialect, over the limit.
    BadAnswer,
    /// The host went down while the attempt was waiting; it was abandoned.
    HostDown,
    // --- the gateway's side
    /// Every candidate is cooling down, down, off, or has been tried.
    NoDeployment,
    /// We are shutting down.
    Draining,
    /// Too many connections or requests.
    Busy,
    /// A defect of ours.
    Internal,
}

impl FaultKind {
    /// Whose fault this kind is.
    pub const fn side(self) -> Side {
        match self {
            Self::InvalidRequest
            | Self::UnknownModel
            | Self::NoKey
            | Self::BadKey
            | Self::Forbidden
            | Self::TooLarge
            | Self::SlowBody
            | Self::NoRoute
            | Self::NoMethod
            | Self::Unsupported
            | Self::ClientGone => Side::Client,
            Self::NoDeployment | Self::Draining | Self::Busy | Self::Internal => Side::Gateway,
            _ => Side::Upstream,
        }
    }

    /// A short, stable word for logs, the ledger and the dashboard: `rate_limit`, `connect` …
    pub const fn word(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::UnknownModel => "unknown_model",
            Self::NoKey => "no_key",
            Self::BadKey => "bad_key",
            Self::Forbidden => "forbidden",
            Self::TooLarge => "too_large",
            Self::SlowBody => "slow_body",
            Self::NoRoute => "no_route",
            Self::NoMethod => "no_method",
            Self::Unsupported => "unsupported",
            Self::ClientGone => "client_gone",
            Self::ContextWindow => "context_window",
            Self::ContentPolicy => "content_policy",
            Self::Refused => "refused",
            Self::UpstreamAuth => "auth",
            Self::Payment => "payment",
            Self::UpstreamNotFound => "not_found",
            Self::RateLimited => "rate_limit",
            Self::Overloaded => "overloaded",
            Self::UpstreamError => "upstream_error",
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::BadAnswer => "bad_answer",
            Self::HostDown => "host_down",
            Self::NoDeployment => "no_deployment",
            Self::Draining => "draining",
            Self::Busy => "busy",
            Self::Internal => "internal",
        }
    }

    /// Whether another try, on this or another deployment, may end better.
    pub const fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::RateLimited
                | Self::Overloaded
                | Self::UpstreamError
                | Self::Connect
                | Self::Timeout
                | Self::Reset
                | Self::BadAnswer
                | Self::HostDown
        )
    }
}

/// One thing that went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}: {message}", kind.word())]
pub struct Fault {
    /// What kind.
    pub kind: FaultKind,
    /// The status the upstream answered with, when it answered.
    pub upstream_status: Option<u16>,
    /// What the client may read. No secret, no upstream credential, no internal address.
    pub message: String,
    /// What the log needs besides; empty when nothing.
    pub detail: String,
    /// The request member at fault (`model`, `messages`), when one is known.
    pub param: Option<String>,
    /// How long the upstream, or the soonest cooldown, asks to wait.
    pub retry_after: Option<Duration>,
}

impl Fault {
    /// A fault of this kind with a text for the client.
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            upstream_status: None,
            message: message.into(),
            detail: String::new(),
            param: None,
            retry_after: None,
        }
    }

    /// A fault in the client's request.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(FaultKind::InvalidRequest, message)
    }

    /// Adds what the log needs.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Names the request member at fault.
    #[must_use]
    pub fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// Adds the status the upstream answered with.
    #[must_use]
    pub const fn status(mut self, status: u16) -> Self {
        self.upstream_status = Some(status);
        self
    }

    /// Adds how long to wait.
    #[must_use]
    pub const fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Whose fault it is.
    pub const fn side(&self) -> Side {
        self.kind.side()
    }
}
