//! Orders and fallbacks: where a walk goes when a group is of no use.

use super::kit::{TWO_TIERS, World, ask, chains, falling, fault, kinds, targets};
use crate::base::FaultKind;
use crate::config::Router;
use crate::route::{Ask, AskedFallbacks, Kind};

use FaultKind::{Connect, ContextWindow, Overloaded, Refused, UpstreamError};

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
