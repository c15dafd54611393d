//! `config.example.yaml` names every key with its default, and loads.

use pointsman::config::catalogue::{self, Kind, Section};
use pointsman::config::{General, Limits, Router};

use super::*;

fn example() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config.example.yaml")).unwrap()
}

/// The lines of a section: from its heading to the next top-level key.
fn part(text: &str, section: Section) -> Vec<&str> {
    let heading = match section {
        Section::Top => return text.lines().collect(),
        Section::Entry | Section::Params | Section::Info => "model_list:",
        other => other.name(),
    };
    let top = |line: &str| line.starts_with(|letter: char| letter.is_ascii_lowercase());
    let from = text
        .lines()
        .skip_while(|line| !(top(line) && line.starts_with(heading)));
    let rest: Vec<&str> = from.collect();
    let length = rest.iter().skip(1).take_while(|line| !top(line)).count();
    rest.into_iter().take(length + 1).collect()
}

#[test]
fn every_key_stands_in_its_section_with_its_default() {
    let text = example();
    let mut missing = Vec::new();
    for section in Section::ALL {
        let lines = part(&text, section);
        for key in catalogue::keys(section) {
            let wanted = match (key.kind, key.default) {
                (Kind::Supported, "") => format!("{}:", key.name),
                (Kind::Supported, default) => format!("{}: {default}", key.name),
                _ => format!("{}: {}", key.name, key.about),
            };
            let found = lines.iter().any(|line| {
                let line = line
                    .trim_start()
                    .trim_start_matches(['#', '-'])
                    .trim_start();
                let rest = line.strip_prefix(&wanted);
                let explained =
                    key.kind != Kind::Supported || line.ends_with(&format!("# {}", key.about));
                explained && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
            });
            if !found {
                missing.push(format!("{}: `{wanted}` # {}", section.name(), key.about));
            }
        }
    }
    assert!(
        missing.is_empty(),
        "config.example.yaml lacks:\n{}",
        missing.join("\n")
    );
}

#[test]
fn it_names_no_key_that_does_not_exist() {
    let text = example();
    for section in [Section::Router, Section::Litellm, Section::General] {
        for line in part(&text, section).iter().skip(1) {
            let Some(body) = line.strip_prefix("  ") else {
                continue;
            };
            let body = body.trim_start_matches("# ").trim_start();
            let Some((key, _)) = body.split_once(": ") else {
                continue;
            };
            if key
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
            {
                assert!(
                    catalogue::find(section, key).is_some(),
                    "{key} in {}",
                    section.name()
                );
            }
        }
    }
}

#[test]
fn it_loads_and_changes_no_default() {
    let resolved = read(&example(), &[]);
    assert_eq!(shown(&resolved.problems), "");
    let config = resolved.config.unwrap();
    assert_eq!(config.router, Router::default());
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.general, General::default());
    assert_eq!(config.deployments.len(), 1);
}

/// A second reader of YAML sees the same file.
#[test]
fn both_yaml_readers_agree_on_it() {
    let text = example();
    let other: serde_json::Value = serde_yaml::from_str(&text).unwrap();
    let (own, errors) = pointsman::config::yaml::parse(&text, 0);
    assert_eq!(errors, []);
    let own = own.unwrap();
    let names: Vec<&str> = own
        .entries()
        .unwrap()
        .iter()
        .map(|entry| entry.key.as_str())
        .collect();
    let others: Vec<&str> = other
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(names, others);
    let port = own
        .get("general_settings")
        .and_then(|node| node.get("port"))
        .unwrap();
    assert_eq!(
        port.scalar().unwrap().to_json(),
        other["general_settings"]["port"]
    );
}
