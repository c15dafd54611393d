//! The mock model server: OpenAI's shapes, precomputed bytes, one thread.
//!
//! `POST /bench/set` takes its behaviour as JSON, `GET /bench/counts` gives its numbers and starts
//! them anew. Every other `POST` is a request, plain or streamed as its body says; every other
//! `GET` is answered as a list of models and not counted.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result};
use memchr::memmem;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::{task, time};

use crate::http::{self, LAST_CHUNK};

/// How it behaves.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Manner {
    /// Time before a plain answer, in milliseconds.
    pub(crate) delay_ms: u64,
    /// Content events in a stream.
    pub(crate) events: usize,
    /// Time between two of them, in milliseconds; 0 sends as fast as it can.
    pub(crate) interval_ms: u64,
}

/// What it saw since it was last asked.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Requests answered.
    pub(crate) requests: usize,
    /// The most at once.
    pub(crate) most_in_flight: usize,
}

struct Shared {
    plain: Vec<u8>,
    event: Vec<u8>,
    manner: Mutex<Manner>,
    requests: AtomicUsize,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
}

/// Serves on a free loopback port, which is printed as the first line.
pub(crate) fn main() -> Result<()> {
    crate::process::die_with_parent();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let tasks = task::LocalSet::new();
    tasks.block_on(&runtime, async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        println!("{}", listener.local_addr()?.port());
        std::io::stdout().flush()?;
        let shared = Arc::new(Shared {
            plain: whole(PLAIN),
            event: http::chunk(EVENT),
            manner: Mutex::default(),
            requests: AtomicUsize::new(0),
            in_flight: AtomicUsize::new(0),
            most_in_flight: AtomicUsize::new(0),
        });
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let shared = Arc::clone(&shared);
            // A connection that breaks concerns the one who broke it.
            task::spawn_local(async move { drop(serve(stream, &shared).await) });
        }
    })
}

async fn serve(mut stream: TcpStream, shared: &Shared) -> Result<()> {
    let mut held: Vec<u8> = Vec::with_capacity(128 * 1024);
    loop {
        let extent = match http::extent(&held) {
            Some(extent) => extent,
            None if stream.read_buf(&mut held).await? == 0 => return Ok(()),
            None => continue,
        };
        let length = extent.head + extent.body.context("a chunked request")?;
        while held.len() < length {
            if stream.read_buf(&mut held).await? == 0 {
                return Ok(());
            }
        }
        let (head, body) = held.split_at(extent.head);
        let body = body.get(..length - extent.head).unwrap_or_default();
        if head.starts_with(b"POST /bench/set") {
            *shared.manner.lock().map_err(|e| anyhow::anyhow!("{e}"))? =
                serde_json::from_slice(body)?;
            stream.write_all(&whole("{}")).await?;
        } else if head.starts_with(b"GET /bench/counts") {
            let counts = Counts {
                requests: shared.requests.swap(0, Ordering::Relaxed),
                most_in_flight: shared.most_in_flight.swap(0, Ordering::Relaxed),
            };
            stream
                .write_all(&whole(&serde_json::to_string(&counts)?))
                .await?;
        } else if head.starts_with(b"POST") {
            let manner = *shared.manner.lock().map_err(|e| anyhow::anyhow!("{e}"))?;
            let now = shared.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
            shared.most_in_flight.fetch_max(now, Ordering::Relaxed);
            let wants = Wants::read(body);
            let done = answer(&mut stream, shared, manner, wants).await;
            shared.in_flight.fetch_sub(1, Ordering::Relaxed);
            shared.requests.fetch_add(1, Ordering::Relaxed);
            done?;
        } else {
            stream.write_all(&whole(MODELS)).await?;
        }
        held.drain(..length);
    }
}

#[derive(Clone, Copy)]
struct Wants {
    stream: bool,
    usage: bool,
}

impl Wants {
    fn read(body: &[u8]) -> Self {
        let says = |member: &str| {
            let tight = format!("\"{member}\":true");
            let loose = format!("\"{member}\": true");
            memmem::find(body, tight.as_bytes())
                .or_else(|| memmem::find(body, loose.as_bytes()))
                .is_some()
        };
        let stream = says("stream");
        Self {
            stream,
            usage: stream && says("include_usage"),
        }
    }
}

async fn answer(
    stream: &mut TcpStream,
    shared: &Shared,
    manner: Manner,
    wants: Wants,
) -> Result<()> {
    if !wants.stream {
        if manner.delay_ms > 0 {
            time::sleep(Duration::from_millis(manner.delay_ms)).await;
        }
        stream.write_all(&shared.plain).await?;
        return Ok(());
    }
    stream.write_all(STREAM_HEAD).await?;
    let mut beat =
        (manner.interval_ms > 0).then(|| time::interval(Duration::from_millis(manner.interval_ms)));
    for _ in 0..manner.events {
        if let Some(beat) = &mut beat {
            beat.tick().await;
        }
        stream.write_all(&shared.event).await?;
        if beat.is_none() {
            // One event of each stream in turn, as many models at once would send them.
            task::yield_now().await;
        }
    }
    stream.write_all(&http::chunk(FINISH)).await?;
    if wants.usage {
        stream.write_all(&http::chunk(USAGE)).await?;
    }
    stream.write_all(&http::chunk("data: [DONE]\n\n")).await?;
    stream.write_all(LAST_CHUNK).await?;
    Ok(())
}

fn whole(body: &str) -> Vec<u8> {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length";
    format!("{head}: {}\r\n\r\n{body}", body.len()).into_bytes()
}

const MODELS: &str = r#"{"object":"list","data":[{"id":"mock-model","object":"model"}]}"#;

const STREAM_HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

const EVENT: &str = concat!(
    r#"data: {"id":"chatcmpl-2KwICaVvccDKrXMinLpM5QwK7iohp2sI","object":"chat.completion.chunk","#,
    r#""created":1795217684,"model":"mock-model","system_fingerprint":"fp_44709d6fcb","#,
    r#""choices":[{"index":0,"delta":{"content":" token"},"finish_reason":null}]}"#,
    "\n\n"
);

const FINISH: &str = concat!(
    r#"data: {"id":"chatcmpl-2KwICaVvccDKrXMinLpM5QwK7iohp2sI","object":"chat.completion.chunk","#,
    r#""created":1795217684,"model":"mock-model","system_fingerprint":"fp_44709d6fcb","#,
    r#""choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
    "\n\n"
);

const USAGE: &str = concat!(
    r#"data: {"id":"chatcmpl-2KwICaVvccDKrXMinLpM5QwK7iohp2sI","object":"chat.completion.chunk","#,
    r#""created":1795217684,"model":"mock-model","system_fingerprint":"fp_44709d6fcb","#,
    r#""choices":[],"usage":{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150}}"#,
    "\n\n"
);

const PLAIN: &str = concat!(
    r#"{"id":"chatcmpl-2KwICaVvccDKrXMinLpM5QwK7iohp2sI","object":"chat.completion","#,
    r#""created":1795217684,"model":"mock-model","system_fingerprint":"fp_44709d6fcb","#,
    r#""choices":[{"index":0,"finish_reason":"stop","logprobs":null,"#,
    r#""message":{"role":"assistant","content":"The harbour lies to the east of the old town. "#,
    r#"Ships come in with the morning tide, unload before noon, and leave again at dusk. "#,
    r#"Most of them carry grain, timber and salt, and a few take passengers."}}],"#,
    r#""usage":{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,"#,
    r#""prompt_tokens_details":{"cached_tokens":0}}}"#,
);
