//! The head of a client's request: what it asks, how its body is framed, whether it stays.

use std::mem::MaybeUninit;

use bytes::{Buf, BytesMut};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, StatusCode, Uri, Version, request};
use httparse::{Header, ParserConfig, Status};

use crate::net::framing::Framing;

/// Largest head of a request.
pub(super) const HEAD_BYTES: usize = 64 << 10;
/// Most headers of a request.
const HEADERS: usize = 100;

/// A request whose head has come.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) parts: request::Parts,
    pub(super) framing: Framing,
    /// Whether the client means to ask again on this connection.
    pub(super) keeps: bool,
    /// Whether it waits for our word before it sends its body.
    pub(super) waits: bool,
}

/// Why a head is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) text: &'static str,
}

/// Takes a head off the front of what has come; `None` when it is not all there.
///
/// # Errors
/// It is no request, or says of its body what cannot be trusted.
pub(super) fn take(buffer: &mut BytesMut) -> Result<Option<Head>, Refusal> {
    // Some clients end a request with an empty line too many.
    let blank = buffer
        .iter()
        .take_while(|byte| matches!(byte, b'\r' | b'\n'))
        .count();
    buffer.advance(blank);
    let Some(end) = end(buffer) else {
        return if buffer
            .first()
            .is_some_and(|byte| !byte.is_ascii_alphabetic())
        {
            Err(bad("this is no HTTP"))
        } else if buffer.len() > HEAD_BYTES {
            Err(too_large())
        } else {
            Ok(None)
        };
    };
    if end > HEAD_BYTES {
        return Err(too_large());
    }
    let bytes = buffer.split_to(end).freeze();
    let mut room: [MaybeUninit<Header<'_>>; HEADERS] = [MaybeUninit::uninit(); HEADERS];
    let mut read = httparse::Request::new(&mut []);
    match ParserConfig::default().parse_request_with_uninit_headers(&mut read, &bytes, &mut room) {
        Ok(Status::Complete(_)) => {},
        Ok(Status::Partial) => return Err(bad("this is no HTTP")),
        Err(httparse::Error::TooManyHeaders) => return Err(too_large()),
        Err(httparse::Error::Version) => {
            let status = StatusCode::HTTP_VERSION_NOT_SUPPORTED;
            return Err(Refusal {
                status,
                text: "only HTTP/1.1 and HTTP/1.0 are spoken here",
            });
        },
        Err(_) => return Err(bad("the head of the request is malformed")),
    }
    let mut parts = Request::new(()).into_parts().0;
    let method = read
        .method
        .and_then(|name| Method::from_bytes(name.as_bytes()).ok());
    parts.method = method.ok_or(bad("the method is malformed"))?;
    let target = bytes.slice_ref(read.path.unwrap_or_default().as_bytes());
    parts.uri = Uri::from_maybe_shared(target).map_err(|_e| bad("the path is malformed"))?;
    let is_old = read.version == Some(0);
    parts.version = if is_old {
        Version::HTTP_10
    } else {
        Version::HTTP_11
    };
    let mut headers = HeaderMap::with_capacity(read.headers.len());
    let mut seen = Seen {
        keeps: !is_old,
        ..Seen::default()
    };
    for header in read.headers.iter() {
        seen.header(header)?;
        let value = HeaderValue::from_maybe_shared(bytes.slice_ref(header.value));
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(header.name.as_bytes()), value) {
            headers.append(name, value);
        } else {
            return Err(bad("a header is malformed"));
        }
    }
    parts.headers = headers;
    let framing = seen.framing(is_old)?;
    let waits = seen.waits && !is_old && !framing.is_done();
    Ok(Some(Head {
        parts,
        framing,
        keeps: seen.keeps,
        waits,
    }))
}

const fn bad(text: &'static str) -> Refusal {
    Refusal {
        status: StatusCode::BAD_REQUEST,
        text,
    }
}

const fn too_large() -> Refusal {
    Refusal {
        status: StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        text: "the head of the request is larger than 64 KiB, or has more than 100 headers",
    }
}

/// Where the body begins: after the first empty line.
fn end(bytes: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'\n', bytes).find_map(|at| match bytes.get(at + 1..)? {
        [b'\n', ..] => Some(at + 2),
        [b'\r', b'\n', ..] => Some(at + 3),
        _ => None,
    })
}

/// What headers say of the body and of the connection.
#[derive(Debug, Default)]
struct Seen {
    length: Option<u64>,
    encoded: bool,
    chunked: bool,
    keeps: bool,
    waits: bool,
}

