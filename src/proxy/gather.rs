//! The bytes of a whole body, as they come.
//!
//! A body that comes in one piece is not copied. Memory grows with what has come.

use bytes::{Bytes, BytesMut};

/// A body so far.
#[derive(Debug, Default)]
pub struct Gather {
    only: Bytes,
    several: BytesMut,
}

impl Gather {
    /// Takes a piece.
    pub fn push(&mut self, piece: Bytes) {
        if self.is_empty() {
            self.only = piece;
            return;
        }
        if self.several.is_empty() {
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
        gather.push(Bytes::new());
        gather.push(whole);
        assert_eq!(gather.len(), 5);
        assert_eq!(gather.finish().as_ptr(), at);

        let mut gather = Gather::default();
        for piece in ["a", "", "bc", "d"] {
            gather.push(Bytes::from(piece));
        }
        assert_eq!(gather.finish(), "abcd");
    }
}
