//! Further tries within a group: who, how many, and after what pause.

use std::time::Duration;

use super::kit::{TWO_TIERS, World, ask, falling, fault, kinds};
use crate::base::{FaultKind, HostState};
use crate::config::Router;
use crate::route::{Ask, Kind, Step, Walk};

use FaultKind::{
    Connect, Overloaded, RateLimited, Refused, Reset, Timeout, UpstreamAuth, UpstreamError,
    UpstreamNotFound,
};

#[test]
fn a_retry_goes_to_an_untried_sibling_at_once() {
    let mut world = World::new("chat a@h1\nchat b@h2\nchat c@h3", Router::default());
    let run = world.run(ask("chat"), 3, |_| Some(fault(UpstreamError)));
    assert_eq!(run.tries.len(), 3);
    let mut names: Vec<&str> = run
        .tries
        .iter()
        .map(|one| world.name(one.deployment))
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["a", "b", "c"]);
    assert!(run.waits.is_empty());
    assert!(
        run.steps[2].ends_with("retry 2 after 500"),
        "{:?}",
        run.steps
    );
    assert_eq!(run.kind(), UpstreamError);
}

#[test]
fn alone_it_is_asked_again_after_a_doubling_backoff() {
    let mut world = World::new("chat a@h1", Router::default());
    let run = world.go("chat", &[("a", UpstreamError)]);
    assert_eq!(
        run.steps,
        [
            "a: only one",
            "wait: backoff before retry 1: 500",
            "a: retry 1 after 500",
            "wait: backoff before retry 2: 500",
            "a: retry 2 after 500",
        ]
    );
    for (wait, least) in run.waits.iter().zip([500, 1_000]) {
        let millis = wait.0.as_millis();
        assert!((least..least + 750).contains(&millis), "{millis}");
    }
}

#[test]
fn the_upstreams_retry_after_is_heard() {
    let mut world = World::new("chat a@h1", Router::default());
    let limited = || Some(fault(RateLimited).retry_after(Duration::from_secs(7)));
    let run = world.run(ask("chat"), 1, |_| limited());
    let millis = run.waits[0].0.as_millis();
    assert!((7_000..7_750).contains(&millis), "{millis}");
}

#[test]
fn whose_num_retries_counts() {
    let tries = |router: u32, own: &str, asked: Option<u32>| {
        let router = Router {
            num_retries: router,
            ..Router::default()
        };
        let mut world = World::new(&format!("chat a@h1 {own}"), router);
        let ask = Ask {
            num_retries: asked,
            ..ask("chat")
        };
        world
            .run(ask, 1, |_| Some(fault(UpstreamError)))
            .tries
            .len()
    };
    assert_eq!(tries(0, "", None), 1);
    assert_eq!(tries(4, "", None), 5);
    assert_eq!(tries(4, "retries=1", None), 2);
    assert_eq!(tries(4, "retries=1", Some(3)), 4);
    assert_eq!(tries(4, "retries=1", Some(0)), 1);
}

#[test]
fn retry_policy_counts_by_kind() {
    let mut router = Router::default();
    router.retry_policy.timeout = Some(0);
    router.retry_policy.server = Some(4);
    router.retry_policy.bad_request = Some(1);
    // (kind, tries, tries of a request that asks for none)
    for (kind, tries, none) in [
        (Timeout, 1, 1),
        (UpstreamError, 5, 1),
        (Refused, 2, 1),
        (Connect, 3, 1),
    ] {
        let mut world = World::new("chat a@h1", router.clone());
        assert_eq!(
            world.go("chat", &[("a", kind)]).tries.len(),
            tries,
            "{kind:?}"
        );
        let ask = Ask {
            num_retries: Some(0),
            ..ask("chat")
        };
        let run = world.run(ask, 1, |_| Some(fault(kind)));
        assert_eq!(run.tries.len(), none, "{kind:?}");
    }
}

#[test]
fn a_plain_400_goes_to_the_client_at_once() {
    let mut world = World::new(TWO_TIERS, falling("chat -> other"));
    let run = world.go("chat", &[("llama", Refused)]);
    assert_eq!((run.tries.len(), run.kind()), (1, Refused));
}

#[test]
fn a_refused_credential_is_retried_on_siblings_only() {
    let mut world = World::new("chat a@h1\nchat b@h2", Router::default());
    for kind in [UpstreamAuth, UpstreamNotFound] {
        let run = world.go("chat", &[("a", kind), ("b", kind)]);
        assert_eq!(run.tries.len(), 2, "each once");
        assert!(run.waits.is_empty());
    }
    let mut alone = World::new("chat a@h1", Router::default());
    assert_eq!(alone.go("chat", &[("a", UpstreamAuth)]).tries.len(), 1);
}

