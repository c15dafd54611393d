//! Command line of the speed bench.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::plan::SCENARIOS;

/// Shown by `--help`.
pub(crate) const HELP: &str = "\
cargo bench --bench speed -- [OPTIONS]
  --only A,B        these scenarios only (c1 c20 c64 prompt64k stream1 stream20 streamfast start
                    idle syscalls allocations)
  --against A,B     these targets only (direct nginx pointsman); direct is always measured
  --reps N          repetitions of every window, the median counts (default 3)
  --scale X         window lengths times X (default 1)
  --quick           --reps 1 --scale 0.3
  --bin PATH        another gateway binary than the one cargo just built
  --strict          exit 1 when an aim is missed, not only when a window is void";

/// What was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Scenario names; empty means all.
    pub(crate) only: Vec<String>,
    /// Target names; empty means all.
    pub(crate) against: Vec<String>,
    /// Repetitions of every window.
    pub(crate) reps: usize,
    /// Factor on window lengths.
    pub(crate) scale: f64,
    /// The gateway to be measured.
    pub(crate) bin: PathBuf,
    /// Is a missed aim a failure?
    pub(crate) strict: bool,
}

impl Options {
    /// Reads the arguments; `None` when help was asked for.
    pub(crate) fn parse(args: &[&str]) -> Result<Option<Self>> {
        let mut options = Self {
            only: Vec::new(),
            against: Vec::new(),
            reps: 3,
            scale: 1.0,
            bin: PathBuf::from(env!("CARGO_BIN_EXE_pointsman")),
            strict: false,
        };
        let mut args = args.iter().copied();
        while let Some(arg) = args.next() {
            let mut value = || {
                args.next()
                    .with_context(|| format!("`{arg}` needs a value"))
            };
            match arg {
                // Cargo adds it to every bench.
                "--bench" => {},
                "--help" | "-h" => return Ok(None),
                "--only" => options.only = list(value()?),
                "--against" => options.against = list(value()?),
                "--reps" => options.reps = value()?.parse().context("--reps")?,
                "--scale" => options.scale = value()?.parse().context("--scale")?,
                "--quick" => (options.reps, options.scale) = (1, 0.3),
                "--bin" => options.bin = PathBuf::from(value()?),
                "--strict" => options.strict = true,
                _ => bail!("unknown option `{arg}`; try --help"),
            }
        }
        let scenarios = SCENARIOS.iter().map(|scenario| scenario.name);
        check(
            &options.only,
            &scenarios
                .chain(["start", "idle", "syscalls", "allocations"])
                .collect::<Vec<_>>(),
        )?;
        check(&options.against, &["direct", "nginx", "pointsman"])?;
        if options.reps == 0 || options.scale.is_nan() || options.scale <= 0.0 {
            bail!("--reps and --scale must be above zero");
        }
        Ok(Some(options))
    }

    /// Is this scenario to be run?
    pub(crate) fn runs(&self, scenario: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == scenario)
    }

    /// Is this target to be measured?
    pub(crate) fn measures(&self, target: &str) -> bool {
        target == "direct" || self.against.is_empty() || self.against.iter().any(|t| t == target)
    }
}

fn check(given: &[String], known: &[&str]) -> Result<()> {
    match given.iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => bail!("no `{name}` here, only {}", known.join(" ")),
        None => Ok(()),
    }
}

fn list(text: &str) -> Vec<String> {
    text.split(',')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}
