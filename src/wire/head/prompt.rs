//! The size of a prompt in bytes, cheaply: text counts, pictures in base64 do not.

use std::sync::LazyLock;

use memchr::memmem::Finder;

static BASE64: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(";base64,"));
static IMAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"image"));
static DATA: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"data\""));

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Prompt {
    pub(super) bytes: usize,
    pub(super) images: bool,
}

/// Measures the JSON text of a prompt. Pictures are looked for where `images` says that some string
/// begins with the word.
///
/// A raw `"image` cannot stand inside a JSON string (its quote would be escaped), so a hit begins a
/// key or a value; a text that happens to begin with the word is told apart by what stands around.
pub(super) fn measure(text: &[u8], images: bool) -> Prompt {
    let mut cut = 0;
    let mut images = images && IMAGE.find_iter(text).any(|at| is_image(text, at));
    // A search for one byte is several times faster than one for a word, and often all it takes.
    let data = memchr::memchr(b';', text).and_then(|at| text.get(at..));
    if let Some(data) = data {
        for at in BASE64.find_iter(data) {
            let rest = data.get(at..).unwrap_or_default();
            cut += memchr::memchr(b'"', rest).unwrap_or(0);
            images = true;
        }
    }
    if images {
        // Anthropic keeps the bytes in a member of their own.
        for at in DATA.find_iter(text) {
            cut += string_after(text.get(at + 6..).unwrap_or_default());
        }
    }
    Prompt {
        bytes: text.len().saturating_sub(cut),
        images,
    }
}

/// `"image_url":`, or `"type":"image"`, or Ollama's `"images":`.
fn is_image(text: &[u8], at: usize) -> bool {
    let (before, from) = text.split_at_checked(at).unwrap_or_default();
    for key in [b"\"image_url\"".as_slice(), b"\"images\""] {
        if let Some(rest) = from.strip_prefix(key) {
            return rest.trim_ascii_start().first() == Some(&b':');
        }
    }
    let typed = before
        .trim_ascii_end()
        .strip_suffix(b":")
        .is_some_and(|before| before.trim_ascii_end().ends_with(b"\"type\""));
    typed && from.starts_with(b"\"image\"")
}

/// How long the string after a key's colon is; base64 has no escapes.
fn string_after(rest: &[u8]) -> usize {
    let rest = rest.trim_ascii_start();
    let Some(rest) = rest.strip_prefix(b":") else {
        return 0;
    };
    match rest.trim_ascii_start().strip_prefix(b"\"") {
        Some(inside) => memchr::memchr(b'"', inside).unwrap_or(0),
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::scan;

    proptest! {
        /// What the scan notes on the way may not hide a picture.
        #[test]
        fn the_scan_sees_every_picture(parts in prop::collection::vec(prop::sample::select(vec![
            "{", "}", "[", "]", ":", ",", "\"", "\\\"", " ", "\"type\":\"image\"", "\"image_url\"", "\"images\"",
            "x\\\"image_url\"", "image", ";base64,", ";", "abcdefghijklmnop", "\"a\":", "1",
        ]), 0..12)) {
            for body in [
                format!("{{\"prompt\":{}}}", parts.concat()),
                format!("{{\"prompt\":{{{}:1}}}}", parts.concat()),
                format!("{{\"prompt\":\"{}\"}}", parts.concat()),
            ] {
                if let Ok(object) = scan::object(body.as_bytes()) {
                    let Some(prompt) = object.get("prompt") else { continue };
                    let text = prompt.value.of(body.as_bytes());
                    let images = object.names_images();
                    prop_assert_eq!(measure(text, images), measure(text, true), "{}", body);
                }
            }
        }
    }

    #[test]
    fn pictures_are_found_in_the_shortest_texts() {
        for (body, images) in [
            (r#"{"prompt":{"type":"image"}}"#, true),
            (r#"{"prompt":{"image_url":1}}"#, true),
            (r#"{"prompt":{"images":1}}"#, true),
            (r#"{"prompt":{"x\"image_url":1}}"#, true),
            (r#"{"prompt":";base64,"}"#, true),
            (r#"{"prompt":{"type":"imagine"}}"#, false),
            (r#"{"prompt":"image"}"#, false),
        ] {
            let object = scan::object(body.as_bytes()).unwrap();
            let text = object.get("prompt").unwrap().value.of(body.as_bytes());
            assert_eq!(
                measure(text, object.names_images()).images,
                images,
                "{body}"
            );
        }
    }
}
