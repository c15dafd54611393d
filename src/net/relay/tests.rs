//! The pool against a hand-written server on a real socket.

use http::{HeaderMap, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::base::ManualClock;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const WITHIN: Duration = Duration::from_secs(2);

fn pool() -> (Arc<Pool>, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::default());
    let shared: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
    (Arc::new(Pool::new(Arc::default(), shared)), clock)
}

async fn listen() -> (TcpListener, Arc<Origin>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    (listener, Arc::new(Origin::of(&base, true).unwrap()))
}

fn head() -> RequestHead {
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static("h"));
    RequestHead::post("/x", &headers)
}

async fn send(pool: &Arc<Pool>, origin: &Arc<Origin>) -> Result<Exchange, SendFault> {
    let body = Bytes::from_static(b"hello");
    pool.send(origin, WITHIN, &head(), &body).await
}

async fn read(mut body: UpstreamBody) -> Result<Vec<u8>, BodyFault> {
    let mut all = Vec::new();
    while let Some(chunk) = body.chunk().await {
        all.extend_from_slice(&chunk?);
    }
    Ok(all)
}

/// Reads one request whole and answers it.
async fn serve_one(stream: &mut TcpStream) {
    let mut seen = Vec::new();
    while !seen.ends_with(b"hello") {
        assert_ne!(
            stream.read_buf(&mut seen).await.unwrap(),
            0,
            "the client hung up"
        );
    }
    stream.write_all(ANSWER).await.unwrap();
}

async fn ask(pool: &Arc<Pool>, origin: &Arc<Origin>) -> Result<Vec<u8>, SendFault> {
    let exchange = send(pool, origin).await?;
    Ok(read(exchange.body).await.unwrap())
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let ((pool, _clock), (listener, origin)) = (pool(), listen().await);
    let server = async {
        let (mut stream, _peer) = listener.accept().await.unwrap();
        serve_one(&mut stream).await;
        serve_one(&mut stream).await;
        stream
    };
    let client = async {
        assert_eq!(ask(&pool, &origin).await.unwrap(), b"ok");
        assert_eq!(ask(&pool, &origin).await.unwrap(), b"ok");
        assert_eq!(pool.open_sockets(), 1);
    };
    let (_stream, ()) = tokio::join!(server, client);
}

#[tokio::test]
async fn one_that_died_while_idle_is_replaced_unseen() {
    let ((pool, _clock), (listener, origin)) = (pool(), listen().await);
    let server = async {
        let (mut first, _peer) = listener.accept().await.unwrap();
        serve_one(&mut first).await;
        // Takes the second request and hangs up without a byte, as a server does that closes idle
        // connections in the very moment.
        let mut seen = Vec::new();
        while !seen.ends_with(b"hello") {
            first.read_buf(&mut seen).await.unwrap();
        }
        drop(first);
        let (mut second, _peer) = listener.accept().await.unwrap();
        serve_one(&mut second).await;
    };
    let client = async {
        assert_eq!(ask(&pool, &origin).await.unwrap(), b"ok");
        assert_eq!(ask(&pool, &origin).await.unwrap(), b"ok");
    };
    tokio::join!(server, client);
}

#[tokio::test]
async fn a_fresh_one_that_dies_is_a_fault() {
    let ((pool, _clock), (listener, origin)) = (pool(), listen().await);
    let server = async {
        let (mut stream, _peer) = listener.accept().await.unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"hello") {
            stream.read_buf(&mut seen).await.unwrap();
        }
    };
    let client = async { ask(&pool, &origin).await.unwrap_err() };
    let ((), fault) = tokio::join!(server, client);
    assert_eq!(fault.kind, SendFaultKind::Reset);
    assert_eq!(pool.open_sockets(), 0);
}

#[tokio::test]
async fn nobody_there_is_a_connect_fault() {
    let ((pool, _clock), (listener, origin)) = (pool(), listen().await);
    drop(listener);
    let fault = ask(&pool, &origin).await.unwrap_err();
    assert_eq!(fault.kind, SendFaultKind::Connect);
    assert!(fault.message.contains(&origin.to_string()), "{fault}");
}

#[tokio::test]
async fn idle_connections_are_closed_in_time() {
    let ((pool, clock), (listener, origin)) = (pool(), listen().await);
    let server = async {
        let (mut stream, _peer) = listener.accept().await.unwrap();
        serve_one(&mut stream).await;
        stream
    };
    let (_stream, answer) = tokio::join!(server, ask(&pool, &origin));
    assert_eq!(answer.unwrap(), b"ok");
    pool.sweep();
    assert_eq!(pool.open_sockets(), 1);
    clock.advance(LOCAL_IDLE);
    pool.sweep();
    assert_eq!(pool.open_sockets(), 0);
}

