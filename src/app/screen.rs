//! The dashboard's thread, and its door to everything else.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::{Notify, mpsc};

use crate::app::commands::Hands;
use crate::app::snapshot::Desk;
use crate::app::{Ui, editor, panic, surroundings};
use crate::control::{Command, Reply, Snapshot, Spend, SpendRow, Ticket, Today};
use crate::ledger::{SpendLine, SpendSummary, Totals, TotalsSince};
use crate::live::Earlier;
use crate::route::Table;
use crate::tui::{self, Exit, Glyphs, Host, Source};

/// Days on the spend screen.
const SPEND_DAYS: i64 = 7;
/// How long the dashboard may take to end.
const END_WITHIN: Duration = Duration::from_secs(1);

/// The dashboard on its own thread.
#[derive(Debug)]
pub struct Screen {
    thread: JoinHandle<()>,
    shared: Arc<Door>,
}

/// What the dashboard's thread and the others share.
#[derive(Debug, Default)]
struct Door {
    stop: AtomicBool,
    /// How it ended: whether the gateway goes on without it.
    stays: AtomicBool,
    closed: Notify,
    /// The terminal is lent to an editor: a ctrl-c there is not meant for us.
    lent: AtomicBool,
}

/// Where the dashboard takes its state from.
struct Embedded {
    hands: Arc<Hands>,
    send: mpsc::Sender<(Ticket, Command)>,
}

/// What the dashboard may do while the terminal is handed over.
struct Hand {
    config: Option<PathBuf>,
    door: Arc<Door>,
}

impl Screen {
    /// Begins the dashboard.
    ///
    /// # Errors
    /// A theme file cannot be read, or there is no thread for it.
    pub fn begin(
        ui: &Ui,
        hands: Arc<Hands>,
        send: mpsc::Sender<(Ticket, Command)>,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let options = options(ui)?;
        let shared = Arc::new(Door::default());
        let door = Arc::clone(&shared);
        let known = hands.desk.config.known();
        let config = (!hands.desk.demo)
            .then(|| PathBuf::from(&known.name))
            .filter(|p| p.exists());
        drop(known);
        let clock = Arc::clone(&hands.desk.shared.clock);
        let stderr = redirect_stderr(folder);
        let thread = std::thread::Builder::new()
            .name(panic::DASHBOARD.to_owned())
            .spawn(move || {
                let source = Embedded { hands, send };
                let mut hand = Hand {
                    config,
                    door: Arc::clone(&door),
                };
                let exit = tui::run(&source, &mut hand, &options, &clock, &door.stop);
                drop(stderr);
                let stays = match exit {
                    Exit::Quit | Exit::Stopped => false,
                    Exit::Detached => true,
                    Exit::Panicked(text) => {
                        tracing::error!("the dashboard panicked: {text}; the gateway goes on");
                        true
                    },
                };
                door.stays.store(stays, Ordering::Release);
                door.closed.notify_one();
            });
        Ok(Self {
            thread: thread.context("cannot start the dashboard's thread")?,
            shared,
        })
    }

    /// Waits until it ends; whether the gateway goes on without it.
    pub async fn closed(&self) -> bool {
        self.shared.closed.notified().await;
        self.shared.stays.load(Ordering::Acquire)
    }

    /// Whether the terminal is lent to an editor.
    pub fn is_lent(&self) -> bool {
        self.shared.lent.load(Ordering::Acquire)
    }

