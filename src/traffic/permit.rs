//! What one try has taken of its deployment and host. Dropping it gives everything back.

use std::sync::Arc;

use crate::base::{BreakerState, HostState, Mono};
use crate::traffic::{DeploymentLive, HostLive};

/// A try's hold on its deployment and host.
#[derive(Debug)]
pub struct Permit {
    deployment: Arc<DeploymentLive>,
    host: Arc<HostLive>,
    /// The host's falls when it was taken.
    falls: u32,
    breaker_trial: bool,
    host_trial: bool,
}

impl Permit {
    /// Takes everything or nothing, within the limits of the deployment and of its host. `trial`: the walk chose it as the one trial; another request may
    /// have begun it since. ("Try anyway" asks for no trial and is not held up by one.)
    pub(super) fn take(
        deployment: &Arc<DeploymentLive>,
        host: &Arc<HostLive>,
        (limit, host_limit): (Option<u32>, Option<u32>),
        trial: bool,
        now: Mono,
    ) -> Option<Self> {
        if !deployment.enter(limit) {
            return None;
        }
        if !host.enter(host_limit) {
            deployment.leave();
            return None;
        }
        let mut permit = Self {
            deployment: Arc::clone(deployment),
            host: Arc::clone(host),
            falls: host.falls(),
            breaker_trial: false,
            host_trial: false,
        };
        let mut breaker = deployment.breaker();
        let half_open = breaker.state(now) == BreakerState::HalfOpen;
        permit.breaker_trial = half_open && breaker.begin_trial(now);
        drop(breaker);
        let mut health = host.health();
        let probing = health.state() == HostState::Probing;
        permit.host_trial = probing && health.begin_trial();
        drop(health);
        let missed = (half_open && !permit.breaker_trial) || (probing && !permit.host_trial);
        if trial && missed {
            return None;
        }
        deployment.use_up(1, 0, now);
        Some(permit)
    }

    /// Waits until its host goes down; at once when it did so since the permit was taken.
    pub async fn host_gone(&self) {
        self.host.gone_since(self.falls).await;
    }

    /// Whether its host went down since it was taken.
    pub fn has_host_fallen(&self) -> bool {
        self.host.falls() != self.falls
    }

    /// The host it is on.
    pub const fn host(&self) -> &Arc<HostLive> {
        &self.host
    }

    /// The deployment it is on.
    pub const fn deployment(&self) -> &Arc<DeploymentLive> {
        &self.deployment
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.breaker_trial {
            self.deployment.breaker().end_trial();
        }
        if self.host_trial {
            self.host.health().end_trial();
        }
        self.deployment.leave();
        self.host.leave();
    }
}
