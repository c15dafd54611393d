//! Token bounds, estimates and context windows, without counting on the request path.
//!
//! An exact count costs near a millisecond for a long prompt and tens of megabytes of vocabularies, so
//! nobody counts before a request is sent: the upstream's own count is taken afterwards. These bounds
//! are for choosing by usage and for telling whether a prompt can fit a window at all.

/// Bytes of a token of ordinary text in English, as OpenAI states it; other languages have fewer.
const USUAL_BYTES: u64 = 4;

/// Bytes of text that a token stands for at the very most in practice: long runs of blanks or of one
/// letter excepted, no common vocabulary does better over a whole prompt.
const MOST_BYTES: u64 = 8;

/// About how many tokens a text of this many bytes has: a quarter, rounded up. For shares and sums,
/// never for a refusal.
pub const fn estimate(bytes: usize) -> u64 {
    wide(bytes).div_ceil(USUAL_BYTES)
}

/// Fewer tokens than this a text of this many bytes hardly has. A prompt whose lower bound is over a
/// window cannot fit it.
pub const fn at_least(bytes: usize) -> u64 {
    wide(bytes) / MOST_BYTES
}

/// More tokens than this a text of this many bytes never has: every vocabulary in use falls back to
/// single bytes.
pub const fn at_most(bytes: usize) -> u64 {
    wide(bytes)
}

/// What is known about a prompt and a window before anything is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// It fits, whatever the language.
    Yes,
    /// It fits or not: only the upstream can say.
    Perhaps,
    /// It cannot fit.
    No,
}

/// Whether a prompt of this many bytes of text fits `window` tokens with `answer` of them reserved for
/// the answer. A window that is not known fits perhaps.
pub const fn fit(bytes: usize, answer: u64, window: Option<u64>) -> Fit {
    let Some(window) = window else {
        return Fit::Perhaps;
    };
    let room = window.saturating_sub(answer);
    if at_most(bytes) <= room {
        Fit::Yes
    } else if at_least(bytes) <= room {
        Fit::Perhaps
    } else {
        Fit::No
    }
}

/// A length as a count of tokens; no machine of ours has lengths beyond 64 bits.
#[expect(
    clippy::as_conversions,
    reason = "`From` is not const, and usize is at most 64 bits wide"
)]
const fn wide(bytes: usize) -> u64 {
    bytes as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_token_is_about_four_bytes() {
        let table = [(0, 0), (1, 1), (4, 1), (5, 2), (4_000, 1_000)];
        for (bytes, tokens) in table {
            assert_eq!(estimate(bytes), tokens, "{bytes}");
        }
    }

    #[test]
    fn texts_whose_count_is_known_lie_within_the_bounds() {
        // Counts of o200k, as OpenAI's cookbook on tiktoken gives them.
        let table = [
            ("tiktoken is great!", 6),
            ("antidisestablishmentarianism", 6),
            ("2 + 2 = 4", 7),
            ("お誕生日おめでとう", 8),
        ];
        for (text, count) in table {
            let bytes = text.len();
            assert!(
                (at_least(bytes)..=at_most(bytes)).contains(&count),
                "{text}"
            );
        }
    }

    #[test]
    fn a_prompt_fits_surely_perhaps_or_not_at_all() {
        assert_eq!(fit(100, 0, Some(100)), Fit::Yes);
        assert_eq!(fit(101, 0, Some(100)), Fit::Perhaps);
        assert_eq!(fit(100, 1, Some(100)), Fit::Perhaps);
        assert_eq!(fit(808, 0, Some(100)), Fit::No);
        assert_eq!(fit(1, 200, Some(100)), Fit::Perhaps);
        assert_eq!(fit(usize::MAX, 0, None), Fit::Perhaps);
    }

    proptest! {
        #[test]
        fn the_estimate_lies_between_the_bounds(bytes: usize) {
            prop_assert!(at_least(bytes) <= estimate(bytes));
            prop_assert!(estimate(bytes) <= at_most(bytes).max(1));
        }

        #[test]
        fn a_longer_prompt_never_fits_better(bytes in 0_usize..1_000_000, more in 0_usize..1_000_000) {
            let rank = |fit| match fit { Fit::Yes => 2, Fit::Perhaps => 1, Fit::No => 0 };
            let (short, long) = (fit(bytes, 9, Some(8_192)), fit(bytes + more, 9, Some(8_192)));
            prop_assert!(rank(long) <= rank(short));
        }
    }
}
