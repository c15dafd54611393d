//! Choosing among equals: one pass over a tier, nothing allocated.
//!
//! A weighted draw, fewest in flight, or fewest tokens; ties are drawn at random. Each candidate
//! replaces the one held so far with the chance that makes the whole draw fair.

use fastrand::Rng;

use crate::base::DeploymentIdx;
use crate::config::Strategy;
use crate::route::judge::{Look, Needs, Verdict, judge};
use crate::route::{DeploymentView, Pick, PoolIdx, Trial};

/// Who was chosen, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chosen {
    pub(super) deployment: DeploymentIdx,
    pub(super) pick: Pick,
    pub(super) trial: Option<Trial>,
}

/// The draw so far.
struct Draw {
    held: Option<Chosen>,
    /// Weights, or ties, seen so far.
    total: f64,
    /// The least score seen so far.
    least: u64,
    healthy: usize,
}

/// Chooses a healthy member of a tier among those that `may` be taken.
pub(super) fn choose(
    look: &Look<'_>,
    needs: Needs<'_>,
    (pool_idx, tier_idx): (PoolIdx, usize),
    rng: &mut Rng,
    may: impl Fn(DeploymentIdx) -> bool,
) -> Option<Chosen> {
    let pool = look.table.pool(pool_idx)?;
    let tier = pool.tiers.get(tier_idx)?;
    let strategy = look.table.router().strategy;
    let mut draw = Draw {
        held: None,
        total: 0.0,
        least: u64::MAX,
        healthy: 0,
    };
    for (place, &deployment) in pool.tier(tier_idx).iter().enumerate() {
        if !may(deployment) {
            continue;
        }
        let (Verdict::Healthy(trial), view) = judge(look, needs, pool_idx, deployment) else {
            continue;
        };
        let weight = tier.weights.get(place).copied();
        draw.offer(strategy, deployment, trial, (view, weight), rng);
    }
    let mut chosen = draw.held?;
    if draw.healthy == 1 {
        let only = pool.members.len() == 1;
        chosen.pick = if only {
            Pick::OnlyOne
        } else {
            Pick::OnlyHealthy
        };
    }
    Some(chosen)
}

impl Draw {
    fn offer(
        &mut self,
        strategy: Strategy,
        deployment: DeploymentIdx,
        trial: Option<Trial>,
        (view, weight): (DeploymentView, Option<f64>),
        rng: &mut Rng,
    ) {
        self.healthy += 1;
        let (score, weight, pick) = match (strategy, weight) {
            (Strategy::SimpleShuffle, Some(weight)) => (0, weight, Pick::Weighted),
            (Strategy::SimpleShuffle, None) => (0, 1.0, Pick::Random),
            (Strategy::LeastBusy, _) => {
                let in_flight = view.in_flight;
                (u64::from(in_flight), 1.0, Pick::LeastBusy { in_flight })
            },
            (Strategy::UsageBased, _) => {
                let tokens = view.tpm_used;
                (tokens, 1.0, Pick::LeastUsed { tokens })
            },
        };
        if score > self.least {
            return;
        }
        if score < self.least {
            self.least = score;
            self.total = 0.0;
        }
        self.total += weight;
        let first = self.total <= weight;
        if first || rng.f64() * self.total < weight {
            self.held = Some(Chosen {
                deployment,
                pick,
                trial,
            });
        }
    }
}
