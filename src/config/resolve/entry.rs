//! One entry of `model_list`: its parameters read, its upstream found, the rest kept as request defaults.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Off, address, header, upstream};
use crate::base::{PicoDollars, Severity};
use crate::config::catalogue::{self, REQUEST_MEMBERS, Section};
use crate::config::provider::refuses_stream_options;
use crate::config::read::{Desk, Got, referred, written};
use crate::config::snippet::{masked, quoted};
use crate::config::yaml::{Body, Entry, Node, Spot};
use crate::config::{Deployment, Dialect, PriceOverride, Timeouts, Upstream, keys};

/// What holds for all entries.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// `credential_list` by name.
    pub(super) credentials: BTreeMap<String, Node>,
    /// `router_settings.default_litellm_params`
    pub(super) defaults: Option<Node>,
    /// `litellm_settings.drop_params`
    pub(super) drop_params: bool,
}

/// A deployment and what is needed to check it against the others.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) deployment: Deployment,
    /// The model string as written.
    pub(super) model: String,
    /// Where the entry is named.
    pub(super) at: Spot,
    /// `fallback:` with places.
    pub(super) fallback: Vec<(String, Spot)>,
    /// Where `model_info.id` stands, when it does.
    pub(super) id_at: Option<Spot>,
    /// What the deployment was read from, for a hidden one made after it.
    pub(super) entry: Node,
}

impl Draft {
    /// Whether clients reach it by this `provider/model`, without a group's name.
    pub(super) fn is_called(&self, name: &str) -> bool {
        let upstream = &self.deployment.upstream;
        let model = name.strip_prefix(&*upstream.provider);
        model.and_then(|rest| rest.strip_prefix('/')) == Some(&*upstream.model)
    }
}

/// Reads one entry; a list of organizations makes several.
pub(super) fn read(desk: &mut Desk<'_>, entry: &Node, shared: &Shared) -> Vec<Draft> {
    let Some(_) = entry.entries() else {
        let message = format!("`model_list`: expected an entry, found {}", entry.kind());
        let hint = "an entry is `- model_name: NAME` with `litellm_params:` below it";
        desk.notes.error(entry.at, message, hint);
        return Vec::new();
    };
    keys::check(desk, Section::Entry, entry);
    let Some((group, group_at)) = group(desk, entry) else {
        return Vec::new();
    };
    let Some(own) = entry.entry("litellm_params") else {
        let message = format!("`{group}` has no `litellm_params`");
        let hint = "write `litellm_params:` with `model: provider/model` below it";
        desk.notes.error(group_at, message, hint);
        return Vec::new();
    };
    let Some(own) = desk.section("litellm_params", &own.value) else {
        if own.value.is_null() {
            let message = format!("`litellm_params` of `{group}` is empty");
            desk.notes.error(
                own.key_at,
                message,
                "write `model: provider/model` below it",
            );
        }
        return Vec::new();
    };
    keys::check(desk, Section::Params, own);
    let info = entry
        .get("model_info")
        .and_then(|node| desk.section("model_info", node));
    if let Some(info) = info {
        keys::check(desk, Section::Info, info);
    }
    let params = with_credentials(desk, own, shared);
    let one = One {
        group: &group,
        group_at,
        params: &params,
        own,
        info,
        shared,
    };
    let Some(draft) = one.draft(desk, entry) else {
        return Vec::new();
    };
    by_organization(desk, &params, draft)
}

fn group(desk: &mut Desk<'_>, entry: &Node) -> Option<(String, Spot)> {
    let hint = "write `model_name: NAME`, the name apps will ask for";
    let Some(node) = entry.get("model_name").filter(|node| !node.is_null()) else {
        desk.notes.error(
            entry.at,
            "this entry of `model_list` has no `model_name`",
            hint,
        );
        return None;
    };
    match desk.text("model_name", node) {
        Ok(Some(name)) => Some((name, node.at)),
        Ok(None) => {
            desk.notes.error(node.at, "`model_name` is empty", hint);
            None
        },
        Err(super::Gap::Missing(name)) => {
            let message = format!("`model_name`: the environment variable `{name}` is not set");
            desk.notes
                .error(node.at, message, "set it, or write the name here");
            None
        },
        Err(super::Gap::Bad) => None,
    }
}

