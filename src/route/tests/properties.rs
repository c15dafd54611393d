//! What holds for every config, every state of the world and every request, over seeded random ones.
//!
//! The world also changes between the steps of a walk. What is allowed is worked out here a second
//! time, from the config alone.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::time::Duration;

use fastrand::Rng;

use super::kit::{World, ask, chains, config, fault, targets};
use crate::base::{BreakerState, Fault, FaultKind, HostState};
use crate::config::{Config, Deployment, Router, Strategy};
use crate::route::{Ask, AskedFallbacks, Kind, Step, Try, Unusable, Walk, Why};

const GROUPS: [&str; 5] = ["a", "b", "c", "wild/*", "*"];
const TAGS: [&str; 4] = ["default", "pii", "eu", "gpu"];
const KINDS: [FaultKind; 16] = [
    FaultKind::Connect,
    FaultKind::Timeout,
    FaultKind::Reset,
    FaultKind::RateLimited,
    FaultKind::Overloaded,
    FaultKind::UpstreamError,
    FaultKind::BadAnswer,
    FaultKind::HostDown,
    FaultKind::UpstreamAuth,
    FaultKind::UpstreamNotFound,
    FaultKind::Payment,
    FaultKind::Refused,
    FaultKind::ContextWindow,
    FaultKind::ContentPolicy,
    FaultKind::Unsupported,
    FaultKind::ClientGone,
];

fn some_tags(rng: &mut Rng) -> Vec<String> {
    let tags = TAGS.iter().filter(|_| rng.u8(..4) == 0);
    tags.map(|&tag| tag.to_owned()).collect()
}

fn random_chains(rng: &mut Rng) -> String {
    let mut text = String::new();
    for from in ["a", "b", "c", "*", "wild/x"] {
        if rng.bool() {
            let to: Vec<&str> = (0..rng.usize(1..4))
                .map(|_| {
                    *rng.choice(&["a", "b", "c", "wild/x", "wild/y", "d1", "nobody"])
                        .unwrap()
                })
                .collect();
            writeln!(text, "{from} -> {}", to.join(" ")).unwrap();
        }
    }
    text
}

fn random_config(rng: &mut Rng) -> Config {
    let mut text = String::new();
    for number in 0..rng.usize(1..9) {
        let group = rng.choice(&GROUPS).unwrap();
        let model = if group.contains('*') { "*" } else { "m" };
        let host = rng.choice(&["h1", "h2", "h3", "c1", "c2"]).unwrap();
        write!(text, "{group} {model}{number}@{host} rpm=5 tpm=1000").unwrap();
        if rng.bool() {
            write!(text, " order={}", rng.u8(1..4)).unwrap();
        }
        if rng.u8(..8) == 0 {
            text.push_str(" off");
        }
        text.push('\n');
    }
    let strategies = [
        Strategy::SimpleShuffle,
        Strategy::LeastBusy,
        Strategy::UsageBased,
    ];
    let mut router = Router {
        strategy: *rng.choice(&strategies).unwrap(),
        num_retries: rng.u32(..4),
        fallbacks: chains(&random_chains(rng)),
        context_window_fallbacks: chains(&random_chains(rng)),
        max_fallbacks: rng.u32(..6),
        ..Router::default()
    };
    if rng.bool() {
        router.default_fallbacks = targets("b c");
    }
    router.tags.enabled = rng.u8(..4) > 0;
    let mut made = config(&text, router);
    for (number, deployment) in made.deployments.iter_mut().enumerate() {
        deployment.id = format!("d{number}").into();
        deployment.tags = some_tags(rng);
    }
    made
}

fn random_ask(rng: &mut Rng) -> Ask {
    let models = [
        "a",
        "b",
        "c",
        "wild/x",
        "wild/y",
        "anything",
        "d0",
        "d1",
        "openai/m2",
    ];
    let names = ["a", "b", "d1", "wild/y"].map(str::to_owned);
    let fallbacks = match rng.u8(..6) {
        0 => Some(AskedFallbacks::List(names.to_vec())),
        1 => Some(AskedFallbacks::Maps(vec![("a".to_owned(), names.to_vec())])),
        _ => None,
    };
    Ask {
        tags: some_tags(rng)
            .into_iter()
            .chain(["only-for-accounting".to_owned()])
            .collect(),
        fallbacks,
        num_retries: rng.bool().then(|| rng.u32(..3)),
        tokens: rng.u64(..1500),
        ..ask(rng.choice(&models).unwrap())
    }
}

