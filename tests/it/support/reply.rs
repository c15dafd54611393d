//! What a scripted upstream does with one request, as data: bytes, pauses, gates, deaths.
//!
//! A [`Reply`] is built from left to right and played once, byte for byte, by `upstream`.
//! A [`Gate`] lets a test decide the moment, so that nothing depends on how fast the machine is.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::Value;

/// Something a script waits for until the test opens it.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    /// A shut one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets everything that waits go on, now and later.
    pub fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    /// Waits at most `most`; tells whether it is open.
    pub fn wait(&self, most: Duration) -> bool {
        let open = self.0.0.lock().unwrap();
        *self
            .0
            .1
            .wait_timeout_while(open, most, |open| !*open)
            .unwrap()
            .0
    }
}

/// One thing an upstream does.
#[derive(Debug, Clone)]
pub enum Step {
    /// Writes these bytes in one go.
    Send(Vec<u8>),
    /// Is silent for so long.
    Pause(Duration),
    /// Is silent until the test opens the gate.
    Wait(Gate),
    /// Closes the connection in order (FIN).
    Fin,
    /// Resets the connection (RST).
    Reset,
}

/// What to do with one request.
#[derive(Debug, Clone)]
pub struct Reply {
    before: Vec<Step>,
    head: Option<(u16, Vec<(String, String)>)>,
    head_pieces: Option<(usize, Duration)>,
    chunked: bool,
    keep: bool,
    steps: Vec<Step>,
}

impl Reply {
    fn empty(head: Option<u16>) -> Self {
        let head = head.map(|status| (status, Vec::new()));
        let (before, steps) = (Vec::new(), Vec::new());
        Self {
            before,
            head,
            head_pieces: None,
            chunked: false,
            keep: true,
            steps,
        }
    }

    /// A whole JSON answer with its length.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::body(status, "application/json", body.to_string())
    }

    /// A whole answer of any kind with its length.
    pub fn body(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let mut reply = Self::empty(Some(status))
            .header("content-type", content_type)
            .header("content-length", &body.len().to_string());
        reply.steps.push(Step::Send(body));
        reply
    }

    /// The head of a 200 with a chunked body; goes on with [`Reply::chunk`], ends with
    /// [`Reply::end`], [`Reply::fin`] or [`Reply::reset`].
    pub fn stream(content_type: &str) -> Self {
        let mut reply = Self::empty(Some(200))
            .header("content-type", content_type)
            .header("transfer-encoding", "chunked");
        reply.chunked = true;
        reply
    }

    /// The head of a 200 whose body ends where the connection does, as simple servers answer; goes on
    /// with [`Reply::chunk`], ends with [`Reply::fin`].
    pub fn until_close(content_type: &str) -> Self {
        Self::empty(Some(200)).header("content-type", content_type)
    }

    /// A stream of server-sent events; goes on as [`Reply::stream`].
    pub fn sse() -> Self {
        Self::stream("text/event-stream")
    }

    /// A stream of JSON lines; goes on as [`Reply::stream`].
    pub fn ndjson() -> Self {
        Self::stream("application/x-ndjson")
    }

    /// Never says a byte.
    pub fn hang() -> Self {
        Self::empty(None).wait(&Gate::new())
    }

    /// Closes without a byte.
    pub fn close() -> Self {
        Self::empty(None).fin()
    }

    /// Resets without a byte.
    pub fn refuse() -> Self {
        Self::empty(None).reset()
    }

    /// Adds a header field.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Some((_, fields)) = &mut self.head {
            fields.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Waits so long before the first byte of the head.
    #[must_use]
    pub fn late(mut self, by: Duration) -> Self {
        self.before.push(Step::Pause(by));
        self
    }

    /// Waits for the gate before the first byte of the head.
    #[must_use]
    pub fn late_until(mut self, gate: &Gate) -> Self {
        self.before.push(Step::Wait(gate.clone()));
        self
    }

    /// Sends the head in pieces of `size` bytes with a pause between.
    #[must_use]
    pub const fn slow_head(mut self, size: usize, pause: Duration) -> Self {
        self.head_pieces = Some((size, pause));
        self
    }

    /// Sends these body bytes in one write, as one chunk of a chunked body.
    #[must_use]
    pub fn chunk(mut self, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        let framed = if self.chunked {
            [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
        } else {
            bytes.to_vec()
        };
        self.steps.push(Step::Send(framed));
        self
    }

    /// Each in a write and a chunk of its own.
    #[must_use]
    pub fn chunks<B: AsRef<[u8]>>(self, all: impl IntoIterator<Item = B>) -> Self {
        all.into_iter().fold(self, Self::chunk)
    }

    /// The bytes cut at these offsets, each part in a write and a chunk of its own.
    #[must_use]
    pub fn cut_at(self, bytes: &[u8], offsets: &[usize]) -> Self {
        let ends = offsets.iter().copied().chain([bytes.len()]);
        let mut from = 0;
        ends.fold(self, |reply, end| {
            let part = &bytes[from..end];
            from = end;
            reply.chunk(part)
        })
    }

    /// Is silent for so long.
    #[must_use]
    pub fn pause(mut self, how_long: Duration) -> Self {
        self.steps.push(Step::Pause(how_long));
        self
    }

    /// Is silent until the test opens the gate.
    #[must_use]
    pub fn wait(mut self, gate: &Gate) -> Self {
        self.steps.push(Step::Wait(gate.clone()));
        self
    }

    /// Ends a chunked body as it should be.
    #[must_use]
    pub fn end(mut self) -> Self {
        self.steps.push(Step::Send(b"0\r\n\r\n".to_vec()));
        self
    }

    /// Closes the connection here, whatever the framing promised.
    #[must_use]
    pub fn fin(mut self) -> Self {
        self.steps.push(Step::Fin);
        self
    }

    /// Resets the connection here.
    #[must_use]
    pub fn reset(mut self) -> Self {
        self.steps.push(Step::Reset);
        self
    }

    /// Says `Connection: close` and does so after the answer.
    #[must_use]
    pub fn close_after(mut self) -> Self {
        self.keep = false;
        self.header("connection", "close")
    }

    /// The script in order, ready to be played.
    pub fn script(&self) -> Vec<Step> {
        let mut script = self.before.clone();
        if let Some((status, fields)) = &self.head {
            let mut head = format!("HTTP/1.1 {status} {}\r\n", reason(*status));
            head.extend(
                fields
                    .iter()
                    .flat_map(|(name, value)| [name, ": ", value, "\r\n"]),
            );
            head.push_str("\r\n");
            let (size, pause) = self.head_pieces.unwrap_or((head.len(), Duration::ZERO));
            for piece in head.as_bytes().chunks(size) {
                script.push(Step::Send(piece.to_vec()));
                script.extend((!pause.is_zero()).then_some(Step::Pause(pause)));
            }
        }
        script.extend(self.steps.iter().cloned());
        if !self.keep {
            script.push(Step::Fin);
        }
        script
    }
}

const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        529 => "Overloaded",
        _ => "Status",
    }
}
