//! Gemini's signature of the thought behind a tool call, carried inside the call's id.
//!
//! Gemini's OpenAI endpoint puts it beside the call and refuses the next turn without it. Clients of
//! other dialects have no place for it, but they give a call's id back as they got it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// What parts an id from its signature.
const MARK: &str = "__thought__";
/// So many letters of a signature name a call that has no id.
const NAMING: usize = 16;

/// The signature in a call's `extra_content`.
pub(super) fn signature_in(extra: &Value) -> Option<&str> {
    let signature = extra.pointer("/google/thought_signature")?.as_str()?;
    (!signature.is_empty()).then_some(signature)
}

/// The `extra_content` of this signature.
pub(super) fn extra(signature: &str) -> Value {
    json!({"google": {"thought_signature": signature}})
}

/// An id that carries the signature, in letters that every dialect takes.
pub(super) fn pack(id: &str, signature: &str) -> String {
    let carried = URL_SAFE_NO_PAD.encode(signature);
    if !id.is_empty() {
        return format!("{id}{MARK}{carried}");
    }
    let tail = carried.len().saturating_sub(NAMING);
    let name = carried.get(tail..).unwrap_or_default();
    format!("call_{name}{MARK}{carried}")
}

/// The id as the upstream gave it, and the signature when it carries one.
pub(super) fn unpack(id: &str) -> (&str, Option<String>) {
    let signature = |carried: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(carried).ok()?;
        String::from_utf8(bytes).ok()
    };
    match id.split_once(MARK) {
        Some((id, carried)) if !id.is_empty() => (id, signature(carried)),
        _ => (id, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_survives_the_way_through_an_id() {
        let signature = "CpcBAR+/x==";
        let id = pack("function-call-7", signature);
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);
        assert!(id.chars().all(plain), "{id}");
        assert_eq!(unpack(&id), ("function-call-7", Some(signature.to_owned())));
        let (name, found) = unpack("call_1");
        assert_eq!((name, found), ("call_1", None));
        let made = pack("", signature);
        let (name, found) = unpack(&made);
        assert!(name.len() > "call_".len(), "{name}");
        assert_eq!(found.as_deref(), Some(signature));
        assert_eq!(unpack("a__thought__%").0, "a");
    }

    #[test]
    fn a_signature_is_found_where_gemini_puts_it() {
        assert_eq!(signature_in(&extra("s")), Some("s"));
        assert_eq!(
            signature_in(&json!({"google": {"thought_signature": ""}})),
            None
        );
        assert_eq!(signature_in(&Value::Null), None);
    }
}
