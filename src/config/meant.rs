//! The configuration as meant: every reference resolved, every default filled in, nothing raw left.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::base::{PicoDollars, Secret};
use crate::config::Dialect;

/// A whole configuration, ready to be built into a routing table.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Config {
    /// All deployments in file order, those that are off included.
    pub deployments: Vec<Deployment>,
    /// Routing, retries, cooldowns, fallbacks.
    pub router: Router,
    /// Keys and doors.
    pub general: General,
    /// Request defaults and limits.
    pub limits: Limits,
    /// What only counts at the start.
    pub startup: Startup,
}

/// What the file says about how the program starts; the command line wins over each.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Startup {
    /// `general_settings.host`
    pub host: Option<String>,
    /// `general_settings.port`
    pub port: Option<u16>,
    /// `general_settings.data_dir`
    pub data_dir: Option<String>,
    /// `general_settings.workers`: threads that serve requests.
    pub workers: Option<u32>,
}

/// One `model_list` entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployment {
    /// `model_info.id`, else derived from group, model, base and credential: stable over restarts and
    /// over edits of anything else. Sixteen hex digits when derived.
    pub id: Arc<str>,
    /// `model_name`; may hold `*`.
    pub group: Arc<str>,
    /// A short unique name for people: `ollama/llama3.2 @ 192.168.1.50`, `openai/gpt-4o-mini`.
    pub name: Arc<str>,
    /// Where it goes.
    pub upstream: Upstream,
    /// Why it takes no part: a missing variable, an unsupported provider, an invalid entry.
    pub off: Option<String>,
    /// `order`, or `priority` as a spelling of it; lower first, none last.
    pub order: Option<i64>,
    /// `weight` for `simple-shuffle`.
    pub weight: Option<f64>,
    /// Requests a minute.
    pub rpm: Option<u64>,
    /// Tokens a minute.
    pub tpm: Option<u64>,
    /// `timeout`, `stream_timeout` of this deployment.
    pub timeouts: Timeouts,
    /// `num_retries` (or `max_retries`) of this deployment.
    pub num_retries: Option<u32>,
    /// `cooldown_time` of this deployment.
    pub cooldown_time: Option<Duration>,
    /// `model_info.allowed_fails` of this deployment.
    pub allowed_fails: Option<u32>,
    /// `max_parallel_requests` of this deployment.
    pub max_parallel: Option<u32>,
    /// `litellm_params.tags` and `model_info.tags`.
    pub tags: Vec<String>,
    /// Request members put in when the client did not send them (`temperature`, `num_ctx`, …).
    pub defaults: Map<String, Value>,
    /// Drop parameters the backend cannot take, instead of refusing: deployment's, else global.
    pub drop_params: bool,
    /// Members removed in any case.
    pub additional_drop_params: Vec<String>,
    /// Prices from the config; they win over the table.
    pub price: PriceOverride,
    /// `model_info.base_model`: the name to look up prices and windows by.
    pub base_model: Option<String>,
    /// `max_input_tokens` of `model_info` or `litellm_params`.
    pub max_input_tokens: Option<u64>,
    /// `fallback:` written on the deployment itself.
    pub fallback: Vec<String>,
    /// `model_info` as written, secrets masked, for `/model/info`.
    pub model_info: Map<String, Value>,
    /// `litellm_params` as written, secrets masked, for `/model/info`.
    pub shown_params: Map<String, Value>,
}

/// Where a deployment's requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// The provider's prefix: `ollama`, `openai`, `groq`.
    pub provider: Arc<str>,
    /// The language it speaks.
    pub dialect: Dialect,
    /// The model's name there, prefix removed. For a wildcard it may hold `*`.
    pub model: Arc<str>,
    /// The base URL without a trailing slash, path included: `http://192.168.1.50:11434`,
    /// `https://api.openai.com/v1`.
    pub base: Arc<str>,
    /// The key, when one is known.
    pub key: Option<Secret>,
    /// `organization`
    pub organization: Option<String>,
    /// `extra_headers`
    pub headers: Vec<(String, Secret)>,
    /// Self-hosted (probed, free), or a cloud (judged by its traffic).
    pub local: bool,
}

