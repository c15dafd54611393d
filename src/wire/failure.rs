//! Reads what an upstream said of its own failure, whatever shape it said it in.
//!
//! Servers that claim one dialect answer errors in another: `{"error": {…}}`, `{"error": "…"}`, a JSON
//! document inside a string, `{"detail": …}`, plain text, a proxy's HTML page, nothing at all. The
//! dialects' `parse_error` and stream readers call it; it judges nothing.

use serde_json::Value;

use crate::wire::shape::UpstreamError;

/// The most of a plain-text error that is kept, in characters.
const MOST_TEXT: usize = 600;

/// Reads the body of an answer with this status.
pub fn read(status: u16, body: &[u8]) -> UpstreamError {
    let mut error = match serde_json::from_slice::<Value>(body) {
        Ok(value) => read_value(&value),
        Err(_) => UpstreamError {
            message: plain(body),
            ..UpstreamError::default()
        },
    };
    if error.message.is_empty() {
        error.message = format!("the upstream answered status {status} without a message");
    }
    error.status = Some(status);
    error
}

/// Reads an error as JSON; its message is empty when there is none.
pub fn read_value(value: &Value) -> UpstreamError {
    let body = match value.get("error") {
        Some(error) if !error.is_null() => error,
        _ => value,
    };
    let mut error = UpstreamError {
        status: status_in(body),
        kind: word(body, "type"),
        code: word(body, "code"),
        param: word(body, "param"),
        message: message_in(body),
    };
    unwrap_nested(&mut error);
    error
}

/// Takes apart a message that is itself a JSON document with an `error` in it.
fn unwrap_nested(error: &mut UpstreamError) {
    if !error.message.starts_with('{') {
        return;
    }
    let Ok(inner @ Value::Object(_)) = serde_json::from_str::<Value>(&error.message) else {
        return;
    };
    let body = inner.get("error").unwrap_or(&inner);
    let message = message_in(body);
    if message.is_empty() {
        return;
    }
    error.message = message;
    error.status = error.status.or_else(|| status_in(body));
    for (slot, name) in [
        (&mut error.kind, "type"),
        (&mut error.code, "code"),
        (&mut error.param, "param"),
    ] {
        let said = word(body, name);
        if !said.is_empty() {
            *slot = said;
        }
    }
}

fn message_in(body: &Value) -> String {
    let said = body
        .get("message")
        .or_else(|| body.get("detail"))
        .unwrap_or(body);
    match said {
        Value::String(text) => text.clone(),
        Value::Array(_) => said.to_string(),
        Value::Object(_) if body.get("message").is_some() || body.get("detail").is_some() => {
            said.to_string()
        },
        _ => String::new(),
    }
}

fn word(body: &Value, name: &str) -> String {
    match body.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// llama.cpp and vLLM name the status in `code`.
fn status_in(body: &Value) -> Option<u16> {
    let said = body
        .get("status_code")
        .or_else(|| body.get("code"))?
        .as_u64()?;
    u16::try_from(said)
        .ok()
        .filter(|status| (400..600).contains(status))
}

fn plain(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    if text.starts_with('<') {
        return "the upstream answered with an HTML page".to_owned();
    }
    text.chars().take(MOST_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_gives_its_message() {
        let cases: [(&str, &str, &str, &str); 9] = [
            (
                r#"{"error":"model is required"}"#,
                "",
                "",
                "model is required",
            ),
            (
                r#"{"error":{"message":"m","type":"t","code":404,"param":"model"}}"#,
                "t",
                "404",
                "m",
            ),
            (
                r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
                "overloaded_error",
                "",
                "Overloaded",
            ),
            (
                r#"{"error":"{\"error\":{\"code\":400,\"message\":\"too long\",\"type\":\"exceed_context_size_error\"}}"}"#,
                "exceed_context_size_error",
                "400",
                "too long",
            ),
            (r#"{"detail":"Not Found"}"#, "", "", "Not Found"),
            (r#"{"detail":[{"loc":1}]}"#, "", "", r#"[{"loc":1}]"#),
            ("404 page not found\n", "", "", "404 page not found"),
            ("<html>", "", "", "the upstream answered with an HTML page"),
            (
                "",
                "",
                "",
                "the upstream answered status 403 without a message",
            ),
        ];
        for (body, kind, code, message) in cases {
            let error = read(403, body.as_bytes());
            assert_eq!(
                (
                    error.kind.as_str(),
                    error.code.as_str(),
                    error.message.as_str()
                ),
                (kind, code, message)
            );
            assert_eq!(error.status, Some(403), "{body}");
        }
    }
}
