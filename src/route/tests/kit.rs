//! A config in a few lines, a world that stands still until told, and a walk run to its end.
//!
//! A line is `group name@host key=value …`; the name is the id and the model. Hosts beginning with `c`
//! are clouds. Keys: `order`, `weight`, `rpm`, `tpm`, `retries`, `cooldown`, `fails`, `tags=a,b`, `off`.

use std::time::Duration;

use crate::base::{BreakerState, DeploymentIdx, Fault, FaultKind, HostIdx, HostState, Mono};
use crate::config::{Chain, Config, Deployment, Dialect, Router, Target, Timeouts, Upstream};
use crate::route::{
    Ask, DeploymentView, HostView, Kind, Step, Table, Try, Unusable, View, WaitReason, Walk,
};

pub(super) fn config(text: &str, router: Router) -> Config {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    Config {
        deployments: lines.map(deployment).collect(),
        router,
        ..Config::default()
    }
}

pub(super) fn deployment(line: &str) -> Deployment {
    let mut words = line.split_whitespace();
    let group = words.next().unwrap();
    let (name, host) = words.next().unwrap().split_once('@').unwrap();
    let mut made = plain(group, name, host);
    for word in words {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        match key {
            "order" => made.order = Some(value.parse().unwrap()),
            "weight" => made.weight = Some(value.parse().unwrap()),
            "rpm" => made.rpm = Some(value.parse().unwrap()),
            "tpm" => made.tpm = Some(value.parse().unwrap()),
            "retries" => made.num_retries = Some(value.parse().unwrap()),
            "cooldown" => {
                made.cooldown_time = Some(Duration::from_secs(value.parse().unwrap()));
            },
            "fails" => made.allowed_fails = Some(value.parse().unwrap()),
            "tags" => made.tags = value.split(',').map(ToOwned::to_owned).collect(),
            "off" => made.off = Some("switched off in the test".to_owned()),
            other => panic!("no such key: {other}"),
        }
    }
    made
}

fn plain(group: &str, name: &str, host: &str) -> Deployment {
    Deployment {
        id: name.into(),
        group: group.into(),
        name: format!("{name} @ {host}").into(),
        upstream: Upstream {
            provider: "openai".into(),
            dialect: Dialect::OpenAi,
            model: name.into(),
            base: format!("http://{host}:80/v1").into(),
            key: None,
            organization: None,
            headers: Vec::new(),
            local: !host.starts_with('c'),
        },
        off: None,
        order: None,
        weight: None,
        rpm: None,
        tpm: None,
        timeouts: Timeouts::default(),
        num_retries: None,
        cooldown_time: None,
        allowed_fails: None,
        max_parallel: None,
        tags: Vec::new(),
        defaults: serde_json::Map::new(),
        drop_params: false,
        additional_drop_params: Vec::new(),
        price: crate::config::PriceOverride::default(),
        base_model: None,
        max_input_tokens: None,
        fallback: Vec::new(),
        model_info: serde_json::Map::new(),
        shown_params: serde_json::Map::new(),
    }
}

/// `a -> b c`, one chain a line.
pub(super) fn chains(text: &str) -> Vec<Chain> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let chain = |line: &str| {
        let (from, to) = line.split_once(" -> ").unwrap();
        Chain {
            from: from.into(),
            to: targets(to),
        }
    };
    lines.map(chain).collect()
}

pub(super) fn targets(text: &str) -> Vec<Target> {
    let names = text.split_whitespace();
    names.map(|name| Target::Group(name.into())).collect()
}

/// A table and the state of its world.
pub(super) struct World {
    pub(super) table: Table,
    pub(super) hosts: Vec<HostView>,
    pub(super) views: Vec<DeploymentView>,
    pub(super) now: Mono,
}

impl View for World {
    fn host(&self, host: HostIdx) -> HostView {
        let there = &self.table.host(host).unwrap().deployments;
        HostView {
            in_flight: there.iter().map(|idx| self.views[idx.0].in_flight).sum(),
            ..self.hosts[host.0]
        }
    }

    fn deployment(&self, deployment: DeploymentIdx) -> DeploymentView {
        self.views[deployment.0]
    }
}

/// How a walk went: a line a step, and what the client gets.
#[derive(Debug)]
pub(super) struct Run {
    /// `llama: only one`, `wait 0.5: …`.
    pub(super) steps: Vec<String>,
    pub(super) tries: Vec<Try>,
    pub(super) waits: Vec<(Duration, WaitReason)>,
    pub(super) end: Result<(), Fault>,
}

impl World {
    pub(super) fn new(text: &str, router: Router) -> Self {
        Self::of(&config(text, router))
    }

