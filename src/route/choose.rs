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
        let score = match strategy {
            Strategy::SimpleShuffle => 0,
            Strategy::LeastBusy => u64::from(in_flight(look, deployment, view)),
            Strategy::UsageBased => view.tpm_used,
        };
        let weight = tier.weights.get(place).copied();
        let weight = weight.filter(|_| strategy == Strategy::SimpleShuffle);
        draw.offer(
            Chosen {
                deployment,
                pick: pick(strategy, score, weight),
                trial,
            },
            score,
            weight,
            rng,
        );
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

/// How many requests compete with one sent there: on a self-hosted machine all of its requests share
/// the same GPU, whatever the model.
fn in_flight(look: &Look<'_>, deployment: DeploymentIdx, view: DeploymentView) -> u32 {
    let node = look.table.deployment(deployment);
    let host = node
        .and_then(|node| look.table.host(node.host))
        .filter(|host| host.probed);
    match (node, host) {
        (Some(node), Some(_)) => look.view.host(node.host).in_flight.max(view.in_flight),
        _ => view.in_flight,
    }
}

fn pick(strategy: Strategy, score: u64, weight: Option<f64>) -> Pick {
    match strategy {
        Strategy::SimpleShuffle if weight.is_some() => Pick::Weighted,
        Strategy::SimpleShuffle => Pick::Random,
        Strategy::LeastBusy => Pick::LeastBusy {
            in_flight: u32::try_from(score).unwrap_or(u32::MAX),
        },
        Strategy::UsageBased => Pick::LeastUsed { tokens: score },
    }
}

impl Draw {
    fn offer(&mut self, candidate: Chosen, score: u64, weight: Option<f64>, rng: &mut Rng) {
        self.healthy += 1;
        if score > self.least {
            return;
        }
        if score < self.least {
            self.least = score;
            self.total = 0.0;
        }
        let weight = weight.unwrap_or(1.0);
        self.total += weight;
        let first = self.total <= weight;
        if first || rng.f64() * self.total < weight {
            self.held = Some(candidate);
        }
    }
}
