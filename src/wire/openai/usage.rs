//! Token counts in OpenAI's form, and in the forms of those who deviate.

use crate::base::Usage;
use crate::wire::scan::{Bad, Kind, Pass};

/// Counts as they are told; what is `null` or missing is none.
#[derive(Debug, Default)]
struct Raw {
    prompt: Option<u64>,
    completion: Option<u64>,
    total: Option<u64>,
    cached: Option<u64>,
    cache_created: Option<u64>,
    cache_written: Option<u64>,
    reasoning: Option<u64>,
    /// DeepSeek
    cache_hit: Option<u64>,
    /// Proxies in front of Anthropic
    cache_read_input: Option<u64>,
    cache_creation_input: Option<u64>,
}

/// Which object of the usage is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    PromptDetails,
    CompletionDetails,
}

impl Part {
    /// The object of this name in the outer one.
    fn of(name: &[u8]) -> Option<Self> {
        match name {
            b"prompt_tokens_details" => Some(Self::PromptDetails),
            b"completion_tokens_details" => Some(Self::CompletionDetails),
            _ => None,
        }
    }
}

impl Raw {
    /// Where the count of this name goes.
    fn place(&mut self, part: Part, name: &[u8]) -> Option<&mut Option<u64>> {
        Some(match part {
            Part::Whole => match name {
                b"prompt_tokens" => &mut self.prompt,
                b"completion_tokens" => &mut self.completion,
                b"total_tokens" => &mut self.total,
                b"prompt_cache_hit_tokens" => &mut self.cache_hit,
                b"cache_read_input_tokens" => &mut self.cache_read_input,
                b"cache_creation_input_tokens" => &mut self.cache_creation_input,
                _ => return None,
            },
            Part::PromptDetails => match name {
                b"cached_tokens" => &mut self.cached,
                b"cache_creation_tokens" => &mut self.cache_created,
                b"cache_write_tokens" => &mut self.cache_written,
                _ => return None,
            },
            Part::CompletionDetails => match name {
                b"reasoning_tokens" => &mut self.reasoning,
                _ => return None,
            },
        })
    }

    /// Reads the members of one object; false when a count is no whole number from 0.
    fn read(&mut self, text: &[u8], pass: &mut Pass<'_>, part: Part) -> Result<bool, Bad> {
        let mut sound = true;
        pass.object(|pass, key| {
            let name = key.span.of(text);
            let details = match part {
                Part::Whole => Part::of(name),
                Part::PromptDetails | Part::CompletionDetails => None,
            };
            let kind = pass.kind();
            if let (Some(details), Kind::Object) = (details, kind) {
                sound &= self.read(text, pass, details)?;
                return Ok(());
            }
            let value = pass.skip()?;
            if kind == Kind::Null {
                return Ok(());
            }
            if let Some(place) = self.place(part, name) {
                *place = value.u64(text);
                sound &= place.is_some();
            } else {
                sound &= details.is_none();
            }
            Ok(())
        })?;
        Ok(sound)
    }
}

/// The counts in the JSON object `text`; none when it is `null` or no such object.
pub(super) fn parse(text: &[u8]) -> Option<Usage> {
    if text.first() != Some(&b'{') {
        return None;
    }
    read(text, &mut Pass::new(text)).ok().flatten()
}

/// The counts in the value that comes next; none when it is `null` or no object of counts.
pub(super) fn read(text: &[u8], pass: &mut Pass<'_>) -> Result<Option<Usage>, Bad> {
    if pass.kind() != Kind::Object {
        return pass.skip().map(|_| None);
    }
    let mut raw = Raw::default();
    let sound = raw.read(text, pass, Part::Whole)?;
    Ok(sound.then(|| counted(&raw)))
}

/// What the counts come to.
fn counted(raw: &Raw) -> Usage {
    let prompt = raw.prompt.unwrap_or(0);
    let total = raw.total.unwrap_or(0);
    let reasoning = raw.reasoning.unwrap_or(0);
    let mut completion = raw
        .completion
        .unwrap_or_else(|| total.saturating_sub(prompt));
    // xAI counts reasoning beside the completion, not in it.
    if reasoning > 0 && total == prompt.saturating_add(completion).saturating_add(reasoning) {
        completion = completion.saturating_add(reasoning);
    }
    Usage {
        prompt,
        completion,
        cached: raw
            .cached
            .or(raw.cache_hit)
            .or(raw.cache_read_input)
            .unwrap_or(0),
        cache_write: raw
            .cache_created
            .or(raw.cache_written)
            .or(raw.cache_creation_input)
            .unwrap_or(0),
        cache_write_1h: 0,
        reasoning,
    }
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
