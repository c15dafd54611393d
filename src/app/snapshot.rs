//! Joins everything the dashboard shows into one snapshot.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use crate::app::headline::headline;
use crate::app::reload::ConfigState;
use crate::base::{BreakerState, DeploymentIdx, HostState, Mono};
use crate::config::Deployment;
use crate::control::{
    self, Backend, BackendState, GatewayInfo, Host, LedgerInfo, Model, Snapshot, Spend,
};
use crate::live::Numbers;
use crate::live::day::Zone;
use crate::price::per_million;
use crate::proxy::{Setup, Shared};
use crate::traffic::DeploymentLive;

/// Everything a snapshot is made of.
#[derive(Debug)]
pub struct Desk {
    /// What the workers share.
    pub shared: Arc<Shared>,
    /// What is known of the config.
    pub config: Arc<ConfigState>,
    /// Where it listens.
    pub listen: String,
    /// When it started.
    pub started: Mono,
    /// The demo's servers: base → whether it runs.
    pub simulated: Mutex<HashMap<String, bool>>,
    /// Spend of the last seven days, refreshed by the watcher of it.
    pub spend: Mutex<Option<Arc<Spend>>>,
    /// Whether this is the demo.
    pub demo: bool,
    /// The number of the last snapshot, and the mark of its content.
    pub marked: Mutex<(u64, u64)>,
    /// Somebody looked: milliseconds on the clock of the last snapshot.
    pub looked: std::sync::atomic::AtomicU64,
}

impl Desk {
    /// The state of everything now.
    pub fn snapshot(&self) -> Snapshot {
        let now = self.shared.clock.mono();
        self.looked.store(now.as_millis(), Ordering::Relaxed);
        let setup = self.shared.setup.load_full();
        let numbers = self.shared.live.numbers();
        let gateway = self.gateway(&setup, now);
        let hosts = self.hosts(&setup, now);
        let zone = self.shared.live.zone();
        let nodes = 0..setup.fleet.table.deployments().len();
        let backends: Vec<Backend> = nodes
            .filter_map(|place| Self::backend(&setup, &numbers, &zone, DeploymentIdx(place), now))
            .collect();
        let models = models(&setup, &numbers);
        let headline = headline(&gateway, &hosts, &backends, &models, |host| {
            numbers.outages.get(host).cloned()
        });
        Snapshot {
            version: control::VERSION,
            seq: self.seq(fingerprint(&numbers, &gateway, &hosts, &backends, now)),
            taken_at: self.shared.clock.wall(),
            gateway,
            now: numbers.now,
            today: numbers.today,
            headline,
            hosts,
            backends,
            models,
            in_flight: numbers.in_flight,
            recent: numbers.recent,
            events: numbers.events,
            series: numbers.series,
            spend: self
                .spend
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        }
    }

    /// A number that rises whenever the content differs from the last time.
    fn seq(&self, mark: u64) -> u64 {
        let mut last = self.marked.lock().unwrap_or_else(PoisonError::into_inner);
        if last.1 != mark {
            *last = (last.0 + 1, mark);
        }
        last.0
    }

    fn gateway(&self, setup: &Setup, now: Mono) -> GatewayInfo {
        let known = self.config.known();
        let zone = self.shared.live.zone();
        let ledger = self.shared.ledger.status();
        GatewayInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            listen: self.listen.clone(),
            demo: self.demo,
            draining: self.shared.draining.load(Ordering::Relaxed),
            uptime_ms: millis(now, self.started),
            config_path: known.name.clone(),
            config_loaded: known.loaded,
            config_errors: known.errors.clone(),
            config_notes: known.notes.clone(),
            needs_key: setup.config.general.master_key.is_some(),
            zone: zone.name(),
            zone_offset_s: zone.offset_s(self.shared.clock.wall()),
            ledger: LedgerInfo {
                path: ledger.path.display().to_string(),
                trouble: ledger.trouble,
                written: ledger.written,
                lost: ledger.lost,
                queued: ledger.queued,
            },
        }
    }

    fn hosts(&self, setup: &Setup, now: Mono) -> Vec<Host> {
        let simulated = self
            .simulated
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let nodes = setup.fleet.table.hosts().iter().enumerate();
        let hosts = nodes.zip(&setup.fleet.hosts).map(|((place, node), live)| {
            let base = setup.origin(crate::base::HostIdx(place)).to_string();
            let health = live.health();
            Host {
                state: health.state(),
                probed: node.probed,
                since_ms: millis(now, health.since()),
                next_probe_ms: health.next_probe_at().map(|at| millis(at, now)),
                last_probe: live.last_probe(),
                in_flight: live.in_flight(),
                simulated: simulated.get(&base).copied(),
                base,
            }
        });
        hosts.collect()
    }

    fn backend(
        setup: &Setup,
        numbers: &Numbers,
        zone: &Zone,
        idx: DeploymentIdx,
        now: Mono,
    ) -> Option<Backend> {
        let node = setup.fleet.table.deployment(idx)?;
        let (live, host) = setup.fleet.pair(idx)?;
        let config = &node.config;
        let (fails, fails_allowed) = setup.fleet.fails(idx, now);
        let breaker = live.breaker();
        let breaker_state = breaker.state(now);
        let cooling = breaker_state == BreakerState::Open;
        let why_open = breaker.why().map(|why| why.to_string()).unwrap_or_default();
        let left = cooling.then(|| millis(breaker.ready_at(), now));
        let total = breaker.cooldown().filter(|_| cooling);
        let cooldowns_in_row = breaker.in_row();
        drop(breaker);
        let health = host.health();
        let (host_state, host_since) = (health.state(), health.since());
        drop(health);
        let ill = Ill {
            host_state,
            last_probe: host.last_probe(),
            breaker_state,
            why_open,
        };
        let (state, why) = condition(config, live, &ill, zone);
        let since = match state {
            BackendState::Down | BackendState::Probing => host_since,
            _ => live.turned().max(host_since),
        };
        let own = numbers
            .backends
            .get(&config.id)
            .cloned()
            .unwrap_or_default();
        let (rpm_used, tpm_used) = live.used(now);
        let price = setup.prices.get(idx.0).and_then(Option::as_ref);
        Some(Backend {
            id: config.id.to_string(),
            name: config.name.to_string(),
            group: config.group.to_string(),
            provider: config.upstream.provider.to_string(),
            model: config.upstream.model.to_string(),
            host: node.host.0,
            local: config.upstream.local,
            state,
            why,
            breaker: breaker_state,
            cooldown_left_ms: left,
            cooldown_total_ms: total
                .map(|total| u64::try_from(total.as_millis()).unwrap_or(u64::MAX)),
            cooldowns_in_row,
            fails,
            fails_allowed,
            since_ms: millis(now, since),
            order: config.order,
            weight: config.weight,
            rpm: config.rpm,
            tpm: config.tpm,
            rpm_used,
            tpm_used,
            tags: config.tags.clone(),
            window: setup.windows.get(idx.0).copied().flatten(),
            price_in: price.and_then(|price| price.rates.input).map(per_million),
            price_out: price.and_then(|price| price.rates.output).map(per_million),
            in_flight: live.in_flight(),
            stats: own.stats,
            today: own.today,
            spark: own.spark,
            spark_errors: own.spark_errors,
            last_ok_ms: own.last_ok_ms,
            errors: own.errors,
        })
    }
}

