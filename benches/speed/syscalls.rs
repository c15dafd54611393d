//! System calls per request, counted by `strace -c -f` where it is installed and allowed.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Signal;

use crate::load::Outcome;
use crate::now;
use crate::process::{self, Owned};
use crate::targets::Target;

/// Calls per request by name, the most frequent first, and their sum.
#[derive(Debug)]
pub(crate) struct Calls {
    /// All together.
    pub(crate) total: f64,
    /// Each above a hundredth of a call.
    pub(crate) by_name: Vec<(String, f64)>,
}

/// Counts while `load` runs; `None` where strace is not to be had.
pub(crate) fn count(
    target: &Target,
    load: impl FnOnce() -> Result<Outcome>,
) -> Result<Option<Calls>> {
    let Some(strace) = process::find_program("strace") else {
        return Ok(None);
    };
    let report = target.home.join("strace.txt");
    let mut command = Command::new(strace);
    command
        .args(["-c", "-f", "-U", "name,calls", "-o"])
        .arg(&report);
    for pid in &target.pids {
        command.args(["-p", &pid.to_string()]);
    }
    let mut strace = Owned(command.stdin(Stdio::null()).stderr(Stdio::null()).spawn()?);
    let began = now();
    while !target.pids.iter().all(|pid| is_traced(*pid)) {
        if began.elapsed() > Duration::from_secs(5) || strace.0.try_wait()?.is_some() {
            return Ok(None);
        }
        process::pause(5);
    }
    let outcome = load()?;
    process::signal(strace.pid(), Signal::INT);
    strace.0.wait()?;
    let text = fs::read_to_string(&report).context("strace's report")?;
    Ok(Some(parse(&text, outcome.total)))
}

fn is_traced(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.lines().any(|line| {
        line.strip_prefix("TracerPid:")
            .is_some_and(|tracer| tracer.trim() != "0")
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts of a few seconds")]
fn parse(report: &str, requests: usize) -> Calls {
    let mut sums: BTreeMap<&str, f64> = BTreeMap::new();
    for line in report.lines() {
        let mut words = line.split_whitespace();
        let (Some(name), Some(calls)) = (words.next(), words.next()) else {
            continue;
        };
        if let (Ok(calls), false) = (calls.parse::<f64>(), name == "total") {
            *sums.entry(name).or_default() += calls / (requests.max(1) as f64);
        }
    }
    let total = sums.values().sum();
    let mut by_name: Vec<(String, f64)> = sums
        .into_iter()
        .filter(|(_, calls)| *calls >= 0.01)
        .map(|(name, calls)| (name.to_owned(), calls))
        .collect();
    by_name.sort_by(|a, b| b.1.total_cmp(&a.1));
    Calls { total, by_name }
}
