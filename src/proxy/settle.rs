//! What is written down about a request. A [`Draft`] settles when it is dropped, so that a client that
//! leaves, a panic and a proper end all give exactly one record.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use crate::base::{
    Attempt, AttemptOutcome, CallId, DeploymentIdx, Fault, FaultKind, Mono, NanoDollars,
    RequestRecord, Severity, Surface, Usage, Wall,
};
use crate::control::EventKind;
use crate::live::{Happened, Slot};
use crate::proxy::respond::{Client, tell};
use crate::proxy::{Setup, Shared, news};
use crate::route::Try;
use crate::token;
use crate::traffic::Permit;

/// What requests for models that do not exist are counted under: clients may make up any number of
/// names.
const UNKNOWN: &str = "(unknown)";

/// Who asks, as far as a connection and its headers tell.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The address without its port.
    pub addr: Arc<str>,
    /// `User-Agent`, cut.
    pub agent: Arc<str>,
    /// The key's name.
    pub key: Arc<str>,
}

/// A request as it is written down when it ends.
#[derive(Debug)]
pub struct Draft {
    /// What all workers share.
    pub shared: Arc<Shared>,
    /// The configuration it began with.
    pub setup: Arc<Setup>,
    /// Its name.
    pub call_id: CallId,
    /// When it arrived.
    pub started: Mono,
    /// The same by the wall's clock.
    pub wall: Wall,
    slot: Slot,
    surface: Surface,
    client: Client,
    client_model: Arc<str>,
    /// The group that was asked for, after aliases.
    pub group: Arc<str>,
    peer: Peer,
    /// Who the end user is.
    pub end_user: String,
    /// Tags, for routing and accounting.
    pub tags: Vec<String>,
    stream: bool,
    bytes_in: u64,
    prompt_bytes: usize,
    /// Further tries within a group.
    pub retries: u32,
    /// Changes of group.
    pub fallbacks: u32,
    attempts: Vec<Attempt>,
    current: Option<Current>,
    /// The deployment and upstream model of the last try.
    last: Option<(DeploymentIdx, Arc<str>)>,
    /// Time that passed with an upstream.
    upstream: Duration,
    first_token: Option<Mono>,
    usage: Option<Usage>,
    content_events: u64,
    bytes_out: u64,
    ending: Option<Ending>,
    /// When it ended, where somebody has looked at the clock.
    ended: Option<Mono>,
}

/// The try under way.
#[derive(Debug)]
struct Current {
    deployment: DeploymentIdx,
    group: Arc<str>,
    model: Arc<str>,
    reason: String,
    started: Mono,
    first_token: Option<Mono>,
    status: Option<u16>,
    permit: Option<Permit>,
}

/// How a request ended for its client.
#[derive(Debug)]
struct Ending {
    status: u16,
    error: &'static str,
}

/// What is known of a request when its draft begins.
#[derive(Debug)]
pub struct Opening {
    /// Its name.
    pub call_id: CallId,
    /// When it arrived.
    pub started: Mono,
    /// The same by the wall's clock.
    pub wall: Wall,
    /// What kind it is.
    pub surface: Surface,
    /// The dialect errors are told in.
    pub client: Client,
    /// The model asked for.
    pub model: Arc<str>,
    /// Who asks.
    pub peer: Peer,
    /// Whether a stream is asked for.
    pub stream: bool,
    /// Bytes of the body.
    pub bytes_in: u64,
    /// Bytes of the prompt.
    pub prompt_bytes: usize,
}

impl Draft {
    /// Begins the record of a request.
    pub fn begin(shared: &Arc<Shared>, setup: Arc<Setup>, opening: Opening) -> Self {
        let peer = opening.peer;
        let who = if peer.agent.is_empty() {
            &peer.addr
        } else {
            &peer.agent
        };
        let slot = shared.live.begin(
            opening.call_id.as_str(),
            &opening.model,
            who,
            opening.started,
        );
        Self {
            wall: opening.wall,
            shared: Arc::clone(shared),
            setup,
            call_id: opening.call_id,
            started: opening.started,
            slot,
            surface: opening.surface,
            client: opening.client,
            group: Arc::from(UNKNOWN),
            client_model: opening.model,
            peer,
            end_user: String::new(),
            tags: Vec::new(),
            stream: opening.stream,
            bytes_in: opening.bytes_in,
            prompt_bytes: opening.prompt_bytes,
            retries: 0,
            fallbacks: 0,
            attempts: Vec::new(),
            current: None,
            last: None,
            upstream: Duration::ZERO,
            first_token: None,
            usage: None,
            content_events: 0,
            bytes_out: 0,
            ending: None,
            ended: None,
        }
    }

