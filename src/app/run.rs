//! Order of start and stop.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, bail};
use arc_swap::ArcSwap;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::build::{self, Surroundings};
use crate::app::clock::SystemClock;
use crate::app::commands::Hands;
use crate::app::load::{self, Loaded};
use crate::app::lock::FolderLock;
use crate::app::reload::{self, ConfigState};
use crate::app::screen::{self, Screen};
use crate::app::snapshot::Desk;
use crate::app::switches::SwitchFile;
use crate::app::watch::Hosts;
use crate::app::workers::{self, Workers};
use crate::app::{Start, Ui, panic, surroundings};
use crate::base::{Clock, Problem, Severity};
use crate::config::{self, Config};
use crate::confstore::Watch;
use crate::control::{Command, EventKind, Ticket};
use crate::demo::{self, World, traffic};
use crate::ledger::{self, Ledger};
use crate::live::{Happened, Live};
use crate::net::general::General;
use crate::net::tls::Tls;
use crate::price::PriceTable;
use crate::probe;
use crate::proxy::Shared;
use crate::telemetry::{self, Sink};

/// Commands that may wait to be done; the dashboard sends one a key press.
const COMMANDS: usize = 64;
/// How often spend is read again while somebody watches.
const SPEND_EVERY: Duration = Duration::from_secs(5);
/// How long ago somebody must have looked to count as watching, in milliseconds.
const WATCHING_MS: u64 = 3_000;
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
    let outcome = runtime.block_on(live(start, ui));
    // Probes and the demo may still hold sockets; nothing of them is worth waiting for.
    runtime.shutdown_background();
    outcome
}

/// Everything that has begun, in the order it is ended.
struct Running {
    shared: Arc<Shared>,
    workers: Workers,
    tasks: TaskTracker,
    stop: CancellationToken,
    _lock: Option<FolderLock>,
}

async fn live(start: Start, ui: Option<Ui>) -> anyhow::Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let world = match start.demo {
        Some(seed) => Some(
            World::launch(seed, Arc::clone(&clock), &tasks, &stop)
                .await
                .context("cannot start the demo's servers")?,
        ),
        None => None,
    };
    let text = world.as_ref().map(demo::config);
    let loaded = load::load(&start, text.as_deref());
    let config = usable(&loaded)?;
    let addr = address(&start, &loaded, &config)?;
    let folder = data_dir(&start, &config)?;
    let mut lock = match start.demo {
        Some(_) => None,
        None => Some(FolderLock::take(&folder)?),
    };
    let listener = workers::listen(addr)?;
    let addr = listener
        .local_addr()
        .context("the listening socket has no address")?;
    if let Some(lock) = &mut lock {
        lock.sign(addr);
    }
    let _logs = logs(&start, &config, ui.is_some(), &folder)?;
    panic::install();
    let switch_file = SwitchFile::within(&folder);
    let switches = if world.is_some() {
        Default::default()
    } else {
        switch_file.load()
    };
    let around = Surroundings {
        prices: PriceTable::builtin(),
        loopback: addr.ip().is_loopback(),
        names: surroundings::host_names(&loaded.resolved.listen_host),
    };
    let mut state = ConfigState::new(
        start.clone(),
        around,
        &loaded,
        switches.clone(),
        clock.wall(),
    );
    if let (Some(world), Some(text)) = (&world, text) {
        let clouds = world.servers().into_iter().filter(|server| server.cloud);
        state = state.demo(text, clouds.map(|server| server.base).collect());
    }
    let config = state.adapt(config);
    let shared = share(config, &state, &switches, &folder, &clock, start.log_bodies);
    seed(&shared);
    let tls = Arc::new(Tls::default());
    let count = start.workers.or(shared
        .setup
        .load()
        .config
        .startup
        .workers
        .map(|n| n as usize));
    let count = count.unwrap_or_else(workers::usual_count);
    let workers = Workers::start(count, &listener, &shared, &tls)?;
    drop(listener);
    let text = format!("serving on http://{addr} with {}", loaded.name);
    shared.live.event(Happened::new(
        EventKind::Lifecycle,
        Severity::Note,
        "pointsman",
        text,
    ));
    let running = Running {
        shared,
        workers,
        tasks,
        stop,
        _lock: lock,
    };
    let desk = Arc::new(Desk {
        shared: Arc::clone(&running.shared),
        config: Arc::new(state),
        listen: addr.to_string(),
        started: clock.mono(),
        simulated: Mutex::new(simulated(world.as_ref())),
        spend: Mutex::new(None),
        demo: start.demo.is_some(),
        looked: AtomicU64::new(0),
    });
    begin_traffic(&start, addr, &desk, &running);
    attend(
        running,
        desk,
        switch_file,
        world,
        ui,
        (&loaded, Arc::new(General::new(tls)), folder),
    )
    .await
}

