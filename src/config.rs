//! The configuration: the YAML as written, the configuration as meant, and what changed between two.
//!
//! Pure: text and environment come in as values, problems go out as values. Files are read by
//! `confstore`, the process's environment by `app`.

pub mod meant;
pub mod provider;

pub use meant::{
    AllowedFails, Chain, Config, Cors, Defaults, Deployment, General, KeySource, Limits,
    PriceOverride, RetryPolicy, Router, Strategy, TagRules, Target, Timeouts, Upstream,
};
pub use provider::{Dialect, ProviderInfo};
