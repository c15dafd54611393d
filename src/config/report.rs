//! The text of `pointsman check`: every problem, how many of each, and a line per deployment.

use std::fmt::Write as _;

use super::{Deployment, Resolved, Strategy};
use crate::base::{Problem, Severity};

/// The whole report. Ends with a line break.
pub fn report(resolved: &Resolved) -> String {
    let mut text = problems(&resolved.problems);
    if let Some(config) = &resolved.config {
        let groups = config.groups();
        for deployment in &config.deployments {
            let listed = groups.contains(&deployment.group);
            push(&mut text, &line(deployment, listed));
        }
        let strategy = match config.router.strategy {
            Strategy::SimpleShuffle => String::new(),
            other => format!(", {}", other.word()),
        };
        let on = config
            .deployments
            .iter()
            .filter(|one| one.off.is_none())
            .count();
        let total = config.deployments.len();
        let names = groups.len();
        let (backends, models) = (noun(total, "backend"), noun(names, "model name"));
        push(
            &mut text,
            &format!("{on} of {total} {backends} on, {names} {models}{strategy}"),
        );
    }
    push(&mut text, &counts(&resolved.problems));
    text
}

/// All problems with their snippets and hints, a blank line after each.
pub fn problems(problems: &[Problem]) -> String {
    let mut text = String::new();
    for problem in problems {
        push(&mut text, &problem.to_string());
        text.push('\n');
    }
    text
}

/// `2 errors, 1 warning`, or `no problems`.
pub fn counts(problems: &[Problem]) -> String {
    let count = |severity: Severity| {
        problems
            .iter()
            .filter(|one| one.severity == severity)
            .count()
    };
    let words: Vec<String> = [Severity::Error, Severity::Warning, Severity::Note]
        .into_iter()
        .map(|severity| (count(severity), severity.word()))
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {}", noun(count, word)))
        .collect();
    if words.is_empty() {
        return "no problems".to_owned();
    }
    words.join(", ")
}

/// `on   chat → ollama/llama3.2 @ 192.168.1.50  http://192.168.1.50:11434`
fn line(deployment: &Deployment, listed: bool) -> String {
    let word = if deployment.off.is_some() {
        "off"
    } else {
        "on "
    };
    let group = if listed {
        format!("{} → ", deployment.group)
    } else {
        "(fallback) → ".to_owned()
    };
    let mut line = format!("{word}  {group}{}", deployment.name);
    if !deployment.upstream.base.is_empty() {
        let shown = super::snippet::masked("", &(&*deployment.upstream.base).into());
        line.push_str("  ");
        line.push_str(shown.as_str().unwrap_or_default());
    }
    if let Some(reason) = &deployment.off {
        line.push_str(": ");
        line.push_str(reason);
    }
    line
}

fn noun(count: usize, word: &str) -> String {
    if count == 1 {
        word.to_owned()
    } else {
        format!("{word}s")
    }
}

fn push(text: &mut String, line: &str) {
    // Writing to a string cannot fail.
    if writeln!(text, "{line}").is_err() {
        text.push('\n');
    }
}
