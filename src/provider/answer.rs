//! Plain answers: passed on with the model's name put back, or translated.

use bytes::Bytes;

use crate::base::{Fault, FaultKind, Surface, Usage};
use crate::config::Dialect;
use crate::provider::Backend;
use crate::provider::build::Way;
use crate::provider::classify::said;
use crate::wire::{Finish, Observed, WriterOptions, anthropic, ollama, openai};

/// A plain answer ready for the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plain {
    /// The body.
    pub body: Bytes,
    /// Tokens, when the upstream counted them.
    pub usage: Option<Usage>,
}

/// Makes the client's answer of an upstream's.
///
/// # Errors
/// The upstream's body is no answer, or says that it failed.
pub fn plain(
    surface: Surface,
    backend: &Backend,
    way: &Way,
    body: &Bytes,
    options: &WriterOptions,
) -> Result<Plain, Fault> {
    if surface == Surface::CountTokens {
        anthropic::parse_count(body)?;
        return Ok(Plain {
            body: body.clone(),
            usage: None,
        });
    }
    if way.same {
        return relayed(surface, &backend.provider, body, options);
    }
    if surface == Surface::Embeddings {
        return embedded(body, way, options);
    }
    let mut answer = match backend.dialect {
        Dialect::OpenAi => openai::parse_answer_named(body, &way.names)?,
        Dialect::Ollama => ollama::parse_answer(body)?,
        Dialect::Anthropic => anthropic::parse_answer_named(body, &way.names)?,
    };
    if answer
        .choices
        .iter()
        .any(|choice| choice.finish == Some(Finish::Abort))
    {
        return Err(aborted());
    }
    answer.model.clone_from(&options.model);
    let written = match surface {
        Surface::Messages => anthropic::write_answer(&answer, options),
        Surface::Completions => openai::write_completion_answer(&answer, options),
        _ => openai::write_answer(&answer, options),
    };
    Ok(Plain {
        body: Bytes::from(written),
        usage: answer.usage,
    })
}

/// vLLM shutting down calls its unfinished answers aborted, with status 200.
pub(crate) fn aborted() -> Fault {
    Fault::new(
        FaultKind::Reset,
        "the backend gave up in the middle of the answer (abort)",
    )
}

fn relayed(
    surface: Surface,
    provider: &str,
    body: &Bytes,
    options: &WriterOptions,
) -> Result<Plain, Fault> {
    if body.trim_ascii_start().first() != Some(&b'{') {
        let text = "the backend's answer is no JSON object";
        return Err(Fault::new(FaultKind::BadAnswer, text).detail(provider.to_owned()));
    }
    let (body, seen): (Bytes, Observed) = if surface == Surface::Messages {
        anthropic::relay_answer(body, &options.model)
    } else {
        openai::relay_answer(body, &options.model)?
    };
    if let Some(error) = seen.error {
        return Err(said(provider, &error, None));
    }
    if seen.finish == Some(Finish::Abort) {
        return Err(aborted());
    }
    Ok(Plain {
        body,
        usage: seen.usage,
    })
}

fn embedded(body: &Bytes, way: &Way, options: &WriterOptions) -> Result<Plain, Fault> {
    let embedded = ollama::parse_embed(body)?;
    let usage = embedded.prompt_tokens.map(|prompt| Usage {
        prompt,
        ..Usage::default()
    });
    let answer = openai::EmbedAnswer {
        model: options.model.clone(),
        vectors: embedded.vectors,
        prompt_tokens: embedded.prompt_tokens.unwrap_or(0),
    };
    let written = openai::write_embed_answer(&answer, &options.model, way.encoding);
    Ok(Plain {
        body: Bytes::from(written),
        usage,
    })
}
