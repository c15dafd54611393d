//! From start to stop: what runs beside the workers, the reasons to stop, and the way out.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::app::commands::Hands;
use crate::app::load::Loaded;
use crate::app::screen::Screen;
use crate::app::signals::{Heard, Signals};
use crate::app::snapshot::Desk;
use crate::app::start::{self, Begun};
use crate::app::watch::Hosts;
use crate::app::workers::Workers;
use crate::app::{Start, Ui, chores, pictures};
use crate::base::Severity;
use crate::control::EventKind;
use crate::live::Happened;
use crate::probe;

/// Commands that may wait to be done; the dashboard sends one a key press.
const COMMANDS: usize = 64;
/// How long requests that are cut may take to say so to their clients.
const FLUSH_WITHIN: Duration = Duration::from_secs(1);
/// How long the ledger may take to write its rest.
const LEDGER_WITHIN: Duration = Duration::from_secs(5);

/// Runs the gateway until it is told to stop; with a dashboard when `ui` says how.
///
/// # Errors
/// It cannot start: config, data folder, port.
pub fn run(start: Start, ui: Option<Ui>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot make a runtime")?;
    let outcome = runtime.block_on(async {
        let begun = start::begin(start, ui.is_some()).await?;
        attend(begun, ui).await
    });
    // Probes and the demo may still hold sockets; nothing of them is worth waiting for.
    runtime.shutdown_background();
    outcome
}

/// Everything beside the workers, until somebody says stop; then the way out.
async fn attend(mut begun: Begun, ui: Option<Ui>) -> anyhow::Result<()> {
    let quit = CancellationToken::new();
    let hands = Arc::new(Hands {
        desk: Arc::clone(&begun.desk),
        switches: begun.switches.clone(),
        world: begun.world.take(),
        replies: Mutex::default(),
        quit: quit.clone(),
    });
    let send = begin_chores(&begun, &hands);
    if let Some(folder) = begun.pictures.clone() {
        let (desk, hands, quit) = (Arc::clone(&begun.desk), Arc::clone(&hands), quit.clone());
        begun.tasks.spawn(async move {
            if let Err(error) = pictures::take(&desk, &hands, &folder).await {
                tracing::error!("no pictures: {error:#}");
            }
            quit.cancel();
        });
    }
    let screen = if let Some(ui) = ui {
        Some(Screen::begin(&ui, hands, send, &begun.folder)?)
    } else {
        announce(&begun.desk, &begun.loaded);
        None
    };
    let mut signals = Signals::new();
    let reason = wait(&begun.desk, &quit, screen.as_ref(), &mut signals).await;
    let event = Happened::new(EventKind::Lifecycle, Severity::Note, "pointsman", reason);
    begun.shared.live.event(event);
    end(begun, screen, signals).await;
    Ok(())
}

/// Begins what goes on beside the workers; gives the way to send commands.
fn begin_chores(
    begun: &Begun,
    hands: &Arc<Hands>,
) -> mpsc::Sender<(crate::control::Ticket, crate::control::Command)> {
    let (tasks, stop, shared) = (&begun.tasks, &begun.stop, &begun.shared);
    let hosts = Arc::new(Hosts::new(Arc::clone(shared)));
    let (general, clock) = (Arc::clone(&begun.general), Arc::clone(&shared.clock));
    tasks.spawn(probe::run(
        hosts,
        general,
        clock,
        tasks.clone(),
        stop.clone(),
    ));
    let (send, receive) = mpsc::channel(COMMANDS);
    tasks.spawn(chores::obey(Arc::clone(hands), receive, stop.clone()));
    tasks.spawn(chores::follow_spend(Arc::clone(&begun.desk), stop.clone()));
    if !begun.desk.demo && !begun.loaded.files.is_empty() {
        tasks.spawn(chores::follow_files(Arc::clone(&begun.desk), stop.clone()));
    }
    send
}

