//! Errors in Anthropic's shape, both ways.

use crate::wire::emit;
use crate::wire::failure;
use crate::wire::shape::UpstreamError;

/// Reads what an upstream answered with this status, whatever shape it chose.
pub fn parse_error(status: u16, body: &[u8]) -> UpstreamError {
    failure::read(status, body)
}

/// Writes an error's body: `{"type":"error","error":{"type":…,"message":…}}`.
pub fn write_error(kind: &str, message: &str) -> Vec<u8> {
    let mut body = Vec::with_capacity(message.len() + kind.len() + 64);
    emit::object(&mut body, |o| {
        o.put("type", "error").object("error", |o| {
            o.put("type", kind).put("message", message);
        });
    });
    body
}

/// The status Anthropic gives with an error of this kind; `None` for a kind it does not have.
pub fn status_of(kind: &str) -> Option<u16> {
    Some(match kind {
        "invalid_request_error" => 400,
        "authentication_error" => 401,
        "billing_error" => 402,
        "permission_error" => 403,
        "not_found_error" => 404,
        "request_too_large" => 413,
        "rate_limit_error" => 429,
        "api_error" => 500,
        "timeout_error" => 504,
        "overloaded_error" => 529,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let body = write_error("overloaded_error", "Over\"loaded\"");
        let text =
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Over\"loaded\""}}"#;
        assert_eq!(String::from_utf8_lossy(&body), text);
        let error = parse_error(529, &body);
        assert_eq!(
            (error.kind.as_str(), error.message.as_str()),
            ("overloaded_error", "Over\"loaded\"")
        );
        assert_eq!(status_of(&error.kind), Some(529));
        assert_eq!(status_of("other"), None);
    }
}
