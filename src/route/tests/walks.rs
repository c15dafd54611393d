//! The rules of the walk, a test each.

use std::collections::BTreeMap;
use std::time::Duration;

use super::kit::{Run, World, ask, chains, fault, tagged, targets};
use crate::base::{BreakerState, FaultKind, HostState};
use crate::config::{Router, Strategy};
use crate::route::{Ask, AskedFallbacks, Kind, WaitReason};

use FaultKind::{
    Connect, ContextWindow, Overloaded, RateLimited, Refused, Reset, Timeout, UpstreamAuth,
    UpstreamError, UpstreamNotFound,
};

const TWO_TIERS: &str = "chat llama@h1 order=1\nchat gpt@c1 order=2";

fn falling(text: &str) -> Router {
    Router {
        fallbacks: chains(text),
        ..Router::default()
    }
}

fn kinds(run: &Run) -> Vec<Kind> {
    run.tries.iter().map(|one| one.kind).collect()
}

// --- first tries ---------------------------------------------------------------------------------

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

// --- what is passed over -------------------------------------------------------------------------

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

// --- retries -------------------------------------------------------------------------------------

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

// --- tiers and fallbacks -------------------------------------------------------------------------

#[test]
fn a_tier_uses_its_retries_before_the_next() {
    let mut world = World::new(TWO_TIERS, Router::default());
    let run = world.go("chat", &[("llama", UpstreamError)]);
    assert_eq!(
        run.steps,
        [
            "llama: order 1 of 2",
            "llama: retry 1 after 500",
            "llama: retry 2 after 500",
            "gpt: order 2 of 2: 500",
        ]
    );
}

#[test]
fn tiers_come_before_fallbacks_and_fallbacks_have_their_own() {
    let router = falling("chat -> mid far\nmid -> deep\nfar -> chat");
    let text = format!("{TWO_TIERS}\nmid m@c2\nfar f@c3\ndeep d@c4");
    let mut world = World::new(&text, router);
    let run = world.go(
        "chat",
        &[
            ("llama", Connect),
            ("gpt", Connect),
            ("m", Connect),
            ("d", Connect),
        ],
    );
    assert_eq!(
        run.steps,
        [
            "llama: order 1 of 2",
            "gpt: order 2 of 2: connect",
            "m: fallback from chat: connect",
            "d: fallback from mid: connect",
            "f: fallback from chat: connect",
        ]
    );
    let fallback = Kind::Fallback;
    assert_eq!(
        kinds(&run),
        [Kind::First, Kind::Tier, fallback, fallback, fallback]
    );
}

#[test]
fn cycles_end_and_the_first_groups_fault_is_given() {
    let router = falling("heavy -> cloud\ncloud -> heavy");
    let mut world = World::new("heavy h@h1\ncloud c@c1", router);
    let run = world.go("heavy", &[("h", UpstreamError), ("c", Overloaded)]);
    assert_eq!(run.kind(), UpstreamError);
    assert_eq!(
        run.tries
            .iter()
            .filter(|one| one.kind == Kind::Fallback)
            .count(),
        1
    );
}

#[test]
fn the_last_tiers_fault_is_given() {
    let mut world = World::new(TWO_TIERS, Router::default());
    let run = world.go("chat", &[("llama", Connect), ("gpt", Overloaded)]);
    assert_eq!(run.kind(), Overloaded);
}

#[test]
fn depth_is_bounded_breadth_is_not() {
    let text = "a a@h1\nb b@h2\nc c@h3\nd d@h4";
    let dead = [
        ("a", Connect),
        ("b", Connect),
        ("c", Connect),
        ("d", Connect),
    ];
    let tries = |fallbacks: &str, asked: Option<u32>, most: u32| {
        let mut router = falling(fallbacks);
        router.max_fallbacks = most;
        router.num_retries = 0;
        let ask = Ask {
            max_fallbacks: asked,
            ..ask("a")
        };
        let outcome = |name: &str| {
            dead.iter()
                .find(|(n, _)| *n == name)
                .map(|_| fault(Connect))
        };
        World::new(text, router).run(ask, 1, outcome).tries.len()
    };
    let nested = "a -> b\nb -> c\nc -> d";
    assert_eq!(tries(nested, None, 5), 4);
    assert_eq!(tries(nested, None, 2), 3);
    assert_eq!(tries(nested, Some(1), 5), 2);
    assert_eq!(tries(nested, Some(0), 5), 1);
    assert_eq!(tries("a -> b c d", None, 1), 4);
}

