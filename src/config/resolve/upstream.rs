//! Where a deployment's requests go: provider, model name there, base URL, key.

use std::sync::Arc;

use super::Off;
use crate::base::Secret;
use crate::config::provider::{self, Dialect, Known, ProviderInfo, host_of};
use crate::config::read::{Desk, Gap, Got};
use crate::config::snippet::quoted;
use crate::config::yaml::{Node, Spot};
use crate::config::{Upstream, catalogue};

/// A provider and the model's name there.
struct Named {
    known: Known,
    model: String,
}

/// Finds the upstream of `model`. What keeps it from being used goes to `off`; `None` when it cannot even
/// be named, which is an error noted here.
pub(super) fn find(
    desk: &mut Desk<'_>,
    params: &Node,
    model: &str,
    at: Spot,
    off: &mut Off,
) -> Option<Upstream> {
    let base = base_in_params(desk, params, off);
    let custom = text_or_off(desk, params, "custom_llm_provider", off);
    let named = name(desk, model, at, custom.as_deref(), base.as_ref(), off)?;
    let headers = headers(desk, params, off);
    let info = match named.known {
        Known::Spoken(info) => info,
        Known::Unspoken(prefix, way_out) => {
            off.because(format!("the provider `{prefix}` is not supported yet"));
            let message = format!(
                "{} is off: the provider `{prefix}` is not supported yet",
                quoted(model)
            );
            desk.notes.warn(at, message, way_out);
            return Some(unreachable(prefix, &named.model));
        },
    };
    let given = base.is_some();
    let url = base
        .or_else(|| base_from_env(desk, info, at))
        .or_else(|| (!info.base.is_empty()).then(|| info.base.to_owned()));
    let url = url.unwrap_or_else(|| {
        let variables = info.base_env.join("` or `");
        off.because(format!("no `api_base`, and `{variables}` is not set"));
        let message = format!("{} is off: it has no `api_base`", quoted(model));
        let hint = format!("write `api_base: http://HOST:PORT/v1`, or set `{variables}`");
        desk.notes.warn(at, message, hint);
        String::new()
    });
    let host = host_of(&url).unwrap_or_default().to_owned();
    let local = is_own_host(&host) || (info.local && !host.ends_with("ollama.com"));
    let key = key(
        desk,
        params,
        info,
        &Address {
            host: &host,
            given,
            local,
            at,
            model,
        },
        off,
    );
    Some(Upstream {
        provider: info.prefix.into(),
        dialect: info.dialect,
        model: named.model.into(),
        base: url.into(),
        key,
        organization: None,
        headers,
        local,
    })
}

fn unreachable(prefix: &str, model: &str) -> Upstream {
    Upstream {
        provider: prefix.into(),
        dialect: Dialect::OpenAi,
        model: model.into(),
        base: Arc::from(""),
        key: None,
        organization: None,
        headers: Vec::new(),
        local: false,
    }
}

/// Whether a fallback may name this string without a group: a provider's prefix, or a bare name whose
/// provider is known.
pub(super) fn is_model_string(name: &str) -> bool {
    match name.split_once('/') {
        Some((prefix, model)) => !model.is_empty() && provider::find(prefix).is_some(),
        None => provider::infer(name).is_some(),
    }
}

