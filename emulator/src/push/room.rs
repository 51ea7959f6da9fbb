//! The pushes that may be under way at once, so that a subscription whose endpoint hangs does not stop the others.

use tokio::sync::{Semaphore, SemaphorePermit};

/// The most pushes under way at once of all subscriptions together, but for one of each. Each needs a connection, and when
/// the endpoint is in this process too, both ends count against its limit of open files, which is 1,024 on many machines.
static SHARED: Semaphore = Semaphore::const_new(160);
/// Of so many subscriptions one push may be under way although all room is taken: Google's know nothing of each other.
static RESERVE: Semaphore = Semaphore::const_new(200);

/// The pushes that one subscription may have under way besides its share of the common room.
pub(super) struct Reserve(Semaphore);

/// The room of one push, released when it is dropped.
pub(super) struct Room<'a> {
    /// If it is the one of its subscription.
    _own: Option<SemaphorePermit<'a>>,
    _permit: Option<SemaphorePermit<'static>>,
}

impl Default for Reserve {
    fn default() -> Self {
        Self(Semaphore::new(1))
    }
}

impl Reserve {
    /// Waits for room: in common, or for this subscription alone. No semaphore here is ever closed.
    pub(super) async fn room(&self) -> Room<'_> {
        if let Ok(shared) = SHARED.try_acquire() {
            return Room {
                _own: None,
                _permit: Some(shared),
            };
        }
        let reserved = async {
            let own = self.0.acquire().await.ok();
            (own, RESERVE.acquire().await.ok())
        };
        let (own, permit) = tokio::select! {
            reserved = reserved => reserved,
            shared = SHARED.acquire() => (None, shared.ok()),
        };
        Room {
            _own: own,
            _permit: permit,
        }
    }
}
