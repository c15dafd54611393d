//! The command line and its variables, as containers and start scripts use them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const CONFIG: &str = "model_list:\n- {model_name: a, litellm_params: {model: ollama/x}}\n";

/// A folder with a config, and the program to be run in it with nothing else around.
fn program(config: &str) -> (TempDir, Command) {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("config.yaml"), config).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_pointsman"));
    command
        .env_clear()
        .env("HOME", home.path())
        .current_dir(home.path());
    command.stdin(Stdio::null());
    (home, command)
}

#[track_caller]
fn ended(command: &mut Command, code: i32) -> String {
    let Output { status, stderr, .. } = command.output().unwrap();
    let said = String::from_utf8_lossy(&stderr).into_owned();
    assert_eq!(status.code(), Some(code), "{said}");
    said
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    let help = program(CONFIG)
        .1
        .args(["serve", "--help"])
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let (_home, mut command) = program(CONFIG);
    let mut variables = 0;
    for rest in help.split("[env: ").skip(1) {
        let (name, _) = rest.split_once('=').unwrap();
        command.env(name, "");
        variables += 1;
    }
    assert!(variables > 15, "{help}");
    let arguments = ["serve", "--host=127.0.0.1", "--validate_config"];
    ended(command.args(arguments), 0);
}

#[test]
fn validating_serves_nothing() {
    for arguments in ["--validate_config", "serve --skip_server_startup"] {
        let arguments = || arguments.split(' ').chain(["--host=127.0.0.1"]);
        let (_home, mut command) = program(CONFIG);
        ended(command.args(arguments()), 0);
        let (_home, mut command) = program("model_list: 7\n");
        let said = ended(command.args(arguments()), 1);
        assert!(said.contains("expected a list"), "{said}");
    }
}

#[test]
fn the_demos_options_come_from_the_environment_too() {
    for name in ["POINTSMAN_SEED", "POINTSMAN_HEADLESS"] {
        let (_home, mut command) = program(CONFIG);
        let said = ended(command.env(name, "nonsense").arg("demo"), 2);
        assert!(said.contains("nonsense"), "{said}");
    }
}

#[test]
fn without_a_terminal_logs_are_json_when_asked_for() {
    let (home, mut command) = program(CONFIG);
    let data = home.path().join("data");
    let mut child = command
        .env("POINTSMAN_JSON_LOGS", "1")
        .env("POINTSMAN_PORT", "0")
        .env("POINTSMAN_DATA_DIR", data)
        .env("POINTSMAN_HOST", "127.0.0.1")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    stderr.read_line(&mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let said: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(said["level"], "INFO", "{line}");
}
