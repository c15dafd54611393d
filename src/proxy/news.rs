//! Tells the dashboard what a change of health means, in words.

use std::time::Duration;

use crate::base::{HostState, Severity};
use crate::control::EventKind;
use crate::live::{Happened, Live};
use crate::proxy::Setup;
use crate::traffic::Change;

/// Writes the event for a change; `call` is the request that brought it about.
pub fn tell(live: &Live, setup: &Setup, change: Change, call: Option<&str>) {
    let event = match change {
        Change::Opened {
            deployment,
            wait,
            why,
        } => {
            let name = name_of(setup, deployment.0);
            let text = format!("{}: {why}", seconds(wait));
            Happened::new(EventKind::Cooldown, Severity::Warning, name, text)
        },
        Change::Closed { deployment } => {
            let name = name_of(setup, deployment.0);
            Happened::new(EventKind::Recover, Severity::Note, name, "serves again")
        },
        Change::Host { host, from, to } => {
            let origin = setup.origin(host);
            match to {
                HostState::Down => {
                    live.host_down(&origin, setup.groups_on(host));
                    let text = setup.fleet.hosts.get(host.0).map(|host| host.last_probe());
                    let text = text.filter(|text| !text.is_empty());
                    let text = text.unwrap_or_else(|| "does not answer".to_owned());
                    Happened::new(EventKind::Down, Severity::Error, &*origin, text)
                },
                HostState::Probing => {
                    let text = "answers probes again; one request tries it";
                    Happened::new(EventKind::Up, Severity::Note, &*origin, text)
                },
                HostState::Up | HostState::Unknown => {
                    live.host_up(&origin);
                    if from == HostState::Unknown || from == to {
                        return;
                    }
                    Happened::new(EventKind::Up, Severity::Note, &*origin, "serves again")
                },
            }
        },
    };
    live.event(match call {
        Some(call) => event.call(call),
        None => event,
    });
}

fn name_of(setup: &Setup, place: usize) -> &str {
    setup
        .fleet
        .table
        .deployments()
        .get(place)
        .map_or("", |node| &node.config.name)
}

/// `60 s`, `1.5 s`, `10 min`.
pub fn seconds(wait: Duration) -> String {
    let ms = wait.as_millis();
    match ms {
        600_000.. => format!("{} min", ms / 60_000),
        _ if ms.is_multiple_of(1_000) => format!("{} s", ms / 1_000),
        _ => format!("{:.1} s", wait.as_secs_f64()),
    }
}
