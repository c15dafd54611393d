//! All integration tests, in one binary: a fresh machine links once.
#![expect(clippy::unwrap_used, reason = "a test may stop on the spot")]

mod config;
