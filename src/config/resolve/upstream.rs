//! Where a deployment's requests go: provider, model name there, base URL, key.

use std::sync::Arc;

use super::address::{clean_base, is_own_host, ollama_host, without_login};
use super::{Off, header};
use crate::base::Secret;
use crate::config::provider::{self, Dialect, Known, ProviderInfo, host_of};
use crate::config::read::{Desk, referred, shown};
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
    let written = params.get("model");
    let called = written.map_or_else(|| quoted(model), |node| shown(node, model));
    let referred = written.and_then(referred).is_some();
    let base = base_in_params(desk, params, off);
    let custom = text_or_off(desk, params, "custom_llm_provider", off);
    let asked = Asked {
        model,
        called: &called,
        referred,
        at,
        custom: custom.as_deref().zip(params.get("custom_llm_provider")),
        base: base.as_deref(),
    };
    let named = name(desk, &asked)?;
    let mut headers = header::read(desk, params, off);
    let info = match named.known {
        Known::Spoken(info) => info,
        Known::Unspoken(prefix, way_out) => {
            let reason = match prefix {
                "*" => "`*` alone names no provider".to_owned(),
                _ => format!("the provider `{prefix}` is not supported yet"),
            };
            let message = format!("{called} is off: {reason}");
            desk.notes.warn(at, message, way_out);
            off.because(reason);
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
        let message = format!("{called} is off: it has no `api_base`");
        let hint = format!("write `api_base: http://HOST:PORT/v1`, or set `{variables}`");
        desk.notes.warn(at, message, hint);
        String::new()
    });
    let (url, login) = without_login(&url);
    if let Some(login) = login {
        desk.notes.hide(&login);
        headers.insert(0, ("authorization".to_owned(), Secret::new(login)));
    }
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
            called: &called,
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

/// What is asked about a model string.
struct Asked<'a> {
    model: &'a str,
    /// The model as messages name it.
    called: &'a str,
    /// It came from a variable, and is not to be quoted.
    referred: bool,
    at: Spot,
    /// `custom_llm_provider` and where it stands.
    custom: Option<(&'a str, &'a Node)>,
    base: Option<&'a str>,
}

/// The provider of a model string, by override, prefix, bare name, or the base's host. `None` is noted.
fn name(desk: &mut Desk<'_>, asked: &Asked<'_>) -> Option<Named> {
    let Asked {
        model, at, called, ..
    } = *asked;
    let prefixed = model.split_once('/');
    if let Some((custom, node)) = asked.custom {
        let Some(known) = provider::find(custom) else {
            let message = format!(
                "`custom_llm_provider`: unknown provider {}",
                shown(node, custom)
            );
            desk.notes
                .error(node.at, message, did_you_mean(custom, "openai"));
            return None;
        };
        let bare = prefixed.filter(|(prefix, _)| *prefix == custom);
        let model = bare.map_or(model, |(_, rest)| rest).to_owned();
        return Some(Named { known, model });
    }
    let by_prefix = prefixed.and_then(|(prefix, rest)| Some((provider::find(prefix)?, rest)));
    if let Some((known, rest)) = by_prefix {
        if rest.is_empty() {
            let message = format!("{called} names a provider and no model");
            desk.notes
                .error(at, message, format!("write `{}/MODEL`", known.prefix()));
            return None;
        }
        let model = rest.to_owned();
        return Some(Named { known, model });
    }
    guess(desk, asked)
}

/// The provider of a model string that names none.
fn guess(desk: &mut Desk<'_>, asked: &Asked<'_>) -> Option<Named> {
    let Asked {
        model,
        called,
        referred,
        at,
        ..
    } = *asked;
    let example = if referred { "MODEL" } else { model };
    let prefixed = model.split_once('/');
    let bare = prefixed.is_none().then(|| provider::infer(model)).flatten();
    let host = asked.base.and_then(host_of);
    if let Some(known) = bare.or_else(|| provider::by_host(host?).map(Known::Spoken)) {
        let model = model.to_owned();
        return Some(Named { known, model });
    }
    if asked.base.is_some() {
        let message = format!("{called} names no provider; taken as an OpenAI-compatible server");
        let hint = format!("write `openai/{example}`, or `ollama/{example}` for Ollama");
        desk.notes.warn(at, message, hint);
        return Some(Named {
            known: provider::find("openai")?,
            model: model.to_owned(),
        });
    }
    if model == "*" {
        return Some(Named {
            known: Known::Unspoken("*", "write `openai/*`, one entry for each provider"),
            model: model.to_owned(),
        });
    }
    let (message, hint) = match prefixed {
        Some((prefix, _)) => (
            if referred {
                format!("unknown provider in {called}")
            } else {
                format!("unknown provider {} in {called}", quoted(prefix))
            },
            did_you_mean(
                prefix,
                &format!("openai/{example}` with `api_base: http://HOST/v1"),
            ),
        ),
        None => (
            format!("{called} names no provider"),
            format!(
                "write `ollama/{example}`, or `openai/{example}` with `api_base: http://HOST/v1`"
            ),
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
            // A query may hold a key.
            let address = text.split(['?', '#']).next().unwrap_or_default();
            let message = format!("`{key}`: {} {reason}", shown(node, address));
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

// === the key ===

/// What is known of the address when its key is looked for.
struct Address<'a> {
    host: &'a str,
    /// `api_base` was written in the file.
    given: bool,
    local: bool,
    at: Spot,
    /// The model as messages name it.
    called: &'a str,
}

fn key(
    desk: &mut Desk<'_>,
    params: &Node,
    info: &ProviderInfo,
    address: &Address<'_>,
    off: &mut Off,
) -> Option<Secret> {
    // An empty key is none that was written.
    let written = params.get("api_key").and_then(|node| {
        let got = desk.text("api_key", node);
        (got != Ok(None)).then_some((node, got))
    });
    if let Some((node, got)) = written {
        let key = off.take(desk, "api_key", node.at, got);
        let key = key.filter(|key| !matches!(key.as_str(), "none" | "None" | "null"))?;
        desk.notes.hide(&key);
        if !header::fits(&key) {
            let from = referred(node).map_or_else(String::new, |name| format!(" in `{name}`"));
            let message = format!("`api_key`: the key{from} holds letters that cannot be sent");
            desk.notes.error(node.at, message, header::PLAIN);
        }
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
        if !header::fits(&value) {
            let message = format!("the key in `{name}` holds letters that cannot be sent");
            desk.notes.error(address.at, message, header::PLAIN);
        }
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
            address.called
        );
        let hint = format!(
            "set it, put it into a `.env` beside the config, or write `api_key: os.environ/{}`",
            names.first().unwrap_or(&"NAME")
        );
        desk.notes.warn(address.at, message, hint);
    }
    None
}
