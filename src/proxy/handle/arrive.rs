//! What a request says: body, headers, and what routing must know of both.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, request};
use tokio::time::Instant;

use crate::base::{CallId, Fault, FaultKind, Surface, Wall};
use crate::config::{Config, General, Timeouts};
use crate::provider::multipart::Form;
use crate::provider::{Asked, Body, forward};
use crate::proxy::handle::Route;
use crate::proxy::handle::answer::CALL_ID;
use crate::proxy::http1::{BodyError, ClientBody};
use crate::proxy::settle::Draft;
use crate::route::{Ask, AskedFallbacks};
use crate::token;
use crate::wire::head::{Fallback, Fallbacks, Head};

static NUM_RETRIES: HeaderName = HeaderName::from_static("x-litellm-num-retries");
static TAGS: HeaderName = HeaderName::from_static("x-litellm-tags");
static CUSTOMER: HeaderName = HeaderName::from_static("x-litellm-customer-id");
static END_USER: HeaderName = HeaderName::from_static("x-litellm-end-user-id");
static TIMEOUT: HeaderName = HeaderName::from_static("x-litellm-timeout");
static STREAM_TIMEOUT: HeaderName = HeaderName::from_static("x-litellm-stream-timeout");

/// The type of forms with files, in any case.
const FORM: &[u8] = b"multipart/form-data";
/// How long a client may take between two pieces of its body.
const BODY_PIECE_WITHIN: Duration = Duration::from_secs(30);
/// The longest time-out that a header may ask for.
const LONGEST_WISH: Duration = Duration::from_hours(24 * 365);
/// How long its whole body may take.
const BODY_WITHIN: Duration = Duration::from_mins(5);

/// A request whose body is here.
pub(super) struct Arrived {
    /// What was asked.
    pub(super) asked: Asked,
    /// Bytes of the body.
    pub(super) bytes_in: usize,
}

impl Arrived {
    /// The model asked for, or the one that is forced.
    pub(super) fn model(&self) -> &str {
        match &self.asked.body {
            Body::Json { head, .. } => &head.model,
            Body::Form(form) => &form.model,
        }
    }

    /// Bytes of the prompt.
    pub(super) fn prompt_bytes(&self) -> usize {
        self.asked.head().map_or(0, |head| head.prompt_bytes)
    }
}

/// The model that requests of a kind go to whatever they ask for: `--model` takes all of them,
/// `completion_model` those that are answered with a completion, and their counts.
fn forced(general: &General, surface: Surface) -> Option<&str> {
    let completion = matches!(
        surface,
        Surface::Chat | Surface::Completions | Surface::Messages | Surface::CountTokens
    );
    let of_completions = general.completion_model.as_ref().filter(|_| completion);
    general
        .serve_all
        .as_ref()
        .or(of_completions)
        .map(String::as_str)
}

/// The headers, or none when none of them is meant for us: mostly so, and then nothing need be looked
/// up by name.
pub(super) fn wishes(headers: &HeaderMap) -> &HeaderMap {
    static NONE: LazyLock<HeaderMap> = LazyLock::new(HeaderMap::new);
    let ours = |name: &HeaderName| name.as_str().starts_with("x-litellm-");
    if headers.keys().any(ours) {
        headers
    } else {
        &NONE
    }
}

/// The call's name: the client's own when it sent a fit one, else a UUID that begins with the time,
/// so that the ledger's index of names grows at its end and not all over.
pub(super) fn call_id(headers: &HeaderMap, now: Wall) -> CallId {
    let own = headers.get(CALL_ID).and_then(|value| value.to_str().ok());
    own.and_then(CallId::from_client).unwrap_or_else(|| {
        let millis = u64::try_from(now.as_micros() / 1_000).unwrap_or_default();
        let mut random = [0; 10];
        fastrand::fill(&mut random);
        let id = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
        let mut text = uuid::Uuid::encode_buffer();
        CallId::new(id.hyphenated().encode_lower(&mut text))
    })
}

/// Reads a request's body and what must be known of it.
///
/// # Errors
/// The body is too large, breaks off, or makes no sense.
pub(super) async fn read(
    route: Route,
    head: &request::Parts,
    body: &ClientBody,
    config: &Config,
) -> Result<Arrived, Fault> {
    let bytes = collect(body, config.limits.body_bytes).await?;
    let bytes_in = bytes.len();
    let form = matches!(route.surface, Surface::Transcription | Surface::Images)
        .then(|| head.headers.get(CONTENT_TYPE))
        .flatten()
        .filter(|kind| {
            let start = kind.as_bytes().get(..FORM.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(FORM))
        });
    let forced = forced(&config.general, route.surface);
    let body = if let Some(kind) = form {
        let mut form = Form::read(kind, bytes)?;
        if let Some(forced) = forced {
            forced.clone_into(&mut form.model);
        }
        Body::Form(Box::new(form))
    } else {
        let model = forced.or(route.model.as_deref());
        let head = Head::read_for(&bytes, route.surface, model)?;
        let head = Box::new(head);
        Body::Json { head, bytes }
    };
    let mut kept = HeaderMap::new();
    for (name, value) in &head.headers {
        if forward::is_forwarded(name, config.general.forward_client_headers) {
            kept.append(name.clone(), value.clone());
        }
    }
    let asked = Asked::new(route.surface, route.subpath, body, kept);
    Ok(Arrived {
        asked: asked.with_query(head.uri.query()),
        bytes_in,
    })
}