#[test]
fn default_fallbacks_take_what_has_no_own() {
    let mut router = falling("a -> b");
    router.default_fallbacks = targets("d");
    let mut world = World::new("a a@h1\nb b@h2\nc c@h3\nd d@h4", router);
    assert_eq!(
        world.go("c", &[("c", Connect)]).steps[1],
        "d: fallback from c: connect"
    );
    assert_eq!(
        world.go("a", &[("a", Connect)]).steps[1],
        "b: fallback from a: connect"
    );
    let unknown = world.go("unheard-of", &[]);
    assert_eq!(unknown.steps, ["d: only one"]);
}

#[test]
fn a_long_prompt_takes_its_own_way() {
    let mut router = falling("small -> other");
    router.context_window_fallbacks = chains("small -> large");
    let text = "small s@h1 order=1\nsmall t@h2 order=2\nlarge l@h3\nother o@h4\nplain p@h5";
    let mut world = World::new(text, router);
    let run = world.go("small", &[("s", ContextWindow)]);
    assert_eq!(
        run.steps,
        ["s: order 1 of 2", "l: fallback from small: context_window"]
    );
    // Without one of its own, the ordinary way.
    let mut world = World::new(text, falling("small -> other"));
    let run = world.go("small", &[("s", ContextWindow)]);
    assert_eq!(run.steps[1], "o: fallback from small: context_window");
    // Nowhere to go: the error itself, no retry, no sibling.
    let mut world = World::new(text, Router::default());
    let run = world.go("small", &[("s", ContextWindow)]);
    assert_eq!((run.tries.len(), run.kind()), (1, ContextWindow));
}

#[test]
fn a_requests_own_fallbacks_replace_the_configured() {
    let text = "a a@h1\nb b@h2\nc c@h3\nd d@h4";
    let go = |asked: AskedFallbacks| {
        let ask = Ask {
            fallbacks: Some(asked),
            ..ask("a")
        };
        let outcome = |name: &str| ["a", "c"].contains(&name).then(|| fault(Connect));
        World::new(text, falling("a -> b\nc -> b")).run(ask, 1, outcome)
    };
    let list = go(AskedFallbacks::List(vec![
        "c".into(),
        "a".into(),
        "d".into(),
    ]));
    assert_eq!(
        list.steps[1..],
        ["c: fallback from a: connect", "d: fallback from a: connect"]
    );
    let hops: Vec<Option<usize>> = list.tries.iter().map(|one| one.hop).collect();
    assert_eq!(
        hops,
        [None, Some(0), Some(2)],
        "the place in the list, for its overrides"
    );
    let maps = go(AskedFallbacks::Maps(vec![
        ("a".into(), vec!["c".into()]),
        ("c".into(), vec!["d".into()]),
    ]));
    assert_eq!(
        maps.steps[1..],
        ["c: fallback from a: connect", "d: fallback from c: connect"]
    );
    let none = go(AskedFallbacks::Maps(vec![("x".into(), vec!["b".into()])]));
    assert_eq!(none.kind(), Connect);
}

#[test]
fn fallbacks_can_be_switched_off_by_a_request() {
    let mut world = World::new("a a@h1\nb b@h2", falling("a -> b"));
    let ask = Ask {
        disable_fallbacks: true,
        num_retries: Some(0),
        ..ask("a")
    };
    let run = world.run(ask, 1, |_| Some(fault(Connect)));
    assert_eq!(run.tries.len(), 1);
}

