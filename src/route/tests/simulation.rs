//! Twenty clients against an Ollama that is killed and comes back, in virtual time, over the real
//! engine: walks, breakers, host health and the probe loop.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use fastrand::Rng;

use super::kit::{ask, chains, config, fault};
use crate::base::{DeploymentIdx, Fault, FaultKind, HostIdx, HostState, Mono, Observation};
use crate::config::{AllowedFails, Router};
use crate::route::breaker::{Failure, Rules};
use crate::route::host::{PROBE_TIMEOUT, SUSPECT_AFTER};
use crate::route::{
    Breaker, DeploymentView, HostHealth, HostView, Kind, Step, Table, Try, View, Walk,
};

const CLIENTS: usize = 20;
const KILL: u64 = 20_000;
const BACK: u64 = 100_000;
const END: u64 = 200_000;
/// The host that dies, and its deployment.
const LOCAL: (HostIdx, DeploymentIdx) = (HostIdx(0), DeploymentIdx(0));

/// How the host dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Death {
    /// The process is killed: connections are reset, then refused.
    Refuses,
    /// The cable is cut: nothing answers any more.
    Silent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    /// A client sends its next request.
    Arrive(usize),
    /// A backoff is over.
    Wake(usize),
    /// A client's try has ended by itself, unless it was abandoned.
    Ends {
        client: usize,
        attempt: u64,
    },
    /// A client has waited long for the first byte.
    Suspect {
        client: usize,
        attempt: u64,
    },
    Probe,
    ProbeEnds,
    Kill,
}

struct Client {
    walk: Option<Walk>,
    since: Mono,
    attempt: u64,
    on: Option<(DeploymentIdx, bool)>,
    failed_tries: usize,
}

/// One request that was served.
#[derive(Debug)]
struct Served {
    at: Mono,
    took: Duration,
    by: DeploymentIdx,
    failed_tries: usize,
}

struct Sim {
    table: Table,
    rules: Vec<Rules>,
    death: Death,
    now: Mono,
    events: BinaryHeap<Reverse<(Mono, u64, What)>>,
    serial: u64,
    hosts: Vec<HostHealth>,
    breakers: Vec<Breaker>,
    in_flight: Vec<u32>,
    clients: Vec<Client>,
    probing: bool,
    rng: Rng,
    served: Vec<Served>,
    errors: Vec<Fault>,
    /// When the dying host changed its state, and to what.
    changes: Vec<(Mono, HostState)>,
    most_on_trial: u32,
}

impl View for Sim {
    fn host(&self, host: HostIdx) -> HostView {
        let health = &self.hosts[host.0];
        HostView {
            state: health.state(),
            trial_free: health.trial_free(),
            in_flight: 0,
        }
    }

    fn deployment(&self, deployment: DeploymentIdx) -> DeploymentView {
        let breaker = &self.breakers[deployment.0];
        DeploymentView {
            breaker: breaker.state(self.now),
            ready_at: breaker.ready_at(),
            trial_free: breaker.trial_free(self.now),
            in_flight: self.in_flight[deployment.0],
            ..DeploymentView::default()
        }
    }
}

impl Sim {
    fn new(text: &str, mut router: Router, death: Death, seed: u64) -> Self {
        router.allowed_fails = AllowedFails::Count(3);
        router.cooldown_time = Duration::from_mins(1);
        let table = Table::build(&config(text, router));
        let n_deployments = table.deployments().len();
        let rules = (0..n_deployments).map(|place| table.rules(DeploymentIdx(place)));
        let client = || Client {
            walk: None,
            since: Mono::ZERO,
            attempt: 0,
            on: None,
            failed_tries: 0,
        };
        let health = |host: &crate::route::HostNode| HostHealth::new(host.probed, Mono::ZERO);
        let mut sim = Self {
            rules: rules.collect(),
            hosts: table.hosts().iter().map(health).collect(),
            breakers: vec![Breaker::default(); n_deployments],
            in_flight: vec![0; n_deployments],
            clients: std::iter::repeat_with(client).take(CLIENTS).collect(),
            table,
            death,
            now: Mono::ZERO,
            events: BinaryHeap::new(),
            serial: 0,
            probing: false,
            rng: Rng::with_seed(seed),
            served: Vec::new(),
            errors: Vec::new(),
            changes: Vec::new(),
            most_on_trial: 0,
        };
        for client in 0..CLIENTS {
            let first = Mono::from_millis(sim.rng.u64(..300));
            sim.at(first, What::Arrive(client));
        }
        sim.at(Mono::ZERO, What::Probe);
        sim.at(Mono::from_millis(KILL), What::Kill);
        sim
    }

    fn at(&mut self, when: Mono, what: What) {
        self.serial += 1;
        self.events.push(Reverse((when, self.serial, what)));
    }

    fn in_millis(&mut self, millis: u64, what: What) {
        self.at(self.now.after(Duration::from_millis(millis)), what);
    }

