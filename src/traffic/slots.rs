//! Slots that are given back: who waits for a full deployment is told at once, and nobody else pays.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

/// One bell for all deployments and hosts of a gateway: a slot anywhere may be the one that is waited for.
#[derive(Debug, Default)]
pub struct Slots {
    waiting: AtomicU32,
    freed: Arc<Notify>,
}

/// Hears of every slot that is given back after it was made.
#[derive(Debug)]
pub struct SlotWait {
    slots: Arc<Slots>,
    freed: Pin<Box<OwnedNotified>>,
}

impl Slots {
    /// Begins to listen; to be called before it is looked once more whether a slot is free.
    pub fn listen(self: &Arc<Self>) -> SlotWait {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let mut freed = Box::pin(Arc::clone(&self.freed).notified_owned());
        freed.as_mut().enable();
        SlotWait {
            slots: Arc::clone(self),
            freed,
        }
    }

    /// A slot was given back.
    pub(super) fn give_back(&self) {
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.freed.notify_waiters();
        }
    }
}

impl SlotWait {
    /// Waits until a slot is given back.
    pub async fn freed(mut self) {
        self.freed.as_mut().await;
    }
}

impl Drop for SlotWait {
    fn drop(&mut self) {
        self.slots.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_listens_hears_of_what_comes_after() {
        let slots = Arc::new(Slots::default());
        slots.give_back();
        let (first, second) = (slots.listen(), slots.listen());
        let hour = Duration::from_hours(1);
        let early = tokio::time::timeout(hour, slots.listen().freed()).await;
        assert!(early.is_err(), "what was before is past");
        slots.give_back();
        first.freed().await;
        second.freed().await;
        assert_eq!(slots.waiting.load(Ordering::SeqCst), 0);
    }
}
