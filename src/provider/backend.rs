//! What is prepared once for each deployment: origin, paths, headers. A request only clones it.

use std::sync::Arc;

use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use http::{HeaderMap, Uri};

use crate::base::Surface;
use crate::config::{Deployment, Dialect, Upstream};
use crate::net::Origin;

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
    /// The paths that most requests use.
    chat: Uri,
    messages: Uri,
    embeddings: Uri,
    /// Host, credentials and the config's own headers.
    headers: HeaderMap,
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
        let uri = |end: &str| -> Result<Uri, String> {
            format!("{path}{end}")
                .parse()
                .map_err(|_e| format!("bad base {}", upstream.base))
        };
        let (chat, embeddings) = match upstream.dialect {
            Dialect::OpenAi => (uri("/chat/completions")?, uri("/embeddings")?),
            Dialect::Ollama => (uri("/api/chat")?, uri("/api/embed")?),
            Dialect::Anthropic => (uri("/v1/messages")?, uri("/v1/messages")?),
        };
        Ok(Self {
            headers: headers(upstream, &origin)?,
            origin: Arc::new(origin),
            dialect: upstream.dialect,
            provider: Arc::clone(&upstream.provider),
            pins_version: upstream
                .headers
                .iter()
                .any(|(name, _value)| name.eq_ignore_ascii_case(VERSION)),
            messages: uri("/v1/messages")?,
            path,
            chat,
            embeddings,
        })
    }

    /// The headers of every request to it; the body is said to be JSON.
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
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

    /// The path for a kind of request; `subpath` is the route's own, such as `/audio/speech`. `beta`
    /// marks Anthropic's beta namespace.
    pub(crate) fn uri(&self, surface: Surface, subpath: &str, beta: bool) -> Uri {
        match (self.dialect, surface) {
            (Dialect::Anthropic, Surface::Messages) if beta => self.join("/v1/messages?beta=true"),
            (Dialect::Anthropic, Surface::CountTokens) if beta => {
                self.join("/v1/messages/count_tokens?beta=true")
            },
            (Dialect::OpenAi, Surface::Chat | Surface::Messages)
            | (Dialect::Ollama | Dialect::Anthropic, Surface::Chat | Surface::Completions) => {
                self.chat.clone()
            },
            (Dialect::Ollama, Surface::Messages) => self.chat.clone(),
            (Dialect::Anthropic, Surface::Messages) => self.messages.clone(),
            (Dialect::OpenAi | Dialect::Ollama, Surface::Embeddings) => self.embeddings.clone(),
            (Dialect::Anthropic, Surface::CountTokens) => self.join("/v1/messages/count_tokens"),
            _ => self.join(subpath),
        }
    }

    fn join(&self, end: &str) -> Uri {
        // Both halves were checked: the base when it was prepared, the end is a route of ours.
        format!("{}{end}", self.path)
            .parse()
            .unwrap_or_else(|_e| self.chat.clone())
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

/// A header value that hyper and its logs treat as a secret.
fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
