//! The routing table: one configuration, built once and asked on every request.
//!
//! It holds what never changes between two reloads: deployments, hosts, pools with their tiers and
//! weights, names, fallback chains, declared tags. State carries over by [`Table::carried_from`].

use std::collections::HashMap;
use std::sync::Arc;

use crate::base::{DeploymentIdx, HostIdx};
use crate::config::{AllowedFails, Config, Deployment, Router};
use crate::route::PoolIdx;
use crate::route::breaker::Rules;
use crate::route::chains::Chains;
use crate::route::names::Names;
use crate::route::pool::Pool;
use crate::route::tags::{Declared, Demand, Universe};

/// One configuration, ready to be walked.
#[derive(Debug, Clone)]
pub struct Table {
    pub(super) nodes: Box<[Node]>,
    hosts: Box<[HostNode]>,
    pub(super) pools: Box<[Pool]>,
    pub(super) names: Names,
    pub(super) fallbacks: Chains,
    pub(super) context_fallbacks: Chains,
    pub(super) tags: Universe,
    router: Router,
}

/// One deployment in its place.
#[derive(Debug, Clone)]
pub struct Node {
    /// The deployment as configured.
    pub config: Arc<Deployment>,
    /// Its host.
    pub host: HostIdx,
    /// The pool of its group.
    pub group: PoolIdx,
    /// Whether a request for its group could be served by another one, or elsewhere.
    pub has_others: bool,
    declared: Declared,
}

/// One host: a place on the network that deployments share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostNode {
    /// `scheme://host:port`, the port always written.
    pub origin: Arc<str>,
    /// Whether any of its deployments is self-hosted: then it is probed.
    pub probed: bool,
    /// Its deployments, in file order.
    pub deployments: Vec<DeploymentIdx>,
    /// How many requests a self-hosted one takes at once: the smallest `max_parallel_requests` of its
    /// deployments, for they share one machine.
    pub max_parallel: Option<u32>,
}

/// Which entry of an older table each of a new table's continues.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Carried {
    /// By new [`DeploymentIdx`].
    pub deployments: Vec<Option<DeploymentIdx>>,
    /// By new [`HostIdx`].
    pub hosts: Vec<Option<HostIdx>>,
}

impl Table {
    /// Builds the table of a configuration.
    pub fn build(config: &Config) -> Self {
        let mut tags = Universe::new(config.router.tags.enabled);
        let mut hosts: Vec<HostNode> = Vec::new();
        let mut nodes: Vec<Node> = Vec::new();
        for (place, deployment) in config.deployments.iter().enumerate() {
            let idx = DeploymentIdx(place);
            nodes.push(Node {
                declared: tags.declare(&deployment.tags),
                host: host_of(&mut hosts, deployment, idx),
                group: PoolIdx(0),
                has_others: false,
                config: Arc::new(deployment.clone()),
            });
        }
        let mut pools = Pools::default();
        for (group, members) in by_key(&nodes, |config| Arc::clone(&config.group)) {
            pools.add_group(&group, &members, &mut nodes);
        }
        let mut names = Names::new(&pools.built);
        for (id, members) in by_key(&nodes, |config| Arc::clone(&config.id)) {
            let pool = pools.add(&id, &members, &nodes);
            names.add_id(id, pool);
        }
        let model = |config: &Deployment| -> Arc<str> {
            format!("{}/{}", config.upstream.provider, config.upstream.model).into()
        };
        for (model, members) in by_key(&nodes, model) {
            let pool = pools.add(&model, &members, &nodes);
            names.add_model(model, pool);
        }
        names.add_aliases(&config.router.aliases, &pools.built);
        names.hide(&config.groups());
        let router = &config.router;
        let fallbacks = Chains::new(&router.fallbacks, &router.default_fallbacks);
        for node in &mut nodes {
            let group = &*node.config.group;
            let siblings = pools
                .built
                .get(node.group.0)
                .map_or(0, |pool| pool.members.len());
            node.has_others = siblings > 1 || !others(&fallbacks, group).is_empty();
        }
        Self {
            nodes: nodes.into_boxed_slice(),
            hosts: hosts.into_boxed_slice(),
            pools: pools.built.into_boxed_slice(),
            names,
            fallbacks,
            context_fallbacks: Chains::new(&router.context_window_fallbacks, &[]),
            tags,
            router: router.clone(),
        }
    }

    /// All deployments, in file order; their places are their [`DeploymentIdx`].
    pub fn deployments(&self) -> &[Node] {
        &self.nodes
    }

    /// All hosts; their places are their [`HostIdx`].
    pub fn hosts(&self) -> &[HostNode] {
        &self.hosts
    }

    /// One deployment. `None` for an index of another table.
    pub fn deployment(&self, deployment: DeploymentIdx) -> Option<&Node> {
        self.nodes.get(deployment.0)
    }

