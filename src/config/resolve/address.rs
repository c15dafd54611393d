//! Base URLs: cleaned, cut to what a dialect wants, told apart by whose they are. Pure text.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::config::Dialect;
use crate::config::provider::host_of;

/// `OLLAMA_HOST` is written for Ollama's server: any part may be missing, and the address it listens on
/// is not always one to connect to.
pub(super) fn ollama_host(text: &str) -> String {
    let text = text.trim();
    let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port))
            if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            (host, Some(port))
        },
        _ => (authority, None),
    };
    let host = match host {
        "" | "0.0.0.0" => "127.0.0.1",
        "[::]" | "::" => "[::1]",
        host => host,
    };
    let usual = match (scheme, text.contains("://")) {
        ("https", _) => "443",
        (_, true) => "80",
        (_, false) => "11434",
    };
    let port = port.unwrap_or(usual);
    format!("{scheme}://{host}:{port}/{path}")
}

/// A base URL without trailing slashes, or what is wrong with it.
pub(super) fn clean_base(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err("has no `http://` or `https://` in front");
    };
    let scheme = scheme.to_ascii_lowercase();
    if !matches!(scheme.as_str(), "http" | "https") {
        return Err("is neither `http://` nor `https://`");
    }
    if rest.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
        return Err("holds a blank");
    }
    if rest.contains(['?', '#']) {
        return Err("holds a `?` or `#`; a base is only host and path");
    }
    let url = format!("{scheme}://{}", rest.trim_end_matches('/'));
    let host = host_of(&url).ok_or("names no host")?;
    let authority = rest.split('/').next().unwrap_or_default();
    let authority = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let port = authority
        .rsplit_once(':')
        .filter(|(_, port)| !port.ends_with(']'));
    if port.is_some_and(|(_, port)| port.parse::<u16>().is_err()) {
        return Err("has a port that is no number up to 65535");
    }
    let ipv6 = host.contains(':');
    let fits =
        |letter: char| letter.is_alphanumeric() || matches!(letter, '.' | '-' | '_' | ':' | '%');
    if !host.chars().all(fits) || (ipv6 && !authority.contains('[')) {
        return Err("names no host");
    }
    Ok(url)
}

/// A URL without `user:password@`, and the header that says the same: a base is shown, a header is not.
pub(super) fn without_login(url: &str) -> (String, Option<String>) {
    let split = || {
        let (scheme, rest) = url.split_once("://")?;
        let end = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end)?;
        let (login, host) = authority.rsplit_once('@')?;
        Some((format!("{scheme}://{host}{path}"), login))
    };
    match split() {
        Some((bare, login)) => {
            let encoded = BASE64_STANDARD.encode(percent_decoded(login));
            (bare, Some(format!("Basic {encoded}")))
        },
        None => (url.to_owned(), None),
    }
}

/// The bytes of a text in which `%40` stands for `@`.
fn percent_decoded(text: &str) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let pair = (digit(bytes.get(at + 1)), digit(bytes.get(at + 2)));
        let code = match (byte, pair) {
            (b'%', (Some(high), Some(low))) => u8::try_from(high * 16 + low).ok(),
            _ => None,
        };
        decoded.push(code.unwrap_or(*byte));
        at += if code.is_some() { 3 } else { 1 };
    }
    decoded
}

/// A base as its dialect wants it: people paste whole addresses of routes.
pub(super) fn trimmed_base(base: &str, dialect: Dialect) -> &str {
    let ends: &[&str] = match dialect {
        Dialect::OpenAi => &["/chat/completions", "/completions", "/embeddings"],
        Dialect::Ollama => &["/api/chat", "/api/generate", "/api/embed", "/api", "/v1"],
        Dialect::Anthropic => &["/v1/messages", "/v1"],
    };
    let cut = ends.iter().find_map(|end| base.strip_suffix(end));
    cut.unwrap_or(base).trim_end_matches('/')
}