    pub(super) fn of(config: &Config) -> Self {
        let table = Table::build(config);
        Self {
            hosts: vec![HostView::default(); table.hosts().len()],
            views: vec![DeploymentView::default(); table.deployments().len()],
            now: Mono::from_millis(1_000_000),
            table,
        }
    }

    pub(super) fn idx(&self, name: &str) -> DeploymentIdx {
        let nodes = self.table.deployments();
        let place = nodes.iter().position(|node| &*node.config.id == name);
        DeploymentIdx(place.unwrap_or_else(|| panic!("no deployment {name}")))
    }

    pub(super) fn name(&self, deployment: DeploymentIdx) -> &str {
        &self.table.deployment(deployment).unwrap().config.id
    }

    pub(super) fn view(&mut self, name: &str) -> &mut DeploymentView {
        let idx = self.idx(name);
        &mut self.views[idx.0]
    }

    pub(super) fn host_of(&mut self, name: &str) -> &mut HostView {
        let host = self.table.deployment(self.idx(name)).unwrap().host;
        &mut self.hosts[host.0]
    }

    pub(super) fn cool(&mut self, name: &str, secs: u64) {
        let ready_at = self.now.after(Duration::from_secs(secs));
        let view = self.view(name);
        view.breaker = BreakerState::Open;
        view.ready_at = ready_at;
    }

    pub(super) fn down(&mut self, name: &str) {
        self.host_of(name).state = HostState::Down;
    }

    pub(super) fn switch_off(&mut self, name: &str) {
        self.view(name).unusable = Some(Unusable::OffByYou);
    }

    /// Runs a walk to its end. `outcome` says how a try ends, given its deployment's name.
    pub(super) fn run(&mut self, ask: Ask, seed: u64, outcome: impl Fn(&str) -> Outcome) -> Run {
        let mut run = Run {
            steps: Vec::new(),
            tries: Vec::new(),
            waits: Vec::new(),
            end: Ok(()),
        };
        let mut walk = match Walk::new(&self.table, ask, seed) {
            Ok(walk) => walk,
            Err(fault) => {
                run.end = Err(fault);
                return run;
            },
        };
        let mut last: Option<Fault> = None;
        for _ in 0..1_000 {
            match walk.next(&self.table, self, last.as_ref(), self.now) {
                Step::Try(next) => {
                    let name = self.name(next.deployment).to_owned();
                    run.steps.push(format!("{name}: {}", next.reason));
                    run.tries.push(next);
                    last = outcome(&name);
                    if last.is_none() {
                        return run;
                    }
                },
                Step::Wait { until, why } => {
                    let wait = self.now.until(until);
                    run.steps.push(format!("wait: {why}"));
                    run.waits.push((wait, why));
                    self.now = until;
                    last = None;
                },
                Step::Give(fault) => {
                    run.end = Err(fault);
                    return run;
                },
            }
        }
        panic!("a walk that does not end: {:#?}", run.steps);
    }

    /// Runs a walk for `model`, where the listed deployments fail and all others serve.
    pub(super) fn go(&mut self, model: &str, failing: &[(&str, FaultKind)]) -> Run {
        let outcome = |name: &str| {
            let found = failing.iter().find(|(failing, _)| *failing == name);
            found.map(|&(_, kind)| fault(kind))
        };
        self.run(ask(model), 7, outcome)
    }
}

pub(super) const TWO_TIERS: &str = "chat llama@h1 order=1\nchat gpt@c1 order=2";

/// A router with these fallbacks and nothing else set.
pub(super) fn falling(text: &str) -> Router {
    Router {
        fallbacks: chains(text),
        ..Router::default()
    }
}

pub(super) fn kinds(run: &Run) -> Vec<Kind> {
    run.tries.iter().map(|one| one.kind).collect()
}

/// How a try ends: served, or not.
pub(super) type Outcome = Option<Fault>;

pub(super) fn fault(kind: FaultKind) -> Fault {
    let fault = Fault::new(kind, format!("{} happened", kind.word()));
    match kind {
        FaultKind::RateLimited => fault.status(429),
        FaultKind::UpstreamError => fault.status(500),
        FaultKind::Overloaded => fault.status(503),
        FaultKind::Refused => fault.status(400),
        FaultKind::UpstreamAuth => fault.status(401),
        FaultKind::UpstreamNotFound => fault.status(404),
        _ => fault,
    }
}

pub(super) fn ask(model: &str) -> Ask {
    Ask {
        model: model.into(),
        ..Ask::default()
    }
}

pub(super) fn tagged(model: &str, tags: &[&str]) -> Ask {
    Ask {
        tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
        ..ask(model)
    }
}

impl Run {
    pub(super) fn kind(&self) -> FaultKind {
        self.end.as_ref().expect_err("it was served").kind
    }

    pub(super) fn served(&self) -> bool {
        self.end.is_ok()
    }
}
