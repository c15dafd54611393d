//! Who may call: keys and browser origins as pure decisions.
//!
//! It knows headers only as look-ups that the caller passes in, and answers with values or a
//! [`Fault`](crate::base::Fault). `proxy` asks the [`Door`] once per request; `app` builds it when a
//! config is loaded.

pub mod door;
pub mod origin;

pub use door::{Caller, Door};
pub use origin::{Bound, Origins};
