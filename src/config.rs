//! The configuration: the YAML as written, the configuration as meant, and what changed between two.
//!
//! Pure: text and environment come in as values ([`Sources`]), problems go out as values. Files are
//! read by `confstore`, the process's environment by `app`. The way through: [`yaml`] (text to a tree
//! with places) → `include` (files to one tree) → [`catalogue`] (what becomes of each key) →
//! [`resolve()`] (tree to [`Config`]) → [`diff()`].

pub mod catalogue;
pub mod diff;
pub mod dotenv;
mod env;
mod include;
mod keys;
mod listen;
mod looks;
pub mod meant;
pub mod provider;
mod read;
pub mod report;
pub mod resolve;
mod snippet;
pub mod source;
pub mod yaml;

pub use diff::{Diff, diff};
pub use listen::address;
pub use meant::{
    AllowedFails, Chain, Config, Cors, Defaults, Deployment, General, KeySource, Limits,
    PriceOverride, RetryPolicy, Router, Startup, Strategy, TagRules, Target, Timeouts, Upstream,
};
pub use provider::{Dialect, ProviderInfo};
pub use report::report;
pub use resolve::{Resolved, resolve};
pub use source::{FileText, Overrides, Sources};
