//! Keeps the house in order: floors, owners of crates, head docs, file lengths, import blocks.
//!
//! Reads the sources as text, in milliseconds. Every finding names file and line.

pub mod floors;
pub mod source;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use floors::{ALL, FLOORS, IMPURE_EXCEPTIONS, IMPURE_STD, OWNERS};
use source::Block;

/// No file is longer.
const CAP: usize = 700;
/// Nine of ten files in `src` are not longer.
const P90_CAP: usize = 400;

struct File {
    /// From the root of the repository.
    path: String,
    text: String,
}

impl File {
    /// The top-level module it belongs to; `main` and `lib` for those two.
    fn module(&self) -> &str {
        let inside = self.path.strip_prefix("src/").unwrap();
        inside.split(['/', '.']).next().unwrap()
    }

    /// How many modules lie above its items.
    fn depth(&self) -> usize {
        match self.module() {
            "lib" | "main" => 0,
            _ => self.path.matches('/').count(),
        }
    }

    fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below `folder` that `keep` wants, sorted.
fn files(folder: &str, keep: impl Fn(&str) -> bool) -> Vec<File> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if keep(&path.to_string_lossy()) {
                found.push(read(&path));
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn read(path: &PathBuf) -> File {
    let short = path
        .strip_prefix(root())
        .unwrap()
        .to_string_lossy()
        .into_owned();
    File {
        path: short,
        text: fs::read_to_string(path).unwrap(),
    }
}

fn sources() -> Vec<File> {
    let found = files("src", is_rust);
    assert!(found.len() > 20, "only {} files under src", found.len());
    found
}

fn everything() -> Vec<File> {
    ["src", "tests", "benches"]
        .into_iter()
        .flat_map(|folder| files(folder, is_rust))
        .collect()
}

fn is_rust(path: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|ending| ending == "rs")
}

#[track_caller]
fn none(findings: &[String]) {
    // Two paths in one line are one finding.
    let findings: BTreeSet<&str> = findings.iter().map(String::as_str).collect();
    let findings: Vec<&str> = findings.into_iter().collect();
    assert!(
        findings.is_empty(),
        "{} findings:\n{}",
        findings.len(),
        findings.join("\n")
    );
}

#[test]
fn modules_use_only_what_their_floor_allows() {
    let mut findings = Vec::new();
    for file in sources().iter().filter(|file| file.module() != "lib") {
        let module = file.module();
        let Some(floor) = FLOORS.iter().find(|floor| floor.module == module) else {
            findings.push(format!(
                "{}:1: no line in tests/it/tidy/floors.rs",
                file.path
            ));
            continue;
        };
        for used in source::paths(&file.text, file.depth()) {
            // `main` is another crate and names ours by its name.
            let name = match (used.ours, used.name.as_str()) {
                (true, name) => name,
                (false, "pointsman") => used.then.as_deref().unwrap_or_default(),
                _ => continue,
            };
            let known = FLOORS.iter().any(|floor| floor.module == name);
            let allowed = floor.may_use.iter().any(|may| *may == ALL || *may == name);
            if known && name != module && !allowed {
                findings.push(format!(
                    "{}:{}: `{module}` (floor {}) may not use `{name}`, only {:?}",
                    file.path, used.line, floor.level, floor.may_use
                ));
            }
        }
    }
    none(&findings);
}

#[test]
fn crates_are_used_by_their_owners_only() {
    let mut findings = Vec::new();
    for file in sources().iter().filter(|file| !file.is_test()) {
        for used in source::paths(&file.text, file.depth()) {
            let owners = OWNERS
                .iter()
                .find(|(name, _)| !used.ours && *name == used.name);
            let Some((name, owners)) = owners else {
                continue;
            };
            let allowed = owners
                .split(' ')
                .any(|owner| owner == ALL || owner == file.module());
            if !allowed && !used.in_test {
                findings.push(format!(
                    "{}:{}: `{}` may not use the crate `{name}`, only {owners}",
                    file.path,
                    used.line,
                    file.module()
                ));
            }
        }
    }
    none(&findings);
}

#[test]
fn the_pure_floors_do_no_input_or_output() {
    let mut findings = Vec::new();
    for file in sources().iter().filter(|file| !file.is_test()) {
        let floor = FLOORS.iter().find(|floor| floor.module == file.module());
        let excepted = IMPURE_EXCEPTIONS
            .iter()
            .any(|(path, _reason)| *path == file.path);
        if excepted || floor.is_none_or(|floor| floor.level > 1) {
            continue;
        }
        for used in source::paths(&file.text, file.depth()) {
            let part = used.then.as_deref().unwrap_or_default();
            let line = file.text.lines().nth(used.line - 1).unwrap_or_default();
            let impure = IMPURE_STD.iter().any(|(name, only)| {
                *name == part && (only.is_empty() || only.iter().any(|word| line.contains(word)))
            });
            if used.name == "std" && !used.in_test && impure {
                findings.push(format!(
                    "{}:{}: `{}` is on floor 0 or 1 and may not use `std::{part}`",
                    file.path,
                    used.line,
                    file.module()
                ));
            }
        }
    }
    none(&findings);
}

#[test]
fn every_dependency_has_an_owner_and_every_owner_a_dependency() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let mut section = "";
    let mut declared = BTreeSet::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        } else if section.ends_with("dependencies]") && !section.contains("dev-") {
            let name = line.split(['=', ' ', '.']).next().unwrap_or_default();
            if !name.is_empty() && !name.starts_with('#') {
                declared.insert(name.replace('-', "_"));
            }
        }
    }
    let owned: BTreeSet<String> = OWNERS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(owned.len(), OWNERS.len(), "a crate has two lines");
    let names = OWNERS.iter().flat_map(|(_, owners)| owners.split(' '));
    let mut findings: Vec<String> = names
        .filter(|name| *name != ALL && !is_module(name))
        .map(|name| format!("tests/it/tidy/floors.rs: no module `{name}`"))
        .collect();
    findings.extend(
        declared
            .difference(&owned)
            .map(|name| format!("Cargo.toml: `{name}` has no owner in tests/it/tidy/floors.rs")),
    );
    findings.extend(
        owned
            .difference(&declared)
            .map(|name| format!("tests/it/tidy/floors.rs: `{name}` is no dependency")),
    );
    none(&findings);
}

