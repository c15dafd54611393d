//! The upstream does exactly what its script says, seen by the client of the harness.

use std::io::ErrorKind;
use std::time::Duration;

use serde_json::json;

use crate::support::canned::{anthropic, ollama, openai};
use crate::support::reply::{Gate, Reply};
use crate::support::wait::now;
use crate::support::{Ask, End, Line, Upstream, check};

const CHAT: &str = "/v1/chat/completions";

fn ask() -> Ask {
    Ask::post(
        CHAT,
        &json!({"model": "m", "stream": false, "messages": []}),
    )
}

fn upstream() -> Upstream {
    Upstream::start(openai::server("Grüße aus Köln"))
}

#[test]
fn whole_answers_statuses_and_headers() {
    let upstream = upstream();
    upstream
        .push(openai::rate_limited(7))
        .push(openai::error(500, "server_error", "boom"));
    let limited = ask().send(upstream.addr).must_be(429);
    assert_eq!(limited.header("Retry-After"), Some("7"));
    assert_eq!(
        ask().send(upstream.addr).must_be(500).json()["error"]["message"],
        "boom"
    );
    let answer = ask().key("k").send(upstream.addr).must_be(200).json();
    assert_eq!(answer["choices"][0]["message"]["content"], "Grüße aus Köln");
    let asked = upstream.until_requests(3);
    assert_eq!(asked[2].header("authorization"), Some("Bearer k"));
    assert_eq!(
        (asked[2].json()["model"].as_str(), asked[2].connection),
        (Some("m"), 2)
    );
    upstream.until("rest", |c| {
        c.in_flight == 0 && c.open == 0 && c.given_up == 0
    });
}

#[test]
fn connections_are_kept_and_probes_stand_apart() {
    let upstream = upstream();
    upstream.push(openai::error(500, "server_error", "not for probes"));
    let mut line = Line::connect(upstream.addr).unwrap();
    for path in ["/health", "/api/version", "/v1/models", "/"] {
        assert_eq!(line.send(&Ask::get(path)).unwrap().status, 200, "{path}");
    }
    assert_eq!(line.send(&ask()).unwrap().status, 500);
    assert_eq!(line.send(&ask()).unwrap().status, 200);
    assert_eq!((upstream.probes().len(), upstream.requests().len()), (4, 2));
    assert_eq!(upstream.counts().connections, 1);
    upstream.probe_with(Reply::json(503, &json!({})));
    assert_eq!(line.send(&Ask::get("/health")).unwrap().status, 503);
}

#[test]
fn idle_connections_are_closed() {
    let upstream = upstream();
    upstream.close_idle_after(Duration::from_millis(30));
    let mut line = Line::connect(upstream.addr).unwrap();
    assert_eq!(line.send(&ask()).unwrap().status, 200);
    upstream.until("the idle close", |counts| counts.open == 0);
    assert!(line.send(&ask()).is_err());
}

#[test]
fn answers_that_announce_the_close_do_close() {
    let upstream = upstream();
    upstream.push(Reply::json(200, &json!({})).close_after());
    let mut line = Line::connect(upstream.addr).unwrap();
    assert_eq!(
        line.send(&ask()).unwrap().header("connection"),
        Some("close")
    );
    assert!(line.send(&ask()).is_err());
}

#[test]
fn frames_come_when_the_gate_opens_and_not_before() {
    let (upstream, gate) = (upstream(), Gate::new());
    let frames = openai::stream("m", "one two", true);
    let reply = Reply::sse()
        .chunks(&frames[..2])
        .wait(&gate)
        .chunks(&frames[2..])
        .end();
    upstream.push(reply);
    let mut stream = ask().open(upstream.addr);
    assert_eq!(stream.header("content-type"), Some("text/event-stream"));
    let mut seen = Vec::new();
    while seen.len() < 2 {
        seen.extend(stream.frames().unwrap());
    }
    assert_eq!((seen.len(), upstream.counts().in_flight), (2, 1));
    gate.open();
    let (rest, end) = stream.collect();
    seen.extend(rest);
    assert_eq!(end, End::Whole);
    check::ends_with_done(&seen);
    assert_eq!(check::openai_text(&seen), "one two");
    assert_eq!(check::openai_finish(&seen), ["stop"]);
}

#[test]
fn splits_inside_an_event_and_inside_a_character_arrive_as_told() {
    let upstream = upstream();
    let frame = openai::delta("m", &json!({"content": "Grüße"}));
    let umlaut = frame.find('ü').unwrap();
    upstream.push(
        Reply::sse()
            .cut_at(frame.as_bytes(), &[4, umlaut + 1])
            .end(),
    );
    let mut stream = ask().open(upstream.addr);
    let mut pieces = Vec::new();
    let end = loop {
        match stream.piece() {
            Ok(piece) => pieces.push(piece),
            Err(end) => break end,
        }
    };
    let lengths: Vec<usize> = pieces.iter().map(Vec::len).collect();
    assert_eq!(lengths, [4, umlaut - 3, frame.len() - umlaut - 1]);
    assert!(str::from_utf8(&pieces[1]).is_err());
    assert_eq!((pieces.concat(), end), (frame.into_bytes(), End::Whole));
}

