//! What only the whole shows: nothing to serve, ids used twice, tags without effect.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::entry::Draft;
use super::fallback::matches;
use crate::base::{Problem, Severity};
use crate::config::catalogue;
use crate::config::read::{Desk, shown};
use crate::config::snippet::quoted;
use crate::config::source::Notebook;
use crate::config::yaml::{Node, Spot};
use crate::config::{General, Router};

/// Checks the whole configuration.
pub(super) fn whole(
    desk: &mut Desk<'_>,
    root: &Node,
    drafts: &[Draft],
    router: &Router,
    hidden: &[Arc<str>],
    general: &General,
) {
    if drafts.is_empty() {
        empty(desk, root);
    }
    ids(desk, drafts);
    groups_that_are_off(desk, drafts, hidden);
    tags(desk, root, drafts, router);
    completion_model(desk, root, drafts, router, general);
}

fn empty(desk: &mut Desk<'_>, root: &Node) {
    let message = "`model_list` is empty: every request will be refused";
    let hint = "add an entry: `- model_name: NAME` with `litellm_params: {model: provider/model}`";
    match root.entry("model_list") {
        Some(entry)
            if entry.value.is_null() || entry.value.items().is_some_and(<[Node]>::is_empty) =>
        {
            desk.notes.warn(entry.key_at, message, hint);
        },
        Some(_) => {},
        None if root.at == Notebook::NOWHERE => {
            let problem = Problem::new(
                Severity::Warning,
                "no models: every request will be refused",
            );
            desk.notes.elsewhere(
                problem.hint("write a `config.yaml`, or start with `--model ollama/llama3.2`"),
            );
        },
        None => desk.notes.warn(
            root.at,
            "there is no `model_list`: every request will be refused",
            hint,
        ),
    }
}

fn ids(desk: &mut Desk<'_>, drafts: &[Draft]) {
    let mut seen: HashMap<&str, Spot> = HashMap::new();
    for draft in drafts {
        let Some(at) = draft.id_at else { continue };
        let id: &str = &draft.deployment.id;
        match seen.get(id) {
            Some(first) => {
                let first = desk.notes.line_of(*first);
                let message = format!("the id {} is used already at {first}", quoted(id));
                desk.notes.error(
                    at,
                    message,
                    "give each deployment an id of its own, or leave the ids out",
                );
            },
            None => {
                seen.insert(id, at);
            },
        }
    }
}

fn groups_that_are_off(desk: &mut Desk<'_>, drafts: &[Draft], hidden: &[Arc<str>]) {
    // Of a single deployment its own line says all.
    let mut groups: Vec<(&Arc<str>, Spot, bool, usize)> = Vec::new();
    for draft in drafts {
        let group = &draft.deployment.group;
        let on = draft.deployment.off.is_none();
        match groups.iter_mut().find(|(name, ..)| *name == group) {
            Some((_, _, any, count)) => {
                *any |= on;
                *count += 1;
            },
            None => groups.push((group, draft.at, on, 1)),
        }
    }
    for (group, at, on, count) in groups {
        if on || count == 1 || hidden.contains(group) {
            continue;
        }
        let message = format!(
            "all deployments of {} are off: requests for it go to its fallbacks or fail",
            quoted(group)
        );
        desk.notes
            .warn(at, message, "the lines about its deployments say why");
    }
}

fn tags(desk: &mut Desk<'_>, root: &Node, drafts: &[Draft], router: &Router) {
    let declared: BTreeSet<&str> = drafts
        .iter()
        .flat_map(|draft| draft.deployment.tags.iter().map(String::as_str))
        .collect();
    let switch = root
        .get("router_settings")
        .and_then(|section| section.entry("enable_tag_filtering"));
    if !router.tags.enabled {
        if let Some(draft) = drafts
            .iter()
            .find(|draft| !draft.deployment.tags.is_empty())
        {
            let message = "tags only count spending: `enable_tag_filtering` is off";
            desk.notes.note(
                Severity::Note,
                draft.at,
                message,
                "set `router_settings.enable_tag_filtering: true` to let them choose backends",
            );
        }
        return;
    }
    let Some(switch) = switch else { return };
    if declared.is_empty() {
        let message =
            "`enable_tag_filtering` is on, and no deployment declares a tag: nothing is filtered";
        desk.notes
            .warn(switch.key_at, message, "add `tags: [name]` to deployments");
    }
}

fn completion_model(
    desk: &mut Desk<'_>,
    root: &Node,
    drafts: &[Draft],
    router: &Router,
    general: &General,
) {
    let key = "completion_model";
    let node = root
        .get("general_settings")
        .and_then(|general| general.get(key));
    let (Some(model), Some(node)) = (&general.completion_model, node) else {
        return;
    };
    let groups = || drafts.iter().map(|draft| &*draft.deployment.group);
    let known = groups().any(|group| group == model || matches(group, model))
        || router.aliases.contains_key(model.as_str())
        || drafts.iter().any(|draft| draft.is_called(model));
    if !known {
        let hint = match catalogue::nearest(model, groups()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "name a `model_name` of `model_list`".to_owned(),
        };
        desk.notes.error(
            node.at,
            format!("`{key}`: {} names no group", shown(node, model)),
            hint,
        );
    }
}
