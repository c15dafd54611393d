//! The client of the end-to-end tests: one request, exact bytes, arrival times.
//!
//! Blocking, over `std::net`. Knows nothing of the gateway but an address.

use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::http1::{self, Framing, Head, Wire};
use super::sse::{Frame, Splitter};
use super::wait::{PATIENCE, now};

/// A request to be sent.
#[derive(Debug, Clone)]
pub struct Ask {
    method: String,
    path: String,
    fields: Vec<(String, String)>,
    body: Vec<u8>,
    patience: Duration,
}

impl Ask {
    /// A `GET`.
    pub fn get(path: &str) -> Self {
        Self::new("GET", path, Vec::new())
    }

    /// A `POST` of JSON.
    pub fn post(path: &str, body: &Value) -> Self {
        Self::raw("POST", path, body.to_string().into_bytes())
            .header("content-type", "application/json")
    }

    /// Any method with any bytes; `Content-Length` is added.
    pub fn raw(method: &str, path: &str, body: Vec<u8>) -> Self {
        let length = body.len().to_string();
        Self::new(method, path, body).header("content-length", &length)
    }

    fn new(method: &str, path: &str, body: Vec<u8>) -> Self {
        let (method, path) = (method.to_owned(), path.to_owned());
        Self {
            method,
            path,
            fields: Vec::new(),
            body,
            patience: PATIENCE,
        }
    }

    /// With one more header field.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With `Authorization: Bearer`.
    #[must_use]
    pub fn key(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    /// With another bound on every single read.
    #[must_use]
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Sends it on a connection of its own and reads the whole answer.
    #[track_caller]
    pub fn send(&self, to: SocketAddr) -> Answer {
        self.try_send(to)
            .unwrap_or_else(|error| self.failed(&error))
    }

    /// As [`Ask::send`], for tests in which the connection may fail.
    pub fn try_send(&self, to: SocketAddr) -> io::Result<Answer> {
        Line::connect(to)?.send(self)
    }

    /// Sends it on a connection of its own and reads the head only.
    #[track_caller]
    pub fn open(&self, to: SocketAddr) -> Stream {
        self.try_open(to)
            .unwrap_or_else(|error| self.failed(&error))
    }

    /// As [`Ask::open`], for tests in which the connection may fail.
    pub fn try_open(&self, to: SocketAddr) -> io::Result<Stream> {
        Line::connect(to)?.open(self)
    }

    #[track_caller]
    fn failed(&self, error: &io::Error) -> ! {
        panic!("{} {}: {error}", self.method, self.path)
    }

    /// The bytes that go out.
    pub fn bytes(&self, host: SocketAddr) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nhost: {host}\r\n", self.method, self.path);
        head.extend(
            self.fields
                .iter()
                .flat_map(|(name, value)| [name, ": ", value, "\r\n"]),
        );
        head.push_str("\r\n");
        [head.as_bytes(), &self.body].concat()
    }
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Header fields in order.
    pub fields: Vec<(String, String)>,
    /// The body, unframed.
    pub body: Vec<u8>,
    /// From sending the request to the last byte.
    pub took: Duration,
}

impl Answer {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        http1::find(&self.fields, name)
    }

    /// The body as text, with what is no UTF-8 replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        let parsed = serde_json::from_slice(&self.body);
        parsed
            .map_err(|error| format!("{error} in {}", self.text()))
            .unwrap()
    }

    /// Fails the test when the status is another, showing the body.
    #[track_caller]
    #[expect(
        clippy::return_self_not_must_use,
        reason = "the check alone may be what is wanted"
    )]
    pub fn must_be(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }
}

/// One connection, kept open between requests.
#[derive(Debug)]
pub struct Line {
    wire: Wire,
    to: SocketAddr,
}

impl Line {
    /// Connects, with nodelay.
    pub fn connect(to: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&to, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            wire: Wire::new(stream),
            to,
        })
    }

    /// Writes bytes as they are.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.wire.stream.write_all(bytes)
    }

    /// One request and its whole answer.
    pub fn send(&mut self, ask: &Ask) -> io::Result<Answer> {
        let began = now();
        self.wire.stream.set_read_timeout(Some(ask.patience))?;
        self.write(&ask.bytes(self.to))?;
        self.answer(began)
    }

    /// The next answer to what was written.
    pub fn answer(&mut self, began: Instant) -> io::Result<Answer> {
        let (head, status) = self.head()?;
        let body = self.wire.whole_body(Framing::of_answer(&head, status)?)?;
        Ok(Answer {
            status,
            fields: head.fields,
            body,
            took: began.elapsed(),
        })
    }

    fn open(mut self, ask: &Ask) -> io::Result<Stream> {
        let began = now();
        self.wire.stream.set_read_timeout(Some(ask.patience))?;
        self.write(&ask.bytes(self.to))?;
        let (head, status) = self.head()?;
        let framing = Framing::of_answer(&head, status)?;
        let (head_at, fields) = (began.elapsed(), head.fields);
        let splitter = Splitter::default();
        Ok(Stream {
            status,
            fields,
            head_at,
            began,
            wire: self.wire,
            framing,
            splitter,
        })
    }

    fn head(&mut self) -> io::Result<(Head, u16)> {
        loop {
            let head = self.wire.head()?;
            let head = head.ok_or_else(|| io::Error::from(ErrorKind::UnexpectedEof))?;
            let status = head
                .start
                .split(' ')
                .nth(1)
                .and_then(|code| code.parse().ok());
            let status =
                status.ok_or_else(|| io::Error::new(ErrorKind::InvalidData, head.start.clone()))?;
            if status != 100 {
                return Ok((head, status));
            }
        }
    }
}

/// How the body of a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// As its framing says: last chunk, full length.
    Whole,
    /// Closed before.
    Cut,
    /// Reset by the other end.
    Reset,
}

/// An answer whose body is read as it comes.
#[derive(Debug)]
pub struct Stream {
    /// Status code.
    pub status: u16,
    /// Header fields in order.
    pub fields: Vec<(String, String)>,
    /// From sending the request to the end of the head.
    pub head_at: Duration,
    began: Instant,
    wire: Wire,
    framing: Framing,
    splitter: Splitter,
}

impl Stream {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        http1::find(&self.fields, name)
    }

    /// The next bytes, or how the body ended. A read that takes longer than the patience fails
    /// the test.
    #[track_caller]
    pub fn piece(&mut self) -> Result<Vec<u8>, End> {
        match self.wire.body(&mut self.framing) {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(End::Whole),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(End::Cut),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Err(End::Reset),
            Err(error) => panic!("body: {error}"),
        }
    }

    /// At least one more frame, or how the body ended.
    #[track_caller]
    pub fn frames(&mut self) -> Result<Vec<Frame>, End> {
        loop {
            let bytes = self.piece()?;
            let frames = self.splitter.feed(&bytes, self.began.elapsed());
            if !frames.is_empty() {
                return Ok(frames);
            }
        }
    }

    /// Reads to the end: all frames and how it ended. Bytes after the last whole frame fail the
    /// test, unless the body was cut.
    #[track_caller]
    pub fn collect(mut self) -> (Vec<Frame>, End) {
        let mut all = Vec::new();
        loop {
            match self.frames() {
                Ok(frames) => all.extend(frames),
                Err(end) => {
                    let rest = String::from_utf8_lossy(self.splitter.rest()).into_owned();
                    assert!(
                        rest.is_empty() || end != End::Whole,
                        "half a frame: {rest:?}"
                    );
                    return (all, end);
                },
            }
        }
    }
}
