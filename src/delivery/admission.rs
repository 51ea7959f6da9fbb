//! Capacity for deliveries. A delivery without a place is rejected immediately, before any claim, so that Pub/Sub slows down.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::dedup::MessageKey;

/// A place that is released when dropped.
pub(crate) type Place = OwnedSemaphorePermit;

/// A limit that is reached.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OverCapacity {
    #[error("too many unanswered pushes in this process, limit {0}: see PUSHGATE_CONCURRENCY")]
    Process(usize),
    #[error("too many messages of this subscription at once: see .concurrency(…)")]
    Subscription,
}

/// The places of the process.
pub(crate) struct Admission {
    /// The most places, for the error.
    limit: usize,
    /// The free places.
    places: Arc<Semaphore>,
}

impl Admission {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            places: Arc::new(Semaphore::new(limit)),
        }
    }

    /// Returns the number of places that are taken, and of all places.
    pub(crate) fn occupancy(&self) -> (usize, usize) {
        (self.limit - self.places.available_permits(), self.limit)
    }

    /// Takes a place in the process.
    pub(crate) fn enter(&self) -> Result<Place, OverCapacity> {
        Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| OverCapacity::Process(self.limit))
    }
}

/// The deliveries of one subscription that wait for another delivery of their message. Each occupies a place that other messages need.
pub(crate) struct Waiting {
    /// The most deliveries that wait.
    limit: usize,
    /// The number of waiting deliveries of each message.
    by_key: Mutex<HashMap<MessageKey, usize>>,
}

/// A delivery that waits, until dropped.
pub(crate) struct Waiter<'a> {
    waiting: &'a Waiting,
    key: &'a MessageKey,
}

impl Waiting {
    /// The limit for one message. Pub/Sub seldom has more deliveries of a message at once, but a publisher may publish one event in a
    /// loop.
    const SAME_MESSAGE: usize = 4;

    /// Creates the limit for a subscription with this number of places.
    pub(crate) fn of(places: usize) -> Self {
        Self {
            limit: (places / 4).max(1),
            by_key: Mutex::default(),
        }
    }

    /// Takes a place to wait, or returns `None` if too many deliveries of this message, or of the subscription, already wait.
    pub(crate) fn enter<'a>(&'a self, key: &'a MessageKey) -> Option<Waiter<'a>> {
        let mut by_key = self.by_key();
        let all: usize = by_key.values().sum();
        let same = by_key.get(key).copied().unwrap_or_default();
        if all >= self.limit || same >= Self::SAME_MESSAGE {
            return None;
        }
        by_key.insert(key.clone(), same + 1);
        Some(Waiter { waiting: self, key })
    }

    fn by_key(&self) -> MutexGuard<'_, HashMap<MessageKey, usize>> {
        self.by_key.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut by_key = self.waiting.by_key();
        if let Some(same) = by_key.get_mut(self.key) {
            *same -= 1;
            if *same == 0 {
                by_key.remove(self.key);
            }
        }
    }
}
