//! The live state that routing reads: hosts, deployments, permits.
//!
//! A [`Fleet`] belongs to one routing table; its [`HostLive`]s and [`DeploymentLive`]s live on when the
//! table is replaced, so that a reload forgets no cooldown. A [`Permit`] holds what one try has taken
//! and gives it back when dropped, however the try ends. What a report changed is told to the caller,
//! who writes the event.

pub mod deployment;
pub mod host;
pub mod permit;
pub mod slots;
pub mod switches;
pub mod view;

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Notify;

use crate::base::{DeploymentIdx, Fault, FaultKind, HostIdx, HostState, Mono, Observation};
use crate::route::breaker::{self, Failure, OpenReason, Rules};
use crate::route::{Table, host as host_rules};

pub use deployment::DeploymentLive;
pub use host::HostLive;
pub use permit::Permit;
pub use slots::{SlotWait, Slots};
pub use switches::{Switch, Switches, lone_places};
pub use view::FleetView;

/// The live state of one routing table.
#[derive(Debug)]
pub struct Fleet {
    /// The table.
    pub table: Arc<Table>,
    /// By [`HostIdx`].
    pub hosts: Vec<Arc<HostLive>>,
    /// By [`DeploymentIdx`].
    pub deployments: Vec<Arc<DeploymentLive>>,
    /// Rings when some host is to be probed sooner than planned.
    pub hurry: Arc<Notify>,
    /// Tells of slots that are given back.
    pub slots: Arc<Slots>,
    rules: Vec<Rules>,
    by_id: HashMap<Arc<str>, DeploymentIdx>,
}

/// What a report changed, for whoever writes events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A deployment cools down from now on.
    Opened {
        /// Which.
        deployment: DeploymentIdx,
        /// For how long.
        wait: std::time::Duration,
        /// Why.
        why: OpenReason,
    },
    /// A deployment takes traffic again.
    Closed {
        /// Which.
        deployment: DeploymentIdx,
    },
    /// A host's reachability changed.
    Host {
        /// Which.
        host: HostIdx,
        /// Before.
        from: HostState,
        /// Now.
        to: HostState,
    },
}

impl Fleet {
    /// The live state for a table; what it shares with an older one is carried over.
    pub fn build(table: Arc<Table>, old: Option<&Self>, switches: &Switches, now: Mono) -> Self {
        let hurry = old.map_or_else(Arc::default, |old| Arc::clone(&old.hurry));
        let slots = old.map_or_else(Arc::default, |old| Arc::clone(&old.slots));
        let carried = old
            .map(|old| table.carried_from(&old.table))
            .unwrap_or_default();
        let older_host = |place: usize| {
            let idx = carried.hosts.get(place).copied().flatten()?;
            old?.hosts.get(idx.0).cloned()
        };
        let older_deployment = |place: usize| {
            let idx = carried.deployments.get(place).copied().flatten()?;
            old?.deployments.get(idx.0).cloned()
        };
        let hosts = table.hosts().iter().enumerate().map(|(place, node)| {
            let live = older_host(place).unwrap_or_else(|| {
                Arc::new(HostLive::new(
                    &node.origin,
                    node.probed,
                    (&hurry, &slots),
                    now,
                ))
            });
            live.set_probed(node.probed, now);
            live
        });
        let hosts: Vec<_> = hosts.collect();
        let places = lone_places(&table);
        let nodes = table.deployments().iter().zip(&places).enumerate();
        let deployments = nodes.map(|(number, (node, place))| {
            older_deployment(number).unwrap_or_else(|| {
                let id = &node.config.id;
                let off = switches.off_since(id, place.as_ref());
                Arc::new(DeploymentLive::new(id, off, now))
            })
        });
        let deployments: Vec<_> = deployments.collect();
        let rules = (0..deployments.len())
            .map(|place| table.rules(DeploymentIdx(place)))
            .collect();
        let ids = table.deployments().iter().enumerate();
        let by_id = ids.map(|(place, node)| (Arc::clone(&node.config.id), DeploymentIdx(place)));
        Self {
            by_id: by_id.collect(),
            table,
            hosts,
            deployments,
            hurry,
            slots,
            rules,
        }
    }

    /// The deployment of this id.
    pub fn find(&self, id: &str) -> Option<DeploymentIdx> {
        self.by_id.get(id).copied()
    }

