//! Which group a walk visits next: chains of fallbacks, and fallbacks of fallbacks.
//!
//! Depth first, as deep as `max_fallbacks`, every group once a request; so cycles end by themselves.

use std::sync::Arc;

use crate::base::{DeploymentIdx, FaultKind};
use crate::route::ask::AskedFallbacks;
use crate::route::chains::Targets;
use crate::route::pool::Pool;
use crate::route::reason::{Brief, Cause};
use crate::route::{PoolIdx, Resolved, Table};

use super::{Tried, Walk};

/// A visit to one group.
#[derive(Debug, Clone)]
pub(super) struct Stop {
    pub(super) pool: PoolIdx,
    /// The name after aliases.
    pub(super) name: Arc<str>,
    /// The name that led here.
    asked: Arc<str>,
    /// The tier under way; beyond the last when they are used up.
    pub(super) tier: usize,
    /// Retries made here, in this tier.
    pub(super) retries: u32,
    /// How the last try here failed.
    pub(super) failed: Option<Brief>,
    /// Its place in the request's own list, when it came from there.
    pub(super) hop: Option<usize>,
    /// The how-manieth group of the walk; 0 is the one asked for.
    pub(super) visit: usize,
    /// Its fallbacks have been taken up.
    left: bool,
}

/// A chain of fallbacks under way.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    targets: Chain,
    next: usize,
    from: Arc<str>,
    because: Cause,
}

#[derive(Debug, Clone)]
enum Chain {
    Configured(Targets),
    /// The request's own, by maps.
    Asked(Vec<Arc<str>>),
    /// The request's own plain list: each entry may have overrides.
    Hops(Vec<Arc<str>>),
}

impl Stop {
    /// The group asked for.
    pub(super) fn home(found: Resolved, asked: Arc<str>) -> Self {
        Self {
            pool: found.pool,
            name: found.name,
            asked,
            tier: 0,
            retries: 0,
            failed: None,
            hop: None,
            visit: 0,
            left: false,
        }
    }

    /// Whether it is the group asked for.
    pub(super) const fn is_home(&self) -> bool {
        self.visit == 0
    }

    /// Whether a deployment was tried already, for the model it would be asked for here.
    pub(super) fn has_tried(&self, table: &Table, tried: &[Tried], idx: DeploymentIdx) -> bool {
        let mut same = tried.iter().filter(|tried| tried.deployment == idx);
        let wildcard = table
            .pool(self.pool)
            .is_some_and(|pool| pool.pattern.is_some());
        if !wildcard {
            return same.next().is_some();
        }
        let model = table.upstream_model(self.pool, idx, &self.name);
        same.any(|tried| Some(&tried.model) == model.as_ref())
    }

    /// Whether it is a visit to the same thing.
    fn is_same(&self, found: &Resolved, table: &Table) -> bool {
        let wildcard = table
            .pool(self.pool)
            .is_some_and(|pool| pool.pattern.is_some());
        self.pool == found.pool && (!wildcard || self.name == found.name)
    }

    fn begin_again(&mut self) {
        self.tier = 0;
        self.retries = 0;
        self.failed = None;
        self.left = false;
    }
}

impl Walk {
    /// Goes to the next group of the fallbacks, whatever its health; says from where and why. `None`
    /// when there is none left.
    pub(super) fn next_stop(&mut self, table: &Table) -> Option<(Arc<str>, Cause)> {
        if !self.stop.left {
            self.stop.left = true;
            if let Some(frame) = self.fallbacks_here(table) {
                self.frames.push(frame);
            }
        }
        while let Some(frame) = self.frames.last_mut() {
            let Some((target, hop)) = frame.next() else {
                self.frames.pop();
                continue;
            };
            let origin = (Arc::clone(&frame.from), frame.because);
            let Some(found) = table.resolve_known(&target) else {
                continue;
            };
            let same = |stop: &Stop| stop.is_same(&found, table);
            if same(&self.stop) || self.earlier.iter().any(same) {
                continue;
            }
            let mut next = Stop::home(found, target);
            next.hop = hop;
            next.visit = self.earlier.len() + 1;
            self.earlier.push(std::mem::replace(&mut self.stop, next));
            return Some(origin);
        }
        None
    }

