//! The scanner agrees with a full parser on what is JSON and where things stand.
#![expect(clippy::indexing_slicing, reason = "a test may stop on the spot")]

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

fn fails(body: &str) -> (ScanErrorKind, usize) {
    let error = object(body.as_bytes()).expect_err(body);
    (error.kind, error.at)
}

fn wide(members: usize) -> String {
    let list: Vec<String> = (0..members).map(|i| format!("\"k{i}\":1,")).collect();
    list.concat()
}

#[test]
fn gives_names_and_values_in_order() {
    let body = br#" { "model" : "a\"b", "n":2,"mod\u0065":true , "x":{"y":[1,{}]},"t":0.50 } "#;
    let object = object(body).unwrap();
    let names: Vec<_> = object
        .members()
        .iter()
        .map(|m| m.name(body).into_owned())
        .collect();
    assert_eq!(names, ["model", "n", "mode", "x", "t"]);
    assert_eq!(object.str("model").unwrap(), "a\"b");
    assert_eq!(object.u64("n"), Some(2));
    assert_eq!(object.bool("mode"), Some(true));
    assert_eq!(object.f64("t"), Some(0.5));
    assert_eq!(object.f64("mode"), None);
    assert_eq!(object.str("n"), None);
    assert_eq!(
        object.get("x").unwrap().value.of(body),
        br#"{"y":[1,{}]}"#.as_slice()
    );
    assert_eq!(
        object.get("n").unwrap().whole().of(body),
        br#""n":2"#.as_slice()
    );
    assert_eq!(object.span().of(body).first(), Some(&b'{'));
    assert_eq!(object.span().of(body).last(), Some(&b'}'));
}

#[test]
fn nested_objects_and_arrays_can_be_walked() {
    let body = br#"{"a":{"b":1,"c":"d"},"l":[1, "x,]", {"k":[2]} ]}"#;
    let top = object(body).unwrap();
    let inner = object_at(body, top.get("a").unwrap().value).unwrap();
    assert_eq!(inner.str("c").unwrap(), "d");
    let elements: Vec<_> = elements_at(body, top.get("l").unwrap().value)
        .map(|span| String::from_utf8_lossy(span.of(body)).into_owned())
        .collect();
    assert_eq!(elements, ["1", "\"x,]\"", "{\"k\":[2]}"]);
    assert_eq!(elements_at(body, top.get("a").unwrap().value).count(), 0);
}

