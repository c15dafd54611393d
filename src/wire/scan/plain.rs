//! Finds the end of a stretch of plain text in a JSON string: the first quote, backslash or control.
//!
//! A short text is looked at eight bytes at a time, a long one by vector instructions.
#![warn(clippy::indexing_slicing)]

/// Words of a string that are looked at before a call to `memchr` pays.
const SHORT_WORDS: usize = 4;
const ONES: u64 = 0x0101_0101_0101_0101;
/// The high bit of each byte of a word.
pub(super) const HIGHS: u64 = 0x8080_8080_8080_8080;

/// What is left of `text` from the first quote, backslash or control on: a short text by words, the
/// rest of a long one by vector instructions. Adds the bits of what is passed.
#[inline]
pub(super) fn plain<'a>(text: &'a [u8], bits: &mut u64) -> &'a [u8] {
    let mut rest = text;
    for _ in 0..SHORT_WORDS {
        let Some((word, tail)) = rest.split_first_chunk::<8>() else {
            return plain_bytes(rest, bits);
        };
        let word = u64::from_le_bytes(*word);
        *bits |= word;
        let stop = stops(word);
        if stop != 0 {
            let passed = usize::try_from(stop.trailing_zeros() / 8).unwrap_or(0);
            return rest.get(passed..).unwrap_or_default();
        }
        rest = tail;
    }
    plain_vectors(rest, bits)
}

/// [`plain`] for the last bytes of a text.
fn plain_bytes<'a>(text: &'a [u8], bits: &mut u64) -> &'a [u8] {
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        if byte < 0x20 || byte == b'"' || byte == b'\\' {
            break;
        }
        *bits |= u64::from(byte);
        rest = tail;
    }
    rest
}

/// [`plain`] for a long text.
fn plain_vectors<'a>(text: &'a [u8], bits: &mut u64) -> &'a [u8] {
    let end = memchr::memchr2(b'"', b'\\', text).unwrap_or(text.len());
    let (passed, rest) = text.split_at_checked(end).unwrap_or((text, &[]));
    // The smallest byte is found by vectors; where it stands matters only in malformed text.
    let (least, all) = passed.iter().fold((u8::MAX, 0), |(least, all), byte| {
        (least.min(*byte), all | byte)
    });
    *bits |= u64::from(all);
    if least >= 0x20 {
        return rest;
    }
    let control = text.iter().position(|byte| *byte < 0x20).unwrap_or(end);
    text.get(control..).unwrap_or_default()
}

/// High bits where a byte is a quote, a backslash or below 0x20; the lowest one is exact.
pub(super) const fn stops(word: u64) -> u64 {
    // With this bit turned over, a quote stands right above the controls.
    let low = word ^ (ONES * 0x02);
    let quote_or_control = low.wrapping_sub(ONES * 0x21) & !low;
    let slash = word ^ (ONES * b'\\' as u64);
    let zero_slash = slash.wrapping_sub(ONES) & !slash;
    (quote_or_control | zero_slash) & HIGHS
}
