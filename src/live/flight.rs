//! Requests in flight: a slab, so that a request finds its entry by number.

use std::sync::Arc;

use crate::base::Mono;
use crate::control::InFlight;
use crate::live::millis;

/// The place of a request among those in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot(usize);

/// All requests in flight.
#[derive(Debug, Default)]
pub struct Flights {
    entries: Vec<Option<Flight>>,
    free: Vec<usize>,
}

#[derive(Debug)]
struct Flight {
    call_id: String,
    model: Arc<str>,
    client: Arc<str>,
    backend: Option<Arc<str>>,
    started: Mono,
    attempt: u32,
    streaming: bool,
}

impl Flights {
    /// A request arrived.
    pub fn begin(&mut self, call_id: &str, model: &Arc<str>, client: &Arc<str>, now: Mono) -> Slot {
        let flight = Flight {
            call_id: call_id.to_owned(),
            model: Arc::clone(model),
            client: Arc::clone(client),
            backend: None,
            started: now,
            attempt: 0,
            streaming: false,
        };
        if let Some(place) = self.free.pop() {
            self.entries[place] = Some(flight);
            return Slot(place);
        }
        self.entries.push(Some(flight));
        Slot(self.entries.len() - 1)
    }

    /// It is tried on a backend.
    pub fn attempt(&mut self, slot: Slot, backend: &Arc<str>, number: u32) {
        if let Some(Some(flight)) = self.entries.get_mut(slot.0) {
            flight.backend = Some(Arc::clone(backend));
            flight.attempt = number;
        }
    }

    /// Content goes to its client.
    pub fn content(&mut self, slot: Slot) {
        if let Some(Some(flight)) = self.entries.get_mut(slot.0) {
            flight.streaming = true;
        }
    }

    /// It ended.
    pub fn end(&mut self, slot: Slot) {
        if self
            .entries
            .get_mut(slot.0)
            .is_some_and(|entry| entry.take().is_some())
        {
            self.free.push(slot.0);
        }
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many asked for this model.
    pub fn of_model(&self, model: &str) -> u32 {
        let count = self
            .entries
            .iter()
            .flatten()
            .filter(|flight| &*flight.model == model)
            .count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// All of them, oldest first.
    pub fn list(&self, now: Mono) -> Vec<InFlight> {
        let mut flights: Vec<&Flight> = self.entries.iter().flatten().collect();
        flights.sort_by_key(|flight| flight.started);
        let shown = flights.into_iter().map(|flight| InFlight {
            call_id: flight.call_id.clone(),
            model: flight.model.to_string(),
            backend: flight.backend.as_deref().unwrap_or_default().to_owned(),
            age_ms: millis(now.since(flight.started)),
            attempt: flight.attempt,
            streaming: flight.streaming,
            client: flight.client.to_string(),
        });
        shown.collect()
    }
}
