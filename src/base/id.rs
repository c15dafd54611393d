//! Newtypes for what is numbered or named: a call, a deployment, a host.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A request's name, `x-litellm-call-id`. A client may choose its own, so it need not be unique.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CallId(Arc<str>);

impl CallId {
    /// The longest name that is taken from a client, in bytes.
    pub const MAX_LEN: usize = 128;

    /// Takes a client's own name: visible ASCII, at most [`CallId::MAX_LEN`] bytes.
    pub fn from_client(text: &str) -> Option<Self> {
        let fits = !text.is_empty() && text.len() <= Self::MAX_LEN;
        (fits && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| Self(text.into()))
    }

    /// Names a call.
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// The place of a deployment in one routing table. It means nothing in another table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DeploymentIdx(pub usize);

/// The place of a host in one routing table. It means nothing in another table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HostIdx(pub usize);
