//! All integration tests, in one binary: a fresh machine links once.
#![expect(
    clippy::panic,
    clippy::unwrap_in_result,
    clippy::unwrap_used,
    reason = "a test may stop on the spot"
)]

mod access;
mod chaos;
mod command_line;
mod config;
mod dialects;
mod ending;
mod failover;
mod http;
mod ledger;
mod limits;
mod local_first;
mod network;
mod records;
mod reload;
mod review_health;
mod review_proxy;
mod secrets;
pub mod smoke;
mod streams;
pub mod support;
mod surfaces;
pub mod tidy;
mod walk;