fn is_module(name: &str) -> bool {
    FLOORS.iter().any(|floor| floor.module == name)
}

#[test]
fn arrows_point_down() {
    let level = |name: &str| {
        FLOORS
            .iter()
            .find(|f| f.module == name)
            .map_or(9, |f| f.level)
    };
    let upwards: Vec<String> = FLOORS
        .iter()
        .flat_map(|floor| floor.may_use.iter().map(move |used| (floor, *used)))
        .filter(|(floor, used)| *used != ALL && level(used) > floor.level)
        .map(|(floor, used)| format!("`{}` may use `{used}`, which is above it", floor.module))
        .collect();
    none(&upwards);
}

#[test]
fn every_file_says_what_it_is_for() {
    let findings: Vec<String> = everything()
        .iter()
        .filter(|file| {
            let first = file.text.lines().find(|line| !line.trim().is_empty());
            !first.is_some_and(|line| line.starts_with("//! ") || line.starts_with("#![doc"))
                && !file.text.contains("#![doc = include_str!")
        })
        .map(|file| format!("{}:1: no head doc (`//!`)", file.path))
        .collect();
    none(&findings);
}

#[test]
fn no_file_is_too_long() {
    let length = |file: &File| file.text.lines().count();
    let mut findings: Vec<String> = everything()
        .iter()
        .filter(|file| length(file) > CAP)
        .map(|file| {
            format!(
                "{}:{CAP}: goes on to line {}, the cap is {CAP}",
                file.path,
                length(file)
            )
        })
        .collect();
    let mut sources: Vec<(usize, String)> = sources()
        .into_iter()
        .map(|file| (length(&file), file.path))
        .collect();
    sources.sort();
    let (median, p90) = (sources.len() / 2, sources.len() * 9 / 10);
    println!(
        "{} files in src: median {} lines, 90th percentile {}",
        sources.len(),
        sources[median].0,
        sources[p90].0
    );
    if sources[p90].0 > P90_CAP {
        let long = sources.iter().filter(|(length, _)| *length > P90_CAP);
        findings.extend(long.map(|(length, path)| {
            format!("{path}:{P90_CAP}: {length} lines; one in ten may pass {P90_CAP}")
        }));
    }
    none(&findings);
}

#[test]
fn imports_stand_in_three_blocks() {
    let mut findings = Vec::new();
    for file in everything() {
        let mut last: Option<Block> = None;
        for (line, block, blank_before) in source::imports(&file.text) {
            let wrong = match last {
                Some(last) if block < last => Some("out of order: std, then crates, then our own"),
                Some(last) if block != last && !blank_before => Some("needs a blank line before"),
                // Ours may be grouped further; the others are one block each.
                Some(last) if block == last && block != Block::Own && blank_before => {
                    Some("splits its block")
                },
                _ => None,
            };
            findings.extend(wrong.map(|wrong| format!("{}:{line}: import {wrong}", file.path)));
            last = Some(block);
        }
    }
    none(&findings);
}

#[test]
fn no_pending_snapshots_and_no_skipped_tests() {
    let pending = |path: &str| path.ends_with(".snap.new") || path.ends_with(".pending-snap");
    let mut findings: Vec<String> = ["src", "tests"]
        .into_iter()
        .flat_map(|folder| files(folder, pending))
        .map(|file| format!("{}:1: a snapshot nobody accepted", file.path))
        .collect();
    let skipped = [concat!("#[", "ignore"), concat!("#[", "should_panic")];
    for file in everything() {
        for (i, line) in file.text.lines().enumerate() {
            if skipped
                .iter()
                .any(|mark| line.trim_start().starts_with(mark))
            {
                findings.push(format!("{}:{}: {}", file.path, i + 1, line.trim()));
            }
        }
    }
    none(&findings);
}