#[test]
fn streams_die_by_fin_by_reset_and_without_done() {
    let upstream = upstream();
    let frames = openai::stream("m", "one two", false);
    let cases = [
        (Reply::sse().chunks(&frames[..2]).fin(), 2, End::Cut),
        (
            Reply::sse()
                .chunks(&frames[..2])
                .pause(Duration::from_millis(20))
                .reset(),
            2,
            End::Reset,
        ),
        (
            Reply::sse().chunks(&frames[..frames.len() - 1]).end(),
            frames.len() - 1,
            End::Whole,
        ),
    ];
    for (reply, n, wanted) in cases {
        upstream.push(reply);
        let (seen, end) = ask().open(upstream.addr).collect();
        assert_eq!((seen.len(), end), (n, wanted));
        assert!(!seen.iter().any(super::super::Frame::is_done));
    }
    upstream.until("rest", |counts| counts.open == 0);
}

#[test]
fn silence_then_a_comment_then_the_end() {
    let upstream = upstream();
    let silence = Duration::from_millis(60);
    upstream.push(Reply::sse().pause(silence).chunk(": still here\n\n").fin());
    let (frames, end) = ask().open(upstream.addr).collect();
    assert_eq!(end, End::Cut);
    assert_eq!(frames[0].comment.as_deref(), Some("still here"));
    assert!(frames[0].at >= silence);
}

#[test]
fn heads_can_be_late_or_slow() {
    let (upstream, gate) = (upstream(), Gate::new());
    let slow = Duration::from_millis(2);
    upstream.push(
        Reply::json(200, &json!({}))
            .late(slow * 10)
            .slow_head(16, slow),
    );
    let answer = ask().send(upstream.addr).must_be(200);
    assert!(answer.took >= slow * 14, "{:?}", answer.took);
    upstream.push(Reply::json(200, &json!({})).late_until(&gate));
    let waiting = std::thread::spawn({
        let addr = upstream.addr;
        move || ask().send(addr)
    });
    upstream.until("the request", |counts| counts.in_flight == 1);
    gate.open();
    waiting.join().unwrap().must_be(200);
}

#[test]
fn hang_close_and_reset_before_the_first_byte() {
    let upstream = upstream();
    upstream
        .push(Reply::hang())
        .push(Reply::close())
        .push(Reply::refuse());
    let error = ask()
        .patience(Duration::from_millis(50))
        .try_send(upstream.addr)
        .unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        "{error}"
    );
    upstream.until("the client's leaving", |counts| counts.given_up == 1);
    let error = ask().try_open(upstream.addr).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    let error = ask().try_send(upstream.addr).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn refused_killed_and_back_on_the_same_port() {
    let mut upstream = upstream();
    let frames = openai::stream("m", "one two", false);
    upstream.push(Reply::sse().chunks(&frames[..2]).wait(&Gate::new()));
    let mut stream = ask().open(upstream.addr);
    let mut seen = stream.frames().unwrap();
    while seen.len() < 2 {
        seen.extend(stream.frames().unwrap());
    }
    upstream.refuse();
    let error = ask().try_send(upstream.addr).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(upstream.counts().in_flight, 1);
    upstream.kill();
    let (more, end) = stream.collect();
    assert_eq!((more.len(), end), (0, End::Cut));
    upstream.revive();
    ask().send(upstream.addr).must_be(200);
}

#[test]
fn a_frozen_server_connects_and_says_nothing() {
    let upstream = upstream();
    let mut warm = Line::connect(upstream.addr).unwrap();
    warm.send(&ask()).unwrap();
    upstream.freeze();
    let short = ask().patience(Duration::from_millis(40));
    for error in [
        short.try_send(upstream.addr).unwrap_err(),
        warm.send(&short).unwrap_err(),
    ] {
        assert!(
            matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
            "{error}"
        );
    }
    upstream.thaw();
    ask().send(upstream.addr).must_be(200);
}

#[test]
fn the_greatest_number_in_flight_is_counted() {
    let (upstream, gate) = (upstream(), Gate::new());
    let held = gate.clone();
    upstream.always(move |_| Reply::json(200, &json!({})).late_until(&held));
    let addr = upstream.addr;
    let clients: Vec<_> = (0..5)
        .map(|_| std::thread::spawn(move || ask().send(addr)))
        .collect();
    upstream.until("five at once", |counts| counts.in_flight == 5);
    gate.open();
    for client in clients {
        client.join().unwrap().must_be(200);
    }
    let counts = upstream.until("rest", |counts| counts.in_flight == 0);
    assert_eq!((counts.most_in_flight, counts.connections), (5, 5));
}

