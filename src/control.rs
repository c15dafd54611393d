//! The control plane as data: what the dashboard sees and what it may ask for.
//!
//! Everything here is plain serde data with a version, so the embedded dashboard, a later remote one
//! and tests speak exactly the same. It knows no I/O and no other module but `base`.

pub mod command;
pub mod event;
pub mod snapshot;

pub use command::{Command, Reply, Ticket};
pub use event::{Event, EventKind};
pub use snapshot::{
    Backend, BackendState, GatewayInfo, Headline, Host, InFlight, LedgerInfo, Model, Point,
    RequestRow, Series, Snapshot, Spend, SpendRow, Stats, Today,
};

/// The version of these types; a reader refuses another one.
pub const VERSION: u32 = 1;