fn disturb(world: &mut World, rng: &mut Rng) {
    let states = [
        HostState::Unknown,
        HostState::Up,
        HostState::Probing,
        HostState::Down,
    ];
    for host in &mut world.hosts {
        host.state = *rng.choice(&states).unwrap();
        host.trial_free = rng.bool();
    }
    let breakers = [
        BreakerState::Closed,
        BreakerState::Open,
        BreakerState::HalfOpen,
    ];
    for view in &mut world.views {
        view.breaker = *rng.choice(&breakers).unwrap();
        view.ready_at = world.now.after(Duration::from_secs(rng.u64(1..60)));
        view.trial_free = rng.bool();
        view.in_flight = rng.u32(..5);
        view.rpm_used = rng.u64(..6);
        view.tpm_used = rng.u64(..1000);
        view.parallel_full = rng.u8(..6) == 0;
        view.unusable = (rng.u8(..8) == 0).then_some(Unusable::OffByYou);
    }
}

/// The hard rule, worked out from the config alone.
fn allowed(config: &Config, tags: &[String], deployment: &Deployment, alone: bool) -> bool {
    if !config.router.tags.enabled {
        return true;
    }
    let declared: HashSet<&String> = config
        .deployments
        .iter()
        .flat_map(|one| &one.tags)
        .collect();
    let binding: Vec<&String> = tags.iter().filter(|tag| declared.contains(tag)).collect();
    if !binding.is_empty() {
        return binding.iter().all(|tag| deployment.tags.contains(tag));
    }
    let is_default = |one: &Deployment| one.tags.iter().any(|tag| tag == "default");
    let mut siblings = config
        .deployments
        .iter()
        .filter(|one| one.group == deployment.group);
    alone || is_default(deployment) || !siblings.any(is_default)
}

/// One random request through one random world; gives how it ended.
fn one_case(seed: u64) -> Option<Fault> {
    let mut rng = Rng::with_seed(seed);
    let config = random_config(&mut rng);
    let asked = random_ask(&mut rng);
    let mut world = World::of(&config);
    disturb(&mut world, &mut rng);
    let mut walk = match Walk::new(&world.table, asked.clone(), seed) {
        Ok(walk) => walk,
        Err(fault) => {
            assert!(matches!(
                fault.kind,
                FaultKind::UnknownModel | FaultKind::Forbidden
            ));
            return Some(fault);
        },
    };
    let mut tries: Vec<Try> = Vec::new();
    let mut last: Option<Fault> = None;
    for step in 0.. {
        assert!(step < 200, "seed {seed}: a walk that does not end");
        match walk.next(&world.table, &world, last.take().as_ref(), world.now) {
            Step::Give(fault) => return Some(fault),
            Step::Wait { until, .. } => {
                assert!(until > world.now, "seed {seed}");
                world.now = until;
            },
            Step::Try(next) => {
                check(seed, &config, &asked, &world, &next);
                assert_fresh(seed, &tries, &next);
                tries.push(next);
                if rng.u8(..6) == 0 {
                    return None;
                }
                // Sometimes the slot is gone before the try begins.
                let made = rng.u8(..8) > 0;
                last = made.then(|| fault(*rng.choice(&KINDS).unwrap()));
                if !made {
                    tries.pop();
                }
            },
        }
        if rng.bool() {
            disturb(&mut world, &mut rng);
        }
    }
    None
}

