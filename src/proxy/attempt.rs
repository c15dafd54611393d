//! One try: build, send, and read until there is something for the client.
//!
//! Nothing has gone to the client when this returns a fault, so the walk may go on elsewhere.

use std::borrow::Cow;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::base::{DeploymentIdx, Fault, FaultKind, HostState, Surface};
use crate::net::{BodyFault, Exchange, ResponseHead, UpstreamBody};
use crate::provider::build::Way;
use crate::provider::{self, Asked, Backend, Plain, Pump, pump};
use crate::proxy::connection::Alarm;
use crate::proxy::gather::Gather;
use crate::proxy::settle::Draft;
use crate::proxy::{Setup, Worker};
use crate::route::host::SUSPECT_AFTER;
use crate::traffic::Permit;
use crate::wire::WriterOptions;

/// What nearly every answer is.
const JSON: &str = "application/json";
/// Longest error body that is read of an upstream.
const ERROR_BYTES: usize = 256 << 10;
/// How long an error body may take.
const ERROR_WITHIN: Duration = Duration::from_secs(5);
/// Largest single event of a stream.
const EVENT_BYTES: usize = 16 << 20;

/// Time-outs of one try.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// To open a connection.
    pub connect: Duration,
    /// For a whole plain answer, or for the first byte of a stream.
    pub answer: Duration,
    /// Between two events of a stream.
    pub idle: Duration,
    /// Largest plain answer, in bytes.
    pub bytes: usize,
}

/// What a try brought.
#[derive(Debug)]
pub enum Served {
    /// A whole answer in the client's dialect.
    Plain(Plain),
    /// An answer that is no JSON (audio): its type and its bytes as they come.
    Raw {
        /// The upstream's content type.
        content_type: Option<String>,
        /// The bytes.
        body: UpstreamBody,
    },
    /// A stream whose first content has come.
    Stream(Box<Started>),
}

/// A stream whose first content has come.
#[derive(Debug)]
pub struct Started {
    /// The rest of it.
    pub body: UpstreamBody,
    /// Its way to the client.
    pub pump: Pump,
    /// What goes to the client first.
    pub first: BytesMut,
    /// It is complete already.
    pub done: bool,
    /// Why it ended was said.
    pub finished: bool,
}

/// What a try that waits is woken for.
enum Turn<T> {
    Done(T),
    HostGone,
    Rang,
}

/// Everything one try goes by.
pub struct Attempt<'a> {
    /// Whose connections are used.
    pub worker: &'a Worker,
    /// Where to.
    pub idx: DeploymentIdx,
    /// What is prepared for it.
    pub backend: &'a Backend,
    /// The upstream's name of the model.
    pub model: &'a str,
    /// Overrides that hold for this try.
    pub set: Option<&'a Map<String, Value>>,
    /// Time-outs.
    pub limits: Limits,
    /// How answers are written for the client.
    pub options: WriterOptions,
    /// Whether somebody else could take the request over now.
    pub elsewhere: &'a (dyn Fn(&Setup) -> bool + Sync),
}

