//! `GET /health` in LiteLLM's shape, from what probes and traffic have seen: it asks no model anything.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::base::{BreakerState, DeploymentIdx, HostState, Mono};
use crate::proxy::{Setup, Shared};

/// The query of `/health`.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    model: Option<String>,
    model_id: Option<String>,
}

/// All deployments that are on in the config, well or not.
pub async fn health(
    State(shared): State<Arc<Shared>>,
    Query(wanted): Query<Wanted>,
) -> Json<Value> {
    let setup = shared.setup.load();
    let now = shared.clock.mono();
    let (mut healthy, mut unhealthy) = (Vec::new(), Vec::new());
    for (place, node) in setup.fleet.table.deployments().iter().enumerate() {
        let config = &node.config;
        let asked = wanted
            .model
            .as_deref()
            .is_none_or(|model| &*config.group == model)
            && wanted
                .model_id
                .as_deref()
                .is_none_or(|id| &*config.id == id);
        if !asked {
            continue;
        }
        let mut entry = json!({
            "model": format!("{}/{}", config.upstream.provider, config.upstream.model),
            "model_name": config.group,
            "model_id": config.id,
            "api_base": config.upstream.base,
        });
        match trouble(&setup, DeploymentIdx(place), now) {
            None => healthy.push(entry),
            Some(error) => {
                if let Some(object) = entry.as_object_mut() {
                    object.insert("error".to_owned(), Value::String(error));
                }
                unhealthy.push(entry);
            },
        }
    }
    Json(json!({
        "healthy_count": healthy.len(),
        "unhealthy_count": unhealthy.len(),
        "healthy_endpoints": healthy,
        "unhealthy_endpoints": unhealthy,
    }))
}

/// What is wrong with a deployment; `None` when it takes traffic.
pub fn trouble(setup: &Setup, idx: DeploymentIdx, now: Mono) -> Option<String> {
    let node = setup.fleet.table.deployment(idx)?;
    if let Some(why) = &node.config.off {
        return Some(format!("off: {why}"));
    }
    let (live, host) = setup.fleet.pair(idx)?;
    if live.off_since().is_some() {
        return Some("off by hand".to_owned());
    }
    if host.state() == HostState::Down {
        return Some(format!("the host does not answer: {}", host.last_probe()));
    }
    let breaker = live.breaker();
    if breaker.state(now) == BreakerState::Open {
        let left = now.until(breaker.ready_at()).as_secs() + 1;
        let why = breaker.why().map(|why| why.to_string()).unwrap_or_default();
        return Some(format!("cooling down for {left} s: {why}"));
    }
    None
}
