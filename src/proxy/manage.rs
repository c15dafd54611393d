//! The routes that tell: models, health, metrics. They cost no upstream request.

pub mod health;
pub mod metrics;
pub mod models;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::extract::{Request as AxumRequest, State};
use axum::response::IntoResponse;
use axum::routing::get;
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue, SERVER};
use http::{Request, Response, StatusCode, request};
use serde_json::json;
use tower_service::Service as _;

use crate::base::{Fault, FaultKind};
use crate::proxy::body::Body;
use crate::proxy::respond::{Client, respond};
use crate::proxy::{Shared, Worker};

/// What this program calls itself in `Server`, so that a second one knows it.
const NAME: HeaderValue =
    HeaderValue::from_static(concat!("pointsman/", env!("CARGO_PKG_VERSION")));

/// All these routes.
pub fn router(shared: Arc<Shared>) -> Router {
    let models = || get(models::list);
    let one = || get(models::one);
    Router::new()
        .route("/", get(greeting))
        .route("/models", models())
        .route("/v1/models", models())
        .route("/models/{*id}", one())
        .route("/v1/models/{*id}", one())
        .route("/model/info", get(models::info))
        .route("/v1/model/info", get(models::info))
        .route("/health", get(health::health))
        .route("/health/liveliness", get(alive))
        .route("/health/liveness", get(alive))
        .route("/health/readiness", get(ready))
        .route("/metrics", get(metrics::metrics))
        .route("/metrics/", get(metrics::metrics))
        .method_not_allowed_fallback(wrong_method)
        .fallback(no_route)
        .with_state(shared)
}

/// Serves one of them. None of them reads a body.
pub async fn serve(worker: &Worker, head: request::Parts) -> Response<Body> {
    let mut router = worker.manage.clone();
    let request = Request::from_parts(head, axum::body::Body::empty());
    let Ok(mut response) = router.call(request).await;
    response.headers_mut().insert(SERVER, NAME);
    response.map(Body::axum)
}

async fn greeting() -> impl IntoResponse {
    "Pointsman is here. Point an OpenAI client at /v1, an Anthropic client at this address.\n"
}

async fn alive(State(shared): State<Arc<Shared>>) -> axum::response::Response {
    if shared.draining.load(Ordering::Relaxed) {
        let body = json!({ "status": "shutting_down" });
        return (StatusCode::SERVICE_UNAVAILABLE, axum::Json(body)).into_response();
    }
    axum::Json("I'm alive!").into_response()
}

async fn ready(State(shared): State<Arc<Shared>>) -> axum::response::Response {
    if shared.draining.load(Ordering::Relaxed) {
        let body = json!({ "status": "shutting_down" });
        return (StatusCode::SERVICE_UNAVAILABLE, axum::Json(body)).into_response();
    }
    let trouble = shared.ledger.status().trouble;
    let ledger = if trouble.is_empty() {
        "connected"
    } else {
        "disconnected"
    };
    axum::Json(json!({ "status": "healthy", "db": ledger })).into_response()
}

async fn no_route(request: AxumRequest) -> axum::response::Response {
    let text = format!(
        "there is no route {} {}",
        request.method(),
        request.uri().path()
    );
    told(Client::OpenAi, &Fault::new(FaultKind::NoRoute, text))
}

async fn wrong_method(request: AxumRequest) -> axum::response::Response {
    let text = format!(
        "{} is not possible on {}",
        request.method(),
        request.uri().path()
    );
    let mut refusal = told(Client::OpenAi, &Fault::new(FaultKind::NoMethod, text));
    let only = HeaderValue::from_static("GET, HEAD");
    refusal.headers_mut().insert(ALLOW, only);
    refusal
}

/// A fault as axum's answer, in the client's dialect.
pub(super) fn told(client: Client, fault: &Fault) -> axum::response::Response {
    let told = respond(client, fault);
    told.map(|mut body| body.whole().unwrap_or_default().into())
}

/// An answer of plain text of this type.
pub(super) fn text(kind: &'static str, body: String) -> axum::response::Response {
    ([(CONTENT_TYPE, HeaderValue::from_static(kind))], body).into_response()
}