/// Headless: says on stderr that it serves, and to systemd.
fn announce(desk: &Desk, loaded: &Loaded) {
    for note in loaded.notes() {
        if note.severity == Severity::Note {
            tracing::info!("{}", note.headline());
        } else {
            tracing::warn!("{}", note.headline());
        }
    }
    tracing::info!("listening on http://{}", desk.listen);
    #[cfg(target_os = "linux")]
    tell_systemd(&sd_notify::NotifyState::Ready);
}

#[cfg(target_os = "linux")]
fn tell_systemd(state: &sd_notify::NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(std::slice::from_ref(state)) {
        tracing::debug!("systemd was not told: {error}");
    }
}

/// Waits for a reason to stop: a signal, a command, or the dashboard's end.
async fn wait(
    desk: &Desk,
    quit: &CancellationToken,
    screen: Option<&Screen>,
    signals: &mut io::Result<Signals>,
) -> String {
    let signals = match signals {
        Ok(signals) => signals,
        Err(error) => {
            tracing::warn!("signals are not heard: {error}");
            quit.cancelled().await;
            return "stopping".to_owned();
        },
    };
    let mut screen = screen;
    loop {
        let closed = async {
            match screen {
                Some(screen) => screen.closed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = quit.cancelled() => return "stopping, as asked".to_owned(),
            heard = signals.next() => match heard {
                Heard::Stop("SIGINT") if screen.is_some_and(Screen::is_lent) => {},
                Heard::Stop(name) => return format!("stopping: {name}"),
                // The terminal goes away: the dashboard sees that by itself.
                Heard::HangUp if screen.is_some() => {},
                Heard::HangUp => {
                    let (_ok, text) = desk.config.reload(&desk.shared);
                    tracing::info!("SIGHUP: {text}");
                },
            },
            stays = closed => {
                if !stays {
                    return "stopping: the dashboard was closed".to_owned();
                }
                tracing::info!("the dashboard ended; the gateway goes on");
                screen = None;
            },
        }
    }
}

/// The way out: no new requests, those in flight end (on screen, while there is one), rows are
/// written. Whoever stops it a second time does not want to wait.
async fn end(begun: Begun, screen: Option<Screen>, signals: io::Result<Signals>) {
    begun.shared.draining.store(true, Ordering::Relaxed);
    #[cfg(target_os = "linux")]
    tell_systemd(&sd_notify::NotifyState::Stopping);
    begun.workers.stop.cancel();
    begun.stop.cancel();
    let limit = begun.shared.setup.load().config.limits.drain_timeout;
    let cut = tokio::select! {
        () = done(&begun.workers) => None,
        () = tokio::time::sleep(limit) => Some(format!("within {} s", limit.as_secs())),
        name = stopped_again(signals, screen.as_ref()) => Some(format!("before {name} came again")),
    };
    if let Some(when) = cut {
        tracing::warn!("requests in flight did not end {when}; they are cut");
        begun.shared.cut.cancel();
        // Whoever does not read its error by then is not waited for.
        let _in_time: Result<(), _> =
            tokio::time::timeout(FLUSH_WITHIN, done(&begun.workers)).await;
    }
    begun.workers.kill.cancel();
    if let Some(screen) = screen {
        screen.end().await;
    }
    begun.workers.join();
    begun.tasks.close();
    if !begun.shared.ledger.close(LEDGER_WITHIN) {
        tracing::warn!("the ledger could not write all of its rows");
    }
    if begun.desk.demo {
        // A throw-away folder; what cannot be removed lies in the system's own.
        std::fs::remove_dir_all(&begun.folder).unwrap_or_default();
    }
}

/// Waits until no worker has anything left to do.
async fn done(workers: &Workers) {
    while !workers.are_done() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits for a further signal to stop.
async fn stopped_again(signals: io::Result<Signals>, screen: Option<&Screen>) -> &'static str {
    let Ok(mut signals) = signals else {
        return std::future::pending().await;
    };
    loop {
        match signals.next().await {
            Heard::Stop("SIGINT") if screen.is_some_and(Screen::is_lent) => {},
            Heard::Stop(name) => return name,
            Heard::HangUp => {},
        }
    }
}