    /// A try begins.
    pub fn attempt(&mut self, chosen: &Try, permit: Option<Permit>, now: Mono) {
        let number = u32::try_from(self.attempts.len() + 1).unwrap_or(u32::MAX);
        if let Some(node) = self.setup.fleet.table.deployment(chosen.deployment) {
            self.shared
                .live
                .attempt(self.slot, &node.config.name, number);
        }
        self.current = Some(Current {
            deployment: chosen.deployment,
            group: Arc::clone(&chosen.group),
            model: Arc::clone(&chosen.upstream_model),
            reason: chosen.reason.to_string(),
            started: now,
            first_token: None,
            status: None,
            permit,
        });
    }

    /// The deployment of the try under way.
    pub fn deployment(&self) -> Option<DeploymentIdx> {
        self.current.as_ref().map(|current| current.deployment)
    }

    /// The permit of the try under way.
    pub fn permit(&self) -> Option<&Permit> {
        self.current.as_ref()?.permit.as_ref()
    }

    /// The upstream answered with this status.
    pub fn answered(&mut self, status: StatusCode) {
        let now = self.now();
        let Some(current) = &mut self.current else {
            return;
        };
        current.status = Some(status.as_u16());
        if current.permit.as_ref().is_some_and(Permit::has_host_fallen) {
            // It was sent before the host died, and proves nothing of the present.
            return;
        }
        let idx = current.deployment;
        if let Some(change) = self.setup.fleet.answered(idx, now) {
            news::tell(
                &self.shared.live,
                &self.setup,
                change,
                Some(self.call_id.as_str()),
            );
        }
    }

    /// Bytes of an answer came: the host is at work.
    pub fn heard(&self, now: Mono) {
        if let Some(permit) = self.permit() {
            permit.host().heard(now);
        }
    }

    /// Content events of a stream came, `count` of them. Plain answers have no first token: theirs all
    /// come at the end.
    pub fn content(&mut self, count: u32) {
        if count == 0 || !self.stream {
            return;
        }
        self.content_events += u64::from(count);
        let Some(current) = &mut self.current else {
            return;
        };
        if current.first_token.is_none() {
            let now = self.shared.clock.mono();
            current.first_token = Some(now);
            self.first_token = self.first_token.or(Some(now));
            self.shared.live.content(self.slot);
        }
    }

    /// The upstream counted tokens.
    pub fn used(&mut self, usage: Option<Usage>) {
        if let Some(usage) = usage {
            self.usage = Some(self.usage.unwrap_or_default().max(usage));
        }
    }

    /// Bytes went to the client.
    pub const fn sent(&mut self, bytes: usize) {
        self.bytes_out += bytes as u64;
    }

    /// The try under way failed; another may follow. `client_timeout`: the client's own wish.
    pub fn failed(&mut self, fault: &Fault, client_timeout: bool) {
        let now = self.now();
        let Some(current) = self.current.take() else {
            return;
        };
        let cut = self.first_token.is_some() && self.stream;
        let outcome = if cut {
            AttemptOutcome::Cut
        } else {
            AttemptOutcome::Failed
        };
        let changes = self
            .setup
            .fleet
            .failed(current.deployment, fault, client_timeout, now);
        for change in changes.into_iter().flatten() {
            news::tell(
                &self.shared.live,
                &self.setup,
                change,
                Some(self.call_id.as_str()),
            );
        }
        if !cut {
            self.usage = None;
            self.content_events = 0;
        }
        self.log(&current, Some(fault));
        self.close(current, outcome, Some(fault), now);
    }

    /// The try under way never reached its backend: the backend is not to blame.
    pub fn not_sent(&mut self, fault: &Fault) {
        let now = self.now();
        let Some(current) = self.current.take() else {
            return;
        };
        self.log(&current, Some(fault));
        self.close(current, AttemptOutcome::Failed, Some(fault), now);
    }

