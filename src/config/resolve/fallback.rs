//! Fallbacks and aliases: every name led to a group, or to a hidden deployment made for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::entry::{self, Draft, Shared};
use super::{Entries, Sections, upstream};
use crate::config::catalogue;
use crate::config::read::Desk;
use crate::config::snippet::quoted;
use crate::config::yaml::{Body, Entry, Node, Spot};
use crate::config::{Chain, Router, Target};

/// A name and where it stands.
type Named = (String, Spot);

/// A chain as written.
struct Written {
    from: Named,
    to: Vec<Named>,
}

/// Reads all fallbacks and aliases into `router`. Hidden deployments are added to the entries; the names of
/// their groups are returned.
pub(super) fn resolve(
    desk: &mut Desk<'_>,
    sections: &Sections<'_>,
    router: &mut Router,
    entries: &mut Entries,
    shared: &Shared,
) -> Vec<Arc<str>> {
    let plain = pick(sections, "fallbacks").map(|node| chains(desk, "fallbacks", node));
    let windows = pick(sections, "context_window_fallbacks")
        .map(|node| chains(desk, "context_window_fallbacks", node));
    let defaults = pick(sections, "default_fallbacks").map(|node| defaults(desk, node));
    let aliases = sections
        .router
        .and_then(|router| router.get("model_group_alias"));
    let mut leads = Leads::new(desk, entries, shared);
    if let Some(node) = aliases {
        leads.read_aliases(node);
    }
    let mut fallbacks = leads.chains(plain.unwrap_or_default());
    leads.add_inline(&mut fallbacks);
    leads.add_from_command_line(&mut fallbacks);
    router.fallbacks = fallbacks;
    router.context_window_fallbacks = leads.chains(windows.unwrap_or_default());
    let defaults = defaults.unwrap_or_default();
    router.default_fallbacks = leads.targets(&defaults, None);
    router.aliases = leads.final_aliases();
    leads.hidden
}

/// `router_settings` wins; an empty or null value there leaves `litellm_settings` in force.
fn pick<'n>(sections: &Sections<'n>, key: &str) -> Option<&'n Node> {
    let own = sections.router.and_then(|router| router.get(key));
    let other = sections.litellm.and_then(|litellm| litellm.get(key));
    own.filter(|node| node.is_on())
        .or_else(|| other.filter(|node| !node.is_null()))
}

// === as written ===

/// `- {group: [targets]}` entries, a mapping of groups, and plain names, which form one chain: each falls
/// to those after it.
fn chains(desk: &mut Desk<'_>, key: &str, node: &Node) -> Vec<Written> {
    let hint = format!("write `{key}: [{{group: [other, another]}}]`, or a plain list as a chain");
    let items = match &node.body {
        Body::List(items) => items.as_slice(),
        Body::Map(_) => std::slice::from_ref(node),
        Body::Scalar(_) => {
            let message = format!("`{key}`: expected a list, found {}", node.kind());
            desk.notes.error(node.at, message, hint);
            return Vec::new();
        },
    };
    let mut written = Vec::new();
    let mut chain: Vec<Named> = Vec::new();
    for item in items {
        match &item.body {
            Body::Map(entries) => {
                for entry in entries {
                    written.push(Written {
                        from: (entry.key.clone(), entry.key_at),
                        to: targets(desk, key, &entry.value),
                    });
                }
            },
            Body::Scalar(scalar) if !scalar.is_null() => chain.push((scalar.text.clone(), item.at)),
            Body::Scalar(_) | Body::List(_) => {
                let message = format!(
                    "`{key}`: expected a group with its targets, found {}",
                    item.kind()
                );
                desk.notes.error(item.at, message, hint.as_str());
            },
        }
    }
    for (place, from) in chain.iter().enumerate() {
        let to: Vec<Named> = chain.iter().skip(place + 1).cloned().collect();
        if !to.is_empty() {
            written.push(Written {
                from: from.clone(),
                to,
            });
        }
    }
    written
}

fn defaults(desk: &mut Desk<'_>, node: &Node) -> Vec<Named> {
    targets(desk, "default_fallbacks", node)
}

