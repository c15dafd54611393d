//! Order of start: config, data folder, port, ledger, workers. Anything that keeps the gateway from
//! starting is found before the first connection is accepted.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex};

use anyhow::{Context, bail};
use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::build::{self, Surroundings};
use crate::app::clock::SystemClock;
use crate::app::load::{self, Loaded};
use crate::app::lock::FolderLock;
use crate::app::reload::{self, ConfigState};
use crate::app::snapshot::Desk;
use crate::app::switches::SwitchFile;
use crate::app::workers::{self, Workers};
use crate::app::{Start, panic, screen, surroundings};
use crate::base::{Clock, Problem, Severity};
use crate::config::{self, Config};
use crate::control::EventKind;
use crate::demo::{self, World, traffic};
use crate::ledger::{self, Ledger};
use crate::live::{Happened, Live};
use crate::net::general::General;
use crate::net::tls::Tls;
use crate::price::PriceTable;
use crate::proxy::Shared;
use crate::telemetry::{self, Logs, Sink};
use crate::traffic::Switches;

/// Ended requests that the live list shows after a restart.
const REFILL: u32 = 200;

/// Everything that has begun.
pub struct Begun {
    /// What the workers share.
    pub shared: Arc<Shared>,
    /// The worker threads.
    pub workers: Workers,
    /// Everything beside them.
    pub tasks: TaskTracker,
    /// Ends everything beside the workers.
    pub stop: CancellationToken,
    /// What is shown.
    pub desk: Arc<Desk>,
    /// Where switches are kept.
    pub switches: SwitchFile,
    /// The demo's servers.
    pub world: Option<World>,
    /// The client for probes.
    pub general: Arc<General>,
    /// The configuration as it was read.
    pub loaded: Loaded,
    /// The data folder.
    pub folder: PathBuf,
    /// Where the demo leaves pictures of itself.
    pub pictures: Option<PathBuf>,
    /// Held until the process ends.
    pub lock: Option<FolderLock>,
    /// Written out when dropped.
    pub logs: Logs,
}

/// A place to serve at.
struct Site {
    folder: PathBuf,
    listener: TcpListener,
    addr: SocketAddr,
    lock: Option<FolderLock>,
}

/// Starts everything but the dashboard.
///
/// # Errors
/// It cannot start: config, data folder, port.
pub async fn begin(start: Start, has_screen: bool) -> anyhow::Result<Begun> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let world = launch(&start, &clock, &tasks, &stop).await?;
    let text = world.as_ref().map(demo::config);
    let loaded = load::load(&start, text.as_deref());
    let config = usable(&loaded)?;
    let site = settle_down(&start, &loaded, &config)?;
    let logs = log_to(&start, &config, has_screen, &site.folder)?;
    panic::install();
    let switches = SwitchFile::within(&site.folder);
    let off = if world.is_some() {
        Switches::default()
    } else {
        switches.load()
    };
    let around = Surroundings {
        prices: PriceTable::builtin(),
        loopback: site.addr.ip().is_loopback(),
        names: surroundings::host_names(&loaded.resolved.listen_host),
    };
    // A reload is judged by the address that is really bound, whatever the file says by then.
    let bound = Start {
        host: Some(site.addr.ip().to_string()),
        ..start.clone()
    };
    let mut state = ConfigState::new(
        bound,
        around,
        &loaded,
        off.clone(),
        logs.dial.clone(),
        clock.wall(),
    );
    if let (Some(world), Some(text)) = (&world, text) {
        let clouds = world.servers().into_iter().filter(|server| server.cloud);
        state = state.demo(text, clouds.map(|server| server.base).collect());
    }
    let shared = share(
        &start,
        state.adapt(config),
        &state,
        &off,
        &site.folder,
        &clock,
    );
    seed(&shared);
    let tls = Arc::new(Tls::default());
    let workers = hire(&start, &site.listener, &shared, &tls)?;
    tell_of(&shared, site.addr, &loaded.name);
    let desk = Desk {
        shared: Arc::clone(&shared),
        config: Arc::new(state),
        listen: site.addr.to_string(),
        started: clock.mono(),
        simulated: Mutex::new(simulated(world.as_ref())),
        spend: Mutex::new(None),
        demo: start.demo.is_some(),
        marked: Mutex::default(),
        looked: AtomicU64::new(0),
    };
    send_clients(&start, site.addr, &shared, &tasks, &stop);
    Ok(Begun {
        shared,
        workers,
        tasks,
        stop,
        desk: Arc::new(desk),
        switches,
        world,
        general: Arc::new(General::new(tls)),
        loaded,
        folder: site.folder,
        pictures: start.pictures,
        lock: site.lock,
        logs,
    })
}

/// The first event: what is served from where.
fn tell_of(shared: &Shared, addr: SocketAddr, config: &str) {
    let text = format!("serving on http://{addr} with {config}");
    let event = Happened::new(EventKind::Lifecycle, Severity::Note, "pointsman", text);
    shared.live.event(event);
}