/// The configuration, or every reason why there is none.
fn usable(loaded: &Loaded) -> anyhow::Result<Config> {
    let Some(config) = loaded.config() else {
        bail!("{}", config::report(&loaded.resolved));
    };
    let unbuildable = build::unbuildable(config);
    if !unbuildable.is_empty() {
        let lines: Vec<String> = unbuildable.iter().map(Problem::to_string).collect();
        bail!("{}", lines.join("\n"));
    }
    Ok(config.clone())
}

fn address(start: &Start, loaded: &Loaded, config: &Config) -> anyhow::Result<SocketAddr> {
    let host = &loaded.resolved.listen_host;
    let ip = surroundings::address(host).map_err(anyhow::Error::msg)?;
    let usual = if start.demo.is_some() { 0 } else { 4_000 };
    let port = start.port.or(config.startup.port).unwrap_or(usual);
    Ok(SocketAddr::new(ip, port))
}

/// The data folder, made when it is missing. The demo's is a throw-away one.
fn data_dir(start: &Start, config: &Config) -> anyhow::Result<PathBuf> {
    let folder = match (&start.data_dir, &config.startup.data_dir, start.demo) {
        (Some(folder), ..) => folder.clone(),
        (None, _, Some(_)) => {
            std::env::temp_dir().join(format!("pointsman-demo-{}", std::process::id()))
        },
        (None, Some(folder), None) => PathBuf::from(folder),
        (None, None, None) => {
            surroundings::data_dir().context("there is no home folder; use --data-dir DIR")?
        },
    };
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make the data folder {}", folder.display()))?;
    Ok(folder)
}

fn logs(
    start: &Start,
    config: &Config,
    screen: bool,
    folder: &Path,
) -> anyhow::Result<telemetry::Logs> {
    let file = folder.join("pointsman.log");
    let color = surroundings::variable("NO_COLOR").is_none()
        && std::io::IsTerminal::is_terminal(&std::io::stderr());
    let sink = if screen {
        Sink::File(&file)
    } else {
        Sink::Stderr { color }
    };
    let options = telemetry::Options {
        sink,
        json: start.json_logs || config.general.json_logs,
        verbose: start.verbose || config.general.verbose,
        filter: &surroundings::variable("POINTSMAN_LOG").unwrap_or_default(),
    };
    telemetry::begin(&options).context("cannot begin to log")
}

fn share(
    config: Config,
    state: &ConfigState,
    switches: &crate::traffic::Switches,
    folder: &Path,
    clock: &Arc<dyn Clock>,
    log_bodies: bool,
) -> Arc<Shared> {
    let zone = reload::zone_of(&config);
    let ledger_options = ledger::Options::new(folder.join("pointsman.db"), Arc::clone(clock));
    let setup = build::build(config, None, switches, state.surroundings(), clock.mono());
    Arc::new(Shared {
        setup: ArcSwap::from_pointee(setup),
        live: Arc::new(Live::new(Arc::clone(clock), zone)),
        ledger: Ledger::open(ledger_options),
        clock: Arc::clone(clock),
        draining: AtomicBool::new(false),
        connections: AtomicUsize::new(0),
        refused: AtomicU64::new(0),
        log_bodies,
    })
}

