//! `general_settings`: keys, doors, limits, and what only counts at the start.

use super::Sections;
use crate::base::Secret;
use crate::config::read::{Desk, Gap, shown};
use crate::config::source::KnowsZone;
use crate::config::yaml::Node;
use crate::config::{Cors, General, KeySource, Limits, Startup, env};

/// Bytes in a MiB.
const MIB: f64 = 1_048_576.0;

/// Everything but limits and start.
pub(super) fn read(desk: &mut Desk<'_>, sections: &Sections<'_>) -> General {
    let (general, litellm) = (sections.general, sections.litellm);
    let metrics_need_key = desk
        .or_default(litellm, "require_auth_for_metrics_endpoint", Desk::truth)
        .unwrap_or(true);
    let verbose = [litellm, sections.router]
        .map(|section| switch(desk, section, "set_verbose"))
        .contains(&true);
    let debug_log = desk
        .env
        .get("LITELLM_LOG")
        .is_some_and(|level| level.eq_ignore_ascii_case("debug"));
    let timezone = desk.or_default(litellm, "timezone", Desk::text);
    General {
        master_key: master_key(desk, general),
        cors: cors(desk, general),
        metrics_open: !metrics_need_key,
        disable_spend_logs: switch(desk, general, "disable_spend_logs"),
        serve_all: None,
        completion_model: desk.or_default(general, "completion_model", Desk::text),
        always_include_stream_usage: switch(desk, general, "always_include_stream_usage"),
        forward_client_headers: switch(desk, general, "forward_client_headers_to_llm_api"),
        verbose: verbose || debug_log,
        json_logs: switch(desk, litellm, "json_logs") || desk.env.is_on("JSON_LOGS"),
        timezone: timezone.unwrap_or_default(),
    }
}

/// Drops a time zone that this machine does not know.
pub(super) fn check_zone(
    desk: &mut Desk<'_>,
    root: &Node,
    zone: &mut String,
    knows: &KnowsZone<'_>,
) {
    let key = "timezone";
    let node = root
        .get("litellm_settings")
        .and_then(|litellm| litellm.get(key));
    let Some(node) = node.filter(|_| !zone.is_empty() && !knows(zone)) else {
        return;
    };
    let message = format!(
        "`{key}`: {} is not known on this machine; the system's is used",
        shown(node, zone)
    );
    let hint = "write a name of the time zone database, such as `Europe/Berlin`";
    desk.notes.warn(node.at, message, hint);
    zone.clear();
}

fn switch(desk: &mut Desk<'_>, section: Option<&Node>, key: &str) -> bool {
    desk.or_default(section, key, Desk::truth).unwrap_or(false)
}

/// `master_key`, else `LITELLM_MASTER_KEY`. A variable that is named and not set is an error: the
/// gateway would stand open.
fn master_key(desk: &mut Desk<'_>, general: Option<&Node>) -> Option<(Secret, KeySource)> {
    let node = general.and_then(|general| general.get("master_key"));
    let Some(node) = node.filter(|node| !node.is_null()) else {
        let name = "LITELLM_MASTER_KEY";
        let key = desk.env.get(name)?;
        desk.notes.hide(&key);
        return Some((Secret::new(key), KeySource::Env(name.to_owned())));
    };
    match desk.text("master_key", node) {
        Ok(Some(key)) => {
            desk.notes.hide(&key);
            let name = node
                .scalar()
                .and_then(|scalar| env::reference(&scalar.text));
            let source = name.map_or(KeySource::File, |name| KeySource::Env(name.to_owned()));
            Some((Secret::new(key), source))
        },
        Ok(None) => {
            let hint = "write a long random key, or remove the line to run without one on loopback";
            desk.notes.error(node.at, "`master_key` is empty", hint);
            None
        },
        Err(Gap::Bad) => None,
        Err(Gap::Missing(name)) => {
            let message =
                format!("`master_key` needs the environment variable `{name}`, which is not set");
            let hint = format!(
                "set it (`{name}=sk-…`, or in a `.env` beside the config), or remove the line to run without a key on loopback"
            );
            desk.notes.error(node.at, message, hint);
            None
        },
    }
}

