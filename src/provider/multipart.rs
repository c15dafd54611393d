//! A form with files (audio, images): the span of its `model` field, so that it can be replaced.
//!
//! Nothing else of the form is read or copied before it is sent.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use http::HeaderValue;
use memchr::memmem;

use crate::base::Fault;

/// A form as it came.
#[derive(Debug)]
pub struct Form {
    /// Its content type, boundary included.
    pub content_type: HeaderValue,
    /// The model asked for.
    pub model: String,
    span: Range<usize>,
    bytes: Bytes,
}

impl Form {
    /// Finds the model in a form.
    ///
    /// # Errors
    /// It has no boundary, no `model` field, or that field is no text.
    pub fn read(content_type: &HeaderValue, bytes: Bytes) -> Result<Self, Fault> {
        let boundary = boundary(content_type)
            .ok_or_else(|| Fault::invalid("the form's content type names no boundary"))?;
        let span = field(&bytes, &boundary, "model")
            .ok_or_else(|| Fault::invalid("you must provide a model parameter").param("model"))?;
        let text = bytes
            .get(span.clone())
            .and_then(|bytes| std::str::from_utf8(bytes).ok());
        let model = text.ok_or_else(|| Fault::invalid("`model` is not text").param("model"))?;
        Ok(Self {
            content_type: content_type.clone(),
            model: model.trim().to_owned(),
            span,
            bytes,
        })
    }

    /// The form with another model.
    pub fn with_model(&self, model: &str) -> Bytes {
        let mut out = BytesMut::with_capacity(self.bytes.len() + model.len());
        out.extend_from_slice(self.bytes.get(..self.span.start).unwrap_or_default());
        out.extend_from_slice(model.as_bytes());
        out.extend_from_slice(self.bytes.get(self.span.end..).unwrap_or_default());
        out.freeze()
    }

    /// Its size in bytes.
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether it is empty.
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

fn boundary(content_type: &HeaderValue) -> Option<String> {
    let text = content_type.to_str().ok()?;
    let mut parts = text.split(';').map(str::trim);
    let value = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.eq_ignore_ascii_case("boundary").then_some(value)
    })?;
    Some(value.trim_matches('"').to_owned()).filter(|value| !value.is_empty())
}

/// The span of the value of the first field of this name that is no file.
fn field(bytes: &[u8], boundary: &str, name: &str) -> Option<Range<usize>> {
    let mark = format!("--{boundary}");
    let mut starts = memmem::find_iter(bytes, mark.as_bytes()).peekable();
    while let Some(start) = starts.next() {
        let end = starts.peek().copied()?;
        let part = bytes.get(start + mark.len()..end)?;
        let Some(head_len) = memmem::find(part, b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(part.get(..head_len)?);
        if is_field(&head, name) {
            let value = start + mark.len() + head_len + 4;
            return Some(value..end.checked_sub(2)?.max(value));
        }
    }
    None
}

/// Whether a part's head is that of a plain field of this name, quoted or not. Header and parameter
/// names have no case.
fn is_field(head: &str, name: &str) -> bool {
    let disposition = head.lines().find_map(|line| {
        let (header, value) = line.split_once(':')?;
        header
            .trim()
            .eq_ignore_ascii_case("content-disposition")
            .then_some(value)
    });
    let mut named = false;
    for parameter in disposition.unwrap_or_default().split(';') {
        let Some((key, value)) = parameter.split_once('=') else {
            continue;
        };
        let key = key.trim();
        if key.eq_ignore_ascii_case("filename") || key.eq_ignore_ascii_case("filename*") {
            return false;
        }
        named |= key.eq_ignore_ascii_case("name") && value.trim().trim_matches('"') == name;
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] =
        b"--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\
        Content-Type: audio/wav\r\n\r\nRIFF\r\n\r\n\x00\xff\r\n--XX\r\n\
        Content-Disposition: form-data; name=\"model\"\r\n\r\nwhisper\r\n--XX--\r\n";

    #[test]
    fn the_model_is_found_and_replaced_and_nothing_else() {
        let kind = HeaderValue::from_static("multipart/form-data; boundary=\"XX\"");
        let form = Form::read(&kind, Bytes::from_static(BODY)).unwrap();
        assert_eq!(form.model, "whisper");
        let changed = form.with_model("whisper-large-v3");
        let again = Form::read(&kind, changed.clone()).unwrap();
        assert_eq!(again.model, "whisper-large-v3");
        assert_eq!(again.with_model("whisper"), BODY);
        assert_eq!(changed.len(), BODY.len() + 9);
    }

    #[test]
    fn names_of_fields_stand_with_or_without_quotes() {
        let cases = [
            ("\r\nContent-Disposition: form-data; name=\"model\"", true),
            ("\r\ncontent-disposition:form-data;NAME=model", true),
            (
                "\r\nContent-Disposition: form-data; name=\"model_x\"",
                false,
            ),
            (
                "\r\nContent-Disposition: form-data; filename=\"name=model\"",
                false,
            ),
            (
                "\r\nContent-Disposition: form-data; name=model; filename=a",
                false,
            ),
            ("\r\nContent-Type: text/plain; name=model", false),
        ];
        for (head, expected) in cases {
            assert_eq!(is_field(head, "model"), expected, "{head}");
        }
    }

    #[test]
    fn forms_without_a_model_or_boundary_are_refused() {
        let plain = HeaderValue::from_static("multipart/form-data");
        assert!(Form::read(&plain, Bytes::from_static(BODY)).is_err());
        let kind = HeaderValue::from_static("multipart/form-data; boundary=YY");
        assert_eq!(
            Form::read(&kind, Bytes::from_static(BODY))
                .unwrap_err()
                .param
                .as_deref(),
            Some("model")
        );
    }
}
