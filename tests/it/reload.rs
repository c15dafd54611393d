//! Changed configs come into force while requests run, and broken ones do not.

use std::fs;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use crate::support::canned::openai;
use crate::support::rig::{self, Entry, chat, chat_stream, quiet};
use crate::support::wait::now;
use crate::support::{End, Gate, Gateway, Reply, Upstream, check, wait_for};

/// Saving to in force.
const SOON: Duration = Duration::from_secs(1);

fn lists(gateway: &Gateway, group: &str) -> bool {
    let wanted = format!("\"id\":\"{group}\"");
    gateway.get("/v1/models").text().contains(&wanted)
}

/// Waits until the group is listed; the time it took, measured from `saved`, is bounded.
#[track_caller]
fn in_force(gateway: &Gateway, group: &str) {
    wait_for(&format!("{group} to be in force"), SOON, || {
        lists(gateway, group).then_some(())
    });
}

fn text(entries: &[Entry]) -> String {
    rig::config(entries, "")
}

#[test]
fn every_way_of_saving_is_seen_within_a_second() {
    let upstream = Upstream::start(openai::server("x"));
    let gateway = rig::start(&[rig::openai("zero", &upstream)], "");
    let path = gateway.home().join("config.yaml");
    let of = |group: &str| text(&[rig::openai(group, &upstream)]);
    // By rename, as editors do.
    gateway.write_config(&of("one"));
    in_force(&gateway, "one");
    // In place.
    fs::write(&path, of("two")).unwrap();
    in_force(&gateway, "two");
    // In place and of the same size.
    fs::write(&path, of("six")).unwrap();
    in_force(&gateway, "six");
    // Removed and written anew.
    fs::remove_file(&path).unwrap();
    fs::write(&path, of("four")).unwrap();
    in_force(&gateway, "four");
    // A link that is pointed elsewhere, as Kubernetes does.
    let target = gateway.home().join("real.yaml");
    fs::write(&target, of("five")).unwrap();
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(&target, &path).unwrap();
    in_force(&gateway, "five");
    // Behind the link.
    fs::write(&target, of("seven")).unwrap();
    in_force(&gateway, "seven");
    assert!(!lists(&gateway, "five"));
    quiet(&gateway, &[&upstream]);
}

#[test]
fn a_line_for_each_attempt_begins_and_ends_with_the_file() {
    let upstream = Upstream::start(openai::server("x"));
    let gateway = rig::start(&[rig::openai("zero", &upstream)], "");
    let served = || {
        gateway
            .post("/v1/chat/completions", &chat("chat"))
            .must_be(200);
        gateway.stderr().matches("served").count()
    };
    let with = |group: &str, settings: &str| {
        let entries = [
            rig::openai(group, &upstream),
            rig::openai("chat", &upstream),
        ];
        gateway.write_config(&rig::config(&entries, settings));
        in_force(&gateway, group);
    };
    with("one", "");
    assert_eq!(served(), 0);
    with("two", "litellm_settings: {set_verbose: true}\n");
    served();
    gateway.until_said("served");
    with("three", "");
    let before = served();
    assert_eq!(served(), before);
    quiet(&gateway, &[&upstream]);
}

#[test]
fn saved_again_and_again_the_last_one_wins() {
    let upstream = Upstream::start(openai::server("x"));
    let gateway = rig::start(&[rig::openai("zero", &upstream)], "");
    for n in 0..30 {
        gateway.write_config(&text(&[rig::openai(&format!("g{n}"), &upstream)]));
    }
    in_force(&gateway, "g29");
    quiet(&gateway, &[&upstream]);
}

#[test]
fn sighup_reloads_and_a_dotenv_counts() {
    let upstream = Upstream::start(openai::server("x"));
    let config = text(&[rig::entry(
        "chat",
        "openai/m",
        &format!("{}/v1", upstream.url()),
    )]);
    let config = config.replace("sk-upstream", "os.environ/E2E_KEY");
    let gateway = Gateway::builder(&config)
        .file(".env", "E2E_KEY=sk-one\n")
        .start();
    gateway
        .post("/v1/chat/completions", &chat("chat"))
        .must_be(200);
    fs::write(gateway.home().join(".env"), "E2E_KEY=sk-two\n").unwrap();
    wait_for("the new key to be used", SOON, || {
        gateway
            .post("/v1/chat/completions", &chat("chat"))
            .must_be(200);
        let last = upstream.requests().pop()?;
        (last.header("authorization") == Some("Bearer sk-two")).then_some(())
    });
    gateway.signal(Signal::HUP);
    gateway.until_said("SIGHUP: nothing changed");
    quiet(&gateway, &[&upstream]);
}

#[test]
fn a_bad_file_changes_nothing_and_says_where() {
    let upstream = Upstream::start(openai::server("x"));
    let gateway = rig::start(&[rig::openai("good", &upstream)], "");
    let good = |more: usize| {
        text(&[
            rig::openai("good", &upstream),
            rig::openai(&format!("more-{more}"), &upstream),
        ])
    };
    let bad = [
        ("model_list:\n- model_name: [\n", "config.yaml:"),
        ("model_list: 5\n", "config.yaml:1:"),
        ("", "config.yaml"),
    ];
    for (n, (bad, line)) in bad.into_iter().enumerate() {
        let before = gateway.stderr().len();
        gateway.write_config(bad);
        wait_for("the error to be said", SOON, || {
            let said = gateway.stderr();
            let said = said.get(before..)?;
            (said.contains(line) && said.contains("the config in force stays")).then_some(())
        });
        assert!(lists(&gateway, "good"));
        gateway
            .post("/v1/chat/completions", &chat("good"))
            .must_be(200);
        gateway.write_config(&good(n));
        in_force(&gateway, &format!("more-{n}"));
    }
    fs::remove_file(gateway.home().join("config.yaml")).unwrap();
    wait_for("the loss to be said", SOON, || {
        gateway
            .stderr()
            .contains("cannot read the config")
            .then_some(())
    });
    gateway
        .post("/v1/chat/completions", &chat("good"))
        .must_be(200);
    quiet(&gateway, &[&upstream]);
}

