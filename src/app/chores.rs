//! What goes on beside the workers for as long as the gateway runs: commands, reload, spend.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::app::commands::Hands;
use crate::app::screen;
use crate::app::snapshot::Desk;
use crate::confstore::Watch;
use crate::control::{Command, Ticket};

/// How often spend is read again while somebody watches.
const SPEND_EVERY: Duration = Duration::from_secs(5);
/// How long ago somebody must have looked to count as watching, in milliseconds.
const WATCHING_MS: u64 = 3_000;

/// Does what the dashboard asks for, one after the other.
pub async fn obey(
    hands: Arc<Hands>,
    mut receive: mpsc::Receiver<(Ticket, Command)>,
    stop: CancellationToken,
) {
    loop {
        let next = tokio::select! {
            next = receive.recv() => next,
            () = stop.cancelled() => return,
        };
        let Some((ticket, command)) = next else {
            return;
        };
        hands.run(ticket, command).await;
    }
}

/// Reloads whenever a file of the configuration changes.
pub async fn follow_files(desk: Arc<Desk>, stop: CancellationToken) {
    loop {
        let files = desk.config.known().files.clone();
        let mut watch = Watch::over(files.clone());
        // What was saved between the last reading and this watch would never be seen.
        desk.config.reload(&desk.shared);
        while desk.config.known().files == files {
            tokio::select! {
                () = watch.changed() => {},
                () = stop.cancelled() => return,
            }
            desk.config.reload(&desk.shared);
        }
    }
}

/// Reads the spend of the last seven days again and again, while somebody watches.
pub async fn follow_spend(desk: Arc<Desk>, stop: CancellationToken) {
    let mut every = tokio::time::interval(SPEND_EVERY);
    loop {
        tokio::select! {
            _ = every.tick() => {},
            () = stop.cancelled() => return,
        }
        let now = desk.shared.clock.mono().as_millis();
        let looked = desk.looked.load(Ordering::Relaxed);
        if looked == 0 || now.saturating_sub(looked) > WATCHING_MS {
            // Somebody who begins to watch need not wait for the next round.
            every.reset_after(Duration::from_millis(500));
            continue;
        }
        let asked = Arc::clone(&desk);
        let read = tokio::task::spawn_blocking(move || screen::read_spend(&asked)).await;
        if let Err(error) = read {
            tracing::warn!("spend cannot be read: {error}");
        }
    }
}