#[test]
fn a_400_of_a_fallback_is_passed_over() {
    let mut world = World::new("a a@h1\nb b@h2\nc c@h3", falling("a -> b c"));
    let run = world.go("a", &[("a", Connect), ("b", Refused)]);
    assert_eq!(run.steps[2], "c: fallback from a: connect");
}

#[test]
fn a_group_that_is_not_well_falls_back_without_a_try() {
    let mut world = World::new("a a@h1\nb b@h2\nc c@h3", falling("a -> b\nb -> c"));
    world.down("a");
    world.cool("b", 5);
    let run = world.go("a", &[]);
    assert_eq!(run.steps, ["c: fallback from b: none available"]);
    assert_eq!(kinds(&run), [Kind::Fallback]);
}

// --- the last resort -----------------------------------------------------------------------------

#[test]
fn when_nobody_is_well_they_are_tried_anyway_once_each() {
    let mut world = World::new(
        "chat a@h1\nchat b@h2\nchat c@h3\nfar f@h4",
        falling("chat -> far"),
    );
    world.down("a");
    world.cool("b", 9);
    world.cool("c", 4);
    world.down("f");
    let all = [
        ("a", Connect),
        ("b", UpstreamError),
        ("c", UpstreamError),
        ("f", Connect),
    ];
    let run = world.go("chat", &all);
    let order: Vec<&str> = run
        .steps
        .iter()
        .map(|step| step.split(':').next().unwrap())
        .collect();
    assert_eq!(
        order,
        ["c", "b", "a", "f"],
        "soonest first, dead hosts last"
    );
    assert!(
        run.steps
            .iter()
            .all(|step| step.contains("all down, trying anyway"))
    );
    assert!(run.waits.is_empty());
    assert_eq!(run.kind(), Connect, "the last of the group asked for");
}

#[test]
fn fallbacks_that_are_well_come_before_trying_anyway() {
    let mut world = World::new("a a@h1\nb b@h2", falling("a -> b"));
    world.cool("a", 5);
    let run = world.go("a", &[("b", Refused)]);
    assert_eq!(
        run.steps,
        [
            "b: fallback from a: none available",
            "a: all down, trying anyway"
        ]
    );
    assert!(run.served());
}

#[test]
fn retries_bound_what_is_well() {
    let router = Router {
        num_retries: 1,
        ..Router::default()
    };
    let mut world = World::new("chat a@h1\nchat b@h2\nchat c@h3\nchat d@h4", router);
    world.cool("d", 5);
    let run = world.run(ask("chat"), 1, |_| Some(fault(UpstreamError)));
    assert_eq!(
        run.tries.len(),
        2,
        "c was well and not allowed: d is not tried anyway"
    );
}

#[test]
fn what_is_off_is_never_tried() {
    let mut world = World::new("chat a@h1 off\nchat b@h2", Router::default());
    world.switch_off("b");
    let run = world.go("chat", &[]);
    let fault = run.end.unwrap_err();
    assert_eq!(
        (run.tries.len(), fault.kind, fault.retry_after),
        (0, FaultKind::NoDeployment, None)
    );
    assert_eq!(
        fault.message,
        "No deployments available for selected model. Passed model=chat. b: off by you, a: off in \
         the config"
    );
}

#[test]
fn full_deployments_are_waited_for_and_never_overfilled() {
    let mut world = World::new("chat a@h1", Router::default());
    world.view("a").parallel_full = true;
    let run = world.go("chat", &[]);
    assert!(run.tries.is_empty());
    assert_eq!(
        run.waits
            .iter()
            .filter(|wait| wait.1 == WaitReason::Full)
            .count(),
        2
    );
    let fault = run.end.unwrap_err();
    assert_eq!(fault.kind, FaultKind::NoDeployment);
    assert_eq!(fault.retry_after, Some(Duration::from_secs(1)));
    assert!(
        fault
            .message
            .contains("Try again in 1 seconds. Passed model=chat."),
        "{fault}"
    );
}

