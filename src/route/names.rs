//! From the model a client names to the pool that serves it, and the names a client may list.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::base::DeploymentIdx;
use crate::route::pattern::{Pattern, fill, provider_of};
use crate::route::pool::Pool;
use crate::route::{PoolIdx, Table};

/// Aliases may lead to aliases; the config refuses cycles, and this bounds what it lets through.
const LONGEST_ALIAS_CHAIN: usize = 16;

/// Every name of one table.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    /// Groups, wildcards included, by their very name.
    groups: HashMap<Arc<str>, PoolIdx>,
    /// Wildcard groups, most specific first; without the bare `*`.
    patterns: Vec<PoolIdx>,
    /// The group `*`.
    star: Option<PoolIdx>,
    aliases: HashMap<Arc<str>, Arc<str>>,
    ids: HashMap<Arc<str>, PoolIdx>,
    /// `provider/model` as written in `litellm_params.model`.
    models: HashMap<Arc<str>, PoolIdx>,
    listed: Vec<Listed>,
}

/// What a name leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The deployments.
    pub pool: PoolIdx,
    /// The name after aliases; for a wildcard, the name that its stars matched.
    pub name: Arc<str>,
    /// How it was found.
    pub via: Via,
}

/// How a name was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Via {
    /// It is the id of one deployment.
    Id,
    /// It is the name of a group, perhaps through an alias.
    Group,
    /// A wildcard matches it.
    Wildcard,
    /// It is the `provider/model` of deployments.
    Model,
    /// Nothing knows it; the first of `default_fallbacks` takes what nothing knows.
    Default,
}

/// One name a client may list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The name.
    pub name: Arc<str>,
    /// The pool behind it.
    pub pool: PoolIdx,
    /// Whether it is a pattern, not a name to call.
    pub wildcard: bool,
}

impl Names {
    /// The names of groups: `pools` holds exactly those.
    pub(super) fn new(pools: &[Pool]) -> Self {
        let mut names = Self::default();
        for (place, pool) in pools.iter().enumerate() {
            let idx = PoolIdx(place);
            names.groups.insert(Arc::clone(&pool.group), idx);
            names.listed.push(Listed {
                name: Arc::clone(&pool.group),
                pool: idx,
                wildcard: pool.pattern.is_some(),
            });
            if &*pool.group == "*" {
                names.star = Some(idx);
            } else if pool.pattern.is_some() {
                names.patterns.push(idx);
            }
        }
        let specificity = |idx: &PoolIdx| {
            let pattern = pools.get(idx.0).and_then(|pool| pool.pattern.as_ref());
            std::cmp::Reverse(pattern.map(Pattern::specificity))
        };
        names.patterns.sort_by_key(specificity);
        names
    }

    /// Adds aliases, once all that they may stand for is known.
    pub(super) fn add_aliases(
        &mut self,
        aliases: &BTreeMap<Arc<str>, (Arc<str>, bool)>,
        pools: &[Pool],
    ) {
        for (alias, (target, hidden)) in aliases {
            self.aliases.insert(Arc::clone(alias), Arc::clone(target));
            let end = self.follow(target);
            let group = self.groups.get(end).copied();
            let wildcard = || self.wildcard(pools, end).map(|(pool, _)| pool);
            let model = || self.models.get(end).copied();
            let pool = group.or_else(wildcard).or_else(model).or(self.star);
            let fresh = !self.groups.contains_key(alias);
            if let Some(pool) = pool.filter(|_| !hidden && fresh) {
                self.listed.push(Listed {
                    name: Arc::clone(alias),
                    pool,
                    wildcard: false,
                });
            }
        }
    }

    /// Makes a deployment callable by its id.
    pub(super) fn add_id(&mut self, id: Arc<str>, pool: PoolIdx) {
        self.ids.insert(id, pool);
    }

    /// Makes deployments callable by their upstream's model string.
    pub(super) fn add_model(&mut self, model: Arc<str>, pool: PoolIdx) {
        self.models.insert(model, pool);
    }