#[test]
fn who_refused_our_credential_is_not_asked_again_after_a_siblings_failure() {
    for seed in 0..20 {
        let router = Router {
            num_retries: 5,
            ..Router::default()
        };
        let mut world = World::new("chat a@h1\nchat b@h2", router);
        let run = world.run(ask("chat"), seed, |name| match name {
            "a" => Some(fault(UpstreamAuth)),
            _ => Some(fault(UpstreamError)),
        });
        let on_a = run
            .steps
            .iter()
            .filter(|step| step.starts_with("a:"))
            .count();
        assert_eq!((on_a, run.tries.len()), (1, 6), "{:?}", run.steps);
    }
}

#[test]
fn connections_that_never_came_about_cost_no_retry() {
    let text = "chat a@h1\nchat b@h2\nchat c@h3\nchat d@h4\nchat e@h5";
    let dead = [
        ("a", Connect),
        ("b", Connect),
        ("c", Connect),
        ("d", Connect),
    ];
    for seed in 0..20 {
        let mut world = World::new(text, Router::default());
        let run = world.run(ask("chat"), seed, |name| {
            dead.iter()
                .any(|(dead, _)| *dead == name)
                .then(|| fault(Connect))
        });
        assert!(run.served() && run.waits.is_empty(), "{:?}", run.steps);
    }
}

#[test]
fn a_dead_host_is_not_tried_by_another_model_on_it() {
    let router = falling("small -> big cloud");
    let mut world = World::new("small s@h1\nbig b@h1\ncloud c@c1", router);
    let run = world.go("small", &[("s", Connect), ("b", Connect)]);
    assert_eq!(
        run.steps,
        ["s: only one", "c: fallback from small: connect"]
    );
}

#[test]
fn a_reset_is_tried_again_at_once_once() {
    let mut world = World::new("chat a@h1", Router::default());
    let run = world.go("chat", &[("a", Reset)]);
    assert_eq!(run.tries.len(), 3);
    assert_eq!(run.waits.len(), 1, "{:?}", run.steps);
}

#[test]
fn what_took_a_whole_timeout_or_asked_for_a_pause_moves_on() {
    for kind in [Timeout, RateLimited, Connect] {
        let mut world = World::new(TWO_TIERS, Router::default());
        let run = world.go("chat", &[("llama", kind)]);
        assert_eq!(run.tries.len(), 2, "{kind:?}: {:?}", run.steps);
        assert_eq!(kinds(&run), [Kind::First, Kind::Tier]);
    }
    let mut world = World::new(TWO_TIERS, Router::default());
    let pausing = fault(Overloaded).retry_after(Duration::from_secs(2));
    let run = world.run(ask("chat"), 1, |name| {
        (name == "llama").then(|| pausing.clone())
    });
    assert_eq!(run.tries.len(), 2, "{:?}", run.steps);
}

#[test]
fn a_400_with_forced_retries_still_goes_no_further() {
    let mut router = falling("chat -> other");
    router.retry_policy.bad_request = Some(2);
    let mut world = World::new("chat a@h1\nother o@h2", router);
    let run = world.go("chat", &[("a", Refused)]);
    assert_eq!(
        (run.tries.len(), run.kind()),
        (3, Refused),
        "{:?}",
        run.steps
    );
}

#[test]
fn woken_early_it_waits_on_unless_a_sibling_has_become_well() {
    let mut world = World::new("chat a@h1\nchat b@h2", Router::default());
    world.down("b");
    let failed = fault(UpstreamError);
    let mut walk = Walk::new(&world.table, ask("chat"), 1).unwrap();
    let first = walk.next(&world.table, &world, None, world.now);
    assert!(matches!(first, Step::Try(_)));
    let wait = walk.next(&world.table, &world, Some(&failed), world.now);
    let Step::Wait { until, .. } = wait else {
        panic!("{wait:?}");
    };
    world.now = world.now.after(Duration::from_millis(100));
    assert_eq!(walk.next(&world.table, &world, None, world.now), wait);
    world.host_of("b").state = HostState::Up;
    let Step::Try(next) = walk.next(&world.table, &world, None, world.now) else {
        panic!("b is well");
    };
    assert!(world.now < until && world.name(next.deployment) == "b");
    assert_eq!(next.reason.to_string(), "retry 1 after 500");
}