fn targets(desk: &mut Desk<'_>, key: &str, node: &Node) -> Vec<Named> {
    let items = node.items().unwrap_or_else(|| std::slice::from_ref(node));
    let mut names = Vec::new();
    for item in items {
        let name = match &item.body {
            Body::Map(_) => item.get("model"),
            Body::Scalar(_) | Body::List(_) => Some(item),
        };
        let name = name.and_then(Node::scalar);
        if let Some(scalar) = name.filter(|scalar| !scalar.is_null()) {
            names.push((scalar.text.clone(), item.at));
        } else {
            let message = format!(
                "`{key}`: expected the name of a group, found {}",
                item.kind()
            );
            desk.notes.error(
                item.at,
                message,
                "write the name of a group, or a list of names",
            );
        }
        if item.entries().is_some_and(|entries| entries.len() > 1) {
            let message = format!("`{key}`: only `model` counts here; the other keys are ignored");
            desk.notes.warn(
                item.at,
                message,
                "give them to the group's own `litellm_params`",
            );
        }
    }
    names
}

// === as meant ===

/// Where names lead.
struct Leads<'d, 's> {
    desk: &'d mut Desk<'s>,
    drafts: &'d mut Vec<Draft>,
    shared: &'d Shared,
    /// The groups of the file; hidden ones come later and are no targets by name.
    groups: Vec<Arc<str>>,
    aliases: BTreeMap<String, (Named, bool)>,
    hidden: Vec<Arc<str>>,
}

impl<'d, 's> Leads<'d, 's> {
    fn new(desk: &'d mut Desk<'s>, entries: &'d mut Entries, shared: &'d Shared) -> Self {
        let Entries { drafts, broken } = entries;
        let mut groups: Vec<Arc<str>> =
            broken.iter().map(|name| Arc::from(name.as_str())).collect();
        for draft in drafts.iter() {
            if !groups.contains(&draft.deployment.group) {
                groups.push(Arc::clone(&draft.deployment.group));
            }
        }
        Self {
            desk,
            drafts,
            shared,
            groups,
            aliases: BTreeMap::new(),
            hidden: Vec::new(),
        }
    }

    fn read_aliases(&mut self, node: &Node) {
        let key = "model_group_alias";
        let Some(map) = self.desk.section(key, node) else {
            return;
        };
        for entry in map.entries().unwrap_or_default() {
            if let Some((target, hidden)) = self.alias(entry) {
                if self.groups.iter().any(|group| **group == *entry.key) {
                    let message = format!(
                        "the alias {} hides the group of this name",
                        quoted(&entry.key)
                    );
                    self.desk
                        .notes
                        .warn(entry.key_at, message, "give one of the two another name");
                }
                self.aliases.insert(entry.key.clone(), (target, hidden));
            }
        }
        for entry in map.entries().unwrap_or_default() {
            self.check_alias(entry);
        }
    }

    fn alias(&mut self, entry: &Entry) -> Option<(Named, bool)> {
        let (model, hidden) = match &entry.value.body {
            Body::Map(_) => {
                let hidden = self
                    .desk
                    .or_default(Some(&entry.value), "hidden", Desk::truth);
                (entry.value.get("model"), hidden.unwrap_or(false))
            },
            Body::Scalar(_) | Body::List(_) => (Some(&entry.value), false),
        };
        let Some(scalar) = model
            .and_then(Node::scalar)
            .filter(|scalar| !scalar.is_null())
        else {
            let message = format!("the alias {} names no group", quoted(&entry.key));
            let hint = "write `alias: group`, or `alias: {model: group, hidden: true}`";
            self.desk.notes.error(entry.value.at, message, hint);
            return None;
        };
        let at = model.map_or(entry.value.at, |node| node.at);
        Some(((scalar.text.clone(), at), hidden))
    }

