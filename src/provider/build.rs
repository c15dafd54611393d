//! Makes the bytes of one try: the original with edits where both sides speak one dialect, a
//! translation through the neutral form where they do not.

use std::borrow::Cow;
use std::sync::OnceLock;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::base::{Fault, FaultKind, Surface};
use crate::config::{Deployment, Dialect};
use crate::net::RequestHead;
use crate::provider::Backend;
use crate::provider::forward::{adds_sampling, forward};
use crate::provider::multipart::Form;
use crate::wire::head::{Head, RelayEdit};
use crate::wire::{Names, Request, WriteOptions, anthropic, ollama, openai};

/// Most tokens an Anthropic model is asked for when nobody said: every model that takes more than
/// one page of answer allows it, and none bills for what it does not write.
const ANTHROPIC_MAX_TOKENS: u64 = 8_192;

/// What a client asked, as far as building a try needs it.
#[derive(Debug)]
pub struct Asked {
    /// What kind of request.
    pub surface: Surface,
    /// The route's path below `/v1`, with its slash: `/chat/completions`.
    pub subpath: &'static str,
    /// The body and what is known of it.
    pub body: Body,
    /// Headers that may travel along; see [`is_forwarded`](crate::provider::forward::is_forwarded).
    pub forward: HeaderMap,
    /// Whether it came with `?beta=true`, as the Anthropic SDKs mark their beta namespace.
    pub beta: bool,
    /// The neutral form, made when the first try needs it and kept for further ones.
    neutral: OnceLock<Request>,
}

/// A request's body.
#[derive(Debug)]
pub enum Body {
    /// JSON.
    Json {
        /// What was read of it.
        head: Box<Head>,
        /// All of it.
        bytes: Bytes,
    },
    /// A form with files.
    Form(Box<Form>),
}

/// A request ready to be sent.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Its head.
    pub head: RequestHead,
    /// The body.
    pub body: Bytes,
    /// How its answer is to be read.
    pub way: Way,
    /// Members that were left out because the backend cannot take them.
    pub dropped: Vec<String>,
}

/// How an answer gets to the client.
#[derive(Debug, Clone, Default)]
pub struct Way {
    /// Its bytes are passed on with edits; otherwise it is translated.
    pub same: bool,
    /// Tools whose names the upstream could not take, with what they were called.
    pub names: Names,
    /// How the client wants its vectors.
    pub encoding: openai::Encoding,
    /// How many choices a stream has; 0 counts as 1.
    pub choices: u32,
}

impl Asked {
    /// A request as it came.
    pub const fn new(
        surface: Surface,
        subpath: &'static str,
        body: Body,
        forward: HeaderMap,
    ) -> Self {
        Self {
            surface,
            subpath,
            body,
            forward,
            beta: false,
            neutral: OnceLock::new(),
        }
    }

    /// The same request with the query it came with.
    #[must_use]
    pub fn with_query(mut self, query: Option<&str>) -> Self {
        self.beta = query.is_some_and(|query| query.split('&').any(|pair| pair == "beta=true"));
        self
    }

    /// What was read of a JSON body.
    pub const fn head(&self) -> Option<&Head> {
        match &self.body {
            Body::Json { head, .. } => Some(head),
            Body::Form(_) => None,
        }
    }

    /// Whether a stream is asked for.
    pub fn stream(&self) -> bool {
        self.head().is_some_and(|head| head.stream)
    }

    fn neutral(&self, bytes: &Bytes) -> Result<&Request, Fault> {
        if let Some(request) = self.neutral.get() {
            return Ok(request);
        }
        let request = match self.surface {
            Surface::Messages => anthropic::parse_request(bytes)?,
            Surface::Completions => openai::parse_completion_request(bytes)?,
            _ => openai::parse_request(bytes)?,
        };
        Ok(self.neutral.get_or_init(|| request))
    }
}

