//! What is measured: loads, and the figures taken from them.

use crate::load::Outcome;
use crate::mock::Manner;

/// One kind of load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scenario {
    /// As `--only` names it.
    pub(crate) name: &'static str,
    /// Client connections.
    pub(crate) connections: usize,
    /// How the mock answers; `events` above 0 asks for streams.
    pub(crate) manner: Manner,
    /// Bytes of the prompt.
    pub(crate) prompt: usize,
    /// Seconds before the window.
    pub(crate) warm_up: f64,
    /// Seconds of the window.
    pub(crate) window: f64,
}

const PLAIN: Manner = Manner {
    delay_ms: 0,
    events: 0,
    interval_ms: 0,
};

/// Prompt of an ordinary request, in bytes; the whole body has about 610.
const SHORT: usize = 440;

const fn scenario(name: &'static str, connections: usize, manner: Manner) -> Scenario {
    Scenario {
        name,
        connections,
        manner,
        prompt: SHORT,
        warm_up: 0.5,
        window: 3.0,
    }
}

/// All loads. A slow upstream at 20 connections is there to show a hidden lock.
pub(crate) const SCENARIOS: &[Scenario] = &[
    scenario("c1", 1, PLAIN),
    Scenario {
        window: 4.0,
        ..scenario(
            "c20",
            20,
            Manner {
                delay_ms: 50,
                ..PLAIN
            },
        )
    },
    scenario("c64", 64, PLAIN),
    Scenario {
        prompt: 64 * 1024,
        ..scenario("prompt64k", 8, PLAIN)
    },
    scenario(
        "stream1",
        1,
        Manner {
            events: 4,
            interval_ms: 3,
            ..PLAIN
        },
    ),
    Scenario {
        warm_up: 1.2,
        window: 4.0,
        ..scenario(
            "stream20",
            20,
            Manner {
                events: 100,
                interval_ms: 10,
                ..PLAIN
            },
        )
    },
    scenario(
        "streamfast",
        16,
        Manner {
            events: 1000,
            ..PLAIN
        },
    ),
];

impl Scenario {
    /// The request body.
    pub(crate) fn body(&self) -> String {
        let words = "The quick brown fox jumps over the lazy dog while it rains. ";
        let mut prompt = words.repeat(self.prompt / words.len() + 1);
        prompt.truncate(self.prompt);
        let stream = if self.manner.events > 0 {
            r#","stream":true"#
        } else {
            ""
        };
        format!(
            r#"{{"model":"bench","messages":[{{"role":"system","content":"You are brief."}},{{"role":"user","content":"{prompt}"}}],"temperature":0.7,"max_tokens":256{stream}}}"#
        )
    }
}

/// A figure is good when …
#[derive(Debug, Clone, Copy)]
pub(crate) enum Aim {
    /// … it is at most so many times nginx's.
    Times(f64),
    /// … it is at least so many times nginx's.
    Share(f64),
    /// … it is at most this.
    Most(f64),
    /// Shown only.
    Shown,
}

