//! Does what the dashboard asks for. Every change goes through here and leaves an event.

use std::sync::{Arc, Mutex, PoisonError};

use crate::app::snapshot::Desk;
use crate::app::switches::SwitchFile;
use crate::base::Severity;
use crate::control::{Command, EventKind, Reply, Ticket};
use crate::demo::World;
use crate::live::Happened;
use crate::proxy::{Setup, news};
use crate::traffic::lone_places;

/// The hands that do it.
#[derive(Debug)]
pub struct Hands {
    /// What is shown, and thereby what there is.
    pub desk: Arc<Desk>,
    /// Where switches are kept.
    pub switches: SwitchFile,
    /// The demo's servers.
    pub world: Option<World>,
    /// Answers that have not been fetched.
    pub replies: Mutex<Vec<Reply>>,
    /// Ends the gateway.
    pub quit: tokio_util::sync::CancellationToken,
}

impl Hands {
    /// Does one thing and leaves the answer to be fetched.
    pub async fn run(&self, ticket: Ticket, command: Command) {
        let done = match command {
            Command::SetEnabled { backend, enabled } => self.switch(&backend, enabled),
            Command::ClearCooldown { backend } => self.clear(&backend),
            Command::Probe { backend } => self.probe(&backend),
            Command::Reload => {
                let (ok, text) = self.desk.config.reload(&self.desk.shared);
                if ok { Ok(text) } else { Err(text) }
            },
            Command::SetSimulated { backend, running } => self.simulate(&backend, running).await,
            Command::Shutdown => {
                self.quit.cancel();
                Ok("shutting down".to_owned())
            },
        };
        let (ok, text) = match done {
            Ok(text) => (true, text),
            Err(text) => (false, text),
        };
        let mut replies = self.replies.lock().unwrap_or_else(PoisonError::into_inner);
        replies.push(Reply { ticket, ok, text });
    }

    /// Answers since the last call.
    pub fn take_replies(&self) -> Vec<Reply> {
        std::mem::take(&mut self.replies.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn setup(&self) -> Arc<Setup> {
        self.desk.shared.setup.load_full()
    }

    fn switch(&self, id: &str, enabled: bool) -> Result<String, String> {
        let setup = self.setup();
        let idx = setup.fleet.find(id).ok_or_else(unknown)?;
        let node = setup.fleet.table.deployment(idx).ok_or_else(unknown)?;
        if let Some(why) = &node.config.off {
            return Err(format!("{} is off in the config: {why}", node.config.name));
        }
        let (live, _host) = setup.fleet.pair(idx).ok_or_else(unknown)?;
        let shared = &self.desk.shared;
        let off_since = (!enabled).then(|| shared.clock.wall());
        live.switch(off_since, shared.clock.mono());
        let mut places = lone_places(&setup.fleet.table).into_iter();
        let place = places.nth(idx.0).flatten();
        let mut known = self.desk.config.known();
        match off_since {
            Some(since) => known.switches.turn_off(&node.config.id, place, since),
            None => known.switches.turn_on(&node.config.id, place.as_ref()),
        }
        let saved = self.switches.save(&known.switches);
        drop(known);
        let word = if enabled { "turned on" } else { "turned off" };
        let event = Happened::new(EventKind::Toggle, Severity::Note, &*node.config.name, word);
        shared.live.event(event);
        let busy = live.in_flight();
        let text = match (enabled, busy) {
            (false, 1..) => format!("{} off; {busy} in flight will finish", node.config.name),
            _ => format!("{} {word}", node.config.name),
        };
        match saved {
            Ok(()) => Ok(text),
            Err(error) => Ok(format!("{text}; it will not survive a restart ({error})")),
        }
    }

    fn clear(&self, id: &str) -> Result<String, String> {
        let setup = self.setup();
        let idx = setup.fleet.find(id).ok_or_else(unknown)?;
        let (live, _host) = setup.fleet.pair(idx).ok_or_else(unknown)?;
        let now = self.desk.shared.clock.mono();
        let was_open = live.breaker().why().is_some();
        live.breaker().clear();
        live.note_turn(now);
        let name = setup
            .fleet
            .table
            .deployment(idx)
            .map(|node| node.config.name.to_string());
        let name = name.unwrap_or_default();
        if !was_open {
            return Ok(format!(
                "{name} was not cooling down; its failures are forgotten"
            ));
        }
        let change = crate::traffic::Change::Closed { deployment: idx };
        news::tell(&self.desk.shared.live, &setup, change, None);
        Ok(format!("{name} takes traffic again"))
    }

    fn probe(&self, id: &str) -> Result<String, String> {
        let setup = self.setup();
        let idx = setup.fleet.find(id).ok_or_else(unknown)?;
        let (_live, host) = setup.fleet.pair(idx).ok_or_else(unknown)?;
        if !host.health().is_probed() {
            return Err(format!(
                "{} is a cloud: it is judged by its traffic",
                host.base
            ));
        }
        host.probe_now(self.desk.shared.clock.mono());
        Ok(format!("probing {}", host.base))
    }

    async fn simulate(&self, id: &str, running: bool) -> Result<String, String> {
        let world = self
            .world
            .as_ref()
            .ok_or("only the demo has simulated servers")?;
        let setup = self.setup();
        let idx = setup.fleet.find(id).ok_or_else(unknown)?;
        let node = setup.fleet.table.deployment(idx).ok_or_else(unknown)?;
        let origin = setup.origin(node.host);
        world
            .set_running(&origin, running)
            .await
            .map_err(|error| error.to_string())?;
        let mut simulated = self
            .desk
            .simulated
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        simulated.insert(origin.to_string(), running);
        drop(simulated);
        let word = if running { "started" } else { "stopped" };
        Ok(format!("the server at {origin} was {word}"))
    }
}

fn unknown() -> String {
    "this backend is no longer in the config".to_owned()
}