/// Fills the day's totals and the list of requests from the ledger, beside everything else: a large
/// ledger must not hold up the start.
fn seed(shared: &Arc<Shared>) {
    let shared = Arc::clone(shared);
    let midnight = shared.live.zone().day_start(shared.clock.wall());
    let thread = std::thread::Builder::new()
        .name("seed".to_owned())
        .spawn(move || {
            if let Ok(totals) = shared.ledger.totals_since(midnight) {
                shared.live.seed_today(screen::today_of(&totals.all));
            }
            if let Ok(records) = shared.ledger.recent(200) {
                shared.live.refill(records);
            }
        });
    if let Err(error) = thread {
        tracing::warn!("the day's totals start at zero: {error}");
    }
}

fn simulated(world: Option<&World>) -> std::collections::HashMap<String, bool> {
    let servers = world.map(World::servers).unwrap_or_default();
    servers
        .into_iter()
        .map(|server| (server.base, server.running))
        .collect()
}

/// The demo's clients.
fn begin_traffic(start: &Start, addr: SocketAddr, desk: &Desk, running: &Running) {
    let Some(seed) = start.demo else { return };
    let key = desk
        .shared
        .setup
        .load()
        .config
        .general
        .master_key
        .as_ref()
        .map(|(key, _)| key.clone());
    let target = traffic::Target { addr, key, seed };
    let (tasks, stop) = (running.tasks.clone(), running.stop.child_token());
    running
        .tasks
        .spawn(traffic::run(target, tasks, stop, Arc::default()));
}

/// Everything beside the workers, until somebody says stop; then the way out.
async fn attend(
    running: Running,
    desk: Arc<Desk>,
    switches: SwitchFile,
    world: Option<World>,
    ui: Option<Ui>,
    rest: (&Loaded, Arc<General>, PathBuf),
) -> anyhow::Result<()> {
    let (loaded, general, folder) = rest;
    let shared = Arc::clone(&running.shared);
    let (tasks, stop) = (&running.tasks, &running.stop);
    let hosts = Arc::new(Hosts::new(Arc::clone(&shared)));
    let clock = Arc::clone(&shared.clock);
    tasks.spawn(probe::run(
        hosts,
        general,
        clock,
        tasks.clone(),
        stop.clone(),
    ));
    let quit = CancellationToken::new();
    let hands = Arc::new(Hands {
        desk: Arc::clone(&desk),
        switches,
        world,
        replies: Mutex::default(),
        quit: quit.clone(),
    });
    let (send, receive) = mpsc::channel(COMMANDS);
    tasks.spawn(obey(Arc::clone(&hands), receive, stop.clone()));
    if !desk.demo && !loaded.files.is_empty() {
        tasks.spawn(follow_files(Arc::clone(&desk), stop.clone()));
    }
    tasks.spawn(follow_spend(Arc::clone(&desk), stop.clone()));
    let has_screen = ui.is_some();
    let screen = match ui {
        Some(ui) => Some(Screen::begin(ui, Arc::clone(&hands), send, &folder)?),
        None => {
            announce(&desk, loaded);
            None
        },
    };
    let reason = wait(&desk, &quit, screen.as_ref(), has_screen).await;
    shared.live.event(Happened::new(
        EventKind::Lifecycle,
        Severity::Note,
        "pointsman",
        reason,
    ));
    if let Some(screen) = screen {
        screen.end();
    }
    end(running).await;
    if desk.demo {
        // A throw-away folder; what cannot be removed is in the system's own.
        std::fs::remove_dir_all(&folder).unwrap_or_default();
    }
    Ok(())
}

/// Headless: says on stderr that it serves, and to systemd.
fn announce(desk: &Desk, loaded: &Loaded) {
    for note in loaded.notes() {
        match note.severity {
            Severity::Note => tracing::info!("{}", note.headline()),
            _ => tracing::warn!("{}", note.headline()),
        }
    }
    tracing::info!("listening on http://{}", desk.listen);
    #[cfg(target_os = "linux")]
    if let Err(error) = sd_notify::notify(&[sd_notify::NotifyState::Ready]) {
        tracing::debug!("systemd was not told: {error}");
    }
}

