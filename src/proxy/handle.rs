//! The walk of one request: from its bytes to an answer, over as many tries as it takes.

mod answer;
mod arrive;
mod count;

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::{HeaderMap, Response, request};

use crate::base::{DeploymentIdx, Fault, FaultKind, Mono, Surface};
use crate::live::Happened;
use crate::provider::Asked;
use crate::proxy::attempt::{Attempt, Limits, Served, cut_short};
use crate::proxy::body::Body;
use crate::proxy::connection::Alarm;
use crate::proxy::http1::ClientBody;
use crate::proxy::relay::Idle;
use crate::proxy::respond::{Client, respond};
use crate::proxy::settle::{Draft, Opening, Peer};
use crate::proxy::{Setup, Shared, Worker};
use crate::route::{Kind, Present, Step, Try, WaitReason, Walk, Why};
use crate::token;
use crate::traffic::{FleetView, SlotWait};

/// To open a connection where another backend could take over.
const CONNECT: Duration = Duration::from_millis(1_500);
/// To open one where none could.
const CONNECT_LONE: Duration = Duration::from_secs(5);
/// For an answer where neither request, deployment nor router say.
const ANSWER: Duration = Duration::from_mins(10);
/// How soon a request that waits for a slot looks again though none was given back: a backend may have
/// come up or been switched on meanwhile.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Which inference route a request takes.
#[derive(Debug, Clone)]
pub struct Route {
    /// What kind of request.
    pub surface: Surface,
    /// The path below `/v1`, with its slash.
    pub subpath: &'static str,
    /// The model that the path names (`/engines/{model}/…`).
    pub model: Option<String>,
}

/// A request as it goes from try to try.
struct Journey<'a> {
    worker: &'a Worker,
    alarm: &'a mut Alarm,
    client: Client,
    asked: Asked,
    /// The request's headers, or none at all when it has none that are meant for us.
    headers: &'a HeaderMap,
    walk: Walk,
    /// What the present configuration forbids, and which one that is: kept alive, so that no later one
    /// can lie at its address.
    present: Option<(Arc<Setup>, Present)>,
    /// The idle limit of the try that serves.
    idle: Idle,
    /// When the walk was asked last.
    asked_at: Mono,
}

/// The dialect that clients of a surface speak.
pub const fn dialect(surface: Surface) -> Client {
    match surface {
        Surface::Messages | Surface::CountTokens => Client::Anthropic,
        _ => Client::OpenAi,
    }
}

/// Serves one inference request; every way out of it is an answer.
pub async fn handle(
    worker: &Worker,
    route: Route,
    head: request::Parts,
    body: &ClientBody,
    peer: Peer,
    alarm: &mut Alarm,
) -> Response<Body> {
    let clock = &worker.shared.clock;
    let (started, wall) = (clock.mono(), clock.wall());
    let client = dialect(route.surface);
    let headers = arrive::wishes(&head.headers);
    let call_id = arrive::call_id(headers, wall);
    let setup = worker.shared.setup.load_full();
    let surface = route.surface;
    let mut opening = Opening {
        call_id: call_id.clone(),
        started,
        wall,
        surface,
        client,
        model: Arc::from(""),
        peer,
        stream: false,
        bytes_in: 0,
        prompt_bytes: 0,
    };
    let config = Arc::clone(&setup.config);
    let arrived = pin!(arrive::read(route, &head, body, &config));
    let mut response = match unless_cut(&worker.shared, arrived).await {
        Ok(arrived) => {
            opening.model = Arc::from(arrived.model());
            opening.stream = arrived.asked.stream();
            opening.bytes_in = arrived.bytes_in as u64;
            opening.prompt_bytes = arrived.prompt_bytes();
            let draft = Draft::begin(&worker.shared, setup, opening);
            travel((worker, alarm), client, arrived.asked, headers, draft).await
        },
        Err(fault) => {
            let mut draft = Draft::begin(&worker.shared, setup, opening);
            draft.refused(&fault);
            respond(client, &fault)
        },
    };
    let lines = &mut response.body_mut().lines;
    answer::note_call(lines, client, call_id.as_str());
    response
}