/// The parameters with those of the named credential and the shared defaults below them.
fn with_credentials(desk: &mut Desk<'_>, own: &Node, shared: &Shared) -> Node {
    let mut entries: Vec<Entry> = own.entries().unwrap_or_default().to_vec();
    if let Some(node) = own.get("litellm_credential_name")
        && let Some(name) = node.scalar()
    {
        if let Some(values) = shared.credentials.get(&name.text) {
            add_missing(&mut entries, values);
        } else {
            let message = format!("no credential is called {}", quoted(&name.text));
            let names = shared.credentials.keys().map(String::as_str);
            let hint = catalogue::nearest(&name.text, names).map_or_else(
                || "add it to `credential_list`".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            desk.notes.error(node.at, message, hint);
        }
    }
    if let Some(defaults) = &shared.defaults {
        add_missing(&mut entries, defaults);
    }
    Node {
        at: own.at,
        body: Body::Map(entries),
    }
}

fn add_missing(entries: &mut Vec<Entry>, more: &Node) {
    let says = |value: &Node| {
        let scalar = value.scalar();
        scalar.is_none_or(|scalar| !scalar.is_null() && !scalar.text.is_empty())
    };
    for entry in more.entries().unwrap_or_default() {
        let known = entries
            .iter()
            .any(|known| known.key == entry.key && says(&known.value));
        if !known {
            entries.retain(|known| known.key != entry.key);
            entries.push(entry.clone());
        }
    }
}

fn by_organization(desk: &mut Desk<'_>, params: &Node, draft: Draft) -> Vec<Draft> {
    let Some(node) = params.get("organization") else {
        return vec![draft];
    };
    let mut draft = draft;
    let mut off = Off::new(&draft.deployment.group);
    let got = desk.texts("organization", node);
    let names = off
        .take(desk, "organization", node.at, got)
        .unwrap_or_default();
    off.add_to(&mut draft.deployment.off);
    if !names.iter().all(|name| header::fits(name)) {
        let message = "`organization` holds letters that cannot be sent";
        desk.notes.error(node.at, message, header::PLAIN);
    }
    if names.is_empty() {
        return vec![draft];
    }
    let drafts = names.into_iter().map(|name| {
        let mut deployment = draft.deployment.clone();
        deployment.upstream.organization = Some(name);
        Draft {
            deployment,
            model: draft.model.clone(),
            at: draft.at,
            fallback: draft.fallback.clone(),
            id_at: draft.id_at,
            entry: draft.entry.clone(),
        }
    });
    drafts.collect()
}

/// One entry while it is read.
struct One<'n> {
    group: &'n str,
    group_at: Spot,
    params: &'n Node,
    /// The parameters as written, for showing.
    own: &'n Node,
    info: Option<&'n Node>,
    shared: &'n Shared,
}

