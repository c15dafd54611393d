//! What is tried when nobody is well, and what never is.

use std::time::Duration;

use super::kit::{World, ask, falling, fault};
use crate::base::FaultKind;
use crate::config::{Router, Strategy};
use crate::route::WaitReason;

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
