//! The breaker, rule by rule, on virtual time.

use super::*;

const CLOSED: BreakerState = BreakerState::Closed;
const OPEN: BreakerState = BreakerState::Open;
const HALF: BreakerState = BreakerState::HalfOpen;

fn at(secs: u64) -> Mono {
    Mono::from_millis(secs * 1_000)
}

fn rules(allowed_fails: AllowedFails, siblings: usize) -> Rules {
    Rules {
        allowed_fails,
        own_cooldown: None,
        cooldown: Duration::from_mins(1),
        disabled: false,
        siblings,
        has_fallback: false,
        wildcard: false,
    }
}

fn fault(kind: FaultKind) -> Fault {
    Fault::new(kind, "x")
}

fn fail(breaker: &mut Breaker, rules: &Rules, kind: FaultKind, now: Mono) -> Option<Change> {
    breaker.failure(rules, Failure::of(&fault(kind)), now)
}

#[test]
fn one_failure_by_kind_under_the_share_rule() {
    use FaultKind::{
        BadAnswer, ClientGone, Connect, ContentPolicy, ContextWindow, HostDown, InvalidRequest,
        Overloaded, Payment, RateLimited, Refused, Reset, Timeout, UpstreamAuth, UpstreamError,
        UpstreamNotFound,
    };
    // (kind, opens when alone, opens among siblings)
    let table = [
        (RateLimited, false, true),
        (UpstreamAuth, true, true),
        (UpstreamNotFound, true, true),
        (Payment, false, true),
        (UpstreamError, false, false),
        (Overloaded, false, false),
        (Timeout, false, false),
        (Connect, false, false),
        (Reset, false, false),
        (BadAnswer, false, false),
        (Refused, false, false),
        (ContextWindow, false, false),
        (ContentPolicy, false, false),
        (HostDown, false, false),
        (ClientGone, false, false),
        (InvalidRequest, false, false),
    ];
    for (kind, alone, among) in table {
        for (siblings, opens) in [(0, alone), (1, among)] {
            let rules = rules(AllowedFails::Share, siblings);
            let mut breaker = Breaker::default();
            let change = fail(&mut breaker, &rules, kind, at(1));
            assert_eq!(change.is_some(), opens, "{kind:?}, {siblings} siblings");
        }
    }
}

#[test]
fn a_403_never_cools_and_a_wildcard_not_for_unknown_models() {
    let mut breaker = Breaker::default();
    let forbidden = fault(FaultKind::UpstreamAuth).status(403);
    let plain = rules(AllowedFails::Share, 1);
    assert_eq!(
        breaker.failure(&plain, Failure::of(&forbidden), at(1)),
        None
    );
    let mut wildcard = plain;
    wildcard.wildcard = true;
    let change = fail(&mut breaker, &wildcard, FaultKind::UpstreamNotFound, at(1));
    assert_eq!(change, None);
}

#[test]
fn over_half_of_five_tries_opens() {
    let rules = rules(AllowedFails::Share, 1);
    let mut breaker = Breaker::default();
    breaker.success(at(1));
    breaker.success(at(1));
    let first: Vec<bool> = (2..5)
        .map(|secs| fail(&mut breaker, &rules, FaultKind::UpstreamError, at(secs)).is_some())
        .collect();
    assert_eq!(first, [false, false, true], "3 of 5");
    let why = OpenReason::Share {
        failed: 3,
        tries: 5,
    };
    assert_eq!(breaker.why(), Some(why));
}

#[test]
fn alone_it_takes_a_thousand_failures_and_no_success() {
    let rules = rules(AllowedFails::Share, 0);
    let mut breaker = Breaker::default();
    for number in 1..=1_000 {
        let opened = fail(&mut breaker, &rules, FaultKind::UpstreamError, at(1)).is_some();
        assert_eq!(opened, number == 1_000, "{number}");
    }
}

#[test]
fn allowed_fails_trips_on_the_next_one_within_the_window() {
    let rules = rules(AllowedFails::Count(3), 1);
    let mut breaker = Breaker::default();
    // The first falls out of the 60 s window before the fourth and fifth come.
    let times = [0, 50, 55, 61, 62];
    let opened: Vec<bool> = times
        .iter()
        .map(|&secs| fail(&mut breaker, &rules, FaultKind::Connect, at(secs)).is_some())
        .collect();
    assert_eq!(opened, [false, false, false, false, true]);
    assert_eq!(breaker.ready_at(), at(122));
}

