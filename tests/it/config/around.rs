//! What stands around a config: included files, the environment, the command line, safety, changes.

use pointsman::config::diff;

use super::meaning::{KEY, TWO, chain, messages};
use super::*;

fn with_files(main: &str, others: &[(&str, &str)]) -> Resolved {
    let load = |path: &str| {
        let found = others.iter().find(|(name, _)| *name == path);
        found
            .map(|(_, text)| text.as_bytes().to_vec())
            .ok_or_else(|| "no such file".to_owned())
    };
    resolve(&Sources {
        main: Some(file("etc/config.yaml", main)),
        load: &load,
        ..Sources::empty()
    })
}

#[test]
fn includes_join_lists_and_replace_the_rest() {
    let main = "include: [models.yaml, sub/more.yaml]\nrouter_settings: {num_retries: 9}\n\
                model_list:\n- {model_name: a, litellm_params: {model: ollama/x}}\n";
    let resolved = with_files(
        main,
        &[
            (
                "etc/models.yaml",
                "include: [config.yaml]\nmodel_list:\n- {model_name: b, litellm_params: {model: ollama/y}}\n",
            ),
            (
                "etc/sub/more.yaml",
                "include: [../models.yaml]\nrouter_settings: {num_retries: 4}\n",
            ),
        ],
    );
    let said = messages(&resolved);
    assert!(
        said.contains("etc/models.yaml:1:11: warning: `etc/config.yaml` includes itself"),
        "{said}"
    );
    assert!(said.contains("etc/sub/more.yaml:2:1: warning: `router_settings` replaces the whole section at etc/config.yaml:2"), "{said}");
    assert_eq!(
        resolved.watched_files,
        ["etc/config.yaml", "etc/models.yaml", "etc/sub/more.yaml"]
    );
    let config = resolved.config.unwrap();
    assert_eq!(config.groups(), ["a".into(), "b".into()]);
    assert_eq!(config.router.num_retries, 4);
}

#[test]
fn a_problem_in_an_included_file_names_that_file() {
    let resolved = with_files(
        "include: [models.yaml]\n",
        &[(
            "etc/models.yaml",
            "model_list:\n- {model_name: b, litellm_params: {model: ollama/y, rpm: lots}}\n",
        )],
    );
    let said = messages(&resolved);
    assert!(
        said.contains("etc/models.yaml:2:58: error: `rpm`"),
        "{said}"
    );
    let missing = with_files("include: [gone.yaml]\n", &[]);
    assert!(
        messages(&missing)
            .contains("config.yaml:1:11: error: cannot read the included file `etc/gone.yaml`")
    );
    assert_eq!(missing.watched_files, ["etc/config.yaml", "etc/gone.yaml"]);
}

#[test]
fn the_layers_of_the_environment() {
    let text = "environment_variables: {A_KEY: written, PATH: /evil, B_KEY: os.environ/C_KEY}\nmodel_list:\n\
                - {model_name: a, litellm_params: {model: gpt-4o, api_key: os.environ/A_KEY}}\n\
                - {model_name: b, litellm_params: {model: gpt-4o, api_key: os.environ/B_KEY}}\n\
                - {model_name: d, litellm_params: {model: gpt-4o, api_key: os.environ/D_KEY}}\n";
    let resolved = resolve(&Sources {
        main: Some(file("config.yaml", text)),
        env: env(&[("A_KEY", "process"), ("C_KEY", "process-c"), ("D_KEY", "")]),
        dotenv: vec![file(
            ".env",
            "C_KEY=file-c\nD_KEY='file d'\nnonsense sk-planted\n",
        )],
        ..Sources::empty()
    });
    let said = messages(&resolved);
    assert!(said.contains("`PATH` cannot be set here"), "{said}");
    assert!(
        said.contains(".env:3:1: warning: not `NAME=value`"),
        "{said}"
    );
    assert!(!said.contains("planted"));
    assert!(resolved.used_env.contains("D_KEY"));
    assert_eq!(resolved.watched_files, [".env", "config.yaml"]);
    let config = resolved.config.unwrap();
    let keys: Vec<&str> = config
        .deployments
        .iter()
        .map(|one| one.upstream.key.as_ref().unwrap().expose())
        .collect();
    assert_eq!(keys, ["written", "process-c", "file d"]);
}

// === command line and safety ===

