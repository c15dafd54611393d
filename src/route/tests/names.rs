//! From names to deployments, and what a table carries over.

use super::kit::{World, ask, chains, config, targets};
use crate::base::{DeploymentIdx, FaultKind, HostIdx, Secret};
use crate::config::{Router, Target};
use crate::route::{Present, Table, Unusable, Via, Walk};

fn router() -> Router {
    let mut router = Router {
        fallbacks: chains("chat -> openai/gpt-4o hidden-one"),
        default_fallbacks: targets("chat"),
        ..Router::default()
    };
    router.fallbacks[0].to[1] = Target::Hidden("hidden-one".into());
    for (alias, target, hidden) in [
        ("fast", "chat", false),
        ("faster", "fast", false),
        ("secret", "chat", true),
        ("chat-4", "openai/gpt-4", false),
    ] {
        router.aliases.insert(alias.into(), (target.into(), hidden));
    }
    router
}

const CONFIG: &str = "
    chat llama@h1 order=1
    chat mistral@h1
    openai/* *@c1
    openai/gpt-4* gpt-4-tuned-*@c2
    hidden-one other@c1
";

#[test]
fn names_resolve_in_order() {
    let world = World::new(CONFIG, router());
    // (asked, how, the members behind it)
    let table = [
        ("chat", Via::Group, vec!["llama", "mistral"]),
        ("mistral", Via::Id, vec!["mistral"]),
        ("fast", Via::Group, vec!["llama", "mistral"]),
        ("faster", Via::Group, vec!["llama", "mistral"]),
        ("secret", Via::Group, vec!["llama", "mistral"]),
        ("openai/gpt-4o", Via::Wildcard, vec!["gpt-4-tuned-*"]),
        ("openai/o3", Via::Wildcard, vec!["*"]),
        ("chat-4", Via::Wildcard, vec!["gpt-4-tuned-*"]),
        ("gpt-4o", Via::Wildcard, vec!["gpt-4-tuned-*"]),
        ("hidden-one", Via::Group, vec!["other"]),
        ("nothing-like-it", Via::Default, vec!["llama", "mistral"]),
    ];
    for (asked, via, members) in table {
        let found = world.table.resolve(asked).expect(asked);
        let got = world.table.members(found.pool);
        let got: Vec<&str> = got.iter().map(|&idx| world.name(idx)).collect();
        assert_eq!((found.via, got), (via, members), "{asked}");
    }
}

#[test]
fn a_model_string_stands_for_its_deployments_unless_a_wildcard_takes_it() {
    let world = World::new("chat llama@h1\nother llama@h2\n* *@c1", Router::default());
    let found = world.table.resolve("openai/llama").unwrap();
    assert_eq!(
        (found.via, world.table.members(found.pool).len()),
        (Via::Model, 2)
    );
    let found = world.table.resolve("anything").unwrap();
    assert_eq!((found.via, &*found.name), (Via::Wildcard, "anything"));
}

#[test]
fn wildcards_fill_the_upstream_model() {
    let mut world = World::new(CONFIG, router());
    for (asked, model) in [
        ("openai/o3", "o3"),
        ("openai/gpt-4o", "gpt-4-tuned-o"),
        ("gpt-4-mini", "gpt-4-tuned--mini"),
        ("chat-4", "gpt-4-tuned-"),
        ("chat", "llama"),
    ] {
        let run = world.go(asked, &[]);
        assert_eq!(&*run.tries[0].upstream_model, model, "{asked}");
    }
}

#[test]
fn hidden_names_are_callable_and_not_listed() {
    let world = World::new(CONFIG, router());
    let listed: Vec<&str> = world
        .table
        .models()
        .iter()
        .map(|listed| &*listed.name)
        .collect();
    assert_eq!(
        listed,
        [
            "chat",
            "openai/*",
            "openai/gpt-4*",
            "chat-4",
            "fast",
            "faster"
        ]
    );
}

#[test]
fn an_unknown_model_is_named_as_litellm_names_it() {
    let world = World::new("chat llama@h1", Router::default());
    let fault = Walk::new(&world.table, ask("gpt-9"), 1).unwrap_err();
    assert_eq!(
        (fault.kind, fault.param.as_deref()),
        (FaultKind::UnknownModel, Some("model"))
    );
    assert!(
        fault
            .message
            .starts_with("Invalid model name passed in model=gpt-9. Call `/v1/models`"),
        "{}",
        fault.message
    );
}

#[test]
fn deployments_of_one_origin_share_a_host() {
    let world = World::new("a x@h1\nb y@h1\nc z@c1", Router::default());
    let hosts = world.table.hosts();
    let seen: Vec<(&str, bool, usize)> = hosts
        .iter()
        .map(|host| (&*host.origin, host.probed, host.deployments.len()))
        .collect();
    assert_eq!(
        seen,
        [("http://h1:80", true, 2), ("http://c1:80", false, 1)]
    );
}

#[test]
fn state_carries_over_by_group_model_base_and_credential() {
    let old = config("a x@h1\na y@h1\na z@h2\nb w@h3", Router::default());
    let mut new = config(
        "b w@h3\na z@h9\na y@h1 order=2 tags=t\nc v@h1",
        Router::default(),
    );
    let carried = Table::build(&new).carried_from(&Table::build(&old));
    let at = |place| Some(DeploymentIdx(place));
    assert_eq!(carried.deployments, [at(3), None, at(1), None]);
    assert_eq!(carried.hosts, [Some(HostIdx(2)), None, Some(HostIdx(0))]);
    new.deployments[0].upstream.key = Some(Secret::new("another".to_owned()));
    let carried = Table::build(&new).carried_from(&Table::build(&old));
    assert_eq!(
        carried.deployments[0], None,
        "another credential is another account"
    );
}

#[test]
fn alike_deployments_carry_over_one_to_one() {
    let old = Table::build(&config("a x@h1\na x@h1", Router::default()));
    let new = Table::build(&config("a x@h1\na x@h1\na x@h1", Router::default()));
    let carried = new.carried_from(&old).deployments;
    assert_eq!(
        carried,
        [Some(DeploymentIdx(0)), Some(DeploymentIdx(1)), None]
    );
}

#[test]
fn a_reload_takes_back_what_it_removes_forbids_or_turns_off() {
    let mut router = Router::default();
    router.tags.enabled = true;
    let began = config(
        "a x@h1 tags=pii\na y@h1 tags=pii\na z@h1 tags=pii\na w@h1",
        router.clone(),
    );
    let present = config(
        "a x@h1 tags=pii\na y@h1 tags=x\na z@h1 tags=pii off",
        router,
    );
    let (began, present) = (Table::build(&began), Table::build(&present));
    let within = Present::new(&began, &present, &["pii".to_owned()]);
    let got: Vec<Option<Unusable>> = (0..4).map(|n| within.unusable(DeploymentIdx(n))).collect();
    let gone = Some(Unusable::NotInConfig);
    assert_eq!(got, [None, Some(Unusable::TagsChanged), gone, gone]);
}
