//! LiteLLM's flags that mean nothing here: accepted, and answered with one line each.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches};

/// The foreign flags that were given, with what to say about each.
#[derive(Debug, Clone, Default)]
pub struct Foreign {
    /// One line each, ready to be shown.
    pub notes: Vec<String>,
}

/// One of them: its name, whether it takes a value, and what holds instead.
struct Flag {
    name: &'static str,
    takes_value: bool,
    instead: &'static str,
}

const fn switch(name: &'static str, instead: &'static str) -> Flag {
    Flag {
        name,
        takes_value: false,
        instead,
    }
}

const fn value(name: &'static str, instead: &'static str) -> Flag {
    Flag {
        name,
        takes_value: true,
        instead,
    }
}

const ONE_BINARY: &str = "there is one built-in server; nothing to choose";
const IN_CONFIG: &str = "set it in the config under litellm_params or litellm_settings";
const NO_DATABASE: &str = "spend is kept in SQLite; there is no other database";
const NO_TLS: &str = "TLS is not served here; put a TLS proxy in front";

const FLAGS: &[Flag] = &[
    switch(
        "ui",
        "the dashboard is in the terminal; start without `serve`",
    ),
    value("alias", "with --model every name is served"),
    value("api_version", IN_CONFIG),
    value("temperature", IN_CONFIG),
    value("max_tokens", IN_CONFIG),
    value("request_timeout", IN_CONFIG),
    switch("drop_params", IN_CONFIG),
    switch(
        "add_function_to_prompt",
        "tools are sent natively to every backend",
    ),
    value(
        "max_budget",
        "budgets are not kept yet: no limit is in force",
    ),
    value("headers", IN_CONFIG),
    switch("save", "the config file is yours; it is never written"),
    value(
        "log_config",
        "logs go to stderr; use --json-logs or --detailed_debug",
    ),
    switch("health", "ask the running gateway: GET /health"),
    switch("test", "send it a request; see the README"),
    switch("test_async", "send it a request; see the README"),
    value("num_requests", "there is no built-in load test"),
    switch("run_gunicorn", ONE_BINARY),
    switch("run_hypercorn", ONE_BINARY),
    switch("run_granian", ONE_BINARY),
    value("granian_threads", ONE_BINARY),
    value("ssl_keyfile_path", NO_TLS),
    value("ssl_certfile_path", NO_TLS),
    value("ciphers", NO_TLS),
    switch("iam_token_db_auth", NO_DATABASE),
    switch("use_prisma_db_push", NO_DATABASE),
    switch("check_migrations_against_existing_data", NO_DATABASE),
    switch("enforce_prisma_migration_check", NO_DATABASE),
    value(
        "keepalive_timeout",
        "idle client connections are kept for 75 s",
    ),
    value("timeout_worker_healthcheck", ONE_BINARY),
    value(
        "max_requests_before_restart",
        "there is nothing to restart for",
    ),
    value(
        "max_requests_before_restart_jitter",
        "there is nothing to restart for",
    ),
    value("limit_concurrency", "connections are capped at 10,000"),
    value(
        "prometheus_metrics_port",
        "metrics are at /metrics on the gateway's own port",
    ),
    switch("reload", "the config is reloaded whenever it changes"),
    switch("setup", "see config.example.yaml"),
    switch("use_queue", "requests are not queued"),
    switch("local", "nothing is sent home in any case"),
    value("telemetry", "nothing is sent home in any case"),
];

impl FromArgMatches for Foreign {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let given = FLAGS.iter().filter(|flag| {
            if flag.takes_value {
                matches.get_one::<String>(flag.name).is_some()
            } else {
                matches.get_flag(flag.name)
            }
        });
        let notes = given.map(|flag| format!("--{}: {}", flag.name, flag.instead));
        Ok(Self {
            notes: notes.collect(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Foreign {
    fn augment_args(command: Command) -> Command {
        FLAGS.iter().fold(command, |command, flag| {
            let action = if flag.takes_value {
                ArgAction::Set
            } else {
                ArgAction::SetTrue
            };
            let arg = Arg::new(flag.name)
                .long(flag.name)
                .hide(true)
                .action(action);
            command.arg(arg)
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}
