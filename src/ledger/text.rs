//! Small texts on their way into the file and back: call ids as bytes, tags as JSON.

use std::sync::Arc;

/// The longest text that is stored, in bytes: clients choose some of them, and may choose megabytes.
pub(super) const MAX_TEXT: usize = 1_024;

/// Where the dashes of a UUID stand.
const DASHES: [usize; 4] = [8, 13, 18, 23];

/// Where the pairs of digits between them begin.
const PAIRS: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

/// The value of every letter that is a digit of a UUID in its usual spelling; of any other, [`NO_DIGIT`].
const DIGITS: [u8; 256] = digits();

/// More than any digit, and still so when it is joined with others by `|`.
const NO_DIGIT: u8 = 0x80;

const fn digits() -> [u8; 256] {
    let mut values = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 16 {
        values[b"0123456789abcdef"[value as usize] as usize] = value;
        value += 1;
    }
    values
}

/// The sixteen bytes of a call id that is a UUID in its usual spelling (lower case, with dashes), so
/// that the very same text comes back; `None` for any other.
pub(super) fn call_id_bytes(text: &str) -> Option<[u8; 16]> {
    let letters: &[u8; 36] = text.as_bytes().try_into().ok()?;
    let digit = |place: usize| DIGITS[usize::from(letters[place])];
    let mut bytes = [0; 16];
    // Judged once at the end: nearly every call id is a UUID.
    let mut all = 0;
    for (byte, place) in bytes.iter_mut().zip(PAIRS) {
        let (high, low) = (digit(place), digit(place + 1));
        all |= high | low;
        *byte = (high << 4) | low;
    }
    let usual = all < NO_DIGIT && DASHES.iter().all(|place| letters[*place] == b'-');
    usual.then_some(bytes)
}

/// The text of sixteen bytes; of any other number of bytes, their hex digits.
pub(super) fn call_id_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(36);
    for (place, byte) in bytes.iter().enumerate() {
        if bytes.len() == 16 && matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
    }
    text
}

/// A JSON array of strings.
pub(super) fn json_array(texts: &[String]) -> String {
    let mut json = String::from("[");
    for (place, text) in texts.iter().enumerate() {
        if place > 0 {
            json.push_str(", ");
        }
        json.push('"');
        for letter in text.chars() {
            match letter {
                '"' => json.push_str("\\\""),
                '\\' => json.push_str("\\\\"),
                control if control < ' ' => {
                    json.push_str("\\u00");
                    for digit in [u32::from(control) >> 4, u32::from(control) & 15] {
                        json.push(char::from_digit(digit, 16).unwrap_or('0'));
                    }
                },
                plain => json.push(plain),
            }
        }
        json.push('"');
    }
    json.push(']');
    json
}

/// A text cut at [`MAX_TEXT`] bytes, between two letters.
pub(super) fn cut(text: &str) -> &str {
    let end = text.floor_char_boundary(MAX_TEXT);
    text.get(..end).unwrap_or(text)
}

/// The same for a text that is shared.
pub(super) fn cut_shared(text: &Arc<str>) -> Arc<str> {
    if text.len() <= MAX_TEXT {
        return Arc::clone(text);
    }
    cut(text).into()
}

/// The first word of a user agent: the app.
pub(super) fn app_of(user_agent: &str) -> &str {
    user_agent.split_whitespace().next().unwrap_or("")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_usual_spelling_of_a_uuid_is_packed() {
        let usual = "67e55044-10b1-426f-9247-bb680e5fe0c8";
        let bytes = call_id_bytes(usual).unwrap();
        assert_eq!(bytes[..4], [0x67, 0xE5, 0x50, 0x44]);
        assert_eq!(call_id_text(&bytes), usual);
        for other in [
            "67E55044-10b1-426f-9247-bb680e5fe0c8",
            "67e5504410b1426f9247bb680e5fe0c8",
            "67e55044-10b1-426f-9247-bb680e5fe0c",
            "67e55044x10b1-426f-9247-bb680e5fe0c8",
            "67e5504-410b1-426f-9247-bb680e5fe0c8",
            "67e5504410b1-426f-9247-bb680e5fe0c8-",
            "67e55044-10b1-426f-9247-bb680e5fe0g8",
            "67e55044-10b1-426f-9247-bb680e5fe0ü",
            "call-1",
            "",
        ] {
            assert_eq!(call_id_bytes(other), None, "{other}");
        }
    }

    #[test]
    fn tags_are_json() {
        let tags = ["a".to_owned(), "say \"hi\"\\\n".to_owned()];
        assert_eq!(json_array(&tags), r#"["a", "say \"hi\"\\\u000a"]"#);
        assert_eq!(json_array(&[]), "[]");
    }

    #[test]
    fn the_app_is_the_first_word() {
        assert_eq!(app_of("OpenAI/Python 1.54.0"), "OpenAI/Python");
        assert_eq!(app_of("curl/8.5.0"), "curl/8.5.0");
        assert_eq!(app_of("  "), "");
    }

    #[test]
    fn long_texts_are_cut_between_letters() {
        let long = "ü".repeat(MAX_TEXT);
        assert_eq!(cut(&long).len(), MAX_TEXT);
        let odd = format!("a{long}");
        assert_eq!(cut(&odd).len(), MAX_TEXT - 1);
        assert_eq!(cut("short"), "short");
        assert_eq!(cut_shared(&odd.into()).len(), MAX_TEXT - 1);
    }

    proptest! {
        #[test]
        fn json_of_any_tags_reads_back(tags in proptest::collection::vec(".*", 0..5)) {
            let back: Vec<String> = serde_json::from_str(&json_array(&tags)).unwrap();
            prop_assert_eq!(back, tags);
        }

        #[test]
        fn any_sixteen_bytes_come_back(bytes: [u8; 16]) {
            prop_assert_eq!(call_id_bytes(&call_id_text(&bytes)), Some(bytes));
        }
    }
}
