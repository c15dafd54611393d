//! The main file and everything it includes, merged into one tree.
//!
//! Merging is by top-level key: lists are joined, anything else is replaced by the included file's.
//! A file counts once, however often it is named.

use super::source::{Load, Notebook};
use super::yaml::{self, Body, Entry, Node, Spot};

/// The merged tree, and which files it came from.
pub(super) struct Files {
    /// `None` when the main file itself cannot be used.
    pub(super) tree: Option<Node>,
    /// Every file that was named, missing ones too.
    pub(super) names: Vec<String>,
}

/// Reads `name` with its includes.
pub(super) fn read(name: &str, bytes: &[u8], load: &Load<'_>, notes: &mut Notebook) -> Files {
    let mut reading = Reading {
        load,
        notes,
        open: Vec::new(),
        done: Vec::new(),
    };
    let tree = reading.file(name, bytes);
    Files {
        tree,
        names: reading.done,
    }
}

struct Reading<'a> {
    load: &'a Load<'a>,
    notes: &'a mut Notebook,
    /// Files whose includes are being read: what a cycle comes back to.
    open: Vec<String>,
    /// All files read.
    done: Vec<String>,
}

impl Reading<'_> {
    fn file(&mut self, name: &str, bytes: &[u8]) -> Option<Node> {
        let own = beside("", name);
        self.open.push(own.clone());
        self.done.push(own);
        let tree = self
            .tree(name, bytes)
            .map(|tree| self.with_includes(name, tree));
        self.open.pop();
        tree
    }

    /// The tree of one file; everything that keeps it from being one is noted.
    fn tree(&mut self, name: &str, bytes: &[u8]) -> Option<Node> {
        let text = match decode(bytes) {
            Ok(text) => text,
            Err((good, message, hint)) => {
                let number = self.notes.add_file(name, &good);
                self.notes.error(end_of(number, &good), message, hint);
                return None;
            },
        };
        let number = self.notes.add_file(name, text);
        let (tree, errors) = yaml::parse(text, number);
        if let Some(tree) = &tree {
            self.notes.hide_secrets_of(tree);
        }
        let failed = !errors.is_empty();
        for error in errors {
            self.notes.error(error.at, error.message, error.hint);
        }
        let example = "a config is a mapping of sections: `model_list:`, `router_settings:`, …";
        let message = match tree {
            Some(tree) if tree.entries().is_some() => return Some(tree),
            None if failed => return None,
            Some(tree) if !tree.is_null() => {
                let message = format!("expected a mapping of sections, found {}", tree.kind());
                self.notes.error(tree.at, message, example);
                return None;
            },
            Some(_) => format!("`{name}` holds nothing"),
            None if text.trim().is_empty() => format!("`{name}` is empty"),
            None => format!("`{name}` holds nothing but comments"),
        };
        self.notes.error(end_of(number, ""), message, example);
        None
    }

    fn with_includes(&mut self, name: &str, mut tree: Node) -> Node {
        let Some(list) = tree.get("include").cloned() else {
            return tree;
        };
        let hint = "write `include: [models.yaml, more.yaml]`";
        let Some(items) = list.items() else {
            if !list.is_null() {
                let message = format!(
                    "`include` takes a list of file names, found {}",
                    list.kind()
                );
                self.notes.error(list.at, message, hint);
            }
            return tree;
        };
        for item in items {
            let Some(path) = item.scalar().filter(|scalar| !scalar.is_null()) else {
                let message = format!("`include` takes file names, found {}", item.kind());
                self.notes.error(item.at, message, hint);
                continue;
            };
            let path = beside(name, &path.text);
            if let Some(more) = self.included(&path, item.at) {
                self.merge(&mut tree, more);
            }
        }
        tree
    }

    fn included(&mut self, path: &str, at: Spot) -> Option<Node> {
        if self.open.iter().any(|open| open == path) {
            let message = format!("`{path}` includes itself by way of this line; it is read once");
            self.notes.warn(at, message, "remove one of the lines");
            return None;
        }
        if self.done.iter().any(|done| done == path) {
            return None;
        }
        match (self.load)(path) {
            Ok(bytes) => self.file(path, &bytes),
            Err(reason) => {
                self.done.push(path.to_owned());
                self.notes.error(
                    at,
                    format!("cannot read the included file `{path}`: {reason}"),
                    "paths are relative to the file that names them",
                );
                None
            },
        }
    }

    fn merge(&mut self, tree: &mut Node, more: Node) {
        let (Body::Map(entries), Body::Map(more)) = (&mut tree.body, more.body) else {
            return;
        };
        for entry in more {
            if entry.key == "include" {
                continue;
            }
            let Some(known) = entries.iter_mut().find(|known| known.key == entry.key) else {
                entries.push(entry);
                continue;
            };
            self.join(known, entry);
        }
    }

    fn join(&mut self, known: &mut Entry, entry: Entry) {
        match (&mut known.value.body, entry.value.body) {
            (Body::List(items), Body::List(more)) => items.extend(more),
            (_, body) => {
                if !known.value.is_null() {
                    let before = self.notes.line_of(known.key_at);
                    let message = format!("`{}` replaces the whole section at {before}", entry.key);
                    let hint = "included lists are joined, everything else is replaced; keep the section in one file";
                    self.notes.warn(entry.key_at, message, hint);
                }
                known.key_at = entry.key_at;
                known.value = Node {
                    at: entry.value.at,
                    body,
                };
            },
        }
    }
}

