//! Just enough HTTP/1.1 for the mock and the load: where a head ends, how long its body is.

use memchr::memmem;

/// Where a message ends that begins `bytes`, once its head is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Length of the head with its blank line.
    pub(crate) head: usize,
    /// Length of the body, `None` when it is chunked.
    pub(crate) body: Option<usize>,
}

/// Reads the head that begins `bytes`; `None` while it is not whole.
pub(crate) fn extent(bytes: &[u8]) -> Option<Extent> {
    let head = memmem::find(bytes, b"\r\n\r\n")? + 4;
    let text = str::from_utf8(bytes.get(..head)?).ok()?;
    let mut body = Some(0);
    for line in text.split("\r\n").skip(1) {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        if name.eq_ignore_ascii_case("content-length") {
            body = value.trim().parse().ok();
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            body = None;
        }
    }
    Some(Extent { head, body })
}

/// The status code of an answer.
pub(crate) fn status(bytes: &[u8]) -> u16 {
    let code = bytes.get(9..12).and_then(|code| str::from_utf8(code).ok());
    code.and_then(|code| code.parse().ok()).unwrap_or_default()
}

/// One chunk of a chunked body.
pub(crate) fn chunk(data: &str) -> Vec<u8> {
    format!("{:x}\r\n{data}\r\n", data.len()).into_bytes()
}

/// The end of a chunked body.
pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";
