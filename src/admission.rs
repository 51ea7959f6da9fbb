//! Is there room? Answered at once, before any claim: Pub/Sub slows down when it hears 429.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::registered::Registered;

/// A place that is given back when dropped.
pub(crate) type Place = OwnedSemaphorePermit;

/// Why there is no room.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OverCapacity {
    #[error(
        "{0} pushes are worked on in this process, and no more may be: see PUSHGATE_CONCURRENCY"
    )]
    Process(usize),
    #[error("no more messages of this subscription may be worked on at once: see .concurrency(…)")]
    Subscription,
}

/// The places of the process.
pub(crate) struct Admission {
    limit: usize,
    places: Arc<Semaphore>,
}

impl Admission {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            places: Arc::new(Semaphore::new(limit)),
        }
    }

    /// A place in the process. Taken before the body is read, so that bodies are bounded, too.
    pub(crate) fn enter(&self) -> Result<Place, OverCapacity> {
        Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| OverCapacity::Process(self.limit))
    }

    /// A place with the subscriber.
    pub(crate) fn enter_subscription(
        &self,
        subscriber: &Registered,
    ) -> Result<Place, OverCapacity> {
        Arc::clone(&subscriber.places)
            .try_acquire_owned()
            .map_err(|_| OverCapacity::Subscription)
    }
}
