//! Limits concurrent pushes, so that a subscription whose endpoint hangs does not stop the others.

use tokio::sync::{Semaphore, SemaphorePermit};

/// The most concurrent pushes of all subscriptions together, besides one of each. Each needs a connection. If the endpoint
/// is in this process too, both ends count against its limit of open files, often 1,024.
static SHARED: Semaphore = Semaphore::const_new(160);
/// The most subscriptions that use their own permit when all common permits are taken. At Google, subscriptions do not affect each
/// other.
static RESERVE: Semaphore = Semaphore::const_new(200);

/// The permit for one push that each subscription has besides the common ones.
pub(super) struct OwnPermit(Semaphore);

/// The permit for one push, released when it is dropped.
pub(super) struct PushPermit<'a> {
    /// The subscription's own permit.
    _own: Option<SemaphorePermit<'a>>,
    _permit: Option<SemaphorePermit<'static>>,
}

impl Default for OwnPermit {
    fn default() -> Self {
        Self(Semaphore::new(1))
    }
}

impl OwnPermit {
    /// Waits for a common permit, or for the subscription's own. No semaphore here is ever closed.
    pub(super) async fn acquire(&self) -> PushPermit<'_> {
        if let Ok(shared) = SHARED.try_acquire() {
            return PushPermit {
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
        PushPermit {
            _own: own,
            _permit: permit,
        }
    }
}
