//! `router_settings`, with `litellm_settings` where both can say the same.

use super::Sections;
use crate::config::catalogue;
use crate::config::read::{Desk, Got, shown};
use crate::config::yaml::Node;
use crate::config::{AllowedFails, RetryPolicy, Router, Strategy, TagRules, Timeouts};

/// Strategies that exist elsewhere and run as `simple-shuffle` here.
const NOT_YET: &[&str] = &[
    "latency-based-routing",
    "latency-based",
    "lowest-latency",
    "cost-based-routing",
    "cost-based",
    "lowest-cost",
    "lar1",
    "priority",
    "provider-budget-routing",
    "local-first",
    "fastest",
];

/// Strategies that run, under all their names.
const STRATEGIES: &[(&str, Strategy)] = &[
    ("simple-shuffle", Strategy::SimpleShuffle),
    ("least-busy", Strategy::LeastBusy),
    ("usage-based-routing-v2", Strategy::UsageBased),
    ("usage-based-routing", Strategy::UsageBased),
    ("usage-based", Strategy::UsageBased),
];

/// Reads everything but fallbacks and aliases.
pub(super) fn read(desk: &mut Desk<'_>, sections: &Sections<'_>) -> Router {
    let (router, litellm) = (sections.router, sections.litellm);
    let default = Router::default();
    let retries = either(desk, sections, "num_retries", Desk::count)
        .or_else(|| desk.or_default(router, "max_retries", Desk::count));
    let allowed_fails = either(desk, sections, "allowed_fails", Desk::count);
    // What `litellm_settings` says explicitly comes before the router's own, as elsewhere.
    let explicit = desk.or_default(litellm, "request_timeout", Desk::limit);
    let request = desk.or_default(router, "timeout", Desk::limit);
    let stream = desk.or_default(router, "stream_timeout", Desk::limit);
    Router {
        strategy: strategy(desk, router),
        num_retries: retries.unwrap_or(default.num_retries),
        retry_after: desk
            .or_default(router, "retry_after", Desk::seconds)
            .unwrap_or(default.retry_after),
        timeouts: Timeouts {
            request: explicit.or(request).or(default.timeouts.request),
            stream: stream.or(explicit),
        },
        allowed_fails: allowed_fails.map_or(AllowedFails::Share, AllowedFails::Count),
        cooldown_time: either(desk, sections, "cooldown_time", Desk::seconds)
            .unwrap_or(default.cooldown_time),
        disable_cooldowns: switch(desk, router, "disable_cooldowns"),
        max_fallbacks: desk
            .or_default(router, "max_fallbacks", Desk::count)
            .unwrap_or(default.max_fallbacks),
        retry_policy: retry_policy(desk, router),
        pre_call_checks: switch(desk, router, "enable_pre_call_checks"),
        tags: tags(desk, router),
        ..default
    }
}

/// A key of `router_settings`, else the same of `litellm_settings`.
pub(super) fn either<'s, T>(
    desk: &mut Desk<'s>,
    sections: &Sections<'_>,
    key: &str,
    read: impl Fn(&mut Desk<'s>, &str, &Node) -> Got<T>,
) -> Option<T> {
    let own = desk.or_default(sections.router, key, &read);
    let other = desk.or_default(sections.litellm, key, &read);
    own.or(other)
}

fn switch(desk: &mut Desk<'_>, section: Option<&Node>, key: &str) -> bool {
    desk.or_default(section, key, Desk::truth).unwrap_or(false)
}

fn strategy(desk: &mut Desk<'_>, router: Option<&Node>) -> Strategy {
    let key = "routing_strategy";
    let Some(name) = desk.or_default(router, key, Desk::text) else {
        return Strategy::default();
    };
    let plain = name.to_ascii_lowercase().replace('_', "-");
    if let Some((_, strategy)) = STRATEGIES.iter().find(|(known, _)| *known == plain) {
        return *strategy;
    }
    let Some(node) = router.and_then(|router| router.get(key)) else {
        return Strategy::default();
    };
    if NOT_YET.contains(&plain.as_str()) {
        let message =
            format!("the strategy `{plain}` is not supported yet: runs as `simple-shuffle`");
        let hint = "supported are `simple-shuffle`, `least-busy`, `usage-based-routing-v2`";
        desk.notes.warn(node.at, message, hint);
        return Strategy::SimpleShuffle;
    }
    let names = STRATEGIES.iter().map(|(known, _)| *known);
    let near = catalogue::nearest(&plain, names.chain(NOT_YET.iter().copied()));
    let hint = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => "use `simple-shuffle`, `least-busy` or `usage-based-routing-v2`".to_owned(),
    };
    desk.notes.error(
        node.at,
        format!("unknown strategy {}", shown(node, &name)),
        hint,
    );
    Strategy::default()
}

fn retry_policy(desk: &mut Desk<'_>, router: Option<&Node>) -> RetryPolicy {
    const NAMES: &[&str] = &[
        "BadRequestErrorRetries",
        "AuthenticationErrorRetries",
        "TimeoutErrorRetries",
        "RateLimitErrorRetries",
        "ContentPolicyViolationErrorRetries",
        "InternalServerErrorRetries",
        "ServiceUnavailableErrorRetries",
    ];
    let key = "retry_policy";
    let Some(map) = router
        .and_then(|router| router.get(key))
        .and_then(|node| desk.section(key, node))
    else {
        return RetryPolicy::default();
    };
    for entry in map.entries().unwrap_or_default() {
        if !NAMES.contains(&entry.key.as_str()) {
            let message = format!(
                "unknown key `{}` in `retry_policy`; it is ignored",
                entry.key
            );
            let hint = match catalogue::nearest(&entry.key, NAMES.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known are `{}`", NAMES.join("`, `")),
            };
            desk.notes.warn(entry.key_at, message, hint);
        }
    }
    let mut count = |key: &str| desk.or_default(Some(map), key, Desk::count);
    let internal = count("InternalServerErrorRetries");
    let unavailable = count("ServiceUnavailableErrorRetries");
    RetryPolicy {
        bad_request: count("BadRequestErrorRetries"),
        authentication: count("AuthenticationErrorRetries"),
        timeout: count("TimeoutErrorRetries"),
        rate_limit: count("RateLimitErrorRetries"),
        content_policy: count("ContentPolicyViolationErrorRetries"),
        server: internal.or(unavailable),
    }
}

fn tags(desk: &mut Desk<'_>, router: Option<&Node>) -> TagRules {
    let enabled = switch(desk, router, "enable_tag_filtering");
    let any = switch(desk, router, "tag_filtering_match_any");
    let node = router.and_then(|router| router.get("tag_filtering_match_any"));
    if let Some(node) = node.filter(|_| any && enabled) {
        let message = "`tag_filtering_match_any` is not followed: a backend must carry all declared tags of a request";
        desk.notes.warn(
            node.at,
            message,
            "remove the line; give backends all tags they may serve",
        );
    }
    TagRules { enabled }
}