    fn is_dead(&self) -> bool {
        (KILL..BACK).contains(&self.now.as_millis())
    }

    fn run(mut self) -> Self {
        while let Some(Reverse((when, _, what))) = self.events.pop() {
            if when > Mono::from_millis(END) {
                break;
            }
            self.now = when;
            self.happen(what);
        }
        self
    }

    fn happen(&mut self, what: What) {
        match what {
            What::Arrive(client) => {
                let walk = Walk::new(&self.table, ask("chat"), self.rng.u64(..)).unwrap();
                self.clients[client].walk = Some(walk);
                self.clients[client].since = self.now;
                self.clients[client].failed_tries = 0;
                self.step(client, None);
            },
            What::Wake(client) => self.step(client, None),
            What::Ends { client, attempt } => self.ends(client, attempt),
            What::Suspect { client, attempt } => {
                if self.clients[client].attempt == attempt && self.clients[client].on.is_some() {
                    self.hosts[LOCAL.0.0].suspect(self.now);
                    let due = self.hosts[LOCAL.0.0].next_probe_at().unwrap();
                    self.at(due.max(self.now), What::Probe);
                }
            },
            What::Probe => self.probe(),
            What::ProbeEnds => {
                self.probing = false;
                let seen = if self.is_dead() {
                    Observation::ProbeFailed
                } else {
                    Observation::ProbeAnswered
                };
                self.observe(LOCAL.0, seen);
                let due = self.hosts[LOCAL.0.0].next_probe_at().unwrap();
                self.at(due, What::Probe);
            },
            What::Kill => {
                for client in 0..CLIENTS {
                    let on_it = self.clients[client].on.is_some_and(|(on, _)| on == LOCAL.1);
                    if on_it && self.death == Death::Refuses {
                        self.failed(client, FaultKind::Reset);
                    }
                }
            },
        }
    }

    fn probe(&mut self) {
        let due = self.hosts[LOCAL.0.0].next_probe_at().unwrap();
        if self.probing || due > self.now {
            return;
        }
        self.probing = true;
        self.hosts[LOCAL.0.0].probe_begun(self.now);
        let silent = self.is_dead() && self.death == Death::Silent;
        let took = if silent {
            PROBE_TIMEOUT
        } else {
            Duration::from_millis(2)
        };
        self.at(self.now.after(took), What::ProbeEnds);
    }

    fn observe(&mut self, host: HostIdx, seen: Observation) {
        let Some(change) = self.hosts[host.0].observe(seen, self.now) else {
            return;
        };
        if host == LOCAL.0 {
            self.changes.push((self.now, change.to));
        }
        if change.to == HostState::Down {
            for client in 0..CLIENTS {
                if self.clients[client].on.is_some_and(|(on, _)| on == LOCAL.1) {
                    self.failed(client, FaultKind::HostDown);
                }
            }
        }
    }

    fn step(&mut self, client: usize, last: Option<&Fault>) {
        let mut walk = self.clients[client].walk.take().unwrap();
        let step = walk.next(&self.table, self, last, self.now);
        self.clients[client].walk = Some(walk);
        match step {
            Step::Try(next) => self.begin(client, &next),
            Step::Wait { until, .. } => self.at(until, What::Wake(client)),
            Step::Give(fault) => {
                self.errors.push(fault);
                let pause = self.rng.u64(10..100);
                self.in_millis(pause, What::Arrive(client));
            },
        }
    }

    fn begin(&mut self, client: usize, next: &Try) {
        let idx = next.deployment;
        if next.is_trial {
            let host = self.table.deployment(idx).unwrap().host;
            let probing = self.hosts[host.0].state() == HostState::Probing;
            assert!(!probing || self.hosts[host.0].begin_trial());
            let half = self.breakers[idx.0].trial_free(self.now);
            assert!(!half || self.breakers[idx.0].begin_trial(self.now));
        }
        self.in_flight[idx.0] += 1;
        if idx == LOCAL.1 && self.hosts[LOCAL.0.0].state() == HostState::Probing {
            self.most_on_trial = self.most_on_trial.max(self.in_flight[idx.0]);
        }
        assert!(next.kind != Kind::Retry || self.clients[client].failed_tries > 0);
        self.clients[client].attempt += 1;
        self.clients[client].on = Some((idx, next.is_trial));
        let attempt = self.clients[client].attempt;
        let dead = idx == LOCAL.1 && self.is_dead();
        match (dead, self.death) {
            (true, Death::Refuses) => self.in_millis(1, What::Ends { client, attempt }),
            // Nothing ever comes back.
            (true, Death::Silent) => {},
            (false, _) => {
                let took = self.rng.u64(100..400);
                self.in_millis(took, What::Ends { client, attempt });
            },
        }
        if idx == LOCAL.1 {
            let millis = u64::try_from(SUSPECT_AFTER.as_millis()).unwrap();
            self.in_millis(millis, What::Suspect { client, attempt });
        }
    }