/// Whether a host is one's own: loopback, private, link-local, a one-word name, a local domain.
pub(super) fn is_own_host(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    if let Ok(address) = host.parse::<std::net::Ipv4Addr>() {
        let [first, second, ..] = address.octets();
        let shared = first == 100 && (64..128).contains(&second);
        return address.is_loopback()
            || address.is_private()
            || address.is_link_local()
            || address.is_unspecified()
            || shared;
    }
    if let Ok(address) = host
        .split('%')
        .next()
        .unwrap_or_default()
        .parse::<std::net::Ipv6Addr>()
    {
        return address.is_loopback()
            || address.is_unspecified()
            || address.is_unique_local()
            || address.is_unicast_link_local()
            || address
                .to_ipv4_mapped()
                .is_some_and(|v4| is_own_host(&v4.to_string()));
    }
    let domains = [
        ".local",
        ".lan",
        ".internal",
        ".localhost",
        ".localdomain",
        ".home",
        ".home.arpa",
        ".svc",
    ];
    let name = host.trim_end_matches('.');
    !name.is_empty() && (!name.contains('.') || domains.iter().any(|end| name.ends_with(end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_are_cleaned_or_refused() {
        for (text, expected) in [
            ("http://h:11434/", "http://h:11434"),
            ("HTTPS://h/v1///", "https://h/v1"),
            ("http://[::1]:80", "http://[::1]:80"),
            ("http://192.168.1.50", "http://192.168.1.50"),
        ] {
            assert_eq!(clean_base(text).as_deref(), Ok(expected), "{text}");
        }
        for text in [
            "localhost:11434",
            "ftp://h",
            "http://",
            "http:///v1",
            "http://a b",
            "http://h:99999",
            "http://h:port",
            "http://h/v1?x=1",
            "http://h:",
            "http://{host}",
        ] {
            assert!(clean_base(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_login_leaves_the_url() {
        let (url, login) = without_login("http://me:p%40ss@h:1/v1");
        assert_eq!(url, "http://h:1/v1");
        assert_eq!(login.as_deref(), Some("Basic bWU6cEBzcw=="));
        assert_eq!(
            without_login("http://h/a@b"),
            ("http://h/a@b".to_owned(), None)
        );
    }

    #[test]
    fn ollamas_own_variable_is_understood() {
        for (text, expected) in [
            ("0.0.0.0", "http://127.0.0.1:11434"),
            ("0.0.0.0:8080", "http://127.0.0.1:8080"),
            (":11500", "http://127.0.0.1:11500"),
            ("gpu-box", "http://gpu-box:11434"),
            ("http://gpu-box:11434/", "http://gpu-box:11434"),
            ("https://ollama.example", "https://ollama.example:443"),
            ("[::]:11434", "http://[::1]:11434"),
        ] {
            assert_eq!(
                clean_base(&ollama_host(text)).as_deref(),
                Ok(expected),
                "{text}"
            );
        }
    }

    #[test]
    fn own_hosts_are_told_from_foreign_ones() {
        for host in [
            "localhost",
            "127.0.0.1",
            "10.0.1.20",
            "172.20.0.3",
            "192.168.1.50",
            "169.254.1.1",
            "::1",
            "fd00::1",
            "fe80::1%eth0",
            "100.100.1.1",
            "ollama",
            "gpu-server-1",
            "nas.local",
            "box.lan",
            "host.docker.internal",
            "svc.ns.svc.cluster.local",
            "::ffff:10.0.0.1",
            "nas.local.",
        ] {
            assert!(is_own_host(host), "{host}");
        }
        for host in [
            "api.openai.com",
            "8.8.8.8",
            "2001:db8::1",
            "172.32.0.1",
            "100.1.1.1",
            "",
        ] {
            assert!(!is_own_host(host), "{host}");
        }
    }

    #[test]
    fn addresses_of_routes_are_cut_to_bases() {
        let cases = [
            (
                "http://h/v1/chat/completions",
                Dialect::OpenAi,
                "http://h/v1",
            ),
            ("http://h/v1", Dialect::OpenAi, "http://h/v1"),
            ("http://h:11434/v1", Dialect::Ollama, "http://h:11434"),
            ("http://h:11434/api/chat", Dialect::Ollama, "http://h:11434"),
            (
                "https://api.anthropic.com/v1/messages",
                Dialect::Anthropic,
                "https://api.anthropic.com",
            ),
        ];
        for (base, dialect, expected) in cases {
            assert_eq!(trimmed_base(base, dialect), expected);
        }
    }
}
