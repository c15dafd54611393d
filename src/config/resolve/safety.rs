//! Who may call: an open gateway on an address that others can reach is refused.

use std::net::IpAddr;

use crate::base::Problem;
use crate::config::read::{Desk, shown};
use crate::config::snippet::quoted;
use crate::config::source::Notebook;
use crate::config::yaml::{Node, Spot};
use crate::config::{Config, KeySource, address};

/// The key of most tutorials, known to everybody.
const SAMPLE_KEY: &str = "sk-1234";

/// The address to listen on.
pub(super) fn listen_host(desk: &Desk<'_>, file: Option<&str>) -> String {
    let cli = desk.cli;
    let default = if cli.in_container {
        "0.0.0.0"
    } else {
        "127.0.0.1"
    };
    let host = cli.host.as_deref().or(file).unwrap_or(default);
    host.trim().to_owned()
}

/// Checks that what is written is an address: it is dropped where the command line names another.
pub(super) fn check_host(desk: &mut Desk<'_>, root: &Node, config: &Config) {
    let hint = "use `127.0.0.1`, `0.0.0.0`, `::1` or an address of this machine";
    let cli = desk.cli.host.as_deref();
    if let Some(host) = cli.filter(|host| address(host).is_none()) {
        let message = format!("`--host`: {} is no address to listen on", quoted(host));
        desk.notes.elsewhere(Problem::error(message).hint(hint));
    }
    let node = root
        .get("general_settings")
        .and_then(|general| general.get("host"));
    let written = config.startup.host.as_deref().zip(node);
    if let Some((host, node)) = written.filter(|(host, _)| address(host).is_none()) {
        let message = format!("`host`: {} is no address to listen on", shown(node, host));
        put(desk, Some(node.at), cli.is_some(), message, hint);
    }
}

/// Whether only this machine can reach an address.
pub(super) fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let name = host.eq_ignore_ascii_case("localhost");
    name || host.parse::<IpAddr>().is_ok_and(|address| match address {
        IpAddr::V4(address) => address.is_loopback(),
        IpAddr::V6(address) => {
            let mapped = address.to_ipv4_mapped();
            mapped.map_or_else(|| address.is_loopback(), |address| address.is_loopback())
        },
    })
}

/// Checks the key against the address.
pub(super) fn check(desk: &mut Desk<'_>, root: &Node, config: &Config, host: &str) {
    if address(host).is_none() {
        // Said already.
        return;
    }
    let general = root.get("general_settings");
    let at = |key: &str| {
        general
            .and_then(|general| general.get(key))
            .map(|node| node.at)
    };
    let permitted = desk
        .or_default(
            general,
            "dangerously_permit_weak_or_unset_master_key",
            Desk::truth,
        )
        .unwrap_or(false)
        || desk
            .env
            .is_on("LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY");
    let open_is_meant = desk.cli.allow_open || permitted;
    let private = is_loopback(host);
    match &config.general.master_key {
        // A key that is written and could not be read is an error of its own already.
        None if at("master_key").is_some() => {},
        None if private => {},
        None => {
            let message = format!(
                "no key, and others can reach {}: anybody could spend your money",
                quoted(host)
            );
            let hint = "set `general_settings.master_key` (or LITELLM_MASTER_KEY), \
                        or listen on this machine only with `--host 127.0.0.1`, \
                        or start with `--allow-open` if that is meant";
            put(desk, at("host"), open_is_meant, message, hint);
        },
        Some((key, source)) if key.expose() == SAMPLE_KEY => {
            let place = at("master_key").filter(|_| *source == KeySource::File);
            let message =
                "the master key is the well-known sample `sk-…`; everybody knows it".to_owned();
            let hint = "set a long random one, such as `openssl rand -hex 24` gives";
            put(desk, place, open_is_meant || private, message, hint);
        },
        Some(_) => {},
    }
}

/// An error, or a warning where it is meant so.
fn put(desk: &mut Desk<'_>, at: Option<Spot>, meant: bool, message: String, hint: &str) {
    let at = at.unwrap_or(Notebook::NOWHERE);
    match (meant, at == Notebook::NOWHERE) {
        (true, true) => desk
            .notes
            .elsewhere(Problem::new(crate::base::Severity::Warning, message).hint(hint)),
        (false, true) => desk.notes.elsewhere(Problem::error(message).hint(hint)),
        (true, false) => desk.notes.warn(at, message, hint),
        (false, false) => desk.notes.error(at, message, hint),
    }
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn loopback_is_told_from_the_rest() {
        for host in [
            "127.0.0.1",
            "127.9.9.9",
            "localhost",
            "LOCALHOST",
            "::1",
            "[::1]",
            "::ffff:127.0.0.1",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "0.0.0.0",
            "::",
            "192.168.1.2",
            "example.com",
            "",
            "localhost.example.com",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
