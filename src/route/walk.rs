//! The walk of one request: from the first try to the last, each selected anew.
//!
//! The order of things: the healthy of the lowest order, by strategy → retries there → the next order
//! → the group's fallbacks, and theirs → anything that is merely not well, once each → the error of
//! the group the client asked for. A walk is cheap to make, deterministic for its seed, and always
//! ends: a group is visited once, retries are counted, and what is not well is tried once.
//!
//! - `stops`: which group comes next
//! - `last_resort`: trying anyway, and waiting for a free slot
//! - `refuse`: the faults a walk makes itself

mod last_resort;
mod refuse;
mod stops;

use std::sync::Arc;

use fastrand::Rng;

use crate::base::{DeploymentIdx, Fault, FaultKind, Mono};
use crate::route::choose::{Chosen, choose};
use crate::route::course::{
    Course, backoff, course, is_clients, is_free, is_hosts, limit_of, moves_on,
};
use crate::route::judge::{Look, Needs};
use crate::route::reason::{Brief, Cause, Kind, Reason, Step, Try, WaitReason, Why};
use crate::route::tags::Demand;
use crate::route::{Ask, Table, View};

use stops::{Frame, Stop};

/// This often in a row a try may turn out not to be possible (its slot or trial was taken between
/// looking and taking) before the walk gives up.
const MOST_UNMADE: u32 = 32;

/// One request on its way. See the module's head for the order of things.
#[derive(Debug, Clone)]
pub struct Walk {
    ask: Ask,
    demand: Demand,
    rng: Rng,
    /// Where it is.
    stop: Stop,
    /// Groups it has left, the one asked for first.
    earlier: Vec<Stop>,
    /// Chains of fallbacks it is in, the innermost last.
    frames: Vec<Frame>,
    tried: Vec<Tried>,
    /// The try whose outcome is awaited.
    current: Option<Current>,
    pending: Pending,
    /// Only what is not well is left.
    anyway: bool,
    /// The last fault of the group asked for.
    original: Option<Box<Fault>>,
    /// The last fault of all.
    last: Option<Box<Fault>>,
    waits_for_slots: u32,
    unmade: u32,
}

/// One try that failed.
#[derive(Debug, Clone)]
struct Tried {
    deployment: DeploymentIdx,
    /// For wildcards: one deployment serves many models.
    model: Arc<str>,
    /// Not to be asked again in this request.
    spent: bool,
    /// Its host was the trouble.
    host: bool,
}

#[derive(Debug, Clone)]
struct Current {
    deployment: DeploymentIdx,
    model: Arc<str>,
    why: Why,
}

/// What the walk does when it is asked without an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pending {
    /// Begin at the group asked for.
    Begin,
    /// Retry in the present tier, after a backoff.
    Retry { after: Brief, until: Mono },
    /// Begin once more, when a slot may be free.
    Slot { until: Mono },
}

impl Walk {
    /// Begins a walk. The same seed, world and outcomes give the same walk. Faults: no such model; or
    /// the request's tags forbid every deployment it could ever reach.
    pub fn new(table: &Table, ask: Ask, seed: u64) -> Result<Self, Fault> {
        let Some(found) = table.resolve(&ask.model) else {
            return Err(refuse::unknown_model(&ask.model));
        };
        let demand = table.demand(&ask.tags);
        let asked = Arc::clone(&ask.model);
        let walk = Self {
            stop: Stop::home(found, asked),
            ask,
            demand,
            rng: Rng::with_seed(seed),
            earlier: Vec::new(),
            frames: Vec::new(),
            tried: Vec::new(),
            current: None,
            pending: Pending::Begin,
            anyway: false,
            original: None,
            last: None,
            waits_for_slots: 0,
            unmade: 0,
        };
        if walk.demand != Demand::Nothing && !walk.reaches_any(table) {
            return Err(refuse::tags(table, &walk.ask));
        }
        Ok(walk)
    }

    /// The next step. `last` is how the last try ended: `Some` when it failed; `None` at the start,
    /// after a wait, and when the last try could not be made (its slot or trial was gone). `table`
    /// must be the one the walk began with.
    pub fn next(
        &mut self,
        table: &Table,
        view: &dyn View,
        last: Option<&Fault>,
        now: Mono,
    ) -> Step {
        let look = Look { table, view, now };
        match (self.current.take(), last) {
            (Some(current), Some(fault)) => {
                self.unmade = 0;
                self.after_failure(&look, current, fault)
            },
            (Some(current), None) => {
                self.unmade += 1;
                if self.unmade > MOST_UNMADE {
                    return Step::Give(self.final_fault(&look));
                }
                self.reselect(&look, current.why)
            },
            (None, _) => {
                // After a wait the world is another: what was lost before it is no row.
                self.unmade = 0;
                self.resume(&look)
            },
        }
    }

    /// How many retries each group has, before any fault of its own says otherwise
    /// (`x-litellm-max-retries`).
    pub fn max_retries(&self, table: &Table) -> u32 {
        self.limit(table, None)
    }

