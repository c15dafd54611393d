//! The health of a host, observation by observation, on virtual time.

use super::*;

fn at(millis: u64) -> Mono {
    Mono::from_millis(millis)
}

const fn change(from: HostState, to: HostState) -> Change {
    Change { from, to }
}

/// Feeds observations a second apart and gives the state after each.
fn states(probed: bool, seen: &[Observation]) -> Vec<HostState> {
    let mut host = HostHealth::new(probed, Mono::ZERO);
    let mut now = Mono::ZERO;
    let mut states = Vec::new();
    for &observation in seen {
        now = now.after(Duration::from_secs(1));
        host.observe(observation, now);
        states.push(host.state());
    }
    states
}

#[test]
fn what_is_seen_decides() {
    use HostState::{Down, Probing, Unknown, Up};
    use Observation::{ConnectFailed, ProbeAnswered, ProbeFailed, TrafficAnswered};
    let table: [(&[Observation], &[HostState]); 8] = [
        (&[ProbeAnswered, ProbeFailed, ProbeFailed], &[Up, Up, Down]),
        (
            &[ProbeAnswered, ProbeFailed, ProbeAnswered, ProbeFailed],
            &[Up, Up, Up, Up],
        ),
        (&[ConnectFailed, ProbeFailed], &[Unknown, Down]),
        (&[ConnectFailed, ConnectFailed], &[Unknown, Unknown]),
        (
            &[TrafficAnswered, ProbeFailed, ConnectFailed],
            &[Up, Up, Down],
        ),
        (
            &[
                ProbeFailed,
                ProbeFailed,
                ProbeAnswered,
                ProbeAnswered,
                TrafficAnswered,
            ],
            &[Unknown, Down, Probing, Probing, Up],
        ),
        (
            &[ProbeFailed, ProbeFailed, ProbeAnswered, ConnectFailed],
            &[Unknown, Down, Probing, Down],
        ),
        (
            &[ProbeFailed, ProbeFailed, ProbeAnswered, ProbeFailed],
            &[Unknown, Down, Probing, Down],
        ),
    ];
    for (seen, expected) in table {
        assert_eq!(states(true, seen), expected, "{seen:?}");
    }
}

#[test]
fn a_cloud_is_never_down() {
    use Observation::{ConnectFailed, ProbeFailed, TrafficAnswered};
    let seen = [
        ConnectFailed,
        ProbeFailed,
        ProbeFailed,
        TrafficAnswered,
        ConnectFailed,
    ];
    let expected = [
        HostState::Unknown,
        HostState::Unknown,
        HostState::Unknown,
        HostState::Up,
        HostState::Up,
    ];
    assert_eq!(states(false, &seen), expected);
    assert_eq!(HostHealth::new(false, at(0)).next_probe_at(), None);
}

/// Runs the probe loop against a host that falls silent at `dead` and says when it is down.
fn down_after(dead: Mono, suspect_at: Option<Mono>) -> Duration {
    let mut host = HostHealth::new(true, Mono::ZERO);
    loop {
        let mut begin = host.next_probe_at().unwrap();
        if let Some(suspect) = suspect_at.filter(|&suspect| suspect < begin) {
            let mut early = host.clone();
            early.suspect(suspect);
            let brought = early.next_probe_at().unwrap();
            begin = begin.min(brought);
        }
        host.probe_begun(begin);
        let (end, seen) = if begin < dead {
            (
                begin.after(Duration::from_millis(2)),
                Observation::ProbeAnswered,
            )
        } else {
            (begin.after(PROBE_TIMEOUT), Observation::ProbeFailed)
        };
        let changed = host.observe(seen, end);
        if changed == Some(change(HostState::Up, HostState::Down)) {
            return end.since(dead);
        }
    }
}

#[test]
fn a_silent_host_is_down_within_five_seconds_without_traffic() {
    for dead in (0..4_000).step_by(37) {
        let took = down_after(at(10_000 + dead), None);
        assert!(took <= Duration::from_secs(5), "{took:?}");
    }
}

#[test]
fn a_waiting_request_finds_out_within_two_seconds() {
    for dead in (0..4_000).step_by(37) {
        // The request came when the host had just died, and has waited.
        let dead = at(10_000 + dead);
        let took = down_after(dead, Some(dead.after(SUSPECT_AFTER)));
        assert!(took <= Duration::from_secs(2), "{took:?}");
    }
}

#[test]
fn traffic_stands_in_for_probes() {
    let mut host = HostHealth::new(true, at(0));
    host.observe(Observation::TrafficAnswered, at(1_900));
    assert_eq!(host.next_probe_at(), Some(at(3_900)));
    host.suspect(at(1_950));
    assert_eq!(
        host.next_probe_at(),
        Some(at(2_300)),
        "it answered just now"
    );
}

#[test]
fn one_request_at_a_time_tries_a_host_that_is_back() {
    let mut host = HostHealth::new(true, at(0));
    assert!(
        !host.begin_trial(),
        "only a host that was down needs a trial"
    );
    host.observe(Observation::ProbeFailed, at(1));
    host.observe(Observation::ProbeFailed, at(2));
    assert!(!host.trial_free());
    host.observe(Observation::ProbeAnswered, at(3));
    assert!(host.begin_trial());
    assert!(!host.begin_trial(), "single flight");
    host.end_trial();
    assert!(host.trial_free());
}

