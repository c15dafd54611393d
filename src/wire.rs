//! Dialects as data: framing, scanning, editing, and translation through one neutral form.
//!
//! Each dialect translates to and from [`neutral`], so a front × back pair costs one file a dialect,
//! not one a pair. Pure: bytes in, values out. Who talks to whom is `provider`'s and `proxy`'s matter.

pub mod anthropic;
pub mod edit;
pub mod emit;
pub mod failure;
pub mod frame;
pub mod head;
pub mod members;
pub mod names;
pub mod neutral;
pub mod ollama;
pub mod openai;
pub mod params;
pub mod scan;
pub mod shape;

pub use names::Names;
pub use neutral::{Answer, Event, Finish, Request};
pub use shape::{Choices, Frame, Observed, UpstreamError, WriteOptions, WriterOptions, Written};