#[tokio::test]
async fn dropping_an_unread_answer_closes_its_socket() {
    let ((pool, _clock), (listener, origin)) = (pool(), listen().await);
    let server = async {
        let (mut stream, _peer) = listener.accept().await.unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"hello") {
            stream.read_buf(&mut seen).await.unwrap();
        }
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhal")
            .await
            .unwrap();
        seen.clear();
        stream.read_buf(&mut seen).await.unwrap_or(0)
    };
    let client = async {
        let exchange = send(&pool, &origin).await.unwrap();
        drop(exchange);
        assert_eq!(pool.open_sockets(), 0);
    };
    let (left, ()) = tokio::join!(server, client);
    assert_eq!(left, 0, "the server must see the end of the connection");
}

/// Answers one request with a stream whose last chunk waits for `gate`.
async fn stream_one(stream: &mut TcpStream, gate: &tokio::sync::Notify) {
    let mut seen = Vec::new();
    while !seen.ends_with(b"hello") {
        assert_ne!(stream.read_buf(&mut seen).await.unwrap(), 0);
    }
    let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n";
    stream.write_all(head).await.unwrap();
    gate.notified().await;
    stream.write_all(b"0\r\n\r\n").await.unwrap();
}

#[tokio::test]
async fn a_stream_whose_end_comes_late_gives_its_connection_back() {
    let ((pool, _clock), (listener, origin)) = (pool(), listen().await);
    let gate = tokio::sync::Notify::new();
    let server = async {
        let (mut stream, _peer) = listener.accept().await.unwrap();
        stream_one(&mut stream, &gate).await;
        serve_one(&mut stream).await;
        stream
    };
    let client = async {
        let mut exchange = send(&pool, &origin).await.unwrap();
        assert_eq!(exchange.body.chunk().await.unwrap().unwrap(), "ok");
        exchange.body.wind_up();
        gate.notify_one();
        pool.ends.close();
        pool.ends.wait().await;
        pool.ends.reopen();
        assert_eq!(ask(&pool, &origin).await.unwrap(), b"ok");
        assert_eq!(pool.open_sockets(), 1);
    };
    let (_stream, ()) = tokio::join!(server, client);
}

#[tokio::test(start_paused = true)]
async fn a_stream_whose_end_never_comes_is_closed() {
    let ((pool, _clock), (listener, origin)) = (pool(), listen().await);
    let gate = tokio::sync::Notify::new();
    let server = async {
        let (mut stream, _peer) = listener.accept().await.unwrap();
        stream_one(&mut stream, &gate).await;
    };
    let client = async {
        let exchange = send(&pool, &origin).await.unwrap();
        exchange.body.wind_up();
        pool.ends.close();
        pool.ends.wait().await;
        assert_eq!(pool.open_sockets(), 0);
    };
    tokio::select! {
        () = server => panic!("the gate is shut"),
        () = client => {},
    }
}

/// Reads one request whole, answers with these bytes, and hangs up.
async fn answer_once(listener: &TcpListener, answer: &[u8]) {
    let (mut stream, _peer) = listener.accept().await.unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"hello") {
        assert_ne!(stream.read_buf(&mut seen).await.unwrap(), 0);
    }
    stream.write_all(answer).await.unwrap();
}