/// The demo's servers.
async fn launch(
    start: &Start,
    clock: &Arc<dyn Clock>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> anyhow::Result<Option<World>> {
    let Some(seed) = start.demo else {
        return Ok(None);
    };
    let launched = World::launch(seed, Arc::clone(clock), tasks, stop).await;
    Ok(Some(launched.context("cannot start the demo's servers")?))
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

/// Takes the data folder and the port.
fn settle_down(start: &Start, loaded: &Loaded, config: &Config) -> anyhow::Result<Site> {
    let host = &loaded.resolved.listen_host;
    let ip =
        config::address(host).with_context(|| format!("`{host}` is no address to listen on"))?;
    let usual = if start.demo.is_some() { 0 } else { 4_000 };
    let port = start.port.or(config.startup.port).unwrap_or(usual);
    let folder = data_dir(start, config)?;
    let mut lock = match start.demo {
        Some(_) => None,
        None => Some(FolderLock::take(&folder)?),
    };
    let listener = workers::listen(SocketAddr::new(ip, port))?;
    let addr = listener
        .local_addr()
        .context("the listening socket has no address")?;
    if let Some(lock) = &mut lock {
        lock.sign(addr);
    }
    Ok(Site {
        folder,
        listener,
        addr,
        lock,
    })
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

fn log_to(start: &Start, config: &Config, screen: bool, folder: &Path) -> anyhow::Result<Logs> {
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
    let logs = telemetry::begin(&options).context("cannot begin to log")?;
    warn_of_proxy();
    Ok(logs)
}

fn share(
    start: &Start,
    config: Config,
    state: &ConfigState,
    switches: &Switches,
    folder: &Path,
    clock: &Arc<dyn Clock>,
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
        cut: CancellationToken::new(),
        connections: AtomicUsize::new(0),
        refused: AtomicU64::new(0),
        log_bodies: start.log_bodies,
    })
}

/// Adds what earlier runs counted today and lists their requests, beside everything else: a large
/// ledger must not hold up the start.
fn seed(shared: &Arc<Shared>) {
    let shared = Arc::clone(shared);
    let now = shared.clock.wall();
    let midnight = shared.live.zone().day_start(now);
    let read = move || {
        if let Ok(totals) = shared.ledger.totals_between(midnight, now) {
            let setup = shared.setup.load_full();
            let earlier = screen::earlier_of(&totals, &setup.fleet.table);
            shared.live.seed_today(&earlier);
        }
        if let Ok(mut records) = shared.ledger.recent(REFILL) {
            records.retain(|record| record.started < now);
            shared.live.refill(records);
        }
    };
    if let Err(error) = std::thread::Builder::new()
        .name("seed".to_owned())
        .spawn(read)
    {
        tracing::warn!("the day's totals start at zero: {error}");
    }
}

/// Reads the system's TLS roots beside the start when there is a cloud, so that no request waits for it.
fn warm_up(shared: &Shared, tls: &Arc<Tls>) {
    let setup = shared.setup.load();
    let mut backends = setup.backends.iter().flatten();
    if !backends.any(|backend| backend.origin.tls) {
        return;
    }
    let tls = Arc::clone(tls);
    let thread = std::thread::Builder::new().name("roots".to_owned());
    if let Err(error) = thread.spawn(move || drop(tls.config())) {
        tracing::debug!("the TLS roots are read with the first request: {error}");
    }
}

/// People behind a proxy expect these to be heeded; better said than found out.
fn warn_of_proxy() {
    let names = [
        "HTTPS_PROXY",
        "https_proxy",
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "all_proxy",
    ];
    let set = names
        .into_iter()
        .find(|name| surroundings::variable(name).is_some());
    if let Some(name) = set {
        tracing::warn!(
            "{name} is set and not used: backends are reached directly, without a proxy"
        );
    }
}

/// Starts as many workers as were asked for: by the command line, else the config, else one a core.
fn hire(
    start: &Start,
    listener: &TcpListener,
    shared: &Arc<Shared>,
    tls: &Arc<Tls>,
) -> anyhow::Result<Workers> {
    warm_up(shared, tls);
    let configured = shared.setup.load().config.startup.workers;
    let configured = configured.and_then(|count| usize::try_from(count).ok());
    let count = start
        .workers
        .or(configured)
        .unwrap_or_else(workers::usual_count);
    Workers::start(count, listener, shared, tls)
}

fn simulated(world: Option<&World>) -> std::collections::HashMap<String, bool> {
    let servers = world.map(World::servers).unwrap_or_default();
    servers
        .into_iter()
        .map(|server| (server.base, server.running))
        .collect()
}

/// The demo's clients.
fn send_clients(
    start: &Start,
    addr: SocketAddr,
    shared: &Shared,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) {
    let Some(seed) = start.demo else { return };
    let setup = shared.setup.load();
    let key = setup
        .config
        .general
        .master_key
        .as_ref()
        .map(|(key, _source)| key.clone());
    let target = traffic::Target { addr, key, seed };
    tasks.spawn(traffic::run(
        target,
        tasks.clone(),
        stop.child_token(),
        Arc::default(),
    ));
}
