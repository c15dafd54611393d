//! From sources to a configuration, or to everything that is wrong with them.
//!
//! The order: environment, main file with its includes, sections, entries of `model_list`, fallbacks and
//! aliases (which may bring hidden deployments), then what only the whole can show. Pure: the same
//! sources give the same result.

mod address;
mod check;
mod entry;
mod fallback;
mod general;
mod header;
mod names;
mod router;
mod safety;
mod upstream;

use std::collections::{BTreeMap, BTreeSet};

use entry::{Draft, Shared};

use super::catalogue::Section;
use super::env::Env;
use super::read::{Desk, Gap, Got};
use super::source::{Notebook, Sources};
use super::yaml::{Node, Spot};
use super::{Config, include, keys, snippet};
use crate::base::{Problem, Severity};

/// What became of the sources.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// The configuration; `None` when any problem is an error.
    pub config: Option<Config>,
    /// Everything wrong or worth knowing, errors first.
    pub problems: Vec<Problem>,
    /// The variables that were asked for, set or not.
    pub used_env: BTreeSet<String>,
    /// Every file that counted, `.env` files and missing includes too: what to watch.
    pub watched_files: Vec<String>,
    /// The address to listen on: the command line's, else the file's, else the default.
    pub listen_host: String,
}

/// Reads the sources. Never fails as a whole: what is wrong stands in [`Resolved::problems`].
pub fn resolve(sources: &Sources<'_>) -> Resolved {
    let mut notes = Notebook::default();
    let env = Env::new(sources.env.clone(), &sources.dotenv, &mut notes);
    let mut watched: Vec<String> = sources
        .dotenv
        .iter()
        .map(|file| file.name.clone())
        .collect();
    let root = match &sources.main {
        Some(file) => {
            let files = include::read(&file.name, &file.bytes, sources.load, &mut notes);
            watched.extend(files.names);
            files.tree
        },
        None => Some(Node::map(Notebook::NOWHERE, Vec::new())),
    };
    let mut desk = Desk {
        notes,
        env,
        cli: &sources.cli,
    };
    let mut listen_host = safety::listen_host(&desk, None);
    let config = root.map(|root| {
        let mut config = read_all(&mut desk, &root);
        let zone = &mut config.general.timezone;
        general::check_zone(&mut desk, &root, zone, sources.knows_zone);
        listen_host = safety::listen_host(&desk, config.startup.host.as_deref());
        safety::check_host(&mut desk, &root, &config);
        safety::check(&mut desk, &root, &config, &listen_host);
        config
    });
    let used_env = desk.env.asked();
    let problems = desk.notes.finish();
    let failed = problems
        .iter()
        .any(|problem| problem.severity == Severity::Error);
    Resolved {
        config: config.filter(|_| !failed),
        problems,
        used_env,
        watched_files: watched,
        listen_host,
    }
}

/// The sections of a file that settings are read from.
struct Sections<'n> {
    router: Option<&'n Node>,
    litellm: Option<&'n Node>,
    general: Option<&'n Node>,
}

fn read_all(desk: &mut Desk<'_>, root: &Node) -> Config {
    if let Some(section) = root.get("environment_variables") {
        desk.env.add_written(section, &mut desk.notes);
    }
    keys::check(desk, Section::Top, root);
    let mut section = |section: Section| {
        let name = section.name();
        let node = root.get(name).and_then(|node| desk.section(name, node))?;
        keys::check(desk, section, node);
        Some(node)
    };
    let sections = Sections {
        router: section(Section::Router),
        litellm: section(Section::Litellm),
        general: section(Section::General),
    };
    let defaults = sections
        .router
        .and_then(|router| router.get("default_litellm_params"))
        .and_then(|node| desk.section("default_litellm_params", node));
    if let Some(defaults) = defaults {
        keys::check(desk, Section::Params, defaults);
    }
    let shared = Shared {
        credentials: credentials(desk, root),
        defaults: defaults.cloned(),
        drop_params: desk
            .or_default(sections.litellm, "drop_params", Desk::truth)
            .unwrap_or(false),
    };
    let mut entries = entries(desk, root, &shared);
    let mut router = router::read(desk, &sections);
    let mut general = general::read(desk, &sections);
    let limits = general::limits(desk, sections.general);
    let startup = general::startup(desk, sections.general);
    general.serve_all.clone_from(&desk.cli.model);
    let hidden = fallback::resolve(desk, &sections, &mut router, &mut entries, &shared);
    let Entries { mut drafts, .. } = entries;
    names::give(desk, &mut drafts);
    check::whole(desk, root, &drafts, &router, &hidden, &general);
    Config {
        deployments: drafts.into_iter().map(|draft| draft.deployment).collect(),
        router,
        general,
        limits,
        startup,
    }
}

