//! Hot reload: read → validate → diff → build aside → swap. A bad file changes nothing and is told of
//! until it is mended.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::app::Start;
use crate::app::build::{self, Surroundings};
use crate::app::load::{self, Loaded};
use crate::base::{Problem, Severity, Wall};
use crate::config::{self, Config};
use crate::control::EventKind;
use crate::live::Happened;
use crate::live::day::Zone;
use crate::proxy::Shared;
use crate::telemetry::Dial;
use crate::traffic::Switches;

/// What is known of the configuration in force and of the file on disk.
#[derive(Debug)]
pub struct ConfigState {
    start: Start,
    surroundings: Surroundings,
    /// Simulated clouds of the demo: their bases are no local servers although they are on loopback.
    clouds: Vec<String>,
    text: Option<String>,
    logs: Dial,
    inner: Mutex<Known>,
}

/// What the dashboard shows of it.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The file, or what stands for one.
    pub name: String,
    /// When the one in force was read.
    pub loaded: Option<Wall>,
    /// Why the file on disk is not in force.
    pub errors: Vec<Problem>,
    /// Warnings and notes about the one in force.
    pub notes: Vec<Problem>,
    /// What is off by hand.
    pub switches: Switches,
    /// Every file that counts.
    pub files: Vec<std::path::PathBuf>,
}

impl ConfigState {
    /// The state at the start.
    pub fn new(
        start: Start,
        surroundings: Surroundings,
        loaded: &Loaded,
        switches: Switches,
        logs: Dial,
        now: Wall,
    ) -> Self {
        let known = Known {
            name: loaded.name.clone(),
            loaded: Some(now),
            errors: Vec::new(),
            notes: loaded.notes(),
            switches,
            files: loaded.files.clone(),
        };
        Self {
            start,
            surroundings,
            clouds: Vec::new(),
            text: None,
            logs,
            inner: Mutex::new(known),
        }
    }

    /// The demo's own config, and which of its servers play clouds.
    #[must_use]
    pub fn demo(self, text: String, clouds: Vec<String>) -> Self {
        Self {
            text: Some(text),
            clouds,
            ..self
        }
    }

    /// What a configuration is built into.
    pub const fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }

    /// What is known now.
    pub fn known(&self) -> MutexGuard<'_, Known> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The demo's clouds are clouds, wherever they listen.
    pub fn adapt(&self, mut config: Config) -> Config {
        for deployment in &mut config.deployments {
            let base = &*deployment.upstream.base;
            if self
                .clouds
                .iter()
                .any(|cloud| base.starts_with(cloud.as_str()))
            {
                deployment.upstream.local = false;
            }
        }
        config
    }

    /// Reads everything again and puts it in force. Gives one sentence, and whether it went well.
    pub fn reload(&self, shared: &Shared) -> (bool, String) {
        let loaded = load::load(&self.start, self.text.as_deref());
        let mut errors = loaded.errors();
        let mut config = loaded.resolved.config.clone();
        let unbuildable = config.as_ref().map(build::unbuildable).unwrap_or_default();
        if !unbuildable.is_empty() {
            errors.extend(unbuildable);
            config = None;
        }
        let mut known = self.known();
        known.files.clone_from(&loaded.files);
        let Some(config) = config else {
            drop(known);
            return (false, self.refuse(shared, &loaded.name, errors));
        };
        let mended = !known.errors.is_empty();
        known.errors.clear();
        known.notes = loaded.notes();
        let config = self.adapt(config);
        let present = shared.setup.load_full();
        let diff = config::diff(&present.config, &config);
        if diff.is_empty() {
            drop(known);
            let text = if mended {
                "mended: the same as the config in force"
            } else {
                "nothing changed"
            };
            if mended {
                tell(
                    shared,
                    EventKind::Reload,
                    Severity::Note,
                    &loaded.name,
                    text,
                );
            }
            return (true, text.to_owned());
        }
        known.loaded = Some(shared.clock.wall());
        let switches = known.switches.clone();
        drop(known);
        let now = shared.clock.mono();
        let zone_changed = present.config.general.timezone != config.general.timezone;
        if zone_changed {
            shared.live.set_zone(zone_of(&config));
        }
        if present.config.general.verbose != config.general.verbose {
            self.logs.turn(self.start.verbose || config.general.verbose);
        }
        let setup = build::build(config, Some(&present), &switches, &self.surroundings, now);
        shared.setup.store(Arc::new(setup));
        let mut text = diff.lines.join("; ");
        if !diff.restart_keys.is_empty() {
            let keys = diff.restart_keys.join(", ");
            let joint = if text.is_empty() { "" } else { "; " };
            text = format!("{text}{joint}after a restart: {keys}");
        }
        tell(
            shared,
            EventKind::Reload,
            Severity::Note,
            &loaded.name,
            &text,
        );
        (true, text)
    }

    /// Keeps the config in force, and why; tells of it once. Gives one sentence.
    fn refuse(&self, shared: &Shared, name: &str, errors: Vec<Problem>) -> String {
        let mut known = self.known();
        let same = known.errors == errors;
        known.errors = errors;
        let first = known
            .errors
            .first()
            .map(Problem::headline)
            .unwrap_or_default();
        let more = known.errors.len().saturating_sub(1);
        drop(known);
        let more = if more > 0 {
            format!(" (and {more} more)")
        } else {
            String::new()
        };
        let text = format!("{first}{more}; the config in force stays");
        if !same {
            tell(shared, EventKind::ConfigError, Severity::Error, name, &text);
        }
        text
    }
}

/// The time zone a configuration asks for; the system's when it asks for none.
pub fn zone_of(config: &Config) -> Zone {
    let name = &config.general.timezone;
    if name.is_empty() {
        return Zone::system();
    }
    Zone::named(name).unwrap_or_else(|error| {
        tracing::warn!("timezone `{name}`: {error}; using the system's");
        Zone::system()
    })
}

fn tell(shared: &Shared, kind: EventKind, severity: Severity, subject: &str, text: &str) {
    shared
        .live
        .event(Happened::new(kind, severity, subject, text));
}
