//! The read model, moved by a manual clock.

use std::time::Duration;

use super::*;
use crate::base::{Attempt, AttemptOutcome, CallId, ManualClock, Surface, Usage};

const NOON: Wall = Wall::from_micros(1_795_262_400_000_000);

fn live() -> (Live, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(NOON));
    let shared: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
    (Live::new(shared, Zone::utc()), clock)
}

fn record(model: &str, host: &str, ok: bool) -> Arc<RequestRecord> {
    let attempt = Attempt {
        deployment: "d1".into(),
        backend: "ollama/x".into(),
        group: "chat".into(),
        host: host.into(),
        reason: "only one".to_owned(),
        started_us: 10,
        took_us: 100_000,
        first_token_us: Some(20_000),
        status: Some(if ok { 200 } else { 500 }),
        outcome: if ok {
            AttemptOutcome::Served
        } else {
            AttemptOutcome::Failed
        },
        error: if ok {
            String::new()
        } else {
            "upstream_error".to_owned()
        },
        message: String::new(),
    };
    Arc::new(RequestRecord {
        call_id: CallId::new("c"),
        started: NOON,
        took_us: 100_000,
        first_token_us: Some(20_000),
        overhead_us: 50,
        surface: Surface::Chat,
        client_model: "chat".into(),
        group: "chat".into(),
        deployment: "d1".into(),
        model: model.into(),
        provider: "ollama".into(),
        host: host.into(),
        usage: Some(Usage {
            prompt: 10,
            completion: 9,
            ..Usage::default()
        }),
        window: None,
        cost: Some(NanoDollars(1_000)),
        status: if ok { 200 } else { 500 },
        error: if ok {
            String::new()
        } else {
            "upstream_error".to_owned()
        },
        key: "".into(),
        end_user: String::new(),
        user_agent: "".into(),
        client_addr: "".into(),
        tags: Vec::new(),
        stream: true,
        retries: 0,
        fallbacks: 0,
        bytes_in: 0,
        bytes_out: 0,
        attempts: vec![attempt],
    })
}

fn run(live: &Live, record: Arc<RequestRecord>) {
    let now = live.clock.mono();
    let slot = live.begin("c", &"chat".into(), &"curl".into(), now);
    live.end(slot, record, "chat", now);
}

#[test]
fn a_minute_is_counted_and_passes() {
    let (live, clock) = live();
    clock.advance(Duration::from_mins(1));
    for _ in 0..30 {
        run(&live, record("m", "h", true));
    }
    run(&live, record("m", "h", false));
    let now = live.numbers().now;
    assert_eq!((now.requests, now.errors), (31, 1));
    assert!((now.p50_ms.unwrap() - 100.0).abs() < 6.0, "{now:?}");
    assert!(
        (now.first_token_p50_ms.unwrap() - 20.0).abs() < 2.0,
        "{now:?}"
    );
    let speed = now.tokens_per_s.unwrap();
    assert!(
        (speed - 100.0).abs() < 6.0,
        "8 tokens in 80 ms, told {speed}"
    );
    clock.advance(Duration::from_secs(61));
    assert_eq!(live.numbers().now.requests, 0);
    assert_eq!(live.numbers().today.requests, 31);
}

#[test]
fn the_chart_keeps_a_quarter_of_an_hour() {
    let (live, clock) = live();
    run(&live, record("m", "h", true));
    clock.advance(Duration::from_mins(10));
    run(&live, record("m", "h", true));
    let series = live.numbers().series;
    assert_eq!(series.points.len(), 90);
    let at: Vec<usize> = (0..90)
        .filter(|place| series.points[*place].requests > 0)
        .collect();
    assert_eq!(at, [29, 89]);
    let spark = &live.numbers().backends["d1"].spark;
    assert_eq!((spark.len(), spark[29], spark[9]), (30, 1, 1));
    clock.advance(Duration::from_hours(24));
    assert!(
        live.numbers()
            .series
            .points
            .iter()
            .all(|point| point.requests == 0)
    );
}

#[test]
fn midnight_starts_the_day_again() {
    let (live, clock) = live();
    run(&live, record("m", "h", true));
    clock.advance(Duration::from_secs(12 * 3_600 - 1));
    assert_eq!(live.numbers().today.requests, 1);
    clock.advance(Duration::from_secs(1));
    assert_eq!(live.numbers().today.requests, 0);
}

#[test]
fn flights_come_and_go() {
    let (live, clock) = live();
    let first = live.begin("one", &"chat".into(), &"curl".into(), live.clock.mono());
    clock.advance(Duration::from_millis(5));
    let second = live.begin("two", &"chat".into(), &"curl".into(), live.clock.mono());
    live.attempt(second, &"ollama/x".into(), 2);
    live.content(second);
    let seen = live.numbers();
    assert_eq!(seen.in_flight.len(), 2);
    assert_eq!(
        (seen.in_flight[0].call_id.as_str(), seen.in_flight[0].age_ms),
        ("one", 5)
    );
    assert_eq!(
        (seen.in_flight[1].attempt, seen.in_flight[1].streaming),
        (2, true)
    );
    live.end(first, record("m", "h", true), "chat", live.clock.mono());
    live.end(second, record("m", "h", true), "chat", live.clock.mono());
    assert_eq!(live.in_flight(), 0);
    assert_eq!(live.numbers().recent.len(), 2);
}

#[test]
fn bursts_of_one_event_are_folded() {
    let (live, clock) = live();
    let happened = || Happened::new(EventKind::Cooldown, Severity::Warning, "a", "60 s, 429");
    live.event(happened());
    clock.advance(Duration::from_secs(1));
    live.event(happened());
    live.event(Happened::new(
        EventKind::Recover,
        Severity::Note,
        "a",
        "served again",
    ));
    clock.advance(Duration::from_secs(11));
    live.event(happened());
    let counts: Vec<(u64, u32)> = live
        .numbers()
        .events
        .iter()
        .map(|event| (event.seq, event.count))
        .collect();
    assert_eq!(counts, [(3, 1), (2, 1), (1, 2)]);
}

#[test]
fn an_outage_counts_what_others_served() {
    let (live, _clock) = live();
    let host: Arc<str> = "http://ollama:11434".into();
    live.host_down(&host, vec!["chat".into()]);
    run(&live, record("gpt-4o-mini", "https://api.openai.com", true));
    run(&live, record("gpt-4o-mini", "https://api.openai.com", true));
    run(
        &live,
        record("gpt-4o-mini", "https://api.openai.com", false),
    );
    let outages = live.numbers().outages;
    let outage = &outages[&host];
    assert_eq!(
        (outage.served_elsewhere, outage.failed, outage.cost),
        (2, 1, NanoDollars(2_000))
    );
    assert_eq!(outage.mostly_by().map(|name| &**name), Some("gpt-4o-mini"));
    live.host_up(&host);
    assert!(live.numbers().outages.is_empty());
}