impl Seen {
    fn header(&mut self, header: &Header<'_>) -> Result<(), Refusal> {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        let parts = || {
            header
                .value
                .split(|byte| *byte == b',')
                .map(<[u8]>::trim_ascii)
        };
        match header.name.len() {
            6 if is("expect") => {
                if !header.value.eq_ignore_ascii_case(b"100-continue") {
                    let status = StatusCode::EXPECTATION_FAILED;
                    return Err(Refusal {
                        status,
                        text: "`Expect` knows `100-continue` only",
                    });
                }
                self.waits = true;
            },
            10 if is("connection") => {
                for part in parts() {
                    if part.eq_ignore_ascii_case(b"close") {
                        self.keeps = false;
                    } else if part.eq_ignore_ascii_case(b"keep-alive") {
                        self.keeps = true;
                    }
                }
            },
            14 if is("content-length") => {
                // Two of them, or a list, is how a second request is smuggled in.
                let digits = std::str::from_utf8(header.value).ok();
                let digits = digits.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
                let length = digits.and_then(|text| text.parse().ok());
                let length = length.ok_or(bad("`Content-Length` is no number"))?;
                if self.length.replace(length).is_some() {
                    return Err(bad("`Content-Length` stands twice"));
                }
            },
            17 if is("transfer-encoding") => {
                if self.encoded || !header.value.eq_ignore_ascii_case(b"chunked") {
                    let status = StatusCode::NOT_IMPLEMENTED;
                    return Err(Refusal {
                        status,
                        text: "`Transfer-Encoding` knows `chunked` only",
                    });
                }
                (self.encoded, self.chunked) = (true, true);
            },
            _ => {},
        }
        Ok(())
    }

    fn framing(&self, is_old: bool) -> Result<Framing, Refusal> {
        match (self.chunked, self.length) {
            (true, Some(_)) => Err(bad(
                "`Content-Length` and `Transfer-Encoding` exclude each other",
            )),
            (true, None) if is_old => Err(bad("HTTP/1.0 has no `Transfer-Encoding`")),
            (true, None) => Ok(Framing::chunked()),
            (false, length) => Ok(Framing::length(length.unwrap_or(0))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(text: &str) -> Head {
        take(&mut BytesMut::from(text)).unwrap().unwrap()
    }

    fn refused(text: &str) -> (u16, &'static str) {
        let refusal = take(&mut BytesMut::from(text)).unwrap_err();
        (refusal.status.as_u16(), refusal.text)
    }

    #[test]
    fn a_head_is_taken_off_and_the_rest_is_left() {
        let text = "\r\nPOST /v1/x?a=b HTTP/1.1\r\nHost: h\r\nX-Two: 1\r\nx-two: 2\r\nContent-Length: 2\r\n\r\nokGET";
        let mut buffer = BytesMut::from(text);
        let head = take(&mut buffer).unwrap().unwrap();
        assert_eq!(&buffer[..], b"okGET");
        assert_eq!(
            (head.parts.method, head.parts.uri.query()),
            (Method::POST, Some("a=b"))
        );
        assert_eq!(head.parts.headers["host"], "h");
        assert_eq!(head.parts.headers.get_all("x-two").iter().count(), 2);
        assert_eq!(
            (head.framing, head.keeps, head.waits),
            (Framing::length(2), true, false)
        );
    }

    #[test]
    fn a_head_that_is_not_all_there_is_waited_for() {
        let whole = "GET / HTTP/1.1\r\nhost: h\r\n\r\n";
        for end in 0..whole.len() {
            assert!(
                take(&mut BytesMut::from(&whole.as_bytes()[..end]))
                    .unwrap()
                    .is_none(),
                "{end}"
            );
        }
        assert!(
            take(&mut BytesMut::from("GET / HTTP/1.1\nhost: h\n\n"))
                .unwrap()
                .is_some()
        );
    }

    #[test]
    fn connection_and_expect_are_heeded() {
        let keeps = |text: &str| taken(text).keeps;
        assert!(keeps("GET / HTTP/1.1\r\n\r\n"));
        assert!(!keeps("GET / HTTP/1.1\r\nConnection: x, Close\r\n\r\n"));
        assert!(!keeps("GET / HTTP/1.0\r\n\r\n"));
        assert!(keeps("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
        let waits = |text: &str| taken(text).waits;
        assert!(waits(
            "POST / HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n"
        ));
        assert!(!waits("POST / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n"));
        assert!(!waits(
            "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"
        ));
        let other = "POST / HTTP/1.1\r\nExpect: gold\r\n\r\n";
        assert_eq!(refused(other).0, 417);
    }

    #[test]
    fn what_could_smuggle_a_second_request_is_refused() {
        let head = |lines: &str| format!("POST / HTTP/1.1\r\n{lines}\r\n");
        for (lines, status) in [
            ("Content-Length: 1\r\nContent-Length: 1\r\n", 400),
            ("Content-Length: 1, 1\r\n", 400),
            ("Content-Length: +1\r\n", 400),
            ("Content-Length: \r\n", 400),
            ("Content-Length: 99999999999999999999\r\n", 400),
            ("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", 400),
            ("Transfer-Encoding: gzip, chunked\r\n", 501),
            (
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                501,
            ),
            ("Transfer-Encoding : chunked\r\n", 400),
            ("X: a\r\n b\r\n", 400),
        ] {
            assert_eq!(refused(&head(lines)).0, status, "{lines}");
        }
        assert_eq!(
            refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n").0,
            400
        );
    }

    #[test]
    fn what_is_no_request_is_refused_at_once() {
        assert_eq!(refused("\u{16}\u{3}\u{1}"), (400, "this is no HTTP"));
        assert_eq!(refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").0, 505);
        assert_eq!(refused("hello\r\n\r\n").0, 400);
        assert_eq!(refused(&format!("GET /{}", "x".repeat(HEAD_BYTES))).0, 431);
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(HEADERS + 1));
        assert_eq!(refused(&many).0, 431);
    }
}