#[test]
fn a_used_up_rpm_is_a_429_with_a_time() {
    let router = Router {
        strategy: Strategy::UsageBased,
        ..Router::default()
    };
    let mut world = World::new("chat a@h1 rpm=5", router);
    world.view("a").rpm_used = 5;
    let fault = world.go("chat", &[]).end.unwrap_err();
    assert_eq!(fault.retry_after, Some(Duration::from_secs(60)));
}

// --- tags ----------------------------------------------------------------------------------------

fn tagging(fallbacks: &str) -> Router {
    let mut router = falling(fallbacks);
    router.tags.enabled = true;
    router
}

#[test]
fn a_tagged_request_reaches_only_what_carries_all_its_tags() {
    let text = "chat local@h1 tags=pii,internal\nchat cloud@c1 tags=public";
    let mut world = World::new(text, tagging(""));
    for seed in 0..20 {
        let run = world.run(tagged("chat", &["pii", "team-7"]), seed, |_| {
            Some(fault(Connect))
        });
        assert!(
            run.steps.iter().all(|step| !step.starts_with("cloud")),
            "{:?}",
            run.steps
        );
    }
    world.down("local");
    let run = world.run(tagged("chat", &["pii"]), 1, |_| None);
    assert_eq!(
        run.steps,
        ["local: all down, trying anyway"],
        "down, but never forbidden"
    );
}

#[test]
fn a_forbidden_request_is_refused_naming_what_would_have_fitted() {
    let text = "fast local@h1 tags=pii,internal\nsmart cloud@c1 tags=public";
    let mut world = World::new(text, tagging("smart -> cloud"));
    let run = world.run(tagged("smart", &["pii", "team-7"]), 1, |_| None);
    let refused = run.end.unwrap_err();
    assert_eq!((run.tries.len(), refused.kind), (0, FaultKind::Forbidden));
    assert_eq!(
        refused.message,
        "Not allowed to access model due to tags configuration. Passed model=smart and \
         tags=[pii, team-7]. Deployments that carry all of [pii] serve: fast."
    );
    let run = world.run(tagged("smart", &["pii", "public"]), 1, |_| None);
    let message = run.end.unwrap_err().message;
    assert!(
        message.ends_with("No deployment carries all of [pii, public]."),
        "{message}"
    );
}

#[test]
fn tags_hold_on_fallbacks_aliases_ids_and_defaults() {
    let text = "smart cloud@c1 tags=public\nfast local@h1 tags=pii\nother o@c2";
    let mut router = tagging("smart -> other fast");
    router.aliases.insert("s".into(), ("smart".into(), false));
    router.default_fallbacks = targets("other fast");
    for model in ["smart", "s", "cloud", "unknown"] {
        let mut world = World::new(text, router.clone());
        let run = world.run(tagged(model, &["pii"]), 1, |_| None);
        assert_eq!(run.steps.len(), 1, "{model}");
        assert!(
            run.steps[0].starts_with("local: fallback from"),
            "{model}: {:?}",
            run.steps
        );
    }
    let mut world = World::new(text, router);
    assert_eq!(
        world.run(tagged("smart", &["pii"]), 1, |_| None).steps,
        ["local: fallback from other: tags"],
        "the default ones of `other` come before what is left of `smart`'s"
    );
}

#[test]
fn untagged_requests_use_the_default_ones_even_when_they_are_down() {
    let text = "chat a@h1 tags=default\nchat b@h2 tags=paid\nfree c@h3 tags=paid";
    let mut world = World::new(text, tagging(""));
    world.down("a");
    let run = world.run(tagged("chat", &["for-accounting"]), 1, |_| {
        Some(fault(Connect))
    });
    assert_eq!(run.steps, ["a: all down, trying anyway"]);
    assert_eq!(
        world.go("free", &[]).steps,
        ["c: only one"],
        "no default there: all"
    );
}