/// The provider of a model string, by override, prefix, bare name, or the base's host.
fn name(
    desk: &mut Desk<'_>,
    model: &str,
    at: Spot,
    custom: Option<&str>,
    base: Option<&String>,
    off: &mut Off,
) -> Option<Named> {
    let prefixed = model.split_once('/');
    if let Some(custom) = custom {
        let Some(known) = provider::find(custom) else {
            let message = format!("`custom_llm_provider`: unknown provider {}", quoted(custom));
            desk.notes
                .error(at, message, did_you_mean(custom, "openai"));
            return None;
        };
        let bare = prefixed.filter(|(prefix, _)| *prefix == custom);
        let model = bare.map_or(model, |(_, rest)| rest).to_owned();
        return Some(Named { known, model });
    }
    if let Some((known, rest)) =
        prefixed.and_then(|(prefix, rest)| Some((provider::find(prefix)?, rest)))
    {
        if rest.is_empty() {
            let message = format!("{} names a provider and no model", quoted(model));
            desk.notes
                .error(at, message, format!("write `{model}MODEL`"));
            return None;
        }
        let model = rest.to_owned();
        return Some(Named { known, model });
    }
    let bare = prefixed.is_none().then(|| provider::infer(model)).flatten();
    let host = base.and_then(|base| host_of(base));
    let known = bare.or_else(|| provider::by_host(host?).map(Known::Spoken));
    let model = model.to_owned();
    if let Some(known) = known {
        return Some(Named { known, model });
    }
    if base.is_some() {
        let message = format!(
            "{} names no provider; taken as an OpenAI-compatible server",
            quoted(&model)
        );
        desk.notes.warn(
            at,
            message,
            format!("write `openai/{model}`, or `ollama/{model}` for Ollama"),
        );
        return Some(Named {
            known: provider::find("openai")?,
            model,
        });
    }
    if model == "*" {
        off.because("`*` alone names no provider".to_owned());
        let message = "`*` alone names no provider; this deployment is off";
        desk.notes
            .warn(at, message, "write `openai/*`, one entry for each provider");
        return Some(Named {
            known: Known::Unspoken("*", ""),
            model,
        });
    }
    let (message, hint) = match prefixed {
        Some((prefix, rest)) => (
            format!("unknown provider {} in {}", quoted(prefix), quoted(&model)),
            did_you_mean(
                prefix,
                &format!("openai/{prefix}/{rest}` with `api_base: http://HOST/v1"),
            ),
        ),
        None => (
            format!("{} names no provider", quoted(&model)),
            format!("write `ollama/{model}`, or `openai/{model}` with `api_base: http://HOST/v1`"),
        ),
    };
    desk.notes.error(at, message, hint);
    None
}

fn did_you_mean(wrong: &str, else_write: &str) -> String {
    match catalogue::nearest(wrong, provider::prefixes()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("for a server that speaks OpenAI's API write `{else_write}`"),
    }
}

/// A text of the params; a variable that is not set turns the deployment off.
pub(super) fn text_or_off(
    desk: &mut Desk<'_>,
    params: &Node,
    key: &str,
    off: &mut Off,
) -> Option<String> {
    let node = params.get(key)?;
    let got = desk.text(key, node);
    off.take(desk, key, node.at, got)
}

// === the base URL ===

fn base_in_params(desk: &mut Desk<'_>, params: &Node, off: &mut Off) -> Option<String> {
    let key = ["api_base", "base_url"]
        .into_iter()
        .find(|key| params.get(key).is_some_and(|node| !node.is_null()))?;
    let node = params.get(key)?;
    let got = desk.text(key, node);
    let text = off.take(desk, key, node.at, got)?;
    match clean_base(&text) {
        Ok(base) => Some(base),
        Err(reason) => {
            let message = format!("`{key}`: {} {reason}", quoted(&text));
            desk.notes.error(
                node.at,
                message,
                "write `http://HOST:PORT` or `https://HOST/path`",
            );
            off.because(format!("`{key}` is no URL"));
            None
        },
    }
}

/// The base from the provider's variables.
fn base_from_env(desk: &mut Desk<'_>, info: &ProviderInfo, at: Spot) -> Option<String> {
    let (name, value) = desk.env.first(info.base_env)?;
    let value = if name == "OLLAMA_HOST" {
        ollama_host(&value)
    } else {
        value
    };
    match clean_base(&value) {
        Ok(base) => Some(base),
        Err(reason) => {
            let message = format!("the environment variable `{name}` is no URL: it {reason}");
            desk.notes
                .warn(at, message, format!("set `{name}=http://HOST:PORT`"));
            None
        },
    }
}

