//! Builds everything that hangs on one configuration.

use std::sync::Arc;

use crate::access::{Bound, Door, Origins};
use crate::base::{Mono, Problem};
use crate::config::{Config, Deployment};
use crate::price::{ModelPrice, Override, PriceTable, Wanted};
use crate::provider::Backend;
use crate::proxy::Setup;
use crate::route::Table;
use crate::traffic::{Fleet, Switches};

/// What a configuration is built into, besides itself.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Prices and windows.
    pub prices: PriceTable,
    /// Whether only this machine can reach us.
    pub loopback: bool,
    /// Host names that are ours.
    pub names: Vec<String>,
}

/// Builds a configuration aside; nothing of it is in force yet.
pub fn build(
    config: Config,
    old: Option<&Setup>,
    switches: &Switches,
    surroundings: &Surroundings,
    now: Mono,
) -> Setup {
    let table = &surroundings.prices;
    let mut config = config;
    let backends: Vec<Option<Backend>> = config.deployments.iter_mut().map(prepare).collect();
    let routes = Arc::new(Table::build(&config));
    let fleet = Fleet::build(routes, old.map(|old| &old.fleet), switches, now);
    let facts: Vec<_> = config
        .deployments
        .iter()
        .map(|one| facts(one, table))
        .collect();
    let origins = fleet.table.hosts().iter().map(|host| {
        let mut on_it = host.deployments.iter();
        let backend = on_it.find_map(|idx| backends.get(idx.0)?.as_ref());
        backend.map_or_else(|| Arc::clone(&host.origin), |b| b.origin.to_string().into())
    });
    Setup {
        origins: origins.collect(),
        bound: Bound {
            loopback: surroundings.loopback,
            locked: config.general.master_key.is_some(),
        },
        origins_allowed: Origins::new(&config.general.cors, surroundings.names.iter().cloned()),
        door: Door::new(&config.general),
        prices: facts.iter().map(|(price, _window)| price.clone()).collect(),
        windows: facts.into_iter().map(|(_price, window)| window).collect(),
        backends,
        fleet,
        config: Arc::new(config),
    }
}

/// Deployments that the configuration means to use and that cannot be sent to.
pub fn unbuildable(config: &Config) -> Vec<Problem> {
    let on = config
        .deployments
        .iter()
        .filter(|deployment| deployment.off.is_none());
    on.filter_map(|deployment| {
        let error = Backend::prepare(deployment).err()?;
        Some(Problem::error(format!(
            "model_list: {}: {error}",
            deployment.name
        )))
    })
    .collect()
}

/// What is sent to a deployment; one that cannot be prepared is off, and says why.
fn prepare(deployment: &mut Deployment) -> Option<Backend> {
    if deployment.off.is_some() {
        return None;
    }
    match Backend::prepare(deployment) {
        Ok(backend) => Some(backend),
        Err(error) => {
            deployment.off = Some(error);
            None
        },
    }
}

/// Price and window of a deployment.
fn facts(deployment: &Deployment, table: &PriceTable) -> (Option<ModelPrice>, Option<u64>) {
    let (upstream, over) = (&deployment.upstream, &deployment.price);
    let base_model = deployment.base_model.as_deref();
    let price = table.price(&Wanted {
        provider: &upstream.provider,
        model: &upstream.model,
        base_model,
        local: upstream.local,
        over: Override {
            input: over.input,
            output: over.output,
            cache_read: over.cache_read,
            cache_write: over.cache_write,
        },
    });
    let known = table.lookup(&upstream.provider, &upstream.model, base_model);
    (
        price,
        deployment
            .max_input_tokens
            .or_else(|| known?.max_input_tokens),
    )
}