    /// The start, or the end of a wait. Woken too early, it goes on only where somebody else can
    /// take the request.
    fn resume(&mut self, look: &Look<'_>) -> Step {
        match self.pending {
            Pending::Retry { after, until } if look.now < until => {
                let number = self.stop.retries;
                match self.untried(look, self.stop.tier) {
                    Some(other) => {
                        self.go(look, (self.stop.tier, other), Why::Retry { number, after })
                    },
                    None => Step::Wait {
                        until,
                        why: WaitReason::Backoff {
                            retry: number,
                            after,
                        },
                    },
                }
            },
            Pending::Retry { after, .. } => self.retry_now(look, after),
            Pending::Slot { until } if look.now < until => match self.healthy(look, 0) {
                Some(found) => self.go(look, found, Why::First),
                None => Step::Wait {
                    until,
                    why: WaitReason::Full,
                },
            },
            Pending::Begin | Pending::Slot { .. } => self.begin(look),
        }
    }

    fn begin(&mut self, look: &Look<'_>) -> Step {
        if let Some(found) = self.healthy(look, 0) {
            return self.go(look, found, Why::First);
        }
        self.stop.tier = usize::MAX;
        self.move_on(look)
    }

    fn after_failure(&mut self, look: &Look<'_>, current: Current, fault: &Fault) -> Step {
        let deployment = current.deployment;
        let brief = Brief::of(fault);
        let policy = look.table.router().retry_policy;
        let asked_group = self.stop.is_home();
        let course = course(fault, &policy, asked_group);
        self.tried.push(Tried {
            deployment,
            model: current.model,
            spent: course != Course::Again,
            host: is_hosts(fault.kind),
        });
        self.stop.failed = Some(brief);
        self.last = Some(Box::new(fault.clone()));
        if asked_group {
            self.original.clone_from(&self.last);
        }
        match course {
            Course::Give => return Step::Give(fault.clone()),
            _ if self.anyway => return self.try_anyway(look),
            Course::Leave => {},
            Course::Siblings | Course::Again => {
                if let Some(step) = self.retry(look, deployment, fault) {
                    return step;
                }
            },
        }
        if asked_group && is_clients(fault) {
            // The retries that `retry_policy` grants it are used up.
            return Step::Give(fault.clone());
        }
        self.move_on(look)
    }

    /// A further try in the same tier, at once or after a backoff.
    fn retry(&mut self, look: &Look<'_>, deployment: DeploymentIdx, fault: &Fault) -> Option<Step> {
        let limit = self.limit(look.table, Some((deployment, fault.kind)));
        let after = Brief::of(fault);
        let left = self.stop.retries < limit;
        let free = is_free(fault.kind);
        if (left || free)
            && let Some(sibling) = self.untried(look, self.stop.tier)
        {
            self.stop.retries += u32::from(!free);
            let number = self.stop.retries.max(1);
            return Some(self.go(
                look,
                (self.stop.tier, sibling),
                Why::Retry { number, after },
            ));
        }
        if !left {
            return None;
        }
        if moves_on(fault) {
            // Kept only if it leads to somebody healthy.
            let mut ahead = self.clone();
            if let Some(step) = ahead.elsewhere(look) {
                *self = ahead;
                return Some(step);
            }
        }
        self.again(look)?;
        let used = self.stop.retries;
        self.stop.retries += 1;
        let at_once = (fault.kind == FaultKind::Reset && used == 0)
            || self
                .healthy(look, self.stop.tier.saturating_add(1))
                .is_some();
        if at_once {
            return Some(self.retry_now(look, after));
        }
        let delay = backoff(fault, used, look.table.router().retry_after, &mut self.rng);
        let until = look.now.after(delay);
        self.pending = Pending::Retry { after, until };
        let retry = self.stop.retries;
        Some(Step::Wait {
            until,
            why: WaitReason::Backoff { retry, after },
        })
    }

    /// The retry that was counted already: an untried sibling, else one that may be asked again.
    fn retry_now(&mut self, look: &Look<'_>, after: Brief) -> Step {
        let tier = self.stop.tier;
        let number = self.stop.retries;
        let found = self.untried(look, tier).or_else(|| self.again(look));
        match found {
            Some(chosen) => self.go(look, (tier, chosen), Why::Retry { number, after }),
            None => self.move_on(look),
        }
    }

    /// The last try could not be made: the same step once more, with the world as it is now.
    fn reselect(&mut self, look: &Look<'_>, why: Why) -> Step {
        if self.anyway {
            return self.try_anyway(look);
        }
        if let Why::Retry { after, .. } = why {
            return self.retry_now(look, after);
        }
        match self.healthy(look, self.stop.tier) {
            Some(found) => self.go(look, found, why),
            None => self.move_on(look),
        }
    }

    /// The present tier is of no further use.
    fn move_on(&mut self, look: &Look<'_>) -> Step {
        match self.elsewhere(look) {
            Some(step) => step,
            None => self.try_anyway(look),
        }
    }

