//! The line of a file with a caret below it, and what of a line must not be shown.
//!
//! Two nets catch secrets: the places of values under secret-like keys, known once a file could be
//! read, and the look of the line itself, which also works on a file that is no YAML.

use serde_json::Value;

use super::looks::{mask_looks, mask_range};
use super::yaml::{Body, Node, Spot};

/// Most characters of a line that are shown.
const WIDTH: usize = 100;

/// Whether values under this key are secrets.
pub(super) fn is_secret_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase().replace('-', "_");
    let has = |part: &str| key.contains(part);
    let ends = |part: &str| key.ends_with(part);
    if has("cost")
        || has("tokens")
        || ends("_key_name")
        || ends("header_name")
        || has("credential_name")
    {
        return false;
    }
    has("api_key")
        || has("apikey")
        || has("master_key")
        || has("secret")
        || has("passw")
        || has("private_key")
        || has("access_key")
        || has("salt_key")
        || has("authorization")
        || has("webhook")
        || has("connection_string")
        || has("credentials")
        || key == "token"
        || ends("_token")
        || ends("license")
        || ends("database_url")
        || ends("redis_url")
        || ends("_dsn")
}

/// Whether all values below this key are secrets, whatever their own keys are called.
fn is_secret_map(key: &str) -> bool {
    matches!(
        key,
        "headers" | "extra_headers" | "default_headers" | "environment_variables"
    )
}

/// Whether a value refers to the environment, and so shows nothing.
fn is_reference(text: &str) -> bool {
    text.starts_with("os.environ/")
}

/// The places of all secret values below `node`.
pub(super) fn secret_spots(node: &Node, secret: bool, spots: &mut Vec<Spot>) {
    match &node.body {
        Body::Scalar(scalar) => {
            if secret && !scalar.is_null() && !is_reference(&scalar.text) {
                spots.push(node.at);
            }
        },
        Body::List(items) => items
            .iter()
            .for_each(|item| secret_spots(item, secret, spots)),
        Body::Map(entries) => {
            for entry in entries {
                let below = secret || is_secret_map(&entry.key) || is_secret_key(&entry.key);
                secret_spots(&entry.value, below, spots);
            }
        },
    }
}

/// A copy of `value` in which secrets are masked, for showing.
pub(super) fn masked(key: &str, value: &Value) -> Value {
    let secret = is_secret_key(key) || is_secret_map(key);
    match value {
        Value::Object(map) => map
            .iter()
            .map(|(name, inner)| {
                let shown = if secret {
                    mask_all(inner)
                } else {
                    masked(name, inner)
                };
                (name.clone(), shown)
            })
            .collect(),
        Value::Array(items) if secret => items.iter().map(mask_all).collect(),
        Value::Array(items) => items.iter().map(|item| masked("", item)).collect(),
        Value::String(text) if secret && !text.is_empty() && !is_reference(text) => "****".into(),
        Value::String(text) => mask_words(text).into(),
        Value::Number(_) if secret => "****".into(),
        other => other.clone(),
    }
}

fn mask_all(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .map(|(name, inner)| (name.clone(), mask_all(inner)))
            .collect(),
        Value::Array(items) => items.iter().map(mask_all).collect(),
        Value::Null | Value::Bool(_) => value.clone(),
        Value::String(text) if text.is_empty() || is_reference(text) => value.clone(),
        Value::String(_) | Value::Number(_) => "****".into(),
    }
}

/// A value as a message may quote it: keys that stand where none belongs are masked, long texts cut.
pub(super) fn quoted(text: &str) -> String {
    let masked = mask_words(text);
    let clean: String = masked
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .take(60)
        .collect();
    let dots = if masked.chars().count() > 60 {
        "…"
    } else {
        ""
    };
    format!("`{clean}{dots}`")
}

/// A text with everything that looks like a credential masked.
fn mask_words(text: &str) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    mask_looks(&mut letters);
    letters.into_iter().collect()
}

/// Renders the line of `at` with a caret below it.
pub(super) fn render(lines: &[String], at: Spot, secrets: &[Spot]) -> String {
    let Some(line) = lines.get(at.line - 1) else {
        return String::new();
    };
    let mut letters: Vec<char> = line.chars().collect();
    let width = letters.len();
    mask_spots(&mut letters, at.line, secrets);
    mask_line(&mut letters, lines, at.line);
    for letter in &mut letters {
        if letter.is_control() {
            *letter = ' ';
        }
    }
    let start = (at.column - 1).min(width);
    let end = if at.end_line == at.line {
        at.end_column - 1
    } else {
        letters
            .iter()
            .rposition(|letter| !letter.is_whitespace())
            .map_or(width, |last| last + 1)
    };
    let carets = end.saturating_sub(start).max(1);
    let from = if start + 20 > WIDTH { start - 20 } else { 0 };
    let shown: String = letters.iter().skip(from).take(WIDTH).collect();
    let (before, after) = (
        if from > 0 { "…" } else { "" },
        if width > from + WIDTH { "…" } else { "" },
    );
    let number = at.line.to_string();
    let gutter = " ".repeat(number.len());
    let pad = " ".repeat(start - from + before.chars().count());
    let carets = "^".repeat(carets.min(WIDTH.saturating_sub(start - from).max(1)));
    let shown = shown.trim_end();
    format!("{gutter} |\n{number} | {before}{shown}{after}\n{gutter} | {pad}{carets}")
}

