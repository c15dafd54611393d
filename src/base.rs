//! The shared vocabulary: ids, time, money, token usage, faults, records.
//!
//! Every other module may use these types; they know no other module, do no I/O and never read a
//! clock themselves. Each file holds one idea.

pub mod clock;
pub mod fault;
pub mod health;
pub mod id;
pub mod money;
pub mod problem;
pub mod record;
pub mod secret;
pub mod usage;

pub use clock::{Clock, ManualClock, Mono, Wall};
pub use fault::{Fault, FaultKind, Side};
pub use health::{BreakerState, HostState, Observation};
pub use id::{CallId, DeploymentIdx, HostIdx};
pub use money::{NanoDollars, PicoDollars};
pub use problem::{Place, Problem, Severity};
pub use record::{Attempt, AttemptOutcome, RequestRecord, Surface};
pub use secret::Secret;
pub use usage::Usage;