#[tokio::test]
async fn a_body_without_a_length_ends_with_its_connection() {
    let ((pool, _clock), (listener, origin)) = (pool(), listen().await);
    let server = answer_once(&listener, b"HTTP/1.1 200 OK\r\n\r\nall of it");
    let ((), answer) = tokio::join!(server, ask(&pool, &origin));
    assert_eq!(answer.unwrap(), b"all of it");
    assert_eq!(pool.open_sockets(), 0);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_fault() {
    for (answer, wanted) in [
        (
            "content-length: 9\r\n\r\nhal",
            "the connection ended before the body did",
        ),
        (
            "transfer-encoding: chunked\r\n\r\n2\r\nok\r\n",
            "the connection ended before the body did",
        ),
        (
            "transfer-encoding: chunked\r\n\r\n2\r\nokay",
            "a chunk is longer than it said",
        ),
    ] {
        let ((pool, _clock), (listener, origin)) = (pool(), listen().await);
        let answer = format!("HTTP/1.1 200 OK\r\n{answer}");
        let client = async { read(send(&pool, &origin).await.unwrap().body).await };
        let ((), outcome) = tokio::join!(answer_once(&listener, answer.as_bytes()), client);
        assert_eq!(outcome.unwrap_err().to_string(), wanted);
        assert_eq!(pool.open_sockets(), 0, "{wanted}");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_http_is_told() {
    let ((pool, _clock), (listener, origin)) = (pool(), listen().await);
    let ((), outcome) = tokio::join!(
        answer_once(&listener, b"hello, I am SMTP\r\n"),
        ask(&pool, &origin)
    );
    let fault = outcome.unwrap_err();
    assert_eq!(fault.kind, SendFaultKind::Protocol);
    assert!(fault.message.starts_with(&origin.to_string()), "{fault}");
}

#[tokio::test]
async fn a_head_that_breaks_off_is_not_sent_again() {
    let ((pool, _clock), (listener, origin)) = (pool(), listen().await);
    let server = async {
        let (mut stream, _peer) = listener.accept().await.unwrap();
        serve_one(&mut stream).await;
        let mut seen = Vec::new();
        while !seen.ends_with(b"hello") {
            stream.read_buf(&mut seen).await.unwrap();
        }
        stream.write_all(b"HTTP/1.1 20").await.unwrap();
    };
    let client = async {
        assert_eq!(ask(&pool, &origin).await.unwrap(), b"ok");
        ask(&pool, &origin).await.unwrap_err()
    };
    let ((), fault) = tokio::join!(server, client);
    assert_eq!(fault.kind, SendFaultKind::Reset);
}

#[tokio::test]
async fn bytes_beyond_the_end_close_the_connection() {
    let ((pool, _clock), (listener, origin)) = (pool(), listen().await);
    let server = answer_once(
        &listener,
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 500",
    );
    let ((), answer) = tokio::join!(server, ask(&pool, &origin));
    assert_eq!(answer.unwrap(), b"ok");
    assert_eq!(pool.open_sockets(), 0);
}

#[tokio::test]
async fn an_answer_may_come_before_the_request_is_all_out() {
    let ((pool, _clock), (listener, origin)) = (pool(), listen().await);
    let size = 8 << 20;
    let body = Bytes::from(vec![b'x'; size]);
    let server = async {
        let (mut stream, _peer) = listener.accept().await.unwrap();
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n";
        stream.write_all(head).await.unwrap();
        let (mut seen, mut room) = (0, vec![0; 1 << 16]);
        while seen < size {
            seen += stream.read(&mut room).await.unwrap();
        }
        stream.write_all(b"4\r\nlast\r\n0\r\n\r\n").await.unwrap();
        stream
    };
    let client = async {
        let exchange = pool.send(&origin, WITHIN, &head(), &body).await.unwrap();
        assert_eq!(read(exchange.body).await.unwrap(), b"firstlast");
    };
    let (_stream, ()) = tokio::join!(server, client);
    assert_eq!(pool.open_sockets(), 1, "all of it went out in the end");
}

#[tokio::test]
async fn a_server_that_will_not_read_all_is_heard() {
    let ((pool, _clock), (listener, origin)) = (pool(), listen().await);
    let body = Bytes::from(vec![b'x'; 8 << 20]);
    let server = async {
        let (mut stream, _peer) = listener.accept().await.unwrap();
        let mut room = vec![0; 1 << 10];
        assert_ne!(stream.read(&mut room).await.unwrap(), 0);
        let answer = b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig";
        stream.write_all(answer).await.unwrap();
        stream
    };
    let client = async {
        let exchange = pool.send(&origin, WITHIN, &head(), &body).await.unwrap();
        assert_eq!(exchange.head.status.as_u16(), 413);
        assert_eq!(read(exchange.body).await.unwrap(), b"big");
    };
    let (_stream, ()) = tokio::join!(server, client);
    assert_eq!(pool.open_sockets(), 0, "half a request was left");
}

#[tokio::test]
async fn a_long_answer_is_read_whole_and_leaves_no_large_buffer() {
    let ((pool, _clock), (listener, origin)) = (pool(), listen().await);
    let long = vec![b'y'; 3 << 20];
    let server = async {
        let (mut stream, _peer) = listener.accept().await.unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"hello") {
            stream.read_buf(&mut seen).await.unwrap();
        }
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", long.len());
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&long).await.unwrap();
        stream
    };
    let (_stream, answer) = tokio::join!(server, ask(&pool, &origin));
    assert_eq!(answer.unwrap(), long);
    let idle = pool.take_last(&origin).unwrap();
    assert!(
        idle.buffer.capacity() <= READ_BYTES,
        "{}",
        idle.buffer.capacity()
    );
}
