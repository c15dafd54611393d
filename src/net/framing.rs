//! How the end of a body is found (RFC 9112, section 6), and the bytes between.

use bytes::{Buf, Bytes, BytesMut};

/// Longest line of a chunk's size, extensions included, and of a trailer.
const LINE_BYTES: usize = 4 << 10;
/// Most bytes of all trailers.
const TRAILER_BYTES: usize = 16 << 10;

/// Where in its body an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// So many bytes are still to come.
    Length(u64),
    /// In chunks.
    Chunked(Chunk),
    /// Until the server closes.
    UntilClose,
}

/// Where in a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chunk {
    /// Before the line with its size.
    Size,
    /// So many bytes of it are still to come.
    Data(u64),
    /// Before the line end after its data.
    End,
    /// After the last one; so many bytes of trailers were passed over.
    Trailers(usize),
    /// All has come.
    Done,
}

/// What the bytes at hand hold.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A piece of the body.
    Piece(Bytes),
    /// Nothing yet: more must be read.
    More,
    /// The body's end.
    End,
}

impl Framing {
    pub(crate) const fn length(bytes: u64) -> Self {
        Self::Length(bytes)
    }

    pub(crate) const fn chunked() -> Self {
        Self::Chunked(Chunk::Size)
    }

    /// Whether nothing more is to come.
    pub(crate) const fn is_done(&self) -> bool {
        matches!(self, Self::Length(0) | Self::Chunked(Chunk::Done))
    }

    /// Whether a connection that ends now ends the body well.
    pub(crate) const fn may_close(&self) -> bool {
        matches!(self, Self::UntilClose) || self.is_done()
    }

    /// Takes the next piece off the front of what has come.
    ///
    /// # Errors
    /// The chunks make no sense; in words.
    pub(crate) fn take(&mut self, buffer: &mut BytesMut) -> Result<Step, &'static str> {
        match self {
            Self::Length(0) => Ok(Step::End),
            Self::Length(left) => Ok(piece(buffer, left)),
            Self::UntilClose if buffer.is_empty() => Ok(Step::More),
            Self::UntilClose => Ok(Step::Piece(buffer.split().freeze())),
            Self::Chunked(chunk) => chunk.take(buffer),
        }
    }
}

impl Chunk {
    fn take(&mut self, buffer: &mut BytesMut) -> Result<Step, &'static str> {
        loop {
            match self {
                Self::Size => {
                    let Some(line) = line(buffer)? else {
                        return Ok(Step::More);
                    };
                    *self = match size(line)? {
                        (0, used) => {
                            buffer.advance(used);
                            Self::Trailers(0)
                        },
                        (bytes, used) => {
                            buffer.advance(used);
                            Self::Data(bytes)
                        },
                    };
                },
                Self::Data(0) => *self = Self::End,
                Self::Data(left) => return Ok(piece(buffer, left)),
                Self::End => match buffer.first_chunk() {
                    Some(b"\r\n") => {
                        buffer.advance(2);
                        *self = Self::Size;
                    },
                    None if buffer.first().is_none_or(|byte| *byte == b'\r') => {
                        return Ok(Step::More);
                    },
                    _ => return Err("a chunk is longer than it said"),
                },
                Self::Trailers(passed) => {
                    let Some(line) = line(buffer)? else {
                        return Ok(Step::More);
                    };
                    let used = line.len();
                    *passed += used;
                    if *passed > TRAILER_BYTES {
                        return Err("the trailers do not end");
                    }
                    if line.trim_ascii().is_empty() {
                        *self = Self::Done;
                    }
                    buffer.advance(used);
                },
                Self::Done => return Ok(Step::End),
            }
        }
    }
}

/// As many of the bytes that are still to come as are at hand.
fn piece(buffer: &mut BytesMut, left: &mut u64) -> Step {
    if buffer.is_empty() {
        return Step::More;
    }
    let here = usize::try_from(*left).map_or(buffer.len(), |left| left.min(buffer.len()));
    *left -= here as u64;
    Step::Piece(buffer.split_to(here).freeze())
}

/// The first line with its end.
fn line(buffer: &[u8]) -> Result<Option<&[u8]>, &'static str> {
    let near = buffer
        .get(..buffer.len().min(LINE_BYTES))
        .unwrap_or_default();
    match memchr::memchr(b'\n', near) {
        Some(end) => Ok(near.get(..=end)),
        None if near.len() == LINE_BYTES => Err("a chunk's line does not end"),
        None => Ok(None),
    }
}

