//! The client: keep-alive connections that ask as fast as they are answered.
//!
//! Reads the processor time of the measured process itself at both ends of the window, so that
//! warm-up and start cost nothing in the figures. Prints one line of JSON.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time;

use crate::chunks::Chunks;
use crate::http;
use crate::now;
use crate::process;

/// What to send, where, how long.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Orders {
    /// Address of the target.
    pub(crate) to: SocketAddr,
    /// Bearer key.
    pub(crate) key: String,
    /// The JSON body.
    pub(crate) body: String,
    /// Connections, each with one request at a time.
    pub(crate) connections: usize,
    /// Content events every stream must carry; 0 for plain answers.
    pub(crate) events: usize,
    /// Seconds before the window opens.
    pub(crate) warm_up: f64,
    /// Length of the window in seconds.
    pub(crate) window: f64,
    /// Processes whose processor time is read.
    pub(crate) pids: Vec<u32>,
    /// The core they are pinned to.
    pub(crate) core: usize,
}

/// What came out, times in microseconds.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Good answers in all, warm-up and run-out included.
    pub(crate) total: usize,
    /// Bad ones in all.
    pub(crate) errors: usize,
    /// The first of them, in words.
    pub(crate) first_error: Option<String>,
    /// Good answers that ended in the window.
    pub(crate) requests: usize,
    /// Content events that came in the window.
    pub(crate) events: usize,
    /// True length of the window in seconds.
    pub(crate) seconds: f64,
    /// Processor time of the processes in the window.
    pub(crate) cpu_us: f64,
    /// Share of their core that others took in the window.
    pub(crate) others: f64,
    /// Whole requests.
    pub(crate) latency: Spread,
    /// Request to first content event.
    pub(crate) first_event: Spread,
    /// Between two arrivals of content in one stream.
    pub(crate) gap: Spread,
}

/// Percentiles in microseconds.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Spread {
    /// Median.
    pub(crate) p50: f64,
    /// 90th percentile.
    pub(crate) p90: f64,
    /// 99th percentile.
    pub(crate) p99: f64,
}

impl Spread {
    fn of(mut samples: Vec<u32>) -> Self {
        samples.sort_unstable();
        let at = |per_mille: usize| {
            let index = (samples.len() * per_mille / 1000).min(samples.len().saturating_sub(1));
            samples.get(index).map_or(0.0, |ns| f64::from(*ns) / 1000.0)
        };
        Self {
            p50: at(500),
            p90: at(900),
            p99: at(990),
        }
    }
}

/// Of one connection, or of all together. Times in nanoseconds.
#[derive(Debug, Default)]
struct Tally {
    total: usize,
    errors: usize,
    first_error: Option<String>,
    events: usize,
    latency: Vec<u32>,
    first_event: Vec<u32>,
    gap: Vec<u32>,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.total += other.total;
        self.errors += other.errors;
        self.events += other.events;
        self.first_error = self.first_error.take().or(other.first_error);
        self.latency.extend(other.latency);
        self.first_event.extend(other.first_event);
        self.gap.extend(other.gap);
    }
}

struct Shared {
    orders: Orders,
    request: Vec<u8>,
    open: AtomicBool,
    over: AtomicBool,
    tally: Mutex<Tally>,
}

/// Carries out the orders given as JSON.
pub(crate) fn main(orders: &str) -> Result<()> {
    process::die_with_parent();
    let orders: Orders = serde_json::from_str(orders)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(run(orders))?;
    println!("{}", serde_json::to_string(&outcome)?);
    Ok(())
}

