//! What a config means: each key where it counts.

use std::time::Duration;

use pointsman::base::PicoDollars;
use pointsman::config::{
    AllowedFails, Chain, Deployment, Dialect, KeySource, Strategy, Target, Timeouts,
};
use serde_json::json;

use super::*;

pub(super) const KEY: &[(&str, &str)] = &[("OPENAI_API_KEY", "sk-planted-openai-1")];

/// A config of one deployment with these lines under `litellm_params`.
fn one(lines: &[&str]) -> String {
    let mut text = "model_list:\n  - model_name: chat\n    litellm_params:\n".to_owned();
    for line in lines {
        text.push_str("      ");
        text.push_str(line);
        text.push('\n');
    }
    text
}

fn deployment(lines: &[&str], variables: &[(&str, &str)]) -> Deployment {
    let config = config(&one(lines), variables);
    assert_eq!(config.deployments.len(), 1);
    config.deployments.into_iter().next().unwrap()
}

fn group(name: &str) -> Target {
    Target::Group(name.into())
}

pub(super) fn chain(from: &str, to: &[&str]) -> Chain {
    Chain {
        from: from.into(),
        to: to.iter().map(|name| group(name)).collect(),
    }
}

pub(super) fn messages(resolved: &Resolved) -> String {
    shown(&resolved.problems)
}

// === the files from the wild ===

#[test]
fn priority_is_order() {
    let config = config(&valid("priority-pair.yaml"), VARIABLES);
    let orders: Vec<Option<i64>> = config.deployments.iter().map(|one| one.order).collect();
    assert_eq!(orders, [Some(1), Some(2)]);
    let local = &config.deployments[0].upstream;
    assert_eq!(
        (
            &*local.provider,
            local.dialect,
            &*local.model,
            &*local.base,
            local.local
        ),
        (
            "ollama",
            Dialect::Ollama,
            "llama3.2",
            "http://192.168.1.50:11434",
            true
        )
    );
    let cloud = &config.deployments[1].upstream;
    assert_eq!(
        (&*cloud.base, cloud.local),
        ("https://api.openai.com/v1", false)
    );
    assert_eq!(cloud.key.as_ref().unwrap().expose(), "sk-planted-openai-1");
}

#[test]
fn a_plain_list_is_a_chain() {
    let config = config(&valid("window-chain.yaml"), &[]);
    let expected = [
        chain("local-small", &["local-medium", "local-large"]),
        chain("local-medium", &["local-large"]),
    ];
    assert_eq!(config.router.fallbacks, expected);
    assert_eq!(config.router.strategy, Strategy::UsageBased);
    assert_eq!(config.deployments[0].defaults["max_tokens"], json!(2048));
}

#[test]
fn an_inline_fallback_to_a_model_string_is_a_hidden_deployment() {
    let config = config(&valid("inline-target.yaml"), VARIABLES);
    let hidden = Target::Hidden("gpt-4o-mini".into());
    assert_eq!(
        config.router.fallbacks,
        [Chain {
            from: "gpt-4o-mini-router".into(),
            to: vec![hidden]
        }]
    );
    assert_eq!(config.groups(), ["gpt-4o-mini-router".into()]);
    let [main, target] = config.deployments.as_slice() else {
        panic!("two deployments")
    };
    assert_eq!(main.num_retries, Some(3));
    assert_eq!(main.fallback, ["gpt-4o-mini"]);
    assert_eq!(&*main.upstream.base, "http://localhost:11434");
    assert_eq!(
        (&*target.upstream.provider, &*target.upstream.model),
        ("openai", "gpt-4o-mini")
    );
    assert_eq!((target.off.is_none(), target.num_retries), (true, None));
    // Without its key the target is off, and the gateway still starts.
    let config = read(&valid("inline-target.yaml"), &[]).config.unwrap();
    assert!(
        config.deployments[1]
            .off
            .as_ref()
            .unwrap()
            .contains("OPENAI_API_KEY")
    );
}

