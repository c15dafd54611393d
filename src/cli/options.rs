//! The options that all subcommands share, and what they come to.

use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};

use crate::cli::litellm::Foreign;

/// Options of every subcommand. Each can be given by environment as well.
#[derive(Debug, Clone, Default, Args)]
pub struct Shared {
    /// The config file [default: ./config.yaml, then `$XDG_CONFIG_HOME/pointsman/config.yaml`]
    #[arg(short, long, value_name = "FILE", env = "POINTSMAN_CONFIG")]
    pub config: Option<PathBuf>,
    /// Where to listen [default: 127.0.0.1; inside a container 0.0.0.0]
    #[arg(long, value_name = "HOST", env = "POINTSMAN_HOST")]
    pub host: Option<String>,
    /// The port to listen on; 0 takes a free one [default: 4000]
    #[arg(short, long, value_name = "PORT", env = "POINTSMAN_PORT")]
    pub port: Option<u16>,
    /// Where the ledger and saved switches live [default: `$XDG_DATA_HOME/pointsman`]
    #[arg(long, value_name = "DIR", env = "POINTSMAN_DATA_DIR")]
    pub data_dir: Option<PathBuf>,
    /// A model that serves every request, without a config file: `ollama/llama3.2`
    #[arg(short, long, value_name = "MODEL", env = "POINTSMAN_MODEL")]
    pub model: Option<String>,
    /// A model to fall back to, with `--model`; may be repeated
    #[arg(
        long,
        value_name = "MODEL",
        env = "POINTSMAN_FALLBACK",
        value_delimiter = ','
    )]
    pub fallback: Vec<String>,
    /// The base URL of `--model`
    #[arg(
        long = "api_base",
        alias = "api-base",
        value_name = "URL",
        env = "POINTSMAN_API_BASE"
    )]
    pub api_base: Option<String>,
    /// Worker threads [default: one a core, at most 8]
    #[arg(
        long = "num_workers",
        alias = "num-workers",
        value_name = "N",
        env = "POINTSMAN_NUM_WORKERS"
    )]
    pub num_workers: Option<usize>,
    /// One log line for each attempt, with why
    #[arg(
        long = "detailed_debug",
        aliases = ["detailed-debug", "debug"],
        env = "POINTSMAN_DETAILED_DEBUG", value_parser = BoolishValueParser::new()
    )]
    pub detailed_debug: bool,
    /// Also log request and answer bodies: they hold what people write
    #[arg(long, env = "POINTSMAN_LOG_BODIES", value_parser = BoolishValueParser::new())]
    pub log_bodies: bool,
    /// One JSON object a log line
    #[arg(long, env = "POINTSMAN_JSON_LOGS", value_parser = BoolishValueParser::new())]
    pub json_logs: bool,
    /// Serve beyond loopback without a key
    #[arg(long, env = "POINTSMAN_ALLOW_OPEN", value_parser = BoolishValueParser::new())]
    pub allow_open: bool,
    /// Start although this unsupported key, which would restrict, is in the config; may be repeated
    #[arg(
        long,
        value_name = "KEY",
        env = "POINTSMAN_IGNORE_UNSUPPORTED",
        value_delimiter = ','
    )]
    pub ignore_unsupported: Vec<String>,
    /// The dashboard's theme: `dark`, `light`, or a file
    #[arg(long, value_name = "THEME", env = "POINTSMAN_THEME")]
    pub theme: Option<String>,
    /// The dashboard's colours
    #[arg(long, value_name = "WHEN", env = "POINTSMAN_COLOR")]
    pub color: Option<Color>,
    /// The dashboard's symbols
    #[arg(long, value_name = "SET", env = "POINTSMAN_GLYPHS")]
    pub glyphs: Option<GlyphSet>,
    /// Leave the mouse to the terminal
    #[arg(long, env = "POINTSMAN_NO_MOUSE", value_parser = BoolishValueParser::new())]
    pub no_mouse: bool,
    /// `LiteLLM`'s flags for `pointsman check`: who uses them expects no server
    #[arg(long = "validate_config", alias = "skip_server_startup", hide = true)]
    pub validate_config: bool,
}

/// How many colours to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// As the terminal says.
    Auto,
    /// None.
    Never,
    /// Its sixteen.
    #[value(name = "16")]
    Sixteen,
    /// 256.
    #[value(name = "256")]
    Indexed,
    /// All.
    #[value(alias = "always")]
    True,
}

/// Which symbols to draw with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GlyphSet {
    /// As the locale says.
    Auto,
    /// Everything.
    Unicode,
    /// Letters and punctuation only.
    Ascii,
}

/// `pointsman serve`
#[derive(Debug, Args)]
pub struct ServeArgs {
    #[command(flatten)]
    pub(crate) shared: Shared,
    #[command(flatten)]
    pub(crate) foreign: Foreign,
}

/// `pointsman demo`
#[derive(Debug, Args)]
pub struct DemoArgs {
    #[command(flatten)]
    pub(crate) shared: Shared,
    /// Without the dashboard
    #[arg(long, env = "POINTSMAN_HEADLESS", value_parser = BoolishValueParser::new())]
    pub(crate) headless: bool,
    /// Write pictures of the dashboard into this folder, and end
    #[arg(long, value_name = "DIR", hide = true)]
    pub(crate) pictures: Option<PathBuf>,
    /// The same number gives the same world
    #[arg(long, value_name = "N", env = "POINTSMAN_SEED", default_value_t = 7)]
    pub(crate) seed: u64,
}

impl Shared {
    /// These options, and where they say nothing those of `inner`, which stood after the subcommand.
    #[must_use]
    pub fn or(self, inner: Self) -> Self {
        let lists = |outer: Vec<String>, inner: Vec<String>| {
            if inner.is_empty() { outer } else { inner }
        };
        Self {
            config: inner.config.or(self.config),
            host: inner.host.or(self.host),
            port: inner.port.or(self.port),
            data_dir: inner.data_dir.or(self.data_dir),
            model: inner.model.or(self.model),
            fallback: lists(self.fallback, inner.fallback),
            api_base: inner.api_base.or(self.api_base),
            num_workers: inner.num_workers.or(self.num_workers),
            detailed_debug: inner.detailed_debug || self.detailed_debug,
            log_bodies: inner.log_bodies || self.log_bodies,
            json_logs: inner.json_logs || self.json_logs,
            allow_open: inner.allow_open || self.allow_open,
            ignore_unsupported: lists(self.ignore_unsupported, inner.ignore_unsupported),
            theme: inner.theme.or(self.theme),
            color: inner.color.or(self.color),
            glyphs: inner.glyphs.or(self.glyphs),
            no_mouse: inner.no_mouse || self.no_mouse,
            validate_config: inner.validate_config || self.validate_config,
        }
    }
}
