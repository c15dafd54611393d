//! What an upstream's refusal means: status, headers and body → a fault.

use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use jiff::fmt::rfc2822;

use crate::base::{Fault, FaultKind, Secret};
use crate::config::{Dialect, Upstream};
use crate::net::{ResponseHead, SendFault, SendFaultKind};
use crate::provider::Backend;
use crate::wire::{UpstreamError, anthropic, ollama, openai};

/// Longest upstream message that is passed on, in characters.
const MESSAGE_CHARS: usize = 2_000;
/// Shortest secret that is looked for, in bytes.
const LEAST_SECRET: usize = 4;

/// Words by which servers say that a prompt is longer than the window.
const TOO_LONG: &[&str] = &[
    "context_length_exceeded",
    "exceed_context_size",
    "exceeds the available context size",
    "maximum context length",
    "context length exceeded",
    "prompt is too long",
    "input is too long",
    "exceeds the context window",
    "exceeds the maximum number of tokens",
    "input length exceeds",
    "too many tokens in the prompt",
    "context window",
    "reduce the length of the messages",
];

/// Words by which providers say that their policy refuses.
const POLICY: &[&str] = &[
    "content_policy_violation",
    "content_filter",
    "responsibleaipolicyviolation",
    "invalid_prompt",
    "content management policy",
    "violating our usage policy",
];

/// Words by which local servers say that the model cannot do such a thing at all, under statuses as
/// different as 400 (Ollama: tools, thinking) and 500 (llama.cpp: pictures). Another backend can.
const CANNOT: &[&str] = &[
    "does not support tools",
    "does not support thinking",
    "does not support chat",
    "does not support embeddings",
    "input is not supported",
    "tool choice requires --enable-auto-tool-choice",
    "is not a multimodal model",
];

/// The fault for an answer that is no success. `now_s` is the present second, for dates.
pub fn classify(backend: &Backend, head: &ResponseHead, body: &[u8], now_s: i64) -> Fault {
    let status = head.status;
    let error = match backend.dialect {
        Dialect::OpenAi => openai::parse_error(status.as_u16(), body),
        Dialect::Ollama => ollama::parse_error(status.as_u16(), body),
        Dialect::Anthropic => anthropic::parse_error(status.as_u16(), body),
    };
    let mut fault = said(&backend.provider, &error, Some(status.as_u16()));
    if let Some(wait) = retry_after(head, now_s) {
        fault = fault.retry_after(wait);
    }
    if status == StatusCode::FORBIDDEN && backend.dialect == Dialect::Ollama && body.is_empty() {
        fault =
            fault.detail("Ollama refuses this Host or Origin: set OLLAMA_HOST or OLLAMA_ORIGINS");
    }
    fault
}

/// The fault for what an upstream said of its own failure, in a body or in a stream.
///
/// It holds the upstream's own words: [`fit_to_tell`] comes before anybody reads them.
pub fn said(provider: &str, error: &UpstreamError, status: Option<u16>) -> Fault {
    let status = status.filter(|code| *code >= 400).or(error.status);
    let kind = kind(error, status);
    let text = match error.message.trim() {
        "" => format!("HTTP {}", status.unwrap_or(500)),
        text => text.to_owned(),
    };
    let mut fault = Fault::new(kind, format!("{provider}: {text}"));
    fault.upstream_status = status;
    if !error.param.is_empty() {
        fault = fault.param(error.param.clone());
    }
    fault
}

/// The fault for a request that got no answer.
pub fn send_fault(fault: &SendFault) -> Fault {
    let (kind, text) = match fault.kind {
        SendFaultKind::Connect => (FaultKind::Connect, "the backend cannot be reached"),
        SendFaultKind::Reset => (FaultKind::Reset, "the backend closed the connection"),
        SendFaultKind::Protocol => (FaultKind::BadAnswer, "the backend does not speak HTTP"),
    };
    Fault::new(kind, text).detail(fault.message.clone())
}

/// A fault without what an upstream repeated of its credentials, and no longer than anybody reads.
/// Every fault of an upstream's making goes through here before it is told, logged or written down.
pub fn fit_to_tell(mut fault: Fault, upstream: &Upstream) -> Fault {
    let headers = upstream.headers.iter().map(|(_name, value)| value);
    for secret in upstream.key.iter().chain(headers) {
        hide(&mut fault.message, secret);
        hide(&mut fault.detail, secret);
        if let Some(param) = &mut fault.param {
            hide(param, secret);
        }
    }
    for text in [&mut fault.message, &mut fault.detail] {
        if let Some((end, _char)) = text.char_indices().nth(MESSAGE_CHARS) {
            text.truncate(end);
        }
    }
    fault
}

/// Secrets too short to be told from words are left: hiding them would garble every message.
fn hide(text: &mut String, secret: &Secret) {
    let secret = secret.expose();
    if secret.len() >= LEAST_SECRET && text.contains(secret) {
        *text = text.replace(secret, "****");
    }
}

