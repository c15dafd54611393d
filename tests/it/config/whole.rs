//! Whole files from the wild: with their variables set nothing is wrong, without it is said what is off.

use super::*;

#[test]
fn with_their_variables_no_file_has_an_error() {
    for (name, text) in files("valid") {
        let resolved = read(&text, VARIABLES);
        let errors = of(&resolved.problems, Severity::Error);
        assert!(errors.is_empty(), "{name}:\n{}", shown(&resolved.problems));
        let config = resolved.config.unwrap();
        let off: Vec<&str> = config
            .deployments
            .iter()
            .filter_map(|deployment| deployment.off.as_deref())
            .collect();
        assert!(off.is_empty(), "{name}: {off:?}");
    }
}

#[test]
fn without_them_each_file_says_what_is_off() {
    for (name, text) in files("valid") {
        let resolved = read(&text, &[]);
        for variable in ["OPENAI_API_KEY", "ANTHROPIC_API_KEY"] {
            let needed = text.contains(&format!("api_key: os.environ/{variable}"));
            let said = resolved.problems.iter().any(|problem| {
                problem.message.contains("is off") && problem.message.contains(variable)
            });
            assert!(
                said || !needed,
                "{name} {variable}:\n{}",
                shown(&resolved.problems)
            );
        }
        let key = text.contains("master_key:");
        let errors = of(&resolved.problems, Severity::Error);
        assert_eq!(
            errors.len(),
            usize::from(key),
            "{name}:\n{}",
            shown(&resolved.problems)
        );
        assert_eq!(resolved.config.is_none(), key, "{name}");
        assert!(
            errors
                .iter()
                .all(|error| error.message.contains("LITELLM_MASTER_KEY"))
        );
    }
}

#[test]
fn no_report_shows_a_secret() {
    for (name, text) in files("valid").into_iter().chain(files("invalid")) {
        let resolved = read(&text, VARIABLES);
        let text = pointsman::config::report(&resolved);
        assert!(
            !text.contains("planted") && !text.contains("postgresql://"),
            "{name}:\n{text}"
        );
        let debug = format!("{resolved:?}");
        assert!(!debug.contains("planted"), "{name}:\n{debug}");
    }
}

#[test]
fn the_report_counts_and_lists() {
    let text = pointsman::config::report(&read(&valid("priority-pair.yaml"), &[]));
    let last: Vec<&str> = text.lines().rev().take(4).collect();
    assert_eq!(last[0], "1 warning");
    assert_eq!(last[1], "1 of 2 backends on, 1 model name");
    assert!(
        last[2].starts_with("off  chat → openai/gpt-4o-mini"),
        "{text}"
    );
    assert_eq!(
        last[3],
        "on   chat → ollama/llama3.2 @ 192.168.1.50  http://192.168.1.50:11434"
    );
}
