//! What is prepared once for each deployment: origin, paths, headers, and the heads of its requests.

use std::sync::Arc;

use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use http::{HeaderMap, Uri};

use crate::base::Surface;
use crate::config::{Deployment, Dialect, Upstream};
use crate::net::{Origin, RequestHead};

/// The header that names the version of Anthropic's API.
const VERSION: &str = "anthropic-version";

/// A deployment ready to be sent to.
#[derive(Debug, Clone)]
pub struct Backend {
    /// Where connections go.
    pub origin: Arc<Origin>,
    /// The language it speaks.
    pub dialect: Dialect,
    /// Its provider's prefix.
    pub provider: Arc<str>,
    /// Whether the config names the version of Anthropic's API to speak.
    pub pins_version: bool,
    /// The path of its base URL, without a trailing slash.
    path: String,
    /// What most requests are sent with.
    chat: Prepared,
    messages: Prepared,
    embeddings: Prepared,
    /// Host, credentials and the config's own headers.
    headers: HeaderMap,
}

/// A path with the head of a request to it that has no headers of its client's.
#[derive(Debug, Clone)]
struct Prepared {
    path: String,
    head: RequestHead,
}

impl Backend {
    /// Prepares a deployment.
    ///
    /// # Errors
    /// The base is no URL, or a header or key cannot be sent; the text names which, never its value.
    pub fn prepare(deployment: &Deployment) -> Result<Self, String> {
        let upstream = &deployment.upstream;
        let origin = Origin::of(&upstream.base, upstream.local).map_err(|e| e.to_string())?;
        let base: Uri = upstream
            .base
            .parse()
            .map_err(|_e| format!("bad base {}", upstream.base))?;
        let mut path = base.path().trim_end_matches('/').to_owned();
        if upstream.dialect == Dialect::Anthropic {
            // Both spellings are in use: with and without the version.
            path.truncate(path.strip_suffix("/v1").unwrap_or(&path).len());
        }
        let headers = headers(upstream, &origin)?;
        let prepare = |end: &str| -> Result<Prepared, String> {
            let path = format!("{path}{end}");
            path.parse::<Uri>()
                .map_err(|_e| format!("bad base {}", upstream.base))?;
            let head = RequestHead::post(&path, &headers);
            Ok(Prepared { path, head })
        };
        let (chat, embeddings) = match upstream.dialect {
            Dialect::OpenAi => (prepare("/chat/completions")?, prepare("/embeddings")?),
            Dialect::Ollama => (prepare("/api/chat")?, prepare("/api/embed")?),
            Dialect::Anthropic => (prepare("/v1/messages")?, prepare("/v1/messages")?),
        };
        Ok(Self {
            messages: prepare("/v1/messages")?,
            origin: Arc::new(origin),
            dialect: upstream.dialect,
            provider: Arc::clone(&upstream.provider),
            pins_version: upstream
                .headers
                .iter()
                .any(|(name, _value)| name.eq_ignore_ascii_case(VERSION)),
            path,
            chat,
            embeddings,
            headers,
        })
    }

    /// Whether it can serve requests of this kind at all.
    pub const fn serves(&self, surface: Surface) -> bool {
        match self.dialect {
            Dialect::OpenAi => true,
            Dialect::Ollama => matches!(
                surface,
                Surface::Chat
                    | Surface::Messages
                    | Surface::Completions
                    | Surface::Embeddings
                    | Surface::CountTokens
            ),
            Dialect::Anthropic => matches!(
                surface,
                Surface::Chat | Surface::Messages | Surface::Completions | Surface::CountTokens
            ),
        }
    }

    /// The head of a request. `subpath` is the route's own path, such as `/audio/speech`; `beta` marks
    /// Anthropic's beta namespace; `change` puts in the client's headers, where it has any to put in.
    pub(crate) fn head(
        &self,
        (surface, subpath): (Surface, &str),
        beta: bool,
        change: Option<&dyn Fn(&mut HeaderMap)>,
    ) -> RequestHead {
        let other;
        let path = match (self.dialect, surface) {
            (Dialect::OpenAi, Surface::Chat | Surface::Messages)
            | (Dialect::Ollama, Surface::Chat | Surface::Completions | Surface::Messages)
            | (Dialect::Anthropic, Surface::Chat | Surface::Completions) => Ok(&self.chat),
            (Dialect::OpenAi | Dialect::Ollama, Surface::Embeddings) => Ok(&self.embeddings),
            (Dialect::Anthropic, Surface::Messages) if beta => Err("/v1/messages?beta=true"),
            (Dialect::Anthropic, Surface::Messages) => Ok(&self.messages),
            (Dialect::Anthropic, Surface::CountTokens) if beta => {
                Err("/v1/messages/count_tokens?beta=true")
            },
            (Dialect::Anthropic, Surface::CountTokens) => Err("/v1/messages/count_tokens"),
            _ => Err(subpath),
        };
        let path = match (path, change) {
            (Ok(known), None) => return known.head.clone(),
            (Ok(known), Some(_)) => &known.path,
            (Err(end), _) => {
                other = format!("{}{end}", self.path);
                &other
            },
        };
        let Some(change) = change else {
            return RequestHead::post(path, &self.headers);
        };
        let mut headers = self.headers.clone();
        change(&mut headers);
        RequestHead::post(path, &headers)
    }
}

fn headers(upstream: &Upstream, origin: &Origin) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::with_capacity(8);
    let host = HeaderValue::from_str(&origin.host_header());
    headers.insert(
        HOST,
        host.map_err(|_e| format!("bad host in {}", upstream.base))?,
    );
    // Answers are read on the way through.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Some(key) = upstream.key.as_ref().filter(|key| !key.is_empty()) {
        let (name, text) = match upstream.dialect {
            Dialect::Anthropic if !key.expose().starts_with("sk-ant-oat") => (
                HeaderName::from_static("x-api-key"),
                key.expose().to_owned(),
            ),
            _ => (AUTHORIZATION, format!("Bearer {}", key.expose())),
        };
        headers.insert(
            name,
            sensitive(&text).ok_or("the api_key holds characters that cannot be sent")?,
        );
    }
    if upstream.dialect == Dialect::Anthropic {
        headers.insert(VERSION, HeaderValue::from_static("2023-06-01"));
    }
    if let Some(organization) = &upstream.organization {
        let value = HeaderValue::from_str(organization);
        headers.insert(
            "openai-organization",
            value.map_err(|_e| "bad organization".to_owned())?,
        );
    }
    for (name, value) in &upstream.headers {
        let bad = || format!("extra_headers: `{name}` cannot be sent");
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_e| bad())?;
        headers.insert(key, sensitive(value.expose()).ok_or_else(bad)?);
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(headers)
}

/// A header value that is not printed.
fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
