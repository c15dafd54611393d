//! `cargo bench --bench speed`: what the gateway costs, beside nginx and beside no proxy at all.
//!
//! One program plays its parts in processes of their own: the conductor (this file), the mock model
//! server (`mock`), the client (`load`), and once the gateway itself (`allocations`). The gateway gets one core for itself, the
//! other two share another. See `plan` for what is measured and `report` for what is asked.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal"
)]

mod allocations;
mod chunks;
mod http;
mod load;
mod mock;
mod options;
mod plan;
mod process;
mod report;
mod run;
mod syscalls;
mod targets;

use std::env;
use std::process::ExitCode;
use std::time::Instant;

use options::Options;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["mock"] => mock::main().map(|()| true),
        ["load", what] => load::main(what).map(|()| true),
        ["gateway", file, rest @ ..] => allocations::gateway(file, rest),
        rest => match Options::parse(rest) {
            Ok(Some(options)) => run::main(&options),
            Ok(None) => {
                println!("{}", options::HELP);
                Ok(true)
            },
            Err(error) => Err(error),
        },
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("speed: {error:#}");
            ExitCode::from(2)
        },
    }
}

/// The real clock.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}
