//! Names that had to be changed on the way up, and are changed back on the way down.
//!
//! Upstreams take tool names of `[a-zA-Z0-9_-]` only, and none that is too long for them. The names are
//! a pure function of the request, so the reader of the answer can be given them without the writer
//! keeping state.

use std::borrow::Cow;

use crate::wire::neutral::{Part, Request, Tool, ToolChoice};

/// The tool by which a form of answer is asked of models that know no other way.
pub(in crate::wire) const JSON_TOOL: &str = "json_tool_call";

/// The tool names of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// What the client says, what the upstream is told; only those that differ.
    changed: Vec<(String, String)>,
    /// Whether a call of `json_tool_call` is the answer's text.
    json_tool: bool,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            changed: Vec::new(),
            json_tool: true,
        }
    }
}

impl Names {
    /// The names of a request: of its tools, of earlier calls, of its choice; `most` is the longest
    /// that the upstream takes, in bytes.
    pub fn of(request: &Request, most: usize) -> Self {
        let mut names = Self::default();
        let mut taken: Vec<&str> = Vec::new();
        let all = || {
            let tools = request.tools.iter().filter_map(|tool| match tool {
                Tool::Function { name, .. } => Some(name.as_str()),
                Tool::Hosted(_) => None,
            });
            let parts = request.messages.iter().flat_map(|message| &message.parts);
            let calls = parts.filter_map(|part| match part {
                Part::ToolCall(call) => Some(call.name.as_str()),
                _ => None,
            });
            let choice = match &request.tool_choice {
                Some(ToolChoice::Function(name)) => Some(name.as_str()),
                _ => None,
            };
            tools.chain(calls).chain(choice)
        };
        for name in all() {
            names.json_tool &= name != JSON_TOOL;
            if is_plain(name, most) && !taken.contains(&name) {
                taken.push(name);
            }
        }
        for name in all() {
            if !is_plain(name, most) && !names.changed.iter().any(|(said, _)| said == name) {
                let told = names.free_name(name, most, &taken);
                names.changed.push((name.to_owned(), told));
            }
        }
        names
    }

    /// What the upstream is told for a client's name.
    pub(in crate::wire) fn told<'a>(&'a self, said: &'a str) -> &'a str {
        let known = self.changed.iter().find(|(client, _)| client == said);
        known.map_or(said, |(_, told)| told)
    }

    /// What the client said for a name the upstream gives.
    pub(in crate::wire) fn said<'a>(&'a self, told: &'a str) -> &'a str {
        let known = self.changed.iter().find(|(_, upstream)| upstream == told);
        known.map_or(told, |(said, _)| said)
    }

    /// Whether a call of this tool is the answer's text.
    pub(in crate::wire) fn is_json_tool(&self, told: &str) -> bool {
        self.json_tool && told == JSON_TOOL
    }

    fn free_name(&self, name: &str, most: usize, taken: &[&str]) -> String {
        let is_free = |told: &str| {
            !taken.contains(&told) && !self.changed.iter().any(|(_, other)| other == told)
        };
        let plain = plain(name, most);
        if is_free(&plain) {
            return plain.into_owned();
        }
        let stem: String = plain.chars().take(most.saturating_sub(8)).collect();
        (2..u32::MAX)
            .map(|number| format!("{stem}_{number}"))
            .find(|told| is_free(told))
            .unwrap_or(stem)
    }
}

/// A tool call's id as Anthropic takes it; the same id always becomes the same.
pub(in crate::wire) fn plain_id(id: &str) -> Cow<'_, str> {
    plain(id, usize::MAX)
}

fn is_plain(name: &str, most: usize) -> bool {
    !name.is_empty() && name.len() <= most && name.chars().all(is_plain_char)
}

const fn is_plain_char(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-')
}

fn plain(name: &str, most: usize) -> Cow<'_, str> {
    if is_plain(name, most) {
        return name.into();
    }
    let changed = name
        .chars()
        .map(|letter| if is_plain_char(letter) { letter } else { '_' });
    let changed: String = changed.take(most).collect();
    if changed.is_empty() {
        "_".into()
    } else {
        changed.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(name: &str) -> Tool {
        Tool::Function {
            name: name.to_owned(),
            description: None,
            schema: serde_json::json!({}),
            strict: None,
            cache: None,
        }
    }

    #[test]
    fn changed_names_come_back_and_never_collide() {
        let request = Request {
            tools: ["a.b", "a_b", "a/b", "ok-1", &"x".repeat(200)]
                .map(tool)
                .into(),
            ..Request::default()
        };
        let names = Names::of(&request, 128);
        let mut told: Vec<&str> = ["a.b", "a_b", "a/b", "ok-1"]
            .map(|name| names.told(name))
            .into();
        assert_eq!(told, ["a_b_2", "a_b", "a_b_3", "ok-1"]);
        let long = "x".repeat(200);
        told.push(names.told(&long));
        for name in told {
            assert!(is_plain(name, 128), "{name}");
            assert_eq!(names.told(names.said(name)), name);
        }
    }

    #[test]
    fn long_names_that_begin_alike_stay_apart() {
        let long = |end: &str| format!("mcp__{}__{end}", "x".repeat(70));
        let request = Request {
            tools: vec![tool(&long("a")), tool(&long("b"))],
            ..Request::default()
        };
        let names = Names::of(&request, 64);
        let (a, b) = (long("a"), long("b"));
        assert_ne!(names.told(&a), names.told(&b));
        for said in [&a, &b] {
            assert!(names.told(said).len() <= 64);
            assert_eq!(names.said(names.told(said)), said);
        }
    }

    #[test]
    fn a_clients_own_json_tool_is_left_alone() {
        let request = Request {
            tools: vec![tool(JSON_TOOL)],
            ..Request::default()
        };
        assert!(!Names::of(&request, 128).is_json_tool(JSON_TOOL));
        assert!(Names::default().is_json_tool(JSON_TOOL));
    }

    #[test]
    fn ids_are_made_plain() {
        assert_eq!(plain_id("functions.get:0"), "functions_get_0");
        assert_eq!(plain_id("toolu_01"), "toolu_01");
        assert_eq!(plain_id(""), "_");
    }
}
