//! The demo: simulated upstreams on real loopback sockets, and traffic that looks like life.
//!
//! `app` launches a [`World`], runs the gateway on [`config`], and aims [`traffic::run`] at it. The
//! servers speak the real dialects over real HTTP, so nothing in the gateway knows it is a demo; this
//! module in turn knows nothing of the gateway but its address.
//!
//! Map: `profile` (which servers and models there are) → `server` (sockets, start and stop) → `ollama`,
//! `openai`, `anthropic` (what each says) → `ask`, `answer`, `text`, `json` (what is said) → `play`
//! (when each byte goes out). `setup` writes the config, `traffic` sends the requests.

mod answer;
mod anthropic;
mod ask;
mod json;
mod ollama;
mod openai;
mod play;
mod profile;
mod reply;
mod seed;
mod server;
mod setup;
mod strain;
mod text;
pub mod traffic;
mod vllm;
mod world;

pub use setup::config;
pub use world::{Simulated, World, WorldError};

#[cfg(test)]
mod tests;
