//! The body for an upstream of the same dialect: the original bytes with an edit list.

use bytes::Bytes;
use serde_json::{Map, Value};

use super::Head;
use super::own::{Metadata, is_own};
use crate::base::Surface;
use crate::wire::edit::{Edits, push_member, quoted};
use crate::wire::scan::{Kind, Member, kind, members_at};

/// What is to be changed in a body on its way to an upstream of the same dialect.
#[derive(Debug, Clone, Copy)]
pub struct RelayEdit<'a> {
    /// The upstream's name for the model.
    pub model: &'a str,
    /// Members to put in where the client sent none, or `null` (a deployment's defaults). The
    /// gateway's own names do not go to an upstream from here either.
    pub defaults: &'a Map<String, Value>,
    /// Members to put in whatever the client sent (a fallback's overrides).
    pub set: Option<&'a Map<String, Value>>,
    /// Members to leave out, top-level names or paths such as `tools[*].function.strict`; the
    /// request's own `additional_drop_params` are left out besides.
    pub drop: &'a [String],
    /// Ask for usage at the end of a stream even where the client did not, unless `stream_options` is
    /// to be left out.
    pub include_usage: bool,
    /// Call `max_tokens` by its newer name, as OpenAI's reasoning models demand.
    pub max_completion_tokens: bool,
}

/// One step of a path into a JSON value.
enum Step<'a> {
    Key(&'a str),
    Index(usize),
    All,
}

impl Head {
    /// The body to send: all that `edit` says, and the gateway's own members cut out.
    ///
    /// `body` must be the bytes this head was read from. What is not edited stays byte for byte.
    pub fn relay_body(&self, body: &Bytes, edit: &RelayEdit<'_>) -> Bytes {
        let mut edits = Edits::new();
        let mut added = Vec::new();
        let mut cuts = self.own_members(body);
        self.name_model(body, edit, &mut edits, &mut added);
        self.drop_members(body, edit, &mut edits, &mut cuts);
        self.rename_limit(body, edit, &mut edits, &mut cuts);
        self.set_members(body, edit, &mut edits, &mut added);
        self.ask_usage(body, edit, &mut edits, &mut added);
        if let Metadata::Keep {
            object,
            members,
            cut,
        } = &self.metadata
            && !cut.is_empty()
        {
            edits.members(
                *object,
                members,
                |i, _| cut.binary_search(&i).is_ok(),
                Vec::new(),
            );
        }
        cuts.sort_unstable();
        if !(cuts.is_empty() && added.is_empty()) {
            edits.members(
                self.object,
                &self.members,
                |i, _| cuts.binary_search(&i).is_ok(),
                added,
            );
        }
        edits.apply(body)
    }

    fn own_members(&self, body: &[u8]) -> Vec<usize> {
        let mut cuts = self.own.clone();
        if self.metadata == Metadata::Cut {
            let mut members = self.members.iter();
            cuts.extend(members.position(|member| member.is(body, "metadata")));
        }
        cuts
    }

