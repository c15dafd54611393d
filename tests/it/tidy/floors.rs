//! The house as data: which floor a module stands on, what it may use, who owns which crate.
//!
//! `src/ARCHITECTURE.md` explains it; this table is what is enforced. A new dependency needs a
//! line in [`OWNERS`], a new module one in [`FLOORS`].

/// A top-level module.
pub struct Floor {
    /// Its name, as in `src/NAME.rs`.
    pub module: &'static str,
    /// 0 at the bottom. Floors 0 and 1 do no I/O.
    pub level: u8,
    /// The modules of ours it may name; [`ALL`] for the composition root.
    pub may_use: &'static [&'static str],
}

/// Any module.
pub const ALL: &str = "*";

/// The pure floors and the shared clients: what every module of floor 3 may build on.
const BELOW_PROXY: &[&str] = &[
    "access",
    "alert",
    "base",
    "config",
    "confstore",
    "control",
    "ledger",
    "live",
    "net",
    "price",
    "provider",
    "route",
    "telemetry",
    "token",
    "traffic",
    "wire",
];

const fn floor(level: u8, module: &'static str, may_use: &'static [&'static str]) -> Floor {
    Floor {
        module,
        level,
        may_use,
    }
}

/// Every module, bottom up.
pub const FLOORS: &[Floor] = &[
    floor(0, "base", &[]),
    floor(1, "config", &["base"]),
    floor(1, "wire", &["base"]),
    floor(1, "price", &["base"]),
    floor(1, "token", &["base"]),
    floor(1, "route", &["base", "config"]),
    floor(1, "access", &["base", "config"]),
    floor(1, "control", &["base"]),
    floor(2, "net", &["base"]),
    floor(2, "provider", &["base", "config", "net", "wire"]),
    floor(2, "traffic", &["access", "base", "config", "route"]),
    floor(2, "ledger", &["base"]),
    floor(2, "confstore", &["base", "config"]),
    floor(2, "alert", &["base", "control", "net"]),
    floor(2, "telemetry", &["base", "control", "net"]),
    floor(2, "live", &["base", "control"]),
    floor(
        3,
        "probe",
        &["base", "config", "net", "provider", "route", "traffic"],
    ),
    floor(3, "proxy", BELOW_PROXY),
    floor(3, "tui", &["base", "config", "control"]),
    floor(3, "demo", &["base", "wire"]),
    floor(4, "app", &[ALL]),
    floor(5, "cli", &["app", "base", "config", "control"]),
    floor(5, "main", &["app", "base", "cli"]),
];

/// What of `std` floors 0 and 1 never touch; of `net`, addresses are only numbers.
pub const IMPURE_STD: &[(&str, &[&str])] = &[
    ("env", &[]),
    ("fs", &[]),
    ("net", &["Tcp", "Udp", "ToSocketAddrs"]),
    ("os", &[]),
    ("process", &[]),
    ("thread", &[]),
];

/// Files of those floors that may all the same, with the reason.
pub const IMPURE_EXCEPTIONS: &[(&str, &str)] = &[];

/// Who may use a dependency: module names with spaces between, or [`ALL`]. Crates are named as in
/// code.
pub const OWNERS: &[(&str, &str)] = &[
    // Vocabulary.
    ("serde", ALL),
    ("serde_json", ALL),
    ("thiserror", ALL),
    ("bytes", "app demo net provider proxy traffic wire"),
    ("base64", "access config demo proxy wire"),
    ("itoa", "net provider proxy wire"),
    ("memchr", "net provider proxy wire"),
    (
        "jiff",
        "app base cli config confstore demo ledger live price provider proxy telemetry tui",
    ),
    ("uuid", "base demo proxy"),
    ("fastrand", "demo proxy route traffic"),
    ("foldhash", "live"),
    ("sha2", "access config confstore wire"),
    ("subtle", "access base"),
    // Config.
    ("serde_yaml", "config tui"),
    ("saphyr_parser", "config"),
    ("notify", "confstore"),
    ("etcetera", "app"),
    // Sockets.
    (
        "tokio",
        "alert app confstore demo net probe provider proxy telemetry traffic",
    ),
    ("tokio_util", "app demo net probe proxy"),
    ("futures_util", "app demo net probe provider proxy"),
    ("http", "demo net probe provider proxy"),
    ("http_body", "demo proxy"),
    ("http_body_util", "demo proxy"),
    ("httparse", "net proxy"),
    ("hyper", "demo"),
    ("hyper_util", "demo"),
    ("tower_service", "proxy"),
    ("axum", "demo proxy"),
    ("reqwest", "alert net probe"),
    ("rustls", "net"),
    ("rustls_native_certs", "net"),
    ("tokio_rustls", "net"),
    ("webpki_roots", "net"),
    ("socket2", "net proxy"),
    // Disk and process.
    ("rusqlite", "ledger"),
    ("rustix", "app cli confstore ledger tui"),
    ("sd_notify", "app"),
    ("mimalloc", "main"),
    ("arc_swap", "app confstore live proxy traffic"),
    // Telling people.
    (
        "tracing",
        "alert app cli confstore demo ledger live net probe provider proxy telemetry traffic tui",
    ),
    ("tracing_appender", "telemetry"),
    ("tracing_subscriber", "telemetry"),
    ("clap", "cli"),
    ("anyhow", "app cli main"),
    ("ratatui", "tui"),
    ("crossterm", "app tui"),
    ("unicode_width", "tui"),
];
