//! What the dashboard asks of the gateway, and what it says about the answers.

use super::Effect;
use crate::base::BreakerState;
use crate::control::{BackendState, Command, Reply};
use crate::tui::state::{Ask, Overlay, State, Tone};

impl State {
    /// Sends a command under a number of its own.
    pub(super) fn send(&mut self, command: Command) -> Vec<Effect> {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.pending.push(ticket);
        vec![Effect::Send(ticket, command)]
    }

    /// Shows the answers to our own commands; others are not ours to show.
    pub(super) fn answer(&mut self, replies: Vec<Reply>) {
        for reply in replies {
            let Some(place) = self
                .pending
                .iter()
                .position(|ticket| *ticket == reply.ticket)
            else {
                continue;
            };
            self.pending.swap_remove(place);
            let tone = if reply.ok { Tone::Good } else { Tone::Bad };
            self.say(tone, reply.text);
        }
    }

    /// Off when it is on; asks first when nobody else of its group takes traffic. On when it is off.
    pub(super) fn toggle(&mut self) -> Vec<Effect> {
        let Some(backend) = self.backend() else {
            return self.nothing_selected();
        };
        let id = backend.id.clone();
        let enabled = matches!(backend.state, BackendState::Off | BackendState::Draining);
        if !enabled && self.is_last_up(backend) {
            self.overlay = Some(Overlay::Ask(Ask::TurnOff { id }));
            return Vec::new();
        }
        self.send(Command::SetEnabled {
            backend: id,
            enabled,
        })
    }

    pub(super) fn clear_cooldown(&mut self) -> Vec<Effect> {
        let Some(backend) = self.backend() else {
            return self.nothing_selected();
        };
        let well = backend.breaker == BreakerState::Closed && backend.fails == 0;
        if well && backend.cooldown_left_ms.is_none() {
            let text = format!("{} is not cooling down", backend.name);
            self.say(Tone::Plain, text);
            return Vec::new();
        }
        let backend = backend.id.clone();
        self.send(Command::ClearCooldown { backend })
    }

    pub(super) fn probe(&mut self) -> Vec<Effect> {
        let Some(backend) = self.backend() else {
            return self.nothing_selected();
        };
        let backend = backend.id.clone();
        self.send(Command::Probe { backend })
    }

    pub(super) fn simulate(&mut self) -> Vec<Effect> {
        let Some(backend) = self.backend() else {
            return self.nothing_selected();
        };
        let host = self.shown.hosts.get(backend.host);
        let Some(runs) = host.and_then(|host| host.simulated) else {
            return Vec::new();
        };
        let backend = backend.id.clone();
        self.send(Command::SetSimulated {
            backend,
            running: !runs,
        })
    }

    fn nothing_selected(&mut self) -> Vec<Effect> {
        self.say(Tone::Plain, "no backend is selected");
        Vec::new()
    }
}