#[test]
fn cycles_of_fallbacks_are_legal() {
    let config = config(&valid("team.yaml"), VARIABLES);
    assert_eq!(
        config.router.fallbacks,
        [
            chain("fast-local", &["heavy-local", "smart-cloud"]),
            chain("heavy-local", &["smart-cloud"]),
            chain("smart-cloud", &["heavy-local"]),
        ]
    );
    assert_eq!(
        config.router.context_window_fallbacks,
        [chain("fast-local", &["smart-cloud"])]
    );
    assert_eq!(config.router.allowed_fails, AllowedFails::Count(3));
    assert_eq!(config.router.cooldown_time, Duration::from_secs(30));
    assert!(config.router.pre_call_checks && config.general.json_logs);
    let heavy = &config.deployments[1];
    assert!(heavy.upstream.local && heavy.upstream.dialect == Dialect::OpenAi);
    assert_eq!(&*heavy.upstream.base, "http://10.0.1.21:8000/v1");
    assert_eq!(config.deployments[0].max_input_tokens, Some(8192));
    let timeouts = config.deployments[0].timeouts;
    assert_eq!(
        (timeouts.request, timeouts.stream),
        (Some(Duration::from_secs(30)), Some(Duration::from_mins(1)))
    );
}

#[test]
fn a_bare_model_name_finds_its_provider_and_settings_their_level() {
    let config = config(&valid("local-cloud-mix.yaml"), VARIABLES);
    let bare = &config.deployments[3].upstream;
    assert_eq!((&*bare.provider, &*bare.model), ("openai", "gpt-4o"));
    assert_eq!(config.router.fallbacks, [chain("smart", &["gpt-4o"])]);
    assert_eq!(config.router.num_retries, 3);
    assert_eq!(
        config.router.timeouts.request,
        Some(Duration::from_mins(10))
    );
    assert_eq!(config.router.timeouts.stream, Some(Duration::from_mins(10)));
    assert!(config.deployments.iter().all(|one| one.drop_params));
    let (key, source) = config.general.master_key.as_ref().unwrap();
    assert_eq!(key.expose(), "sk-planted-master-1");
    assert_eq!(*source, KeySource::Env("LITELLM_MASTER_KEY".to_owned()));
}

#[test]
fn tags_come_from_both_places() {
    let config = config(&valid("tags-shared.yaml"), VARIABLES);
    assert!(config.router.tags.enabled);
    assert_eq!(config.deployments[0].tags, ["pii", "internal"]);
    let both = "model_list:\n  - model_name: a\n    litellm_params: {model: ollama/x, tags: [one]}\n    \
                model_info: {tags: [two, one]}\n";
    assert_eq!(super::config(both, &[]).deployments[0].tags, ["one", "two"]);
}

// === model strings and upstreams ===

#[test]
fn providers_are_found_by_prefix_name_override_and_host() {
    let cases: &[(&[&str], &str, &str, &str, bool)] = &[
        (
            &["model: groq/llama-3.3-70b-versatile"],
            "groq",
            "llama-3.3-70b-versatile",
            "https://api.groq.com/openai/v1",
            false,
        ),
        (
            &["model: openrouter/meta-llama/llama-3.1-8b"],
            "openrouter",
            "meta-llama/llama-3.1-8b",
            "https://openrouter.ai/api/v1",
            false,
        ),
        (
            &["model: ollama_chat/qwen2.5:14b"],
            "ollama_chat",
            "qwen2.5:14b",
            "http://localhost:11434",
            true,
        ),
        (
            &["model: claude-3-5-sonnet-20241022"],
            "anthropic",
            "claude-3-5-sonnet-20241022",
            "https://api.anthropic.com",
            false,
        ),
        (
            &["model: my-model", "custom_llm_provider: groq"],
            "groq",
            "my-model",
            "https://api.groq.com/openai/v1",
            false,
        ),
        (
            &["model: groq/my-model", "custom_llm_provider: groq"],
            "groq",
            "my-model",
            "https://api.groq.com/openai/v1",
            false,
        ),
        (
            &[
                "model: llama-3.1-8b",
                "api_base: https://api.groq.com/openai/v1",
            ],
            "groq",
            "llama-3.1-8b",
            "https://api.groq.com/openai/v1",
            false,
        ),
        (
            &["model: openai/*"],
            "openai",
            "*",
            "https://api.openai.com/v1",
            false,
        ),
        (
            &["model: hosted_vllm/m", "api_base: http://10.0.0.2:8000/v1/"],
            "hosted_vllm",
            "m",
            "http://10.0.0.2:8000/v1",
            true,
        ),
        (
            &["model: openai/m", "base_url: http://vllm:8000/v1"],
            "openai",
            "m",
            "http://vllm:8000/v1",
            true,
        ),
        (
            &[
                "model: openai/m",
                "api_key: x",
                "api_base: https://llm.example.com/v1",
            ],
            "openai",
            "m",
            "https://llm.example.com/v1",
            false,
        ),
        (
            &[
                "model: anthropic/claude-x",
                "api_base: https://gw.example.com/v1/messages",
                "api_key: x",
            ],
            "anthropic",
            "claude-x",
            "https://gw.example.com",
            false,
        ),
        (
            &["model: lmstudio/m"],
            "lm_studio",
            "m",
            "http://localhost:1234/v1",
            true,
        ),
    ];
    let keys = [
        ("GROQ_API_KEY", "k"),
        ("OPENROUTER_API_KEY", "k"),
        ("ANTHROPIC_API_KEY", "k"),
        ("OPENAI_API_KEY", "k"),
    ];
    for (lines, provider, model, base, local) in cases {
        let upstream = deployment(lines, &keys).upstream;
        assert_eq!(
            (
                &*upstream.provider,
                &*upstream.model,
                &*upstream.base,
                upstream.local
            ),
            (*provider, *model, *base, *local),
            "{lines:?}"
        );
    }
}

