//! Who may come in: browser origin, then key. The decisions are `access`'s; here are the headers.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HOST, HeaderValue, ORIGIN, VARY,
};
use http::{HeaderMap, Method, Response, StatusCode, request};

use crate::base::Fault;
use crate::proxy::Setup;
use crate::proxy::body::Body;

/// Routes that need no key: whether we live is no secret.
const OPEN: [&str; 2] = ["/health/liveliness", "/health/liveness"];

/// The answer to a browser's question whether it may call, but for [`allow`]; `None` when this is no such
/// question.
pub fn preflight(setup: &Setup, head: &request::Parts) -> Option<Response<Body>> {
    let asks = head.method == Method::OPTIONS
        && head.headers.contains_key("access-control-request-method");
    if !asks {
        return None;
    }
    let mut answer = Response::new(Body::full(Bytes::new()));
    if cors(setup, &head.headers).is_none() {
        *answer.status_mut() = StatusCode::FORBIDDEN;
        return Some(answer);
    }
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let headers = answer.headers_mut();
    let methods = HeaderValue::from_static("GET, POST, OPTIONS");
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
    let wanted = head.headers.get("access-control-request-headers").cloned();
    let wanted = wanted.unwrap_or_else(|| HeaderValue::from_static("authorization, content-type"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted);
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    Some(answer)
}

/// The name of the key a request carries; empty where none is needed.
///
/// # Errors
/// A foreign host or origin, or no key, or a wrong one.
pub fn admit(setup: &Setup, head: &request::Parts) -> Result<Arc<str>, Fault> {
    let text = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
    setup
        .origins_allowed
        .check(text(HOST), text(ORIGIN), setup.bound)?;
    let path = head.uri.path();
    let open = OPEN.contains(&path)
        || (setup.config.general.metrics_open && path.trim_end_matches('/') == "/metrics");
    if open {
        return Ok(Arc::from(""));
    }
    let header = |name: &str| head.headers.get(name).map(HeaderValue::as_bytes);
    setup.door.check(header).map(|caller| caller.key)
}

/// The origin to be named in the answer, when CORS is configured for it.
pub fn cors(setup: &Setup, headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(ORIGIN)?.to_str().ok()?;
    HeaderValue::from_str(setup.origins_allowed.cors_answer(origin)?).ok()
}

/// Lets a page of this origin read the answer.
pub fn allow(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("*"));
    headers.append(VARY, HeaderValue::from_static("Origin"));
}
