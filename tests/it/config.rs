//! Configs as people write them: what they mean, what is said about broken ones.

mod around;
mod broken;
mod example;
mod meaning;
mod mutated;
mod quoted;
mod whole;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use pointsman::base::{Problem, Severity};
use pointsman::config::{Config, FileText, Overrides, Resolved, Sources, resolve};

/// Variables that the files in `valid/` refer to.
const VARIABLES: &[(&str, &str)] = &[
    ("OPENAI_API_KEY", "sk-planted-openai-1"),
    ("ANTHROPIC_API_KEY", "sk-ant-planted-anthropic-1"),
    ("LITELLM_MASTER_KEY", "sk-planted-master-1"),
    ("DATABASE_URL", "postgres://u:planted-pg-1@h/db"),
    ("SLACK_WEBHOOK_URL", "https://hooks.example/planted-hook-1"),
];

fn data(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/config")
        .join(folder)
}

/// All files of a folder by name, with their texts.
fn files(folder: &str) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = fs::read_dir(data(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "yaml"))
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{folder} is empty");
    files
}

fn valid(name: &str) -> String {
    fs::read_to_string(data("valid").join(name)).unwrap()
}

fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn file(name: &str, text: &str) -> FileText {
    FileText {
        name: name.to_owned(),
        bytes: text.as_bytes().to_vec(),
    }
}

/// One file and an environment.
fn read(text: &str, variables: &[(&str, &str)]) -> Resolved {
    read_with(text, variables, Overrides::default())
}

fn read_with(text: &str, variables: &[(&str, &str)], cli: Overrides) -> Resolved {
    resolve(&Sources {
        main: Some(file("config.yaml", text)),
        env: env(variables),
        cli,
        ..Sources::empty()
    })
}

/// The configuration of a text without errors.
fn config(text: &str, variables: &[(&str, &str)]) -> Config {
    let resolved = read(text, variables);
    assert!(resolved.config.is_some(), "{}", shown(&resolved.problems));
    resolved.config.unwrap()
}

fn shown(problems: &[Problem]) -> String {
    pointsman::config::report::problems(problems)
}

fn of(problems: &[Problem], severity: Severity) -> Vec<&Problem> {
    problems
        .iter()
        .filter(|problem| problem.severity == severity)
        .collect()
}
