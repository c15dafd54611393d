//! A pool: the deployments one name leads to, in tiers of equal `order`, with their weights.

use std::ops::Range;
use std::sync::Arc;

use crate::base::DeploymentIdx;
use crate::config::Deployment;
use crate::route::pattern::Pattern;

/// The place of a pool in one routing table. It means nothing in another table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PoolIdx(pub(super) usize);

/// The deployments behind one name.
#[derive(Debug, Clone)]
pub(super) struct Pool {
    /// The group they stand for: shown, written down, and looked up for fallbacks.
    pub(super) group: Arc<str>,
    /// Whether its own fallbacks are those of `group` (not when a client named one deployment).
    pub(super) follows_group: bool,
    /// Those that are on, lowest `order` first, those without one last, in file order within a tier.
    pub(super) members: Box<[DeploymentIdx]>,
    /// Those the config itself turns off.
    pub(super) off: Box<[DeploymentIdx]>,
    /// Never empty unless `members` is.
    pub(super) tiers: Box<[Tier]>,
    /// Whether any, on or off, is tagged `default`.
    pub(super) has_default: bool,
    /// The pattern it was found by, for wildcard groups.
    pub(super) pattern: Option<Pattern>,
}

/// Members of one `order`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tier {
    /// Their places in [`Pool::members`].
    pub(super) range: Range<usize>,
    /// One weight each, or empty when all are equal.
    pub(super) weights: Box<[f64]>,
}

impl Pool {
    /// Groups deployments into tiers. `numbered` are all of them, those that are off included.
    pub(super) fn new(
        group: Arc<str>,
        numbered: &[(DeploymentIdx, &Deployment)],
        has_default: bool,
    ) -> Self {
        let (mut live, off): (Vec<_>, Vec<_>) = numbered
            .iter()
            .copied()
            .partition(|(_, config)| config.off.is_none());
        live.sort_by_key(|(_, config)| rank(config));
        let mut tiers = Vec::new();
        let mut start = 0;
        for tier in live.chunk_by(|(_, one), (_, other)| rank(one) == rank(other)) {
            let configs: Vec<&Deployment> = tier.iter().map(|&(_, config)| config).collect();
            tiers.push(Tier {
                range: start..start + tier.len(),
                weights: weights(&configs),
            });
            start += tier.len();
        }
        Self {
            pattern: Pattern::is_one(&group).then(|| Pattern::new(&group)),
            group,
            follows_group: true,
            members: live.iter().map(|&(idx, _)| idx).collect(),
            off: off.iter().map(|&(idx, _)| idx).collect(),
            tiers: tiers.into_boxed_slice(),
            has_default,
        }
    }

    /// The members of one tier; none beyond the last.
    pub(super) fn tier(&self, tier: usize) -> &[DeploymentIdx] {
        let range = self.tiers.get(tier).map(|tier| tier.range.clone());
        range
            .and_then(|range| self.members.get(range))
            .unwrap_or_default()
    }

    /// The tier a member stands in.
    pub(super) fn tier_of(&self, deployment: DeploymentIdx) -> usize {
        let place = self.members.iter().position(|member| *member == deployment);
        let holds = |tier: &Tier| place.is_some_and(|place| tier.range.contains(&place));
        self.tiers.iter().position(holds).unwrap_or(0)
    }
}

/// Sorts those without an `order` last.
fn rank(config: &Deployment) -> (bool, i64) {
    (config.order.is_none(), config.order.unwrap_or(0))
}

/// `weight`, else `rpm`, else `tpm` — the first that every one of them has, one of them above zero.
/// What weighs nothing is taken only when nothing else of its tier is left.
fn weights(tier: &[&Deployment]) -> Box<[f64]> {
    let sources: [fn(&Deployment) -> Option<f64>; 3] = [
        |config| config.weight,
        |config| config.rpm.map(|rpm| rpm as f64),
        |config| config.tpm.map(|tpm| tpm as f64),
    ];
    for source in sources {
        let all: Option<Box<[f64]>> = tier
            .iter()
            .map(|config| source(config).filter(|weight| *weight >= 0.0 && weight.is_finite()))
            .collect();
        let all = all.filter(|all| all.iter().any(|weight| *weight > 0.0));
        if let Some(all) = all {
            return all;
        }
    }
    Box::default()
}
