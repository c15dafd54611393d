//! What the gateway must know of a request before it is sent anywhere, read without a JSON tree.
//!
//! [`Head::read`] looks at the top-level members of an OpenAI- or Anthropic-shaped body once;
//! [`Head::relay_body`] then writes the body for an upstream of the same dialect as a list of edits.
//! Knows names and shapes of members, no routing. `proxy` calls it for every request.
#![warn(clippy::indexing_slicing)]

mod own;
mod prompt;
mod relay;
#[cfg(test)]
mod tests;
mod value;

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value};

use self::own::Metadata;
pub use self::own::is_own;
pub use self::relay::RelayEdit;
pub(in crate::wire) use self::relay::remove_path;
use crate::base::{Fault, Surface};
use crate::wire::scan::{self, Kind, Member, ScanError, Span};

/// One target of a request's own fallbacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fallback {
    /// A model group by name.
    Name(String),
    /// A model group by name, with members that replace the request's on that hop.
    With {
        /// The group.
        model: String,
        /// Members to put in the place of the request's own.
        set: Map<String, Value>,
    },
}

/// A request's own `fallbacks`, in the spellings that are accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fallbacks {
    /// Tried in order whatever model failed: plain names, or maps with `model` and overrides.
    Chain(Vec<Fallback>),
    /// One-key maps: failed group → targets in order.
    ByGroup(Vec<(String, Vec<String>)>),
}

/// What the gateway must know of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The route it came in by.
    pub surface: Surface,
    /// The model asked for: the path's when it names one, else the body's.
    pub model: String,
    /// Whether a stream is asked for.
    pub stream: bool,
    /// Whether the client wants usage at the end of its stream.
    pub include_usage: bool,
    /// Tags of `tags`, `metadata.tags` and `litellm_metadata.tags`, each once.
    pub tags: Vec<String>,
    /// `fallbacks`
    pub fallbacks: Option<Fallbacks>,
    /// `context_window_fallbacks`
    pub context_window_fallbacks: Option<Fallbacks>,
    /// `content_policy_fallbacks`
    pub content_policy_fallbacks: Option<Fallbacks>,
    /// `disable_fallbacks`
    pub disable_fallbacks: bool,
    /// `include_fallback_errors`
    pub include_fallback_errors: bool,
    /// `num_retries`
    pub num_retries: Option<u32>,
    /// `max_fallbacks`
    pub max_fallbacks: Option<u32>,
    /// `timeout`, else `request_timeout`
    pub timeout: Option<Duration>,
    /// `stream_timeout`
    pub stream_timeout: Option<Duration>,
    /// `priority`: lower goes first in a queue.
    pub priority: Option<i64>,
    /// The end user: `user`, `litellm_metadata.user`, `metadata.user_id`, `safety_identifier`.
    pub end_user: Option<String>,
    /// `litellm_session_id`
    pub session: Option<String>,
    /// `litellm_trace_id`
    pub trace: Option<String>,
    /// Most tokens of the answer: `max_completion_tokens`, else `max_tokens`.
    pub max_tokens: Option<u64>,
    /// How many answers, when the client said.
    pub n: Option<u64>,
    /// `drop_params`, when the client said.
    pub drop_params: Option<bool>,
    /// `additional_drop_params`
    pub additional_drop_params: Vec<String>,
    /// `allowed_openai_params`
    pub allowed_openai_params: Vec<String>,
    /// Bytes of the prompt (messages, prompt, input, system, tools), base64 data left out.
    pub prompt_bytes: usize,
    /// Whether tools are on offer.
    pub tools: bool,
    /// Whether the prompt holds images.
    pub images: bool,

    members: Vec<Member>,
    /// Which of them are the gateway's own.
    own: Vec<usize>,
    object: Span,
    metadata: Metadata,
}

impl Head {
    /// Reads the body of a request that names its model itself.
    pub fn read(body: &Bytes, surface: Surface) -> Result<Self, Fault> {
        Self::read_for(body, surface, None)
    }