    /// The request was served in full, just now.
    pub fn served(&mut self, status: u16, now: Mono) {
        if let Some(current) = self.current.take() {
            if let Some(change) = self.setup.fleet.served(current.deployment, now) {
                news::tell(
                    &self.shared.live,
                    &self.setup,
                    change,
                    Some(self.call_id.as_str()),
                );
            }
            self.log(&current, None);
            self.close(current, AttemptOutcome::Served, None, now);
        }
        self.ending.get_or_insert(Ending { status, error: "" });
        self.ended = Some(now);
    }

    /// The client is told of a fault. A stream that had begun keeps its status.
    pub fn refused(&mut self, fault: &Fault) {
        let begun = self.stream && self.first_token.is_some();
        let status = if begun {
            200
        } else {
            tell(self.client, fault).status.as_u16()
        };
        let kind = if begun {
            EventKind::Cut
        } else {
            EventKind::Error
        };
        if begun || fault.side() != crate::base::Side::Client {
            let text = format!("{}: {}", fault.kind.word(), fault.message);
            let event = Happened::new(kind, Severity::Error, &*self.client_model, text);
            self.shared.live.event(event.call(self.call_id.as_str()));
        }
        self.ending.get_or_insert_with(|| Ending {
            status,
            error: fault.kind.word(),
        });
    }

    /// The group that is being tried.
    pub fn serving_group(&self) -> Option<&str> {
        self.current.as_ref().map(|current| &*current.group)
    }

    /// The model as the client asked for it.
    pub const fn client_model(&self) -> &Arc<str> {
        &self.client_model
    }

    /// The backend that was tried last.
    pub fn last_backend(&self) -> Option<&str> {
        self.attempts.last().map(|attempt| &*attempt.backend)
    }

    /// What it costs so far, when the deployment has a price and the upstream counted.
    pub fn cost(&self) -> Option<NanoDollars> {
        let idx = self.deployment()?;
        let price = self.setup.prices.get(idx.0)?.as_ref()?;
        price.cost(&self.usage?)
    }

    /// Time spent here and not with an upstream.
    pub fn overhead(&self, now: Mono) -> Duration {
        let waiting = self
            .current
            .as_ref()
            .map_or(Duration::ZERO, |c| now.since(c.started));
        now.since(self.started)
            .saturating_sub(self.upstream + waiting)
    }

    fn now(&self) -> Mono {
        self.shared.clock.mono()
    }

    fn close(
        &mut self,
        current: Current,
        outcome: AttemptOutcome,
        fault: Option<&Fault>,
        now: Mono,
    ) {
        self.upstream += now.since(current.started);
        let table = &self.setup.fleet.table;
        let Some(node) = table.deployment(current.deployment) else {
            return;
        };
        let tokens = self.usage.map_or(0, |usage| usage.total());
        if let Some(permit) = &current.permit {
            permit.deployment().use_up(0, tokens, now);
        }
        self.attempts.push(Attempt {
            deployment: Arc::clone(&node.config.id),
            backend: Arc::clone(&node.config.name),
            group: current.group,
            host: self.setup.origin(node.host),
            reason: current.reason,
            started_us: micros(current.started.since(self.started)),
            took_us: micros(now.since(current.started)),
            first_token_us: current
                .first_token
                .map(|at| micros(at.since(current.started))),
            status: current.status,
            outcome,
            error: fault.map_or_else(String::new, |fault| fault.kind.word().to_owned()),
            message: fault.map_or_else(String::new, explained),
        });
        self.last = Some((current.deployment, current.model));
    }

    /// One line an attempt, where the person asked for it.
    fn log(&self, current: &Current, fault: Option<&Fault>) {
        if !tracing::enabled!(tracing::Level::DEBUG) {
            return;
        }
        let call = self.call_id.as_str();
        let table = &self.setup.fleet.table;
        let backend = table
            .deployment(current.deployment)
            .map_or("", |node| &node.config.name);
        let took_ms = self.now().since(current.started).as_millis();
        let (group, why, status) = (&*current.group, &*current.reason, current.status);
        match fault {
            None => tracing::debug!(call, backend, group, why, status, took_ms, "served"),
            Some(fault) => {
                let detail = &*fault.detail;
                let error = fault.kind.word();
                let message = &*fault.message;
                tracing::debug!(
                    call, backend, group, why, status, took_ms, error, message, detail, "failed"
                );
            },
        }
    }