impl One<'_> {
    fn draft(&self, desk: &mut Desk<'_>, entry: &Node) -> Option<Draft> {
        let mut off = Off::new(self.group);
        let (model, model_at) = self.model(desk, &mut off)?;
        let upstream = if model.is_empty() {
            nowhere()
        } else {
            upstream::find(desk, self.params, &model, model_at, &mut off)?
        };
        let upstream = self.with_trimmed_base(desk, upstream);
        let (id, id_at) = self.id(desk, &mut off);
        let deployment = Deployment {
            id: id.unwrap_or_default().into(),
            group: self.group.into(),
            name: Arc::from(""),
            order: self.first(
                desk,
                &["order", "priority"],
                &["order"],
                Desk::signed,
                &mut off,
            ),
            weight: self.first(desk, &["weight"], &[], Desk::share, &mut off),
            rpm: self.first(desk, &["rpm"], &["rpm"], Desk::whole, &mut off),
            tpm: self.first(desk, &["tpm"], &["tpm"], Desk::whole, &mut off),
            timeouts: Timeouts {
                request: self.first(
                    desk,
                    &["timeout", "request_timeout"],
                    &[],
                    Desk::limit,
                    &mut off,
                ),
                stream: self.first(desk, &["stream_timeout"], &[], Desk::limit, &mut off),
            },
            num_retries: self.first(
                desk,
                &["num_retries", "max_retries"],
                &[],
                Desk::count,
                &mut off,
            ),
            cooldown_time: self.info_first(desk, "cooldown_time", Desk::seconds, &mut off),
            allowed_fails: self.info_first(desk, "allowed_fails", Desk::count, &mut off),
            max_parallel: self.max_parallel(desk, &mut off),
            tags: self.tags(desk, &mut off),
            defaults: self.defaults(desk, &mut off),
            drop_params: self
                .first(desk, &["drop_params"], &[], Desk::truth, &mut off)
                .unwrap_or(self.shared.drop_params),
            additional_drop_params: self.never_sent(desk, &upstream, &mut off),
            price: self.price(desk, &mut off),
            base_model: self.info_first(desk, "base_model", Desk::text, &mut off),
            max_input_tokens: self.info_first(desk, "max_input_tokens", Desk::whole, &mut off),
            fallback: Vec::new(),
            model_info: shown(self.info),
            shown_params: shown(Some(self.own)),
            upstream,
            off: None,
        };
        let fallback = self.fallback(desk, &mut off);
        self.check_use(desk, &mut off);
        let mut deployment = deployment;
        deployment.fallback = fallback.iter().map(|(name, _)| name.clone()).collect();
        off.add_to(&mut deployment.off);
        Some(Draft {
            deployment,
            model,
            at: self.group_at,
            fallback,
            id_at,
            entry: entry.clone(),
        })
    }

    /// The model string; empty when its variable is not set.
    fn model(&self, desk: &mut Desk<'_>, off: &mut Off) -> Option<(String, Spot)> {
        let hint =
            "write `model: provider/model`, such as `ollama/llama3.2` or `openai/gpt-4o-mini`";
        let Some(node) = self.params.get("model").filter(|node| !node.is_null()) else {
            let message = format!("`{}` has no `model` in its `litellm_params`", self.group);
            desk.notes.error(self.own.at, message, hint);
            return None;
        };
        match desk.text("model", node) {
            Ok(Some(model)) => Some((model, node.at)),
            Ok(None) => {
                desk.notes.error(node.at, "`model` is empty", hint);
                None
            },
            Err(super::Gap::Bad) => None,
            gap @ Err(super::Gap::Missing(_)) => {
                let model = off.take(desk, "model", node.at, gap);
                Some((model.unwrap_or_default(), node.at))
            },
        }
    }

    /// Request members that are never sent: what the config names, and what the provider refuses.
    fn never_sent(&self, desk: &mut Desk<'_>, upstream: &Upstream, off: &mut Off) -> Vec<String> {
        let keys = &["additional_drop_params"];
        let mut names = self
            .first(desk, keys, &[], Desk::texts, off)
            .unwrap_or_default();
        let refused = "stream_options".to_owned();
        if refuses_stream_options(&upstream.provider, &upstream.base) && !names.contains(&refused) {
            names.push(refused);
        }
        names
    }

    fn with_trimmed_base(&self, desk: &mut Desk<'_>, mut upstream: Upstream) -> Upstream {
        let written = ["api_base", "base_url"]
            .iter()
            .find_map(|key| self.params.get(key).filter(|node| !node.is_null()));
        let short = address::trimmed_base(&upstream.base, upstream.dialect);
        if short.len() != upstream.base.len() {
            if let Some(node) = written {
                let (message, hint) = match referred(node) {
                    Some(name) => (
                        "`api_base` is the address of a route; what leads to the base is used"
                            .to_owned(),
                        format!("let `{name}` hold no more than the base"),
                    ),
                    None => (
                        format!("`api_base` is the address of a route; `{short}` is used"),
                        format!("write `api_base: {short}`"),
                    ),
                };
                desk.notes.warn(node.at, message, hint);
            }
            upstream.base = short.into();
        }
        let bare = upstream.dialect == Dialect::OpenAi && upstream.base.matches('/').count() == 2;
        if let Some(node) = written.filter(|_| bare) {
            let message = "`api_base` has no path; most servers that speak OpenAI's API want `/v1`";
            let hint = match referred(node) {
                Some(name) => format!("put `/v1` at the end of `{name}`"),
                None => format!("write `api_base: {}/v1`", upstream.base),
            };
            desk.notes.warn(node.at, message, hint);
        }
        upstream
    }

    /// The first of several spellings in the parameters, then in `model_info`.
    fn first<'s, T>(
        &self,
        desk: &mut Desk<'s>,
        params: &[&str],
        info: &[&str],
        read: impl Fn(&mut Desk<'s>, &str, &Node) -> Got<T>,
        off: &mut Off,
    ) -> Option<T> {
        let in_params = params.iter().map(|key| (*key, self.params.get(key)));
        let in_info = info
            .iter()
            .map(|key| (*key, self.info.and_then(|info| info.get(key))));
        let mut value = None;
        for (key, node) in in_params.chain(in_info) {
            let Some(node) = node else { continue };
            let got = read(desk, key, node);
            let next = off.take(desk, key, node.at, got);
            value = value.or(next);
        }
        value
    }

    /// The same key in `model_info`, then in the parameters.
    fn info_first<'s, T>(
        &self,
        desk: &mut Desk<'s>,
        key: &str,
        read: impl Fn(&mut Desk<'s>, &str, &Node) -> Got<T>,
        off: &mut Off,
    ) -> Option<T> {
        let nodes = [
            self.info.and_then(|info| info.get(key)),
            self.params.get(key),
        ];
        let mut value = None;
        for node in nodes.into_iter().flatten() {
            let got = read(desk, key, node);
            let next = off.take(desk, key, node.at, got);
            value = value.or(next);
        }
        value
    }

    fn max_parallel(&self, desk: &mut Desk<'_>, off: &mut Off) -> Option<u32> {
        let key = "max_parallel_requests";
        let limit = self.first(desk, &[key], &[], Desk::count, off)?;
        if limit > 0 {
            return Some(limit);
        }
        let at = self.params.get(key).map_or(self.group_at, |node| node.at);
        let hint = "leave it out for no limit; `model_info: {blocked: true}` takes it out of use";
        desk.notes.error(
            at,
            "`max_parallel_requests: 0` would let nothing through",
            hint,
        );
        None
    }

    fn tags(&self, desk: &mut Desk<'_>, off: &mut Off) -> Vec<String> {
        let nodes = [
            self.params.get("tags"),
            self.info.and_then(|info| info.get("tags")),
        ];
        let mut tags: Vec<String> = Vec::new();
        for node in nodes.into_iter().flatten() {
            let got = desk.texts("tags", node);
            for tag in off.take(desk, "tags", node.at, got).unwrap_or_default() {
                if !tags.contains(&tag) {
                    tags.push(tag);
                }
            }
        }
        tags
    }

    fn price(&self, desk: &mut Desk<'_>, off: &mut Off) -> PriceOverride {
        let mut price = |key: &str| -> Option<PicoDollars> {
            self.first(desk, &[key], &[key], Desk::price, off)
        };
        PriceOverride {
            input: price("input_cost_per_token"),
            output: price("output_cost_per_token"),
            cache_read: price("cache_read_input_token_cost"),
            cache_write: price("cache_creation_input_token_cost"),
        }
    }

    /// Everything that is no key of ours is a member of the request.
    fn defaults(&self, desk: &mut Desk<'_>, off: &mut Off) -> Map<String, Value> {
        let mut defaults = Map::new();
        for entry in self.params.entries().unwrap_or_default() {
            let key = entry.key.as_str();
            let member =
                REQUEST_MEMBERS.contains(&key) || catalogue::find(Section::Params, key).is_none();
            if !member || entry.value.is_null() {
                continue;
            }
            let got = desk.json(&entry.value).map(Some);
            match off.take(desk, key, entry.value.at, got) {
                Some(Value::Object(extra)) if key == "extra_body" => defaults.extend(extra),
                Some(value) => {
                    defaults.insert(key.to_owned(), value);
                },
                None => {},
            }
        }
        defaults
    }

    fn fallback(&self, desk: &mut Desk<'_>, off: &mut Off) -> Vec<(String, Spot)> {
        let Some(node) = self.params.get("fallback") else {
            return Vec::new();
        };
        let items = node.items().unwrap_or_else(|| std::slice::from_ref(node));
        let mut targets = Vec::new();
        for item in items {
            let got = desk.text("fallback", item);
            if let Some(name) = off.take(desk, "fallback", item.at, got) {
                targets.push((name, item.at));
            }
        }
        targets
    }

    fn id(&self, desk: &mut Desk<'_>, off: &mut Off) -> (Option<String>, Option<Spot>) {
        let Some(node) = self.info.and_then(|info| info.get("id")) else {
            return (None, None);
        };
        let got = desk.text("id", node);
        (off.take(desk, "id", node.at, got), Some(node.at))
    }

    /// Whether the entry is meant to be used here and now.
    fn check_use(&self, desk: &mut Desk<'_>, off: &mut Off) {
        let Some(info) = self.info else { return };
        if let Some(node) = info.get("blocked") {
            let got = desk.truth("blocked", node);
            if off.take(desk, "blocked", node.at, got) == Some(true) {
                self.say_off(desk, node.at, "`model_info.blocked` is true", off);
            }
        }
        let Some(node) = info.get("supported_environments") else {
            return;
        };
        let got = desk.texts("supported_environments", node);
        let Some(names) = off.take(desk, "supported_environments", node.at, got) else {
            return;
        };
        let here = desk.env.get("LITELLM_ENVIRONMENT");
        if !names.is_empty() && !here.as_ref().is_some_and(|here| names.contains(here)) {
            let here = here.map_or_else(|| "not set".to_owned(), |here| quoted(&here));
            let reason =
                format!("`LITELLM_ENVIRONMENT` is {here}, none of `supported_environments`");
            self.say_off(desk, node.at, &reason, off);
        }
    }

    /// Off, and meant so.
    fn say_off(&self, desk: &mut Desk<'_>, at: Spot, reason: &str, off: &mut Off) {
        off.because(reason.to_owned());
        let message = format!("a deployment of `{}` is off: {reason}", self.group);
        desk.notes.note(Severity::Note, at, message, "");
    }
}

fn nowhere() -> Upstream {
    Upstream {
        provider: Arc::from(""),
        dialect: Dialect::OpenAi,
        model: Arc::from(""),
        base: Arc::from(""),
        key: None,
        organization: None,
        headers: Vec::new(),
        local: false,
    }
}

fn shown(node: Option<&Node>) -> Map<String, Value> {
    match node.map(|node| masked("", &written(node))) {
        Some(Value::Object(map)) => map,
        _ => Map::new(),
    }
}
