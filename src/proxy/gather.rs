//! The bytes of a whole body, as they come.
//!
//! A body that comes in one piece is not copied. What a sender says of its length is believed only so
//! far: memory grows with what has come.

use bytes::{Bytes, BytesMut};

/// Room that is made on the sender's word alone, in bytes.
const ON_TRUST: usize = 64 << 10;

/// A body so far.
#[derive(Debug, Default)]
pub struct Gather {
    only: Bytes,
    several: BytesMut,
}

impl Gather {
    /// Takes a piece. `told`: how long the body is said to be, in bytes.
    pub fn push(&mut self, piece: Bytes, told: Option<usize>) {
        if self.is_empty() {
            self.only = piece;
            return;
        }
        if self.several.is_empty() {
            self.several.reserve(told.unwrap_or(0).min(ON_TRUST));
            self.several.extend_from_slice(&self.only);
            self.only = Bytes::new();
        }
        self.several.extend_from_slice(&piece);
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.only.len() + self.several.len()
    }

    /// Whether nothing has come.
    pub fn is_empty(&self) -> bool {
        self.only.is_empty() && self.several.is_empty()
    }

    /// The body.
    pub fn finish(self) -> Bytes {
        if self.several.is_empty() {
            self.only
        } else {
            self.several.freeze()
        }
    }

    /// Room that is held, in bytes.
    #[cfg(test)]
    fn room(&self) -> usize {
        self.only.len() + self.several.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_out_in_order_and_a_single_one_is_not_copied() {
        let whole = Bytes::from_static(b"whole");
        let at = whole.as_ptr();
        let mut gather = Gather::default();
        assert!(gather.is_empty());
        gather.push(Bytes::new(), None);
        gather.push(whole, None);
        assert_eq!(gather.len(), 5);
        assert_eq!(gather.finish().as_ptr(), at);

        let mut gather = Gather::default();
        for piece in ["a", "", "bc", "d"] {
            gather.push(Bytes::from(piece), Some(4));
        }
        assert_eq!(gather.finish(), "abcd");
    }

    #[test]
    fn a_length_that_is_only_told_takes_no_room() {
        let mut gather = Gather::default();
        for _ in 0..2 {
            gather.push(Bytes::from_static(b"x"), Some(33_000_000));
        }
        assert!(gather.room() <= 2 * ON_TRUST, "{}", gather.room());
    }
}
