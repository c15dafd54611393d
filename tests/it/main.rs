//! All integration tests, in one binary: a fresh machine links once.
#![expect(
    clippy::panic,
    clippy::unwrap_in_result,
    clippy::unwrap_used,
    reason = "a test may stop on the spot"
)]

mod ledger;
mod review_proxy;
pub mod smoke;
pub mod support;
pub mod tidy;