    fn name_model<'e>(
        &self,
        body: &[u8],
        edit: &RelayEdit<'e>,
        edits: &mut Edits<'e>,
        added: &mut Vec<u8>,
    ) {
        match self.member(body, "model") {
            Some(member) => edits.name(body, member.value, edit.model),
            None => push_member(added, "model", &quoted(edit.model)),
        }
    }

    fn drop_members(
        &self,
        body: &[u8],
        edit: &RelayEdit<'_>,
        edits: &mut Edits<'_>,
        cuts: &mut Vec<usize>,
    ) {
        for path in edit.drop.iter().chain(&self.additional_drop_params) {
            let (top, rest) = split_path(path);
            if top == "model" {
                continue;
            }
            let found = self.members.iter().position(|member| member.is(body, top));
            let Some((i, member)) = found.and_then(|i| Some((i, self.members.get(i)?))) else {
                continue;
            };
            if rest.is_empty() {
                cuts.push(i);
            } else if let Ok(mut value) = serde_json::from_slice::<Value>(member.value.of(body))
                && remove(&mut value, &rest)
            {
                edits.replace(member.value, value.to_string().into_bytes());
            }
        }
    }

    fn rename_limit(
        &self,
        body: &[u8],
        edit: &RelayEdit<'_>,
        edits: &mut Edits<'_>,
        cuts: &mut Vec<usize>,
    ) {
        if !edit.max_completion_tokens {
            return;
        }
        let old = self.members.iter().enumerate();
        if let Some((i, member)) = old.into_iter().find(|(_, m)| m.is(body, "max_tokens")) {
            if self.has(body, "max_completion_tokens") {
                cuts.push(i);
            } else {
                edits.replace(member.key, b"max_completion_tokens".as_slice());
            }
        }
    }

    fn set_members(
        &self,
        body: &[u8],
        edit: &RelayEdit<'_>,
        edits: &mut Edits<'_>,
        added: &mut Vec<u8>,
    ) {
        for (name, value) in edit.set.into_iter().flatten() {
            if is_own(name) || name == "model" {
                continue;
            }
            let text = value.to_string().into_bytes();
            match self.member(body, name) {
                Some(member) => edits.replace(member.value, text),
                None => push_member(added, name, &text),
            }
        }
        let overridden = |name: &str| edit.set.is_some_and(|set| set.contains_key(name));
        for (name, value) in edit.defaults {
            let name = name.as_str();
            let limit = matches!(name, "max_tokens" | "max_completion_tokens");
            if overridden(name)
                || is_own(name)
                || matches!(name, "model" | "stream_options")
                || edit.drop.iter().any(|dropped| dropped == name)
                || (limit && self.max_tokens.is_some())
            {
                continue;
            }
            let renamed = if name == "max_tokens" && edit.max_completion_tokens {
                "max_completion_tokens"
            } else {
                name
            };
            match self.member(body, name) {
                Some(member) if member.kind(body) == Kind::Null => {
                    edits.replace(member.value, value.to_string().into_bytes());
                },
                Some(_) => {},
                None => push_member(added, renamed, value.to_string().as_bytes()),
            }
        }
    }

    fn ask_usage(
        &self,
        body: &[u8],
        edit: &RelayEdit<'_>,
        edits: &mut Edits<'_>,
        added: &mut Vec<u8>,
    ) {
        let speaks = matches!(self.surface, Surface::Chat | Surface::Completions);
        let mut dropped = edit.drop.iter().chain(&self.additional_drop_params);
        let is_vetoed = dropped.any(|path| split_path(path).0 == "stream_options");
        let is_due = edit.include_usage && speaks && self.stream;
        if !is_due || self.include_usage || is_vetoed {
            return;
        }
        let Some(options) = self.member(body, "stream_options") else {
            push_member(added, "stream_options", br#"{"include_usage":true}"#);
            return;
        };
        if kind(body, options.value) != Kind::Object {
            edits.replace(options.value, br#"{"include_usage":true}"#.as_slice());
            return;
        }
        let inner: Vec<Member> = members_at(body, options.value).flatten().collect();
        match inner.iter().find(|m| m.is(body, "include_usage")) {
            Some(member) => edits.replace(member.value, b"true".as_slice()),
            None => edits.members(
                options.value,
                &inner,
                |_, _| false,
                br#""include_usage":true"#.to_vec(),
            ),
        }
    }
}

/// The top-level name a path begins with, and the steps below it.
fn split_path(path: &str) -> (&str, Vec<Step<'_>>) {
    let mut parts = path.split(['.', '[']);
    let top = parts.next().unwrap_or_default();
    let steps = parts
        .map(|part| match part.strip_suffix(']') {
            Some("*") => Step::All,
            Some(inner) => inner
                .parse()
                .map_or_else(|_| Step::Key(inner.trim_matches(['\'', '"'])), Step::Index),
            None => Step::Key(part),
        })
        .collect();
    (top, steps)
}

/// Removes what `path` leads to; whether anything was there.
fn remove(value: &mut Value, path: &[Step<'_>]) -> bool {
    let Some((step, rest)) = path.split_first() else {
        return false;
    };
    match (step, value) {
        (Step::Key(name), Value::Object(map)) if rest.is_empty() => {
            map.shift_remove(*name).is_some()
        },
        (Step::Key(name), Value::Object(map)) => {
            map.get_mut(*name).is_some_and(|inner| remove(inner, rest))
        },
        (Step::Index(i), Value::Array(list)) if rest.is_empty() => {
            let there = *i < list.len();
            if there {
                list.remove(*i);
            }
            there
        },
        (Step::Index(i), Value::Array(list)) => {
            list.get_mut(*i).is_some_and(|inner| remove(inner, rest))
        },
        (Step::All, Value::Array(list)) if rest.is_empty() => {
            let there = !list.is_empty();
            list.clear();
            there
        },
        (Step::All, Value::Array(list)) => {
            let mut any = false;
            for inner in list {
                any |= remove(inner, rest);
            }
            any
        },
        _ => false,
    }
}

/// Takes out of `value`, an object, what `path` leads to (`tools[*].function.strict`).
pub(in crate::wire) fn remove_path(object: &mut Map<String, Value>, path: &str) -> bool {
    let (top, rest) = split_path(path);
    if rest.is_empty() {
        return object.shift_remove(top).is_some();
    }
    object
        .get_mut(top)
        .is_some_and(|value| remove(value, &rest))
}
