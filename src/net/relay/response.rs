//! The head of an upstream's answer: status, headers as they came, and how its body is framed.

use std::mem::MaybeUninit;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use httparse::{Header, ParserConfig, Response, Status};

use crate::net::framing::Framing;

/// Most headers of an answer.
const HEADERS: usize = 100;
/// Largest head of an answer.
const HEAD_BYTES: usize = 64 << 10;

/// Status and headers of an upstream's answer.
#[derive(Debug, Clone, Default)]
pub struct ResponseHead {
    /// The status.
    pub status: StatusCode,
    /// The lines as they came. A few are asked for, so they are looked up and not sorted into a map.
    lines: Bytes,
}

/// A head with what its connection must know of it.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) head: ResponseHead,
    pub(super) framing: Framing,
    /// Whether the server keeps the connection open.
    pub(super) keeps: bool,
}

impl ResponseHead {
    /// A head of these headers, for those that read some.
    #[cfg(test)]
    pub fn of(status: StatusCode, headers: &[(&str, &str)]) -> Self {
        let mut lines = String::from("HTTP/1.1 200 OK\r\n");
        for (name, value) in headers {
            lines.extend([name, ": ", value, "\r\n"]);
        }
        Self {
            status,
            lines: lines.into(),
        }
    }

    /// The value of the first header of this name, when it is text.
    pub fn get(&self, name: &str) -> Option<&str> {
        let lines = self.lines.split(|byte| *byte == b'\n').skip(1);
        lines
            .filter(|line| line.len() > name.len())
            .find_map(|line| {
                let (found, value) = line.split_at_checked(name.len())?;
                let value = value.strip_prefix(b":")?;
                let text = std::str::from_utf8(value).ok()?;
                found
                    .eq_ignore_ascii_case(name.as_bytes())
                    .then(|| text.trim())
            })
    }
}

/// Takes a head off the front of what has come; `None` when it is not all there. Heads that only
/// announce another one (100, 103) are passed over.
///
/// # Errors
/// It is no HTTP, or more of it than anybody sends; in words.
pub(super) fn take(buffer: &mut BytesMut) -> Result<Option<Parsed>, String> {
    loop {
        let Some((size, mut parsed)) = parse(buffer)? else {
            if buffer.len() > HEAD_BYTES {
                return Err(format!(
                    "the answer's head is larger than {} KiB",
                    HEAD_BYTES >> 10
                ));
            }
            return Ok(None);
        };
        parsed.head.lines = buffer.split_to(size).freeze();
        match parsed.head.status {
            StatusCode::SWITCHING_PROTOCOLS => {
                return Err("the answer changes the protocol, which nobody asked for".to_owned());
            },
            status if status.is_informational() => {},
            _ => return Ok(Some(parsed)),
        }
    }
}

