//! What goes to a client: the head of an answer, and its body framed as the client can read it.

use std::io::{self, IoSlice, Write as _};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, DATE, TRANSFER_ENCODING};
use http::{HeaderName, StatusCode, response};
use tokio::io::AsyncWrite;

use crate::proxy::body::Body;
use crate::proxy::lines::Lines;

/// Bytes of a stream that are gathered for one write, when so many are there.
const GATHER_BYTES: usize = 16 << 10;

/// How the end of an answer's body is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    /// By its length in bytes.
    Length(u64),
    /// By a last chunk.
    Chunks,
    /// By the end of the connection.
    Close,
    /// There is none, by the rules of HTTP.
    Bodiless,
}

/// What waits to be written: a head, or a head and pieces, and a whole body beside them.
#[derive(Debug, Default)]
pub(super) struct Outbound {
    bytes: Vec<u8>,
    whole: Bytes,
    /// Bytes of both that have gone.
    sent: usize,
}

impl Outbound {
    /// Puts in the head of an answer. `lines`: headers that are written already; `connection`: what that header says, unless it goes without saying;
    /// `date`: as its header has it.
    pub(super) fn head(
        &mut self,
        head: &response::Parts,
        lines: &Lines,
        ends: Ends,
        connection: Option<&[u8]>,
        date: &[u8],
    ) {
        let out = &mut self.bytes;
        out.extend_from_slice(b"HTTP/1.1 ");
        out.extend_from_slice(head.status.as_str().as_bytes());
        out.push(b' ');
        out.extend_from_slice(
            head.status
                .canonical_reason()
                .unwrap_or_default()
                .as_bytes(),
        );
        for (name, value) in &head.headers {
            if !is_ours(name, ends) {
                line(out, name, value.as_bytes());
            }
        }
        out.extend_from_slice(lines.as_bytes());
        line(out, &DATE, date);
        match ends {
            Ends::Length(bytes) => {
                let mut number = itoa::Buffer::new();
                line(out, &CONTENT_LENGTH, number.format(bytes).as_bytes());
            },
            Ends::Chunks => line(out, &TRANSFER_ENCODING, b"chunked"),
            Ends::Close | Ends::Bodiless => {},
        }
        if let Some(connection) = connection {
            line(out, &CONNECTION, connection);
        }
        out.extend_from_slice(b"\r\n\r\n");
    }

    /// Puts in a whole body; it is not copied.
    pub(super) fn whole(&mut self, body: Bytes) {
        self.whole = body;
    }

    /// Puts in a piece of a body.
    pub(super) fn piece(&mut self, piece: &[u8], ends: Ends) {
        if piece.is_empty() {
            // An empty chunk would be the last one.
            return;
        }
        if ends == Ends::Chunks {
            // Writing to memory does not fail.
            drop(write!(self.bytes, "{:x}\r\n", piece.len()));
            self.bytes.extend_from_slice(piece);
            self.bytes.extend_from_slice(b"\r\n");
        } else {
            self.bytes.extend_from_slice(piece);
        }
    }

    /// Puts in what is there of a body, up to what one write is to hold. Gives whether it has ended.
    ///
    /// # Errors
    /// The body broke off, and so must the connection.
    pub(super) fn fill(
        &mut self,
        body: &mut Body,
        ends: Ends,
        cx: &mut Context<'_>,
    ) -> io::Result<bool> {
        while self.len() < GATHER_BYTES {
            match body.poll_chunk(cx) {
                Poll::Ready(Some(piece)) => self.piece(&piece?, ends),
                Poll::Ready(None) => {
                    self.end(ends);
                    return Ok(true);
                },
                Poll::Pending => break,
            }
        }
        Ok(false)
    }

    /// Puts in the end of a body.
    fn end(&mut self, ends: Ends) {
        if ends == Ends::Chunks {
            self.bytes.extend_from_slice(b"0\r\n\r\n");
        }
    }

    /// Bytes that wait.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() + self.whole.len() - self.sent
    }

    /// Writes all of it.
    pub(super) fn poll_write(
        &mut self,
        mut socket: Pin<&mut impl AsyncWrite>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.len() > 0 {
            let first = self.bytes.get(self.sent..).unwrap_or_default();
            let second = self.sent.saturating_sub(self.bytes.len());
            let second = self.whole.get(second..).unwrap_or_default();
            let wrote = if second.is_empty() {
                ready!(socket.as_mut().poll_write(cx, first))?
            } else if first.is_empty() {
                ready!(socket.as_mut().poll_write(cx, second))?
            } else {
                let both = [IoSlice::new(first), IoSlice::new(second)];
                ready!(socket.as_mut().poll_write_vectored(cx, &both))?
            };
            if wrote == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += wrote;
        }
        self.clear();
        Poll::Ready(Ok(()))
    }

    /// Empties it, and gives back what memory an unusual answer took.
    fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(2 * GATHER_BYTES);
        self.whole = Bytes::new();
        self.sent = 0;
    }
}

