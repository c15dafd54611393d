//! The command line as people write it.

use super::*;

fn parse(line: &str) -> Cli {
    let words = std::iter::once("pointsman").chain(line.split_whitespace());
    let matches = Cli::command().try_get_matches_from(words).unwrap();
    Cli::from_arg_matches(&matches).unwrap()
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn a_litellm_start_command_is_taken_as_it_is() {
    let cli = parse("--config /app/config.yaml --port 4000 --num_workers 8 --detailed_debug");
    assert_eq!(
        cli.shared.config.as_deref().unwrap().to_str(),
        Some("/app/config.yaml")
    );
    assert_eq!(
        (cli.shared.port, cli.shared.num_workers),
        (Some(4000), Some(8))
    );
    assert!(cli.shared.detailed_debug && cli.foreign.notes.is_empty());
}

#[test]
fn flags_without_a_meaning_say_so_in_one_line() {
    let cli = parse("--ui --run_gunicorn --max_budget 3 --telemetry False");
    assert_eq!(cli.foreign.notes.len(), 4);
    assert!(
        cli.foreign
            .notes
            .iter()
            .all(|note| note.starts_with("--") && !note.contains('\n'))
    );
}

#[test]
fn options_may_stand_before_or_after_the_subcommand() {
    let before = parse("-p 5000 serve");
    let Some(Command::Serve(args)) = before.command else {
        panic!("serve")
    };
    assert_eq!(before.shared.or(args.shared).port, Some(5000));
    let after = parse("serve -p 5001 --json-logs");
    let Some(Command::Serve(args)) = after.command else {
        panic!("serve")
    };
    let shared = after.shared.or(args.shared);
    assert!(shared.json_logs);
    assert_eq!(shared.port, Some(5001));
}

#[test]
fn the_version_is_told_under_litellms_letter_too() {
    for flag in ["-v", "-V", "--version"] {
        let told = Cli::command().try_get_matches_from(["pointsman", flag]);
        let kind = told.unwrap_err().kind();
        assert_eq!(kind, clap::error::ErrorKind::DisplayVersion, "{flag}");
    }
}