#[test]
fn a_model_on_the_command_line_needs_no_file() {
    let cli = Overrides {
        model: Some("ollama/llama3.2".to_owned()),
        fallbacks: vec!["gpt-4o-mini".to_owned()],
        api_base: Some("http://box:11434".to_owned()),
        ..Overrides::default()
    };
    let resolved = resolve(&Sources {
        env: env(KEY),
        cli,
        ..Sources::empty()
    });
    assert_eq!(messages(&resolved), "");
    let config = resolved.config.unwrap();
    assert_eq!(
        config.router.fallbacks,
        [chain("ollama/llama3.2", &["gpt-4o-mini"])]
    );
    assert_eq!(config.general.serve_all.as_deref(), Some("ollama/llama3.2"));
    assert_eq!(config.general.completion_model, None);
    assert_eq!(&*config.deployments[0].upstream.base, "http://box:11434");
    assert_eq!(
        &*config.deployments[1].upstream.base,
        "https://api.openai.com/v1"
    );
    let nothing = resolve(&Sources::empty());
    assert!(messages(&nothing).contains("no models"));
    assert!(nothing.config.is_some());
}

#[test]
fn an_open_gateway_is_refused_beyond_loopback() {
    let with = |host: &str, allow_open: bool, env: &[(&str, &str)]| {
        let cli = Overrides {
            host: Some(host.to_owned()),
            allow_open,
            ..Overrides::default()
        };
        read_with(TWO, env, cli)
    };
    assert_eq!(messages(&with("127.0.0.1", false, &[])), "");
    let refused = with("0.0.0.0", false, &[]);
    let said = messages(&refused);
    for way in ["master_key", "--host 127.0.0.1", "--allow-open"] {
        assert!(said.contains(way), "{said}");
    }
    assert!(refused.config.is_none());
    assert!(with("0.0.0.0", true, &[]).config.is_some());
    let strong = [("LITELLM_MASTER_KEY", "sk-planted-master-1")];
    assert_eq!(messages(&with("0.0.0.0", false, &strong)), "");
    let sample = [("LITELLM_MASTER_KEY", "sk-1234")];
    assert!(with("0.0.0.0", false, &sample).config.is_none());
    let warned = with("localhost", false, &sample);
    assert!(
        warned.config.is_some()
            && messages(&warned).contains("warning: the master key is the well-known")
    );
    let container = Overrides {
        in_container: true,
        ..Overrides::default()
    };
    let contained = read_with(TWO, &[], container);
    assert!(contained.config.is_none());
    assert_eq!(contained.listen_host, "0.0.0.0");
    let in_file = read(&format!("{TWO}general_settings: {{host: 0.0.0.0}}\n"), &[]);
    assert!(
        messages(&in_file).contains("config.yaml:4:26: error: no key"),
        "{}",
        messages(&in_file)
    );
}

#[test]
fn deployments_for_untagged_requests_need_no_warning() {
    let text = "model_list:\n- {model_name: a, litellm_params: {model: ollama/x, tags: [default]}}\n\
                - {model_name: a, litellm_params: {model: ollama/y, tags: [night]}}\n\
                router_settings: {enable_tag_filtering: true}\n";
    assert_eq!(messages(&read(text, &[])), "");
}

#[test]
fn a_deployments_model_string_is_a_name_for_aliases_and_the_completion_model() {
    let text = "model_list:\n- {model_name: a, litellm_params: {model: openai/gpt-4o, api_key: k}}\n\
                router_settings: {model_group_alias: {gpt-4: openai/gpt-4o, wrong: openai/gpt-5}}\n\
                general_settings: {completion_model: openai/gpt-4o}\n";
    let said = messages(&read(text, &[]));
    assert!(said.contains("the alias `wrong` names nothing"), "{said}");
    let text = text.replace(", wrong: openai/gpt-5", "");
    let config = config(&text, &[]);
    let table = pointsman::route::Table::build(&config);
    let found = table.resolve("gpt-4").unwrap();
    assert_eq!(table.members(found.pool).len(), 1);
    let listed: Vec<&str> = table.models().iter().map(|one| &*one.name).collect();
    assert_eq!(listed, ["a", "gpt-4"]);
}

