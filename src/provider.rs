//! Upstream adapters: how a request is put to a backend and how what comes back is understood.
//!
//! Pure on top of `wire`: [`Backend`] is what is prepared once for a deployment, [`build()`] makes the
//! bytes of one try, [`classify()`] turns an upstream's refusal into a [`Fault`](crate::base::Fault),
//! [`Pump`] translates a stream and [`answer`] a plain answer. Nobody here routes or waits.

pub mod answer;
pub mod backend;
pub mod build;
pub mod classify;
pub mod forward;
pub mod multipart;
pub mod pump;

pub use answer::{Plain, plain};
pub use backend::Backend;
pub use build::{Asked, Body, Outgoing, build};
pub use classify::{classify, fit_to_tell, send_fault};
pub use pump::Pump;
