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

/// Measures the JSON text of a prompt.
///
/// A raw `"image` cannot stand inside a JSON string (its quote would be escaped), so a hit begins a
/// key or a value; a text that happens to begin with the word is told apart by what stands around.
pub(super) fn measure(text: &[u8]) -> Prompt {
    let mut cut = 0;
    let mut images = IMAGE.find_iter(text).any(|at| is_image(text, at));
    for at in BASE64.find_iter(text) {
        let rest = text.get(at..).unwrap_or_default();
        cut += memchr::memchr(b'"', rest).unwrap_or(0);
        images = true;
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
