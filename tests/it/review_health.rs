//! What is held against a host and what is not: slow readers, servers that serve one at a time,
//! processes that stand still, proxies in the environment.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::support::canned::openai;
use crate::support::rig::{self, chat, quiet};
use crate::support::wait::{PATIENCE, now, stand_still};
use crate::support::{Gate, Gateway, Reply, Upstream, wait_for};

/// A server written by hand: `serve` gets each connection, on a thread of its own or one at a time.
fn by_hand(threaded: bool, serve: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let addr = listener.local_addr().unwrap();
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            if threaded {
                let serve = Arc::clone(&serve);
                thread::spawn(move || serve(stream));
            } else {
                serve(stream);
            }
        }
    });
    addr
}

/// Reads up to the end of a request's head; gives it and what came of the body.
fn head(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut seen = Vec::new();
    let mut piece = [0; 4_096];
    loop {
        if let Some(end) = seen.windows(4).position(|four| four == b"\r\n\r\n") {
            let body = seen.split_off(end + 4);
            return Some((String::from_utf8(seen).unwrap().to_lowercase(), body));
        }
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return None,
            Ok(n) => seen.extend_from_slice(&piece[..n]),
        }
    }
}

/// How long a head says that its body is.
fn length(head: &str) -> usize {
    let line = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    line.map_or(0, |length| length.trim().parse().unwrap())
}

/// Answers and closes; the other side may have gone.
fn answer(mut stream: TcpStream, body: &str) {
    let length = body.len();
    let text = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{body}"
    );
    drop(stream.write_all(text.as_bytes()));
}

#[test]
fn a_server_that_reads_a_long_prompt_slowly_gets_it_whole() {
    let server = by_hand(true, |mut stream| {
        let Some((head, mut body)) = head(&mut stream) else {
            return;
        };
        if head.starts_with("get") {
            return answer(stream, "{}");
        }
        // Its socket's buffers are full by now: it takes no byte for longer than any link is silent.
        stand_still(Duration::from_secs(4));
        let mut piece = vec![0; 1 << 16];
        while body.len() < length(&head) {
            match stream.read(&mut piece) {
                Ok(0) | Err(_) => return,
                Ok(n) => body.extend_from_slice(&piece[..n]),
            }
        }
        answer(
            stream,
            &openai::chat("mock-model", "read it all").to_string(),
        );
    });
    let base = format!("http://{server}/v1");
    let gateway = rig::start(&[rig::entry("chat", "openai/mock-model", &base)], "");
    let prompt = "word ".repeat(12 << 20 >> 2);
    let body = json!({"model": "chat", "messages": [{"role": "user", "content": prompt}]});
    let answer = gateway.post("/v1/chat/completions", &body).must_be(200);
    assert!(answer.text().contains("read it all"));
    assert_eq!(answer.header("x-litellm-attempted-retries"), Some("0"));
}

#[test]
fn probes_go_past_a_proxy_and_the_start_says_so() {
    let proxy = Upstream::start(openai::server("from the proxy"));
    let server = Upstream::start(openai::server("hello"));
    let gateway = rig::builder(&[rig::openai("chat", &server)], "")
        .env("HTTP_PROXY", &proxy.url())
        .env("http_proxy", &proxy.url())
        .start();
    wait_for("a probe", PATIENCE, || {
        (server.probes().len() > 1).then_some(())
    });
    gateway
        .post("/v1/chat/completions", &chat("chat"))
        .must_be(200);
    assert!(proxy.probes().is_empty() && proxy.requests().is_empty());
    assert!(
        gateway.stderr().contains("HTTP_PROXY is set and not used"),
        "{}",
        gateway.stderr()
    );
}