/// How an answer's body ends. `length`: its bytes, when they are known.
pub(super) fn ends(status: StatusCode, to_head: bool, is_old: bool, length: Option<u64>) -> Ends {
    let bodiless = to_head
        || status.is_informational()
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED;
    match length {
        _ if bodiless => Ends::Bodiless,
        Some(bytes) => Ends::Length(bytes),
        None if is_old => Ends::Close,
        None => Ends::Chunks,
    }
}

/// What only the connection can say. The length stays where no body follows: it is that of the answer to
/// a GET.
fn is_ours(name: &HeaderName, ends: Ends) -> bool {
    (*name == CONTENT_LENGTH && ends != Ends::Bodiless)
        || *name == CONNECTION
        || *name == TRANSFER_ENCODING
        || *name == DATE
}

fn line(out: &mut Vec<u8>, name: &HeaderName, value: &[u8]) {
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(name.as_str().as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use http::{HeaderValue, Response};
    use tokio::io::AsyncReadExt;

    use super::*;

    fn parts() -> response::Parts {
        let mut response = Response::new(());
        response
            .headers_mut()
            .insert("x-a", HeaderValue::from_static("1"));
        response
            .headers_mut()
            .insert(CONTENT_LENGTH, HeaderValue::from_static("99"));
        response.into_parts().0
    }

    #[test]
    fn a_head_says_how_its_body_ends() {
        let said = |ends, connection| {
            let mut out = Outbound::default();
            let mut lines = Lines::new();
            lines.put("x-b", "2");
            out.head(&parts(), &lines, ends, connection, b"now");
            String::from_utf8(out.bytes).unwrap()
        };
        let begin = "HTTP/1.1 200 OK\r\nx-a: 1\r\nx-b: 2\r\n";
        assert_eq!(
            said(Ends::Length(5), None),
            format!("{begin}date: now\r\ncontent-length: 5\r\n\r\n")
        );
        assert_eq!(
            said(Ends::Chunks, None),
            format!("{begin}date: now\r\ntransfer-encoding: chunked\r\n\r\n")
        );
        assert_eq!(
            said(Ends::Close, Some(b"close")),
            format!("{begin}date: now\r\nconnection: close\r\n\r\n")
        );
        assert_eq!(
            said(Ends::Bodiless, None),
            "HTTP/1.1 200 OK\r\nx-a: 1\r\ncontent-length: 99\r\nx-b: 2\r\ndate: now\r\n\r\n"
        );
    }

    #[test]
    fn the_end_of_a_body_follows_the_standard() {
        let ok = StatusCode::OK;
        assert_eq!(ends(ok, false, false, Some(3)), Ends::Length(3));
        assert_eq!(ends(ok, false, false, None), Ends::Chunks);
        assert_eq!(ends(ok, false, true, None), Ends::Close);
        assert_eq!(ends(ok, true, false, Some(3)), Ends::Bodiless);
        assert_eq!(
            ends(StatusCode::NO_CONTENT, false, false, Some(0)),
            Ends::Bodiless
        );
    }

    #[test]
    fn pieces_are_chunks_and_empty_ones_are_none() {
        let mut out = Outbound::default();
        out.piece(b"", Ends::Chunks);
        out.piece(&[b'x'; 26], Ends::Chunks);
        out.end(Ends::Chunks);
        assert_eq!(
            out.bytes,
            [b"1a\r\n", &[b'x'; 26][..], b"\r\n0\r\n\r\n"].concat()
        );
    }

    #[tokio::test]
    async fn a_socket_that_takes_little_gets_all_of_it_in_order() {
        for room in [1, 5, 4_096] {
            let (mut ours, mut theirs) = tokio::io::duplex(room);
            let mut out = Outbound::default();
            out.piece(b"head", Ends::Close);
            out.whole(Bytes::from_static(b" and body"));
            let write = async {
                poll_fn(|cx| out.poll_write(Pin::new(&mut ours), cx))
                    .await
                    .unwrap();
                drop(ours);
            };
            let mut read = String::new();
            let ((), came) = tokio::join!(write, theirs.read_to_string(&mut read));
            came.unwrap();
            assert_eq!((read.as_str(), out.len()), ("head and body", 0));
        }
    }
}