/// Where a figure comes from.
#[derive(Clone, Copy)]
pub(crate) enum From {
    /// The median over the windows of a scenario.
    Window(&'static str, fn(&Outcome) -> f64),
    /// The same, less that of the upstream without a proxy.
    Added(&'static str, fn(&Outcome) -> f64),
    /// A single figure taken beside the windows.
    Fact(&'static str),
}

/// One line of the table.
#[derive(Clone, Copy)]
pub(crate) struct Figure {
    /// In words.
    pub(crate) name: &'static str,
    /// Unit.
    pub(crate) unit: &'static str,
    /// Its source.
    pub(crate) from: From,
    /// What is asked of the gateway.
    pub(crate) aim: Aim,
}

const fn figure(name: &'static str, unit: &'static str, from: From, aim: Aim) -> Figure {
    Figure {
        name,
        unit,
        from,
        aim,
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a few seconds")]
fn per(total_us: f64, n: usize) -> f64 {
    total_us / (n.max(1) as f64)
}

/// All lines of the table, with the aims of the project.
pub(crate) const FIGURES: &[Figure] = &[
    figure(
        "CPU per request, 64 connections",
        "us",
        From::Window("c64", |o| per(o.cpu_us, o.requests)),
        Aim::Times(2.0),
    ),
    figure(
        "requests per second, 64 connections",
        "/s",
        From::Window("c64", |o| 1.0 / per(o.seconds, o.requests)),
        Aim::Share(0.5),
    ),
    figure(
        "others' share of the core meanwhile",
        "",
        From::Window("c64", |o| o.others),
        Aim::Shown,
    ),
    figure(
        "added p50, 1 connection",
        "us",
        From::Added("c1", |o| o.latency.p50),
        Aim::Times(1.5),
    ),
    figure(
        "added p99, 1 connection",
        "us",
        From::Added("c1", |o| o.latency.p99),
        Aim::Shown,
    ),
    figure(
        "added p50, 20 connections, 50 ms",
        "us",
        From::Added("c20", |o| o.latency.p50),
        Aim::Shown,
    ),
    figure(
        "added p99, 20 connections, 50 ms",
        "us",
        From::Added("c20", |o| o.latency.p99),
        Aim::Shown,
    ),
    figure(
        "CPU per request, 20 connections, 50 ms",
        "us",
        From::Window("c20", |o| per(o.cpu_us, o.requests)),
        Aim::Shown,
    ),
    figure(
        "CPU per request, 64 KiB prompt",
        "us",
        From::Window("prompt64k", |o| per(o.cpu_us, o.requests)),
        Aim::Times(2.0),
    ),
    figure(
        "added p50, 64 KiB prompt, 8 connections",
        "us",
        From::Added("prompt64k", |o| o.latency.p50),
        Aim::Shown,
    ),
    figure(
        "added to first event, 1 stream",
        "us",
        From::Added("stream1", |o| o.first_event.p50),
        Aim::Most(300.0),
    ),
    figure(
        "added to first event, 20 streams",
        "us",
        From::Added("stream20", |o| o.first_event.p50),
        Aim::Shown,
    ),
    figure(
        "CPU per event, 20 paced streams",
        "us",
        From::Window("stream20", |o| per(o.cpu_us, o.events)),
        Aim::Times(1.5),
    ),
    figure(
        "p99 gap, sent every 10 ms",
        "us",
        From::Window("stream20", |o| o.gap.p99),
        Aim::Shown,
    ),
    figure(
        "CPU per event, unpaced streams",
        "us",
        From::Window("streamfast", |o| per(o.cpu_us, o.events)),
        Aim::Times(1.5),
    ),
    figure(
        "events per second, unpaced",
        "/s",
        From::Window("streamfast", |o| 1.0 / per(o.seconds, o.events)),
        Aim::Shown,
    ),
    figure(
        "exec to first answer",
        "ms",
        From::Fact("start_ms"),
        Aim::Most(100.0),
    ),
    figure(
        "resident memory, idle",
        "MiB",
        From::Fact("idle_mib"),
        Aim::Most(20.0),
    ),
    figure(
        "resident memory, greatest",
        "MiB",
        From::Fact("peak_mib"),
        Aim::Most(40.0),
    ),
    figure(
        "CPU when idle",
        "ms/s",
        From::Fact("idle_cpu"),
        Aim::Most(1.0),
    ),
    figure(
        "system calls per request, 1 connection",
        "",
        From::Fact("syscalls"),
        Aim::Shown,
    ),
    figure(
        "allocations per request, 1 connection",
        "",
        From::Fact("allocations"),
        Aim::Shown,
    ),
    figure(
        "bytes allocated per request",
        "B",
        From::Fact("allocated"),
        Aim::Shown,
    ),
];
