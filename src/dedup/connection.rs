//! A shared connection that is opened on first use and discarded after a failure.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::Instant;

/// The least age at which a connection that may be dead is discarded: several late steps at once are one failure.
const MIN_AGE: Duration = Duration::from_secs(1);

/// The connection of a store. The client libraries alone would keep one whose log-in failed, or whose peer is gone.
pub(super) struct SharedConnection<C>(Mutex<Arc<Slot<C>>>);

struct Slot<C>(OnceCell<(C, Instant)>);

/// A connection in use. It identifies itself after a failure, so that its successor is not discarded.
pub(super) struct InUse<C> {
    pub(super) connection: C,
    slot: Arc<Slot<C>>,
}

impl<C> Default for SharedConnection<C> {
    fn default() -> Self {
        Self(Mutex::new(Arc::default()))
    }
}

impl<C> Default for Slot<C> {
    fn default() -> Self {
        Self(OnceCell::new())
    }
}

impl<C: Clone> SharedConnection<C> {
    /// Returns the connection. If there is none, one caller opens it with `connect`, and the others wait.
    pub(super) async fn get<E>(
        &self,
        connect: impl Future<Output = Result<C, E>>,
    ) -> Result<InUse<C>, E> {
        let slot = Arc::clone(&self.slot());
        let make = || async { Ok((connect.await?, Instant::now())) };
        let (connection, _) = slot.0.get_or_try_init(make).await?;
        Ok(InUse {
            connection: connection.clone(),
            slot: Arc::clone(&slot),
        })
    }

    /// Discards the connection if it is dead or older than a second. The next caller opens a new one.
    pub(super) fn discard(&self, failed: &InUse<C>, is_dead: bool) {
        let is_old = || {
            let made = failed.slot.0.get().map(|(_, made)| *made);
            made.is_some_and(|made| made.elapsed() >= MIN_AGE)
        };
        let mut slot = self.slot();
        if Arc::ptr_eq(&slot, &failed.slot) && (is_dead || is_old()) {
            *slot = Arc::default();
        }
    }

    fn slot(&self) -> MutexGuard<'_, Arc<Slot<C>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn get(shared: &SharedConnection<u8>, next: u8) -> InUse<u8> {
        let made = shared.get(async { Ok::<_, ()>(next) }).await;
        made.expect("a connection")
    }

    #[tokio::test]
    async fn one_caller_connects_for_all() {
        let shared = SharedConnection::<u8>::default();
        assert!(shared.get(async { Err("rejected") }).await.is_err());
        let (one, other) = tokio::join!(get(&shared, 1), get(&shared, 2));
        assert_eq!(one.connection, 1);
        assert_eq!(other.connection, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_doubtful_connection_is_discarded_once_a_second() {
        let shared = SharedConnection::default();
        let first = get(&shared, 1).await;
        shared.discard(&first, false);
        assert_eq!(get(&shared, 2).await.connection, 1);
        tokio::time::advance(MIN_AGE).await;
        shared.discard(&first, false);
        assert_eq!(get(&shared, 2).await.connection, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_connection_is_discarded_at_once() {
        let shared = SharedConnection::default();
        let first = get(&shared, 1).await;
        shared.discard(&first, true);
        assert_eq!(get(&shared, 2).await.connection, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_failure_does_not_count_for_the_next_connection() {
        let shared = SharedConnection::default();
        let first = get(&shared, 1).await;
        shared.discard(&first, true);
        let second = get(&shared, 2).await;
        assert_eq!(second.connection, 2);
        shared.discard(&first, true);
        assert_eq!(get(&shared, 3).await.connection, 2);
        shared.discard(&second, true);
        assert_eq!(get(&shared, 3).await.connection, 3);
    }
}