#[test]
fn a_provider_that_is_not_spoken_turns_the_deployment_off_with_a_way_out() {
    for model in [
        "gemini/gemini-2.0-flash",
        "gemini-2.0-flash",
        "azure/my-gpt",
        "bedrock/x",
        "vertex_ai/y",
        "command-r",
    ] {
        let text = one(&[&format!("model: {model}")]);
        let resolved = read(&text, &[]);
        let said = messages(&resolved);
        assert!(said.contains("not supported yet"), "{model}: {said}");
        if !model.starts_with("bedrock") {
            assert!(said.contains("api_base"), "{model}: {said}");
        }
        let config = resolved.config.unwrap();
        assert!(config.deployments[0].off.is_some(), "{model}");
    }
}

#[test]
fn keys_go_where_they_belong_and_nowhere_else() {
    let env = [("OPENAI_API_KEY", "openai-1"), ("GROQ_API_KEY", "groq-1")];
    let key = |lines: &[&str]| {
        let found = deployment(lines, &env).upstream.key;
        found.map(|key| key.expose().to_owned())
    };
    assert_eq!(key(&["model: gpt-4o"]).as_deref(), Some("openai-1"));
    assert_eq!(
        key(&["model: openai/x", "api_base: http://10.0.0.1:8000/v1"]),
        None
    );
    assert_eq!(
        key(&[
            "model: openai/x",
            "api_base: https://api.groq.com/openai/v1"
        ])
        .as_deref(),
        Some("groq-1")
    );
    assert_eq!(
        key(&["model: gpt-4o", "api_key: own-1"]).as_deref(),
        Some("own-1")
    );
    assert_eq!(
        key(&["model: gpt-4o", "api_key: ''"]).as_deref(),
        key(&["model: gpt-4o"]).as_deref()
    );
    let foreign = one(&["model: openai/x", "api_base: https://llm.example.com/v1"]);
    assert!(messages(&read(&foreign, &env)).contains("is sent to `llm.example.com`"));
}

#[test]
fn bases_may_come_from_the_environment() {
    let base =
        |lines: &[&str], env: &[(&str, &str)]| deployment(lines, env).upstream.base.to_string();
    assert_eq!(
        base(&["model: ollama/x"], &[("OLLAMA_HOST", "0.0.0.0:11500")]),
        "http://127.0.0.1:11500"
    );
    assert_eq!(
        base(
            &["model: ollama/x"],
            &[("OLLAMA_HOST", "a"), ("OLLAMA_API_BASE", "http://b:1/")]
        ),
        "http://b:1"
    );
    assert_eq!(
        base(
            &["model: gpt-4o"],
            &[
                ("OPENAI_API_KEY", "k"),
                ("OPENAI_BASE_URL", "http://gw:9/v1")
            ]
        ),
        "http://gw:9/v1"
    );
    let resolved = read(&one(&["model: hosted_vllm/x"]), &[]);
    assert!(messages(&resolved).contains("HOSTED_VLLM_API_BASE"));
    assert!(resolved.config.unwrap().deployments[0].off.is_some());
}