async fn run(orders: Orders) -> Result<Outcome> {
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\nuser-agent: speed/1\r\naccept: */*\r\n\
         content-length: {}\r\n\r\n",
        orders.to,
        orders.key,
        orders.body.len()
    );
    let request = [head.as_bytes(), orders.body.as_bytes()].concat();
    let (open, over) = (AtomicBool::new(false), AtomicBool::new(false));
    let shared = Arc::new(Shared {
        orders,
        request,
        open,
        over,
        tally: Mutex::default(),
    });
    let orders = &shared.orders;
    let mut clients = JoinSet::new();
    for _ in 0..orders.connections {
        clients.spawn(client(Arc::clone(&shared)));
    }
    time::sleep(Duration::from_secs_f64(orders.warm_up)).await;
    let before = process::Reading::take(&orders.pids, orders.core);
    let began = now();
    shared.open.store(true, Ordering::Relaxed);
    time::sleep(Duration::from_secs_f64(orders.window)).await;
    shared.open.store(false, Ordering::Relaxed);
    let seconds = began.elapsed().as_secs_f64();
    let after = process::Reading::take(&orders.pids, orders.core);
    shared.over.store(true, Ordering::Relaxed);
    while clients.join_next().await.is_some() {}
    let mut tally = shared.tally.lock().map_err(|e| anyhow::anyhow!("{e}"))?;
    let tally = std::mem::take(&mut *tally);
    let cpu_us = after.cpu_us - before.cpu_us;
    Ok(Outcome {
        total: tally.total,
        errors: tally.errors,
        first_error: tally.first_error,
        requests: tally.latency.len(),
        events: tally.events,
        seconds,
        cpu_us,
        others: ((after.core_busy_us - before.core_busy_us - cpu_us) / seconds / 1e6).max(0.0),
        latency: Spread::of(tally.latency),
        first_event: Spread::of(tally.first_event),
        gap: Spread::of(tally.gap),
    })
}

async fn client(shared: Arc<Shared>) {
    let mut tally = Tally::default();
    let mut stream = None;
    let mut held = Vec::with_capacity(256 * 1024);
    while !shared.over.load(Ordering::Relaxed) && tally.errors < 10 {
        match exchange(&shared, &mut stream, &mut held, &mut tally).await {
            Ok(()) => tally.total += 1,
            Err(error) => {
                tally.errors += 1;
                tally.first_error = Some(format!("{error:#}"));
                stream = None;
                held.clear();
            },
        }
    }
    if let Ok(mut all) = shared.tally.lock() {
        all.add(tally);
    }
}

/// One request and its answer.
async fn exchange(
    shared: &Shared,
    stream: &mut Option<TcpStream>,
    held: &mut Vec<u8>,
    tally: &mut Tally,
) -> Result<()> {
    let stream = if let Some(stream) = stream {
        stream
    } else {
        let fresh = TcpStream::connect(shared.orders.to).await?;
        fresh.set_nodelay(true)?;
        stream.insert(fresh)
    };
    let began = now();
    stream.write_all(&shared.request).await?;
    let extent = loop {
        match http::extent(held) {
            Some(extent) => break extent,
            None if stream.read_buf(held).await? == 0 => bail!("closed before a head"),
            None => {},
        }
    };
    if http::status(held) != 200 {
        bail!("{}", String::from_utf8_lossy(held));
    }
    match extent.body {
        Some(body) => whole(stream, held, extent.head + body, shared.orders.events).await?,
        None => chunked(shared, stream, held, extent.head, began, tally).await?,
    }
    if shared.open.load(Ordering::Relaxed) {
        tally.latency.push(nanos(began));
    }
    Ok(())
}

async fn whole(
    stream: &mut TcpStream,
    held: &mut Vec<u8>,
    length: usize,
    events: usize,
) -> Result<()> {
    while held.len() < length {
        if stream.read_buf(held).await? == 0 {
            bail!("closed inside a body");
        }
    }
    if events > 0 || !held.ends_with(b"}") {
        bail!("another kind of answer: {}", String::from_utf8_lossy(held));
    }
    held.clear();
    Ok(())
}

/// Reads a chunked body, timing its content events.
async fn chunked(
    shared: &Shared,
    stream: &mut TcpStream,
    held: &mut Vec<u8>,
    head: usize,
    began: Instant,
    tally: &mut Tally,
) -> Result<()> {
    let mut chunks = Chunks::new(b"\"content\":\"");
    let (mut seen, mut last) = (0, None);
    held.drain(..head);
    loop {
        let found = chunks.feed(held)?;
        held.clear();
        if found > 0 {
            let open = shared.open.load(Ordering::Relaxed);
            tally.events += if open { found } else { 0 };
            match last.replace(now()) {
                None if open => tally.first_event.push(nanos(began)),
                Some(last) if open => tally.gap.push(nanos(last)),
                _ => {},
            }
            seen += found;
        }
        if chunks.is_over() {
            break;
        }
        if stream.read_buf(held).await? == 0 {
            bail!("closed inside a stream");
        }
    }
    // A gateway may answer a plain request in chunks; a stream must be whole.
    if shared.orders.events > 0 {
        if seen != shared.orders.events {
            bail!("{seen} content events, not {}", shared.orders.events);
        }
        if !chunks.tail().ends_with(b"data: [DONE]\n\n") {
            bail!("no [DONE] at the end");
        }
    }
    Ok(())
}

fn nanos(began: Instant) -> u32 {
    u32::try_from(began.elapsed().as_nanos()).unwrap_or(u32::MAX)
}