    /// The healthy of later tiers, then of fallbacks.
    fn elsewhere(&mut self, look: &Look<'_>) -> Option<Step> {
        let next = self.stop.tier.saturating_add(1);
        let refused = self.stop.failed.is_some_and(|brief| {
            matches!(
                brief.kind,
                FaultKind::ContextWindow | FaultKind::ContentPolicy
            )
        });
        if !refused && let Some(found) = self.healthy(look, next) {
            let cause = self.stop.failed.map_or(Cause::Unavailable, Cause::Fault);
            self.stop.retries = 0;
            return Some(self.go(look, found, Why::Tier(cause)));
        }
        while let Some((from, because)) = self.next_stop(look.table) {
            if let Some(found) = self.healthy(look, 0) {
                return Some(self.go(look, found, Why::Fallback { from, because }));
            }
        }
        None
    }

    /// Somebody healthy and untried, at this tier or the first later one that has any.
    fn healthy(&mut self, look: &Look<'_>, from: usize) -> Option<(usize, Chosen)> {
        let pool = look.table.pool(self.stop.pool)?;
        (from..pool.tiers.len()).find_map(|tier| Some((tier, self.untried(look, tier)?)))
    }

    /// Somebody healthy of this tier who was not tried yet, nor shares a host that just failed.
    fn untried(&mut self, look: &Look<'_>, tier: usize) -> Option<Chosen> {
        let (stop, tried) = (&self.stop, &self.tried);
        let may = |idx: DeploymentIdx| {
            tried.is_empty()
                || !(stop.has_tried(look.table, tried, idx) || on_failed_host(look, tried, idx))
        };
        let needs = Needs {
            demand: &self.demand,
            tokens: self.ask.tokens,
        };
        choose(look, needs, (stop.pool, tier), &mut self.rng, may)
    }

    /// Somebody healthy of the present tier who was tried, and may be asked again.
    fn again(&mut self, look: &Look<'_>) -> Option<Chosen> {
        let (stop, tried) = (&self.stop, &self.tried);
        let may = |idx: DeploymentIdx| {
            let mut same = tried.iter().filter(|tried| tried.deployment == idx);
            same.all(|tried| !tried.spent)
        };
        let needs = Needs {
            demand: &self.demand,
            tokens: self.ask.tokens,
        };
        choose(look, needs, (stop.pool, stop.tier), &mut self.rng, may)
    }

    fn go(&mut self, look: &Look<'_>, (tier, chosen): (usize, Chosen), why: Why) -> Step {
        self.stop.tier = tier;
        let kind = match (&why, self.tried.is_empty()) {
            (Why::Fallback { .. }, _) => Kind::Fallback,
            (_, true) => Kind::First,
            (Why::Tier(_), false) => Kind::Tier,
            (Why::First | Why::Retry { .. } | Why::Anyway, false) => Kind::Retry,
        };
        self.announce(look, chosen, (why, kind))
    }

    /// Makes the step of a choice, and remembers it as the one under way.
    fn announce(&mut self, look: &Look<'_>, chosen: Chosen, (why, kind): (Why, Kind)) -> Step {
        let table = look.table;
        let deployment = chosen.deployment;
        let stop = &self.stop;
        let (Some(pool), Some(model)) = (
            table.pool(stop.pool),
            table.upstream_model(stop.pool, deployment, &stop.name),
        ) else {
            return Step::Give(refuse::foreign_table());
        };
        self.current = Some(Current {
            deployment,
            model: Arc::clone(&model),
            why: why.clone(),
        });
        Step::Try(Try {
            deployment,
            group: Arc::clone(&pool.group),
            upstream_model: model,
            reason: Reason {
                why,
                pick: chosen.pick,
                tier: (pool.tier_of(deployment) + 1, pool.tiers.len()),
                trial: chosen.trial,
            },
            kind,
            is_trial: chosen.trial.is_some(),
            hop: stop.hop,
        })
    }

    /// How many retries a group has: `retry_policy`, the request's, the deployment's, the router's
    /// count. A request that asks for none gets none.
    fn limit(&self, table: &Table, failed: Option<(DeploymentIdx, FaultKind)>) -> u32 {
        let router = table.router();
        if self.ask.num_retries == Some(0) {
            return 0;
        }
        let policy = failed.and_then(|(_, kind)| limit_of(&router.retry_policy, kind));
        let own = failed.and_then(|(idx, _)| table.deployment(idx)?.config.num_retries);
        policy
            .or(self.ask.num_retries)
            .or(own)
            .unwrap_or(router.num_retries)
    }
}

/// Whether a try of this walk failed for the sake of the host this deployment shares.
fn on_failed_host(look: &Look<'_>, tried: &[Tried], deployment: DeploymentIdx) -> bool {
    let host = |idx: DeploymentIdx| look.table.deployment(idx).map(|node| node.host);
    let mut failed = tried.iter().filter(|tried| tried.host);
    failed.any(|tried| host(tried.deployment) == host(deployment))
}