/// The size that a line names, and the length of the line.
fn size(line: &[u8]) -> Result<(u64, usize), &'static str> {
    let bad = "a chunk's size is no number";
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
    let digits = std::str::from_utf8(digits.trim_ascii()).map_err(|_error| bad)?;
    if digits.starts_with('+') {
        return Err(bad);
    }
    let bytes = u64::from_str_radix(digits, 16).map_err(|_error| bad)?;
    Ok((bytes, line.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads a body that comes in these pieces: its bytes, and what is left over when it has ended.
    fn read(
        mut framing: Framing,
        pieces: &[&[u8]],
    ) -> Result<(Vec<u8>, bool, Vec<u8>), &'static str> {
        let (mut body, mut buffer) = (Vec::new(), BytesMut::new());
        let mut ended = false;
        for bytes in pieces {
            buffer.extend_from_slice(bytes);
            loop {
                match framing.take(&mut buffer)? {
                    Step::Piece(bytes) => body.extend_from_slice(&bytes),
                    Step::More => break,
                    Step::End => {
                        ended = true;
                        break;
                    },
                }
            }
        }
        Ok((body, ended, buffer.to_vec()))
    }

    fn chunked(text: &str) -> Result<(Vec<u8>, bool, Vec<u8>), &'static str> {
        read(Framing::chunked(), &[text.as_bytes()])
    }

    #[test]
    fn chunks_extensions_and_trailers_are_read() {
        let text = "5\r\nhello\r\n0A;x=\"y\"\r\n, world!!!\r\n0\r\nx-sum: 1\r\n\r\nHTTP";
        let (body, ended, rest) = chunked(text).unwrap();
        assert_eq!(
            (&body[..], ended, &rest[..]),
            (&b"hello, world!!!"[..], true, &b"HTTP"[..])
        );
        let (body, ended, _rest) = chunked("2\nok\r\n0\n\n").unwrap();
        assert_eq!(
            (&body[..], ended),
            (&b"ok"[..], true),
            "bare line feeds are forgiven"
        );
    }

    #[test]
    fn chunks_that_make_no_sense_are_refused() {
        for bad in [
            "x\r\n",
            "\r\n",
            "+5\r\nhello",
            "-1\r\n",
            "10000000000000000\r\n",
            "5 5\r\n",
        ] {
            assert_eq!(chunked(bad), Err("a chunk's size is no number"), "{bad}");
        }
        assert_eq!(
            chunked("2\r\nokay\r\n"),
            Err("a chunk is longer than it said")
        );
        assert_eq!(
            chunked(&"1".repeat(LINE_BYTES)),
            Err("a chunk's line does not end")
        );
        let trailers = format!("0\r\n{}", "a: b\r\n".repeat(TRAILER_BYTES / 6 + 1));
        assert_eq!(chunked(&trailers), Err("the trailers do not end"));
    }

    #[test]
    fn a_body_of_known_length_leaves_what_follows() {
        let (body, ended, rest) = read(Framing::length(5), &[b"he", b"lloHTTP"]).unwrap();
        assert_eq!(
            (&body[..], ended, &rest[..]),
            (&b"hello"[..], true, &b"HTTP"[..])
        );
        assert!(Framing::length(0).is_done() && !Framing::length(1).may_close());
        assert!(Framing::UntilClose.may_close() && !Framing::chunked().may_close());
    }

    proptest! {
        #[test]
        fn however_it_is_cut_the_body_is_the_same(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..8),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let mut wire = Vec::new();
            for chunk in &chunks {
                wire.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                wire.extend_from_slice(chunk);
                wire.extend_from_slice(b"\r\n");
            }
            wire.extend_from_slice(b"0\r\n\r\nnext");
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(wire.len())).collect();
            at.extend([0, wire.len()]);
            at.sort_unstable();
            let pieces: Vec<&[u8]> = at.windows(2).map(|pair| &wire[pair[0]..pair[1]]).collect();
            let (body, ended, rest) = read(Framing::chunked(), &pieces).unwrap();
            prop_assert_eq!(body, chunks.concat());
            prop_assert!(ended);
            prop_assert_eq!(&rest[..], b"next");
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _either_way = read(Framing::chunked(), &[&bytes]);
        }
    }
}
