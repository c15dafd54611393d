//! Turns a fault into an answer: the only place that picks a status for an error.
//!
//! Statuses and types are LiteLLM's; the shape is the client's dialect. Upstream messages carry
//! LiteLLM's class in front, since clients look for it.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde_json::json;

use crate::base::{Fault, FaultKind, Side};
use crate::proxy::body::Body;

/// The dialect a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// OpenAI's API.
    OpenAi,
    /// Anthropic Messages.
    Anthropic,
}

/// What is told to a client about a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The status.
    pub status: StatusCode,
    /// The machine's word for it in the client's dialect.
    pub kind: &'static str,
    /// The sentence.
    pub message: String,
}

/// The answer for a fault, complete.
pub fn respond(client: Client, fault: &Fault) -> Response<Body> {
    let told = tell(client, fault);
    let body = match client {
        Client::OpenAi => json!({ "error": {
            "message": told.message,
            "type": told.kind,
            "param": fault.param,
            "code": told.status.as_str(),
        }}),
        Client::Anthropic => json!({
            "type": "error",
            "error": { "type": told.kind, "message": told.message },
        }),
    };
    let mut response = Response::new(Body::full(Bytes::from(body.to_string())));
    *response.status_mut() = told.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    add_hints(headers, fault);
    response
}

/// Status, type and sentence for a fault; also what an error event in a stream says.
pub fn tell(client: Client, fault: &Fault) -> Told {
    let status = status(fault);
    let kind = match client {
        Client::OpenAi => openai_type(fault, status),
        Client::Anthropic => anthropic_type(fault, status),
    };
    Told {
        status,
        kind,
        message: sentence(fault),
    }
}

fn add_hints(headers: &mut HeaderMap, fault: &Fault) {
    if let Some(wait) = fault.retry_after {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    }
}

fn status(fault: &Fault) -> StatusCode {
    let upstream = fault
        .upstream_status
        .and_then(|code| StatusCode::from_u16(code).ok());
    match fault.kind {
        FaultKind::InvalidRequest
        | FaultKind::UnknownModel
        | FaultKind::Unsupported
        | FaultKind::ContextWindow
        | FaultKind::ContentPolicy => StatusCode::BAD_REQUEST,
        FaultKind::NoKey | FaultKind::BadKey => StatusCode::UNAUTHORIZED,
        FaultKind::Forbidden => StatusCode::FORBIDDEN,
        FaultKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        FaultKind::NoRoute => StatusCode::NOT_FOUND,
        FaultKind::NoMethod => StatusCode::METHOD_NOT_ALLOWED,
        // Nobody reads it; the log and the ledger do.
        FaultKind::ClientGone => StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
        FaultKind::Refused => upstream
            .filter(StatusCode::is_client_error)
            .unwrap_or(StatusCode::BAD_REQUEST),
        FaultKind::UpstreamAuth => upstream.unwrap_or(StatusCode::UNAUTHORIZED),
        FaultKind::Payment => StatusCode::PAYMENT_REQUIRED,
        FaultKind::UpstreamNotFound => StatusCode::NOT_FOUND,
        FaultKind::RateLimited | FaultKind::NoDeployment => StatusCode::TOO_MANY_REQUESTS,
        FaultKind::Overloaded | FaultKind::Draining | FaultKind::Busy => {
            StatusCode::SERVICE_UNAVAILABLE
        },
        FaultKind::UpstreamError => upstream
            .filter(StatusCode::is_server_error)
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        FaultKind::Timeout | FaultKind::SlowBody => StatusCode::REQUEST_TIMEOUT,
        FaultKind::Connect
        | FaultKind::Reset
        | FaultKind::BadAnswer
        | FaultKind::HostDown
        | FaultKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn openai_type(fault: &Fault, status: StatusCode) -> &'static str {
    match fault.kind {
        FaultKind::NoKey => "auth_error",
        FaultKind::BadKey => "token_not_found_in_db",
        FaultKind::NoDeployment => "all_deployments_in_cooldown",
        FaultKind::NoRoute => "not_found_error",
        _ => match status.as_u16() {
            401 => "authentication_error",
            403 => "permission_error",
            429 => "rate_limit_error",
            400..=499 => "invalid_request_error",
            _ => "internal_server_error",
        },
    }
}

fn anthropic_type(fault: &Fault, status: StatusCode) -> &'static str {
    match (fault.kind, status.as_u16()) {
        (FaultKind::Overloaded, _) => "overloaded_error",
        (FaultKind::Timeout, _) => "timeout_error",
        (_, 401) => "authentication_error",
        (_, 402) => "billing_error",
        (_, 403) => "permission_error",
        (_, 404) => "not_found_error",
        (_, 413) => "request_too_large",
        (_, 429) => "rate_limit_error",
        (_, 400..=499) => "invalid_request_error",
        _ => "api_error",
    }
}

