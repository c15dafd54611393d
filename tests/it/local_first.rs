//! The main job: a local server first, a cloud behind it, and the local one killed under load.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::canned::{ollama, openai};
use crate::support::rig::{self, chat, chat_stream, quiet};
use crate::support::wait::{PATIENCE, now};
use crate::support::{End, Frame, Gateway, Reply, Upstream, wait_for};

const CLIENTS: usize = 20;

/// What the clients saw.
#[derive(Debug, Default)]
struct Seen {
    requests: AtomicUsize,
    errors: AtomicUsize,
    begun_and_cut: AtomicUsize,
    improper: AtomicUsize,
}

impl Seen {
    fn of_stream(&self, frames: &[Frame], end: End) {
        let is_error = |frame: &&Frame| {
            frame.data.is_some() && !frame.is_done() && frame.json()["error"]["message"].is_string()
        };
        let done = frames.iter().filter(|frame| frame.is_done()).count();
        let errors = frames.iter().filter(is_error).count();
        let proper = end == End::Whole && ((done == 1 && errors == 0) || errors == 1);
        self.improper
            .fetch_add(usize::from(!proper), Ordering::Relaxed);
        self.begun_and_cut.fetch_add(errors, Ordering::Relaxed);
    }
}

/// One client until told to stop: plain and streamed in turn.
fn client(gateway: &Gateway, number: usize, seen: &Seen, stop: &AtomicBool) {
    let mut n = number;
    while !stop.load(Ordering::Relaxed) {
        n += 1;
        seen.requests.fetch_add(1, Ordering::Relaxed);
        if n.is_multiple_of(2) {
            let answer = gateway.post("/v1/chat/completions", &chat("chat"));
            seen.errors
                .fetch_add(usize::from(answer.status != 200), Ordering::Relaxed);
        } else {
            let stream = gateway.stream("/v1/chat/completions", &chat_stream("chat"));
            if stream.status == 200 {
                let (frames, end) = stream.collect();
                seen.of_stream(&frames, end);
            } else {
                seen.errors.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

fn slow_ollama() -> Upstream {
    Upstream::start(|request| {
        let word = Duration::from_millis(8);
        if request.wants_stream() {
            let lines = ollama::stream("llama3.2", "one two three four five six");
            lines
                .iter()
                .fold(Reply::ndjson(), |reply, line| reply.pause(word).chunk(line))
                .end()
        } else {
            Reply::json(200, &ollama::chat("llama3.2", "local")).late(word * 4)
        }
    })
}

fn served_by(gateway: &Gateway, id: &str) -> Option<Instant> {
    let answer = gateway
        .post("/v1/chat/completions", &chat("chat"))
        .must_be(200);
    (answer.header("x-litellm-model-id") == Some(id)).then(now)
}

/// The local one first and the cloud behind it; `rank` is the key of the config that says so.
fn start(local: &Upstream, cloud: &Upstream, rank: &str) -> Gateway {
    let deployments = [
        rig::ollama("chat", local)
            .with(&format!("{rank}: 1"))
            .info("id: local"),
        rig::openai("chat", cloud)
            .with(&format!("{rank}: 2"))
            .info("id: cloud"),
    ];
    let settings = "router_settings: {allowed_fails: 3, cooldown_time: 60}\n";
    rig::start(&deployments, settings)
}

/// Tells the clients to stop, also when what runs beside them panics: they would be waited for.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What clients saw who asked while `meanwhile` ran: no error, and every stream with its end.
fn under_load(gateway: &Gateway, meanwhile: impl FnOnce(&Seen)) -> Seen {
    let (seen, stop) = (Seen::default(), AtomicBool::new(false));
    thread::scope(|scope| {
        let _stops = Stop(&stop);
        for number in 0..CLIENTS {
            let (seen, stop) = (&seen, &stop);
            scope.spawn(move || client(gateway, number, seen, stop));
        }
        meanwhile(&seen);
    });
    assert_eq!(seen.errors.load(Ordering::Relaxed), 0, "{seen:?}");
    assert_eq!(seen.improper.load(Ordering::Relaxed), 0, "{seen:?}");
    seen
}

#[test]
fn the_local_one_killed_under_load_costs_no_request_that_had_no_content() {
    let mut local = slow_ollama();
    let cloud = Upstream::start(openai::server("the cloud serves on"));
    let gateway = start(&local, &cloud, "priority");
    let seen = under_load(&gateway, |seen| {
        wait_for("load on the local one", PATIENCE, || {
            (local.requests().len() > 150 && local.counts().in_flight > 10).then_some(())
        });
        assert!(cloud.requests().is_empty(), "all of it was served locally");
        local.kill();
        let answer = gateway
            .post("/v1/chat/completions", &chat("chat"))
            .must_be(200);
        assert!(
            answer.took < Duration::from_secs(2),
            "the first after the kill: {:?}",
            answer.took
        );
        seen.requests.fetch_add(1, Ordering::Relaxed);
        wait_for("load on the cloud", PATIENCE, || {
            (cloud.requests().len() > 150).then_some(())
        });
    });
    quiet(&gateway, &[&cloud]);

    // Every request has its row, with all of its tries, and those that were cut are exactly those.
    let requests = seen.requests.load(Ordering::Relaxed);
    let rows = rig::rows(&gateway, requests);
    let cut = rows.iter().filter(|row| !row.error.is_empty()).count();
    assert_eq!(cut, seen.begun_and_cut.load(Ordering::Relaxed), "{seen:?}");
    assert!(cut > 0, "some had begun: {seen:?}");
    for row in &rows {
        let last = row.tries.last().map(String::as_str);
        assert_eq!(last == Some(""), row.error.is_empty(), "{row:?}");
        assert_eq!(row.status, 200, "{row:?}");
    }
    let tries: usize = rows.iter().map(|row| row.tries.len()).sum();
    let counted = gateway.sqlite("select count(*) from attempts");
    assert_eq!(counted[0][0], json!(tries));
    let down = gateway.get("/health").json();
    assert_eq!(down["unhealthy_count"], 1, "{down}");

    local.revive();
    wait_for(
        "the local one to serve again",
        Duration::from_secs(8),
        || served_by(&gateway, "local"),
    );
    let before = cloud.requests().len();
    for _ in 0..10 {
        served_by(&gateway, "local").unwrap();
    }
    assert_eq!(cloud.requests().len(), before, "and all of it");
    quiet(&gateway, &[&local, &cloud]);
}

#[test]
fn all_down_is_tried_anyway_and_told_as_it_is() {
    let mut local = Upstream::start(ollama::server("x"));
    let gateway = rig::start(
        &[rig::ollama("chat", &local)],
        "router_settings: {num_retries: 1}\n",
    );
    gateway
        .post("/v1/chat/completions", &chat("chat"))
        .must_be(200);
    local.kill();
    wait_for("it to be seen down", Duration::from_secs(5), || {
        (rig::unhealthy(&gateway).len() == 1).then_some(())
    });
    let answer = gateway.post("/v1/chat/completions", &chat("chat"));
    assert_eq!(answer.status, 500, "{}", answer.text());
    assert!(
        answer.text().contains("APIConnectionError"),
        "{}",
        answer.text()
    );
    assert!(answer.took < Duration::from_secs(5), "{:?}", answer.took);
    local.revive();
    // Without waiting for a probe: nothing else is there, so it is tried.
    gateway
        .post("/v1/chat/completions", &chat("chat"))
        .must_be(200);
    quiet(&gateway, &[&local]);
}

#[test]
fn a_quick_restart_under_load_is_over_long_before_the_cooldown() {
    let mut local = slow_ollama();
    let cloud = Upstream::start(openai::server("the cloud serves on"));
    let gateway = start(&local, &cloud, "order");
    let seen = under_load(&gateway, |_| {
        local.until_requests(50);
        local.kill();
        wait_for("load on the cloud", PATIENCE, || {
            (cloud.requests().len() > 30).then_some(())
        });
        local.revive();
        let before = local.requests().len();
        wait_for(
            "the local one to serve again",
            Duration::from_secs(8),
            || (local.requests().len() > before + 30).then_some(()),
        );
    });
    quiet(&gateway, &[&local, &cloud]);
    rig::rows(&gateway, seen.requests.load(Ordering::Relaxed));
}