    /// Whether the request's tags allow any deployment on the whole way.
    pub(super) fn reaches_any(&self, table: &Table) -> bool {
        if self.allows_any_here(table) {
            return true;
        }
        let mut ahead = self.clone();
        while ahead.next_stop(table).is_some() {
            if ahead.allows_any_here(table) {
                return true;
            }
        }
        false
    }

    /// Back to the group asked for, as if nothing had been visited.
    pub(super) fn begin_again(&mut self) {
        self.return_to(0);
        self.stop.begin_again();
        self.earlier.clear();
        self.frames.clear();
        self.anyway = false;
    }

    /// Makes an earlier group the present one again, so that tries are told of it.
    pub(super) fn return_to(&mut self, visit: usize) {
        let earlier = self.earlier.iter_mut().find(|stop| stop.visit == visit);
        if let Some(earlier) = earlier {
            std::mem::swap(earlier, &mut self.stop);
        }
    }

    /// The visit to the group asked for.
    pub(super) fn home(&self) -> &Stop {
        let all = std::iter::once(&self.stop).chain(&self.earlier);
        let mut home = all.filter(|stop| stop.is_home());
        home.next().unwrap_or(&self.stop)
    }

    /// Whether the tags allow any deployment of the present group, on or off.
    pub(super) fn allows_any_here(&self, table: &Table) -> bool {
        let idx = self.stop.pool;
        let Some(pool) = table.pool(idx) else {
            return false;
        };
        let mut all = pool.members.iter().chain(&pool.off);
        all.any(|&member| table.allows_in(&self.demand, member, idx))
    }

    /// The chain of the present group, if fallbacks may go deeper.
    fn fallbacks_here(&self, table: &Table) -> Option<Frame> {
        let most = self
            .ask
            .max_fallbacks
            .unwrap_or_else(|| table.router().max_fallbacks);
        let deep = u32::try_from(self.frames.len()).map_or(true, |depth| depth >= most);
        if deep || self.ask.disable_fallbacks {
            return None;
        }
        let pool = table.pool(self.stop.pool)?;
        let because = match self.stop.failed {
            Some(brief) => Cause::Fault(brief),
            None if self.allows_any_here(table) => Cause::Unavailable,
            None => Cause::Tags,
        };
        Some(Frame {
            targets: self.chain(table, pool)?,
            next: 0,
            from: Arc::clone(&pool.group),
            because,
        })
    }

    fn chain(&self, table: &Table, pool: &Pool) -> Option<Chain> {
        let stop = &self.stop;
        let all = [&*stop.asked, &*stop.name, &*pool.group];
        let names = all.get(..if pool.follows_group { 3 } else { 2 })?;
        let first = stop.is_home();
        if let Some(AskedFallbacks::List(list)) = &self.ask.fallbacks {
            return first.then(|| Chain::Hops(owned(list)));
        }
        let too_long = matches!(stop.failed, Some(brief) if brief.kind == FaultKind::ContextWindow);
        if too_long {
            let special = match &self.ask.context_window_fallbacks {
                Some(AskedFallbacks::List(list)) => first.then(|| Chain::Hops(owned(list))),
                Some(maps) => maps.of(names).map(|to| Chain::Asked(owned(to))),
                None => table
                    .context_fallbacks
                    .of(names)
                    .cloned()
                    .map(Chain::Configured),
            };
            if special.is_some() {
                return special;
            }
        }
        match &self.ask.fallbacks {
            Some(asked) => asked.of(names).map(|to| Chain::Asked(owned(to))),
            None => table.fallbacks.of(names).cloned().map(Chain::Configured),
        }
    }
}

impl Frame {
    /// The next target, with its place when it is one of the request's plain list.
    fn next(&mut self) -> Option<(Arc<str>, Option<usize>)> {
        let place = self.next;
        self.next += 1;
        match &self.targets {
            Chain::Configured(targets) => Some((Arc::clone(targets.get(place)?), None)),
            Chain::Asked(targets) => Some((Arc::clone(targets.get(place)?), None)),
            Chain::Hops(targets) => Some((Arc::clone(targets.get(place)?), Some(place))),
        }
    }
}

fn owned(names: &[String]) -> Vec<Arc<str>> {
    names.iter().map(|name| name.as_str().into()).collect()
}