    fn check_alias(&mut self, entry: &Entry) {
        let Some(((target, at), _)) = self.aliases.get(&entry.key).cloned() else {
            return;
        };
        match self.follow(&entry.key) {
            Err(way) => {
                let message = format!("this alias leads back to itself: {}", way.join(" → "));
                self.desk
                    .notes
                    .error(at, message, "let one of them name a group");
            },
            Ok(end) if !self.serves(&end) && !self.drafts.iter().any(|one| one.is_called(&end)) => {
                let message = format!(
                    "the alias {} names nothing: {}",
                    quoted(&entry.key),
                    quoted(&target)
                );
                let hint = self.meant(&end);
                self.desk.notes.error(at, message, hint);
            },
            Ok(_) => {},
        }
    }

    /// The name at the end of the aliases; `Err` is the circle.
    fn follow(&self, name: &str) -> Result<String, Vec<String>> {
        let mut way = vec![name.to_owned()];
        let mut name = name.to_owned();
        while let Some(((next, _), _)) = self.aliases.get(&name) {
            let seen = way.contains(next);
            way.push(next.clone());
            if seen {
                return Err(way);
            }
            name.clone_from(next);
        }
        Ok(name)
    }

    /// Whether a name is a group or matched by a wildcard group.
    fn serves(&self, name: &str) -> bool {
        self.groups
            .iter()
            .any(|group| **group == *name || matches(group, name))
    }

    fn final_aliases(&self) -> BTreeMap<Arc<str>, (Arc<str>, bool)> {
        let mut aliases = BTreeMap::new();
        for (name, (_, hidden)) in &self.aliases {
            if let Ok(end) = self.follow(name) {
                aliases.insert(Arc::from(name.as_str()), (Arc::from(end.as_str()), *hidden));
            }
        }
        aliases
    }

    fn chains(&mut self, written: Vec<Written>) -> Vec<Chain> {
        let mut chains: Vec<Chain> = Vec::new();
        for Written { from, to } in written {
            let (name, at) = &from;
            let group = self.follow(name).unwrap_or_else(|_| name.clone());
            if name != "*" && !self.serves(&group) && !self.names_a_deployment(&group) {
                let message = format!("a fallback for {}, which is no group", quoted(name));
                let hint = self.meant(name);
                self.desk.notes.warn(*at, message, hint);
            }
            let targets = self.targets(&to, Some(&group));
            let group = Arc::from(group);
            add_to_chain(&mut chains, &group, targets);
        }
        chains
    }

    /// `fallback:` of deployments, after what the lists say.
    fn add_inline(&mut self, chains: &mut Vec<Chain>) {
        let inline: Vec<(Arc<str>, Vec<Named>)> = self
            .drafts
            .iter()
            .filter(|draft| !draft.fallback.is_empty())
            .map(|draft| (Arc::clone(&draft.deployment.group), draft.fallback.clone()))
            .collect();
        for (group, names) in inline {
            let targets = self.targets(&names, Some(&group));
            add_to_chain(chains, &group, targets);
        }
    }

    /// `--model M --fallback N`
    fn add_from_command_line(&self, chains: &mut Vec<Chain>) {
        let Some(model) = self.desk.cli.model.clone() else {
            return;
        };
        let names = self.desk.cli.fallbacks.iter();
        let targets = names
            .map(|name| Target::Group(Arc::from(name.as_str())))
            .collect();
        add_to_chain(chains, &Arc::from(model), targets);
    }

    fn targets(&mut self, names: &[Named], from: Option<&str>) -> Vec<Target> {
        let mut targets: Vec<Target> = Vec::new();
        for (name, at) in names {
            let Some(target) = self.target(name, *at) else {
                continue;
            };
            if from == Some(&**target.group()) {
                let message = format!(
                    "{} falls back to itself; this target is left out",
                    quoted(name)
                );
                self.desk
                    .notes
                    .warn(*at, message, "retries within a group are `num_retries`");
            } else if !targets.contains(&target) {
                targets.push(target);
            }
        }
        targets
    }