#[test]
fn allowed_fails_counts_429_and_401_like_the_rest() {
    let rules = rules(AllowedFails::Count(1), 1);
    let mut breaker = Breaker::default();
    assert_eq!(
        fail(&mut breaker, &rules, FaultKind::RateLimited, at(1)),
        None
    );
    assert_eq!(breaker.fails(&rules, at(1)), (1, Some(1)));
    assert!(fail(&mut breaker, &rules, FaultKind::UpstreamAuth, at(1)).is_some());
}

#[test]
fn a_lone_deployment_is_exempt_from_the_count_unless_it_has_fallbacks() {
    let mut rules = rules(AllowedFails::Count(0), 0);
    let mut breaker = Breaker::default();
    assert_eq!(fail(&mut breaker, &rules, FaultKind::Connect, at(1)), None);
    rules.has_fallback = true;
    assert!(fail(&mut breaker, &rules, FaultKind::Connect, at(2)).is_some());
}

#[test]
fn whose_cooldown_time_counts() {
    let second = Duration::from_secs(1);
    // (deployment's, Retry-After, expected)
    let table = [
        (None, None, Some(60 * second)),
        (None, Some(7 * second), Some(7 * second)),
        (Some(20 * second), Some(7 * second), Some(20 * second)),
        (None, Some(Duration::ZERO), None),
        (Some(Duration::ZERO), Some(7 * second), None),
    ];
    for (own, asked, expected) in table {
        let mut rules = rules(AllowedFails::Count(0), 1);
        rules.own_cooldown = own;
        let mut fault = fault(FaultKind::RateLimited);
        fault.retry_after = asked;
        let mut breaker = Breaker::default();
        let change = breaker.failure(&rules, Failure::of(&fault), at(1));
        let wait = change.map(|change| match change {
            Change::Opened { wait, .. } => wait,
            Change::Closed => Duration::ZERO,
        });
        assert_eq!(wait, expected, "{own:?} {asked:?}");
    }
}

#[test]
fn disabled_cooldowns_never_open() {
    let mut rules = rules(AllowedFails::Count(0), 1);
    rules.disabled = true;
    let mut breaker = Breaker::default();
    for _ in 0..50 {
        assert_eq!(
            fail(&mut breaker, &rules, FaultKind::UpstreamError, at(1)),
            None
        );
    }
    assert_eq!(breaker.state(at(1)), CLOSED);
}

#[test]
fn a_cooldown_is_never_shortened_and_only_a_rate_limit_prolongs_it() {
    let rules = rules(AllowedFails::Count(0), 1);
    let mut breaker = Breaker::default();
    fail(&mut breaker, &rules, FaultKind::Connect, at(0));
    assert_eq!(breaker.ready_at(), at(60));
    fail(&mut breaker, &rules, FaultKind::Connect, at(10));
    let soon = fault(FaultKind::RateLimited).retry_after(Duration::from_secs(5));
    breaker.failure(&rules, Failure::of(&soon), at(20));
    assert_eq!(breaker.ready_at(), at(60));
    let late = fault(FaultKind::RateLimited).retry_after(Duration::from_secs(90));
    breaker.failure(&rules, Failure::of(&late), at(30));
    assert_eq!(
        (breaker.ready_at(), breaker.cooldown()),
        (at(120), Some(Duration::from_mins(2)))
    );
}

#[test]
fn one_trial_at_a_time_decides_after_the_cooldown() {
    let rules = rules(AllowedFails::Count(0), 1);
    let mut breaker = Breaker::default();
    fail(&mut breaker, &rules, FaultKind::Connect, at(0));
    assert_eq!(
        (breaker.state(at(59)), breaker.trial_free(at(59))),
        (OPEN, false)
    );
    assert_eq!(breaker.state(at(60)), HALF);
    assert!(breaker.begin_trial(at(60)));
    assert!(!breaker.begin_trial(at(60)), "single flight");
    let again = fail(&mut breaker, &rules, FaultKind::Overloaded, at(61));
    let why = OpenReason::Trial(FaultKind::Overloaded);
    let wait = Duration::from_mins(1);
    assert_eq!(
        again,
        Some(Change::Opened { wait, why }),
        "a failed trial reopens at once"
    );
    breaker.end_trial();
    assert_eq!((breaker.state(at(62)), breaker.in_row()), (OPEN, 2));
    assert!(breaker.begin_trial(at(121)));
    assert_eq!(breaker.success(at(122)), Some(Change::Closed));
    breaker.end_trial();
    assert_eq!((breaker.state(at(122)), breaker.in_row()), (CLOSED, 0));
}