#[test]
fn two_deployments_on_one_machine_share_its_slots() {
    let server = Upstream::start(|request| {
        let model = request.json()["model"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        Reply::json(200, &openai::chat(&model, "ok")).late(Duration::from_millis(60))
    });
    let gateway = rig::start(
        &[
            rig::openai("one", &server).with("max_parallel_requests: 1"),
            rig::openai("two", &server).with("max_parallel_requests: 4"),
            rig::openai("three", &server),
        ],
        "router_settings: {num_retries: 8}\n",
    );
    thread::scope(|scope| {
        for group in ["one", "two", "three", "one", "two", "three"] {
            let gateway = &gateway;
            scope.spawn(move || {
                gateway
                    .post("/v1/chat/completions", &chat(group))
                    .must_be(200);
            });
        }
    });
    assert_eq!(server.counts().most_in_flight, 1);
    quiet(&gateway, &[&server]);
}

/// A server that serves one connection at a time and thinks so long about each request.
fn one_by_one(thinks: Duration) -> SocketAddr {
    by_hand(false, move |mut stream| {
        let Some((head, mut body)) = head(&mut stream) else {
            return;
        };
        if head.starts_with("get") {
            return answer(stream, "{}");
        }
        let mut piece = [0; 4_096];
        while body.len() < length(&head) {
            match stream.read(&mut piece) {
                Ok(0) | Err(_) => return,
                Ok(n) => body.extend_from_slice(&piece[..n]),
            }
        }
        stand_still(thinks);
        answer(stream, &openai::chat("mock-model", "at last").to_string());
    })
}

/// Events that say that a host went away.
fn went_down(gateway: &Gateway) -> usize {
    gateway.stderr().matches("kind=\"down\"").count()
}

#[test]
fn a_server_that_serves_one_at_a_time_is_waited_for() {
    let base = format!("http://{}/v1", one_by_one(Duration::from_secs(6)));
    let gateway = rig::start(&[rig::entry("chat", "openai/mock-model", &base)], "");
    let answer = gateway
        .post("/v1/chat/completions", &chat("chat"))
        .must_be(200);
    assert!(answer.text().contains("at last"));
    assert!(answer.took < Duration::from_secs(8), "{:?}", answer.took);
    assert_eq!(rig::rows(&gateway, 1)[0].tries, [""]);
}

#[test]
fn it_is_waited_for_beside_somebody_else_too() {
    let base = format!("http://{}/v1", one_by_one(Duration::from_secs(6)));
    let spare = Upstream::start(openai::server("from the spare"));
    let gateway = rig::start(
        &[
            rig::entry("chat", "openai/mock-model", &base).with("order: 1"),
            rig::openai("chat", &spare).with("order: 2"),
        ],
        "",
    );
    // Its first probe tells that it serves one at a time.
    wait_for("it to be known", PATIENCE, || {
        let health = gateway.get("/health").json();
        (health["healthy_count"] == 2).then_some(())
    });
    stand_still(Duration::from_millis(1_500));
    let answer = gateway
        .post("/v1/chat/completions", &chat("chat"))
        .must_be(200);
    assert!(answer.text().contains("at last"), "{}", answer.text());
    assert_eq!(rig::rows(&gateway, 1)[0].tries, [""]);
    assert_eq!(went_down(&gateway), 0);
}

#[test]
fn a_process_that_stands_still_costs_two_seconds_before_somebody_else() {
    let server = Upstream::start(openai::server("from the frozen one"));
    let spare = Upstream::start(openai::server("from the spare"));
    let gateway = rig::start(
        &[
            rig::openai("chat", &server).with("order: 1"),
            rig::openai("chat", &spare).with("order: 2"),
        ],
        "router_settings: {num_retries: 0}\n",
    );
    for round in 0..2 {
        wait_for("it to serve", PATIENCE, || {
            let answer = gateway
                .post("/v1/chat/completions", &chat("chat"))
                .must_be(200);
            answer.text().contains("from the frozen one").then_some(())
        });
        server.freeze();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let answer = gateway
                        .post("/v1/chat/completions", &chat("chat"))
                        .must_be(200);
                    assert!(answer.text().contains("from the spare"));
                    assert!(
                        answer.took < Duration::from_secs(2),
                        "{round}: {:?}",
                        answer.took
                    );
                });
            }
        });
        server.thaw();
    }
    quiet(&gateway, &[&spare]);
}

#[test]
fn a_process_that_stands_still_alone_is_waited_for() {
    let server = Upstream::start(openai::server("back again"));
    let gateway = rig::start(
        &[rig::openai("chat", &server)],
        "router_settings: {num_retries: 0}\n",
    );
    gateway
        .post("/v1/chat/completions", &chat("chat"))
        .must_be(200);
    server.freeze();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| gateway.post("/v1/chat/completions", &chat("chat")));
        stand_still(Duration::from_secs(5));
        server.thaw();
        let answer = waiting.join().unwrap().must_be(200);
        assert!(answer.text().contains("back again"));
        assert!(answer.took >= Duration::from_secs(4), "{:?}", answer.took);
    });
    assert_eq!(rig::rows(&gateway, 2)[1].tries, [""]);
    quiet(&gateway, &[&server]);
}

#[test]
fn a_process_that_stops_while_it_thinks_is_left_as_soon() {
    let gate = Gate::new();
    let server = Upstream::start({
        let gate = gate.clone();
        move |_request| Reply::json(200, &openai::chat("mock-model", "slow")).late_until(&gate)
    });
    let spare = Upstream::start(openai::server("from the spare"));
    let gateway = rig::start(
        &[
            rig::openai("chat", &server).with("order: 1"),
            rig::openai("chat", &spare).with("order: 2"),
        ],
        "router_settings: {num_retries: 0}\n",
    );
    thread::scope(|scope| {
        let asked = scope.spawn(|| gateway.post("/v1/chat/completions", &chat("chat")));
        server.until_requests(1);
        // It thinks for long and answers probes meanwhile: it is left alone.
        stand_still(Duration::from_secs(3));
        assert!(spare.requests().is_empty());
        server.freeze();
        let began = now();
        let answer = asked.join().unwrap().must_be(200);
        let took = began.elapsed();
        assert!(answer.text().contains("from the spare"));
        assert!(took < Duration::from_secs(2), "{took:?}");
    });
    gate.open();
    server.thaw();
    quiet(&gateway, &[&server, &spare]);
}
