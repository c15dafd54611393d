//! Which members Ollama knows, and where they stand: in `options`, or beside it.

/// What Ollama takes in `options`, older releases included: an unknown one costs a line in its log.
const OPTIONS: [&str; 31] = [
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
pub(super) const TOP: [&str; 5] = [
    "_debug_render_only",
    "format",
    "keep_alive",
    "shift",
    "truncate",
];

/// Whether a member is an option.
pub(super) fn is_option(name: &str) -> bool {
    OPTIONS.contains(&name)
}

/// Whether a member means something to Ollama alone, so that other dialects' writers leave it out.
pub fn is_own_member(name: &str) -> bool {
    is_option(name) || TOP.contains(&name) || matches!(name, "options" | "think")
}