impl Attempt<'_> {
    /// Runs the try. What it learns goes into the draft.
    ///
    /// # Errors
    /// The fault that ended it; nothing has been sent to the client.
    pub async fn run(
        self,
        asked: &Asked,
        draft: &mut Draft,
        alarm: &mut Alarm,
    ) -> Result<Served, Fault> {
        let setup = std::sync::Arc::clone(&draft.setup);
        let node = setup.fleet.table.deployment(self.idx);
        let deployment = node.map(|node| &node.config);
        let deployment =
            deployment.ok_or_else(|| Fault::new(FaultKind::Internal, "no such deployment"))?;
        let outgoing = provider::build(asked, self.backend, deployment, self.model, self.set)?;
        if !outgoing.dropped.is_empty() {
            let (call, dropped) = (draft.call_id.as_str(), outgoing.dropped.join(", "));
            tracing::debug!(call, dropped, "parameters left out");
        }
        self.log_body(draft, "request", &outgoing.body);
        let upstream = &deployment.upstream;
        let deadline = Instant::now() + self.limits.answer;
        let (pool, origin) = (&self.worker.pool, &self.backend.origin);
        let send = pool.send(origin, self.limits.connect, &outgoing.head, &outgoing.body);
        let exchange = self.guard(draft, alarm, (deadline, true), send).await?;
        let exchange = exchange.map_err(|fault| provider::send_fault(&fault))?;
        draft.answered(exchange.head.status);
        if !exchange.head.status.is_success() {
            return Err(provider::fit_to_tell(
                self.refusal(exchange).await,
                upstream,
            ));
        }
        let kind = &*content_type(&exchange.head);
        let outcome = if !fits(asked, kind) {
            Err(wrong_kind(kind))
        } else if asked.stream() && has_events(asked.surface) {
            self.first_content(asked, (draft, alarm), exchange.body, outgoing.way)
                .await
                .map(|started| Served::Stream(Box::new(started)))
        } else if !is_raw(asked.surface, kind) {
            let way = (&outgoing.way, deadline);
            self.whole(asked, (draft, alarm), exchange.body, way)
                .await
                .map(Served::Plain)
        } else {
            let content_type = exchange.head.get("content-type").map(str::to_owned);
            return Ok(Served::Raw {
                content_type,
                body: exchange.body,
            });
        };
        outcome.map_err(|fault| provider::fit_to_tell(fault, upstream))
    }

    /// Waits for a step of the try, but not past its deadline and not on a host that goes away.
    async fn guard<T>(
        &self,
        draft: &Draft,
        alarm: &mut Alarm,
        (deadline, first_byte): (Instant, bool),
        step: impl Future<Output = T>,
    ) -> Result<T, Fault> {
        let mut step = pin!(step);
        let mut bell = draft.permit().map(Permit::bell);
        let is_suspect = first_byte && self.backend.origin.local;
        loop {
            let mut gone = pin!(async {
                if let Some(bell) = &mut bell
                    && bell.changed().await.is_ok()
                {
                    return;
                }
                std::future::pending::<()>().await;
            });
            // Set only when there is something to wait for: mostly an answer's body came with its head.
            let mut rings_at = None;
            let turn = poll_fn(|cx| {
                if let Poll::Ready(output) = step.as_mut().poll(cx) {
                    return Poll::Ready(Turn::Done(output));
                }
                if gone.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Turn::HostGone);
                }
                if rings_at.is_none() {
                    let at = first_ring(deadline, is_suspect);
                    alarm.set(at);
                    rings_at = Some(at);
                }
                alarm.poll(cx).map(|()| Turn::Rang)
            });
            match turn.await {
                Turn::Done(output) => return Ok(output),
                Turn::HostGone => {
                    let host = draft.permit().map(Permit::host);
                    // It answers after all; a process that was started anew has closed our connection.
                    let is_back = host.is_some_and(|host| host.state() != HostState::Down);
                    let silent = host.is_some_and(|host| host.is_silent());
                    if is_back || silent && !(first_byte && (self.elsewhere)(&draft.setup)) {
                        continue;
                    }
                    self.worker.pool.forget(&self.backend.origin);
                    return Err(host_down());
                },
                Turn::Rang if rings_at == Some(deadline) => {
                    let text = format!("no answer within {} s", self.limits.answer.as_secs_f64());
                    return Err(Fault::new(FaultKind::Timeout, text));
                },
                Turn::Rang => {
                    draft
                        .setup
                        .fleet
                        .suspect(self.idx, draft.shared.clock.mono());
                    let silent = draft
                        .permit()
                        .is_some_and(|permit| permit.host().is_silent());
                    if silent && (self.elsewhere)(&draft.setup) {
                        return Err(host_down());
                    }
                },
            }
        }
    }

    /// The fault for an answer that is no success.
    async fn refusal(&self, exchange: Exchange) -> Fault {
        let Exchange { head, mut body } = exchange;
        let mut bytes = BytesMut::new();
        let read = async {
            while let Some(Ok(data)) = body.chunk().await {
                bytes.extend_from_slice(&data);
                if bytes.len() >= ERROR_BYTES {
                    break;
                }
            }
        };
        // What came until then tells enough.
        let _in_time: Result<(), _> = tokio::time::timeout(ERROR_WITHIN, read).await;
        let now_s = self.worker.shared.clock.wall().as_secs();
        provider::classify(self.backend, &head, &bytes, now_s)
    }

    async fn whole(
        &self,
        asked: &Asked,
        (draft, alarm): (&mut Draft, &mut Alarm),
        mut body: UpstreamBody,
        (way, deadline): (&Way, Instant),
    ) -> Result<Plain, Fault> {
        let bytes = self
            .guard(
                draft,
                alarm,
                (deadline, false),
                collect(&mut body, self.limits.bytes),
            )
            .await??;
        self.log_body(draft, "answer", &bytes);
        let plain = provider::plain(asked.surface, self.backend, way, &bytes, &self.options)?;
        draft.used(plain.usage);
        Ok(plain)
    }

    /// Reads a stream until it holds something for the client, or is complete.
    async fn first_content(
        &self,
        asked: &Asked,
        (draft, alarm): (&mut Draft, &mut Alarm),
        mut body: UpstreamBody,
        way: Way,
    ) -> Result<Started, Fault> {
        let dialect = self.backend.dialect;
        let mut pump = Pump::new(
            asked.surface,
            self.backend,
            way.clone(),
            self.options.clone(),
            EVENT_BYTES,
        );
        let mut first = BytesMut::new();
        let (mut begun, mut finished) = (false, false);
        let mut deadline = Instant::now() + self.limits.idle;
        loop {
            let chunk = self
                .guard(draft, alarm, (deadline, true), body.chunk())
                .await?;
            let seen = match chunk {
                Some(Ok(data)) => {
                    self.log_body(draft, "answer", &data);
                    if !begun && pump::is_whole_answer(asked.surface, dialect, &data) {
                        return self
                            .no_stream(asked, (draft, alarm), (data, body), &way)
                            .await;
                    }
                    begun = true;
                    pump.push(data, &mut first)?
                },
                Some(Err(error)) if !finished => return Err(cut(&error)),
                Some(Err(_)) | None => {
                    let seen = pump.rest(&mut first)?;
                    draft.used(seen.usage);
                    if finished || seen.finished || seen.done {
                        return Ok(Started {
                            body,
                            pump,
                            first,
                            done: true,
                            finished: true,
                        });
                    }
                    return Err(ended_early());
                },
            };
            draft.used(seen.usage);
            draft.content(seen.content);
            finished |= seen.finished;
            if seen.content > 0 || seen.done {
                return Ok(Started {
                    body,
                    pump,
                    first,
                    done: seen.done,
                    finished,
                });
            }
            if seen.events > 0 {
                draft.heard(draft.shared.clock.mono());
                deadline = Instant::now() + self.limits.idle;
            }
        }
    }

    /// Makes a stream of an answer that came whole though a stream was asked for.
    async fn no_stream(
        &self,
        asked: &Asked,
        (draft, alarm): (&mut Draft, &mut Alarm),
        (begun, mut body): (Bytes, UpstreamBody),
        way: &Way,
    ) -> Result<Started, Fault> {
        let deadline = Instant::now() + self.limits.answer;
        let rest = collect(&mut body, self.limits.bytes);
        let rest = self.guard(draft, alarm, (deadline, false), rest).await??;
        let whole = if rest.is_empty() {
            begun
        } else {
            [begun, rest].concat().into()
        };
        let (surface, options) = (asked.surface, self.options.clone());
        let mut first = BytesMut::new();
        let (pump, seen) = Pump::of_whole(surface, self.backend, way, options, &whole, &mut first)?;
        draft.used(seen.usage);
        draft.content(seen.content);
        Ok(Started {
            body,
            pump,
            first,
            done: true,
            finished: true,
        })
    }

    fn log_body(&self, draft: &Draft, what: &'static str, bytes: &[u8]) {
        if self.worker.shared.log_bodies {
            let (call, body) = (draft.call_id.as_str(), String::from_utf8_lossy(bytes));
            tracing::info!(call, %body, "{what} body");
        }
    }
}