/// Builds one try.
///
/// # Errors
/// The request cannot be put to this backend (`Unsupported`), or makes no sense (`InvalidRequest`).
pub fn build(
    asked: &Asked,
    backend: &Backend,
    deployment: &Deployment,
    model: &str,
    set: Option<&Map<String, Value>>,
) -> Result<Outgoing, Fault> {
    if !backend.serves(asked.surface) {
        let text = format!("{} does not serve {}", backend.provider, asked.subpath);
        return Err(Fault::new(FaultKind::Unsupported, text).param("model"));
    }
    let route = (asked.surface, asked.subpath);
    let (head, bytes) = match &asked.body {
        Body::Form(form) => {
            let change = |headers: &mut HeaderMap| {
                headers.insert(CONTENT_TYPE, form.content_type.clone());
                forward(asked, backend, false, headers);
            };
            let way = Way {
                same: true,
                ..Way::default()
            };
            return Ok(Outgoing {
                head: backend.head(route, false, Some(&change)),
                body: form.with_model(model),
                way,
                dropped: Vec::new(),
            });
        },
        Body::Json { head, bytes } => (head, bytes),
    };
    // Reasoning that another backend wrote carries no signature, and Anthropic refuses it, or a round
    // of calls that begins without: such a conversation is translated, which leaves out what must be.
    let is_foreign = || {
        asked.surface == Surface::Messages
            && (anthropic::has_unsigned_thinking(bytes) || anthropic::thinks_against_history(bytes))
    };
    let same = is_same(asked.surface, backend.dialect) && !is_foreign();
    let as_versioned = same && !adds_sampling(head, bytes, &deployment.defaults, set);
    let change = |headers: &mut HeaderMap| forward(asked, backend, as_versioned, headers);
    let change: Option<&dyn Fn(&mut HeaderMap)> =
        (!asked.forward.is_empty()).then_some(&change as _);
    let request_head = backend.head(route, same && asked.beta, change);
    if same {
        let body = relay(asked, head, bytes, deployment, model, set);
        let way = Way {
            same: true,
            choices: choices(head, bytes, deployment, set),
            ..Way::default()
        };
        return Ok(Outgoing {
            head: request_head,
            body,
            way,
            dropped: Vec::new(),
        });
    }
    let (body, way, dropped) = translate(asked, head, bytes, deployment, model, set)?;
    Ok(Outgoing {
        head: request_head,
        body,
        way,
        dropped,
    })
}

/// Whether an answer of this upstream can be passed on as it is.
pub const fn is_same(surface: Surface, dialect: Dialect) -> bool {
    match surface {
        Surface::Messages | Surface::CountTokens => matches!(dialect, Dialect::Anthropic),
        _ => matches!(dialect, Dialect::OpenAi),
    }
}

fn relay(
    asked: &Asked,
    head: &Head,
    bytes: &Bytes,
    deployment: &Deployment,
    model: &str,
    set: Option<&Map<String, Value>>,
) -> Bytes {
    let empty = Map::new();
    let chat = matches!(asked.surface, Surface::Chat | Surface::Completions);
    let takes_defaults = chat || matches!(asked.surface, Surface::Messages | Surface::Embeddings);
    let is_openai = &*deployment.upstream.provider == "openai" && !deployment.upstream.local;
    let edit = RelayEdit {
        model,
        defaults: if takes_defaults {
            &deployment.defaults
        } else {
            &empty
        },
        set,
        drop: &deployment.additional_drop_params,
        include_usage: chat && head.stream,
        max_completion_tokens: asked.surface == Surface::Chat && is_openai && is_reasoning(model),
    };
    head.relay_body(bytes, &edit)
}

/// How many choices a stream that is passed on will have: `n` for each prompt.
fn choices(
    head: &Head,
    bytes: &[u8],
    deployment: &Deployment,
    set: Option<&Map<String, Value>>,
) -> u32 {
    if !head.stream || deployment.upstream.dialect != Dialect::OpenAi {
        return 1;
    }
    let mut dropped = deployment.additional_drop_params.iter();
    let dropped = dropped.any(|name| name == "n");
    let number = |of: Option<&Map<String, Value>>| of?.get("n")?.as_u64();
    let said = head.n.filter(|_| !dropped);
    let default = number(Some(&deployment.defaults)).filter(|_| !dropped);
    let n = number(set).or(said).or(default).unwrap_or(1);
    let prompts = match head.surface {
        Surface::Completions => prompts(bytes),
        _ => 1,
    };
    u32::try_from(n.saturating_mul(prompts)).unwrap_or(u32::MAX)
}

