//! The routing engine, pure: which deployment a request tries next, and why.
//!
//! A request is a [`Walk`] over a [`Table`] (the configuration, built once), reading the live state
//! through [`View`] at every step: each try selects anew. [`Breaker`], [`HostHealth`] and [`Minute`]
//! are the state machines behind that view; `traffic` holds them. Nothing here knows HTTP, tokio,
//! files or clocks: time comes in as [`Mono`](crate::base::Mono), chance from a seed.
//!
//! - `table`, `names`, `chains`, `pool`, `pattern`, `tags`: the configuration, made quick to ask
//! - `ask`, `view`: what the walk must know of the request and of the world
//! - `walk`, `choose`, `judge`, `course`: the walk itself
//! - `reason`: what it answers, in data and in words
//! - `present`: keeping requests that outlive a reload within both configurations

pub mod ask;
pub mod breaker;
mod chains;
mod choose;
mod course;
pub mod host;
pub mod judge;
pub mod minute;
mod names;
mod pattern;
mod pool;
pub mod present;
pub mod reason;
pub mod table;
pub mod tags;
pub mod view;
pub mod walk;

pub use ask::{Ask, AskedFallbacks};
pub use breaker::Breaker;
pub use host::HostHealth;
pub use minute::Minute;
pub use names::{Listed, Resolved, Via};
pub use pool::PoolIdx;
pub use present::Present;
pub use reason::{Brief, Cause, Kind, Pick, Reason, Step, Trial, Try, WaitReason, Why};
pub use table::{Carried, HostNode, Node, Table};
pub use view::{DeploymentView, HostView, Unusable, View};
pub use walk::Walk;

#[cfg(test)]
mod tests;
