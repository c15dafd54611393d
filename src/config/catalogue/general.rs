//! Keys of `general_settings`.

use super::Section::General;
use super::{Key, later, moot, restricts, yes};

const SQLITE: &str = "the ledger is SQLite in the data folder";
const RETENTION: &str = "ledger rows are kept";
const ALERTS: &str = "alerts are shown in the dashboard, not sent";
const NO_KEYS: &str = "there are no virtual keys yet";
const ADMISSION: &str = "requests are not queued in front of the gateway";
const IDENTITY: &str = "everybody with the master key gets in";

/// `general_settings`
pub(super) const GENERAL: &[Key] = &[
    yes(
        General,
        "master_key",
        "",
        "the key clients must send; LITELLM_MASTER_KEY counts as well",
    ),
    yes(
        General,
        "host",
        "127.0.0.1",
        "the address to listen on; --host wins; needs a restart",
    ),
    yes(
        General,
        "port",
        "4000",
        "the port; --port wins; needs a restart",
    ),
    yes(
        General,
        "data_dir",
        "",
        "where the ledger lives; --data-dir wins; needs a restart",
    ),
    yes(
        General,
        "workers",
        "",
        "threads that serve requests; one a core when left out; needs a restart",
    ),
    yes(
        General,
        "cors_origins",
        "[]",
        "browser origins that may call; [\"*\"] for all; LITELLM_CORS_ORIGINS counts as well",
    ),
    yes(
        General,
        "max_request_size_mb",
        "32",
        "largest request body, in MiB",
    ),
    yes(
        General,
        "max_response_size_mb",
        "64",
        "largest plain answer and largest stream event, in MiB",
    ),
    yes(
        General,
        "max_connections",
        "10000",
        "most client connections at once",
    ),
    yes(
        General,
        "header_timeout",
        "15",
        "seconds for a client to send a request's head",
    ),
    yes(
        General,
        "drain_timeout",
        "30",
        "seconds that requests in flight get at shutdown",
    ),
    yes(
        General,
        "completion_model",
        "",
        "the group every chat, completion and message goes to, whatever it asks for",
    ),
    yes(
        General,
        "disable_spend_logs",
        "false",
        "keep no row per request, only the sums of spend",
    ),
    yes(
        General,
        "always_include_stream_usage",
        "false",
        "send usage at the end of streams even when not asked",
    ),
    yes(
        General,
        "forward_client_headers_to_llm_api",
        "false",
        "pass the client's x- headers on to backends",
    ),
    yes(
        General,
        "dangerously_permit_weak_or_unset_master_key",
        "false",
        "the same as --allow-open",
    ),
    later(General, "database_url", SQLITE),
    later(General, "database_type", SQLITE),
    later(General, "database_args", SQLITE),
    later(General, "database_connection_pool_limit", SQLITE),
    later(General, "database_connection_timeout", SQLITE),
    moot(
        General,
        "allow_requests_on_db_unavailable",
        "no request ever waits for the ledger",
    ),
    later(
        General,
        "store_model_in_db",
        "models stand in this file, which is watched",
    ),
    moot(
        General,
        "disable_spend_updates",
        "the ledger is written apart from requests",
    ),
    later(
        General,
        "store_prompts_in_spend_logs",
        "prompts and answers are not stored",
    ),
    later(General, "maximum_spend_logs_retention_period", RETENTION),
    later(General, "maximum_spend_logs_retention_interval", RETENTION),
    later(General, "maximum_spend_logs_cleanup_cron", RETENTION),
    later(General, "maximum_spend_logs_size", RETENTION),
    moot(
        General,
        "proxy_batch_write_at",
        "the ledger is written within 100 ms",
    ),
    moot(
        General,
        "proxy_budget_rescheduler_min_time",
        "there are no budgets yet",
    ),
    moot(
        General,
        "proxy_budget_rescheduler_max_time",
        "there are no budgets yet",
    ),
    moot(General, "disable_reset_budget", "there are no budgets yet"),
    moot(
        General,
        "proxy_config_reload_interval_seconds",
        "this file is watched",
    ),
    moot(General, "user_api_key_cache_ttl", NO_KEYS),
    moot(General, "user_api_key_cache_max_size", NO_KEYS),
    restricts(
        General,
        "max_parallel_requests",
        "the number of requests at once is not limited",
    ),
    restricts(
        General,
        "global_max_parallel_requests",
        "the number of requests at once is not limited",
    ),
    later(General, "max_in_flight_requests_per_worker", ADMISSION),
    later(General, "max_queued_requests_per_worker", ADMISSION),
    later(General, "admission_queue_timeout_seconds", ADMISSION),
    later(General, "embedding_model", "the client's own choice counts"),
    later(
        General,
        "image_generation_model",
        "the client's own choice counts",
    ),
    later(
        General,
        "moderation_model",
        "the client's own choice counts",
    ),
    later(
        General,
        "infer_model_from_keys",
        "models stand in model_list",
    ),
    moot(
        General,
        "background_health_checks",
        "self-hosted backends are always probed, at no cost",
    ),
    moot(
        General,
        "health_check_interval",
        "self-hosted backends are probed every few seconds",
    ),
    moot(General, "health_check_concurrency", "probes are cheap"),
    moot(General, "health_check_details", "/health gives them"),
    moot(
        General,
        "enable_health_check_routing",
        "backends found down by a probe are always left out",
    ),
    later(General, "model_list_healthy_only", "every group is listed"),
    later(General, "alerting", ALERTS),
    later(General, "alerting_threshold", ALERTS),
    later(General, "alert_types", ALERTS),
    later(General, "alert_to_webhook_url", ALERTS),
    later(General, "alerting_args", ALERTS),
    later(General, "spend_report_frequency", ALERTS),
    restricts(
        General,
        "allowed_routes",
        "every route is open to those with the key",
    ),
    later(
        General,
        "public_routes",
        "every route but liveness needs the key",
    ),
    restricts(
        General,
        "admin_only_routes",
        "every route is open to those with the key",
    ),
    restricts(General, "allowed_ips", "clients from any address get in"),
    later(
        General,
        "use_x_forwarded_for",
        "the address of the connection counts",
    ),
    later(
        General,
        "pass_through_endpoints",
        "these routes are not served",
    ),
    later(
        General,
        "forward_openai_org_id",
        "the deployment's organization is sent",
    ),
    later(
        General,
        "litellm_key_header_name",
        "the key is taken from Authorization, x-api-key or api-key",
    ),
    later(
        General,
        "user_header_name",
        "the end user is taken from the body's user",
    ),
    later(
        General,
        "user_header_mappings",
        "the end user is taken from the body's user",
    ),
    restricts(
        General,
        "enforce_user_param",
        "requests without a user pass",
    ),
    restricts(
        General,
        "enforced_params",
        "requests without these members pass",
    ),
    restricts(
        General,
        "reject_clientside_metadata_tags",
        "clients may set tags themselves",
    ),
    later(
        General,
        "allow_client_side_credentials",
        "clients cannot bring keys for backends",
    ),
    restricts(General, "custom_auth", IDENTITY),
    later(General, "custom_key_generate", NO_KEYS),
    later(General, "custom_sso", "there is no sign-in page"),
    restricts(General, "enable_jwt_auth", IDENTITY),
    restricts(General, "litellm_jwtauth", IDENTITY),
    restricts(General, "enable_oauth2_auth", IDENTITY),
    later(
        General,
        "ui_access_mode",
        "the dashboard runs in a terminal",
    ),
    later(
        General,
        "key_management_system",
        "secrets come from the environment",
    ),
    later(
        General,
        "key_management_settings",
        "secrets come from the environment",
    ),
    moot(
        General,
        "disable_master_key_return",
        "the key is never returned",
    ),
    moot(General, "default_team_disabled", NO_KEYS),
    moot(General, "token_rate_limit_type", NO_KEYS),
    moot(General, "fail_closed_rate_limit_enforcement", NO_KEYS),
    moot(General, "fail_closed_budget_enforcement", NO_KEYS),
    moot(General, "disable_budget_reservation", NO_KEYS),
    moot(
        General,
        "cancel_on_disconnect",
        "a client that leaves always ends its request",
    ),
    later(
        General,
        "include_call_id_in_error_body",
        "the call id is in a header",
    ),
    later(
        General,
        "return_wildcard_routes",
        "wildcards are listed as they are",
    ),
    moot(General, "litellm_license", "nothing here needs one"),
    later(General, "coordination_redis", "each gateway stands alone"),
    moot(
        General,
        "disable_prisma_schema_update",
        "there is no Prisma",
    ),
    moot(
        General,
        "disable_adding_master_key_hash_to_db",
        "the key is not stored",
    ),
    moot(
        General,
        "pass_through_request_timeout",
        "there are no pass-through routes",
    ),
    restricts(General, "blocked_user_list", "these users are not kept out"),
    restricts(
        General,
        "service_account_settings",
        "service accounts are not checked",
    ),
    later(General, "block_robots", "robots.txt is not served"),
];