fn cors(desk: &mut Desk<'_>, general: Option<&Node>) -> Cors {
    let key = "cors_origins";
    let written = desk.or_default(general, key, Desk::texts);
    let node = general.and_then(|general| general.get(key));
    let from_env = || {
        let list = desk.env.get("LITELLM_CORS_ORIGINS")?;
        Some(
            list.split(',')
                .map(|origin| origin.trim().to_owned())
                .collect(),
        )
    };
    let origins: Vec<String> = written.or_else(from_env).unwrap_or_default();
    let origins = origins
        .into_iter()
        .map(|origin| origin.trim_end_matches('/').to_owned())
        .filter(|origin| !origin.is_empty())
        .collect::<Vec<_>>();
    for origin in &origins {
        let (_, host) = origin.split_once("://").unwrap_or_default();
        let fits = origin == "*" || (!host.is_empty() && !host.contains('/'));
        if let Some(node) = node.filter(|_| !fits) {
            let items = node.items().unwrap_or_else(|| std::slice::from_ref(node));
            let is_written =
                |item: &&Node| item.scalar().is_some_and(|one| one.text.contains(origin));
            let name = match items.iter().find(is_written) {
                Some(item) => shown(item, origin),
                None => "a value from the environment".to_owned(),
            };
            let message = format!("`{key}`: {name} is no origin of a browser");
            desk.notes.error(
                node.at,
                message,
                "write `https://app.example.com`, without a path, or `*`",
            );
        }
    }
    Cors { origins }
}

/// The gateway's own limits.
pub(super) fn limits(desk: &mut Desk<'_>, general: Option<&Node>) -> Limits {
    let default = Limits::default();
    let connections = positive(desk, general, "max_connections");
    Limits {
        body_bytes: mebibytes(desk, general, "max_request_size_mb").unwrap_or(default.body_bytes),
        answer_bytes: mebibytes(desk, general, "max_response_size_mb")
            .unwrap_or(default.answer_bytes),
        connections: connections.map_or(default.connections, |number| {
            usize::try_from(number).unwrap_or(usize::MAX)
        }),
        header_timeout: desk
            .or_default(general, "header_timeout", Desk::limit)
            .unwrap_or(default.header_timeout),
        drain_timeout: desk
            .or_default(general, "drain_timeout", Desk::seconds)
            .unwrap_or(default.drain_timeout),
    }
}

fn mebibytes(desk: &mut Desk<'_>, general: Option<&Node>, key: &str) -> Option<usize> {
    let number = desk.or_default(general, key, Desk::share)?;
    if number > 0.0 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a float cast saturates, and the number is positive"
        )]
        return Some((number * MIB) as usize);
    }
    zero(desk, general, key);
    None
}

fn positive(desk: &mut Desk<'_>, general: Option<&Node>, key: &str) -> Option<u32> {
    let number = desk.or_default(general, key, Desk::count)?;
    if number == 0 {
        zero(desk, general, key);
        return None;
    }
    Some(number)
}

fn zero(desk: &mut Desk<'_>, general: Option<&Node>, key: &str) {
    if let Some(node) = general.and_then(|general| general.get(key)) {
        let message = format!("`{key}: 0` would let nothing through");
        desk.notes
            .error(node.at, message, "leave it out for the default");
    }
}

/// What only counts at the start.
pub(super) fn startup(desk: &mut Desk<'_>, general: Option<&Node>) -> Startup {
    let port = positive(desk, general, "port");
    let small = port.and_then(|port| u16::try_from(port).ok());
    if let (Some(_), None, Some(node)) =
        (port, small, general.and_then(|general| general.get("port")))
    {
        desk.notes.error(
            node.at,
            "`port`: there are ports up to 65535",
            "write `port: 4000`",
        );
    }
    Startup {
        host: desk.or_default(general, "host", Desk::text),
        port: small,
        data_dir: desk.or_default(general, "data_dir", Desk::text),
        workers: positive(desk, general, "workers"),
    }
}