fn mask_spots(letters: &mut [char], line: usize, secrets: &[Spot]) {
    for spot in secrets {
        if !(spot.line..=spot.end_line).contains(&line) {
            continue;
        }
        let from = if spot.line == line {
            spot.column - 1
        } else {
            0
        };
        let to = if spot.end_line == line {
            spot.end_column - 1
        } else {
            letters.len()
        };
        mask_range(letters, from, to);
    }
}

/// Masks by the look of the line: after secret-like keys, credentials by their shape, and whole lines
/// that go on with a secret begun above.
fn mask_line(letters: &mut [char], lines: &[String], number: usize) {
    let text: String = letters.iter().collect();
    if continues_secret(lines, number) {
        mask_range(letters, 0, letters.len());
        return;
    }
    for (colon, key) in keys_in(&text) {
        let secret = is_secret_key(&key) || is_secret_map(&key);
        let rest: String = text.chars().skip(colon + 1).collect();
        let value = rest.trim_start().trim_start_matches(['"', '\'']);
        if secret && !is_reference(value) {
            mask_range(letters, colon + 1, letters.len());
        }
    }
    mask_looks(letters);
}

/// Whether this line is the continuation of a value under a secret-like key above it.
fn continues_secret(lines: &[String], number: usize) -> bool {
    let indent = |line: &str| line.chars().take_while(|letter| *letter == ' ').count();
    let Some(own) = lines.get(number - 1).map(|line| indent(line)) else {
        return false;
    };
    let above = lines.iter().take(number - 1).rev();
    let parent = above
        .filter(|line| !line.trim().is_empty())
        .find(|line| indent(line) < own);
    parent.is_some_and(|line| {
        let last = keys_in(line).into_iter().next_back();
        last.is_some_and(|(_, key)| is_secret_key(&key) || is_secret_map(&key))
    })
}

/// Every `key:` of a line: the number of its colon and the key's text.
fn keys_in(text: &str) -> Vec<(usize, String)> {
    let mut keys = Vec::new();
    let mut word = String::new();
    for (index, letter) in text.chars().enumerate() {
        if letter.is_alphanumeric() || matches!(letter, '_' | '-') {
            word.push(letter);
        } else if matches!(letter, ':' | '=') && !word.is_empty() {
            keys.push((index, std::mem::take(&mut word)));
        } else if !matches!(letter, '"' | '\'') {
            word.clear();
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spot(line: usize, column: usize, end_column: usize) -> Spot {
        Spot {
            file: 0,
            line,
            column,
            end_line: line,
            end_column,
        }
    }

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn the_caret_stands_under_the_value() {
        let lines = lines("a: 1\n  timeout: abc\n");
        assert_eq!(
            render(&lines, spot(2, 12, 15), &[]),
            "  |\n2 |   timeout: abc\n  |            ^^^"
        );
    }

    #[test]
    fn a_long_line_is_cut_around_the_caret() {
        let text = format!("{}x: y{}", " ".repeat(150), "z".repeat(300));
        let shown = render(&lines(&text), spot(1, 151, 152), &[]);
        let rows: Vec<&str> = shown.lines().collect();
        assert!(
            rows[1].contains('…') && rows[1].chars().count() < 120,
            "{shown}"
        );
        let caret = rows[2].chars().position(|letter| letter == '^').unwrap();
        assert_eq!(rows[1].chars().nth(caret), Some('x'));
    }

    #[test]
    fn no_secret_is_shown_in_any_shape() {
        let cases = [
            "  api_key: planted-value-1",
            "  { model: x, api_key: \"planted-value-1\", rpm: 3 }",
            "OPENAI_API_KEY=planted-value-1",
            "  database_url: postgres://u:planted-value-1@h/db",
            "  api_base: https://u:planted-value-1@host/v1",
            "  api_base: 'https://host/v1?sig=planted-value-1&x=planted-value-1#planted'",
            "  note: sk-planted-value-1",
            "  Authorization: Bearer planted-value-1",
            "  extra_headers: {x-thing: planted-value-1}",
            "  \"api-key\": 'planted-value-1",
        ];
        for case in cases {
            let shown = render(&lines(case), spot(1, 1, 2), &[]);
            assert!(!shown.contains("planted"), "{shown}");
        }
        let below = lines("  extra_headers:\n    x-thing: planted-value-1\n");
        assert!(!render(&below, spot(2, 5, 6), &[]).contains("planted"));
        let block = lines("  api_key: |\n    planted-value-1\n");
        assert!(!render(&block, spot(2, 5, 6), &[]).contains("planted"));
    }

    #[test]
    fn what_is_no_secret_stays_readable() {
        for case in [
            "  api_key: os.environ/OPENAI_API_KEY",
            "  max_tokens: 2048",
            "  input_cost_per_token: 0.0000025",
            "  api_base: http://192.168.1.50:11434",
        ] {
            assert!(
                render(&lines(case), spot(1, 1, 2), &[]).contains(case),
                "{case}"
            );
        }
    }

    #[test]
    fn shown_values_are_masked() {
        let value = serde_json::json!({
            "api_key": "planted", "api_base": "https://u:planted@h?key=planted", "rpm": 3,
            "extra_headers": {"x": "planted"}, "list": [{"client_secret": "planted"}],
            "organization": "org", "reference": {"api_key": "os.environ/KEY"},
        });
        let shown = masked("", &value).to_string();
        assert!(!shown.contains("planted"), "{shown}");
        assert!(shown.contains("org") && shown.contains("os.environ/KEY"));
    }
}
