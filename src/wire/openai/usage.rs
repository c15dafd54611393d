//! Token counts in OpenAI's form, and in the forms of those who deviate.

use serde::Deserialize;

use crate::base::Usage;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Raw {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    total_tokens: Option<u64>,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
    /// DeepSeek
    prompt_cache_hit_tokens: Option<u64>,
    /// Proxies in front of Anthropic
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PromptDetails {
    #[serde(rename = "cached_tokens")]
    cached: Option<u64>,
    #[serde(rename = "cache_creation_tokens")]
    cache_created: Option<u64>,
    #[serde(rename = "cache_write_tokens")]
    cache_written: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CompletionDetails {
    reasoning_tokens: Option<u64>,
}

/// The counts in the JSON object `text`; none when it is `null` or no such object.
pub(super) fn parse(text: &[u8]) -> Option<Usage> {
    if text.first() != Some(&b'{') {
        return None;
    }
    let raw: Raw = serde_json::from_slice(text).ok()?;
    let prompt_details = raw.prompt_tokens_details.unwrap_or_default();
    let completion_details = raw.completion_tokens_details.unwrap_or_default();
    let prompt = raw.prompt_tokens.unwrap_or(0);
    let total = raw.total_tokens.unwrap_or(0);
    let reasoning = completion_details.reasoning_tokens.unwrap_or(0);
    let mut completion = raw
        .completion_tokens
        .unwrap_or_else(|| total.saturating_sub(prompt));
    // xAI counts reasoning beside the completion, not in it.
    if reasoning > 0 && total == prompt.saturating_add(completion).saturating_add(reasoning) {
        completion = completion.saturating_add(reasoning);
    }
    Some(Usage {
        prompt,
        completion,
        cached: prompt_details
            .cached
            .or(raw.prompt_cache_hit_tokens)
            .or(raw.cache_read_input_tokens)
            .unwrap_or(0),
        cache_write: prompt_details
            .cache_created
            .or(prompt_details.cache_written)
            .or(raw.cache_creation_input_tokens)
            .unwrap_or(0),
        cache_write_1h: 0,
        reasoning,
    })
}

/// Appends the counts as OpenAI's `usage` object.
pub fn push_usage(out: &mut Vec<u8>, usage: &Usage) {
    let mut number = itoa::Buffer::new();
    let mut put = |name: &str, count: u64| {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(number.format(count).as_bytes());
    };
    put("{\"prompt_tokens\":", usage.prompt);
    put(",\"completion_tokens\":", usage.completion);
    put(",\"total_tokens\":", usage.total());
    put(
        ",\"prompt_tokens_details\":{\"cached_tokens\":",
        usage.cached,
    );
    if usage.cache_write > 0 {
        put(",\"cache_creation_tokens\":", usage.cache_write);
    }
    put(
        "},\"completion_tokens_details\":{\"reasoning_tokens\":",
        usage.reasoning,
    );
    if usage.cache_write > 0 {
        put("},\"cache_creation_input_tokens\":", usage.cache_write);
        put(",\"cache_read_input_tokens\":", usage.cached);
        out.push(b'}');
    } else {
        out.extend_from_slice(b"}}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(text: &str) -> (u64, u64, u64, u64, u64) {
        let usage = parse(text.as_bytes()).unwrap();
        (
            usage.prompt,
            usage.completion,
            usage.cached,
            usage.cache_write,
            usage.reasoning,
        )
    }

    #[test]
    fn reads_what_servers_say() {
        let vllm = r#"{"prompt_tokens":310,"total_tokens":329,"completion_tokens":19,"prompt_tokens_details":null,"completion_tokens_details":{"reasoning_tokens":7}}"#;
        assert_eq!(counts(vllm), (310, 19, 0, 0, 7));
        let llama = r#"{"completion_tokens":14,"prompt_tokens":19,"total_tokens":33,"prompt_tokens_details":{"cached_tokens":18}}"#;
        assert_eq!(counts(llama), (19, 14, 18, 0, 0));
        let embeddings = r#"{"prompt_tokens":4,"total_tokens":4}"#;
        assert_eq!(counts(embeddings), (4, 0, 0, 0, 0));
        let deepseek = r#"{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10,"prompt_cache_hit_tokens":8,"prompt_cache_miss_tokens":1}"#;
        assert_eq!(counts(deepseek), (9, 1, 8, 0, 0));
        let xai = r#"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":35,"completion_tokens_details":{"reasoning_tokens":20}}"#;
        assert_eq!(counts(xai), (10, 25, 0, 0, 20));
        assert_eq!(parse(b"null"), None);
        assert_eq!(parse(b"{\"prompt_tokens\":-1}"), None);
    }

    #[test]
    fn what_is_written_reads_the_same() {
        for cache_write in [0, 7] {
            let usage = Usage {
                prompt: 20,
                completion: 10,
                cached: 5,
                cache_write,
                cache_write_1h: 0,
                reasoning: 3,
            };
            let mut out = Vec::new();
            push_usage(&mut out, &usage);
            assert_eq!(parse(&out), Some(usage));
        }
    }
}