/// LiteLLM's class for what an upstream did; clients search for these names.
const fn class(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::ContextWindow => "ContextWindowExceededError",
        FaultKind::ContentPolicy => "ContentPolicyViolationError",
        FaultKind::Refused => "BadRequestError",
        FaultKind::UpstreamAuth => "AuthenticationError",
        FaultKind::Payment => "PaymentRequiredError",
        FaultKind::UpstreamNotFound => "NotFoundError",
        FaultKind::RateLimited => "RateLimitError",
        FaultKind::Overloaded => "ServiceUnavailableError",
        FaultKind::Timeout => "Timeout",
        FaultKind::Connect | FaultKind::Reset | FaultKind::HostDown => "APIConnectionError",
        FaultKind::BadAnswer => "APIResponseValidationError",
        _ => "InternalServerError",
    }
}

fn sentence(fault: &Fault) -> String {
    match fault.side() {
        Side::Upstream => format!("litellm.{}: {}", class(fault.kind), fault.message),
        Side::Client if fault.kind == FaultKind::Unsupported => {
            format!("litellm.UnsupportedParamsError: {}", fault.message)
        },
        Side::Client | Side::Gateway => fault.message.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn statuses_and_types_are_litellms() {
        let cases = [
            (Fault::invalid("x"), 400, "invalid_request_error"),
            (Fault::new(FaultKind::NoKey, "x"), 401, "auth_error"),
            (
                Fault::new(FaultKind::BadKey, "x"),
                401,
                "token_not_found_in_db",
            ),
            (
                Fault::new(FaultKind::Forbidden, "x"),
                403,
                "permission_error",
            ),
            (
                Fault::new(FaultKind::TooLarge, "x"),
                413,
                "invalid_request_error",
            ),
            (
                Fault::new(FaultKind::RateLimited, "x").status(429),
                429,
                "rate_limit_error",
            ),
            (
                Fault::new(FaultKind::NoDeployment, "x"),
                429,
                "all_deployments_in_cooldown",
            ),
            (
                Fault::new(FaultKind::Refused, "x").status(422),
                422,
                "invalid_request_error",
            ),
            (
                Fault::new(FaultKind::UpstreamError, "x").status(502),
                502,
                "internal_server_error",
            ),
            (
                Fault::new(FaultKind::UpstreamAuth, "x").status(403),
                403,
                "permission_error",
            ),
            (
                Fault::new(FaultKind::Connect, "x"),
                500,
                "internal_server_error",
            ),
            (
                Fault::new(FaultKind::Timeout, "x"),
                408,
                "invalid_request_error",
            ),
            (
                Fault::new(FaultKind::SlowBody, "x"),
                408,
                "invalid_request_error",
            ),
            (
                Fault::new(FaultKind::Overloaded, "x").status(529),
                503,
                "internal_server_error",
            ),
        ];
        for (fault, status, kind) in cases {
            let told = tell(Client::OpenAi, &fault);
            assert_eq!(
                (told.status.as_u16(), told.kind),
                (status, kind),
                "{fault:?}"
            );
        }
    }

    #[test]
    fn anthropic_clients_get_anthropic_words() {
        let told = |kind| tell(Client::Anthropic, &Fault::new(kind, "x")).kind;
        assert_eq!(told(FaultKind::Overloaded), "overloaded_error");
        assert_eq!(told(FaultKind::RateLimited), "rate_limit_error");
        assert_eq!(told(FaultKind::TooLarge), "request_too_large");
        assert_eq!(told(FaultKind::Reset), "api_error");
    }

    #[test]
    fn upstream_faults_name_litellms_class_and_others_stand_alone() {
        let told = |kind| tell(Client::OpenAi, &Fault::new(kind, "why")).message;
        assert_eq!(
            told(FaultKind::ContextWindow),
            "litellm.ContextWindowExceededError: why"
        );
        assert_eq!(told(FaultKind::NoDeployment), "why");
    }

    #[test]
    fn a_wait_is_rounded_up_to_seconds() {
        let fault =
            Fault::new(FaultKind::NoDeployment, "x").retry_after(Duration::from_millis(1_200));
        let response = respond(Client::OpenAi, &fault);
        assert_eq!(response.headers()[RETRY_AFTER], "2");
    }
}