/// What `model_list` gave.
#[derive(Default)]
struct Entries {
    drafts: Vec<Draft>,
    /// Names of entries that are no deployments for what is wrong with them: no more than that is to be
    /// said about those who name them.
    broken: Vec<String>,
}

/// The entries of `model_list`, and those that the command line makes.
fn entries(desk: &mut Desk<'_>, root: &Node, shared: &Shared) -> Entries {
    let mut nodes: Vec<Node> = Vec::new();
    if let Some(list) = root.get("model_list") {
        match list.items() {
            Some(items) => nodes.extend(items.iter().cloned()),
            None if list.is_null() => {},
            None => {
                let message = format!("`model_list`: expected a list, found {}", list.kind());
                desk.notes.error(
                    list.at,
                    message,
                    "begin each entry with `- model_name: NAME`",
                );
            },
        }
    }
    let nowhere = Notebook::NOWHERE;
    let text = |text: &str| Node::text(nowhere, text);
    let base = desk
        .cli
        .api_base
        .as_deref()
        .map(|base| ("api_base", text(base)));
    let main = desk.cli.model.iter().map(|model| (model, base.clone()));
    let others = desk.cli.fallbacks.iter().map(|model| (model, None));
    for (model, base) in main.chain(others) {
        let params = [("model", text(model))].into_iter().chain(base).collect();
        nodes.push(Node::map(
            nowhere,
            vec![
                ("model_name", text(model)),
                ("litellm_params", Node::map(nowhere, params)),
            ],
        ));
    }
    let mut found = Entries::default();
    for node in &nodes {
        let drafts = entry::read(desk, node, shared);
        let name = node.get("model_name").and_then(Node::scalar);
        if let Some(name) = name.filter(|_| drafts.is_empty()) {
            found.broken.push(name.text.clone());
        }
        found.drafts.extend(drafts);
    }
    found
}

fn credentials(desk: &mut Desk<'_>, root: &Node) -> BTreeMap<String, Node> {
    let mut known: BTreeMap<String, Node> = BTreeMap::new();
    let Some(list) = root.get("credential_list") else {
        return known;
    };
    let hint = "an entry is `- credential_name: NAME` with `credential_values:` below it";
    if list.items().is_none() && !list.is_null() {
        let message = format!("`credential_list`: expected a list, found {}", list.kind());
        desk.notes.error(list.at, message, hint);
    }
    for item in list.items().unwrap_or_default() {
        keys::check(desk, Section::Credential, item);
        let name = item.get("credential_name").and_then(Node::scalar);
        let values = item
            .get("credential_values")
            .filter(|values| values.entries().is_some());
        let (Some(name), Some(values)) = (name, values) else {
            let message = "a credential needs `credential_name` and `credential_values`";
            desk.notes.error(item.at, message, hint);
            continue;
        };
        if known.contains_key(&name.text) {
            let message = format!(
                "a second credential is called {}",
                snippet::quoted(&name.text)
            );
            desk.notes.error(item.at, message, "give it another name");
        }
        keys::check(desk, Section::Params, values);
        known.insert(name.text.clone(), values.clone());
    }
    known
}

/// Why a deployment takes no part, as far as is known.
#[derive(Debug)]
struct Off {
    /// Its group.
    group: String,
    reasons: Vec<String>,
}

impl Off {
    fn new(group: &str) -> Self {
        Self {
            group: group.to_owned(),
            reasons: Vec::new(),
        }
    }

    fn because(&mut self, reason: String) {
        if !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
    }

    /// The value of a key; a variable that is not set turns the deployment off.
    fn take<T>(&mut self, desk: &mut Desk<'_>, key: &str, at: Spot, got: Got<T>) -> Option<T> {
        match got {
            Ok(value) => value,
            Err(Gap::Bad) => None,
            Err(Gap::Missing(name)) => {
                self.because(format!("the environment variable `{name}` is not set"));
                let group = &self.group;
                let message = format!(
                    "a deployment of `{group}` is off: `{key}` needs the environment variable `{name}`, which is not set"
                );
                let hint = format!("set `{name}`, or put it into a `.env` beside the config");
                desk.notes.warn(at, message, hint);
                None
            },
        }
    }

    fn add_to(self, off: &mut Option<String>) {
        let known = off.take();
        let reasons: Vec<String> = known.into_iter().chain(self.reasons).collect();
        if !reasons.is_empty() {
            *off = Some(reasons.join("; "));
        }
    }
}
