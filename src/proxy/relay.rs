//! A stream on its way to the client, from its first content to its end.
//!
//! The client's connection polls this, and this polls the upstream: nothing is buffered between, and a
//! client that reads slowly slows its upstream down. When the client leaves, this is dropped, the
//! upstream's socket with it, and the draft settles. Every stream that began ends properly: with the
//! dialect's end mark, or with an error event.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::{Instant, Sleep};

use crate::base::{Fault, FaultKind, Mono, Surface};
use crate::net::UpstreamBody;
use crate::provider::{self, Pump, pump};
use crate::proxy::attempt::{Started, cut, cut_short, ended_early};
use crate::proxy::respond::{Client, tell};
use crate::proxy::settle::Draft;

/// A stream that has begun.
pub struct Relay {
    /// `None` once it has ended, or is no longer wanted.
    body: Option<UpstreamBody>,
    way: Way,
    draft: Draft,
    /// What goes to the client next.
    out: BytesMut,
    ended: bool,
    /// Bytes that have no error event end with a broken connection instead.
    broken: Option<Fault>,
    idle: Idle,
    /// When the last event came; read only when the timer rings, so that events cost no timer.
    last_event: Mono,
    timer: Pin<Box<Sleep>>,
}

/// How long a stream may be silent.
#[derive(Debug, Clone, Copy)]
pub struct Idle {
    /// That long.
    pub limit: Duration,
    /// The client wished for it: the backend is not to blame.
    pub wished: bool,
}

/// How bytes are passed on.
enum Way {
    /// Event by event.
    Events {
        pump: Box<Pump>,
        surface: Surface,
        client: Client,
        finished: bool,
    },
    /// As they come (audio).
    Raw,
}

impl Relay {
    /// A stream of events whose first content has come.
    pub fn events(
        started: Started,
        draft: Draft,
        surface: Surface,
        client: Client,
        idle: Idle,
    ) -> Self {
        let finished = started.finished;
        let pump = Box::new(started.pump);
        let way = Way::Events {
            pump,
            surface,
            client,
            finished,
        };
        let mut relay = Self::new(started.body, way, draft, idle);
        relay.out = started.first;
        if started.done {
            relay.complete();
        }
        relay
    }

    /// Bytes that are passed on as they come.
    pub fn raw(body: UpstreamBody, draft: Draft, idle: Idle) -> Self {
        Self::new(body, Way::Raw, draft, idle)
    }

    fn new(body: UpstreamBody, way: Way, draft: Draft, idle: Idle) -> Self {
        let last_event = draft.shared.clock.mono();
        let timer = Box::pin(tokio::time::sleep_until(Instant::now() + idle.limit));
        Self {
            body: Some(body),
            way,
            draft,
            out: BytesMut::new(),
            ended: false,
            broken: None,
            idle,
            last_event,
            timer,
        }
    }

    /// The next bytes for the client; `None` when it has all.
    ///
    /// # Errors
    /// Bytes without a frame of their own broke off: the connection must break too.
    pub fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Fault>>> {
        loop {
            if !self.out.is_empty() {
                let chunk = self.out.split().freeze();
                self.draft.sent(chunk.len());
                return Poll::Ready(Some(Ok(chunk)));
            }
            if let Some(fault) = self.broken.take() {
                return Poll::Ready(Some(Err(fault)));
            }
            if self.ended {
                self.let_go(cx);
                return Poll::Ready(None);
            }
            if self.draft.shared.is_cut() {
                self.fail(cut_short());
                continue;
            }
            let polled = match &mut self.body {
                Some(body) => body.poll_chunk(cx),
                None => Poll::Ready(None),
            };
            match polled {
                Poll::Ready(Some(Ok(data))) => self.take(data),
                Poll::Ready(Some(Err(error))) => self.upstream_ended(Some(cut(&error))),
                Poll::Ready(None) => self.upstream_ended(None),
                Poll::Pending => {
                    if self.is_silent(cx) {
                        let text = format!("no event within {} s", self.idle.limit.as_secs_f64());
                        self.fail(Fault::new(FaultKind::Timeout, text));
                        continue;
                    }
                    return Poll::Pending;
                },
            }
        }
    }

    fn take(&mut self, data: Bytes) {
        let Way::Events { pump, finished, .. } = &mut self.way else {
            self.last_event = self.draft.shared.clock.mono();
            self.draft.content(1);
            self.out.extend_from_slice(&data);
            return;
        };
        match pump.push(data, &mut self.out) {
            Ok(seen) => {
                if seen.events > 0 {
                    self.last_event = self.draft.shared.clock.mono();
                    self.draft.heard(self.last_event);
                }
                *finished |= seen.finished;
                self.draft.used(seen.usage);
                self.draft.content(seen.content);
                if seen.done {
                    self.complete();
                }
            },
            Err(fault) => self.fail(fault),
        }
    }

    /// The upstream's bytes have ended: well, when it had said why, or has nothing to say.
    fn upstream_ended(&mut self, broken: Option<Fault>) {
        let fault = match &mut self.way {
            Way::Raw => broken,
            Way::Events { pump, finished, .. } => match pump.rest(&mut self.out) {
                Ok(seen) => {
                    self.draft.used(seen.usage);
                    self.draft.content(seen.content);
                    let whole = *finished || seen.finished || seen.done;
                    (!whole).then(|| broken.unwrap_or_else(ended_early))
                },
                Err(fault) => Some(fault),
            },
        };
        match fault {
            Some(fault) => self.fail(fault),
            None => self.complete(),
        }
    }

    fn complete(&mut self) {
        if let Way::Events { pump, .. } = &mut self.way {
            pump.finish(&mut self.out);
        }
        let now = self.draft.shared.clock.mono();
        self.draft.served(200, now);
        self.ended = true;
    }

    fn fail(&mut self, fault: Fault) {
        let mut fault = fault;
        let setup = &self.draft.setup;
        let node = self.draft.deployment();
        if let Some(node) = node.and_then(|idx| setup.fleet.table.deployment(idx)) {
            fault = provider::fit_to_tell(fault, &node.config.upstream);
        }
        if let Way::Events {
            surface, client, ..
        } = &self.way
        {
            let told = tell(*client, &fault);
            let code = told.status.as_str().to_owned();
            pump::error_event(*surface, told.kind, &told.message, &code, &mut self.out);
        } else {
            self.broken = Some(fault.clone());
        }
        let wished = self.idle.wished && fault.kind == FaultKind::Timeout;
        self.draft.failed(&fault, wished);
        self.draft.refused(&fault);
        self.ended = true;
        self.body = None;
    }

    /// Whether no event has come for too long. The timer is set again only when it rings.
    fn is_silent(&mut self, cx: &mut Context<'_>) -> bool {
        while self.timer.as_mut().poll(cx).is_ready() {
            let silent = self.draft.shared.clock.mono().since(self.last_event);
            let left = self.idle.limit.saturating_sub(silent);
            if left.is_zero() {
                return true;
            }
            self.timer.as_mut().reset(Instant::now() + left);
        }
        false
    }

    /// The end mark has come. The connection goes back to its pool when the upstream's last chunk has
    /// come as well, now or within a moment.
    fn let_go(&mut self, cx: &mut Context<'_>) {
        let Some(mut body) = self.body.take() else {
            return;
        };
        if !matches!(body.poll_chunk(cx), Poll::Ready(None)) {
            body.wind_up();
        }
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Relay")
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