/// What an answer says it is, in small letters and without parameters; empty when it does not say.
fn content_type(head: &ResponseHead) -> Cow<'_, str> {
    let kind = head.get("content-type").unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if essence.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Cow::Owned(essence.to_ascii_lowercase());
    }
    Cow::Borrowed(essence)
}

/// Whether an answer of this type is passed on as it comes: speech, transcripts as text or events,
/// pictures.
fn is_raw(surface: Surface, kind: &str) -> bool {
    match surface {
        Surface::Speech => !kind.contains("json"),
        Surface::Transcription => !(kind.is_empty() || kind.contains("json")),
        Surface::Images => kind.starts_with("image/") || kind == "text/event-stream",
        _ => false,
    }
}

/// Whether streams of this kind of request are read event by event; others are passed on as they come.
const fn has_events(surface: Surface) -> bool {
    matches!(
        surface,
        Surface::Chat | Surface::Completions | Surface::Messages
    )
}

/// Whether this type can be an answer at all. A page of a proxy or a web server in between is none,
/// whatever its status; text is given the benefit of the doubt.
fn fits(asked: &Asked, kind: &str) -> bool {
    if kind == JSON {
        return true;
    }
    let text = kind.is_empty() || kind.contains("json") || kind == "text/plain";
    let events = asked.stream() && (kind == "text/event-stream" || !kind.starts_with("text/"));
    let raw = is_raw(asked.surface, kind) && kind != "text/html";
    text || events || raw
}