fn kind(error: &UpstreamError, status: Option<u16>) -> FaultKind {
    let says = |words: &[&str]| {
        let text = format!("{} {} {}", error.code, error.kind, error.message).to_lowercase();
        words.iter().any(|word| text.contains(word))
    };
    match status {
        Some(400 | 413 | 422) if says(TOO_LONG) => FaultKind::ContextWindow,
        Some(400 | 403 | 422) if says(POLICY) => FaultKind::ContentPolicy,
        Some(400 | 500) if says(CANNOT) => FaultKind::Unsupported,
        Some(400) if is_unknown_model(error) => FaultKind::UpstreamNotFound,
        Some(401 | 403) => FaultKind::UpstreamAuth,
        Some(402) => FaultKind::Payment,
        Some(404) => FaultKind::UpstreamNotFound,
        Some(408) => FaultKind::Timeout,
        Some(429) => FaultKind::RateLimited,
        Some(503 | 529) => FaultKind::Overloaded,
        // Ollama and llama.cpp, asked for what the model cannot do.
        Some(501) => FaultKind::Unsupported,
        Some(400..=499) => FaultKind::Refused,
        Some(_) => FaultKind::UpstreamError,
        None if says(TOO_LONG) => FaultKind::ContextWindow,
        None => match error.kind.as_str() {
            "overloaded_error" => FaultKind::Overloaded,
            "rate_limit_error" => FaultKind::RateLimited,
            "authentication_error" | "permission_error" => FaultKind::UpstreamAuth,
            "invalid_request_error" => FaultKind::Refused,
            _ => FaultKind::UpstreamError,
        },
    }
}

/// llama.cpp's router answers 400 for a model it does not have, where others answer 404.
fn is_unknown_model(error: &UpstreamError) -> bool {
    let message = error.message.to_lowercase();
    error.code == "model_not_found"
        || (message.starts_with("model '") && message.ends_with("' not found"))
}

/// `retry-after-ms`, else `Retry-After` in seconds or as a date.
fn retry_after(head: &ResponseHead, now_s: i64) -> Option<Duration> {
    let ms = head
        .get("retry-after-ms")
        .and_then(|text| text.parse::<f64>().ok());
    if let Some(ms) = ms {
        return Duration::try_from_secs_f64(ms / 1_000.0).ok();
    }
    let value = head.get("retry-after")?;
    if let Ok(seconds) = value.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let at: Timestamp = rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(Duration::from_secs(
        u64::try_from(at.as_second() - now_s).unwrap_or(0),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(status: u16, message: &str) -> FaultKind {
        let error = UpstreamError {
            message: message.to_owned(),
            ..UpstreamError::default()
        };
        said("x", &error, Some(status)).kind
    }

    #[test]
    fn statuses_and_words_tell_the_kind() {
        assert_eq!(
            error(400, "This model's maximum context length is 2048 tokens."),
            FaultKind::ContextWindow
        );
        assert_eq!(
            error(400, "prompt is too long: 250000 tokens > 200000 maximum"),
            FaultKind::ContextWindow
        );
        assert_eq!(
            error(400, "temperature must be below 2"),
            FaultKind::Refused
        );
        assert_eq!(error(403, "country not supported"), FaultKind::UpstreamAuth);
        assert_eq!(error(404, "model not found"), FaultKind::UpstreamNotFound);
        assert_eq!(
            error(400, "model 'x' not found"),
            FaultKind::UpstreamNotFound
        );
        assert_eq!(error(400, "tool 'x' not found"), FaultKind::Refused);
        for (status, message) in [
            (501, "this server has no embeddings"),
            (
                400,
                "registry.ollama.ai/library/gemma:2b does not support tools",
            ),
            (400, "\"gemma\" does not support thinking"),
            (
                500,
                "image input is not supported - hint: you may need the mmproj",
            ),
        ] {
            assert_eq!(error(status, message), FaultKind::Unsupported, "{message}");
        }
        assert_eq!(error(503, "server busy"), FaultKind::Overloaded);
        assert_eq!(error(529, "Overloaded"), FaultKind::Overloaded);
        assert_eq!(error(500, ""), FaultKind::UpstreamError);
    }

    #[test]
    fn our_key_is_never_repeated() {
        let secret = |text: &str| Secret::new(text.to_owned());
        let upstream = Upstream {
            provider: "openai".into(),
            dialect: Dialect::OpenAi,
            model: "m".into(),
            base: "http://h/v1".into(),
            key: Some(secret("sk-planted-1")),
            organization: None,
            headers: vec![("x-team".to_owned(), secret("team-planted-2"))],
            local: false,
        };
        let error = UpstreamError {
            message: "Incorrect API key provided: sk-planted-1.".to_owned(),
            param: "team-planted-2".to_owned(),
            ..UpstreamError::default()
        };
        let fault = fit_to_tell(said("openai", &error, Some(401)), &upstream);
        assert_eq!(fault.message, "openai: Incorrect API key provided: ****.");
        assert_eq!(fault.param.as_deref(), Some("****"));
        let long = Fault::new(FaultKind::UpstreamError, "é".repeat(3_000));
        let told = fit_to_tell(long, &upstream);
        assert_eq!(told.message.chars().count(), MESSAGE_CHARS);
    }

    #[test]
    fn waits_are_read_in_all_spellings() {
        let wait = |name: &'static str, value: &'static str| {
            let head = ResponseHead::of(StatusCode::TOO_MANY_REQUESTS, &[(name, value)]);
            retry_after(&head, 1_445_412_470)
        };
        assert_eq!(wait("retry-after", "20"), Some(Duration::from_secs(20)));
        assert_eq!(
            wait("retry-after-ms", "1500"),
            Some(Duration::from_millis(1_500))
        );
        let date = "Wed, 21 Oct 2015 07:28:00 GMT";
        assert_eq!(wait("retry-after", date), Some(Duration::from_secs(10)));
        assert_eq!(wait("retry-after", "soon"), None);
        assert_eq!(wait("retry-after", "-4"), None);
    }
}