    /// Takes groups that are not in `shown` off the list.
    pub(super) fn hide(&mut self, shown: &[Arc<str>]) {
        let is_group = |name: &Arc<str>| self.groups.contains_key(name);
        self.listed
            .retain(|listed| !is_group(&listed.name) || shown.contains(&listed.name));
    }

    /// The name an alias chain ends at.
    fn follow<'n>(&'n self, name: &'n str) -> &'n str {
        let mut name = name;
        for _ in 0..LONGEST_ALIAS_CHAIN {
            match self.aliases.get(name) {
                Some(target) => name = target,
                None => break,
            }
        }
        name
    }

    /// A wildcard that matches the name, or the name with its family's provider before it.
    fn wildcard(&self, pools: &[Pool], name: &str) -> Option<(PoolIdx, Arc<str>)> {
        let find = |name: &str| {
            let matching = self.patterns.iter().copied().find(|idx| {
                let pattern = pools.get(idx.0).and_then(|pool| pool.pattern.as_ref());
                pattern.is_some_and(|pattern| pattern.captures(name).is_some())
            });
            matching.map(|idx| (idx, name.into()))
        };
        if self.patterns.is_empty() {
            return None;
        }
        find(name).or_else(|| {
            let bare = !name.contains('/');
            let provider = provider_of(name).filter(|_| bare)?;
            find(&format!("{provider}/{name}"))
        })
    }
}

impl Table {
    /// What a client's name leads to. In this order: the id of a deployment (unless a group has that
    /// name); an alias, and what it stands for; a group; a wildcard, the most specific first; the
    /// `provider/model` of a deployment; the group `*`; the first of `default_fallbacks`.
    pub fn resolve(&self, model: &str) -> Option<Resolved> {
        self.resolve_known(model).or_else(|| {
            let target = self.fallbacks.first_default()?;
            let mut found = self.resolve_known(target)?;
            found.via = Via::Default;
            Some(found)
        })
    }

    /// What a request for this name is counted under: the group that it leads to; a wildcard's own name,
    /// so that what clients make up for its stars has no meter each.
    pub fn counted_as(&self, model: &str) -> Option<Arc<str>> {
        let found = self.resolve(model)?;
        Some(self.group(found.pool).map_or(found.name, Arc::clone))
    }

    /// The names a client may list, in file order, then aliases; hidden ones left out.
    pub fn models(&self) -> &[Listed] {
        &self.names.listed
    }

    /// As [`Table::resolve`], without `default_fallbacks`.
    pub(super) fn resolve_known(&self, model: &str) -> Option<Resolved> {
        let names = &self.names;
        let found = |pool: PoolIdx, name: &str, via: Via| Resolved {
            pool,
            name: name.into(),
            via,
        };
        if !names.aliases.contains_key(model) {
            if let Some((name, &pool)) = names.groups.get_key_value(model) {
                return Some(Resolved {
                    pool,
                    name: Arc::clone(name),
                    via: Via::Group,
                });
            }
            if let Some(&pool) = names.ids.get(model) {
                return Some(found(pool, model, Via::Id));
            }
        }
        let name = names.follow(model);
        if let Some(&pool) = names.groups.get(name) {
            return Some(found(pool, name, Via::Group));
        }
        if let Some((pool, name)) = names.wildcard(&self.pools, name) {
            let via = Via::Wildcard;
            return Some(Resolved { pool, name, via });
        }
        if let Some(&pool) = names.models.get(name) {
            return Some(found(pool, name, Via::Model));
        }
        let star = names.star?;
        Some(found(star, name, Via::Wildcard))
    }

    /// The upstream's model for a name that led to this pool.
    pub(super) fn upstream_model(
        &self,
        pool: PoolIdx,
        deployment: DeploymentIdx,
        name: &str,
    ) -> Option<Arc<str>> {
        let upstream = &self.deployment(deployment)?.config.upstream;
        let pattern = self.pool(pool)?.pattern.as_ref();
        let caught = pattern.and_then(|pattern| pattern.captures(name));
        Some(match caught {
            Some(caught) => fill(&upstream.model, &caught, name, &upstream.provider),
            None => Arc::clone(&upstream.model),
        })
    }
}
