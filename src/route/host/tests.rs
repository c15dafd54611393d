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
        Some(at(2_150)),
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
