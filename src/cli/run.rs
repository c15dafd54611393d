//! The three ways to run: dashboard, headless, demo.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::app::{self, Start, Ui};
use crate::cli::litellm::Foreign;
use crate::cli::options::{Color, DemoArgs, GlyphSet, Shared};
use crate::cli::say;

/// Gateway and dashboard in this terminal; headless when stdout is no terminal.
pub fn dashboard(shared: &Shared, foreign: &Foreign) -> ExitCode {
    tell(&foreign.notes);
    let screen = std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
    finish(app::run(start(shared), screen.then(|| ui(shared))))
}

/// The gateway alone.
pub fn serve(shared: &Shared, foreign: &Foreign) -> ExitCode {
    tell(&foreign.notes);
    finish(app::run(start(shared), None))
}

/// Gateway and dashboard over built-in backends.
pub fn demo(shared: &Shared, args: &DemoArgs) -> ExitCode {
    let (seed, pictures) = (args.seed, args.pictures.clone());
    let headless = args.headless || pictures.is_some();
    let screen = !headless && std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
    let host = shared.host.clone().or_else(|| Some("127.0.0.1".to_owned()));
    let start = Start {
        demo: Some(seed),
        pictures,
        host,
        ..start(shared)
    };
    finish(app::run(start, screen.then(|| ui(shared))))
}

/// What to start, from the options.
pub fn start(shared: &Shared) -> Start {
    Start {
        config: config_file(shared),
        host: shared.host.clone().or_else(litellm_host),
        port: shared.port.or_else(|| litellm("PORT")),
        data_dir: shared.data_dir.clone(),
        model: shared.model.clone(),
        fallbacks: shared.fallback.clone(),
        api_base: shared.api_base.clone(),
        workers: shared.num_workers.or_else(|| litellm("NUM_WORKERS")),
        verbose: shared.detailed_debug
            || app::surroundings::variable("DETAILED_DEBUG").is_some_and(|on| is_yes(&on)),
        log_bodies: shared.log_bodies,
        json_logs: shared.json_logs,
        allow_open: shared.allow_open,
        ignore_unsupported: shared.ignore_unsupported.clone(),
        demo: None,
        pictures: None,
    }
}

/// A variable that LiteLLM's own command line reads, where it makes sense.
fn litellm<T: std::str::FromStr>(name: &str) -> Option<T> {
    app::surroundings::variable(name)?.parse().ok()
}

/// LiteLLM's `HOST`; some shells keep the machine's name under it, which is no address.
fn litellm_host() -> Option<String> {
    litellm::<std::net::IpAddr>("HOST").map(|address| address.to_string())
}

fn is_yes(text: &str) -> bool {
    matches!(
        text.to_ascii_lowercase().as_str(),
        "1" | "true" | "yes" | "on"
    )
}

/// The file that was named, else the first of the usual ones that is there.
fn config_file(shared: &Shared) -> Option<PathBuf> {
    if let Some(named) = shared
        .config
        .clone()
        .or_else(|| litellm("CONFIG_FILE_PATH"))
    {
        return Some(named);
    }
    if shared.model.is_some() {
        return None;
    }
    let here = Path::new("config.yaml");
    let usual = app::surroundings::config_dir().map(|folder| folder.join("config.yaml"));
    match usual {
        Some(usual) if !here.exists() && usual.exists() => Some(usual),
        _ => Some(here.to_path_buf()),
    }
}

fn ui(shared: &Shared) -> Ui {
    Ui {
        theme: shared.theme.clone(),
        color: match shared.color {
            None | Some(Color::Auto) => None,
            Some(Color::Never) => Some("never"),
            Some(Color::Sixteen) => Some("16"),
            Some(Color::Indexed) => Some("256"),
            Some(Color::True) => Some("true"),
        },
        ascii: match shared.glyphs {
            None | Some(GlyphSet::Auto) => None,
            Some(GlyphSet::Unicode) => Some(false),
            Some(GlyphSet::Ascii) => Some(true),
        },
        mouse: !shared.no_mouse,
    }
}

fn tell(notes: &[String]) {
    for note in notes {
        say(note);
    }
}

fn finish(outcome: anyhow::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A report of config problems has its own lines and severities.
            let text = format!("{error:#}");
            let text = text.trim();
            say(&if text.starts_with("error") {
                text.to_owned()
            } else {
                format!("error: {text}")
            });
            ExitCode::FAILURE
        },
    }
}