fn parse(bytes: &[u8]) -> Result<Option<(usize, Parsed)>, String> {
    let mut room: [MaybeUninit<Header<'_>>; HEADERS] = [MaybeUninit::uninit(); HEADERS];
    let mut response = Response::new(&mut []);
    let done =
        ParserConfig::default().parse_response_with_uninit_headers(&mut response, bytes, &mut room);
    let size = match done.map_err(|error| format!("the answer is no HTTP: {error}"))? {
        Status::Complete(size) => size,
        Status::Partial => return Ok(None),
    };
    let status = response
        .code
        .and_then(|code| StatusCode::from_u16(code).ok());
    let status = status.ok_or("the answer is no HTTP: bad status")?;
    let mut seen = Seen {
        keeps: response.version == Some(1),
        ..Seen::default()
    };
    for header in response.headers.iter() {
        seen.header(header)?;
    }
    let head = ResponseHead {
        status,
        lines: Bytes::new(),
    };
    let (framing, keeps) = seen.framing(status);
    Ok(Some((
        size,
        Parsed {
            head,
            framing,
            keeps,
        },
    )))
}

/// What headers say of the framing.
#[derive(Debug, Default)]
struct Seen {
    length: Option<u64>,
    encoded: bool,
    chunked: bool,
    keeps: bool,
}

impl Seen {
    fn header(&mut self, header: &Header<'_>) -> Result<(), String> {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        let parts = || {
            header
                .value
                .split(|byte| *byte == b',')
                .map(<[u8]>::trim_ascii)
        };
        match header.name.len() {
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
                for part in parts() {
                    let number = std::str::from_utf8(part)
                        .ok()
                        .filter(|text| !text.starts_with('+'));
                    let number = number.and_then(|text| text.parse().ok());
                    let number = number.ok_or("the answer is no HTTP: bad content-length")?;
                    if self.length.is_some_and(|known| known != number) {
                        return Err("the answer names two lengths".to_owned());
                    }
                    self.length = Some(number);
                }
            },
            17 if is("transfer-encoding") => {
                self.encoded = true;
                // Only the last of them says how the end is found.
                self.chunked = parts()
                    .next_back()
                    .is_some_and(|part| part.eq_ignore_ascii_case(b"chunked"));
            },
            _ => {},
        }
        Ok(())
    }

    /// How the body is framed, and whether the connection may serve again.
    fn framing(&self, status: StatusCode) -> (Framing, bool) {
        if status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED {
            return (Framing::length(0), self.keeps);
        }
        match (self.encoded, self.chunked, self.length) {
            // Both: an old trick to smuggle a second answer. The encoding holds, and nothing follows.
            (true, true, length) => (Framing::chunked(), self.keeps && length.is_none()),
            (false, _, Some(length)) => (Framing::length(length), self.keeps),
            (true, false, _) | (false, _, None) => (Framing::UntilClose, false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Parsed {
        take(&mut BytesMut::from(text)).unwrap().unwrap()
    }

    #[test]
    fn a_head_is_taken_off_and_its_headers_are_found() {
        let mut buffer = BytesMut::from(
            "HTTP/1.1 429 Slow\r\nContent-Type: text/plain; x\r\nRETRY-AFTER:7\r\nContent-Length: 2\r\n\r\nok",
        );
        let Parsed {
            head,
            framing,
            keeps,
        } = take(&mut buffer).unwrap().unwrap();
        assert_eq!((head.status.as_u16(), &buffer[..]), (429, &b"ok"[..]));
        assert_eq!(head.get("content-type"), Some("text/plain; x"));
        assert_eq!(head.get("retry-after"), Some("7"));
        assert_eq!(head.get("retry-after-ms"), None);
        assert_eq!(head.get("http/1.1 429"), None);
        assert_eq!((framing, keeps), (Framing::length(2), true));
    }

    #[test]
    fn a_head_that_is_not_all_there_is_waited_for() {
        let whole = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        for end in 0..whole.len() {
            let mut buffer = BytesMut::from(&whole.as_bytes()[..end]);
            assert!(take(&mut buffer).unwrap().is_none(), "{end}");
            assert_eq!(buffer.len(), end);
        }
    }

    #[test]
    fn announcements_are_passed_over() {
        let head = parsed("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n").head;
        assert_eq!(head.status, StatusCode::OK);
        assert_eq!(head.get("link"), None);
    }

    #[test]
    fn framing_follows_the_standard() {
        let framing = |lines: &str| {
            let parsed = parsed(&format!("HTTP/1.1 200 OK\r\n{lines}\r\n"));
            (parsed.framing, parsed.keeps)
        };
        assert_eq!(framing(""), (Framing::UntilClose, false));
        assert_eq!(framing("content-length: 5\r\n"), (Framing::length(5), true));
        assert_eq!(
            framing("content-length: 5, 5\r\n"),
            (Framing::length(5), true)
        );
        assert_eq!(
            framing("content-length: 5\r\nConnection: Close\r\n"),
            (Framing::length(5), false)
        );
        assert_eq!(
            framing("transfer-encoding: gzip, Chunked\r\n"),
            (Framing::chunked(), true)
        );
        assert_eq!(
            framing("transfer-encoding: gzip\r\n"),
            (Framing::UntilClose, false)
        );
        assert_eq!(
            framing("content-length: 5\r\ntransfer-encoding: chunked\r\n"),
            (Framing::chunked(), false)
        );
        let empty = parsed("HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n");
        assert_eq!(empty.framing, Framing::length(0));
        let old = parsed("HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\n");
        assert!(!old.keeps);
        let old = parsed("HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 5\r\n\r\n");
        assert!(old.keeps);
    }

    #[test]
    fn what_is_no_http_is_told_in_words() {
        let wrong = |text: &str| take(&mut BytesMut::from(text)).unwrap_err();
        assert!(wrong("SSH-2.0-OpenSSH_9.2\r\n").starts_with("the answer is no HTTP: "));
        assert_eq!(
            wrong("HTTP/1.1 099 X\r\n\r\n"),
            "the answer is no HTTP: bad status"
        );
        for bad in ["-1", "+1", "x", "", "99999999999999999999"] {
            let text = format!("HTTP/1.1 200 OK\r\ncontent-length: {bad}\r\n\r\n");
            assert_eq!(
                wrong(&text),
                "the answer is no HTTP: bad content-length",
                "{bad}"
            );
        }
        let two = "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n";
        assert_eq!(wrong(two), "the answer names two lengths");
        let switch = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
        assert!(wrong(switch).contains("changes the protocol"));
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(101));
        assert!(wrong(&many).starts_with("the answer is no HTTP: "));
        let endless = format!("HTTP/1.1 200 OK\r\na: {}", "x".repeat(HEAD_BYTES));
        assert_eq!(wrong(&endless), "the answer's head is larger than 64 KiB");
    }
}
