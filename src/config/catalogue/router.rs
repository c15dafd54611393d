//! Keys of `router_settings`.

use super::Section::Router;
use super::{Key, later, moot, restricts, yes};

const REDIS: &str = "limits and cooldowns are kept in this process's memory";

/// `router_settings`
pub(super) const ROUTER: &[Key] = &[
    yes(
        Router,
        "routing_strategy",
        "simple-shuffle",
        "simple-shuffle, least-busy or usage-based-routing-v2",
    ),
    yes(
        Router,
        "num_retries",
        "2",
        "further tries in a group after the first",
    ),
    yes(Router, "max_retries", "", "another spelling of num_retries"),
    yes(Router, "retry_after", "0", "least seconds before a retry"),
    yes(
        Router,
        "timeout",
        "600",
        "seconds for an answer, and for the first byte of a stream",
    ),
    yes(
        Router,
        "stream_timeout",
        "",
        "seconds between two events of a stream; timeout when left out",
    ),
    yes(
        Router,
        "allowed_fails",
        "",
        "failures within cooldown_time before a backend is left alone; unset: more than half of at least five in a minute",
    ),
    yes(
        Router,
        "cooldown_time",
        "5",
        "seconds a failing backend is left alone",
    ),
    yes(
        Router,
        "disable_cooldowns",
        "false",
        "never leave a failing backend alone",
    ),
    yes(
        Router,
        "fallbacks",
        "[]",
        "`- {group: [where, to, go]}`; a plain list is a chain",
    ),
    yes(
        Router,
        "context_window_fallbacks",
        "[]",
        "the same, for prompts that are too long",
    ),
    yes(Router, "default_fallbacks", "[]", "where any group may go"),
    yes(
        Router,
        "max_fallbacks",
        "5",
        "how deep fallbacks of fallbacks may go",
    ),
    yes(
        Router,
        "model_group_alias",
        "{}",
        "`name: group`, or `name: {model: group, hidden: true}`",
    ),
    yes(
        Router,
        "retry_policy",
        "{}",
        "tries by kind of error: RateLimitErrorRetries, TimeoutErrorRetries, …",
    ),
    yes(
        Router,
        "enable_pre_call_checks",
        "false",
        "leave out backends whose window is too small for the prompt",
    ),
    yes(
        Router,
        "enable_tag_filtering",
        "false",
        "a request's declared tags must all be on the backend",
    ),
    yes(
        Router,
        "tag_filtering_match_any",
        "false",
        "true is not followed: all declared tags must match, one is not enough",
    ),
    yes(
        Router,
        "default_litellm_params",
        "{}",
        "litellm_params for every deployment that does not set them",
    ),
    yes(
        Router,
        "set_verbose",
        "false",
        "one log line per try with its reason",
    ),
    later(
        Router,
        "routing_strategy_args",
        "the strategies take no arguments",
    ),
    later(
        Router,
        "routing_groups",
        "call the groups of model_list by their own names",
    ),
    later(
        Router,
        "content_policy_fallbacks",
        "a refusal by content policy is given to the client",
    ),
    later(
        Router,
        "model_group_retry_policy",
        "retry_policy counts for all groups",
    ),
    later(
        Router,
        "allowed_fails_policy",
        "allowed_fails counts for all kinds of errors",
    ),
    later(
        Router,
        "default_max_parallel_requests",
        "set max_parallel_requests on the deployments",
    ),
    restricts(
        Router,
        "provider_budget_config",
        "providers go on after their budget is spent",
    ),
    later(Router, "tag_routing_prefix", "every declared tag filters"),
    later(Router, "weights", "set weight on the deployments"),
    later(Router, "redis_host", REDIS),
    later(Router, "redis_port", REDIS),
    later(Router, "redis_password", REDIS),
    later(Router, "redis_url", REDIS),
    later(Router, "redis_db", REDIS),
    later(Router, "cache_responses", "every request reaches a backend"),
    later(Router, "cache_kwargs", "every request reaches a backend"),
    later(Router, "caching_groups", "every request reaches a backend"),
    moot(Router, "client_ttl", "connections are pooled by host"),
    later(
        Router,
        "default_priority",
        "requests are not queued by priority",
    ),
    moot(Router, "polling_interval", "nothing is polled"),
    moot(
        Router,
        "deployment_affinity_ttl_seconds",
        "requests are not pinned to deployments",
    ),
    later(
        Router,
        "optional_pre_call_checks",
        "these checks are not made",
    ),
    moot(
        Router,
        "enable_health_check_routing",
        "backends found down by a probe are always left out",
    ),
    moot(
        Router,
        "health_check_staleness_threshold",
        "probes run every few seconds",
    ),
    later(
        Router,
        "enable_weighted_failover",
        "a retry may always pick a sibling",
    ),
    later(
        Router,
        "enable_mid_stream_fallback_continuation",
        "a stream that breaks after its first content ends with an error event",
    ),
    later(
        Router,
        "fallback_on_unsupported_params",
        "such errors go to the client",
    ),
    moot(
        Router,
        "ignore_invalid_deployments",
        "what is wrong is always shown",
    ),
    moot(Router, "debug_level", "use set_verbose"),
    later(
        Router,
        "alerting_config",
        "alerts are shown in the dashboard, not sent",
    ),
    moot(Router, "model_list", "it stands at the top of the file"),
];