/// Walks until there is an answer.
async fn travel(
    (worker, alarm): (&Worker, &mut Alarm),
    client: Client,
    asked: Asked,
    headers: &HeaderMap,
    mut draft: Draft,
) -> Response<Body> {
    let setup = Arc::clone(&draft.setup);
    let table = &setup.fleet.table;
    let ask = match arrive::ask(&asked, headers, &mut draft) {
        Ok(ask) => ask,
        Err(fault) => return give(client, &fault, draft),
    };
    if let Some(group) = table.counted_as(&ask.model) {
        draft.group = group;
    }
    let walk = match Walk::new(table, ask, fastrand::u64(..)) {
        Ok(walk) => walk,
        Err(fault) => return give(client, &fault, draft),
    };
    let mut journey = Journey {
        worker,
        alarm,
        client,
        asked,
        headers,
        walk,
        present: None,
        idle: Idle {
            limit: ANSWER,
            wished: false,
        },
        asked_at: draft.started,
    };
    if journey.asked.surface == Surface::CountTokens {
        // Boxed: it is rare, and would make the future of every request larger.
        return Box::pin(journey.count_tokens(draft)).await;
    }
    let mut last: Option<Fault> = None;
    let mut listening: Option<SlotWait> = None;
    loop {
        match journey.next(&draft, last.take().as_ref()) {
            Step::Give(fault) => return give(client, &fault, draft),
            Step::Wait {
                why: WaitReason::Full,
                ..
            } if listening.is_none() => {
                // A slot may come free before we listen: look once more.
                listening = Some(setup.fleet.slots.listen());
            },
            Step::Wait { until, why } => {
                let freed = listening.take();
                let waited = pin!(async {
                    journey.wait(until, why, freed).await;
                    Ok(())
                });
                if let Err(fault) = unless_cut(&worker.shared, waited).await {
                    return give(client, &fault, draft);
                }
            },
            Step::Try(chosen) => match journey.attempt(&chosen, &mut draft).await {
                Some(Ok(served)) => return journey.answer(served, draft),
                Some(Err(fault)) => last = Some(fault),
                None => {},
            },
        }
    }
}

/// A step of a request, unless the gateway must end before it is done. Nothing rings here: the
/// connection is woken as a whole.
async fn unless_cut<T>(
    shared: &Shared,
    mut step: Pin<&mut impl Future<Output = Result<T, Fault>>>,
) -> Result<T, Fault> {
    poll_fn(|cx| match step.as_mut().poll(cx) {
        Poll::Pending if shared.is_cut() => Poll::Ready(Err(cut_short())),
        polled => polled,
    })
    .await
}

fn give(client: Client, fault: &Fault, mut draft: Draft) -> Response<Body> {
    draft.refused(fault);
    let mut response = respond(client, fault);
    answer::note_tries(&mut response.body_mut().lines, &draft);
    response
}

