//! `/v1/models` and `/model/info`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::base::{DeploymentIdx, Fault, FaultKind, PicoDollars};
use crate::proxy::manage::told;
use crate::proxy::respond::Client;
use crate::proxy::{Setup, Shared};

/// LiteLLM's constant; clients sort by it and nothing more.
const CREATED: i64 = 1_677_610_602;

/// `GET /v1/models`: all groups a client may name, in the dialect of its headers.
pub async fn list(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let setup = shared.setup.load();
    let listed = setup.fleet.table.models();
    let client = client(&headers);
    let names = listed.iter().map(|listed| &*listed.name);
    let data: Vec<Value> = names.map(|name| entry(client, &setup, name)).collect();
    Json(match client {
        Client::OpenAi => json!({ "data": data, "object": "list" }),
        Client::Anthropic => page(&data),
    })
    .into_response()
}

/// `GET /v1/models/{id}`, in the dialect of its headers.
pub async fn one(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let setup = shared.setup.load();
    let client = client(&headers);
    if setup.fleet.table.resolve(&id).is_none() {
        let text = format!("the model `{id}` does not exist; GET /v1/models lists those that do");
        let fault = Fault::new(FaultKind::NoRoute, text).param("model");
        return told(client, &fault);
    }
    Json(entry(client, &setup, &id)).into_response()
}

/// Which dialect a client of a route that both dialects have speaks.
fn client(headers: &HeaderMap) -> Client {
    if headers.contains_key("anthropic-version") {
        Client::Anthropic
    } else {
        Client::OpenAi
    }
}

/// The query of `/model/info`.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    litellm_model_id: Option<String>,
}

/// `GET /model/info`: the deployments as configured, secrets masked.
pub async fn info(State(shared): State<Arc<Shared>>, Query(wanted): Query<Wanted>) -> Response {
    let setup = shared.setup.load();
    let nodes = setup.fleet.table.deployments().iter().enumerate();
    let wanted_id = wanted.litellm_model_id.as_deref();
    let data: Vec<Value> = nodes
        .filter(|(_place, node)| wanted_id.is_none_or(|id| &*node.config.id == id))
        .map(|(place, node)| {
            json!({
                "model_name": node.config.group,
                "litellm_params": node.config.shown_params,
                "model_info": model_info(&setup, DeploymentIdx(place)),
            })
        })
        .collect();
    if data.is_empty() && wanted_id.is_some() {
        return told(
            Client::OpenAi,
            &Fault::invalid("there is no deployment of this id").param("litellm_model_id"),
        );
    }
    Json(json!({ "data": data })).into_response()
}

fn entry(client: Client, setup: &Setup, name: &str) -> Value {
    let mut entry = match client {
        Client::OpenAi => json!({
            "id": name, "object": "model", "created": CREATED, "owned_by": "openai",
        }),
        Client::Anthropic => json!({
            "type": "model", "id": name, "display_name": name, "lifecycle": "active",
            "created_at": "2023-02-28T18:56:42Z",
        }),
    };
    let table = &setup.fleet.table;
    let members = table
        .resolve(name)
        .map(|found| table.members(found.pool).to_vec());
    let windows = members
        .into_iter()
        .flatten()
        .filter_map(|idx| setup.windows.get(idx.0)?.as_ref());
    if let (Some(window), Some(object)) = (windows.min(), entry.as_object_mut()) {
        object.insert("max_input_tokens".to_owned(), json!(window));
    }
    entry
}

/// Anthropic's list: one page that holds all.
fn page(data: &[Value]) -> Value {
    let id = |entry: Option<&Value>| entry.map(|entry| entry["id"].clone());
    json!({
        "first_id": id(data.first()), "last_id": id(data.last()), "has_more": false, "data": data,
    })
}

fn model_info(setup: &Setup, idx: DeploymentIdx) -> Map<String, Value> {
    let Some(node) = setup.fleet.table.deployment(idx) else {
        return Map::new();
    };
    let mut info = node.config.model_info.clone();
    info.insert("id".to_owned(), json!(node.config.id));
    info.insert("db_model".to_owned(), json!(false));
    info.insert(
        "litellm_provider".to_owned(),
        json!(node.config.upstream.provider),
    );
    if let Some(Some(window)) = setup.windows.get(idx.0) {
        info.entry("max_input_tokens")
            .or_insert_with(|| json!(window));
    }
    if let Some(Some(price)) = setup.prices.get(idx.0) {
        let dollars = |pico: PicoDollars| pico.0 as f64 / 1e12;
        info.entry("input_cost_per_token")
            .or_insert_with(|| json!(price.rates.input.map(dollars)));
        info.entry("output_cost_per_token")
            .or_insert_with(|| json!(price.rates.output.map(dollars)));
    }
    if let Some(why) = &node.config.off {
        info.insert("off".to_owned(), json!(why));
    }
    info
}
