//! Whatever a file holds: no panic, every place within it, no secret in what is said.

use proptest::prelude::*;

use super::*;

/// Pieces that configs are made of, and that break them.
const PIECES: &[&str] = &[
    "\n",
    "  ",
    "- ",
    ": ",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "#",
    "&a ",
    "*a",
    "<<: *a\n",
    "|\n",
    ">\n",
    "\t",
    "\r",
    "os.environ/",
    "null",
    "~",
    "yes",
    "012",
    "-1",
    "1e999",
    "model_name: x",
    "litellm_params:\n",
    "model: ollama/x",
    "model: '*'",
    "api_base: http://",
    "fallbacks: [a, b]\n",
    "model_group_alias: {a: a}\n",
    "timeout: ",
    "tags: [é]",
    "include: [x.yaml]\n",
    "🦙",
    "\u{0}",
    "\u{feff}",
    "!!str ",
    "---\n",
    "...\n",
    "order: 99999999999999999999",
    "input_cost_per_token: 1e-400",
    "general_settings:\n  port: 0\n",
];

fn check(resolved: &Resolved, text: &str) {
    let lines: Vec<&str> = text.lines().collect();
    for problem in &resolved.problems {
        if let Some(place) = problem
            .place
            .as_ref()
            .filter(|place| place.file == "config.yaml")
        {
            assert!(
                (1..=lines.len().max(1)).contains(&place.line),
                "{problem}\n{text:?}"
            );
            let width = lines
                .get(place.line - 1)
                .map_or(0, |line| line.chars().count());
            assert!(
                (1..=width + 1).contains(&place.column),
                "{problem}\n{text:?}"
            );
        }
        assert!(!problem.message.is_empty() && !problem.to_string().contains('\u{0}'));
    }
    let failed = resolved
        .problems
        .iter()
        .any(|problem| problem.severity == Severity::Error);
    assert_eq!(failed, resolved.config.is_none());
    let said = pointsman::config::report(resolved);
    assert!(!said.contains("planted"), "{said}");
}

/// The byte offset of the character boundary at or before `at`.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_file_with_pieces_thrown_in(
        file in 0..64_usize,
        edits in prop::collection::vec((0..2500_usize, 0..12_usize, 0..PIECES.len()), 1..6),
    ) {
        let files = files("valid");
        let (_, text) = &files[file % files.len()];
        let mut text = text.clone();
        for (at, cut, piece) in edits {
            let from = boundary(&text, at % (text.len() + 1));
            let to = boundary(&text, from + cut).max(from);
            text.replace_range(from..to, PIECES[piece]);
        }
        check(&read(&text, VARIABLES), &text);
    }

    #[test]
    fn a_file_made_of_pieces_alone(pieces in prop::collection::vec(0..PIECES.len(), 0..40)) {
        let text: String = pieces.iter().map(|piece| PIECES[*piece]).collect();
        check(&read(&text, VARIABLES), &text);
    }

    #[test]
    fn bytes_of_any_kind(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let resolved = resolve(&Sources {
            main: Some(FileText { name: "config.yaml".to_owned(), bytes: bytes.clone() }),
            dotenv: vec![FileText { name: ".env".to_owned(), bytes }],
            ..Sources::empty()
        });
        prop_assert!(!resolved.problems.is_empty());
    }

    #[test]
    fn a_planted_key_is_never_said(line in 0..80_usize, key in "[a-zA-Z0-9+/]{6,24}", quote in 0..3_usize) {
        let secret = format!("planted{key}9");
        let quoted = [secret.clone(), format!("\"{secret}\""), format!("\"{secret}")][quote].clone();
        let text = valid("team.yaml").replace("api_key: dummy", &format!("api_key: {quoted}"));
        let mut lines: Vec<&str> = text.lines().collect();
        // A stray bracket on some line: errors of syntax must not show the key either.
        let at = line % lines.len();
        let broken = format!("{} ]", lines[at]);
        lines[at] = &broken;
        let text = lines.join("\n");
        let said = pointsman::config::report(&read(&text, VARIABLES));
        prop_assert!(!said.contains(&secret), "{}", said);
    }
}
