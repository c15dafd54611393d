//! Browsers at the door: a web page must not be able to spend money.
//!
//! A page of a foreign origin may not call unless CORS is configured; and on an open gateway the `Host`
//! must be a name no foreign page can own, or a page could call us under its own name (DNS
//! rebinding). With a key set neither name matters: a page does not have the key.

use std::net::IpAddr;

use crate::base::{Fault, FaultKind};
use crate::config::Cors;

/// How the gateway can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// Only from this machine.
    pub loopback: bool,
    /// Whether a key is needed.
    pub locked: bool,
}

/// Which hosts and origins are ours.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origins {
    /// Any origin may call (`*`).
    any: bool,
    /// Origins that may call, lower case, without a trailing slash.
    pages: Vec<String>,
    /// Host names that are ours, lower case.
    names: Vec<String>,
}

impl Origins {
    /// From the configured CORS origins, and further host names of this gateway (the machine's own,
    /// what `--host` names). The host of a configured origin is no name of ours.
    pub fn new(cors: &Cors, names: impl IntoIterator<Item = String>) -> Self {
        let plain = |origin: &String| origin.trim().trim_end_matches('/').to_ascii_lowercase();
        let origins: Vec<String> = cors.origins.iter().map(plain).collect();
        Self {
            any: origins.iter().any(|origin| origin == "*"),
            names: names
                .into_iter()
                .map(|name| name.to_ascii_lowercase())
                .collect(),
            pages: origins,
        }
    }

    /// Decides by a request's `Host` and `Origin`. Not a browser: no `Origin`, and any library's
    /// `Host`.
    pub fn check(
        &self,
        host: Option<&str>,
        origin: Option<&str>,
        bound: Bound,
    ) -> Result<(), Fault> {
        if let Some(host) = host.filter(|host| !self.host_allowed(host, bound)) {
            let message = format!(
                "Host `{}` is not a name of this gateway. Call it by IP address or `localhost`, or \
                 set `general_settings.master_key`",
                shown(host)
            );
            return Err(Fault::new(FaultKind::Forbidden, message));
        }
        if let Some(origin) = origin.filter(|origin| !self.origin_allowed(host, origin)) {
            let message = format!(
                "Origin `{0}` may not call this gateway from a browser. Add it to \
                 `general_settings.cors_origins` to allow it",
                shown(origin)
            );
            return Err(Fault::new(FaultKind::Forbidden, message));
        }
        Ok(())
    }

    /// Whether a page of this origin may call: configured, or served under the very host it calls.
    pub fn origin_allowed(&self, host: Option<&str>, origin: &str) -> bool {
        let origin = origin.trim().trim_end_matches('/').to_ascii_lowercase();
        if self.any || self.pages.contains(&origin) {
            return true;
        }
        let own = origin
            .strip_prefix("http://")
            .or_else(|| origin.strip_prefix("https://"));
        own.is_some_and(|own| host.is_some_and(|host| host.trim().eq_ignore_ascii_case(own)))
    }

    /// Whether a `Host` may be meant for us: with a key any; else an IP address, `localhost`, a name
    /// that public DNS cannot give away, or one of our own.
    pub fn host_allowed(&self, host: &str, bound: Bound) -> bool {
        if bound.locked {
            return true;
        }
        let name = host_name(host).trim_end_matches('.').to_ascii_lowercase();
        let literal = name.trim_start_matches('[').trim_end_matches(']');
        if literal.parse::<IpAddr>().is_ok() || self.names.contains(&name) {
            return true;
        }
        // No public DNS answers for these, nor for a name without a dot.
        let last = name.rsplit('.').next().unwrap_or(&name);
        !name.is_empty()
            && (!name.contains('.') || matches!(last, "localhost" | "local" | "internal"))
    }

    /// The value of `Access-Control-Allow-Origin` for a request of this origin, when CORS is
    /// configured for it.
    pub fn cors_answer<'o>(&self, origin: &'o str) -> Option<&'o str> {
        let plain = origin.trim().trim_end_matches('/').to_ascii_lowercase();
        (self.any || self.pages.contains(&plain)).then_some(origin)
    }
}