#[test]
fn a_host_that_becomes_a_cloud_is_no_longer_down() {
    let mut host = HostHealth::new(true, at(0));
    host.observe(Observation::ProbeFailed, at(1));
    host.observe(Observation::ProbeFailed, at(2));
    let changed = host.set_probed(false, at(3));
    assert_eq!(changed, Some(change(HostState::Down, HostState::Unknown)));
}

/// A host with this manner that has answered, and was silent at these moments with so many requests
/// in flight and bytes last heard then; gives its state after each.
fn silences(manner: Manner, seen: &[(u64, u32, u64)]) -> Vec<HostState> {
    let mut host = HostHealth::new(true, Mono::ZERO);
    host.observe(Observation::ProbeAnswered, at(1));
    host.learn(manner);
    let each = seen.iter().map(|&(when, in_flight, heard)| {
        let load = Load {
            in_flight,
            heard: at(heard),
        };
        host.silence(load, at(when));
        host.state()
    });
    each.collect()
}

#[test]
fn silence_is_judged_by_what_is_on_the_host() {
    use HostState::{Down, Up};
    use Manner::{Many, OneByOne, Unknown};
    // With nothing in flight, everybody has to answer.
    for manner in [Unknown, Many, OneByOne] {
        assert_eq!(
            silences(manner, &[(2_000, 0, 0), (2_600, 0, 0)]),
            [Up, Down]
        );
    }
    // With requests in flight, those that serve many have to.
    for manner in [Unknown, Many] {
        assert_eq!(
            silences(manner, &[(2_000, 3, 0), (2_600, 3, 0)]),
            [Up, Down]
        );
    }
    // One that serves one after the other is at work, for a while.
    let work = [
        (2_000, 1, 0),
        (2_600, 1, 0),
        (30_000, 1, 0),
        (62_000, 1, 0),
        (64_000, 1, 0),
    ];
    assert_eq!(silences(OneByOne, &work), [Up, Up, Up, Up, Down]);
    // Once its request has left it, it has to answer.
    let left = [(2_000, 1, 0), (2_600, 1, 0), (4_000, 0, 0), (6_000, 0, 0)];
    assert_eq!(silences(OneByOne, &left), [Up, Up, Up, Down]);
    // Bytes that flow are an answer.
    let flow = [(2_000, 1, 1_900), (2_600, 1, 2_500), (4_600, 1, 4_600)];
    assert_eq!(silences(Unknown, &flow), [Up, Up, Up]);
    let stops = [(2_000, 1, 1_900), (2_600, 1, 2_000), (4_600, 1, 2_000)];
    assert_eq!(silences(Unknown, &stops), [Up, Up, Down]);
}

#[test]
fn a_silent_host_that_proves_to_be_gone_is_told_of_once_more() {
    let mut host = HostHealth::new(true, Mono::ZERO);
    host.observe(Observation::ProbeSilent, at(600));
    host.observe(Observation::ProbeSilent, at(1_200));
    assert!(host.is_silent());
    assert_eq!(host.falls(), 1);
    assert_eq!(host.observe(Observation::ProbeFailed, at(3_000)), None);
    assert!(!host.is_silent());
    assert_eq!((host.state(), host.falls()), (HostState::Down, 2));
    host.observe(Observation::ProbeFailed, at(5_000));
    assert_eq!(host.falls(), 2);
}

#[test]
fn the_manner_of_a_server_is_learned_from_its_answers() {
    let mut host = HostHealth::new(true, Mono::ZERO);
    host.observe(Observation::ProbeAnswered, at(1));
    host.suspect(at(1_000));
    host.silence(
        Load {
            in_flight: 1,
            heard: Mono::ZERO,
        },
        at(1_600),
    );
    host.observe(Observation::TrafficAnswered, at(6_000));
    assert_eq!(host.manner(), Manner::OneByOne, "it worked in silence");
    // One answer may come between two requests; two while a request waits do not.
    host.suspect(at(7_000));
    host.observe(Observation::ProbeAnswered, at(7_010));
    assert_eq!(host.manner(), Manner::OneByOne);
    host.suspect(at(7_500));
    host.observe(Observation::ProbeAnswered, at(7_510));
    assert_eq!(host.manner(), Manner::Many);
    // Another server may be there when it comes back.
    host.observe(Observation::ProbeFailed, at(9_000));
    host.observe(Observation::ProbeFailed, at(9_100));
    assert_eq!(host.manner(), Manner::Unknown);
}

#[test]
fn a_probe_that_waits_is_not_joined_by_others() {
    let mut host = HostHealth::new(true, Mono::ZERO);
    host.probe_begun(at(1_000));
    host.suspect(at(1_200));
    assert!(host.next_probe_at() > Some(at(1_600)));
    host.observe(Observation::ProbeSilent, at(1_600));
    host.suspect(at(2_000));
    assert!(host.next_probe_at() > Some(at(3_600)), "it reports by then");
    host.suspect(at(9_000));
    assert_eq!(host.next_probe_at(), Some(at(4_600)), "it did not");
}
