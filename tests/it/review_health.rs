//! What is held against a host and what is not: slow readers, servers that serve one at a time,
//! processes that stand still, proxies in the environment.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::support::canned::openai;
use crate::support::rig::{self, chat};
use crate::support::wait::PATIENCE;
use crate::support::{Gate, Upstream, wait_for};

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

/// Waits in real time: what is tested is how long somebody is patient.
fn stand_still(how_long: Duration) {
    Gate::new().wait(how_long);
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