type Undecodable = (String, &'static str, &'static str);

/// The text of a file, or its readable beginning and why it is none.
fn decode(bytes: &[u8]) -> Result<&str, Undecodable> {
    if bytes.len() > yaml::MAX_BYTES {
        return Err((
            String::new(),
            "the file is larger than 16 MiB",
            "this is no config; check the path",
        ));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err((String::new(), "the file is UTF-16", "save it as UTF-8"));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
            return Err((
                String::from_utf8_lossy(good).into_owned(),
                "the file is not UTF-8 from here on",
                "save it as UTF-8; if it is no text at all, check the path",
            ));
        },
    };
    let strange = |letter: char| {
        let allowed = matches!(letter, '\n' | '\r' | '\t' | '\u{85}');
        letter.is_control() && !allowed
    };
    match text.find(strange) {
        None => Ok(text),
        Some(at) => Err((
            text.get(..at).unwrap_or_default().to_owned(),
            "a control character that no text file holds",
            "remove it; if the file is no text at all, check the path",
        )),
    }
}

/// The place right after the last character of `text`.
fn end_of(file: usize, text: &str) -> Spot {
    let line = text.matches('\n').count() + 1;
    let last = text.rsplit('\n').next().unwrap_or_default();
    let column = last.chars().count() + 1;
    Spot {
        file,
        line,
        column,
        end_line: line,
        end_column: column + 1,
    }
}

/// `path` as seen from the folder of `file`, `.` and `..` taken out.
pub(super) fn beside(file: &str, path: &str) -> String {
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let absolute = path.starts_with('/') || path.get(1..2) == Some(":");
    let joined = match (absolute, folder.is_empty()) {
        (true, _) => path.to_owned(),
        (false, true) if file.starts_with('/') => format!("/{path}"),
        (false, true) => path.to_owned(),
        (false, false) => format!("{folder}/{path}"),
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in joined.split('/') {
        let up = part == ".." && parts.last().is_some_and(|last| !matches!(*last, "" | ".."));
        if up {
            parts.pop();
        } else if part != "." && (!part.is_empty() || parts.is_empty()) {
            parts.push(part);
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::beside;

    #[test]
    fn paths_are_relative_to_the_naming_file() {
        let cases = [
            ("config.yaml", "a.yaml", "a.yaml"),
            ("config.yaml", "./a.yaml", "a.yaml"),
            ("./config.yaml", "a.yaml", "a.yaml"),
            ("etc/config.yaml", "../a.yaml", "a.yaml"),
            ("/etc/p/config.yaml", "sub/a.yaml", "/etc/p/sub/a.yaml"),
            ("/config.yaml", "a.yaml", "/a.yaml"),
            ("etc/config.yaml", "/abs/a.yaml", "/abs/a.yaml"),
            ("config.yaml", "../a.yaml", "../a.yaml"),
            ("config.yaml", "../../a.yaml", "../../a.yaml"),
        ];
        for (file, path, expected) in cases {
            assert_eq!(beside(file, path), expected, "{file} + {path}");
        }
    }
}
