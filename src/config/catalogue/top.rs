//! Keys at the top of the file and in `credential_list`.

use super::Section::{Credential, Top};
use super::{Key, later, moot, restricts, yes};

/// The top of the file.
pub(super) const TOP: &[Key] = &[
    yes(
        Top,
        "model_list",
        "[]",
        "the backends; entries with one model_name share its traffic",
    ),
    yes(
        Top,
        "router_settings",
        "{}",
        "balancing, retries, cooldowns, fallbacks",
    ),
    yes(
        Top,
        "litellm_settings",
        "{}",
        "request defaults; router_settings win where both say the same",
    ),
    yes(Top, "general_settings", "{}", "keys, limits, the address"),
    yes(
        Top,
        "environment_variables",
        "{}",
        "variables for os.environ/ references, stronger than the environment",
    ),
    yes(
        Top,
        "include",
        "[]",
        "more files, relative to this one; lists are joined, other sections replaced",
    ),
    yes(
        Top,
        "credential_list",
        "[]",
        "credentials by name, used by litellm_credential_name",
    ),
    restricts(Top, "guardrails", "requests and answers pass unchecked"),
    restricts(Top, "policies", "requests and answers pass unchecked"),
    later(Top, "callback_settings", "callbacks are not called"),
    later(Top, "mcp_servers", "no tool servers are offered"),
    later(Top, "search_tools", "no search is offered"),
    later(Top, "vector_store_registry", "no vector stores are offered"),
    later(
        Top,
        "assistant_settings",
        "the assistants routes are not served",
    ),
    later(Top, "files_settings", "the files routes are not served"),
    later(
        Top,
        "finetune_settings",
        "the fine-tuning routes are not served",
    ),
    later(Top, "prompts", "prompts are sent as the client wrote them"),
    moot(Top, "worker_registry", "one process serves everything"),
];

/// An entry of `credential_list`.
pub(super) const CREDENTIAL: &[Key] = &[
    yes(
        Credential,
        "credential_name",
        "",
        "the name deployments use",
    ),
    yes(
        Credential,
        "credential_values",
        "",
        "api_key, api_base and what else the deployments should get",
    ),
    yes(Credential, "credential_info", "{}", "free text for people"),
];