/// A `Host` without its port.
fn host_name(host: &str) -> &str {
    let host = host.trim();
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            let bare_v6 = name.contains(':') && !name.ends_with(']');
            if bare_v6 { host } else { name }
        },
        _ => host,
    }
}

/// What a stranger sent, fit for a message.
fn shown(text: &str) -> String {
    let clean = text
        .chars()
        .map(|char| if char.is_control() { '?' } else { char });
    clean.take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Bound = Bound {
        loopback: true,
        locked: false,
    };
    const LOCKED: Bound = Bound {
        loopback: false,
        locked: true,
    };

    fn origins(cors: &[&str]) -> Origins {
        let cors = Cors {
            origins: cors.iter().map(|&origin| origin.to_owned()).collect(),
        };
        Origins::new(&cors, ["gateway.example.org".to_owned()])
    }

    #[test]
    fn on_an_open_gateway_only_names_nobody_else_can_own_are_ours() {
        let table = [
            ("localhost:4000", true),
            ("LOCALHOST", true),
            ("localhost.:4000", true),
            ("app.localhost:4000", true),
            ("127.0.0.1:4000", true),
            ("192.168.1.9", true),
            ("[::1]:4000", true),
            ("[fe80::1]", true),
            ("::1", true),
            ("nas.local:4000", true),
            ("pointsman:4000", true),
            ("host.docker.internal:4000", true),
            ("gateway.example.org:4000", true),
            ("evil.com", false),
            ("evil.com:4000", false),
            ("127.0.0.1.evil.com:4000", false),
            ("localhost.evil.com", false),
            ("evil.localhost.com:4000", false),
            ("", false),
            (":4000", false),
        ];
        for (host, allowed) in table {
            assert_eq!(origins(&[]).host_allowed(host, OPEN), allowed, "{host}");
            assert!(origins(&[]).host_allowed(host, LOCKED), "{host}");
        }
    }

    #[test]
    fn foreign_pages_are_refused_unless_configured() {
        let host = Some("localhost:4000");
        // (configured, origin, allowed)
        let table: [(&[&str], &str, bool); 10] = [
            (&[], "http://localhost:4000", true),
            (&[], "http://localhost:3000", false),
            (&[], "https://evil.com", false),
            (&[], "null", false),
            (&[], "http://localhost:4000.evil.com", false),
            (&[], "localhost:4000", false),
            (&["http://localhost:3000/"], "http://localhost:3000", true),
            (&["http://LOCALHOST:3000"], "http://localhost:3000", true),
            (&["http://localhost:3000"], "http://localhost:3001", false),
            (&["*"], "https://evil.com", true),
        ];
        for (configured, origin, allowed) in table {
            let got = origins(configured).check(host, Some(origin), OPEN).is_ok();
            assert_eq!(got, allowed, "{configured:?} {origin}");
        }
    }

    #[test]
    fn programs_pass() {
        assert!(
            origins(&[])
                .check(Some("localhost:4000"), None, OPEN)
                .is_ok()
        );
        assert!(origins(&[]).check(None, None, OPEN).is_ok());
    }

    #[test]
    fn a_rebound_page_is_refused_though_its_origin_is_its_host() {
        let rebound = origins(&[]).check(Some("evil.com:4000"), Some("http://evil.com:4000"), OPEN);
        let fault = rebound.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Forbidden);
        assert!(fault.message.contains("Host `evil.com:4000`"), "{fault}");
    }

    #[test]
    fn cors_answers_only_what_is_configured() {
        assert_eq!(origins(&[]).cors_answer("http://a"), None);
        assert_eq!(
            origins(&["http://a"]).cors_answer("http://a"),
            Some("http://a")
        );
        assert_eq!(origins(&["*"]).cors_answer("http://b"), Some("http://b"));
    }
}
