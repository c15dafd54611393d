//! A request on its way out: its head is encoded once for each backend and path, its body goes beside
//! it to the socket, and nothing is copied.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName};
use tokio::io::AsyncWrite;

/// The line that ends a head, but for its number.
const LENGTH: &[u8] = b"content-length: ";
/// Room for that line: the longest number has 20 digits.
const LENGTH_ROOM: usize = LENGTH.len() + 20 + 4;

/// Request line and headers of a POST, all but the body's length.
#[derive(Clone)]
pub struct RequestHead(Bytes);

/// A request that is being written.
#[derive(Debug)]
pub(super) struct Sending {
    head: RequestHead,
    length: [u8; LENGTH_ROOM],
    length_len: usize,
    body: Bytes,
    /// Bytes of all three that have gone.
    sent: usize,
}

// === impl RequestHead ===

impl RequestHead {
    /// Encodes a head. `target` is path and query. What says how the body is framed is the relay's own
    /// business and is left out.
    pub fn post(target: &str, headers: &HeaderMap) -> Self {
        let size = headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + 4);
        let mut head = Vec::with_capacity(size.sum::<usize>() + target.len() + 24);
        head.extend_from_slice(b"POST ");
        head.extend_from_slice(target.as_bytes());
        head.extend_from_slice(b" HTTP/1.1\r\n");
        for (name, value) in headers.iter().filter(|(name, _value)| !is_framing(name)) {
            head.extend_from_slice(name.as_str().as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        Self(head.into())
    }

    /// All of it as text.
    #[cfg(test)]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.0).expect("tests use no other")
    }
}

/// It holds credentials.
impl fmt::Debug for RequestHead {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "RequestHead({} bytes)", self.0.len())
    }
}

fn is_framing(name: &HeaderName) -> bool {
    [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING].contains(name)
}

// === impl Sending ===

impl Sending {
    pub(super) fn new(head: RequestHead, body: Bytes) -> Self {
        let mut length = [0; LENGTH_ROOM];
        let mut number = itoa::Buffer::new();
        let parts = [LENGTH, number.format(body.len()).as_bytes(), b"\r\n\r\n"];
        let mut length_len = 0;
        for part in parts {
            // They fit: the room is made for the longest number.
            if let Some(room) = length.get_mut(length_len..length_len + part.len()) {
                room.copy_from_slice(part);
            }
            length_len += part.len();
        }
        Self {
            head,
            length,
            length_len,
            body,
            sent: 0,
        }
    }

    /// Writes as much as the socket takes; ready when all has gone.
    pub(super) fn poll(
        &mut self,
        mut wire: Pin<&mut impl AsyncWrite>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.sent < self.total() {
            let wrote = {
                let (slices, count) = self.rest();
                ready!(
                    wire.as_mut()
                        .poll_write_vectored(cx, slices.get(..count).unwrap_or_default())
                )?
            };
            if wrote == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += wrote;
        }
        wire.poll_flush(cx)
    }

    fn total(&self) -> usize {
        self.head.0.len() + self.length_len + self.body.len()
    }

    /// What has not gone yet, and in how many pieces.
    fn rest(&self) -> ([IoSlice<'_>; 3], usize) {
        let mut slices = [IoSlice::new(&[]); 3];
        let (mut count, mut skip) = (0, self.sent);
        let length = self.length.get(..self.length_len).unwrap_or_default();
        for part in [&*self.head.0, length, &*self.body] {
            let left = part.get(skip..).unwrap_or_default();
            skip = skip.saturating_sub(part.len());
            if let (false, Some(slice)) = (left.is_empty(), slices.get_mut(count)) {
                *slice = IoSlice::new(left);
                count += 1;
            }
        }
        (slices, count)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use http::HeaderValue;
    use tokio::io::AsyncReadExt;

    use super::*;

    fn head() -> RequestHead {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("h"));
        headers.insert("content-length", HeaderValue::from_static("9"));
        headers.insert("transfer-encoding", HeaderValue::from_static("chunked"));
        headers.insert(
            "authorization",
            HeaderValue::from_static("Bearer sk-planted"),
        );
        RequestHead::post("/v1/x?beta=true", &headers)
    }

    #[test]
    fn a_head_says_nothing_of_framing_and_is_not_printed() {
        let wanted =
            "POST /v1/x?beta=true HTTP/1.1\r\nhost: h\r\nauthorization: Bearer sk-planted\r\n";
        assert_eq!(head().text(), wanted);
        assert!(!format!("{:?}", Sending::new(head(), Bytes::new())).contains("planted"));
    }

    #[tokio::test]
    async fn a_socket_that_takes_little_gets_all_of_it_in_order() {
        for (room, body) in [(1, ""), (3, "hello"), (7, "hello"), (4_096, "hello")] {
            let (mut ours, mut theirs) = tokio::io::duplex(room);
            let mut sending = Sending::new(head(), Bytes::from(body));
            let write = async move {
                poll_fn(|cx| sending.poll(Pin::new(&mut ours), cx))
                    .await
                    .unwrap();
            };
            let mut read = String::new();
            let (_wrote, came) = tokio::join!(write, theirs.read_to_string(&mut read));
            came.unwrap();
            let wanted = format!(
                "{}content-length: {}\r\n\r\n{body}",
                head().text(),
                body.len()
            );
            assert_eq!(read, wanted, "{room}");
        }
    }
}
