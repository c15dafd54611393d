//! The conductor: starts everything, opens the windows one after the other, checks them.
//!
//! Targets take turns within a repetition, so that a slow minute of the machine hits them all.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rusqlite::{Connection, OpenFlags};

use crate::allocations;
use crate::load::{Orders, Outcome};
use crate::now;
use crate::options::Options;
use crate::plan::{SCENARIOS, Scenario};
use crate::process::{self, GATEWAY_CORE, LOAD_CORE};
use crate::report::{self, Results, Window};
use crate::syscalls;
use crate::targets::{KEY, Mock, Target};

/// How often a void window is tried again.
const TRIES: usize = 2;
/// Starts measured for the median.
const STARTS: usize = 5;

/// Measures, prints, writes the file; false when a window stayed void or rows are missing, or,
/// if that was asked for, an aim is missed.
pub(crate) fn main(options: &Options) -> Result<bool> {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("speed-{}", std::process::id()));
    fs::create_dir_all(&home)?;
    pin_self();
    let preferred = process::prefer_this_session();
    let done = measure(options, &home);
    if preferred {
        process::prefer_no_session();
    }
    let results = done?;
    fs::remove_dir_all(&home)?;
    let file = output()?;
    let missed = report::publish(&results, options, &file)?;
    println!("\nwritten to {}", file.display());
    Ok(results.void.is_empty() && (missed == 0 || !options.strict))
}

fn output() -> Result<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .context("no target folder")?;
    let folder = target.join("bench");
    fs::create_dir_all(&folder)?;
    Ok(folder.join("speed.json"))
}

/// The conductor waits on the core of the load, so that it never disturbs the gateway.
fn pin_self() {
    if process::can_pin() {
        let mut pin = std::process::Command::new("taskset");
        pin.args([
            "-pc",
            &LOAD_CORE.to_string(),
            &std::process::id().to_string(),
        ]);
        if let Err(error) = pin.stdout(Stdio::null()).status() {
            eprintln!("speed: the conductor is not pinned: {error}");
        }
    } else {
        eprintln!("speed: one core, or no `taskset`: nothing is pinned, figures mean little");
    }
}

fn measure(options: &Options, home: &Path) -> Result<Results> {
    let mock = Mock::start()?;
    let mut results = Results::default();
    if options.runs("start") {
        starts(options, home, &mock, &mut results)?;
    }
    let mut targets = vec![Target::direct(&mock)];
    if options.measures("nginx") {
        match Target::nginx(&mock, &home.join("nginx"))? {
            Some(nginx) => targets.push(nginx),
            None => eprintln!("speed: nginx is not installed; no ratios"),
        }
    }
    if options.measures("pointsman") {
        targets.push(Target::pointsman(&mock, &home.join("pointsman"), options)?);
    }
    let gateway = targets.iter().find(|target| target.name == "pointsman");
    let mut sent = gateway.map_or(0, |gateway| gateway.answers);
    if options.runs("idle") {
        idle(&targets, &mut results)?;
    }
    let scenarios: Vec<&Scenario> = SCENARIOS.iter().filter(|s| options.runs(s.name)).collect();
    for rep in 1..=options.reps {
        for scenario in &scenarios {
            for target in &targets {
                eprintln!(
                    "speed: {rep}/{} {} {}",
                    options.reps, scenario.name, target.name
                );
                let total = window(options, scenario, target, &mock, &mut results)?;
                sent += if target.name == "pointsman" { total } else { 0 };
            }
        }
    }
    for target in targets.iter().filter(|target| target.is_proxy()) {
        results.fact("peak_mib", target.name, target.memory_mib("VmHWM")?);
        if options.runs("syscalls") {
            let total = trace(options, target, &mock, &mut results)?;
            sent += if target.name == "pointsman" { total } else { 0 };
        }
    }
    if let Some(gateway) = targets.iter().find(|target| target.name == "pointsman") {
        check_rows(gateway, sent, &mut results);
    }
    for target in &mut targets {
        target.end()?;
    }
    if options.runs("allocations") && options.measures("pointsman") {
        count_allocations(options, home, &mock, &mut results)?;
    }
    Ok(results)
}

/// One window, tried again when it is void. Gives the good answers in all.
fn window(
    options: &Options,
    scenario: &Scenario,
    target: &Target,
    mock: &Mock,
    results: &mut Results,
) -> Result<usize> {
    mock.behave(scenario.manner)?;
    let (mut total, mut why) = (0, String::new());
    for _ in 0..TRIES {
        mock.counts()?;
        let outcome = load(scenario, target, options.scale)?;
        let counts = mock.counts()?;
        total += outcome.total;
        why = if outcome.errors > 0 {
            let first = outcome.first_error.clone().unwrap_or_default();
            format!("{} errors, the first: {first}", outcome.errors)
        } else if outcome.requests == 0 {
            "no request ended in it".to_owned()
        } else if counts.requests != outcome.total {
            format!(
                "{} answers, but the mock saw {} requests",
                outcome.total, counts.requests
            )
        } else if scenario.manner.delay_ms > 0 && counts.most_in_flight != scenario.connections {
            let most = counts.most_in_flight;
            format!(
                "at most {most} of {} requests at once reached the mock",
                scenario.connections
            )
        } else {
            let (scenario, target) = (scenario.name, target.name);
            results.windows.push(Window {
                scenario,
                target,
                outcome,
                counts,
            });
            return Ok(total);
        };
        eprintln!("speed: void: {why}");
    }
    results
        .void
        .push(format!("{} {}: {why}", scenario.name, target.name));
    Ok(total)
}