/// `OLLAMA_HOST` is written for Ollama's server: any part may be missing, and the address it listens on
/// is not always one to connect to.
fn ollama_host(text: &str) -> String {
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
    let port = port.unwrap_or(match (scheme, text.contains("://")) {
        ("https", _) => "443",
        (_, true) => "80",
        (_, false) => "11434",
    });
    format!("{scheme}://{host}:{port}/{path}")
}

/// A base URL without trailing slashes, or what is wrong with it.
fn clean_base(text: &str) -> Result<String, &'static str> {
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

// === the key ===

/// What is known of the address when its key is looked for.
struct Address<'a> {
    host: &'a str,
    /// `api_base` was written in the file.
    given: bool,
    local: bool,
    at: Spot,
    model: &'a str,
}

fn key(
    desk: &mut Desk<'_>,
    params: &Node,
    info: &ProviderInfo,
    address: &Address<'_>,
    off: &mut Off,
) -> Option<Secret> {
    if let Some(node) = params.get("api_key").filter(|node| !node.is_null()) {
        let got = desk.text("api_key", node);
        let key = off.take(desk, "api_key", node.at, got);
        let key = key.filter(|key| !matches!(key.as_str(), "none" | "None" | "null"))?;
        desk.notes.hide(&key);
        return Some(Secret::new(key));
    }
    // A foreign server must not get a provider's key by accident; one's own rarely wants it.
    let owner = provider::by_host(address.host);
    let home = owner.is_some_and(|owner| owner.key_env == info.key_env) || !address.given;
    if address.local && address.given && !info.local {
        return None;
    }
    let names = owner
        .filter(|_| address.given)
        .map_or(info.key_env, |owner| owner.key_env);
    if let Some((name, value)) = desk.env.first(names) {
        if owner.is_none() && address.given && !info.local {
            let message = format!("the key in `{name}` is sent to `{}`", address.host);
            desk.notes.warn(
                address.at,
                message,
                "write `api_key` beside `api_base` to choose the key",
            );
        }
        desk.notes.hide(&value);
        return Some(Secret::new(value));
    }
    let needed = !info.local && !address.local && (home || owner.is_some());
    if needed {
        let variables = names.join("` or `");
        off.because(format!(
            "no key: the environment variable `{variables}` is not set"
        ));
        let message = format!(
            "{} is off: the environment variable `{variables}` is not set",
            quoted(address.model)
        );
        let hint = format!(
            "set it, put it into a `.env` beside the config, or write `api_key: os.environ/{}`",
            names.first().unwrap_or(&"NAME")
        );
        desk.notes.warn(address.at, message, hint);
    }
    None
}

// === headers ===

fn headers(desk: &mut Desk<'_>, params: &Node, off: &mut Off) -> Vec<(String, Secret)> {
    let mut headers = Vec::new();
    for key in ["extra_headers", "headers"] {
        let Some(map) = params.get(key).and_then(|node| desk.section(key, node)) else {
            continue;
        };
        for entry in map.entries().unwrap_or_default() {
            let got = header(desk, &entry.key, entry.key_at, &entry.value);
            if let Some(value) = off.take(desk, &entry.key, entry.value.at, got) {
                desk.notes.hide(&value);
                headers.push((entry.key.to_ascii_lowercase(), Secret::new(value)));
            }
        }
    }
    headers
}

fn header(desk: &mut Desk<'_>, name: &str, at: Spot, value: &Node) -> Got<String> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(token) {
        let message = format!("{} cannot be the name of a header", quoted(name));
        desk.notes.error(at, message, "use letters, digits and `-`");
        return Err(Gap::Bad);
    }
    let Some(text) = desk.text(name, value)? else {
        return Ok(None);
    };
    if text
        .bytes()
        .all(|byte| byte == b'\t' || (b' '..0x7f).contains(&byte))
    {
        return Ok(Some(text));
    }
    let message = format!("the value of the header `{name}` holds letters that no header may hold");
    desk.notes
        .error(value.at, message, "use plain ASCII on one line");
    Err(Gap::Bad)
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
