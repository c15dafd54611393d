//! Broken configs: each file of `invalid/` opens with what must be said about it.
//!
//! `# expect: LINE:COLUMN | words of the message | words of the hint`

use super::*;

struct Expected<'t> {
    place: &'t str,
    message: &'t str,
    hint: &'t str,
}

fn expected(text: &str) -> Expected<'_> {
    let head = text.lines().next().unwrap();
    let mut parts = head.strip_prefix("# expect: ").unwrap().split(" | ");
    Expected {
        place: parts.next().unwrap(),
        message: parts.next().unwrap(),
        hint: parts.next().unwrap(),
    }
}

#[test]
fn each_broken_file_gets_its_message_at_its_place() {
    let mut wrong = Vec::new();
    for (name, text) in files("invalid") {
        let expected = expected(&text);
        let resolved = read(&text, &VARIABLES[..2]);
        assert!(resolved.config.is_none(), "{name} was taken");
        let errors = of(&resolved.problems, Severity::Error);
        let fits = |problem: &&&Problem| {
            let place = problem.place.as_ref().unwrap();
            problem.message.contains(expected.message)
                && problem.hint.contains(expected.hint)
                && format!("{}:{}", place.line, place.column) == expected.place
        };
        let found = errors.iter().find(fits);
        let shows = |problem: &&Problem| {
            let caret = problem.snippet.lines().last().unwrap_or_default();
            caret.contains('^') || problem.snippet.is_empty()
        };
        if found.is_none_or(|problem| !shows(problem)) {
            wrong.push(format!(
                "=== {name}: {}\n{}",
                expected.place,
                shown(&resolved.problems)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let text = "model_list:\n- {model_name: a, litellm_params: {model: ollama/x, rpm: lots, timeout: 5s}}\n\
                - {model_name: b, litellm_params: {model: olama/y}}\n\
                router_settings: {num_retries: no-number, fallbacks: [{a: [c]}], routing_strategy: best}\n\
                general_settings: {port: 99999}\n";
    let errors = read(text, &[]);
    let lines: Vec<usize> = of(&errors.problems, Severity::Error)
        .iter()
        .map(|problem| problem.place.as_ref().unwrap().line)
        .collect();
    assert_eq!(lines, [2, 2, 3, 4, 4, 4, 5], "{}", shown(&errors.problems));
}

#[test]
fn what_is_no_text_is_told_apart() {
    let say = |bytes: &[u8]| {
        let resolved = resolve(&Sources {
            main: Some(FileText {
                name: "config.yaml".to_owned(),
                bytes: bytes.to_vec(),
            }),
            ..Sources::empty()
        });
        assert!(resolved.config.is_none());
        resolved.problems[0].headline()
    };
    assert!(say(b"").starts_with("config.yaml:1:1: error: `config.yaml` is empty"));
    assert!(say(b" \n\n").contains("is empty"));
    assert!(
        say(b"a: 1\nb: \xff\xff\n").starts_with("config.yaml:2:4: error: the file is not UTF-8")
    );
    assert!(say(b"\xff\xfea\0:\0").contains("UTF-16"));
    assert!(say(b"\x7fELF\x02\x01\x01\0").contains("control character"));
    assert!(say(b"a: 1\nb: x\0y\n").starts_with("config.yaml:2:5: error: a control character"));
    assert!(say(&vec![b'#'; (16 << 20) + 1]).contains("larger than 16 MiB"));
}

#[test]
fn marks_and_line_ends_of_other_systems_are_no_problem() {
    for name in ["team.yaml", "window-chain.yaml"] {
        let unix = valid(name);
        let windows = format!("\u{feff}{}", unix.replace('\n', "\r\n"));
        assert_eq!(
            config(&windows, VARIABLES),
            config(&unix, VARIABLES),
            "{name}"
        );
    }
}

#[test]
fn misspelt_and_misplaced_keys_are_warned_about() {
    let cases = [
        (
            "router_settings: {num_retires: 3}",
            "unknown key `num_retires`",
            "did you mean `num_retries`?",
        ),
        (
            "router_setings: {num_retries: 3}",
            "unknown key `router_setings`",
            "did you mean `router_settings`?",
        ),
        (
            "litellm_settings: {routing_strategy: least-busy}",
            "unknown key `routing_strategy`",
            "it belongs under `router_settings`",
        ),
        (
            "general_settings: {banana: 1}",
            "unknown key `banana`",
            "config.example.yaml",
        ),
        (
            "model_list: [{model_name: a, litellm_params: {model: ollama/x, api_bse: 'http://x'}}]",
            "`api_bse` is no key of `litellm_params`",
            "did you mean `api_base`?",
        ),
        (
            "model_list: [{model_nme: a, model_name: a, litellm_params: {model: ollama/x}}]",
            "unknown key `model_nme`",
            "did you mean `model_name`?",
        ),
        (
            "model_list: [{model_name: a, litellm_params: {model: gpt-4o, api_key: '${OPENAI_API_KEY}'}}]",
            "not as a variable",
            "os.environ/OPENAI_API_KEY",
        ),
        (
            "model_list: [{model_name: a, litellm_params: {model: openai/m, api_base: 'http://10.0.0.1:8000'}}]",
            "has no path",
            "http://10.0.0.1:8000/v1",
        ),
        ("model_list: []", "`model_list` is empty", "add an entry"),
        (
            "router_settings: {enable_tag_filtering: true}",
            "no deployment declares a tag",
            "tags: [name]",
        ),
    ];
    for (text, message, hint) in cases {
        let resolved = read(text, &[]);
        assert!(
            resolved.config.is_some(),
            "{text}:\n{}",
            shown(&resolved.problems)
        );
        let found = of(&resolved.problems, Severity::Warning)
            .into_iter()
            .any(|problem| problem.message.contains(message) && problem.hint.contains(hint));
        assert!(found, "{text}:\n{}", shown(&resolved.problems));
    }
}