// === deployments ===

#[test]
fn parameters_are_read_leniently_and_exactly() {
    let found = deployment(
        &[
            "model: ollama/x",
            "rpm: \"60\"",
            "tpm: 1_000",
            "timeout: os.environ/SLOW",
            "stream_timeout: 1.5",
            "weight: 0.5",
            "order: -1",
            "max_parallel_requests: 2",
            "cooldown_time: 0",
            "drop_params: yes",
            "additional_drop_params: logit_bias",
            "input_cost_per_token: 1.5e-07",
            "output_cost_per_token: \"0.0000006\"",
            "temperature: 0.2",
            "num_ctx: 8192",
            "keep_alive: 5m",
            "extra_body: {min_p: 0.1}",
            "stop: [a, b]",
            "made_up_member: on",
        ],
        &[("SLOW", "300")],
    );
    assert_eq!(
        (found.rpm, found.tpm, found.order),
        (Some(60), Some(1000), Some(-1))
    );
    assert_eq!(found.timeouts.request, Some(Duration::from_mins(5)));
    assert_eq!(found.timeouts.stream, Some(Duration::from_millis(1500)));
    assert_eq!((found.weight, found.max_parallel), (Some(0.5), Some(2)));
    assert_eq!(found.cooldown_time, Some(Duration::ZERO));
    assert!(found.drop_params);
    assert_eq!(found.additional_drop_params, ["logit_bias"]);
    assert_eq!(found.price.input, Some(PicoDollars(150_000)));
    assert_eq!(found.price.output, Some(PicoDollars(600_000)));
    assert_eq!(
        serde_json::Value::Object(found.defaults),
        json!({"temperature": 0.2, "num_ctx": 8192, "keep_alive": "5m", "min_p": 0.1, "stop": ["a", "b"],
               "made_up_member": true})
    );
}

#[test]
fn credentials_defaults_and_organizations_are_filled_in() {
    let text = "credential_list:\n  - credential_name: office\n    credential_values: {api_key: k-1, api_base: 'https://gw.example.com/v1'}\n\
                router_settings:\n  default_litellm_params: {timeout: 7, temperature: 0}\n\
                model_list:\n  - model_name: a\n    litellm_params:\n      model: openai/m\n      litellm_credential_name: office\n      organization: [one, two]\n      timeout: 9\n";
    let config = config(text, &[]);
    let [one, two] = config.deployments.as_slice() else {
        panic!("two deployments")
    };
    assert_eq!(&*one.upstream.base, "https://gw.example.com/v1");
    assert_eq!(one.upstream.key.as_ref().unwrap().expose(), "k-1");
    assert_eq!(one.timeouts.request, Some(Duration::from_secs(9)));
    assert_eq!(one.defaults["temperature"], json!(0));
    assert_eq!(one.upstream.organization.as_deref(), Some("one"));
    assert_eq!(two.upstream.organization.as_deref(), Some("two"));
    assert_ne!(one.id, two.id);
}

