//! What one try has taken of its deployment and host. Dropping it gives everything back.

use std::sync::Arc;

use tokio::sync::watch;

use crate::base::{BreakerState, HostState, Mono};
use crate::traffic::{DeploymentLive, HostLive};

/// A try's hold on its deployment and host.
#[derive(Debug)]
pub struct Permit {
    deployment: Arc<DeploymentLive>,
    host: Arc<HostLive>,
    breaker_trial: bool,
    host_trial: bool,
    bell: watch::Receiver<u64>,
}

impl Permit {
    /// Takes everything or nothing, within the limits of the deployment and of its host. `trial`: the
    /// walk chose it as the one trial; another request may have begun it since. ("Try anyway"
    /// asks for no trial and is not held up by one.)
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
            breaker_trial: false,
            host_trial: false,
            bell: host.bell(),
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

    /// Whether its host went away since it was taken, and is still away. (A silent one that answers after
    /// all was there.)
    pub fn has_host_fallen(&self) -> bool {
        self.bell.has_changed().unwrap_or_default()
            && self.host.state() == HostState::Down
            && !self.host.is_silent()
    }

    /// The host it is on.
    pub const fn host(&self) -> &Arc<HostLive> {
        &self.host
    }

    /// Rings when the host goes away after the permit was taken, however often it is asked for.
    pub fn bell(&self) -> watch::Receiver<u64> {
        self.bell.clone()
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
