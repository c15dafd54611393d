//! The one place that makes HTTP clients: the relay pool and the general client.
//!
//! [`relay`] carries requests to backends over a pool of HTTP/1.1 connections, one pool a worker.
//! [`general`] is reqwest for everything off the request path. Both share the TLS settings of [`tls`],
//! which are built when the first `https` address is used. [`framing`] finds the end of a body, for the
//! relay and for the server side.

pub mod dial;
pub(crate) mod framing;
pub mod general;
pub mod origin;
pub mod relay;
pub mod tls;

pub use origin::Origin;
pub use relay::{
    BodyFault, Exchange, Pool, RequestHead, ResponseHead, SendFault, SendFaultKind, UpstreamBody,
};
