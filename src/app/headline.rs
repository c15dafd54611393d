//! One plain sentence for the worst thing going on.

use std::time::Duration;

use crate::base::{HostState, NanoDollars, Severity};
use crate::control::{Backend, BackendState, GatewayInfo, Headline, Host, Model};
use crate::live::Outage;

/// The sentence; `None` when all is well.
pub fn headline(
    gateway: &GatewayInfo,
    hosts: &[Host],
    backends: &[Backend],
    models: &[Model],
    outage_of: impl Fn(&str) -> Option<Outage>,
) -> Option<Headline> {
    let error = |text| {
        Some(Headline {
            severity: Severity::Error,
            text,
        })
    };
    let warning = |text| {
        Some(Headline {
            severity: Severity::Warning,
            text,
        })
    };
    if let Some(model) = models.iter().find(|model| is_dead(model, backends)) {
        return error(dead(model, backends));
    }
    let down = hosts.iter().filter(|host| host.state == HostState::Down);
    if let Some(host) = down.max_by_key(|host| host.since_ms) {
        return error(outage(host, outage_of(&host.base).as_ref()));
    }
    if !gateway.config_errors.is_empty() {
        return warning("the config on disk has errors; the one in force stays".to_owned());
    }
    if !gateway.ledger.trouble.is_empty() {
        return warning(format!("ledger: {}", gateway.ledger.trouble));
    }
    let cooling = backends
        .iter()
        .filter(|backend| backend.state == BackendState::Cooling);
    let worst = cooling.max_by_key(|backend| backend.cooldown_left_ms)?;
    let left = span(worst.cooldown_left_ms.unwrap_or(0));
    warning(format!(
        "{} cools down for {left}: {}",
        worst.name, worst.why
    ))
}

/// Whether a group that has backends has none that would take a request.
fn is_dead(model: &Model, backends: &[Backend]) -> bool {
    let mut own = model
        .backends
        .iter()
        .filter_map(|place| backends.get(*place))
        .peekable();
    own.peek().is_some()
        && own.all(|b| !matches!(b.state, BackendState::Up | BackendState::Probing))
        && model.fallbacks.is_empty()
}

fn dead(model: &Model, backends: &[Backend]) -> String {
    let own = model
        .backends
        .iter()
        .filter_map(|place| backends.get(*place));
    let soonest = own.filter_map(|backend| backend.cooldown_left_ms).min();
    match soonest {
        Some(left) => format!(
            "nothing can serve {}; the soonest is back in {}",
            model.name,
            span(left)
        ),
        None => format!("nothing can serve {}", model.name),
    }
}

/// `http://ollama:11434 down 3 min; 42 requests served by gpt-4o-mini, $0.03`
fn outage(host: &Host, outage: Option<&Outage>) -> String {
    let down = format!("{} down {}", short(&host.base), span(host.since_ms));
    let Some(outage) = outage.filter(|outage| outage.served_elsewhere > 0) else {
        return down;
    };
    let many = if outage.served_elsewhere == 1 {
        "request"
    } else {
        "requests"
    };
    let by = outage.mostly_by().map_or("others", |model| &**model);
    let others = if outage.models() > 1 {
        " and others"
    } else {
        ""
    };
    format!(
        "{down}; {} {many} served by {by}{others}, {}",
        outage.served_elsewhere,
        dollars(outage.cost)
    )
}

/// A base without its scheme.
fn short(base: &str) -> &str {
    base.split_once("://").map_or(base, |(_scheme, rest)| rest)
}

fn dollars(amount: NanoDollars) -> String {
    let dollars = amount.0 as f64 / 1e9;
    match amount.0 {
        0 => "$0".to_owned(),
        1..10_000_000 => format!("${dollars:.4}"),
        _ => format!("${dollars:.2}"),
    }
}

/// `42 s`, `3 min`, `2 h`.
fn span(ms: u64) -> String {
    let seconds = Duration::from_millis(ms).as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3_600),
    }
}