/// Time-outs of one level; the first level that says something wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Timeouts {
    /// For a whole plain answer, and for the first byte of any.
    pub request: Option<Duration>,
    /// Between two events of a stream.
    pub stream: Option<Duration>,
}

/// Prices written in the config, each in pico-dollars a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PriceOverride {
    /// `input_cost_per_token`
    pub input: Option<PicoDollars>,
    /// `output_cost_per_token`
    pub output: Option<PicoDollars>,
    /// `cache_read_input_token_cost`
    pub cache_read: Option<PicoDollars>,
    /// `cache_creation_input_token_cost`
    pub cache_write: Option<PicoDollars>,
}

/// How a deployment is chosen among its equals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Random, by weight.
    #[default]
    SimpleShuffle,
    /// Fewest requests in flight.
    LeastBusy,
    /// Fewest tokens used this minute, within `rpm` and `tpm`.
    UsageBased,
}

impl Strategy {
    /// LiteLLM's name for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::SimpleShuffle => "simple-shuffle",
            Self::LeastBusy => "least-busy",
            Self::UsageBased => "usage-based-routing-v2",
        }
    }
}

/// Where a fallback leads.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// A group of this config (after aliases).
    Group(Arc<str>),
    /// A deployment that stands in no list: a fallback that named a known model string. It is in
    /// [`Config::deployments`] under this group name, which no client can list.
    Hidden(Arc<str>),
}

impl Target {
    /// The group's name in either case.
    pub const fn group(&self) -> &Arc<str> {
        match self {
            Self::Group(name) | Self::Hidden(name) => name,
        }
    }
}

/// Fallbacks of one group, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// The group that failed; `*` for any.
    pub from: Arc<str>,
    /// Where to go, in order.
    pub to: Vec<Target>,
}

/// `router_settings`, with `litellm_settings` where those say the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Router {
    /// `routing_strategy`
    pub strategy: Strategy,
    /// `num_retries`: further tries in a group after the first. Default 2.
    pub num_retries: u32,
    /// `retry_after`: the least wait before a retry, default zero.
    pub retry_after: Duration,
    /// `timeout`, `stream_timeout`, `litellm_settings.request_timeout`. Default 600 s a request.
    pub timeouts: Timeouts,
    /// `allowed_fails`; `None` when the file does not say, which means LiteLLM's percentage rule.
    pub allowed_fails: AllowedFails,
    /// `cooldown_time`, default 5 s.
    pub cooldown_time: Duration,
    /// `disable_cooldowns`
    pub disable_cooldowns: bool,
    /// `fallbacks`, lists and inline ones included.
    pub fallbacks: Vec<Chain>,
    /// `context_window_fallbacks`
    pub context_window_fallbacks: Vec<Chain>,
    /// `default_fallbacks`
    pub default_fallbacks: Vec<Target>,
    /// `max_fallbacks`, default 5: how deep fallbacks of fallbacks may go.
    pub max_fallbacks: u32,
    /// `model_group_alias`: name → (group, hidden from lists).
    pub aliases: BTreeMap<Arc<str>, (Arc<str>, bool)>,
    /// `retry_policy`
    pub retry_policy: RetryPolicy,
    /// `enable_pre_call_checks`
    pub pre_call_checks: bool,
    /// Tag filtering.
    pub tags: TagRules,
}

impl Default for Router {
    fn default() -> Self {
        Self {
            strategy: Strategy::default(),
            num_retries: 2,
            retry_after: Duration::ZERO,
            timeouts: Timeouts {
                request: Some(Duration::from_mins(10)),
                stream: None,
            },
            allowed_fails: AllowedFails::Share,
            cooldown_time: Duration::from_secs(5),
            disable_cooldowns: false,
            fallbacks: Vec::new(),
            context_window_fallbacks: Vec::new(),
            default_fallbacks: Vec::new(),
            max_fallbacks: 5,
            aliases: BTreeMap::new(),
            retry_policy: RetryPolicy::default(),
            pre_call_checks: false,
            tags: TagRules::default(),
        }
    }
}

