//! Allocations per request: this program plays the gateway itself, on an allocator that counts.
//!
//! Two runs are compared, one with hardly a request and one with many, so that start and stop fall
//! out. The figures of time are never taken here: the counting allocator is another one than the
//! gateway's own.

use std::alloc::System;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

use crate::load::Outcome;
use crate::targets::{Mock, Target};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The gateway's part: runs it with these arguments and leaves what it allocated in `file`.
pub(crate) fn gateway(file: &str, arguments: &[&str]) -> Result<bool> {
    let arguments = std::iter::once("pointsman").chain(arguments.iter().copied());
    let code = pointsman::cli::main(arguments.map(OsString::from));
    let stats = COUNTED.stats();
    let (count, bytes) = (
        stats.allocations + stats.reallocations,
        stats.bytes_allocated,
    );
    fs::write(file, format!("{count} {bytes}")).context("the file of counts")?;
    Ok(code == ExitCode::SUCCESS)
}

/// Allocations a request, and their bytes.
pub(crate) fn measure(
    mock: &Mock,
    home: &Path,
    load: impl FnOnce(&Target) -> Result<Outcome>,
) -> Result<(f64, f64)> {
    let bare = run(mock, &home.join("bare"), |_target| Ok(0))?;
    let full = run(mock, &home.join("full"), |target| {
        let outcome = load(target)?;
        if outcome.errors > 0 {
            bail!("{} errors while allocations were counted", outcome.errors);
        }
        Ok(outcome.total)
    })?;
    let requests = full.0 - bare.0;
    if requests <= 0.0 {
        bail!("no requests while allocations were counted");
    }
    Ok(((full.1 - bare.1) / requests, (full.2 - bare.2) / requests))
}

/// Requests, allocations and bytes of one life of the gateway.
fn run(
    mock: &Mock,
    home: &Path,
    load: impl FnOnce(&Target) -> Result<usize>,
) -> Result<(f64, f64, f64)> {
    let mut target = Target::counted(mock, home)?;
    let requests = load(&target)? + target.answers;
    target.end()?;
    let text = fs::read_to_string(home.join(FILE)).context("the gateway left no counts")?;
    let (count, bytes) = text.split_once(' ').context("malformed counts")?;
    #[expect(clippy::cast_precision_loss, reason = "counts of a few seconds")]
    Ok((requests as f64, count.parse()?, bytes.parse()?))
}

/// Where a gateway leaves its counts, below its home.
pub(crate) const FILE: &str = "allocations";
