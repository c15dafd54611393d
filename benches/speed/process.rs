//! Child processes on chosen cores, and what the kernel tells of them.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};

use crate::now;

/// The core of the measured process.
pub(crate) const GATEWAY_CORE: usize = 0;
/// The core of mock and load.
pub(crate) const LOAD_CORE: usize = 1;

/// A child that is ended when this is dropped.
#[derive(Debug)]
pub(crate) struct Owned(pub(crate) Child);

impl Owned {
    /// Its process id; `taskset` keeps it over the exec.
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Ends it: SIGTERM, then SIGKILL after five seconds.
    pub(crate) fn end(&mut self) -> Result<()> {
        signal(self.pid(), Signal::TERM);
        let began = now();
        while self.0.try_wait()?.is_none() {
            if began.elapsed() > Duration::from_secs(5) {
                self.0.kill()?;
                self.0.wait()?;
                break;
            }
            pause(2);
        }
        Ok(())
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            eprintln!("speed: cannot end process {}: {error}", self.pid());
        }
    }
}

/// Sends a signal to a process that may be gone already.
pub(crate) fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        kill_process(pid, signal).unwrap_or_default();
    }
}

/// A command that runs on one core, where the machine has two and `taskset`.
pub(crate) fn pinned(core: usize, program: impl AsRef<OsStr>) -> Command {
    if !can_pin() {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string()]).arg(program);
    command
}

/// Can processes be pinned here? Found out before the conductor pins itself: afterwards the
/// standard library counts one core.
static CAN_PIN: LazyLock<bool> = LazyLock::new(|| {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    cores > 1 && find_program("taskset").is_some()
});

/// Can processes be pinned here?
pub(crate) fn can_pin() -> bool {
    *CAN_PIN
}

/// Where a program lies, looked for in the system folders too.
pub(crate) fn find_program(name: &str) -> Option<String> {
    let folders = [
        "/usr/local/sbin",
        "/usr/local/bin",
        "/usr/sbin",
        "/usr/bin",
        "/sbin",
        "/bin",
    ];
    let mut paths = folders.iter().map(|folder| format!("{folder}/{name}"));
    paths.find(|path| Path::new(path).exists())
}

/// This process and its children end when the conductor does.
pub(crate) fn die_with_parent() {
    // Where it is not possible the conductor ends them itself.
    set_parent_process_death_signal(Some(Signal::KILL)).unwrap_or_default();
}

/// Gives this session's processes a greater share of a shared machine, where allowed. Plain
/// `nice` only ranks processes within one session while the kernel groups by session.
pub(crate) fn prefer_this_session() -> bool {
    fs::write("/proc/self/autogroup", "-15").is_ok()
}

/// Undoes [`prefer_this_session`].
pub(crate) fn prefer_no_session() {
    drop(fs::write("/proc/self/autogroup", "0"));
}

/// Waits so many milliseconds.
#[expect(
    clippy::disallowed_methods,
    reason = "the conductor has a thread of its own"
)]
pub(crate) fn pause(ms: u64) {
    thread::sleep(Duration::from_millis(ms));
}

/// Processor times at one moment, in microseconds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reading {
    /// Of the processes asked for, all threads.
    pub(crate) cpu_us: f64,
    /// Of everything on the core.
    pub(crate) core_busy_us: f64,
}

impl Reading {
    /// Reads them now; what cannot be read counts as nothing.
    pub(crate) fn take(pids: &[u32], core: usize) -> Self {
        let cpu_us = pids.iter().map(|pid| cpu_us(*pid)).sum();
        Self {
            cpu_us,
            core_busy_us: core_busy_us(core).unwrap_or_default(),
        }
    }
}

/// User and system time of a process: by the scheduler's nanoseconds, else in ticks.
pub(crate) fn cpu_us(pid: u32) -> f64 {
    let exact: f64 = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
        .filter_map(|text| text.split(' ').next()?.parse::<f64>().ok())
        .sum();
    if exact > 0.0 {
        exact / 1000.0
    } else {
        ticks(pid).unwrap_or_default() * 10_000.0
    }
}

fn ticks(pid: u32) -> Option<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit(')').next()?.split_whitespace().collect();
    let field = |i: usize| fields.get(i)?.parse::<f64>().ok();
    Some(field(11)? + field(12)?)
}

fn core_busy_us(core: usize) -> Option<f64> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    let name = format!("cpu{core} ");
    let line = text.lines().find(|line| line.starts_with(&name))?;
    let fields: Vec<f64> = line
        .split(' ')
        .skip(1)
        .filter_map(|n| n.parse().ok())
        .collect();
    // user, nice, system, (idle, iowait), irq, softirq; stolen time is the host's.
    let busy = [0, 1, 2, 5, 6]
        .iter()
        .filter_map(|i| fields.get(*i))
        .sum::<f64>();
    Some(busy * 10_000.0)
}

/// A memory figure of a process in KiB: `VmRSS`, or `VmHWM` for the greatest so far.
pub(crate) fn memory_kib(pid: u32, name: &str) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let number = line.and_then(|line| line.split_whitespace().next());
    number
        .and_then(|n| n.parse().ok())
        .with_context(|| format!("no {name} of {pid}"))
}

/// A process and all below it.
pub(crate) fn family(pid: u32) -> Vec<u32> {
    let mut all = vec![pid];
    let mut at = 0;
    while let Some(pid) = all.get(at).copied() {
        let children = format!("/proc/{pid}/task/{pid}/children");
        let text = fs::read_to_string(children).unwrap_or_default();
        all.extend(
            text.split_whitespace()
                .filter_map(|pid| pid.parse::<u32>().ok()),
        );
        at += 1;
    }
    all
}
