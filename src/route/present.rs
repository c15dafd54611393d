//! Requests that outlive a reload: each new try must be allowed by the configuration the request began
//! with *and* by the present one.
//!
//! The walk goes on over its own table; [`Present`] says which of that table's deployments the present
//! one has taken back, and [`Within`] adds that to a view.

use crate::base::{DeploymentIdx, HostIdx};
use crate::route::{DeploymentView, HostView, Table, Unusable, View};

/// What a newer table forbids of an older one, for one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Present {
    /// By [`DeploymentIdx`] of the older table.
    taken_back: Vec<Option<Unusable>>,
}

impl Present {
    /// Compares the table a request with these tags began with, and the present one. Worth making
    /// only when they are not the same.
    pub fn new(began: &Table, present: &Table, tags: &[String]) -> Self {
        let demand = present.demand(tags);
        let mut taken_back = vec![Some(Unusable::NotInConfig); began.deployments().len()];
        let carried = present.carried_from(began);
        for (place, old) in carried.deployments.iter().enumerate() {
            let new = DeploymentIdx(place);
            let entry = old.and_then(|old| taken_back.get_mut(old.0));
            let on = |new| {
                present
                    .deployment(new)
                    .is_some_and(|node| node.config.off.is_none())
            };
            if let Some(entry) = entry.filter(|_| on(new)) {
                let allowed = present.allows(&demand, new);
                *entry = (!allowed).then_some(Unusable::TagsChanged);
            }
        }
        Self { taken_back }
    }

    /// Why the present table no longer lets the request use this deployment of the older one.
    pub fn unusable(&self, deployment: DeploymentIdx) -> Option<Unusable> {
        let known = self.taken_back.get(deployment.0).copied();
        known.unwrap_or(Some(Unusable::NotInConfig))
    }
}

/// A view of an older table's state, within what the present table allows.
#[derive(Debug, Clone, Copy)]
pub struct Within<'v, V> {
    /// The live state, by the older table's indexes.
    pub view: &'v V,
    /// What the present table forbids.
    pub present: &'v Present,
}

impl<V: View> View for Within<'_, V> {
    fn host(&self, host: HostIdx) -> HostView {
        self.view.host(host)
    }

    fn deployment(&self, deployment: DeploymentIdx) -> DeploymentView {
        let mut view = self.view.deployment(deployment);
        view.unusable = view.unusable.or_else(|| self.present.unusable(deployment));
        view
    }
}
