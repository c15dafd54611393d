//! The end-to-end harness: the real binary, real sockets, scripted upstreams.
//!
//! - [`Gateway`] starts `pointsman serve` in a home of its own and watches it to the end.
//! - [`Terminal`] runs it with its dashboard on a PTY and shows the screen.
//! - [`Upstream`] plays a model server exactly as told by a [`Reply`]: splits, pauses, deaths.
//! - [`Ask`] is the client: one request, an [`Answer`] or a [`Stream`] with arrival times.
//! - [`canned`] holds what OpenAI-like servers, Ollama and Anthropic say; [`check`] asserts on it.
//! - [`rig`] puts configs and requests together and looks whether all is quiet again.
//! - [`wait_for`] polls with a deadline. Nothing here sleeps blindly, and nothing needs a runtime.

pub mod canned;
pub mod check;
pub mod client;
pub mod gateway;
pub mod http1;
pub mod reply;
pub mod rig;
pub mod sse;
pub mod terminal;
pub mod upstream;
pub mod wait;

pub use client::{Answer, Ask, End, Line, Stream};
pub use gateway::{Builder, Exit, Gateway, OnTerminal};
pub use reply::{Gate, Reply};
pub use sse::Frame;
pub use terminal::Terminal;
pub use upstream::{Recorded, Upstream};
pub use wait::wait_for;
