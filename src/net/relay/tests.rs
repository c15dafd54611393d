//! The pool against a hand-written server on a real socket.

use http_body_util::BodyExt;
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

fn request() -> Request<Full<Bytes>> {
    Request::post("/x")
        .header("host", "h")
        .body(Full::new(Bytes::from_static(b"hello")))
        .unwrap()
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

async fn ask(pool: &Arc<Pool>, origin: &Arc<Origin>) -> Result<Bytes, SendFault> {
    let exchange = pool.send(origin, WITHIN, request).await?;
    Ok(exchange.body.collect().await.unwrap().to_bytes())
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
        assert_eq!(ask(&pool, &origin).await.unwrap(), "ok");
        assert_eq!(ask(&pool, &origin).await.unwrap(), "ok");
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
        assert_eq!(ask(&pool, &origin).await.unwrap(), "ok");
        assert_eq!(ask(&pool, &origin).await.unwrap(), "ok");
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
    assert_eq!(answer.unwrap(), "ok");
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
        let exchange = pool.send(&origin, WITHIN, request).await.unwrap();
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
        let mut exchange = pool.send(&origin, WITHIN, request).await.unwrap();
        let first = exchange.body.frame().await.unwrap().unwrap();
        assert_eq!(first.into_data().unwrap(), "ok");
        exchange.body.wind_up();
        gate.notify_one();
        pool.ends.close();
        pool.ends.wait().await;
        pool.ends.reopen();
        assert_eq!(ask(&pool, &origin).await.unwrap(), "ok");
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
        let exchange = pool.send(&origin, WITHIN, request).await.unwrap();
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