    fn target(&mut self, name: &str, at: Spot) -> Option<Target> {
        let end = self.follow(name).ok()?;
        if self.serves(&end) {
            return Some(Target::Group(Arc::from(end)));
        }
        let known = self.hidden.iter().find(|group| ***group == *end);
        if let Some(known) = known {
            return Some(Target::Hidden(Arc::clone(known)));
        }
        if self.hide_copies(&end) || self.hide_new(&end, at) {
            let group: Arc<str> = Arc::from(end);
            self.hidden.push(Arc::clone(&group));
            return Some(Target::Hidden(group));
        }
        let message = format!("a fallback to {}, which names nothing", quoted(name));
        let hint = self.meant(name);
        self.desk.notes.error(at, message, hint);
        None
    }

    fn names_a_deployment(&self, name: &str) -> bool {
        self.drafts.iter().any(|draft| {
            draft.model == name || (draft.id_at.is_some() && *draft.deployment.id == *name)
        })
    }

    /// A name that is the model string or id of deployments leads to copies of those.
    fn hide_copies(&mut self, name: &str) -> bool {
        let same = |draft: &&Draft| {
            draft.model == name || (draft.id_at.is_some() && *draft.deployment.id == *name)
        };
        let entries: Vec<Node> = self
            .drafts
            .iter()
            .filter(same)
            .map(|draft| draft.entry.clone())
            .collect();
        let mut seen: Vec<Node> = Vec::new();
        for entry in entries {
            if seen.contains(&entry) {
                continue;
            }
            let copy = renamed(&entry, name);
            self.add_hidden(&copy);
            seen.push(entry);
        }
        !seen.is_empty()
    }

    /// A model string that no deployment has.
    fn hide_new(&mut self, name: &str, at: Spot) -> bool {
        if !upstream::is_model_string(name) {
            return false;
        }
        let params = Node::map(at, vec![("model", Node::text(at, name))]);
        let entry = vec![
            ("model_name", Node::text(at, name)),
            ("litellm_params", params),
        ];
        self.add_hidden(&Node::map(at, entry));
        true
    }

    fn add_hidden(&mut self, entry: &Node) {
        let drafts = entry::read(self.desk, entry, self.shared);
        self.drafts.extend(drafts.into_iter().map(|mut draft| {
            draft.fallback.clear();
            draft.deployment.fallback.clear();
            draft.id_at = None;
            draft.deployment.id = Arc::from("");
            draft
        }));
    }

    /// What a name that leads nowhere may have meant.
    fn meant(&self, name: &str) -> String {
        let groups = self.groups.iter().map(|group| &**group);
        let names = groups.chain(self.aliases.keys().map(String::as_str));
        match catalogue::nearest(name, names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                "name a `model_name` of `model_list`, an alias, or a model string such as `openai/gpt-4o-mini`"
                    .to_owned()
            },
        }
    }
}

/// An entry under another `model_name` and without an id of its own.
fn renamed(entry: &Node, name: &str) -> Node {
    let mut copy = entry.clone();
    if let Body::Map(entries) = &mut copy.body {
        for entry in entries.iter_mut() {
            if entry.key == "model_name" {
                entry.value = Node::text(entry.value.at, name);
            }
        }
    }
    copy
}

fn add_to_chain(chains: &mut Vec<Chain>, from: &Arc<str>, targets: Vec<Target>) {
    if targets.is_empty() {
        return;
    }
    match chains.iter_mut().find(|chain| chain.from == *from) {
        Some(chain) => {
            for target in targets {
                if !chain.to.contains(&target) {
                    chain.to.push(target);
                }
            }
        },
        None => chains.push(Chain {
            from: Arc::clone(from),
            to: targets,
        }),
    }
}

/// Whether `name` fits a pattern in which each `*` stands for any text.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut left) = name.strip_prefix(start) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        let Some((_, after)) = left.split_once(part) else {
            return false;
        };
        left = after;
    }
    left.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, name, expected) in [
            ("openai/*", "openai/gpt-4o", true),
            ("openai/*", "anthropic/claude", false),
            ("*", "anything", true),
            ("*", "", true),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "abc", true),
            ("a*b*c", "acb", false),
            ("a*bc", "abcbc", true),
            ("plain", "plain", true),
            ("plain", "plainer", false),
            ("ab*b", "ab", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