fn check(seed: u64, config: &Config, asked: &Ask, world: &World, next: &Try) {
    let node = world.table.deployment(next.deployment).unwrap();
    let deployment = &*node.config;
    let named = format!("seed {seed}: {} {}", deployment.id, next.reason);
    // The ids and the model string that requests and fallbacks name: asked for by themselves, they
    // have no siblings whose `default` could matter.
    let named_alone =
        ["d0", "d1"].contains(&&*deployment.id) || &*deployment.upstream.model == "m2";
    let fits = allowed(config, &asked.tags, deployment, false)
        || (named_alone && allowed(config, &asked.tags, deployment, true));
    assert!(fits, "{named}: forbidden by tags");
    assert!(deployment.off.is_none(), "{named}: off in the config");
    let view = world.views[next.deployment.0];
    assert_eq!(view.unusable, None, "{named}: off by a person");
    assert!(!view.parallel_full, "{named}: full");
    if config.router.strategy == Strategy::UsageBased {
        assert!(
            view.rpm_used < 5 && view.tpm_used + asked.tokens <= 1000,
            "{named}: over"
        );
    }
    let host = world.hosts[node.host.0];
    if next.reason.why == Why::Anyway {
        return;
    }
    let on_trial = host.state == HostState::Probing || view.breaker == BreakerState::HalfOpen;
    assert_ne!(host.state, HostState::Down, "{named}: its host is down");
    assert_ne!(view.breaker, BreakerState::Open, "{named}: cooling down");
    assert_eq!(next.is_trial, on_trial, "{named}");
    assert!(
        host.state != HostState::Probing || host.trial_free,
        "{named}: on trial"
    );
    assert!(
        view.breaker != BreakerState::HalfOpen || view.trial_free,
        "{named}: on trial"
    );
}

/// Nothing is tried twice but by a retry, and no group is fallen back to twice.
fn assert_fresh(seed: u64, tries: &[Try], next: &Try) {
    let same =
        |one: &&Try| one.deployment == next.deployment && one.upstream_model == next.upstream_model;
    if tries.iter().any(|one| same(&one)) {
        let retry = matches!(next.reason.why, Why::Retry { .. });
        assert!(retry, "seed {seed}: {} again without a retry", next.reason);
    }
    if next.kind == Kind::Fallback && next.reason.why != Why::Anyway {
        let twice = tries.iter().filter(|one| one.kind == Kind::Fallback);
        let twice = twice.filter(|one| one.reason.why != Why::Anyway);
        let mut twice = twice.filter(|one| one.group == next.group && same(one));
        assert!(twice.next().is_none(), "seed {seed}: {} twice", next.group);
    }
}

#[test]
fn no_try_is_ever_forbidden_off_full_or_twice_and_every_walk_ends() {
    let (mut served, mut refused, mut failed) = (0, 0, 0);
    for seed in 0..3_000 {
        match one_case(seed).map(|fault| fault.kind) {
            None => served += 1,
            Some(FaultKind::Forbidden | FaultKind::UnknownModel) => refused += 1,
            Some(_) => failed += 1,
        }
    }
    // The cases must be varied for the property to mean anything.
    assert!(
        served > 300 && refused > 100 && failed > 300,
        "{served} {refused} {failed}"
    );
}

#[test]
fn a_request_is_refused_for_its_tags_only_when_nothing_it_can_reach_carries_them() {
    for seed in 0..800 {
        let mut rng = Rng::with_seed(seed);
        let mut made = random_config(&mut rng);
        made.router.tags.enabled = true;
        // Everything reaches everything, so that the oracle needs no graph.
        made.router.fallbacks = chains("* -> a b c wild/x nobody");
        made.router.max_fallbacks = 5;
        let request = Ask {
            tags: some_tags(&mut rng),
            ..ask("a")
        };
        let world = World::of(&made);
        let Err(fault) = Walk::new(&world.table, request.clone(), seed) else {
            continue;
        };
        if fault.kind != FaultKind::Forbidden {
            continue;
        }
        let reachable = made.deployments.iter().filter(|one| &*one.group != "*");
        let fitting = reachable.filter(|one| allowed(&made, &request.tags, one, false));
        assert_eq!(fitting.count(), 0, "seed {seed}: {}", fault.message);
    }
}
