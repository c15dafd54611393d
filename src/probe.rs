//! Active health: asks self-hosted servers whether they are there, by routes that load no model.
//!
//! One loop for all hosts: it sleeps until the next probe is due or somebody asks for one sooner. What
//! a probe saw goes into `traffic`; what that changed is told to the caller, who writes the event.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::base::{Clock, HostIdx, Mono, Secret};
use crate::net::general::General;
use crate::route::host::PROBE_EVERY;
use crate::traffic::HostLive;

/// How long a probe may take in all: a busy server may be slow to answer, a dead one does not.
const WITHIN: Duration = Duration::from_millis(1_300);

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
    /// A probe ended: whether somebody answered, and what in words.
    fn probed(&self, host: &Watched, alive: bool, said: String);
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
        tasks.spawn(async move {
            let begun = clock.mono();
            let (alive, said) = ask(&general, &watched).await;
            let took = clock.mono().since(begun).as_millis();
            watch.probed(&watched, alive, format!("{said} in {took} ms"));
        });
    }
    next
}

/// Asks once. Any answer at all is a sign of life, whatever its status.
async fn ask(general: &General, watched: &Watched) -> (bool, String) {
    let Some(client) = general.client(&watched.url) else {
        return (true, "no probe: the system gives no socket".to_owned());
    };
    let mut request = client.get(&watched.url).timeout(WITHIN);
    if let Some(key) = &watched.key {
        request = request.bearer_auth(key.expose());
    }
    match request.send().await {
        Ok(answer) => (true, format!("{}", answer.status().as_u16())),
        Err(error) if error.is_timeout() => (false, "no answer".to_owned()),
        Err(error) if error.is_connect() => (false, cause_of(&error)),
        // It spoke, if not HTTP as we know it.
        Err(error) if error.is_decode() || error.is_body() => (true, "an odd answer".to_owned()),
        Err(error) => (false, cause_of(&error)),
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
