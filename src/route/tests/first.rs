//! First tries: the strategies, and orders.

use std::collections::BTreeMap;
use std::time::Duration;

use super::kit::{TWO_TIERS, World, ask, fault, kinds};
use crate::base::{BreakerState, FaultKind, HostState};
use crate::config::{Router, Strategy};
use crate::route::{Ask, Kind};

use FaultKind::UpstreamError;

#[test]
fn a_lone_deployment_is_the_only_one() {
    let run = World::new("chat llama@h1", Router::default()).go("chat", &[]);
    assert_eq!(run.steps, ["llama: only one"]);
    assert_eq!(kinds(&run), [Kind::First]);
}

#[test]
fn the_lowest_order_that_is_well_goes_first_and_none_goes_last() {
    let text = "chat c@h3\nchat b@h2 order=7\nchat a@h1 order=-1";
    let mut world = World::new(text, Router::default());
    assert_eq!(world.go("chat", &[]).steps, ["a: order 1 of 3"]);
    world.cool("a", 10);
    assert_eq!(world.go("chat", &[]).steps, ["b: order 2 of 3"]);
    world.down("b");
    let run = world.go("chat", &[]);
    assert_eq!(run.steps, ["c: order 3 of 3"]);
    assert_eq!(kinds(&run), [Kind::First], "nothing failed on the way");
}

#[test]
fn least_busy_takes_the_fewest_in_flight() {
    let router = Router {
        strategy: Strategy::LeastBusy,
        ..Router::default()
    };
    let mut world = World::new("chat a@h1\nchat b@h2\nchat c@h3", router);
    world.view("a").in_flight = 3;
    world.view("b").in_flight = 2;
    world.view("c").in_flight = 5;
    assert_eq!(world.go("chat", &[]).steps, ["b: least busy (2 in flight)"]);
    world.cool("b", 5);
    assert_eq!(world.go("chat", &[]).steps, ["a: least busy (3 in flight)"]);
}

#[test]
fn models_on_one_self_hosted_machine_share_its_load() {
    let router = Router {
        strategy: Strategy::LeastBusy,
        ..Router::default()
    };
    let text = "chat a@h1\nchat b@h2\nbig x@h1\ncloud c@c1\ncloud d@c2\nother e@c1";
    let mut world = World::new(text, router);
    world.view("x").in_flight = 4;
    world.view("b").in_flight = 1;
    assert_eq!(world.go("chat", &[]).steps, ["b: least busy (1 in flight)"]);
    world.view("e").in_flight = 9;
    world.view("d").in_flight = 1;
    assert_eq!(
        world.go("cloud", &[]).steps,
        ["c: least busy (0 in flight)"],
        "clouds don't"
    );
}

#[test]
fn usage_based_takes_the_least_used_within_its_limits() {
    let router = Router {
        strategy: Strategy::UsageBased,
        ..Router::default()
    };
    let mut world = World::new("chat a@h1 rpm=10 tpm=1000\nchat b@h2", router);
    world.view("b").tpm_used = 500;
    assert_eq!(
        world.go("chat", &[]).steps,
        ["a: least used (0 tokens this minute)"]
    );
    world.view("a").rpm_used = 9;
    assert_eq!(world.go("chat", &[]).tries.len(), 1, "rpm: 10 serves ten");
    world.view("a").rpm_used = 10;
    assert_eq!(world.go("chat", &[]).steps, ["b: only healthy one"]);
    world.view("a").rpm_used = 0;
    let long = Ask {
        tokens: 1_001,
        ..ask("chat")
    };
    assert_eq!(world.run(long, 1, |_| None).steps, ["b: only healthy one"]);
}

/// How often each of a group is chosen in 20,000 first tries.
fn shares(world: &mut World) -> BTreeMap<String, f64> {
    let mut counts: BTreeMap<String, f64> = BTreeMap::new();
    for seed in 0..20_000 {
        let run = world.run(ask("chat"), seed, |_| None);
        let name = world.name(run.tries[0].deployment).to_owned();
        *counts.entry(name).or_default() += 1.0 / 20_000.0;
    }
    counts
}