/// Waits for a reason to stop: a signal, a command, or the dashboard's end.
async fn wait(
    desk: &Desk,
    quit: &CancellationToken,
    screen: Option<&Screen>,
    has_screen: bool,
) -> String {
    let mut signals = match crate::app::signals::Signals::new() {
        Ok(signals) => signals,
        Err(error) => {
            tracing::warn!("signals are not heard: {error}");
            quit.cancelled().await;
            return "stopping".to_owned();
        },
    };
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
                crate::app::signals::Heard::Stop(name) => return format!("stopping: {name}"),
                // With a screen this is the terminal going away: the dashboard ends by itself.
                crate::app::signals::Heard::HangUp if has_screen => {},
                crate::app::signals::Heard::HangUp => {
                    let (_ok, text) = desk.config.reload(&desk.shared);
                    tracing::info!("SIGHUP: {text}");
                },
            },
            stays = closed, if screen.is_some_and(|screen| !screen.is_over()) => {
                if !stays {
                    return "stopping: the dashboard was closed".to_owned();
                }
                tracing::info!("the dashboard ended; the gateway goes on");
            },
        }
    }
}

/// Does what the dashboard asks for, one after the other.
async fn obey(
    hands: Arc<Hands>,
    mut receive: mpsc::Receiver<(Ticket, Command)>,
    stop: CancellationToken,
) {
    loop {
        tokio::select! {
            next = receive.recv() => match next {
                Some((ticket, command)) => hands.run(ticket, command).await,
                None => return,
            },
            () = stop.cancelled() => return,
        }
    }
}

/// Reloads whenever a file of the configuration changes.
async fn follow_files(desk: Arc<Desk>, stop: CancellationToken) {
    let mut files = desk.config.known().files.clone();
    let mut watch = Watch::over(files.clone());
    loop {
        tokio::select! {
            () = watch.changed() => {
                desk.config.reload(&desk.shared);
                let now = desk.config.known().files.clone();
                if now != files {
                    files.clone_from(&now);
                    watch = Watch::over(now);
                }
            },
            () = stop.cancelled() => return,
        }
    }
}

/// Reads the spend of the last seven days again and again, while somebody watches.
async fn follow_spend(desk: Arc<Desk>, stop: CancellationToken) {
    let mut every = tokio::time::interval(SPEND_EVERY);
    loop {
        tokio::select! {
            _ = every.tick() => {},
            () = stop.cancelled() => return,
        }
        let now = desk.shared.clock.mono().as_millis();
        let looked = desk.looked.load(Ordering::Relaxed);
        if looked == 0 || now.saturating_sub(looked) > WATCHING_MS {
            continue;
        }
        let asked = Arc::clone(&desk);
        let read = tokio::task::spawn_blocking(move || screen::read_spend(&asked)).await;
        if let Err(error) = read {
            tracing::warn!("spend cannot be read: {error}");
        }
    }
}

/// The way out: no new requests, those in flight end, rows are written.
async fn end(running: Running) {
    running.shared.draining.store(true, Ordering::Relaxed);
    #[cfg(target_os = "linux")]
    if let Err(error) = sd_notify::notify(&[sd_notify::NotifyState::Stopping]) {
        tracing::debug!("systemd was not told: {error}");
    }
    running.workers.stop.cancel();
    running.stop.cancel();
    let limit = running.shared.setup.load().config.limits.drain_timeout;
    let drained = tokio::time::timeout(limit, async {
        while !running.workers.are_done() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    if drained.await.is_err() {
        tracing::warn!(
            "requests in flight did not end within {} s; they are cut",
            limit.as_secs()
        );
    }
    running.workers.kill.cancel();
    running.workers.join();
    running.tasks.close();
    if !running.shared.ledger.close(LEDGER_WITHIN) {
        tracing::warn!("the ledger could not write all of its rows");
    }
}