    fn record(&mut self, now: Mono) -> RequestRecord {
        let (status, kind) = if std::thread::panicking() {
            (500, FaultKind::Internal)
        } else {
            (499, FaultKind::ClientGone)
        };
        let gone = Ending {
            status,
            error: kind.word(),
        };
        let ending = self.ending.take().unwrap_or(gone);
        if self.content_events > 0 && !ending.error.is_empty() {
            let prompt_bytes = self.prompt_bytes;
            self.usage = Some(unfinished(self.usage, prompt_bytes, self.content_events));
        }
        let table = &self.setup.fleet.table;
        let last = self.last.take();
        let node = last
            .as_ref()
            .and_then(|(idx, _model)| table.deployment(*idx));
        let price = last
            .as_ref()
            .and_then(|(idx, _)| self.setup.prices.get(idx.0)?.as_ref());
        let cost = match self.usage {
            Some(usage) => price.and_then(|price| price.cost(&usage)),
            // Nothing was used, so nothing was paid for; to count is free.
            None if ending.status >= 400 || self.surface == Surface::CountTokens => {
                Some(NanoDollars::ZERO)
            },
            None => None,
        };
        let nothing = || Arc::from("");
        RequestRecord {
            call_id: self.call_id.clone(),
            started: self.wall,
            took_us: micros(now.since(self.started)),
            first_token_us: self.first_token.map(|at| micros(at.since(self.started))),
            overhead_us: micros(now.since(self.started).saturating_sub(self.upstream)),
            surface: self.surface,
            client_model: Arc::clone(&self.client_model),
            group: self
                .attempts
                .last()
                .map_or_else(nothing, |last| Arc::clone(&last.group)),
            deployment: node.map_or_else(nothing, |node| Arc::clone(&node.config.id)),
            model: last
                .as_ref()
                .map_or_else(nothing, |(_, model)| Arc::clone(model)),
            provider: node.map_or_else(nothing, |node| Arc::clone(&node.config.upstream.provider)),
            host: node.map_or_else(nothing, |node| self.setup.origin(node.host)),
            usage: self.usage,
            window: last
                .as_ref()
                .and_then(|(idx, _)| self.setup.windows.get(idx.0).copied().flatten()),
            cost,
            status: ending.status,
            error: ending.error.to_owned(),
            key: Arc::clone(&self.peer.key),
            end_user: std::mem::take(&mut self.end_user),
            user_agent: Arc::clone(&self.peer.agent),
            client_addr: Arc::clone(&self.peer.addr),
            tags: std::mem::take(&mut self.tags),
            stream: self.stream,
            retries: self.retries,
            fallbacks: self.fallbacks,
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            attempts: std::mem::take(&mut self.attempts),
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some(current) = self.current.take() {
            // Nobody said how the try ended: the client left, or we broke.
            let now = self.now();
            let gone = Fault::new(FaultKind::ClientGone, "the client went away");
            self.log(&current, Some(&gone));
            self.close(current, AttemptOutcome::Cancelled, None, now);
        }
        let now = self.ended.unwrap_or_else(|| self.now());
        let record = Arc::new(self.record(now));
        let live = &self.shared.live;
        live.end(self.slot, Arc::clone(&record), &self.group, now);
        if self.setup.config.general.disable_spend_logs {
            self.shared.ledger.sum(&record);
        } else {
            self.shared.ledger.record(record);
        }
    }
}

/// The usage of a stream that was cut: what the upstream counted until then (Anthropic begins with one
/// token of answer), but at least one token an event.
fn unfinished(counted: Option<Usage>, prompt_bytes: usize, content_events: u64) -> Usage {
    let mut usage = counted.unwrap_or_else(|| Usage {
        prompt: token::estimate(prompt_bytes),
        ..Usage::default()
    });
    usage.completion = usage.completion.max(content_events);
    usage
}

/// Whole microseconds of a duration.
fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// What the client may read, and what the log has besides.
fn explained(fault: &Fault) -> String {
    if fault.detail.is_empty() {
        fault.message.clone()
    } else {
        format!("{} ({})", fault.message, fault.detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_left_early_counts_at_least_its_events() {
        let counted = |prompt, completion| {
            Some(Usage {
                prompt,
                completion,
                ..Usage::default()
            })
        };
        let cases = [
            (None, (10, 7)),
            // Anthropic's `message_start`.
            (counted(12, 1), (12, 7)),
            // llama.cpp's `timings_per_token`: more than a token an event.
            (counted(12, 30), (12, 30)),
        ];
        for (counted, expected) in cases {
            let usage = unfinished(counted, 40, 7);
            assert_eq!((usage.prompt, usage.completion), expected);
        }
    }
}