async fn collect(body: &ClientBody, limit: usize) -> Result<Bytes, Fault> {
    let late = Instant::now() + BODY_WITHIN;
    loop {
        // A short body comes along with its head: no timer is needed for it.
        let more = if let Some(more) = body.more(limit).now_or_never() {
            more
        } else {
            let until = late.min(Instant::now() + BODY_PIECE_WITHIN);
            let more = tokio::time::timeout_at(until, body.more(limit)).await;
            more.map_err(|_late| {
                Fault::new(FaultKind::SlowBody, "the request body did not come in time")
            })?
        };
        let more = more.map_err(|error| match error {
            BodyError::TooLarge => {
                let text = format!("the request body is larger than {} MiB", limit >> 20);
                Fault::new(FaultKind::TooLarge, text)
            },
            BodyError::Gone(why) => {
                Fault::new(FaultKind::ClientGone, "the request body broke off").detail(why)
            },
            BodyError::Malformed(_) => Fault::invalid(error.to_string()),
        })?;
        if let Some(whole) = more {
            return Ok(whole);
        }
    }
}

/// What routing must know. Tags and end user go into the draft.
///
/// # Errors
/// A header that makes no sense.
pub(super) fn ask(asked: &Asked, headers: &HeaderMap, draft: &mut Draft) -> Result<Ask, Fault> {
    let model = Arc::clone(draft.client_model());
    let retries = number(headers, &NUM_RETRIES)?;
    let mut tags = Vec::new();
    if let Some(list) = text(headers, &TAGS) {
        let named = list.split(',').map(str::trim).filter(|tag| !tag.is_empty());
        tags.extend(named.map(str::to_owned));
    }
    let customer = text(headers, &CUSTOMER);
    let customer = customer.or_else(|| text(headers, &END_USER));
    let Some(head) = asked.head() else {
        draft.tags.clone_from(&tags);
        customer.unwrap_or_default().clone_into(&mut draft.end_user);
        return Ok(Ask {
            model,
            tags,
            num_retries: retries,
            ..Ask::default()
        });
    };
    for tag in &head.tags {
        if !tags.contains(tag) {
            tags.push(tag.clone());
        }
    }
    let end_user = customer
        .map(str::to_owned)
        .or_else(|| head.end_user.clone());
    draft.end_user = end_user.unwrap_or_default();
    draft.tags.clone_from(&tags);
    Ok(Ask {
        model,
        tags,
        fallbacks: head.fallbacks.as_ref().map(asked_fallbacks),
        context_window_fallbacks: head.context_window_fallbacks.as_ref().map(asked_fallbacks),
        disable_fallbacks: head.disable_fallbacks,
        num_retries: head.num_retries.or(retries),
        max_fallbacks: head.max_fallbacks,
        tokens: token::estimate(head.prompt_bytes),
        stream: head.stream,
    })
}

/// Time-outs the client asked for, by body or header.
pub(super) fn timeouts(asked: &Asked, headers: &HeaderMap) -> Timeouts {
    let seconds = |name| {
        let seconds = text(headers, name)?.parse::<f64>().ok()?;
        Duration::try_from_secs_f64(seconds)
            .ok()
            .filter(|wait| !wait.is_zero())
            .map(|wait| wait.min(LONGEST_WISH))
    };
    let head = asked.head();
    Timeouts {
        request: head
            .and_then(|head| head.timeout)
            .or_else(|| seconds(&TIMEOUT)),
        stream: head
            .and_then(|head| head.stream_timeout)
            .or_else(|| seconds(&STREAM_TIMEOUT)),
    }
}

fn asked_fallbacks(own: &Fallbacks) -> AskedFallbacks {
    match own {
        Fallbacks::ByGroup(maps) => AskedFallbacks::Maps(maps.clone()),
        Fallbacks::Chain(hops) => {
            let names = hops.iter().map(|hop| match hop {
                Fallback::Name(name) => name.clone(),
                Fallback::With { model, .. } => model.clone(),
            });
            AskedFallbacks::List(names.collect())
        },
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers
        .get(name)
        .map(HeaderValue::to_str)?
        .ok()
        .map(str::trim)
        .filter(|text| !text.is_empty())
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Result<Option<u32>, Fault> {
    let Some(text) = text(headers, name) else {
        return Ok(None);
    };
    let number = text
        .parse()
        .map_err(|_e| Fault::invalid(format!("`{name}` must be a number")))?;
    Ok(Some(number))
}
