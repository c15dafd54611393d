//! The tree and its places, text by text.

use std::fmt::Write as _;

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn tree(text: &str) -> Node {
    let (tree, errors) = parse(text, 0);
    assert_eq!(errors, [], "{text}");
    tree.expect("a document")
}

fn value(text: &str) -> serde_json::Value {
    super::super::read::written(&tree(text))
}

/// The first error: line, column, message with hint.
fn error(text: &str) -> (usize, usize, String) {
    let (_, errors) = parse(text, 0);
    let error = errors
        .into_iter()
        .next()
        .unwrap_or_else(|| panic!("no error in {text:?}"));
    (
        error.at.line,
        error.at.column,
        format!("{}: {}", error.message, error.hint),
    )
}

#[test]
fn every_value_knows_its_place() {
    let root = tree("a: 1\nlist:\n  - x: {y: \"z z\"}\n");
    let z = root
        .get("list")
        .and_then(Node::items)
        .and_then(|items| items[0].get("x"))
        .and_then(|x| x.entry("y"))
        .unwrap();
    assert_eq!((z.key_at.line, z.key_at.column), (3, 9));
    let at = z.value.at;
    assert_eq!((at.line, at.column, at.end_column), (3, 12, 17));
}

#[test]
fn scalars_mean_what_their_reader_means() {
    let text = "[1, 1.5, true, yes, off, null, ~, 'yes', \"1\", 1_000, 012, 0x10, 2.5e-06, os.environ/X, \
                2024-01-01, -3, +4, .5, 1:30, 18446744073709551615]";
    let expected = json!([
        1,
        1.5,
        true,
        true,
        false,
        null,
        null,
        "yes",
        "1",
        1000,
        "012",
        16,
        2.5e-6,
        "os.environ/X",
        "2024-01-01",
        -3,
        4,
        0.5,
        "1:30",
        18_446_744_073_709_551_615_u64
    ]);
    assert_eq!(value(text), expected);
}

#[test]
fn decimals_are_read_as_text() {
    let decimal = |text: &str| {
        Scalar {
            text: text.to_owned(),
            plain: true,
        }
        .as_decimal()
    };
    for (text, expected) in [
        ("60", Some("60")),
        (" 60 ", Some("60")),
        ("1_000", Some("1000")),
        ("2.5e-06", Some("2.5e-06")),
        (".5", Some(".5")),
        ("0", Some("0")),
        ("0.5", Some("0.5")),
        ("012", None),
        ("1e999", None),
        ("inf", None),
        ("nan", None),
        ("5s", None),
        ("", None),
        ("-", None),
        ("1_", None),
    ] {
        assert_eq!(decimal(text).as_deref(), expected, "{text}");
    }
}

#[test]
fn anchors_aliases_and_merge_keys_are_resolved() {
    let text = "base: &base {a: 1, b: 2}\nother: &other {b: 3, c: 4}\n\
                one: {<<: *base, b: 9}\ntwo: {<<: [*base, *other]}\nthree: *base\n";
    let read = value(text);
    assert_eq!(read["one"], json!({"b": 9, "a": 1}));
    assert_eq!(read["two"], json!({"a": 1, "b": 2, "c": 4}));
    assert_eq!(read["three"], json!({"a": 1, "b": 2}));
}

#[test]
fn an_alias_bomb_is_bounded() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let before = level - 1;
        let items = vec![format!("*a{before}"); 10].join(", ");
        writeln!(text, "a{level}: &a{level} [{items}]").unwrap();
    }
    assert!(error(&text).2.contains("more than"), "{:?}", error(&text));
}

#[test]
fn errors_point_at_the_spot() {
    let cases: &[(&str, usize, usize, &str)] = &[
        ("a: 1\na: 2\n", 2, 1, "stands twice"),
        ("m:\n  - {x: 1, x: 2}\n", 2, 12, "stands twice"),
        ("a:\n\tb: 1\n", 2, 1, "tab"),
        ("a: b: c\n", 1, 5, "second `: `"),
        ("a: 1\n  b: 2\n", 2, 4, "second `: `"),
        ("a: [1, 2\nb: 3\n", 2, 2, "`[` in line 1 is never closed"),
        ("a: \"x\nb: 1\n", 1, 4, "never closed"),
        ("a: *x\n", 1, 4, "anchor"),
        ("a: &x [*x]\n", 1, 8, "inside the value it names"),
        ("a: 1\n---\nb: 2\n", 2, 1, "second document"),
        ("a: !secret x\n", 1, 4, "tag"),
        ("<<: 3\n", 1, 5, "takes a mapping"),
        ("[a]: 1\n", 1, 1, "where a key is expected"),
        ("a:\n- b\n c: 1\n", 3, 3, "indented deeper"),
        ("a: @x\n", 1, 4, "begin with this character"),
    ];
    for (text, line, column, part) in cases {
        let (at_line, at_column, message) = error(text);
        assert!(message.contains(part), "{text:?}: {message}");
        assert_eq!(
            (at_line, at_column),
            (*line, *column),
            "{text:?}: {message}"
        );
    }
}

#[test]
fn depth_is_bounded() {
    let deep = format!("a: {}{}", "[".repeat(100), "]".repeat(100));
    assert!(error(&deep).2.contains("nested"), "{:?}", error(&deep));
    let mut block = String::new();
    for level in 0..200 {
        writeln!(block, "{}a:", " ".repeat(level)).unwrap();
    }
    assert!(error(&block).2.contains("nested"));
}

#[test]
fn line_ends_and_marks_do_not_matter() {
    let unix = "# c\na: 1\nb:\n  - x\n";
    let windows = unix.replace('\n', "\r\n");
    assert_eq!(value(unix), value(&windows));
    let empty = parse("", 0);
    assert_eq!(empty, (None, Vec::new()));
    assert_eq!(parse("# only\n", 0), (None, Vec::new()));
}

#[test]
fn an_empty_value_stands_at_its_key() {
    let root = tree("a:\nb: 1\n");
    let entry = root.entry("a").unwrap();
    assert!(entry.value.is_null());
    assert_eq!(entry.value.at, entry.key_at);
}

proptest! {
    #[test]
    fn no_text_panics_and_every_place_lies_within(text in "[a-c:{}\\[\\],&*!|>'\"%@`#?\\- \t\r\n0-9<é]{0,80}") {
        let (root, errors) = parse(&text, 0);
        let lines: Vec<&str> = text.lines().collect();
        for error in &errors {
            let width = lines.get(error.at.line - 1).map_or(0, |line| line.chars().count());
            prop_assert!(error.at.line <= lines.len().max(1), "{:?}", error);
            prop_assert!(error.at.column >= 1 && error.at.column <= width + 1, "{:?}", error);
        }
        if let Some(root) = root {
            prop_assert!(root.at.line <= lines.len().max(1));
            let _shown = super::super::read::written(&root);
        }
    }

    #[test]
    fn what_both_readers_take_they_take_alike(text in "[ab]: [a-z0-9.+_-]{1,6}\n") {
        // `serde_yaml` knows neither YAML 1.1 words nor `1_000`; all else must agree.
        let special = text.contains('_') || ["yes", "no", "on", "off"].iter().any(|word| text.ends_with(&format!(" {word}\n")));
        let own = parse(&text, 0);
        let other = serde_yaml::from_str::<serde_json::Value>(&text);
        if let ((Some(root), errors), Ok(other)) = (own, other)
            && errors.is_empty() && !special
        {
            prop_assert_eq!(super::super::read::written(&root), other);
        }
    }
}