#[test]
fn what_a_start_would_refuse_or_drop_is_said() {
    let with_host = |host: &str| Overrides {
        host: Some(host.to_owned()),
        ..Overrides::default()
    };
    let wrong = read_with(TWO, &[], with_host("my box"));
    assert!(wrong.config.is_none());
    assert!(messages(&wrong).contains("`--host`: `my box` is no address"));
    let text = format!("{TWO}general_settings: {{host: my-gateway}}\n");
    let other = read_with(&text, &[], with_host("127.0.0.1"));
    assert!(other.config.is_some() && messages(&other).contains("`my-gateway` is no address"));

    let text = format!("{TWO}litellm_settings: {{timezone: Mars/Olympus}}\n");
    let resolved = resolve(&Sources {
        main: Some(file("config.yaml", &text)),
        knows_zone: &|name| name != "Mars/Olympus",
        ..Sources::empty()
    });
    let said = messages(&resolved);
    assert!(
        said.contains("config.yaml:4:30: warning: `timezone`: `Mars/Olympus` is not known"),
        "{said}"
    );
    assert_eq!(resolved.config.unwrap().general.timezone, "");

    let text = "model_list:\n- {model_name: a, litellm_params: {model: openai/x}}\n";
    let said = messages(&read(text, &[("OPENAI_API_KEY", "sk-planted\n-1")]));
    assert!(
        said.contains("config.yaml:2:43: error: the key in `OPENAI_API_KEY` holds letters"),
        "{said}"
    );
}

#[test]
fn a_key_that_restricts_is_refused_unless_accepted() {
    let cases = [
        ("guardrails: [{guardrail_name: x}]\n", "guardrails"),
        (
            "general_settings: {allowed_ips: [10.0.0.1]}\n",
            "allowed_ips",
        ),
        (
            "general_settings: {enable_jwt_auth: true}\n",
            "enable_jwt_auth",
        ),
        ("general_settings: {custom_auth: a.b}\n", "custom_auth"),
        ("litellm_settings: {max_budget: 10}\n", "max_budget"),
        ("litellm_settings: {callbacks: [presidio]}\n", "presidio"),
        (
            "litellm_settings: {callbacks: [dynamic_rate_limiter_v3]}\n",
            "dynamic_rate_limiter_v3",
        ),
        (
            "router_settings: {default_litellm_params: {guardrails: [x]}}\n",
            "guardrails",
        ),
        (
            "credential_list: [{credential_name: c, credential_values: {max_budget: 1}}]\n",
            "max_budget",
        ),
        (
            "router_settings: {provider_budget_config: {openai: {budget_limit: 1}}}\n",
            "provider_budget_config",
        ),
    ];
    for (text, key) in cases {
        let text = format!("{TWO}{text}");
        let refused = read(&text, &[]);
        assert!(refused.config.is_none(), "{key}");
        assert!(
            messages(&refused).contains(&format!("--ignore-unsupported {key}")),
            "{key}"
        );
        let cli = Overrides {
            ignore_unsupported: [key.to_owned()].into(),
            ..Overrides::default()
        };
        let accepted = read_with(&text, &[], cli);
        assert!(accepted.config.is_some(), "{key}: {}", messages(&accepted));
    }
    for text in [
        "guardrails: []\n",
        "general_settings: {allowed_ips: null, enable_jwt_auth: false, use_x_forwarded_for: true}\n",
        "litellm_settings: {max_budget: 0.0, cache: false}\n",
    ] {
        assert!(
            read(&format!("{TWO}{text}"), &[]).config.is_some(),
            "{text}"
        );
    }
}

// === diff ===

#[test]
fn a_diff_says_what_changed_and_what_needs_a_restart() {
    let old = config(&valid("team.yaml"), VARIABLES);
    assert!(diff(&old, &old).is_empty());
    let text = valid("team.yaml")
        .replace("timeout: 30\n", "timeout: 31\n")
        .replace(
            "anthropic/claude-3-7-sonnet-20250219",
            "anthropic/claude-sonnet-4-5",
        )
        .replace("cooldown_time: 30", "cooldown_time: 45")
        .replace(
            "general_settings:\n",
            "general_settings:\n  port: 4001\n  max_connections: 99\n  header_timeout: 9\n",
        );
    let diff = diff(&old, &config(&text, VARIABLES));
    assert_eq!(
        diff.lines,
        [
            "1 backend added: anthropic/claude-sonnet-4-5",
            "1 backend removed: anthropic/claude-3-7-sonnet-20250219",
            "1 backend changed: ollama/llama3.2:3b @ 10.0.1.20 (timeouts)",
            "settings changed: cooldown_time, max_connections, header_timeout",
        ]
    );
    assert_eq!(diff.restart_keys, ["port"]);
}
