//! When nobody healthy is left: what is merely not well is tried once each, and what is only full is
//! waited for. What tags, the config or a person rules out stays out.

use crate::base::{DeploymentIdx, FaultKind, Mono};
use crate::route::PoolIdx;
use crate::route::choose::Chosen;
use crate::route::course::backoff;
use crate::route::judge::{Bar, Look, Needs, Unwell, Verdict, judge};
use crate::route::reason::{Kind, Pick, Step, WaitReason, Why};

use super::stops::Stop;
use super::{Pending, Walk, on_failed_host, refuse};

/// Sorts candidates that are not well: hosts that answer first, then the group asked for, then who
/// is ready soonest.
type Urgency = (bool, usize, Mono);

/// What is left at the end of a walk.
struct Rest {
    best: Option<(Urgency, DeploymentIdx, Verdict)>,
    /// Somebody healthy was not tried, for want of retries.
    healthy: bool,
    /// Somebody is only full.
    full: bool,
}

impl Walk {
    /// The best of those that are not well and were not tried yet; else the end.
    pub(super) fn try_anyway(&mut self, look: &Look<'_>) -> Step {
        self.anyway = true;
        let rest = self.rest(look);
        let begun = !self.tried.is_empty();
        // Without retries, one failed try is the answer; and retries bound what is healthy.
        let over = begun && (rest.healthy || self.limit(look.table, None) == 0);
        match rest.best {
            Some(((_, visit, _), deployment, verdict)) if !over => {
                let kind = match (begun, visit) {
                    (false, 0) => Kind::First,
                    (true, visit) if visit == 0 || visit == self.stop.visit => Kind::Retry,
                    _ => Kind::Fallback,
                };
                self.return_to(visit);
                let trial = match verdict {
                    Verdict::Healthy(trial) => trial,
                    Verdict::Unwell(_) | Verdict::Barred(_) => None,
                };
                let pick = Pick::Soonest;
                let chosen = Chosen {
                    deployment,
                    pick,
                    trial,
                };
                self.announce(look, chosen, (Why::Anyway, kind))
            },
            _ if rest.full && !begun => self.wait_for_slot(look),
            _ => Step::Give(self.final_fault(look)),
        }
    }

    /// LiteLLM answers a full deployment with 429 and retries that; so do we, with its backoff.
    fn wait_for_slot(&mut self, look: &Look<'_>) -> Step {
        if self.waits_for_slots >= self.limit(look.table, None) {
            return Step::Give(self.final_fault(look));
        }
        let least = look.table.router().retry_after;
        let full = refuse::full();
        let delay = backoff(&full, self.waits_for_slots, least, &mut self.rng);
        self.waits_for_slots += 1;
        self.begin_again();
        let until = look.now.after(delay);
        self.pending = Pending::Slot { until };
        Step::Wait {
            until,
            why: WaitReason::Full,
        }
    }

    /// Looks over all groups visited.
    fn rest(&self, look: &Look<'_>) -> Rest {
        let mut rest = Rest {
            best: None,
            healthy: false,
            full: false,
        };
        for stop in self.earlier.iter().chain([&self.stop]) {
            let hopeless = stop.failed.is_some_and(|brief| {
                matches!(
                    brief.kind,
                    FaultKind::ContextWindow | FaultKind::ContentPolicy
                )
            });
            let pool = look.table.pool(stop.pool);
            let members = pool.map_or(&[][..], |pool| &pool.members);
            for &member in members.iter().filter(|_| !hopeless) {
                self.weigh(look, stop, member, &mut rest);
            }
        }
        rest
    }

    fn weigh(&self, look: &Look<'_>, stop: &Stop, member: DeploymentIdx, rest: &mut Rest) {
        if stop.has_tried(look.table, &self.tried, member) {
            return;
        }
        let verdict = self.verdict(look, stop.pool, member);
        let (down, ready) = match verdict {
            Verdict::Barred(Bar::Full) => {
                rest.full = true;
                return;
            },
            Verdict::Barred(_) => return,
            Verdict::Healthy(_) if on_failed_host(look, &self.tried, member) => (true, Mono::ZERO),
            Verdict::Healthy(_) if stop.retries >= self.limit(look.table, None) => {
                rest.healthy = true;
                return;
            },
            // It has become well in the meantime.
            Verdict::Healthy(_) => (false, Mono::ZERO),
            Verdict::Unwell(Unwell::HostDown) => (true, Mono::ZERO),
            Verdict::Unwell(Unwell::Cooling(until)) => (false, until),
            Verdict::Unwell(Unwell::OnTrial | Unwell::HostOnTrial) => (false, Mono::ZERO),
        };
        let urgency = (down, stop.visit, ready);
        if rest.best.is_none_or(|(best, ..)| urgency < best) {
            rest.best = Some((urgency, member, verdict));
        }
    }

    pub(super) fn verdict(&self, look: &Look<'_>, pool: PoolIdx, idx: DeploymentIdx) -> Verdict {
        let needs = Needs {
            demand: &self.demand,
            tokens: self.ask.tokens,
        };
        judge(look, needs, pool, idx).0
    }
}
