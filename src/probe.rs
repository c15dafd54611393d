//! Active health: asks self-hosted servers whether they are there, by routes that load no model.
//!
//! One loop for all hosts: it sleeps until the next probe is due or somebody asks for one sooner. What
//! a probe saw goes into `traffic`; what that changed is told to the caller, who writes the event. The
//! rules by which a host is judged are in [`crate::route::host`].

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::base::{Clock, HostIdx, HostState, Mono, Observation, Secret};
use crate::net::general::General;
use crate::net::{Origin, dial};
use crate::route::host::{Manner, PROBE_EVERY, PROBE_TIMEOUT};
use crate::traffic::HostLive;

/// How long a probe that was connected waits for its answer. It reports all the while.
const HELD: Duration = Duration::from_mins(2);
/// Between two reports of a probe that waits.
const REPORT_EVERY: Duration = PROBE_EVERY;

/// One host to watch.
#[derive(Debug, Clone)]
pub struct Watched {
    /// Its place in the present table.
    pub idx: HostIdx,
    /// Its live state.
    pub host: Arc<HostLive>,
    /// What to ask: a route that loads no model.
    pub url: String,
    /// The key, for servers that want one even there.
    pub key: Option<Secret>,
}

/// Who knows the hosts and hears what probes saw.
pub trait Watch: Send + Sync + 'static {
    /// The self-hosted hosts of the present configuration.
    fn hosts(&self) -> Vec<Watched>;
    /// A probe ended, or has waited for long: what it saw, and in words.
    fn probed(&self, host: &Watched, seen: Observation, said: String);
    /// Waits until somebody wants a probe sooner than planned.
    fn hurried(&self) -> impl Future<Output = ()> + Send;
}

/// Probes until `stop`.
pub async fn run<W: Watch>(
    watch: Arc<W>,
    general: Arc<General>,
    clock: Arc<dyn Clock>,
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    loop {
        let now = clock.mono();
        let next = begin_due(&watch, &general, &clock, &tasks, now);
        let wait = next
            .since(now)
            .clamp(Duration::from_millis(10), PROBE_EVERY);
        tokio::select! {
            () = tokio::time::sleep(wait) => {},
            () = watch.hurried() => {},
            () = stop.cancelled() => return,
        }
    }
}

/// Begins every probe that is due; gives the moment the next one is.
fn begin_due<W: Watch>(
    watch: &Arc<W>,
    general: &Arc<General>,
    clock: &Arc<dyn Clock>,
    tasks: &TaskTracker,
    now: Mono,
) -> Mono {
    let mut next = Mono::FAR;
    for watched in watch.hosts() {
        let mut health = watched.host.health();
        let Some(due) = health.next_probe_at() else {
            continue;
        };
        if due > now {
            next = next.min(due);
            continue;
        }
        health.probe_begun(now);
        next = next.min(health.next_probe_at().unwrap_or(Mono::FAR));
        drop(health);
        let (watch, general, clock) = (Arc::clone(watch), Arc::clone(general), Arc::clone(clock));
        tasks.spawn(async move { look(&*watch, &general, &*clock, &watched).await });
    }
    next
}

/// One probe, from its connection to its answer, however long that takes.
async fn look<W: Watch>(watch: &W, general: &General, clock: &dyn Clock, watched: &Watched) {
    let begun = clock.mono();
    let tell = |seen, said: &str| {
        let took = clock.mono().since(begun).as_millis();
        watch.probed(watched, seen, format!("{said} in {took} ms"));
    };
    let mut beside = company(watched).await;
    let in_company = beside.is_some();
    let mut answer = pin!(ask(general, watched));
    let mut reports = 0_u32;
    while clock.mono().since(begun) < HELD {
        // The second look decides; it must not come late.
        let step = if reports < 2 {
            PROBE_TIMEOUT
        } else {
            REPORT_EVERY
        };
        match tokio::time::timeout(step, answer.as_mut()).await {
            Ok((seen, said)) => {
                let alone = in_company && watched.host.in_flight() == 0;
                if alone && reports == 0 && seen == Observation::ProbeAnswered {
                    let gone = beside.is_none();
                    watched
                        .host
                        .learn(if gone { Manner::OneByOne } else { Manner::Many });
                }
                return tell(seen, &said);
            },
            // Perhaps it is busy with the connection beside this one.
            Err(_elapsed) if beside.take().is_some() => {},
            Err(_elapsed) => {
                reports += 1;
                tell(Observation::ProbeSilent, "connected, no answer");
            },
        }
    }
}

/// A connection held open beside the first probe of a host that nobody uses: whether it is answered
/// all the same tells how the host treats several.
async fn company(watched: &Watched) -> Option<TcpStream> {
    let is_new = {
        let health = watched.host.health();
        health.manner() == Manner::Unknown && health.state() != HostState::Down
    };
    if !is_new || watched.host.in_flight() > 0 {
        return None;
    }
    let origin = Origin::of(&watched.url, true).ok()?;
    dial::reach(&origin, PROBE_TIMEOUT).await.ok()
}

/// Asks once. Any answer at all is a sign of life, whatever its status.
async fn ask(general: &General, watched: &Watched) -> (Observation, String) {
    use Observation::{ProbeAnswered, ProbeFailed};
    let Some(client) = general.client(&watched.url) else {
        return (
            ProbeAnswered,
            "no probe: the system gives no socket".to_owned(),
        );
    };
    let mut request = client.get(&watched.url);
    if let Some(key) = &watched.key {
        request = request.bearer_auth(key.expose());
    }
    match request.send().await {
        Ok(answer) => (ProbeAnswered, format!("{}", answer.status().as_u16())),
        Err(error) if error.is_timeout() => (ProbeFailed, "no connection".to_owned()),
        Err(error) if error.is_connect() => (ProbeFailed, cause_of(&error)),
        // It spoke, if not HTTP as we know it.
        Err(error) if error.is_decode() || error.is_body() => {
            (ProbeAnswered, "an odd answer".to_owned())
        },
        Err(error) => (ProbeFailed, cause_of(&error)),
    }
}

/// The innermost cause, which is the system's own word: `Connection refused (os error 111)`.
fn cause_of(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let text = cause.to_string();
    let plain = text.split(" (os error").next().unwrap_or(&text);
    plain.to_lowercase()
}
