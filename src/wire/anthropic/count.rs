//! The answer of `/v1/messages/count_tokens`.

use serde_json::Value;

use crate::base::{Fault, FaultKind};

/// Writes an answer of so many tokens.
pub fn write_count(input_tokens: u64) -> Vec<u8> {
    format!(r#"{{"input_tokens":{input_tokens}}}"#).into_bytes()
}

/// Reads the tokens from an answer. Fails when it says none.
pub fn parse_count(body: &[u8]) -> Result<u64, Fault> {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    value
        .get("input_tokens")
        .and_then(Value::as_u64)
        .ok_or_else(|| {
            Fault::new(
                FaultKind::BadAnswer,
                "the upstream's count of tokens has no `input_tokens`",
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_written_and_read() {
        assert_eq!(write_count(2_095), br#"{"input_tokens":2095}"#);
        assert_eq!(parse_count(&write_count(7)).unwrap(), 7);
        for wrong in ["", "{}", r#"{"input_tokens":"7"}"#] {
            assert_eq!(
                parse_count(wrong.as_bytes()).unwrap_err().kind,
                FaultKind::BadAnswer
            );
        }
    }
}