#[test]
fn ids_are_stable_over_edits_of_anything_else() {
    let id = |lines: &[&str]| deployment(lines, KEY).id.to_string();
    let plain = id(&["model: openai/m"]);
    assert_eq!(plain.len(), 16);
    assert!(plain.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_eq!(plain, id(&["model: openai/m", "rpm: 5", "timeout: 3"]));
    assert_eq!(
        plain,
        id(&["model: openai/m", "api_key: os.environ/OPENAI_API_KEY"])
    );
    assert_ne!(plain, id(&["model: openai/m", "api_key: other-key"]));
    assert_ne!(plain, id(&["model: openai/n"]));
    let given = "model_list:\n- {model_name: a, litellm_params: {model: ollama/x}, model_info: {id: mine}}\n";
    assert_eq!(&*config(given, &[]).deployments[0].id, "mine");
    let twice = "model_list:\n- {model_name: a, litellm_params: {model: ollama/x}}\n- {model_name: a, litellm_params: {model: ollama/x}}\n";
    let resolved = read(twice, &[]);
    assert!(messages(&resolved).contains("twice"));
    let found = resolved.config.unwrap().deployments;
    assert_ne!(found[0].id, found[1].id);
    assert_ne!(found[0].name, found[1].name);
}

#[test]
fn what_is_shown_of_a_deployment_holds_no_secret() {
    let found = deployment(
        &[
            "model: openai/m",
            "api_key: planted-1",
            "api_base: 'https://u:planted-2@h.example/v1'",
            "extra_headers: {X-Auth: planted-3}",
            "rpm: 3",
        ],
        &[],
    );
    let shown = serde_json::to_string(&found.shown_params).unwrap();
    assert!(!shown.contains("planted"), "{shown}");
    assert!(shown.contains("\"rpm\":3"));
    let headers: Vec<(&str, &str)> = found
        .upstream
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose()))
        .collect();
    assert_eq!(
        headers,
        [
            ("authorization", "Basic dTpwbGFudGVkLTI="),
            ("x-auth", "planted-3")
        ]
    );
    assert_eq!(&*found.upstream.base, "https://h.example/v1");
    assert!(!found.name.contains("planted"));
}

#[test]
fn blocked_and_foreign_environments_are_off() {
    let text = "model_list:\n- {model_name: a, litellm_params: {model: ollama/x}, model_info: {blocked: true}}\n\
                - {model_name: b, litellm_params: {model: ollama/y}, model_info: {supported_environments: [production]}}\n";
    let off = |env: &[(&str, &str)]| -> Vec<bool> {
        let found = config(text, env).deployments;
        found.iter().map(|one| one.off.is_some()).collect()
    };
    assert_eq!(off(&[]), [true, true]);
    assert_eq!(off(&[("LITELLM_ENVIRONMENT", "production")]), [true, false]);
    assert_eq!(off(&[("LITELLM_ENVIRONMENT", "staging")]), [true, true]);
}

// === router ===

pub(super) const TWO: &str = "model_list:\n- {model_name: a, litellm_params: {model: ollama/x}}\n- {model_name: b, litellm_params: {model: ollama/y}}\n";

#[test]
fn router_settings_win_over_litellm_settings() {
    let text = format!(
        "{TWO}litellm_settings: {{num_retries: 7, allowed_fails: 9, request_timeout: 50, fallbacks: [{{a: [b]}}]}}\n\
         router_settings: {{num_retries: 1, timeout: 60, stream_timeout: 5, fallbacks: [{{b: [a]}}]}}\n"
    );
    let router = config(&text, &[]).router;
    assert_eq!(router.num_retries, 1);
    assert_eq!(router.allowed_fails, AllowedFails::Count(9));
    assert_eq!(router.fallbacks, [chain("b", &["a"])]);
    let expected = Timeouts {
        request: Some(Duration::from_secs(50)),
        stream: Some(Duration::from_secs(5)),
    };
    assert_eq!(router.timeouts, expected);
}

#[test]
fn empty_fallbacks_of_the_router_leave_the_others_in_force() {
    for empty in ["[]", "{}", "null", "''"] {
        let text = format!(
            "{TWO}litellm_settings: {{fallbacks: [{{a: [b]}}], context_window_fallbacks: [{{b: [a]}}], default_fallbacks: [a]}}\n\
             router_settings: {{fallbacks: {empty}, context_window_fallbacks: {empty}, default_fallbacks: {empty}}}\n"
        );
        let router = config(&text, &[]).router;
        assert_eq!(router.fallbacks, [chain("a", &["b"])], "{empty}");
        assert_eq!(
            router.context_window_fallbacks,
            [chain("b", &["a"])],
            "{empty}"
        );
        assert_eq!(router.default_fallbacks, [group("a")], "{empty}");
    }
}

