//! The live state as routing reads it, at one moment and for one request.

use crate::base::{DeploymentIdx, HostIdx, HostState, Mono};
use crate::route::{DeploymentView, HostView, Present, Unusable, View};
use crate::traffic::Fleet;

/// A fleet as one request sees it now.
pub struct FleetView<'a> {
    /// The fleet of the config the request began with.
    pub fleet: &'a Fleet,
    /// The moment.
    pub now: Mono,
    /// Whether a deployment can serve this kind of request at all.
    pub serves: &'a dyn Fn(DeploymentIdx) -> bool,
    /// What the present config has taken back, when it is another one.
    pub present: Option<&'a Present>,
}

impl View for FleetView<'_> {
    fn host(&self, host: HostIdx) -> HostView {
        let Some(live) = self.fleet.hosts.get(host.0) else {
            return HostView::default();
        };
        let health = live.health();
        HostView {
            state: health.state(),
            trial_free: health.state() == HostState::Probing && health.trial_free(),
            in_flight: live.in_flight(),
        }
    }

    fn deployment(&self, idx: DeploymentIdx) -> DeploymentView {
        let (Some(live), Some(node)) = (
            self.fleet.deployments.get(idx.0),
            self.fleet.table.deployment(idx),
        ) else {
            return DeploymentView {
                unusable: Some(Unusable::NotInConfig),
                ..DeploymentView::default()
            };
        };
        let unusable = if live.off_since().is_some() {
            Some(Unusable::OffByYou)
        } else if !(self.serves)(idx) {
            Some(Unusable::CannotServe)
        } else {
            self.present.and_then(|present| present.unusable(idx))
        };
        let breaker = live.breaker();
        let in_flight = live.in_flight();
        let (rpm_used, tpm_used) = live.used(self.now);
        DeploymentView {
            unusable,
            breaker: breaker.state(self.now),
            ready_at: breaker.ready_at(),
            trial_free: breaker.trial_free(self.now),
            in_flight,
            rpm_used,
            tpm_used,
            parallel_full: is_full(node.config.max_parallel, in_flight)
                || self.is_host_full(node.host),
        }
    }
}

impl FleetView<'_> {
    fn is_host_full(&self, host: HostIdx) -> bool {
        let limit = self
            .fleet
            .table
            .host(host)
            .and_then(|node| node.max_parallel);
        let live = self.fleet.hosts.get(host.0);
        live.is_some_and(|live| is_full(limit, live.in_flight()))
    }
}

fn is_full(limit: Option<u32>, in_flight: u32) -> bool {
    limit.is_some_and(|limit| in_flight >= limit)
}