    /// Reads the body of a request whose path may name the model (`/engines/{model}/…`); the path
    /// wins over the body.
    pub fn read_for(body: &Bytes, surface: Surface, path: Option<&str>) -> Result<Self, Fault> {
        let object = scan::object(body).map_err(|error| not_json(body, &error))?;
        let mut head = Self::empty(surface, object.span());
        let images = object.names_images();
        let mut model = None;
        let mut old_limit = None;
        let mut identity = Identity::default();
        let mut store = false;
        for (place, member) in object.members().iter().enumerate() {
            let name = member.bytes(body);
            match &*name {
                b"model" => model = value::string(body, "model", member)?,
                b"stream" => head.stream = value::flag(body, "stream", member)?.unwrap_or(false),
                b"stream_options" => head.include_usage = value::include_usage(body, member)?,
                b"max_completion_tokens" => head.max_tokens = member.u64(body),
                b"max_tokens" => old_limit = member.u64(body),
                b"n" => head.n = member.u64(body),
                b"store" => store = member.bool(body).unwrap_or(false),
                b"user" => identity.user = value::loose(body, member),
                b"safety_identifier" => identity.safety = value::loose(body, member),
                b"tools" | b"functions" => head.offer(body, member),
                b"messages" | b"prompt" | b"input" | b"system" | b"documents" => {
                    head.measure(body, member, images);
                },
                b"metadata" => head.own_member(body, "metadata", member, &mut identity)?,
                name if own::is_own_bytes(name) => {
                    head.own.push(place);
                    head.own_member(body, &member.name(body), member, &mut identity)?;
                },
                _ => {},
            }
        }
        head.max_tokens = head.max_tokens.or(old_limit);
        head.end_user = identity.resolve();
        head.metadata.decide(surface, store);
        head.members = object.into_members();
        head.model = match (path, model) {
            (Some(path), _) => path.to_owned(),
            (None, Some(model)) if !model.is_empty() => model,
            (None, _) => {
                return Err(Fault::invalid("you must provide a model parameter").param("model"));
            },
        };
        Ok(head)
    }

    /// The members that replace the request's own on one hop of its own fallbacks.
    pub fn overrides(&self, hop: usize) -> Option<&Map<String, Value>> {
        let Some(Fallbacks::Chain(hops)) = &self.fallbacks else {
            return None;
        };
        match hops.get(hop)? {
            Fallback::With { set, .. } => Some(set),
            Fallback::Name(_) => None,
        }
    }

    /// Whether the body has this top-level member.
    pub fn has(&self, body: &[u8], name: &str) -> bool {
        self.member(body, name).is_some()
    }