    /// The live state of a deployment and of its host.
    pub fn pair(&self, idx: DeploymentIdx) -> Option<(&Arc<DeploymentLive>, &Arc<HostLive>)> {
        let node = self.table.deployment(idx)?;
        Some((self.deployments.get(idx.0)?, self.hosts.get(node.host.0)?))
    }

    /// Takes all that a try needs in one step. `None` when somebody else took the last of it since
    /// the view was read: the walk is to be asked again.
    pub fn acquire(&self, idx: DeploymentIdx, trial: bool, now: Mono) -> Option<Permit> {
        let (deployment, host) = self.pair(idx)?;
        let node = self.table.deployment(idx)?;
        let host_limit = self.table.host(node.host)?.max_parallel;
        let limits = (node.config.max_parallel, host_limit);
        Permit::take(deployment, host, limits, trial, now)
    }

    /// A backend's answer began: its host lives.
    pub fn answered(&self, idx: DeploymentIdx, now: Mono) -> Option<Change> {
        self.observe_host(idx, Observation::TrafficAnswered, now)
    }

    /// A try was served in full.
    pub fn served(&self, idx: DeploymentIdx, now: Mono) -> Option<Change> {
        let live = self.deployments.get(idx.0)?;
        let change = live.breaker().success(now)?;
        live.note_turn(now);
        Some(translate(idx, change))
    }

    /// A try failed. Gives what it changed at the breaker and at the host.
    pub fn failed(
        &self,
        idx: DeploymentIdx,
        fault: &Fault,
        client_timeout: bool,
        now: Mono,
    ) -> [Option<Change>; 2] {
        let Some((deployment, host)) = self.pair(idx) else {
            return [None, None];
        };
        let Some(rules) = self.rules.get(idx.0) else {
            return [None, None];
        };
        let host_down = fault.kind == FaultKind::HostDown || host.state() == HostState::Down;
        let at_host = match fault.kind {
            FaultKind::Connect => self.observe_host(idx, Observation::ConnectFailed, now),
            _ => None,
        };
        let failure = Failure {
            fault,
            host_down,
            client_timeout,
        };
        let opened = deployment.breaker().failure(rules, failure, now);
        if opened.is_some() {
            deployment.note_turn(now);
        }
        [at_host, opened.map(|change| translate(idx, change))]
    }

    /// A try has waited for long: its host is looked at soon.
    pub fn suspect(&self, idx: DeploymentIdx, now: Mono) {
        if let Some((_deployment, host)) = self.pair(idx) {
            host.suspect(now);
        }
    }

    /// A probe ended, or has waited for long.
    pub fn probed(
        &self,
        host: HostIdx,
        seen: Observation,
        said: String,
        now: Mono,
    ) -> Option<Change> {
        let live = self.hosts.get(host.0)?;
        let change = live.observe(seen, now);
        live.set_last_probe(said);
        if seen == Observation::ProbeAnswered {
            let was_down = change.is_some_and(|change| change.from == HostState::Down);
            self.host_answers(host, was_down, now);
        }
        change.map(|change| of_host(host, change))
    }

    /// What cooled down for no more than its host's absence may be tried again.
    fn host_answers(&self, host: HostIdx, was_down: bool, now: Mono) {
        let on_it = self.table.host(host).map(|node| &*node.deployments);
        for idx in on_it.unwrap_or_default() {
            if let Some(live) = self.deployments.get(idx.0) {
                live.breaker().host_answers(was_down, now);
            }
        }
    }

    fn observe_host(&self, idx: DeploymentIdx, seen: Observation, now: Mono) -> Option<Change> {
        let host = self.table.deployment(idx)?.host;
        let change = self.hosts.get(host.0)?.observe(seen, now)?;
        if change.from == HostState::Down {
            self.host_answers(host, true, now);
        }
        Some(of_host(host, change))
    }

    /// Failures counted against a deployment, and how many it takes.
    pub fn fails(&self, idx: DeploymentIdx, now: Mono) -> (u32, Option<u32>) {
        match (self.deployments.get(idx.0), self.rules.get(idx.0)) {
            (Some(live), Some(rules)) => live.breaker().fails(rules, now),
            _ => (0, None),
        }
    }
}

const fn translate(deployment: DeploymentIdx, change: breaker::Change) -> Change {
    match change {
        breaker::Change::Opened { wait, why } => Change::Opened {
            deployment,
            wait,
            why,
        },
        breaker::Change::Closed => Change::Closed { deployment },
    }
}

const fn of_host(host: HostIdx, change: host_rules::Change) -> Change {
    Change::Host {
        host,
        from: change.from,
        to: change.to,
    }
}
