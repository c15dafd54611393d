//! What is tried when nobody is well, and what never is.

use std::time::Duration;

use super::kit::{World, ask, falling, fault};
use crate::base::{FaultKind, HostState};
use crate::config::{Router, Strategy};
use crate::route::{Step, WaitReason, Walk};

use FaultKind::{Connect, Refused, UpstreamError};

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
    assert_eq!(fault.retry_after, Some(Duration::from_mins(1)));
}

#[test]
fn who_becomes_well_while_others_are_tried_anyway_is_tried() {
    let mut world = World::new("chat a@h1\nchat b@h2", Router::default());
    world.cool("a", 5);
    world.down("b");
    let mut walk = Walk::new(&world.table, ask("chat"), 1).unwrap();
    let Step::Try(first) = walk.next(&world.table, &world, None, world.now) else {
        panic!("a should be tried");
    };
    assert_eq!(world.name(first.deployment), "a");
    let back = world.host_of("b");
    (back.state, back.trial_free) = (HostState::Probing, true);
    let failed = fault(UpstreamError);
    let Step::Try(next) = walk.next(&world.table, &world, Some(&failed), world.now) else {
        panic!("b is back");
    };
    assert!(world.name(next.deployment) == "b" && next.is_trial);
}

#[test]
fn a_slot_that_is_free_early_is_taken() {
    let mut world = World::new("chat a@h1", Router::default());
    world.view("a").parallel_full = true;
    let mut walk = Walk::new(&world.table, ask("chat"), 1).unwrap();
    let wait = walk.next(&world.table, &world, None, world.now);
    assert!(matches!(
        wait,
        Step::Wait {
            why: WaitReason::Full,
            ..
        }
    ));
    assert_eq!(
        walk.next(&world.table, &world, None, world.now),
        wait,
        "still full"
    );
    world.view("a").parallel_full = false;
    let step = walk.next(&world.table, &world, None, world.now);
    assert!(matches!(step, Step::Try(_)), "{step:?}");
}

#[test]
fn a_try_that_could_not_be_made_is_chosen_anew() {
    let mut world = World::new("chat a@h1 order=1\nchat b@h2 order=2", Router::default());
    let mut walk = Walk::new(&world.table, ask("chat"), 1).unwrap();
    let mut steps = Vec::new();
    for _ in 0..2 {
        match walk.next(&world.table, &world, None, world.now) {
            Step::Try(next) => {
                steps.push(format!("{} {}", world.name(next.deployment), next.reason));
            },
            other => panic!("{other:?}"),
        }
        world.view("a").parallel_full = true;
    }
    assert_eq!(steps, ["a order 1 of 2", "b order 2 of 2"]);
    // And it does not go on for ever when the view never learns of it.
    let ends = (0..100).find_map(|_| match walk.next(&world.table, &world, None, world.now) {
        Step::Give(fault) => Some(fault.kind),
        _ => None,
    });
    assert_eq!(ends, Some(FaultKind::NoDeployment));
}
