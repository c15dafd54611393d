//! `pointsman check`: the whole start-up validation without starting.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::app;
use crate::cli::litellm::Foreign;
use crate::cli::options::Shared;
use crate::cli::{run, say};

/// `pointsman check [FILE]`
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The config file
    file: Option<PathBuf>,
    #[command(flatten)]
    shared: Shared,
    #[command(flatten)]
    foreign: Foreign,
}

/// Prints every problem at once; success only without errors.
pub fn run(outer: Shared, args: CheckArgs) -> ExitCode {
    let mut shared = outer.or(args.shared);
    shared.config = args.file.or(shared.config);
    check(&shared, &args.foreign)
}

/// The same, by LiteLLM's flag.
pub fn check(shared: &Shared, foreign: &Foreign) -> ExitCode {
    for note in &foreign.notes {
        say(note);
    }
    let checked = app::check(&run::start(shared));
    say(&checked.text);
    if checked.ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
