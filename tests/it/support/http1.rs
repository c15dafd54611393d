//! HTTP/1.1 as both ends of the harness read it: heads, lengths, chunks, from a plain socket.
//!
//! Small and strict on purpose: what a gateway frames wrongly must fail here, not be forgiven.
//! Used by the client and by the scripted upstream; knows neither.

use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;

/// The most bytes taken from the socket in one go.
const READ_SIZE: usize = 64 * 1024;

/// Start line and header fields, names as sent.
#[derive(Debug, Clone, Default)]
pub struct Head {
    /// Request line or status line.
    pub start: String,
    /// Fields in order of arrival.
    pub fields: Vec<(String, String)>,
}

impl Head {
    /// The first field of that name, whatever its case.
    pub fn field(&self, name: &str) -> Option<&str> {
        find(&self.fields, name)
    }

    fn parse(bytes: &[u8]) -> io::Result<Self> {
        let text = str::from_utf8(bytes).map_err(|error| bad(&format!("head: {error}")))?;
        let mut lines = text.split("\r\n").filter(|line| !line.is_empty());
        let start = lines.next().ok_or_else(|| bad("empty head"))?.to_owned();
        let fields = lines
            .map(|line| {
                let (name, value) = line
                    .split_once(':')
                    .ok_or_else(|| bad(&format!("header line {line:?}")))?;
                Ok((name.to_owned(), value.trim().to_owned()))
            })
            .collect::<io::Result<_>>()?;
        Ok(Self { start, fields })
    }
}

/// The first of `fields` with that name, whatever its case.
pub fn find<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    fields
        .iter()
        .find(|(n, _)| n.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

/// How the length of a body is known, and how much of it is still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// `Content-Length`: so many bytes left.
    Length(usize),
    /// `Transfer-Encoding: chunked`: so many bytes left of the present chunk.
    Chunked(usize),
    /// Until the connection closes.
    Close,
    /// Nothing more.
    Over,
}

impl Framing {
    /// As a request with this head is framed.
    pub fn of_request(head: &Head) -> io::Result<Self> {
        Self::given(head).map(|framing| framing.unwrap_or(Self::Over))
    }

    /// As an answer with this head and status is framed.
    pub fn of_answer(head: &Head, status: u16) -> io::Result<Self> {
        if status == 204 || status == 304 {
            return Ok(Self::Over);
        }
        Self::given(head).map(|framing| framing.unwrap_or(Self::Close))
    }

    fn given(head: &Head) -> io::Result<Option<Self>> {
        match (
            head.field("transfer-encoding"),
            head.field("content-length"),
        ) {
            (Some(_), Some(_)) => Err(bad("both transfer-encoding and content-length")),
            (Some("chunked"), None) => Ok(Some(Self::Chunked(0))),
            (Some(other), None) => Err(bad(&format!("transfer-encoding {other:?}"))),
            (None, Some("0")) => Ok(Some(Self::Over)),
            (None, Some(n)) => n
                .parse()
                .map(|n| Some(Self::Length(n)))
                .map_err(|_error| bad("content-length")),
            (None, None) => Ok(None),
        }
    }
}

/// A socket with what was read from it and not yet used.
#[derive(Debug)]
pub struct Wire {
    /// The socket itself, for writing and for options.
    pub stream: TcpStream,
    held: Vec<u8>,
}

impl Wire {
    /// Over a fresh connection.
    pub const fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            held: Vec::new(),
        }
    }

    /// The next head; `None` when the other end closed before its first byte.
    pub fn head(&mut self) -> io::Result<Option<Head>> {
        loop {
            if let Some(end) = find_bytes(&self.held, b"\r\n\r\n") {
                let head: Vec<u8> = self.held.drain(..end + 4).collect();
                return Head::parse(&head).map(Some);
            }
            if self.fill()? == 0 {
                if self.held.is_empty() {
                    return Ok(None);
                }
                return Err(bad("closed inside a head"));
            }
        }
    }

    /// The next bytes of a body as they come; `None` at its end. An early close is
    /// [`ErrorKind::UnexpectedEof`].
    pub fn body(&mut self, framing: &mut Framing) -> io::Result<Option<Vec<u8>>> {
        match *framing {
            Framing::Over => Ok(None),
            Framing::Close => {
                if self.held.is_empty() && self.fill()? == 0 {
                    *framing = Framing::Over;
                    return Ok(None);
                }
                Ok(Some(std::mem::take(&mut self.held)))
            },
            Framing::Length(left) => {
                let piece = self.piece(left)?;
                let left = left - piece.len();
                *framing = if left == 0 {
                    Framing::Over
                } else {
                    Framing::Length(left)
                };
                Ok(Some(piece))
            },
            Framing::Chunked(0) => {
                let size = self.line()?;
                let size = size.split(';').next().unwrap_or_default().trim();
                let size = usize::from_str_radix(size, 16)
                    .map_err(|_error| bad(&format!("chunk size {size:?}")))?;
                if size == 0 {
                    while !self.line()?.is_empty() {}
                    *framing = Framing::Over;
                    return Ok(None);
                }
                *framing = Framing::Chunked(size);
                self.body(framing)
            },
            Framing::Chunked(left) => {
                let piece = self.piece(left)?;
                if piece.len() == left && !self.line()?.is_empty() {
                    return Err(bad("no line end after a chunk"));
                }
                *framing = Framing::Chunked(left - piece.len());
                Ok(Some(piece))
            },
        }
    }

    /// All of a body.
    pub fn whole_body(&mut self, mut framing: Framing) -> io::Result<Vec<u8>> {
        let mut whole = Vec::new();
        while let Some(piece) = self.body(&mut framing)? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole)
    }

    /// Up to `most` bytes, at least one.
    fn piece(&mut self, most: usize) -> io::Result<Vec<u8>> {
        if self.held.is_empty() && self.fill()? == 0 {
            return Err(io::Error::new(
                ErrorKind::UnexpectedEof,
                "closed inside a body",
            ));
        }
        let n = most.min(self.held.len());
        Ok(self.held.drain(..n).collect())
    }

    fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = find_bytes(&self.held, b"\r\n") {
                let line: Vec<u8> = self.held.drain(..end + 2).collect();
                return String::from_utf8(line)
                    .map(|line| line.trim_end().to_owned())
                    .map_err(|_error| bad("chunk line"));
            }
            if self.fill()? == 0 {
                return Err(io::Error::new(
                    ErrorKind::UnexpectedEof,
                    "closed inside a body",
                ));
            }
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut space = vec![0; READ_SIZE];
        let n = loop {
            match self.stream.read(&mut space) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {},
                other => break other?,
            }
        };
        self.held.extend(space.iter().take(n));
        Ok(n)
    }
}

/// Where `needle` first lies in `hay`.
pub fn find_bytes(hay: &[u8], needle: &[u8]) -> Option<usize> {
    memchr::memmem::find(hay, needle)
}

fn bad(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what.to_owned())
}