/// When failures make a deployment cool down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AllowedFails {
    /// Not configured: over half of at least five tries of the minute failed, and LiteLLM's immediate
    /// rules (`reference`: 429 among siblings, 401/404 at once …).
    #[default]
    Share,
    /// Configured: more failures than this within a window as long as the cooldown.
    Count(u32),
}

/// `retry_policy`: tries per kind of error; `None` leaves `num_retries` in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RetryPolicy {
    /// `BadRequestErrorRetries`
    pub bad_request: Option<u32>,
    /// `AuthenticationErrorRetries`
    pub authentication: Option<u32>,
    /// `TimeoutErrorRetries`
    pub timeout: Option<u32>,
    /// `RateLimitErrorRetries`
    pub rate_limit: Option<u32>,
    /// `ContentPolicyViolationErrorRetries`
    pub content_policy: Option<u32>,
    /// `InternalServerErrorRetries`, `ServiceUnavailableErrorRetries`
    pub server: Option<u32>,
}

/// Tag filtering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TagRules {
    /// `enable_tag_filtering`
    pub enabled: bool,
}

/// Where a key came from, for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// `general_settings.master_key`
    File,
    /// The environment variable of this name.
    Env(String),
}

/// `general_settings`
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct General {
    /// `master_key`; without one every request may pass (on loopback).
    pub master_key: Option<(Secret, KeySource)>,
    /// Browser origins that may call; none unless configured.
    pub cors: Cors,
    /// `require_auth_for_metrics_endpoint` (true).
    pub metrics_open: bool,
    /// `disable_spend_logs`: the ledger keeps sums, and no row a request.
    pub disable_spend_logs: bool,
    /// `--model`: the group that every request goes to, of whatever kind.
    pub serve_all: Option<String>,
    /// `completion_model`: the group that chats, completions and messages go to.
    pub completion_model: Option<String>,
    /// `always_include_stream_usage`
    pub always_include_stream_usage: bool,
    /// `forward_client_headers_to_llm_api`
    pub forward_client_headers: bool,
    /// `set_verbose` / `LITELLM_LOG=DEBUG`: one log line per attempt with why.
    pub verbose: bool,
    /// `json_logs`
    pub json_logs: bool,
    /// Time zone of "today" and of days in spend; the system's when empty.
    pub timezone: String,
}

/// Which browser origins may call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cors {
    /// `LITELLM_CORS_ORIGINS` or `general_settings.cors_origins`; `*` allows all.
    pub origins: Vec<String>,
}

/// Limits of the gateway itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Largest request body, in bytes (`max_request_size_mb`), default 32 MiB.
    pub body_bytes: usize,
    /// Largest plain answer and largest single stream event, in bytes (`max_response_size_mb`).
    pub answer_bytes: usize,
    /// Most client connections at once.
    pub connections: usize,
    /// Time to receive a request's head.
    pub header_timeout: Duration,
    /// Time for requests in flight to end at shutdown.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 32 << 20,
            answer_bytes: 64 << 20,
            connections: 10_000,
            header_timeout: Duration::from_secs(15),
            drain_timeout: Duration::from_secs(30),
        }
    }
}

/// Request defaults that hold for every deployment (`default_litellm_params`).
pub type Defaults = Map<String, Value>;

impl Config {
    /// Names of the groups a client may list, in file order, each once.
    pub fn groups(&self) -> Vec<Arc<str>> {
        let hidden = self.hidden_groups();
        let mut names: Vec<Arc<str>> = Vec::new();
        for deployment in &self.deployments {
            let known = names.contains(&deployment.group) || hidden.contains(&deployment.group);
            if !known {
                names.push(Arc::clone(&deployment.group));
            }
        }
        names
    }

    /// Groups that exist only as targets of a fallback.
    fn hidden_groups(&self) -> Vec<Arc<str>> {
        let chains = self
            .router
            .fallbacks
            .iter()
            .chain(&self.router.context_window_fallbacks);
        let targets = chains
            .flat_map(|chain| &chain.to)
            .chain(&self.router.default_fallbacks);
        targets
            .filter_map(|target| match target {
                Target::Hidden(name) => Some(Arc::clone(name)),
                Target::Group(_) => None,
            })
            .collect()
    }
}