/// What may keep a backend from taking traffic.
struct Ill {
    host_state: HostState,
    last_probe: String,
    breaker_state: BreakerState,
    why_open: String,
}

/// What a backend does, and why.
fn condition(
    config: &Deployment,
    live: &DeploymentLive,
    ill: &Ill,
    zone: &Zone,
) -> (BackendState, String) {
    if let Some(why) = &config.off {
        return (BackendState::Off, why.clone());
    }
    if let Some(since) = live.off_since() {
        let busy = live.in_flight() > 0;
        let state = if busy {
            BackendState::Draining
        } else {
            BackendState::Off
        };
        return (
            state,
            format!("off by you since {}", zone.clock_time(since)),
        );
    }
    if ill.host_state == HostState::Down {
        return (BackendState::Down, ill.last_probe.clone());
    }
    match ill.breaker_state {
        BreakerState::Open => (BackendState::Cooling, ill.why_open.clone()),
        BreakerState::HalfOpen => (BackendState::Probing, "one request tries it".to_owned()),
        BreakerState::Closed if ill.host_state == HostState::Probing => {
            (BackendState::Probing, "one request tries it".to_owned())
        },
        BreakerState::Closed => (BackendState::Up, String::new()),
    }
}

/// A mark that differs when what is shown differs. Rates fade as time passes, so while there were
/// requests in the last minute each second counts as a change.
fn fingerprint(
    numbers: &Numbers,
    gateway: &GatewayInfo,
    hosts: &[Host],
    backends: &[Backend],
    now: Mono,
) -> u64 {
    let mut mark = DefaultHasher::new();
    numbers.changes.hash(&mut mark);
    if numbers.now.requests > 0 || !numbers.in_flight.is_empty() {
        (now.as_millis() / 1_000).hash(&mut mark);
    }
    for flight in &numbers.in_flight {
        (flight.attempt, flight.streaming, &flight.backend).hash(&mut mark);
    }
    (
        gateway.draining,
        &gateway.ledger.trouble,
        gateway.ledger.lost,
    )
        .hash(&mut mark);
    (
        gateway.config_loaded,
        gateway.config_errors.len(),
        gateway.config_notes.len(),
    )
        .hash(&mut mark);
    for host in hosts {
        (host.state, &host.last_probe, host.in_flight, host.simulated).hash(&mut mark);
    }
    for backend in backends {
        (
            backend.state,
            &backend.why,
            backend.in_flight,
            backend.fails,
        )
            .hash(&mut mark);
    }
    mark.finish()
}

fn models(setup: &Setup, numbers: &Numbers) -> Vec<Model> {
    let table = &setup.fleet.table;
    let nodes = table.deployments();
    let listed = setup.config.groups().into_iter().map(|name| {
        let own = numbers.models.get(&name).cloned().unwrap_or_default();
        let places = nodes
            .iter()
            .enumerate()
            .filter(|(_place, node)| node.config.group == name);
        let (fallbacks, context) = table.fallbacks_of(&name);
        let text = |names: Vec<Arc<str>>| names.iter().map(ToString::to_string).collect();
        Model {
            backends: places.map(|(place, _node)| place).collect(),
            strategy: setup.config.router.strategy.word().to_owned(),
            fallbacks: text(fallbacks),
            context_fallbacks: text(context),
            stats: own.stats,
            today: own.today,
            in_flight: own.in_flight,
            series: own.series,
            name: name.to_string(),
        }
    });
    listed.collect()
}

/// Milliseconds from `earlier` to `later`.
fn millis(later: Mono, earlier: Mono) -> u64 {
    u64::try_from(later.since(earlier).as_millis()).unwrap_or(u64::MAX)
}
