//! Changes to bytes as a list of edits: what is not edited stays byte for byte as it was.
//!
//! The list is applied once, into one buffer of exactly the right size. Members are cut and put in
//! with the commas they need. Knows JSON objects by their spans only; `head` and the relays call it.
#![warn(clippy::indexing_slicing)]

use std::borrow::Cow;

use bytes::Bytes;

use crate::wire::scan::{Member, Span};

/// A list of edits to some bytes.
#[derive(Debug, Clone, Default)]
pub struct Edits<'e> {
    /// The only edit, as it mostly is; a list is begun with the second one.
    only: Option<Edit<'e>>,
    list: Vec<Edit<'e>>,
}

#[derive(Debug, Clone)]
struct Edit<'e> {
    span: Span,
    text: Cow<'e, [u8]>,
}

impl<'e> Edits<'e> {
    /// An empty list.
    pub const fn new() -> Self {
        Self {
            only: None,
            list: Vec::new(),
        }
    }

    /// Whether nothing is to be changed.
    pub const fn is_empty(&self) -> bool {
        self.only.is_none() && self.list.is_empty()
    }

    /// Puts `text` in the place of `span`. Of two edits to the same bytes the first one wins.
    pub fn replace(&mut self, span: Span, text: impl Into<Cow<'e, [u8]>>) {
        let edit = Edit {
            span,
            text: text.into(),
        };
        if self.is_empty() {
            self.only = Some(edit);
        } else {
            self.list.extend(self.only.take());
            self.list.push(edit);
        }
    }

    /// Puts the JSON string `text` in the place of the value in `span`, if that is another.
    pub fn name(&mut self, body: &[u8], span: Span, text: &'e str) {
        let value = span.of(body);
        if let [b'"', inside @ .., b'"'] = value
            && is_plain(text)
        {
            if inside != text.as_bytes() {
                self.replace(Span::new(span.start + 1, span.end - 1), text.as_bytes());
            }
            return;
        }
        let text = quoted(text);
        if value != text {
            self.replace(span, text);
        }
    }

    /// Takes `span` out.
    pub fn cut(&mut self, span: Span) {
        self.replace(span, Cow::Borrowed(b"".as_slice()));
    }

    /// Puts `text` in before the byte at `at`.
    pub fn insert(&mut self, at: usize, text: impl Into<Cow<'e, [u8]>>) {
        self.replace(Span::new(at, at), text);
    }

    /// Cuts the members for which `cut` says so, each with its comma, and appends `added`
    /// (`"name":value` pairs joined by commas, or nothing) to the object in `object`.
    pub fn members(
        &mut self,
        object: Span,
        members: &[Member],
        cut: impl Fn(usize, &Member) -> bool,
        mut added: Vec<u8>,
    ) {
        let last_kept = members
            .iter()
            .enumerate()
            .rev()
            .find(|(i, member)| !cut(*i, member));
        let (kept, end) = match last_kept {
            Some((i, member)) => (i + 1, member.value.end),
            None => (0, object.start + 1),
        };
        for (i, member) in members.iter().take(kept).enumerate() {
            if let (true, Some(next)) = (cut(i, member), members.get(i + 1)) {
                self.cut(Span::new(member.whole().start, next.whole().start));
            }
        }
        if !added.is_empty() {
            if kept > 0 {
                added.insert(0, b',');
            }
            self.insert(end, added);
        }
        if let (true, Some(last)) = (kept < members.len(), members.last()) {
            self.cut(Span::new(end, last.value.end));
        }
    }

    /// The bytes with all edits made; the same allocation when there are none.
    pub fn apply(mut self, body: &Bytes) -> Bytes {
        if let Some(edit) = self.only {
            return write(body, &[edit]);
        }
        if self.list.is_empty() {
            return body.clone();
        }
        // Stable: at one place an insertion goes before a cut if it was listed before.
        self.list.sort_by_key(|edit| edit.span.start);
        write(body, &self.list)
    }
}

impl Edit<'_> {
    /// Where the bytes go on behind it, if it can be made to those from `at` on.
    fn end(&self, at: usize, body: &[u8]) -> Option<usize> {
        let Span { start, end } = self.span;
        (start >= at && end <= body.len()).then_some(end.max(start))
    }
}

