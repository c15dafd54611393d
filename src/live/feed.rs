//! The ring of events. Bursts of the same thing are folded into one event with a count.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::base::{Severity, Wall};
use crate::control::{Event, Snapshot};
use crate::live::Happened;

/// How far apart two like events may be to be folded, in microseconds.
const FOLD_WITHIN_US: i64 = 10_000_000;
/// How many of the newest events are looked at for a like one, at most.
const FOLD_AMONG: usize = 200;

/// Events, newest first.
#[derive(Debug, Default)]
pub struct Feed {
    ring: VecDeque<Arc<Event>>,
    seq: u64,
}

impl Feed {
    /// Adds an event and gives it back, or counts it on a like one of a moment ago.
    pub fn add(&mut self, happened: Happened, at: Wall) -> Option<Arc<Event>> {
        if let Some(place) = self.like(&happened, at) {
            if let Some(known) = self.ring.get_mut(place) {
                let event = Arc::make_mut(known);
                event.count = event.count.saturating_add(1);
                event.at = at;
                event.call_id = happened.call_id;
            }
            return None;
        }
        self.seq += 1;
        let event = Event {
            seq: self.seq,
            at,
            kind: happened.kind,
            severity: happened.severity,
            subject: happened.subject,
            from: happened.from,
            to: happened.to,
            text: happened.text,
            call_id: happened.call_id,
            count: 1,
        };
        if self.ring.len() == Snapshot::MAX_EVENTS {
            self.ring.pop_back();
        }
        let event = Arc::new(event);
        self.ring.push_front(Arc::clone(&event));
        Some(event)
    }

    /// All events, newest first.
    pub fn newest(&self) -> impl Iterator<Item = &Arc<Event>> {
        self.ring.iter()
    }

    /// A like event of a moment ago. Folded events keep their place, so the look goes past newer ones.
    fn like(&self, new: &Happened, at: Wall) -> Option<usize> {
        self.ring.iter().take(FOLD_AMONG).position(|old| {
            at.as_micros() - old.at.as_micros() < FOLD_WITHIN_US
                && old.kind == new.kind
                && old.subject == new.subject
                && old.from == new.from
                && old.to == new.to
                && old.text == new.text
        })
    }
}

/// One log line an event; the log's writer never makes the caller wait.
pub fn log(event: &Event) {
    let (kind, subject, text) = (event.kind.word(), &event.subject, &event.text);
    let from = event.from.as_deref().unwrap_or_default();
    let to = event.to.as_deref().unwrap_or_default();
    let call = event.call_id.as_deref().unwrap_or_default();
    match event.severity {
        Severity::Note => tracing::info!(kind, subject, from, to, call, "{text}"),
        Severity::Warning => tracing::warn!(kind, subject, from, to, call, "{text}"),
        Severity::Error => tracing::error!(kind, subject, from, to, call, "{text}"),
    }
}