#[test]
fn chunked_requests_and_pipelines_are_read() {
    let upstream = upstream();
    let mut line = Line::connect(upstream.addr).unwrap();
    let head = "POST /x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    upstream
        .push(Reply::json(200, &json!(1)))
        .push(Reply::json(200, &json!(2)));
    line.write(format!("{head}3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n").as_bytes())
        .unwrap();
    assert_eq!(line.answer(now()).unwrap().json(), 1);
    line.write(&Ask::raw("PUT", "/y", b"body".to_vec()).bytes(upstream.addr))
        .unwrap();
    assert_eq!(line.answer(now()).unwrap().json(), 2);
    let asked = upstream.requests();
    assert_eq!(
        (&asked[0].body[..], &asked[1].body[..]),
        (&b"abcde"[..], &b"body"[..])
    );
    assert_eq!(
        (asked[1].method.as_str(), asked[1].path.as_str()),
        ("PUT", "/y")
    );
    assert!(asked[1].at >= asked[0].at);
}

#[test]
fn ollama_answers_in_its_own_way() {
    let upstream = Upstream::start(ollama::server("tick tock"));
    let plain = json!({"model": "m", "stream": false, "messages": []});
    let answer = Ask::post("/api/chat", &plain)
        .send(upstream.addr)
        .must_be(200)
        .json();
    check::contains(
        &answer,
        &json!({"message": {"content": "tick tock"}, "done": true, "eval_count": 2}),
    );
    let streamed = Ask::post("/api/chat", &json!({"model": "m", "messages": []}));
    let answer = streamed.send(upstream.addr).must_be(200);
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(answer.text().lines().count(), 3);
    let embed = json!({"model": "m", "input": ["a", "b"]});
    let answer = Ask::post("/api/embed", &embed).send(upstream.addr).json();
    assert_eq!(answer["embeddings"].as_array().unwrap().len(), 2);
    upstream
        .push(ollama::busy())
        .push(Reply::ndjson().chunk(ollama::error_line()).end());
    Ask::post("/api/chat", &plain)
        .send(upstream.addr)
        .must_be(503);
    let error = Ask::post("/api/chat", &plain)
        .send(upstream.addr)
        .must_be(200);
    assert!(error.json()["error"].is_string());
    upstream.push(Reply::json(
        200,
        &ollama::tool_call("m", "f", &json!({"city": "Paris"})),
    ));
    let call = Ask::post("/api/chat", &plain).send(upstream.addr).json();
    assert_eq!(
        call["message"]["tool_calls"][0]["function"]["arguments"]["city"],
        "Paris"
    );
}

#[test]
fn anthropic_and_openai_have_their_other_shapes() {
    let upstream = Upstream::start(anthropic::server("well then"));
    let body = json!({"model": "m", "stream": true, "messages": []});
    let (frames, end) = Ask::post("/v1/messages", &body)
        .open(upstream.addr)
        .collect();
    assert_eq!(end, End::Whole);
    assert_eq!(check::anthropic_text(&frames), "well then");
    let events = check::events(&frames);
    assert_eq!(
        (events.first(), events.last()),
        (Some(&"message_start"), Some(&"message_stop"))
    );
    let counted = Ask::post("/v1/messages/count_tokens", &body)
        .send(upstream.addr)
        .json();
    assert_eq!(counted["input_tokens"], 19);
    upstream
        .push(anthropic::error(529, "overloaded_error", "Overloaded"))
        .push(Reply::json(
            200,
            &anthropic::tool_use("m", "f", &json!({"x": 1})),
        ))
        .push(
            Reply::sse()
                .chunk(anthropic::error_event("overloaded_error", "late"))
                .end(),
        )
        .push(Reply::json(
            200,
            &openai::tool_call("m", "f", &json!({"x": 1})),
        ))
        .push(
            Reply::sse()
                .chunks(openai::tool_stream("m", "f", "{\"x\":1}", 3))
                .end(),
        )
        .push(Reply::json(200, &openai::embeddings("m", 2)));
    let ask = Ask::post("/v1/messages", &body);
    ask.send(upstream.addr).must_be(529);
    assert_eq!(
        ask.send(upstream.addr).json()["content"][0]["input"]["x"],
        1
    );
    let (frames, _) = ask.open(upstream.addr).collect();
    assert_eq!(frames[0].json()["error"]["message"], "late");
    let call = ask.send(upstream.addr).json();
    let call = &call["choices"][0]["message"]["tool_calls"][0];
    assert_eq!(call["function"]["arguments"], "{\"x\":1}");
    let (frames, _) = ask.open(upstream.addr).collect();
    let pieces: String = frames
        .iter()
        .filter(|frame| !frame.is_done())
        .map(|frame| frame.json()["choices"][0]["delta"]["tool_calls"][0].clone())
        .filter_map(|call| call["function"]["arguments"].as_str().map(String::from))
        .collect();
    assert_eq!(pieces, "{\"x\":1}");
    assert_eq!(ask.send(upstream.addr).json()["data"][1]["index"], 1);
}