/// How many prompts a completion has. A list of numbers is one, as token ids.
fn prompts(bytes: &[u8]) -> u64 {
    #[derive(serde::Deserialize)]
    struct Asked<'a> {
        #[serde(borrow)]
        prompt: &'a RawValue,
    }
    let list = serde_json::from_slice::<Asked<'_>>(bytes).ok();
    let list =
        list.and_then(|asked| serde_json::from_str::<Vec<&RawValue>>(asked.prompt.get()).ok());
    let list = list.unwrap_or_default();
    match list.first() {
        Some(first) if first.get().starts_with(['"', '[']) => list.len() as u64,
        _ => 1,
    }
}

/// OpenAI's models that take `max_completion_tokens` only.
fn is_reasoning(model: &str) -> bool {
    let o_series = model
        .strip_prefix('o')
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    o_series || model.starts_with("gpt-5")
}

fn translate(
    asked: &Asked,
    head: &Head,
    bytes: &Bytes,
    deployment: &Deployment,
    model: &str,
    set: Option<&Map<String, Value>>,
) -> Result<(Bytes, Way, Vec<String>), Fault> {
    let mut drop_list = deployment.additional_drop_params.clone();
    drop_list.extend(head.additional_drop_params.iter().cloned());
    let options = WriteOptions {
        model,
        drop_params: head.drop_params.unwrap_or(deployment.drop_params),
        drop: &drop_list,
        defaults: &deployment.defaults,
        max_tokens: ANTHROPIC_MAX_TOKENS,
    };
    let dialect = deployment.upstream.dialect;
    if asked.surface == Surface::Embeddings {
        return embed(bytes, &options);
    }
    let changed = set.map(|set| overridden(asked, bytes, set)).transpose()?;
    let request = match &changed {
        Some(request) => request,
        None => asked.neutral(bytes)?,
    };
    let mut way = Way::default();
    let written = match dialect {
        Dialect::Ollama => ollama::write_request(&foreign(asked, request), &options)?,
        Dialect::OpenAi => {
            way.names = Names::of(request, openai::LONGEST_NAME);
            openai::write_request(&foreign(asked, request), &options)?
        },
        Dialect::Anthropic => {
            way.names = Names::of(request, anthropic::LONGEST_NAME);
            anthropic::write_request(request, &options)?
        },
    };
    Ok((Bytes::from(written.body), way, written.dropped))
}

/// The neutral form of a request whose members were replaced for one hop.
fn overridden(asked: &Asked, bytes: &Bytes, set: &Map<String, Value>) -> Result<Request, Fault> {
    let mut whole: Map<String, Value> = serde_json::from_slice(bytes)
        .map_err(|error| Fault::invalid(format!("the body is not JSON: {error}")))?;
    whole.extend(
        set.iter()
            .map(|(name, value)| (name.clone(), value.clone())),
    );
    let bytes = Value::Object(whole).to_string().into_bytes();
    match asked.surface {
        Surface::Messages => anthropic::parse_request(&bytes),
        Surface::Completions => openai::parse_completion_request(&bytes),
        _ => openai::parse_request(&bytes),
    }
}

/// A request for an upstream that does not know Anthropic's own members.
fn foreign<'r>(asked: &Asked, request: &'r Request) -> Cow<'r, Request> {
    if asked.surface != Surface::Messages {
        return Cow::Borrowed(request);
    }
    let mut request = request.clone();
    anthropic::shed_own_members(&mut request);
    Cow::Owned(request)
}

fn embed(bytes: &Bytes, options: &WriteOptions<'_>) -> Result<(Bytes, Way, Vec<String>), Fault> {
    let request = openai::parse_embed_request(bytes)?;
    let openai::Input::Texts(texts) = &request.input else {
        let text = "Ollama embeds texts, not token ids";
        return Err(Fault::new(FaultKind::Unsupported, text).param("input"));
    };
    let mut members = options.defaults.clone();
    members.extend(request.extra.clone());
    if let Some(dimensions) = request.dimensions {
        members.insert("dimensions".to_owned(), Value::from(dimensions));
    }
    members.retain(|name, _value| !options.drop.contains(name));
    let body = ollama::write_embed(texts, options.model, &members);
    let way = Way {
        encoding: request.encoding,
        ..Way::default()
    };
    Ok((Bytes::from(body), way, Vec::new()))
}

#[cfg(test)]
mod tests;