    fn member(&self, body: &[u8], name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.is(body, name))
    }

    const fn empty(surface: Surface, object: Span) -> Self {
        Self {
            surface,
            model: String::new(),
            stream: false,
            include_usage: false,
            tags: Vec::new(),
            fallbacks: None,
            context_window_fallbacks: None,
            content_policy_fallbacks: None,
            disable_fallbacks: false,
            include_fallback_errors: false,
            num_retries: None,
            max_fallbacks: None,
            timeout: None,
            stream_timeout: None,
            priority: None,
            end_user: None,
            session: None,
            trace: None,
            max_tokens: None,
            n: None,
            drop_params: None,
            additional_drop_params: Vec::new(),
            allowed_openai_params: Vec::new(),
            prompt_bytes: 0,
            tools: false,
            images: false,
            members: Vec::new(),
            own: Vec::new(),
            object,
            metadata: Metadata::Absent,
        }
    }

    fn offer(&mut self, body: &[u8], member: &Member) {
        self.prompt_bytes += member.value.len();
        self.tools |= scan::elements_at(body, member.value).next().is_some();
    }

    fn measure(&mut self, body: &[u8], member: &Member, images: bool) {
        let prompt = prompt::measure(member.value.of(body), images);
        self.prompt_bytes += prompt.bytes;
        self.images |= prompt.images;
    }

    /// Members that are the gateway's own, and `metadata`.
    fn own_member(
        &mut self,
        body: &[u8],
        name: &str,
        member: &Member,
        identity: &mut Identity,
    ) -> Result<(), Fault> {
        match name {
            "metadata" => {
                let found = own::Tagged::read(body, name, member)?;
                self.add_tags(found.tags);
                identity.metadata = found.user_id;
                self.metadata = Metadata::of(body, member);
            },
            "litellm_metadata" => {
                let found = own::Tagged::read(body, name, member)?;
                self.add_tags(found.tags);
                identity.litellm = found.user;
            },
            "tags" => self.add_tags(value::strings(body, name, member)?),
            "fallbacks" => self.fallbacks = own::fallbacks(body, name, member)?,
            "context_window_fallbacks" => {
                self.context_window_fallbacks = own::fallbacks(body, name, member)?;
            },
            "content_policy_fallbacks" => {
                self.content_policy_fallbacks = own::fallbacks(body, name, member)?;
            },
            "disable_fallbacks" => {
                self.disable_fallbacks = value::flag(body, name, member)?.unwrap_or(false);
            },
            "include_fallback_errors" => {
                self.include_fallback_errors = value::flag(body, name, member)?.unwrap_or(false);
            },
            "num_retries" => self.num_retries = value::count(body, name, member)?,
            "max_fallbacks" => self.max_fallbacks = value::count(body, name, member)?,
            "timeout" => self.timeout = value::seconds(body, name, member)?.or(self.timeout),
            "request_timeout" => {
                self.timeout = self.timeout.or(value::seconds(body, name, member)?);
            },
            "stream_timeout" => self.stream_timeout = value::seconds(body, name, member)?,
            "priority" => self.priority = value::integer(body, name, member)?,
            "drop_params" => self.drop_params = value::flag(body, name, member)?,
            "additional_drop_params" => {
                self.additional_drop_params = value::strings(body, name, member)?;
            },
            "allowed_openai_params" => {
                self.allowed_openai_params = value::strings(body, name, member)?;
            },
            "litellm_session_id" => self.session = value::loose(body, member),
            "litellm_trace_id" => self.trace = value::loose(body, member),
            _ => {},
        }
        Ok(())
    }

    fn add_tags(&mut self, tags: Vec<String>) {
        for tag in tags {
            if !self.tags.contains(&tag) {
                self.tags.push(tag);
            }
        }
    }
}

/// Where the end user may be named, in order of precedence.
#[derive(Debug, Default)]
struct Identity {
    user: Option<String>,
    litellm: Option<String>,
    metadata: Option<String>,
    safety: Option<String>,
}

impl Identity {
    fn resolve(self) -> Option<String> {
        self.user.or(self.litellm).or(self.metadata).or(self.safety)
    }
}

/// The fault of a body that is not one JSON object, in the words clients know.
pub fn not_json(body: &[u8], error: &ScanError) -> Fault {
    let what: Cow<'_, str> = if body.trim_ascii().is_empty() {
        "the body is empty".into()
    } else {
        error.describe(body).into()
    };
    Fault::invalid(format!(
        "We could not parse the JSON body of your request: {what}"
    ))
}

/// The name of a kind of value with its article, as OpenAI's messages have it.
const fn a_kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Null => "null",
        Kind::Bool => "a boolean",
        Kind::Number => "a number",
        Kind::String => "a string",
        Kind::Array => "an array",
        Kind::Object => "an object",
    }
}

/// The fault of a member of the wrong type.
fn wrong_type(name: &str, wanted: &str, found: Kind) -> Fault {
    Fault::invalid(format!(
        "Invalid type for '{name}': expected {wanted}, but got {} instead.",
        a_kind(found)
    ))
    .param(name)
}