#[test]
fn shuffle_weighs_only_when_every_sibling_has_a_weight() {
    let third = 1.0 / 3.0;
    // (config, expected shares of a, b, c)
    let table = [
        ("chat a@h1\nchat b@h2\nchat c@h3", [third, third, third]),
        (
            "chat a@h1 weight=1\nchat b@h2 weight=2\nchat c@h3 weight=1",
            [0.25, 0.5, 0.25],
        ),
        (
            "chat a@h1 weight=1\nchat b@h2 weight=2\nchat c@h3",
            [third, third, third],
        ),
        (
            "chat a@h1 weight=0\nchat b@h2 weight=2\nchat c@h3 weight=1",
            [0.0, 2.0 * third, third],
        ),
        (
            "chat a@h1 weight=0\nchat b@h2 weight=0\nchat c@h3 weight=0",
            [third, third, third],
        ),
        (
            "chat a@h1 rpm=60\nchat b@h2 rpm=30\nchat c@h3 rpm=10",
            [0.6, 0.3, 0.1],
        ),
        (
            "chat a@h1 tpm=3\nchat b@h2 tpm=3\nchat c@h3 tpm=4",
            [0.3, 0.3, 0.4],
        ),
        (
            "chat a@h1 weight=1 rpm=9\nchat b@h2 rpm=9\nchat c@h3 rpm=2",
            [0.45, 0.45, 0.1],
        ),
    ];
    for (text, expected) in table {
        let shares = shares(&mut World::new(text, Router::default()));
        for (name, expected) in ["a", "b", "c"].iter().zip(expected) {
            let got = shares.get(*name).copied().unwrap_or(0.0);
            assert!((got - expected).abs() < 0.015, "{text}\n{shares:?}");
        }
    }
}

#[test]
fn ties_are_drawn_at_random() {
    for strategy in [Strategy::LeastBusy, Strategy::UsageBased] {
        let router = Router {
            strategy,
            ..Router::default()
        };
        let shares = shares(&mut World::new("chat a@h1\nchat b@h2\nchat c@h3", router));
        assert!(
            shares
                .values()
                .all(|share| (share - 1.0 / 3.0).abs() < 0.015),
            "{shares:?}"
        );
    }
}

#[test]
fn the_same_seed_gives_the_same_walk() {
    let text = "chat a@h1\nchat b@h2\nchat c@h3\nchat d@h4";
    for seed in 0..50 {
        let outcome = |_: &str| Some(fault(UpstreamError));
        let one = World::new(text, Router::default()).run(ask("chat"), seed, outcome);
        let other = World::new(text, Router::default()).run(ask("chat"), seed, outcome);
        assert_eq!((one.steps, one.waits), (other.steps, other.waits));
    }
}

#[test]
fn what_is_not_well_is_passed_over() {
    let spoil: [fn(&mut World); 6] = [
        |world| world.down("a"),
        |world| world.cool("a", 5),
        |world| world.switch_off("a"),
        |world| world.view("a").parallel_full = true,
        |world| world.host_of("a").state = HostState::Probing,
        |world| world.view("a").breaker = BreakerState::HalfOpen,
    ];
    for (case, spoil) in spoil.iter().enumerate() {
        let mut world = World::new("chat a@h1\nchat b@h2", Router::default());
        spoil(&mut world);
        for seed in 0..20 {
            let run = world.run(ask("chat"), seed, |_| None);
            assert_eq!(run.steps, ["b: only healthy one"], "case {case}");
        }
    }
}

#[test]
fn a_free_trial_is_taken_and_said() {
    let mut world = World::new(TWO_TIERS, Router::default());
    world.view("llama").breaker = BreakerState::HalfOpen;
    world.view("llama").trial_free = true;
    let run = world.go("chat", &[]);
    assert_eq!(run.steps, ["llama: trial after cooldown"]);
    assert!(run.tries[0].is_trial);
    let mut world = World::new(TWO_TIERS, Router::default());
    world.host_of("llama").state = HostState::Probing;
    world.host_of("llama").trial_free = true;
    let run = world.go("chat", &[]);
    assert_eq!(run.steps, ["llama: trial of a host that is back"]);
    assert!(run.tries[0].is_trial);
}

#[test]
fn a_cooldown_that_is_just_over_needs_a_trial() {
    let mut world = World::new(TWO_TIERS, Router::default());
    world.cool("llama", 5);
    world.view("llama").trial_free = true;
    assert_eq!(world.go("chat", &[]).steps, ["gpt: order 2 of 2"]);
    world.now = world.now.after(Duration::from_secs(5));
    assert_eq!(world.go("chat", &[]).steps, ["llama: trial after cooldown"]);
}