#[test]
fn fallbacks_take_every_spelling() {
    let fallbacks = |text: &str| {
        config(
            &format!("{TWO}router_settings:\n  fallbacks: {text}\n"),
            &[],
        )
        .router
        .fallbacks
    };
    let expected = [chain("a", &["b"])];
    for text in [
        "[{a: [b]}]",
        "[{a: b}]",
        "{a: [b]}",
        "[a, b]",
        "[{a: [{model: b}]}]",
        "[{a: [b, b]}]",
    ] {
        assert_eq!(fallbacks(text), expected, "{text}");
    }
    assert_eq!(fallbacks("[{'*': [b]}]"), [chain("*", &["b"])]);
    let router = config(
        &format!("{TWO}router_settings: {{default_fallbacks: [b]}}\n"),
        &[],
    )
    .router;
    assert_eq!(router.default_fallbacks, [group("b")]);
}

#[test]
fn fallback_targets_find_aliases_wildcards_and_model_strings() {
    let text = "model_list:\n- {model_name: a, litellm_params: {model: ollama/x}}\n\
                - {model_name: 'openai/*', litellm_params: {model: 'openai/*', api_key: k}}\n\
                - {model_name: c, litellm_params: {model: groq/m, api_key: own-key}}\n\
                router_settings:\n  model_group_alias: {short: a, hid: {model: c, hidden: true}}\n  \
                fallbacks: [{c: [short, openai/gpt-4o, mistral/large]}, {a: [groq/m]}]\n";
    let config = config(text, &[("MISTRAL_API_KEY", "k")]);
    assert_eq!(
        config.router.fallbacks[0].to,
        [
            group("a"),
            group("openai/gpt-4o"),
            Target::Hidden("mistral/large".into())
        ]
    );
    // The model string of a deployment leads to a copy of it, key and all.
    assert_eq!(
        config.router.fallbacks[1].to,
        [Target::Hidden("groq/m".into())]
    );
    let copy = config
        .deployments
        .iter()
        .find(|one| &*one.group == "groq/m")
        .unwrap();
    assert_eq!(copy.upstream.key.as_ref().unwrap().expose(), "own-key");
    assert_eq!(
        config.router.aliases.get("short"),
        Some(&("a".into(), false))
    );
    assert_eq!(config.router.aliases.get("hid"), Some(&("c".into(), true)));
    assert_eq!(config.groups().len(), 3);
}

#[test]
fn strategies_that_are_to_come_run_as_shuffle() {
    let with = |name: &str| {
        read(
            &format!("{TWO}router_settings: {{routing_strategy: {name}}}\n"),
            &[],
        )
    };
    for (name, strategy) in [
        ("simple-shuffle", Strategy::SimpleShuffle),
        ("least-busy", Strategy::LeastBusy),
        ("usage-based-routing", Strategy::UsageBased),
        ("usage-based-routing-v2", Strategy::UsageBased),
    ] {
        let resolved = with(name);
        assert_eq!(messages(&resolved), "");
        assert_eq!(resolved.config.unwrap().router.strategy, strategy);
    }
    for name in [
        "latency-based-routing",
        "latency-based",
        "cost-based-routing",
        "lar1",
    ] {
        let resolved = with(name);
        assert!(
            messages(&resolved).contains("runs as `simple-shuffle`"),
            "{name}"
        );
        assert_eq!(
            resolved.config.unwrap().router.strategy,
            Strategy::SimpleShuffle
        );
    }
}

// === yaml, include, environment ===

#[test]
fn anchors_merge_keys_and_old_booleans_count() {
    let text = "defaults: &box {api_base: 'http://box:11434', timeout: 5}\nmodel_list:\n\
                - model_name: a\n  litellm_params: {<<: *box, model: ollama/x}\n\
                - model_name: b\n  litellm_params: {<<: *box, model: ollama/y, timeout: 6}\n\
                router_settings: {enable_pre_call_checks: on, disable_cooldowns: 'True'}\n";
    let found = config(text, &[]);
    assert_eq!(&*found.deployments[0].upstream.base, "http://box:11434");
    assert_eq!(
        found.deployments[1].timeouts.request,
        Some(Duration::from_secs(6))
    );
    assert!(found.router.pre_call_checks && found.router.disable_cooldowns);
}
