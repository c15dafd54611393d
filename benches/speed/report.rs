//! From windows to the table and the file.

use std::fs;
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use crate::load::Outcome;
use crate::mock::Counts;
use crate::options::Options;
use crate::plan::{Aim, FIGURES, Figure, From};
use crate::process;

/// One good window.
#[derive(Debug)]
pub(crate) struct Window {
    /// Name of the scenario.
    pub(crate) scenario: &'static str,
    /// Name of the target.
    pub(crate) target: &'static str,
    /// What the client saw.
    pub(crate) outcome: Outcome,
    /// What the mock saw.
    pub(crate) counts: Counts,
}

/// Everything measured.
#[derive(Debug, Default)]
pub(crate) struct Results {
    /// Good windows.
    pub(crate) windows: Vec<Window>,
    /// Single figures: name, target, value.
    pub(crate) facts: Vec<(&'static str, &'static str, f64)>,
    /// System calls by name.
    pub(crate) calls: Vec<(&'static str, Vec<(String, f64)>)>,
    /// What stayed void, and why.
    pub(crate) void: Vec<String>,
}

impl Results {
    /// Notes a single figure.
    pub(crate) fn fact(&mut self, name: &'static str, target: &'static str, value: f64) {
        self.facts.push((name, target, value));
    }

    /// The figure of one target, the median of its repetitions.
    fn value(&self, figure: &Figure, target: &str) -> Option<f64> {
        match figure.from {
            // Without a proxy there is no process to take processor time from.
            From::Window(scenario, of) => self
                .window(scenario, target, of)
                .filter(|value| *value > 0.0),
            From::Added(_, _) if target == "direct" => None,
            From::Added(scenario, of) => {
                Some(self.window(scenario, target, of)? - self.window(scenario, "direct", of)?)
            },
            From::Fact(name) => median(
                self.facts
                    .iter()
                    .filter(|f| f.0 == name && f.1 == target)
                    .map(|f| f.2)
                    .collect(),
            ),
        }
    }

    fn window(&self, scenario: &str, target: &str, of: fn(&Outcome) -> f64) -> Option<f64> {
        let fits = |window: &&Window| window.scenario == scenario && window.target == target;
        median(
            self.windows
                .iter()
                .filter(fits)
                .map(|window| of(&window.outcome))
                .collect(),
        )
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// Prints the table and writes the file; gives the number of missed aims.
pub(crate) fn publish(results: &Results, options: &Options, file: &Path) -> Result<usize> {
    let optimised = !cfg!(debug_assertions);
    println!(
        "\n{} repetitions, windows x{}, medians",
        options.reps, options.scale
    );
    println!("gateway: {}", options.bin.display());
    if !optimised {
        println!("NOT OPTIMISED: the figures mean nothing; use `cargo bench`");
    }
    println!(
        "\n| {:<46} | {:>10} | {:>10} | {:>10} | {:>6} | aim",
        "figure", "direct", "nginx", "pointsman", "ratio"
    );
    println!(
        "|{:-<48}|-----------:|-----------:|-----------:|-------:|---",
        ""
    );
    let (mut missed, mut lines) = (0, Vec::new());
    for figure in FIGURES {
        let of = |target| results.value(figure, target);
        let (direct, nginx, ours) = (of("direct"), of("nginx"), of("pointsman"));
        if direct.is_none() && nginx.is_none() && ours.is_none() {
            continue;
        }
        let ratio = nginx.zip(ours).filter(|(nginx, _)| *nginx > 0.0);
        let ratio = ratio.map(|(nginx, ours)| ours / nginx);
        let verdict = verdict(figure.aim, ours, ratio);
        missed += usize::from(verdict == Some(false));
        let name = format!("{}, {}", figure.name, figure.unit);
        println!(
            "| {:<46} | {:>10} | {:>10} | {:>10} | {:>6} | {}",
            name.trim_end_matches([',', ' ']),
            number(direct),
            number(nginx),
            number(ours),
            ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}")),
            aim(figure.aim, verdict)
        );
        lines.push(
            json!({"name": figure.name, "unit": figure.unit, "direct": direct,
            "nginx": nginx, "pointsman": ours, "ratio": ratio, "met": verdict}),
        );
    }
    for (target, calls) in &results.calls {
        let calls: Vec<String> = calls
            .iter()
            .map(|(name, calls)| format!("{name} {calls:.2}"))
            .collect();
        println!("\nsystem calls per request, {target}: {}", calls.join(", "));
    }
    for void in &results.void {
        println!("\nVOID: {void}");
    }
    let whole = json!({
        "machine": machine(), "optimised": optimised, "reps": options.reps,
        "scale": options.scale, "gateway": options.bin, "figures": lines,
        "windows": results.windows.iter().map(window).collect::<Vec<_>>(),
        "facts": results.facts, "calls": results.calls, "void": results.void,
    });
    fs::write(file, format!("{whole:#}\n"))?;
    Ok(missed)
}

fn verdict(aim: Aim, ours: Option<f64>, ratio: Option<f64>) -> Option<bool> {
    match aim {
        Aim::Times(most) => ratio.map(|ratio| ratio <= most),
        Aim::Share(least) => ratio.map(|ratio| ratio >= least),
        Aim::Most(most) => ours.map(|ours| ours <= most),
        Aim::Shown => None,
    }
}

fn aim(aim: Aim, verdict: Option<bool>) -> String {
    let word = match verdict {
        Some(true) => "met",
        Some(false) => "MISSED",
        None => "",
    };
    match aim {
        Aim::Times(most) => format!("<= {most}x {word}"),
        Aim::Share(least) => format!(">= {least}x {word}"),
        Aim::Most(most) => format!("<= {most} {word}"),
        Aim::Shown => String::new(),
    }
}

fn number(value: Option<f64>) -> String {
    match value {
        None => String::new(),
        Some(value) if value.abs() >= 1000.0 => format!("{value:.0}"),
        Some(value) if value.abs() >= 100.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}

fn window(window: &Window) -> Value {
    json!({"scenario": window.scenario, "target": window.target,
        "outcome": window.outcome, "mock": window.counts})
}

fn machine() -> Value {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| line.split(": ").nth(1));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let pinned = process::can_pin();
    json!({"cpu": model, "pinned": pinned, "kernel": kernel.trim()})
}