/// Makes the edits, which stand in order, and leaves out those that do not fit.
fn write(body: &[u8], edits: &[Edit<'_>]) -> Bytes {
    let mut size = body.len();
    let mut at = 0;
    for edit in edits {
        if let Some(end) = edit.end(at, body) {
            at = end;
            size = size - edit.span.len() + edit.text.len();
        }
    }
    let mut out = Vec::with_capacity(size);
    at = 0;
    for edit in edits {
        if let Some(end) = edit.end(at, body) {
            out.extend_from_slice(Span::new(at, edit.span.start).of(body));
            out.extend_from_slice(&edit.text);
            at = end;
        }
    }
    out.extend_from_slice(Span::new(at, body.len()).of(body));
    Bytes::from(out)
}

/// Appends `"name":value` to a list of members for [`Edits::members`].
pub fn push_member(added: &mut Vec<u8>, name: &str, value: &[u8]) {
    if !added.is_empty() {
        added.push(b',');
    }
    push_text(added, name);
    added.push(b':');
    added.extend_from_slice(value);
}

/// Appends `text` as a JSON string.
pub fn push_text(out: &mut Vec<u8>, text: &str) {
    if is_plain(text) {
        out.reserve(text.len() + 2);
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(serde_json::Value::from(text).to_string().as_bytes());
    }
}

/// Whether `text` stands in JSON as it is.
fn is_plain(text: &str) -> bool {
    let bad = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    !text.bytes().any(bad)
}

/// `text` as a JSON string.
pub fn quoted(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 2);
    push_text(&mut out, text);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::*;
    use crate::wire::scan;

    fn cut(body: &str, names: &[&str], added: &str) -> String {
        let bytes = Bytes::copy_from_slice(body.as_bytes());
        let object = scan::object(&bytes).unwrap();
        let mut edits = Edits::new();
        edits.members(
            object.span(),
            object.members(),
            |_, member| names.iter().any(|name| member.is(&bytes, name)),
            added.as_bytes().to_vec(),
        );
        String::from_utf8(edits.apply(&bytes).to_vec()).unwrap()
    }

    #[test]
    fn cuts_take_the_right_comma_and_leave_the_rest() {
        let body = r#"{ "a" : 1, "b":2.50 ,"c": [3] }"#;
        assert_eq!(cut(body, &["a"], ""), r#"{ "b":2.50 ,"c": [3] }"#);
        assert_eq!(cut(body, &["b"], ""), r#"{ "a" : 1, "c": [3] }"#);
        assert_eq!(cut(body, &["c"], ""), r#"{ "a" : 1, "b":2.50 }"#);
        assert_eq!(cut(body, &["a", "b"], ""), r#"{ "c": [3] }"#);
        assert_eq!(cut(body, &["b", "c"], ""), r#"{ "a" : 1 }"#);
        assert_eq!(cut(body, &["a", "c"], ""), r#"{ "b":2.50 }"#);
        assert_eq!(cut(body, &["a", "b", "c"], ""), "{ }");
        assert_eq!(cut(body, &[], ""), body);
    }

    #[test]
    fn insertions_go_to_the_end_with_the_comma_they_need() {
        let body = r#"{"a":1, "b":2}"#;
        assert_eq!(cut(body, &[], r#""z":0"#), r#"{"a":1, "b":2,"z":0}"#);
        assert_eq!(cut(body, &["b"], r#""z":0"#), r#"{"a":1,"z":0}"#);
        assert_eq!(cut(body, &["a", "b"], r#""z":0"#), r#"{"z":0}"#);
        assert_eq!(cut("{}", &[], r#""z":0"#), r#"{"z":0}"#);
        assert_eq!(cut("{ }", &[], r#""z":0"#), r#"{"z":0 }"#);
    }

    #[test]
    fn no_edit_is_no_copy() {
        let body = Bytes::from_static(b"{}");
        assert_eq!(Edits::new().apply(&body).as_ptr(), body.as_ptr());
    }

    #[test]
    fn overlapping_and_outlying_edits_do_no_harm() {
        let body = Bytes::from_static(b"0123456789");
        let mut edits = Edits::new();
        edits.replace(Span::new(2, 5), b"ab".as_slice());
        edits.replace(Span::new(4, 6), b"zz".as_slice());
        edits.cut(Span::new(9, 99));
        edits.insert(5, b"-".as_slice());
        assert_eq!(&edits.apply(&body)[..], b"01ab-56789");
    }

    #[test]
    fn a_name_takes_the_place_of_any_value() {
        for (value, name, wanted) in [
            (r#""a""#, "b/c", r#""b/c""#),
            (r#""a""#, "b\"c", r#""b\"c""#),
            (r#""\u0061""#, "a", r#""a""#),
            ("null", "a", r#""a""#),
            (r#""""#, "", r#""""#),
            ("[1]", "", r#""""#),
        ] {
            let body = Bytes::from(format!("{{\"m\":{value}}}"));
            let mut edits = Edits::new();
            edits.name(&body, Span::new(5, 5 + value.len()), name);
            assert_eq!(
                &edits.apply(&body)[..],
                format!("{{\"m\":{wanted}}}").as_bytes()
            );
        }
        let body = Bytes::from_static(b"[\"a\\\"b\",\"c\"]");
        let mut edits = Edits::new();
        edits.name(&body, Span::new(1, 7), "a\"b");
        edits.name(&body, Span::new(8, 11), "c");
        assert!(edits.is_empty(), "{edits:?}");
    }

    #[test]
    fn texts_are_escaped() {
        assert_eq!(quoted("a/b"), b"\"a/b\"");
        assert_eq!(quoted("a\"b\n\\"), br#""a\"b\n\\""#);
    }

    proptest! {
        #[test]
        fn the_result_is_what_a_tree_would_give(
            map in prop::collection::btree_map("[a-f]{1,2}", any::<i32>(), 0..8),
            dropped in prop::collection::btree_set("[a-f]{1,2}", 0..5),
            added in prop::collection::btree_map("[x-z]{1,2}", any::<i32>(), 0..3),
        ) {
            let value: Map<String, Value> =
                map.iter().map(|(k, v)| (k.clone(), Value::from(*v))).collect();
            let body = Bytes::from(serde_json::to_vec_pretty(&value).unwrap());
            let object = scan::object(&body).unwrap();
            let mut text = Vec::new();
            for (name, number) in &added {
                push_member(&mut text, name, number.to_string().as_bytes());
            }
            let mut edits = Edits::new();
            edits.members(
                object.span(),
                object.members(),
                |_, m| dropped.contains(&*m.name(&body)),
                text,
            );
            let result = edits.apply(&body);
            prop_assert_eq!(result.len(), result.to_vec().capacity());
            let got: Map<String, Value> = serde_json::from_slice(&result).unwrap();
            let mut want = value;
            want.retain(|name, _| !dropped.contains(name));
            want.extend(added.iter().map(|(k, v)| (k.clone(), Value::from(*v))));
            prop_assert_eq!(got, want);
        }
    }
}