#[test]
fn refuses_what_is_not_one_object() {
    assert_eq!(fails(r#"[{"x":1},true]"#), (ScanErrorKind::NotObject, 0));
    assert_eq!(fails(""), (ScanErrorKind::End, 0));
    assert_eq!(fails("  "), (ScanErrorKind::End, 2));
    assert_eq!(fails(r#"{"model":"#), (ScanErrorKind::End, 9));
    assert_eq!(fails(r#"{"a":1} x"#), (ScanErrorKind::Trailing, 8));
    assert_eq!(fails(r#"{"a":1}{"#), (ScanErrorKind::Trailing, 7));
    assert_eq!(fails(r#"{"a":1,}"#), (ScanErrorKind::Unexpected, 7));
    assert_eq!(fails(r#"{"a" 1}"#), (ScanErrorKind::Unexpected, 5));
    assert_eq!(fails("{a:1}"), (ScanErrorKind::Unexpected, 1));
    assert_eq!(fails(r#"{"a":[1}"#), (ScanErrorKind::Unexpected, 7));
    assert_eq!(fails(r#"{"a":{"b":1]}"#), (ScanErrorKind::Unexpected, 11));
    assert_eq!(fails(r#"{"a":01}"#), (ScanErrorKind::Number, 6));
    assert_eq!(fails(r#"{"a":1.}"#), (ScanErrorKind::Number, 7));
    assert_eq!(fails(r#"{"a":-}"#), (ScanErrorKind::Number, 6));
    assert_eq!(fails(r#"{"a":tru}"#), (ScanErrorKind::Unexpected, 8));
    assert_eq!(fails(r#"{"a":"\x"}"#), (ScanErrorKind::Escape, 6));
    assert_eq!(fails(r#"{"a":"\u12g4"}"#), (ScanErrorKind::Escape, 6));
    assert_eq!(fails("{\"a\":\"b\nc\"}"), (ScanErrorKind::Control, 7));
    assert_eq!(fails(r#"{"a":"b"#), (ScanErrorKind::End, 7));
}

#[test]
fn refuses_other_bytes_than_utf8() {
    let error = object(b"{\"a\":\"\xff\"}").unwrap_err();
    assert_eq!(error, ScanError::new(ScanErrorKind::Utf8, 6));
}

#[test]
fn refuses_a_name_twice_even_when_spelled_otherwise() {
    let twice = ScanErrorKind::Duplicate("model".to_owned());
    assert_eq!(fails(r#"{"model":1,"model":2}"#), (twice.clone(), 12));
    assert_eq!(fails(r#"{"model":1,"mod\u0065l":2}"#), (twice, 12));
    let many = wide(100);
    let body = format!("{{{many}\"model\":1,\"k7\":2}}");
    assert_eq!(fails(&body).0, ScanErrorKind::Duplicate("k7".to_owned()));
    // A name twice further down is the upstream's matter.
    assert!(object(br#"{"a":{"b":1,"b":2}}"#).is_ok());
}

#[test]
fn depth_and_breadth_are_capped() {
    let deep = |n: usize| format!("{{\"a\":{}{}}}", "[".repeat(n), "]".repeat(n));
    assert!(object(deep(MAX_DEPTH - 1).as_bytes()).is_ok());
    assert_eq!(fails(&deep(MAX_DEPTH + 2)).0, ScanErrorKind::TooDeep);
    assert_eq!(
        object("[".repeat(1 << 20).as_bytes()).unwrap_err().kind,
        ScanErrorKind::NotObject
    );
    let unclosed = format!("{{\"a\":{}", "{\"a\":".repeat(1 << 18));
    assert_eq!(fails(&unclosed).0, ScanErrorKind::TooDeep);
    let wide = wide(MAX_MEMBERS + 1);
    assert_eq!(
        fails(&format!("{{{wide}\"z\":1}}")).0,
        ScanErrorKind::TooMany
    );
}

#[test]
fn places_count_lines_and_characters() {
    let body = "{\"a\": \"ä\",\n  \"b\": x}".as_bytes();
    let error = object(body).unwrap_err();
    assert_eq!(error.place(body), (2, 8));
    assert_eq!(
        error.describe(body),
        "unexpected character at line 2 column 8"
    );
}

#[test]
fn a_span_outside_gives_nothing() {
    assert!(members_at(b"{}", Span::new(5, 9)).next().unwrap().is_err());
    assert_eq!(elements_at(b"[]", Span::new(5, 9)).next(), None);
    assert_eq!(Span::new(3, 9).of(b"abc"), b"".as_slice());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e12..1e12f64).prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        "[\\x00-\\x7f]{0,30}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((".{0,12}", inner), 0..6)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

fn any_object() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::vec((".{0,12}", any_json()), 0..40)
        .prop_map(|pairs| pairs.into_iter().collect())
}

proptest! {
    #[test]
    fn agrees_with_a_full_parser(map in any_object(), pretty in any::<bool>()) {
        let value = Value::Object(map);
        let body = if pretty {
            serde_json::to_vec_pretty(&value).unwrap()
        } else {
            serde_json::to_vec(&value).unwrap()
        };
        let scanned = object(&body).unwrap();
        let mut seen = Map::new();
        for member in scanned.members() {
            let value: Value = serde_json::from_slice(member.value.of(&body)).unwrap();
            seen.insert(member.name(&body).into_owned(), value);
        }
        // Through text once more: without `float_roundtrip` a float may change in its last digit.
        prop_assert_eq!(json!(seen), serde_json::from_slice::<Value>(&body).unwrap());
    }

    #[test]
    fn refuses_what_the_full_parser_refuses(
        map in any_object(), at in any::<prop::sample::Index>(), byte in any::<u8>()
    ) {
        let mut body = serde_json::to_vec(&Value::Object(map)).unwrap();
        let at = at.index(body.len());
        body[at] = byte;
        let full = serde_json::from_slice::<Map<String, Value>>(&body);
        match object(&body) {
            Ok(_) => {
                // The tree parser alone refuses numbers out of range and lone surrogates.
                if let Err(error) = full {
                    let text = error.to_string();
                    prop_assert!(
                        text.contains("out of range") || text.contains("surrogate")
                            || text.contains("hex escape"),
                        "{}", text
                    );
                }
            },
            // The tree parser alone accepts a name twice.
            Err(ScanError { kind: ScanErrorKind::Duplicate(_), .. }) => {},
            Err(error) => prop_assert!(full.is_err(), "{}", error),
        }
    }

    #[test]
    fn wrong_utf8_goes_before_any_other_mistake(
        map in any_object(), places in prop::collection::vec(any::<prop::sample::Index>(), 1..3),
        byte in 0x80..=u8::MAX, cut in any::<bool>()
    ) {
        let mut body = serde_json::to_vec(&Value::Object(map)).unwrap();
        for at in places {
            let at = at.index(body.len());
            body[at] = byte;
        }
        if cut {
            body.pop();
        }
        let wrong = std::str::from_utf8(&body).err().map(|error| error.valid_up_to());
        let found = object(&body).err().filter(|error| error.kind == ScanErrorKind::Utf8);
        prop_assert_eq!(found.map(|error| error.at), wrong);
    }

    #[test]
    fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), a in 0usize..250, b in 0usize..250) {
        drop(object(&bytes));
        members_at(&bytes, Span::new(a, b)).for_each(drop);
        elements_at(&bytes, Span::new(a, b)).for_each(drop);
    }
}
