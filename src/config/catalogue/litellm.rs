//! Keys of `litellm_settings`.

use super::Section::Litellm;
use super::{Key, later, moot, restricts, yes};

const NOT_SENT: &str = "nothing is sent; requests are in the ledger and the dashboard";
const NO_CACHE: &str = "every request reaches a backend";
const NO_KEYS: &str = "there are no virtual keys yet";
const METRICS: &str = "/metrics gives its own set";

/// `litellm_settings`
pub(super) const LITELLM: &[Key] = &[
    yes(
        Litellm,
        "drop_params",
        "false",
        "leave out what a backend cannot take; else refuse",
    ),
    yes(
        Litellm,
        "request_timeout",
        "",
        "seconds for an answer; wins over router_settings.timeout",
    ),
    yes(
        Litellm,
        "num_retries",
        "2",
        "as in router_settings, which win",
    ),
    yes(
        Litellm,
        "allowed_fails",
        "",
        "as in router_settings, which win",
    ),
    yes(
        Litellm,
        "cooldown_time",
        "5",
        "as in router_settings, which win",
    ),
    yes(
        Litellm,
        "fallbacks",
        "[]",
        "as in router_settings, which win",
    ),
    yes(
        Litellm,
        "context_window_fallbacks",
        "[]",
        "as in router_settings, which win",
    ),
    yes(
        Litellm,
        "default_fallbacks",
        "[]",
        "as in router_settings, which win",
    ),
    yes(
        Litellm,
        "set_verbose",
        "false",
        "one log line per try with its reason",
    ),
    yes(
        Litellm,
        "json_logs",
        "false",
        "logs as JSON lines; needs a restart",
    ),
    yes(
        Litellm,
        "require_auth_for_metrics_endpoint",
        "true",
        "/metrics needs the key, when there is one",
    ),
    yes(
        Litellm,
        "timezone",
        "",
        "time zone of \"today\" in spend, such as Europe/Berlin; the system's when left out",
    ),
    later(
        Litellm,
        "content_policy_fallbacks",
        "a refusal by content policy is given to the client",
    ),
    later(Litellm, "callbacks", NOT_SENT),
    later(Litellm, "success_callback", NOT_SENT),
    later(Litellm, "failure_callback", NOT_SENT),
    later(Litellm, "service_callbacks", NOT_SENT),
    later(Litellm, "cache", NO_CACHE),
    later(Litellm, "cache_params", NO_CACHE),
    later(Litellm, "default_redis_ttl", NO_CACHE),
    later(Litellm, "default_in_memory_ttl", NO_CACHE),
    moot(
        Litellm,
        "turn_off_message_logging",
        "messages are never stored",
    ),
    moot(Litellm, "redact_user_api_key_info", "keys are never logged"),
    later(Litellm, "langfuse_default_tags", NOT_SENT),
    later(
        Litellm,
        "modify_params",
        "requests are passed on as they are",
    ),
    restricts(
        Litellm,
        "max_budget",
        "spending goes on after the budget is spent",
    ),
    restricts(
        Litellm,
        "budget_duration",
        "spending goes on after the budget is spent",
    ),
    restricts(
        Litellm,
        "max_user_budget",
        "users go on after their budget is spent",
    ),
    restricts(
        Litellm,
        "max_internal_user_budget",
        "users go on after their budget is spent",
    ),
    later(Litellm, "internal_user_budget_duration", NO_KEYS),
    restricts(
        Litellm,
        "max_end_user_budget",
        "users go on after their budget is spent",
    ),
    restricts(
        Litellm,
        "max_end_user_budget_id",
        "users go on after their budget is spent",
    ),
    restricts(
        Litellm,
        "tag_budget_config",
        "tags go on after their budget is spent",
    ),
    later(Litellm, "default_key_generate_params", NO_KEYS),
    later(Litellm, "upperbound_key_generate_params", NO_KEYS),
    later(Litellm, "key_generation_settings", NO_KEYS),
    later(Litellm, "default_team_settings", NO_KEYS),
    later(Litellm, "default_team_params", NO_KEYS),
    later(Litellm, "default_internal_user_params", NO_KEYS),
    later(Litellm, "cost_discount_config", "prices count as they are"),
    later(Litellm, "cost_margin_config", "prices count as they are"),
    later(
        Litellm,
        "include_cost_in_streaming_usage",
        "the cost is in the ledger",
    ),
    moot(
        Litellm,
        "return_response_headers",
        "the gateway's headers are always sent",
    ),
    later(
        Litellm,
        "forward_traceparent_to_llm_provider",
        "trace headers are not passed on",
    ),
    moot(
        Litellm,
        "disable_end_user_cost_tracking",
        "end users are kept in the ledger only",
    ),
    moot(
        Litellm,
        "disable_end_user_cost_tracking_prometheus_only",
        METRICS,
    ),
    later(
        Litellm,
        "enable_json_schema_validation",
        "answers are not checked against the schema",
    ),
    later(Litellm, "force_ipv4", "the system's resolver decides"),
    later(Litellm, "ssl_verify", "certificates are always checked"),
    moot(
        Litellm,
        "disable_hf_tokenizer_download",
        "nothing is downloaded",
    ),
    later(
        Litellm,
        "custom_provider_map",
        "Python code does not run here",
    ),
    later(Litellm, "prometheus_metrics_config", METRICS),
    later(Litellm, "custom_prometheus_metadata_labels", METRICS),
    later(Litellm, "custom_prometheus_tags", METRICS),
    later(
        Litellm,
        "public_model_groups",
        "every group is listed to those with the key",
    ),
    later(
        Litellm,
        "budget_exceeded_status_code",
        "there are no budgets yet",
    ),
    later(Litellm, "budget_rollover", "there are no budgets yet"),
    later(Litellm, "budget_reset_time", "there are no budgets yet"),
    restricts(
        Litellm,
        "block_requests_for_models_without_pricing",
        "models without a price are served, and their requests shown as unpriced",
    ),
    restricts(Litellm, "guardrails", "requests and answers pass unchecked"),
    restricts(
        Litellm,
        "banned_keywords_list",
        "requests are not searched for these words",
    ),
    restricts(Litellm, "blocked_user_list", "these users are not kept out"),
    later(Litellm, "mcp_aliases", "no tool servers are offered"),
    later(
        Litellm,
        "model_group_settings",
        "client headers are passed on for all groups or none: general_settings.forward_client_headers_to_llm_api",
    ),
    moot(Litellm, "telemetry", "nothing is reported to anybody"),
    moot(
        Litellm,
        "suppress_debug_info",
        "logs are short unless set_verbose is on",
    ),
    moot(Litellm, "add_function_to_prompt", "tools are sent as tools"),
    moot(Litellm, "success_callback_batch_size", NOT_SENT),
    later(Litellm, "s3_callback_params", NOT_SENT),
    later(Litellm, "datadog_params", NOT_SENT),
    later(Litellm, "audit_log_callbacks", NOT_SENT),
    later(Litellm, "store_audit_logs", "changes are not logged apart"),
];