    /// Ends it and gives the terminal back. A thread that hangs in a terminal that takes nothing, or
    /// waits for an editor, is left behind.
    pub async fn end(self) {
        self.shared.stop.store(true, Ordering::Release);
        let ended = tokio::time::timeout(END_WITHIN, async {
            while !self.thread.is_finished() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        if ended.await.is_err() {
            tui::restore();
        } else if self.thread.join().is_err() {
            tracing::error!("the dashboard's thread ended with a panic");
        }
    }
}

impl Source for Embedded {
    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::new(self.hands.desk.snapshot())
    }

    fn send(&self, ticket: Ticket, command: Command) {
        if self.send.try_send((ticket, command)).is_err() {
            let mut replies = self
                .hands
                .replies
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let text = "busy; try again".to_owned();
            replies.push(Reply {
                ticket,
                ok: false,
                text,
            });
        }
    }

    fn replies(&self) -> Vec<Reply> {
        self.hands.take_replies()
    }
}

impl Host for Hand {
    fn edit_config(&mut self) -> Result<String, String> {
        match &self.config {
            Some(path) => {
                self.door.lent.store(true, Ordering::Release);
                let edited = editor::edit(path);
                self.door.lent.store(false, Ordering::Release);
                edited
            },
            None => Err("there is no config file to edit here".to_owned()),
        }
    }
}

fn options(ui: &Ui) -> anyhow::Result<tui::Options> {
    let (theme, theme_file) = match ui.theme.as_deref() {
        None => (None, None),
        Some("dark") => (Some("pointsman-dark".to_owned()), None),
        Some("light") => (Some("pointsman-light".to_owned()), None),
        Some(path) => {
            let text = std::fs::read_to_string(path);
            (
                None,
                Some(text.with_context(|| format!("cannot read the theme {path}"))?),
            )
        },
    };
    let depth = match ui.color {
        Some("never") => Some(tui::Depth::Mono),
        Some("16") => Some(tui::Depth::Ansi16),
        Some("256") => Some(tui::Depth::Ansi256),
        Some("true") => Some(tui::Depth::True),
        _ => None,
    };
    let glyphs = ui.ascii.map(|ascii| {
        if ascii {
            Glyphs::Ascii
        } else {
            Glyphs::Unicode
        }
    });
    Ok(tui::Options {
        theme,
        theme_file,
        depth,
        glyphs,
        mouse: ui.mouse,
        environment: tui::Environment::read(surroundings::variable),
        ..tui::Options::default()
    })
}

/// Sends stray output of libraries to the log while the screen is up; ends when dropped.
fn redirect_stderr(folder: &Path) -> Option<StderrGuard> {
    let saved = rustix::io::dup(std::io::stderr()).ok()?;
    let path = folder.join("pointsman.log");
    let file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .ok()?;
    rustix::stdio::dup2_stderr(&file).ok()?;
    Some(StderrGuard(saved))
}

/// Puts standard error back.
struct StderrGuard(rustix::fd::OwnedFd);

impl Drop for StderrGuard {
    fn drop(&mut self) {
        if let Err(error) = rustix::stdio::dup2_stderr(&self.0) {
            tracing::warn!("standard error stays with the log: {error}");
        }
    }
}

/// Reads the spend of the last days and puts it on the desk.
pub fn read_spend(desk: &Desk) {
    let zone = desk.shared.live.zone();
    let bounds = zone.days(desk.shared.clock.wall(), SPEND_DAYS);
    match desk.shared.ledger.spend(&bounds) {
        Ok(summary) => {
            let days = bounds
                .iter()
                .take(bounds.len() - 1)
                .map(|start| zone.date(*start));
            let spend = Arc::new(spend_of(summary, days.collect()));
            *desk.spend.lock().unwrap_or_else(PoisonError::into_inner) = Some(spend);
        },
        Err(error) => tracing::debug!("spend cannot be read: {error}"),
    }
}

fn spend_of(summary: SpendSummary, days: Vec<String>) -> Spend {
    let rows = |lines: Vec<SpendLine>| lines.into_iter().map(row_of).collect();
    Spend {
        days,
        total: row_of(summary.total),
        by_model: rows(summary.by_model),
        by_backend: rows(summary.by_backend),
        by_key: rows(summary.by_key),
        by_app: rows(summary.by_app),
    }
}

fn row_of(line: SpendLine) -> SpendRow {
    SpendRow {
        name: line.name,
        daily: line.daily,
        cost: line.totals.cost,
        requests: line.totals.requests,
        errors: line.totals.errors,
        tokens_in: line.totals.tokens_in,
        tokens_out: line.totals.tokens_out,
        unpriced: line.totals.unpriced,
    }
}

/// The ledger's totals as those of earlier runs. Clients asked by aliases, by names that a wildcard
/// matches, and by names that mean nothing: those are left out.
pub fn earlier_of(totals: &TotalsSince, table: &Table) -> Earlier {
    let by_model = totals.by_client_model.iter();
    let by_group = by_model.filter_map(|(name, totals)| {
        let group = table.counted_as(name)?;
        Some((group, today_of(totals)))
    });
    let by_deployment = totals.by_deployment.iter();
    let by_deployment = by_deployment.map(|(id, totals)| (Arc::clone(id), today_of(totals)));
    Earlier {
        all: today_of(&totals.all),
        by_group: by_group.collect(),
        by_deployment: by_deployment.collect(),
    }
}

fn today_of(totals: &Totals) -> Today {
    Today {
        requests: totals.requests,
        errors: totals.errors,
        tokens_in: totals.tokens_in,
        tokens_out: totals.tokens_out,
        tokens_cached: totals.tokens_cached,
        cost: totals.cost,
        unpriced: totals.unpriced,
        fallbacks: totals.fallbacks,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{FileText, Sources, resolve};

    #[test]
    fn earlier_traffic_by_alias_and_wildcard_is_found_at_its_group() {
        let text = "model_list:\n- {model_name: chat, litellm_params: {model: ollama/x}}\n\
                    - {model_name: 'more/*', litellm_params: {model: 'ollama/*'}}\n\
                    router_settings: {model_group_alias: {gpt-4: chat}}\n";
        let main = Some(FileText {
            name: "config.yaml".to_owned(),
            bytes: text.into(),
        });
        let resolved = resolve(&Sources {
            main,
            ..Sources::empty()
        });
        let table = Table::build(&resolved.config.unwrap());
        let one = Totals {
            requests: 1,
            ..Totals::default()
        };
        let asked = ["chat", "gpt-4", "more/a", "more/b", "made-up"];
        let totals = TotalsSince {
            by_client_model: asked.map(|name| (name.into(), one)).to_vec(),
            ..TotalsSince::default()
        };
        let earlier = earlier_of(&totals, &table);
        let groups: Vec<&str> = earlier.by_group.iter().map(|(name, _)| &**name).collect();
        assert_eq!(groups, ["chat", "chat", "more/*", "more/*"]);
    }
}