impl Journey<'_> {
    /// Asks the walk, within what the present configuration still allows.
    fn next(&mut self, draft: &Draft, last: Option<&Fault>) -> Step {
        let setup = &draft.setup;
        let present = self.worker.shared.setup.load();
        if Arc::ptr_eq(&present, setup) {
            self.present = None;
        } else {
            let known = self.present.as_ref();
            if known.is_none_or(|(known, _)| !Arc::ptr_eq(known, &present)) {
                let made = Present::new(&setup.fleet.table, &present.fleet.table, &draft.tags);
                self.present = Some((Arc::clone(&present), made));
            }
        }
        let surface = self.asked.surface;
        let serves = |idx: DeploymentIdx| setup.backend(idx).is_some_and(|b| b.serves(surface));
        let now = self.worker.shared.clock.mono();
        self.asked_at = now;
        let view = FleetView {
            fleet: &setup.fleet,
            now,
            serves: &serves,
            present: self.present.as_ref().map(|(_setup, present)| present),
        };
        self.walk.next(&setup.fleet.table, &view, last, now)
    }

    /// Waits as the walk asked: a backoff in full, a slot until one is given back.
    async fn wait(&self, until: Mono, why: WaitReason, freed: Option<SlotWait>) {
        let now = self.worker.shared.clock.mono();
        let wait = until.since(now);
        match (why, freed) {
            (WaitReason::Full, Some(freed)) => {
                // Whether it was told or is to look by itself makes no difference.
                let _told = tokio::time::timeout(wait.min(LOOK_AGAIN), freed.freed()).await;
            },
            _ => tokio::time::sleep(wait).await,
        }
    }

    /// Runs one try; `None` when its slot or trial was taken by another request meanwhile.
    async fn attempt(&mut self, chosen: &Try, draft: &mut Draft) -> Option<Result<Served, Fault>> {
        let setup = Arc::clone(&draft.setup);
        let now = self.asked_at;
        let permit = setup
            .fleet
            .acquire(chosen.deployment, chosen.is_trial, now)?;
        Self::count(chosen, draft);
        draft.attempt(chosen, Some(permit), now);
        let Some(backend) = setup.backend(chosen.deployment) else {
            let fault = Fault::new(FaultKind::Internal, "the deployment is not prepared");
            draft.not_sent(&fault);
            return Some(Err(fault));
        };
        let (limits, client_timeout) = self.limits(chosen, draft);
        self.idle = Idle {
            limit: limits.idle,
            wished: client_timeout,
        };
        if let Some(fault) = self.too_long(chosen, draft) {
            draft.not_sent(&fault);
            return Some(Err(fault));
        }
        let (walk, asked, present) = (&self.walk, &self.asked, self.present.as_ref());
        let shared = &self.worker.shared;
        let elsewhere = |setup: &Setup| {
            let surface = asked.surface;
            let serves = |idx: DeploymentIdx| setup.backend(idx).is_some_and(|b| b.serves(surface));
            let now = shared.clock.mono();
            let view = FleetView {
                fleet: &setup.fleet,
                now,
                serves: &serves,
                present: present.map(|(_mark, present)| present),
            };
            let down = Fault::new(FaultKind::HostDown, "");
            let step = walk
                .clone()
                .next(&setup.fleet.table, &view, Some(&down), now);
            matches!(step, Step::Try(next) if next.reason.why != Why::Anyway)
        };
        let attempt = Attempt {
            worker: self.worker,
            elsewhere: &elsewhere,
            idx: chosen.deployment,
            backend,
            model: &chosen.upstream_model,
            set: chosen.hop.and_then(|hop| self.asked.head()?.overrides(hop)),
            limits,
            options: answer::writer_options(&self.asked, draft),
        };
        let outcome = {
            let attempt = pin!(attempt.run(&self.asked, draft, self.alarm));
            unless_cut(&self.worker.shared, attempt).await
        };
        if let Err(fault) = &outcome {
            let blameless = matches!(
                fault.kind,
                FaultKind::Unsupported
                    | FaultKind::InvalidRequest
                    | FaultKind::Internal
                    | FaultKind::Draining
            );
            // Many servers of the dialect cannot count; that says nothing of how they answer.
            if blameless || self.asked.surface == Surface::CountTokens {
                draft.not_sent(fault);
            } else {
                draft.failed(fault, client_timeout && fault.kind == FaultKind::Timeout);
            }
        }
        Some(outcome)
    }

    /// With `enable_pre_call_checks`: a prompt that cannot fit the window is not sent.
    fn too_long(&self, chosen: &Try, draft: &Draft) -> Option<Fault> {
        let setup = &draft.setup;
        let window = setup.windows.get(chosen.deployment.0).copied().flatten();
        let head = self
            .asked
            .head()
            .filter(|_| setup.config.router.pre_call_checks)?;
        if token::fit(head.prompt_bytes, 0, window) != token::Fit::No {
            return None;
        }
        let text = format!(
            "the prompt has at least {} tokens; the window of {} is {}",
            token::at_least(head.prompt_bytes),
            chosen.upstream_model,
            window.unwrap_or_default(),
        );
        Some(Fault::new(FaultKind::ContextWindow, text).param("messages"))
    }

    /// Counts what kind of step a try is, and tells of a change of backend.
    fn count(chosen: &Try, draft: &mut Draft) {
        match chosen.kind {
            Kind::First => {},
            Kind::Retry => draft.retries += 1,
            Kind::Tier | Kind::Fallback => {
                draft.fallbacks += u32::from(chosen.kind == Kind::Fallback);
                let table = &draft.setup.fleet.table;
                let to = table
                    .deployment(chosen.deployment)
                    .map(|node| &*node.config.name);
                let from = draft.last_backend().unwrap_or(&draft.group);
                let (to, why) = (to.unwrap_or_default(), chosen.reason.to_string());
                let call = draft.call_id.as_str();
                let event = Happened::fallback(&draft.group, from, to, &why, call);
                draft.shared.live.event(event);
            },
        }
    }

    /// Time-outs of a try: the request's own, else the deployment's, else the router's; and whether
    /// the one for the answer was the client's own.
    fn limits(&self, chosen: &Try, draft: &Draft) -> (Limits, bool) {
        let setup = &draft.setup;
        let node = setup.fleet.table.deployment(chosen.deployment);
        let own = node.map(|node| node.config.timeouts).unwrap_or_default();
        let router = setup.fleet.table.router();
        let wish = arrive::timeouts(&self.asked, self.headers);
        let plain = wish.request.or(own.request).or(router.timeouts.request);
        let stream = wish
            .stream
            .or(own.stream)
            .or(router.timeouts.stream)
            .or(plain);
        let streaming = self.asked.stream();
        let answer = if streaming { stream } else { plain }.unwrap_or(ANSWER);
        let wished = if streaming {
            wish.stream.or(wish.request)
        } else {
            wish.request
        };
        let lone = node.is_none_or(|node| !node.has_others);
        let limits = Limits {
            connect: if lone { CONNECT_LONE } else { CONNECT }.min(answer),
            answer,
            idle: answer,
            bytes: setup.config.limits.answer_bytes,
        };
        (limits, wished == Some(answer))
    }
}