#[test]
fn a_request_turned_down_as_such_proves_the_backend_well() {
    let rules = rules(AllowedFails::Count(0), 1);
    let mut breaker = Breaker::default();
    fail(&mut breaker, &rules, FaultKind::Connect, at(0));
    let change = fail(&mut breaker, &rules, FaultKind::Refused, at(60));
    assert_eq!(change, Some(Change::Closed));
}

#[test]
fn success_during_the_cooldown_changes_nothing() {
    let rules = rules(AllowedFails::Count(0), 1);
    let mut breaker = Breaker::default();
    fail(&mut breaker, &rules, FaultKind::Connect, at(0));
    assert_eq!(breaker.success(at(1)), None);
    assert_eq!(breaker.state(at(2)), OPEN);
    breaker.clear();
    assert_eq!(breaker.state(at(2)), CLOSED);
}

#[test]
fn what_is_the_hosts_or_the_clients_matter_does_not_count() {
    let rules = rules(AllowedFails::Count(0), 1);
    let mut breaker = Breaker::default();
    let connect = fault(FaultKind::Connect);
    let timeout = fault(FaultKind::Timeout);
    let down = Failure {
        host_down: true,
        ..Failure::of(&connect)
    };
    let impatient = Failure {
        client_timeout: true,
        ..Failure::of(&timeout)
    };
    assert_eq!(breaker.failure(&rules, down, at(1)), None);
    assert_eq!(breaker.failure(&rules, impatient, at(1)), None);
    assert!(
        breaker
            .failure(&rules, Failure::of(&connect), at(1))
            .is_some()
    );
}

#[test]
fn a_host_that_is_back_ends_a_cooldown_that_came_of_its_absence_alone() {
    use FaultKind::{Connect, Reset, UpstreamError};
    let rules = rules(AllowedFails::Count(1), 1);
    let cases = [
        ([Connect, Connect], HALF),
        ([Reset, Connect], HALF),
        ([UpstreamError, Connect], OPEN),
        ([Connect, UpstreamError], OPEN),
    ];
    for (kinds, expected) in cases {
        let mut breaker = Breaker::default();
        for kind in kinds {
            fail(&mut breaker, &rules, kind, at(10));
        }
        assert_eq!(breaker.state(at(12)), OPEN);
        breaker.host_answers(true, at(12));
        assert_eq!(breaker.state(at(12)), expected, "{kinds:?}");
    }
    // What happened long ago is no reason against it, and a failed trial cools down again.
    let mut breaker = Breaker::default();
    fail(&mut breaker, &rules, UpstreamError, at(10));
    fail(&mut breaker, &rules, Connect, at(100));
    fail(&mut breaker, &rules, Connect, at(100));
    breaker.host_answers(true, at(101));
    assert!(breaker.begin_trial(at(101)));
    fail(&mut breaker, &rules, UpstreamError, at(102));
    breaker.end_trial();
    breaker.host_answers(true, at(103));
    assert_eq!(breaker.state(at(103)), OPEN);
}

#[test]
fn a_host_never_seen_down_must_have_refused_a_connection() {
    use FaultKind::{Connect, Reset};
    let rules = rules(AllowedFails::Count(1), 1);
    let cases = [
        (&[Reset, Reset][..], OPEN),
        (&[Connect, Reset], HALF),
        (&[Reset, Reset, Connect], HALF),
    ];
    for (kinds, expected) in cases {
        let mut breaker = Breaker::default();
        for kind in kinds {
            fail(&mut breaker, &rules, *kind, at(10));
        }
        breaker.host_answers(false, at(12));
        assert_eq!(breaker.state(at(12)), expected, "{kinds:?}");
    }
}