    /// A try is over: its trial and its place in flight are free.
    fn release(&mut self, client: usize) -> DeploymentIdx {
        let (idx, trial) = self.clients[client].on.take().unwrap();
        self.in_flight[idx.0] -= 1;
        if trial {
            let host = self.table.deployment(idx).unwrap().host;
            self.breakers[idx.0].end_trial();
            self.hosts[host.0].end_trial();
        }
        idx
    }

    fn ends(&mut self, client: usize, attempt: u64) {
        if self.clients[client].attempt != attempt || self.clients[client].on.is_none() {
            return;
        }
        let on = self.clients[client].on.map(|(on, _)| on);
        if on == Some(LOCAL.1) && self.is_dead() {
            match self.death {
                Death::Refuses => self.failed(client, FaultKind::Connect),
                Death::Silent => {},
            }
            return;
        }
        let by = self.release(client);
        let host = self.table.deployment(by).unwrap().host;
        self.breakers[by.0].success(self.now);
        self.observe(host, Observation::TrafficAnswered);
        self.served.push(Served {
            at: self.now,
            took: self.now.since(self.clients[client].since),
            by,
            failed_tries: self.clients[client].failed_tries,
        });
        let pause = self.rng.u64(10..100);
        self.in_millis(pause, What::Arrive(client));
    }

    fn failed(&mut self, client: usize, kind: FaultKind) {
        let idx = self.release(client);
        self.clients[client].failed_tries += 1;
        let fault = fault(kind);
        let failure = Failure {
            host_down: self.hosts[LOCAL.0.0].state() == HostState::Down,
            ..Failure::of(&fault)
        };
        self.breakers[idx.0].failure(&self.rules[idx.0], failure, self.now);
        if kind == FaultKind::Connect {
            self.observe(LOCAL.0, Observation::ConnectFailed);
            self.at(self.now, What::Probe);
        }
        self.step(client, Some(&fault));
    }
}

const WORLDS: [(&str, &str); 2] = [
    ("chat llama@h1 order=1\nchat gpt@c1 order=2", ""),
    (
        "chat llama@h1\ncloud gpt@c1",
        "chat -> cloud\ncloud -> chat",
    ),
];

fn each_world(check: impl Fn(&Sim, Death)) {
    for (text, fallbacks) in WORLDS {
        for death in [Death::Refuses, Death::Silent] {
            for seed in 0..2 {
                let router = Router {
                    fallbacks: chains(fallbacks),
                    ..Router::default()
                };
                check(&Sim::new(text, router, death, seed).run(), death);
            }
        }
    }
}

fn at(millis: u64) -> Mono {
    Mono::from_millis(millis)
}

#[test]
fn no_request_fails_and_none_waits_long() {
    each_world(|sim, death| {
        assert!(sim.errors.is_empty(), "{:?}", sim.errors);
        assert!(sim.served.len() > 5_000, "{}", sim.served.len());
        let longest = sim.served.iter().map(|one| one.took).max().unwrap();
        // Two seconds to the next backend, which then takes up to 0.4 s to answer.
        assert!(
            longest < Duration::from_millis(2_400),
            "{death:?}: {longest:?}"
        );
    });
}

#[test]
fn a_dead_host_is_down_at_once_and_then_costs_nothing() {
    each_world(|sim, death| {
        let down = sim
            .changes
            .iter()
            .find(|(_, to)| *to == HostState::Down)
            .unwrap()
            .0;
        let took = down.since(at(KILL));
        assert!(took < Duration::from_secs(2), "{death:?}: {took:?}");
        let failed: usize = sim.served.iter().map(|one| one.failed_tries).sum();
        assert!(failed <= 2 * CLIENTS, "{death:?}: {failed} failed tries");
        let later = sim.served.iter().filter(|one| {
            let arrived = one.at.since(Mono::ZERO).checked_sub(one.took).unwrap();
            arrived > down.since(Mono::ZERO)
        });
        assert_eq!(later.map(|one| one.failed_tries).sum::<usize>(), 0);
    });
}

#[test]
fn it_serves_again_by_itself_after_a_single_trial() {
    each_world(|sim, death| {
        let local = |from: u64, to: u64| {
            let within = sim
                .served
                .iter()
                .filter(|one| one.at >= at(from) && one.at < at(to));
            let (by_local, all) = within.fold((0, 0), |(by_local, all), one| {
                (by_local + usize::from(one.by == LOCAL.1), all + 1)
            });
            (by_local, all)
        };
        let (before, all_before) = local(0, KILL);
        assert_eq!(before, all_before);
        assert_eq!(local(KILL + 1_000, BACK).0, 0);
        let (after, all_after) = local(BACK + 4_000, END);
        assert_eq!(after, all_after, "{death:?}: all of it is back");
        assert_eq!(sim.most_on_trial, 1, "{death:?}: single flight");
        let last = sim.changes.last().unwrap();
        assert_eq!(last.1, HostState::Up);
    });
}