    /// One host. `None` for an index of another table.
    pub fn host(&self, host: HostIdx) -> Option<&HostNode> {
        self.hosts.get(host.0)
    }

    /// `router_settings` as this table was built with.
    pub const fn router(&self) -> &Router {
        &self.router
    }

    /// Deployments of a pool that are on in the config, in the order of their tiers.
    pub fn members(&self, pool: PoolIdx) -> &[DeploymentIdx] {
        self.pool(pool).map_or(&[], |pool| &pool.members)
    }

    /// The group a pool stands for.
    pub fn group(&self, pool: PoolIdx) -> Option<&Arc<str>> {
        self.pool(pool).map(|pool| &pool.group)
    }

    /// The names a group falls back to: ordinarily, and when the prompt is too long.
    pub fn fallbacks_of(&self, group: &str) -> (Vec<Arc<str>>, Vec<Arc<str>>) {
        let (usual, context) = (&self.fallbacks, &self.context_fallbacks);
        (others(usual, group), others(context, group))
    }

    /// What its breaker goes by.
    pub fn rules(&self, deployment: DeploymentIdx) -> Rules {
        let router = &self.router;
        let node = self.deployment(deployment);
        let pool = node.and_then(|node| self.pool(node.group));
        let config = node.map(|node| &node.config);
        let own = config.and_then(|config| config.allowed_fails);
        let group = pool.map_or("", |pool| &*pool.group);
        Rules {
            allowed_fails: own.map_or(router.allowed_fails, AllowedFails::Count),
            own_cooldown: config.and_then(|config| config.cooldown_time),
            cooldown: router.cooldown_time,
            disabled: router.disable_cooldowns,
            siblings: pool.map_or(0, |pool| pool.members.len().saturating_sub(1)),
            has_fallback: !self.fallbacks_of(group).0.is_empty(),
            wildcard: pool.is_some_and(|pool| pool.pattern.is_some()),
        }
    }

    /// What a request with these tags demands of every deployment it may reach.
    pub fn demand(&self, tags: &[String]) -> Demand {
        self.tags.demand(tags)
    }

    /// Whether its tags (and those of its group) let a request with this demand through. The demand
    /// must come from this table.
    pub fn allows(&self, demand: &Demand, deployment: DeploymentIdx) -> bool {
        self.deployment(deployment)
            .is_some_and(|node| self.allows_in(demand, deployment, node.group))
    }

    /// Which entries of `old` the entries of this table continue: the same group, model, base and
    /// credential. Of several that are alike, the first continues the first.
    pub fn carried_from(&self, old: &Self) -> Carried {
        let mut free: HashMap<&str, Vec<DeploymentIdx>> = HashMap::new();
        for (place, node) in old.nodes.iter().enumerate().rev() {
            let alike = free.entry(&node.config.id).or_default();
            alike.push(DeploymentIdx(place));
        }
        let deployments = self.nodes.iter().map(|node| {
            let alike = free.get_mut(&*node.config.id)?;
            let same = |idx: &DeploymentIdx| {
                let older = old.deployment(*idx);
                older.is_some_and(|older| is_same(&older.config, &node.config))
            };
            let found = alike.iter().rposition(same)?;
            Some(alike.remove(found))
        });
        let hosts = self.hosts.iter().map(|host| {
            let same = |older: &HostNode| older.origin == host.origin;
            old.hosts.iter().position(same).map(HostIdx)
        });
        Carried {
            deployments: deployments.collect(),
            hosts: hosts.collect(),
        }
    }

    pub(super) fn pool(&self, pool: PoolIdx) -> Option<&Pool> {
        self.pools.get(pool.0)
    }

    /// Whether a demand lets a request reach a deployment as a member of this pool.
    pub(super) fn allows_in(&self, demand: &Demand, idx: DeploymentIdx, pool: PoolIdx) -> bool {
        if *demand == Demand::Nothing {
            return true;
        }
        let has_default = self.pool(pool).is_some_and(|pool| pool.has_default);
        let node = self.deployment(idx);
        node.is_some_and(|node| demand.allows(&node.declared, has_default))
    }
}

/// Pools as they are built.
#[derive(Debug, Default)]
struct Pools {
    built: Vec<Pool>,
}

impl Pools {
    fn add_group(&mut self, group: &Arc<str>, members: &[DeploymentIdx], nodes: &mut [Node]) {
        let pool = PoolIdx(self.built.len());
        let numbered = numbered(members, nodes);
        self.built.push(Pool::new(
            Arc::clone(group),
            &numbered,
            has_default(members, nodes),
        ));
        for idx in members {
            if let Some(node) = nodes.get_mut(idx.0) {
                node.group = pool;
            }
        }
    }

