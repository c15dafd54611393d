//! Members of a request that one kind of upstream alone knows.
//!
//! A client says them to the backend it has in mind, and may be served by another: there a writer
//! leaves them out, as a strict upstream would refuse them and turn a failover into an error.

/// Members of a request that only Anthropic knows, or knows in a sense of its own.
const ANTHROPIC: [&str; 12] = [
    "anthropic_beta",
    "betas",
    "cache_control",
    "container",
    "context_management",
    "inference_geo",
    "mcp_servers",
    "metadata",
    "output_config",
    "output_format",
    "service_tier",
    "speed",
];

/// What Ollama takes in `options`, older releases included: an unknown one costs a line in its log.
const OLLAMA_OPTIONS: [&str; 31] = [
    "draft_num_predict",
    "f16_kv",
    "frequency_penalty",
    "logits_all",
    "low_vram",
    "main_gpu",
    "min_p",
    "mirostat",
    "mirostat_eta",
    "mirostat_tau",
    "num_batch",
    "num_ctx",
    "num_gpu",
    "num_keep",
    "num_predict",
    "num_thread",
    "numa",
    "penalize_newline",
    "presence_penalty",
    "repeat_last_n",
    "repeat_penalty",
    "seed",
    "stop",
    "temperature",
    "tfs_z",
    "top_k",
    "top_p",
    "typical_p",
    "use_mlock",
    "use_mmap",
    "vocab_only",
];

/// What Ollama takes beside `options` in a chat request, besides what has a neutral name.
const OLLAMA_TOP: [&str; 5] = [
    "_debug_render_only",
    "format",
    "keep_alive",
    "shift",
    "truncate",
];

/// Whether a member is an option.
pub fn is_ollama_option(name: &str) -> bool {
    OLLAMA_OPTIONS.contains(&name)
}

/// Whether a member stands beside Ollama's `options`.
pub fn is_ollama_top(name: &str) -> bool {
    OLLAMA_TOP.contains(&name)
}

/// Whether a member means something to Ollama alone, so that other dialects' writers leave it out.
pub fn is_ollamas(name: &str) -> bool {
    is_ollama_option(name) || is_ollama_top(name) || matches!(name, "options" | "think")
}

/// Whether a member means something to Anthropic alone, or something of its own.
pub fn is_anthropics(name: &str) -> bool {
    ANTHROPIC.contains(&name)
}