/// The fault for an answer of a type that cannot be one.
fn wrong_kind(kind: &str) -> Fault {
    let text = format!("the backend answered with {kind}, which is no answer of a model");
    Fault::new(FaultKind::BadAnswer, text)
}

/// When a try that waits is looked at: at its deadline, or before when its host may be gone.
fn first_ring(deadline: Instant, is_suspect: bool) -> Instant {
    if is_suspect {
        deadline.min(Instant::now() + SUSPECT_AFTER)
    } else {
        deadline
    }
}

/// The whole body.
async fn collect(body: &mut UpstreamBody, limit: usize) -> Result<Bytes, Fault> {
    let mut gather = Gather::default();
    while let Some(data) = body.chunk().await {
        gather.push(data.map_err(|error| cut(&error))?);
        if gather.len() > limit {
            let text = format!("the backend's answer is larger than {} MiB", limit >> 20);
            return Err(Fault::new(FaultKind::BadAnswer, text));
        }
    }
    Ok(gather.finish())
}

/// The fault for a connection that broke in the middle of an answer.
pub(crate) fn cut(error: &BodyFault) -> Fault {
    let text = "the backend's connection broke in the middle of the answer";
    Fault::new(FaultKind::Reset, text).detail(error.to_string())
}

/// The fault for an answer that the end of the gateway cuts short.
pub(crate) fn cut_short() -> Fault {
    let text = "the gateway shut down before the answer was complete";
    Fault::new(FaultKind::Draining, text)
}

fn host_down() -> Fault {
    Fault::new(FaultKind::HostDown, "the backend's host went down")
}

/// The fault for a stream that ended without saying so.
pub(crate) fn ended_early() -> Fault {
    Fault::new(
        FaultKind::Reset,
        "the backend's stream ended before the answer was complete",
    )
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    #[test]
    fn only_speech_transcripts_and_pictures_are_passed_on_raw() {
        assert!(is_raw(Surface::Speech, "audio/mpeg") && is_raw(Surface::Speech, ""));
        assert!(!is_raw(Surface::Speech, "application/json"));
        assert!(is_raw(Surface::Transcription, "text/vtt"));
        assert!(!is_raw(Surface::Transcription, "application/json"));
        assert!(is_raw(Surface::Images, "image/png") && !is_raw(Surface::Images, "text/html"));
        assert!(is_raw(Surface::Images, "text/event-stream"));
        assert!(!is_raw(Surface::Chat, "audio/mpeg"));
    }

    #[test]
    fn a_content_type_is_read_without_case_and_parameters() {
        let head = |kind| ResponseHead::of(StatusCode::OK, kind);
        assert_eq!(content_type(&head(&[])), "");
        let kind = ("content-type", "Text/HTML ; charset=utf-8");
        assert_eq!(content_type(&head(&[kind])), "text/html");
    }
}