fn load(scenario: &Scenario, target: &Target, scale: f64) -> Result<Outcome> {
    let orders = Orders {
        to: target.addr,
        key: KEY.to_owned(),
        body: scenario.body(),
        connections: scenario.connections,
        events: scenario.manner.events,
        warm_up: scenario.warm_up,
        window: scenario.window * scale,
        pids: target.pids.clone(),
        core: if target.is_proxy() {
            GATEWAY_CORE
        } else {
            LOAD_CORE
        },
    };
    let output = process::pinned(LOAD_CORE, std::env::current_exe()?)
        .args(["load", &serde_json::to_string(&orders)?])
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        bail!("the load ended with {}", output.status);
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// From exec to the first good answer, each time in a fresh folder.
fn starts(options: &Options, home: &Path, mock: &Mock, results: &mut Results) -> Result<()> {
    for i in 0..STARTS {
        let folder = home.join(format!("start-{i}"));
        let nginx = options
            .measures("nginx")
            .then(|| Target::nginx(mock, &folder.join("nginx")));
        let gateway = options
            .measures("pointsman")
            .then(|| Target::pointsman(mock, &folder.join("pointsman"), options));
        for mut target in nginx
            .transpose()?
            .flatten()
            .into_iter()
            .chain(gateway.transpose()?)
        {
            results.fact("start_ms", target.name, target.start_ms);
            target.end()?;
        }
    }
    Ok(())
}

/// Memory and processor time of processes with nothing to do.
fn idle(targets: &[Target], results: &mut Results) -> Result<()> {
    const SECONDS: f64 = 2.0;
    process::pause(500);
    let cpu = |target: &Target| {
        target
            .pids
            .iter()
            .map(|pid| process::cpu_us(*pid))
            .sum::<f64>()
    };
    let proxies: Vec<&Target> = targets.iter().filter(|target| target.is_proxy()).collect();
    let before: Vec<f64> = proxies.iter().map(|target| cpu(target)).collect();
    process::pause(2000);
    for (target, before) in proxies.iter().zip(before) {
        results.fact(
            "idle_cpu",
            target.name,
            (cpu(target) - before) / 1000.0 / SECONDS,
        );
        results.fact("idle_mib", target.name, target.memory_mib("VmRSS")?);
    }
    Ok(())
}

/// System calls per request over a short run at one connection; gives the good answers in all.
fn trace(options: &Options, target: &Target, mock: &Mock, results: &mut Results) -> Result<usize> {
    let Some(scenario) = SCENARIOS.iter().find(|s| s.name == "c1") else {
        return Ok(0);
    };
    mock.behave(scenario.manner)?;
    let mut total = 0;
    let calls = syscalls::count(target, || {
        let outcome = load(scenario, target, options.scale)?;
        total = outcome.total;
        Ok(outcome)
    })?;
    match calls {
        Some(calls) => {
            results.fact("syscalls", target.name, calls.total);
            results.calls.push((target.name, calls.by_name));
        },
        None => eprintln!("speed: no strace, or it may not trace {}", target.name),
    }
    Ok(total)
}

/// Allocations a request, at one connection.
fn count_allocations(
    options: &Options,
    home: &Path,
    mock: &Mock,
    results: &mut Results,
) -> Result<()> {
    let Some(scenario) = SCENARIOS.iter().find(|s| s.name == "c1") else {
        return Ok(());
    };
    mock.behave(scenario.manner)?;
    let load = |target: &Target| load(scenario, target, options.scale);
    let (count, bytes) = allocations::measure(mock, &home.join("allocations"), load)?;
    results.fact("allocations", "pointsman", count);
    results.fact("allocated", "pointsman", bytes);
    Ok(())
}

/// The ledger must hold exactly one row for every request answered.
fn check_rows(gateway: &Target, sent: usize, results: &mut Results) {
    let began = now();
    let file = gateway.home.join("data/pointsman.db");
    loop {
        let rows = count_rows(&file);
        let settled = rows.as_ref().is_ok_and(|rows| *rows == sent);
        if settled || began.elapsed() > Duration::from_secs(15) {
            match rows {
                Ok(rows) if settled => println!("ledger: {rows} rows for {sent} requests"),
                Ok(rows) => results
                    .void
                    .push(format!("ledger: {rows} rows for {sent} requests")),
                Err(error) => results.void.push(format!("ledger: {error:#}")),
            }
            return;
        }
        process::pause(50);
    }
}

fn count_rows(file: &Path) -> Result<usize> {
    let ledger = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    ledger.busy_timeout(Duration::from_secs(5))?;
    let query = "select count(*) from litellm_spend_logs";
    let rows: i64 = ledger.query_row(query, [], |row| row.get(0))?;
    Ok(usize::try_from(rows)?)
}
