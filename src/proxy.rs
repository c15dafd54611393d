//! The HTTP service: accept → admit → walk → relay → settle.
//!
//! - [`accept`], [`connection`]: sockets, limits, drain; [`http1`]: requests in, answers out; [`gather`],
//!   [`date`], [`lines`]: what it uses
//! - [`service`]: which route a request takes; [`admit`]: who may
//! - [`handle`]: the walk of one request; [`attempt`]: one try; [`relay`]: a stream to its end
//! - [`settle`]: what is written down, whatever happens; [`respond`]: the only place with statuses
//! - [`manage`]: models, health, metrics
//!
//! It knows no SQL, no files and no dashboard.

pub mod accept;
pub mod admit;
pub mod attempt;
pub mod body;
pub mod connection;
pub mod date;
pub mod gather;
pub mod handle;
pub mod http1;
pub mod lines;
pub mod manage;
pub mod news;
pub mod relay;
pub mod respond;
pub mod service;
pub mod settle;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;

use crate::access::{Bound, Door, Origins};
use crate::base::{Clock, DeploymentIdx, HostIdx};
use crate::config::Config;
use crate::ledger::Ledger;
use crate::live::Live;
use crate::net::Pool;
use crate::price::ModelPrice;
use crate::provider::Backend;
use crate::proxy::date::{Date, HttpDate};
use crate::traffic::Fleet;

/// Everything built from one configuration. It is replaced whole; a request keeps the one it began
/// with.
#[derive(Debug)]
pub struct Setup {
    /// The configuration.
    pub config: Arc<Config>,
    /// The routing table with its live state.
    pub fleet: Fleet,
    /// By [`DeploymentIdx`]; `None` for deployments that are off.
    pub backends: Vec<Option<Backend>>,
    /// By [`DeploymentIdx`]; `None` is unpriced.
    pub prices: Vec<Option<ModelPrice>>,
    /// By [`DeploymentIdx`]: the window in tokens, when known.
    pub windows: Vec<Option<u64>>,
    /// By [`HostIdx`]: `scheme://host:port` as people write it.
    pub origins: Vec<Arc<str>>,
    /// Who may come in.
    pub door: Door,
    /// Which browser pages may call.
    pub origins_allowed: Origins,
    /// How we can be reached.
    pub bound: Bound,
}

/// What all workers share.
#[derive(Debug)]
pub struct Shared {
    /// The present configuration, built.
    pub setup: ArcSwap<Setup>,
    /// Rates, events, requests in flight.
    pub live: Arc<Live>,
    /// Where records go.
    pub ledger: Ledger,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// No new requests: we are shutting down.
    pub draining: AtomicBool,
    /// Requests in flight end now, with an error: the time to drain is over. Connections are woken by
    /// `accept`; whoever serves one asks [`Shared::is_cut`] when it would wait.
    pub cut: CancellationToken,
    /// Client connections open now.
    pub connections: AtomicUsize,
    /// Requests refused at the door since the start.
    pub refused: AtomicU64,
    /// Log request and answer bodies.
    pub log_bodies: bool,
}

/// One worker: a thread with a runtime and a pool of its own.
#[derive(Debug)]
pub struct Worker {
    /// What all workers share.
    pub shared: Arc<Shared>,
    /// This worker's connections to backends.
    pub pool: Arc<Pool>,
    date: Date,
    /// How often each host had gone away when this worker last looked.
    fallen: Mutex<HashMap<Arc<str>, u64>>,
    /// The routes that tell.
    manage: axum::Router,
}

impl Shared {
    /// Whether requests in flight are to end now.
    pub fn is_cut(&self) -> bool {
        // The token locks; a stream asks with every chunk.
        self.draining.load(Ordering::Relaxed) && self.cut.is_cancelled()
    }
}

impl Worker {
    /// A worker with an empty pool.
    pub fn new(shared: Arc<Shared>, pool: Arc<Pool>) -> Self {
        let manage = manage::router(Arc::clone(&shared));
        Self {
            date: Date::new(shared.clock.wall()),
            shared,
            pool,
            fallen: Mutex::default(),
            manage,
        }
    }

    /// The present second, as the `Date` header has it.
    pub fn date(&self) -> HttpDate {
        self.date.get()
    }

    /// What is due every second. Closes connections that are of no use: idle for too long, or to a host that went away, which
    /// would otherwise cost the next request on each of them its patience.
    pub fn sweep(&self) {
        self.date.set(self.shared.clock.wall());
        let setup = self.shared.setup.load();
        let hosts = setup.fleet.table.hosts().iter().zip(&setup.fleet.hosts);
        let mut fallen = self.fallen.lock().unwrap_or_else(PoisonError::into_inner);
        for (node, live) in hosts {
            let falls = live.falls();
            if falls == 0 || fallen.insert(Arc::clone(&live.base), falls) == Some(falls) {
                continue;
            }
            for backend in node
                .deployments
                .iter()
                .filter_map(|idx| setup.backend(*idx))
            {
                self.pool.forget(&backend.origin);
            }
        }
        drop(fallen);
        self.pool.sweep();
    }
}

impl Setup {
    /// What is prepared for a deployment; `None` when it is off.
    pub fn backend(&self, idx: DeploymentIdx) -> Option<&Backend> {
        self.backends.get(idx.0)?.as_ref()
    }

    /// A host as people write it.
    pub fn origin(&self, idx: HostIdx) -> Arc<str> {
        self.origins
            .get(idx.0)
            .map_or_else(|| Arc::from(""), Arc::clone)
    }

    /// Groups that have a deployment on a host.
    pub fn groups_on(&self, host: HostIdx) -> Vec<Arc<str>> {
        let mut groups: Vec<Arc<str>> = Vec::new();
        for node in self.fleet.table.deployments() {
            if node.host == host && !groups.contains(&node.config.group) {
                groups.push(Arc::clone(&node.config.group));
            }
        }
        groups
    }
}