    /// A pool that is no group: of one deployment, or of all with one upstream model. Each member
    /// keeps what `default` means in its own group.
    fn add(&mut self, name: &Arc<str>, members: &[DeploymentIdx], nodes: &[Node]) -> PoolIdx {
        let idx = PoolIdx(self.built.len());
        let first = members.first().and_then(|idx| nodes.get(idx.0));
        let group = first.map_or(name, |node| &node.config.group);
        let mut pool = Pool::new(
            Arc::clone(group),
            &numbered(members, nodes),
            has_default(members, nodes),
        );
        pool.pattern = None;
        pool.follows_group = false;
        self.built.push(pool);
        idx
    }
}

fn numbered<'n>(
    members: &[DeploymentIdx],
    nodes: &'n [Node],
) -> Vec<(DeploymentIdx, &'n Deployment)> {
    let find = |&idx: &DeploymentIdx| nodes.get(idx.0).map(|node| (idx, &*node.config));
    members.iter().filter_map(find).collect()
}

fn has_default(members: &[DeploymentIdx], nodes: &[Node]) -> bool {
    let mut marked = members.iter().filter_map(|idx| nodes.get(idx.0));
    marked.any(|node| node.declared.is_default)
}

/// Deployments by something they have, in order of first appearance.
fn by_key(
    nodes: &[Node],
    key: impl Fn(&Deployment) -> Arc<str>,
) -> Vec<(Arc<str>, Vec<DeploymentIdx>)> {
    let mut places: HashMap<Arc<str>, usize> = HashMap::new();
    let mut found: Vec<(Arc<str>, Vec<DeploymentIdx>)> = Vec::new();
    for (idx, node) in nodes.iter().enumerate() {
        let key = key(&node.config);
        let next = found.len();
        let place = *places.entry(Arc::clone(&key)).or_insert(next);
        match found.get_mut(place) {
            Some((_, members)) => members.push(DeploymentIdx(idx)),
            None => found.push((key, vec![DeploymentIdx(idx)])),
        }
    }
    found
}

/// Whether two deployments of one id are the same thing to talk to.
fn is_same(one: &Deployment, other: &Deployment) -> bool {
    let (a, b) = (&one.upstream, &other.upstream);
    one.group == other.group && a.model == b.model && a.base == b.base && a.key == b.key
}

/// The host of a deployment, made when it is the first one there.
/// What a group falls back to, itself left out.
fn others(chains: &Chains, group: &str) -> Vec<Arc<str>> {
    let targets = chains.of(&[group]).map_or(&[][..], |targets| targets);
    let others = targets.iter().filter(|name| &***name != group);
    others.map(Arc::clone).collect()
}

fn host_of(hosts: &mut Vec<HostNode>, config: &Deployment, idx: DeploymentIdx) -> HostIdx {
    let origin = origin(&config.upstream.base);
    let known = hosts.iter().position(|host| *host.origin == *origin);
    let place = known.unwrap_or_else(|| {
        hosts.push(HostNode {
            origin: origin.into(),
            probed: false,
            deployments: Vec::new(),
            max_parallel: None,
        });
        hosts.len() - 1
    });
    if let Some(host) = hosts.get_mut(place) {
        host.probed |= config.upstream.local;
        host.deployments.push(idx);
        if config.upstream.local && config.off.is_none() {
            host.max_parallel = host
                .max_parallel
                .into_iter()
                .chain(config.max_parallel)
                .min();
        }
    }
    HostIdx(place)
}

/// `scheme://host:port` of a base URL: lower case, the port always written, no user, no path.
pub(super) fn origin(base: &str) -> String {
    let (scheme, rest) = base.split_once("://").unwrap_or(("http", base));
    let scheme = scheme.to_ascii_lowercase();
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let host = authority.rsplit('@').next().unwrap_or(authority);
    let host = host.to_ascii_lowercase();
    let last = host.rsplit(']').next().unwrap_or(&host);
    if last.contains(':') {
        return format!("{scheme}://{host}");
    }
    let port = if scheme == "https" { 443 } else { 80 };
    format!("{scheme}://{host}:{port}")
}

#[cfg(test)]
mod tests {
    use super::origin;

    #[test]
    fn an_origin_always_has_its_port() {
        let table = [
            ("http://192.168.1.50:11434", "http://192.168.1.50:11434"),
            ("https://api.openai.com/v1", "https://api.openai.com:443"),
            ("HTTP://GPU/v1?x=a:b", "http://gpu:80"),
            ("http://me:pw@box:1/x", "http://box:1"),
            ("http://[::1]:8080/v1", "http://[::1]:8080"),
            ("http://[::1]/v1", "http://[::1]:80"),
            ("box:9", "http://box:9"),
        ];
        for (base, expected) in table {
            assert_eq!(origin(base), expected, "{base}");
        }
    }
}