#[test]
fn what_is_in_flight_ends_on_the_config_it_began_with() {
    let gate = Gate::new();
    let wait = gate.clone();
    let word = |text: &str| openai::delta("mock-model", &json!({"content": text}));
    let (one, two) = (word("one "), word("two"));
    let old = Upstream::start(move |_| {
        let reply = Reply::sse().chunk(&one).wait(&wait).chunk(&two);
        reply
            .chunk(openai::finish("mock-model", "stop"))
            .chunk(openai::done())
            .end()
    });
    let new = Upstream::start(openai::server("from the new one"));
    let gateway = rig::start(&[rig::openai("chat", &old)], "");
    let mut stream = gateway.stream("/v1/chat/completions", &chat_stream("chat"));
    stream.frames().unwrap();
    gateway.write_config(&text(&[
        rig::openai("chat", &new),
        rig::openai("more", &new),
    ]));
    in_force(&gateway, "more");
    let answer = gateway
        .post("/v1/chat/completions", &chat("chat"))
        .must_be(200);
    assert!(answer.text().contains("from the new one"));
    gate.open();
    let (frames, end) = stream.collect();
    assert_eq!(end, End::Whole);
    check::ends_with_done(&frames);
    assert_eq!(check::openai_text(&frames), "two");
    quiet(&gateway, &[&old, &new]);
}

#[test]
fn new_tries_of_old_requests_must_be_allowed_by_the_new_config() {
    let gate = Gate::new();
    let wait = gate.clone();
    let first =
        Upstream::start(move |_| openai::error(500, "server_error", "boom").late_until(&wait));
    let removed = Upstream::start(openai::server("removed"));
    let entries = [
        rig::openai("chat", &first).with("order: 1"),
        rig::openai("chat", &removed).with("order: 2"),
    ];
    let sections = "router_settings: {num_retries: 0}\n";
    let gateway = rig::start(&entries, sections);
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| gateway.post("/v1/chat/completions", &chat("chat")));
        first.until("the request", |counts| counts.in_flight == 1);
        let kept = [entries[0].clone(), rig::openai("other", &first)];
        gateway.write_config(&rig::config(&kept, sections));
        in_force(&gateway, "other");
        gate.open();
        let answer = asked.join().unwrap();
        assert_eq!(answer.status, 500, "{}", answer.text());
    });
    assert!(removed.requests().is_empty());
    quiet(&gateway, &[&first, &removed]);
}

#[test]
fn a_cooldown_survives_a_reload() {
    let first = Upstream::start(|_| openai::rate_limited(60));
    let second = Upstream::start(openai::server("second"));
    let entries = [
        rig::openai("chat", &first).with("order: 1"),
        rig::openai("chat", &second).with("order: 2"),
    ];
    let gateway = rig::start(&entries, "");
    gateway
        .post("/v1/chat/completions", &chat("chat"))
        .must_be(200);
    let changed = [
        entries[0].clone().with("timeout: 33"),
        entries[1].clone(),
        rig::openai("more", &second),
    ];
    gateway.write_config(&text(&changed));
    in_force(&gateway, "more");
    gateway
        .post("/v1/chat/completions", &chat("chat"))
        .must_be(200);
    assert_eq!(first.requests().len(), 1, "still cooling down");
    assert_eq!(rig::unhealthy(&gateway).len(), 1);
    quiet(&gateway, &[&first, &second]);
}

#[test]
fn the_key_can_be_changed_without_a_restart() {
    let upstream = Upstream::start(openai::server("x"));
    let of = |key: &str| {
        rig::config(
            &[rig::openai("chat", &upstream)],
            &format!("general_settings: {{master_key: {key}}}\n"),
        )
    };
    let gateway = Gateway::builder(&of("sk-first-key-11")).start();
    let status = |key: &str| {
        crate::support::Ask::get("/v1/models")
            .key(key)
            .send(gateway.addr)
            .status
    };
    assert_eq!(status("sk-first-key-11"), 200);
    let began = now();
    gateway.write_config(&of("sk-second-key-22"));
    wait_for("the new key to open", SOON, || {
        (status("sk-second-key-22") == 200).then_some(())
    });
    assert_eq!(status("sk-first-key-11"), 401, "{:?}", began.elapsed());
}

#[test]
fn keys_that_need_a_restart_are_named() {
    let upstream = Upstream::start(openai::server("x"));
    let gateway = rig::start(&[rig::openai("chat", &upstream)], "");
    let entries = [rig::openai("chat", &upstream)];
    gateway.write_config(&rig::config(&entries, "general_settings: {port: 4123}\n"));
    let said = gateway.until_said("after a restart");
    assert!(said.contains("after a restart: port"), "{said}");
    gateway
        .post("/v1/chat/completions", &chat("chat"))
        .must_be(200);
}
