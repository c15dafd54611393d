//! Command line: clap types, one file a subcommand; the outcome becomes the exit code.
//!
//! All of LiteLLM's flags are accepted, so that a start command can stay as it is. Those that mean
//! nothing here are named in one line each.

pub mod check;
pub mod litellm;
pub mod options;
pub mod run;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::ExitCode;

use clap::builder::Resettable;
use clap::{ArgAction, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::app::surroundings;
use crate::cli::litellm::Foreign;
use crate::cli::options::{DemoArgs, ServeArgs, Shared};

/// The local control center for language-model traffic: an OpenAI-compatible gateway and a terminal
/// dashboard in one.
#[derive(Debug, Parser)]
#[command(
    name = "pointsman",
    version,
    disable_version_flag = true,
    args_conflicts_with_subcommands = false
)]
pub struct Cli {
    /// Print version
    // LiteLLM's own short form is the small one.
    #[arg(short = 'V', short_alias = 'v', long, action = ArgAction::Version)]
    version: Option<bool>,
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    shared: Shared,
    #[command(flatten)]
    foreign: Foreign,
}

/// What to do; without one: gateway and dashboard in this terminal.
#[derive(Debug, Subcommand)]
enum Command {
    /// The gateway alone: logs on stderr, SIGTERM drains, SIGHUP reloads
    Serve(ServeArgs),
    /// Gateway and dashboard over built-in backends, with generated traffic
    Demo(DemoArgs),
    /// Check a config as a start would, without starting; exit 1 with every problem at once
    Check(check::CheckArgs),
}

/// Runs the program with these arguments.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let command = without_empty(Cli::command(), &surroundings::environment());
    let matches = match command.try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => return usage(&error),
    };
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    match cli.command {
        None if cli.shared.validate_config => check::check(&cli.shared, &cli.foreign),
        None => run::dashboard(&cli.shared, &cli.foreign),
        Some(Command::Serve(args)) => {
            let shared = cli.shared.or(args.shared);
            if shared.validate_config {
                return check::check(&shared, &args.foreign);
            }
            run::serve(&shared, &args.foreign)
        },
        Some(Command::Demo(args)) => {
            let shared = cli.shared.or(args.shared.clone());
            run::demo(&shared, &args)
        },
        Some(Command::Check(args)) => check::run(cli.shared, args),
    }
}

/// The command, without the variables that are set to nothing: compose files pass on so what is not set.
fn without_empty(command: clap::Command, environment: &BTreeMap<String, String>) -> clap::Command {
    let command = command.mut_args(|arg| {
        let name = arg.get_env().and_then(|name| name.to_str());
        let value = name.and_then(|name| environment.get(name));
        if value.is_some_and(String::is_empty) {
            arg.env(Resettable::Reset)
        } else {
            arg
        }
    });
    command.mut_subcommands(|inner| without_empty(inner, environment))
}

/// Help and version are answers; anything else is wrong usage.
fn usage(error: &clap::Error) -> ExitCode {
    let failed = error.use_stderr();
    if error.print().is_err() {
        return ExitCode::FAILURE;
    }
    if failed {
        ExitCode::from(2)
    } else {
        ExitCode::SUCCESS
    }
}

/// Writes a line for the person who started the program; nobody is left to tell when that fails.
pub(crate) fn say(text: &str) {
    use std::io::Write as _;
    let written = writeln!(std::io::stderr(), "{text}");
    drop(written);
}

#[cfg(test)]
mod tests;
