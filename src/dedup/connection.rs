//! A connection that is made when first needed, shared by all, and thrown away when it fails.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::Instant;

/// A connection that may still be good is thrown away at most so often: many steps that are late together are one failure.
const FRESH_AFTER: Duration = Duration::from_secs(1);

/// The one connection of a store. Clients of their own tend to keep one whose log-in failed, or that leads nowhere, for good.
pub(super) struct Renewable<C>(Mutex<Arc<Place<C>>>);

struct Place<C>(OnceCell<(C, Instant)>);

/// A connection in use; names itself when it fails, so that its successor is not thrown away in its stead.
pub(super) struct InUse<C> {
    pub(super) connection: C,
    place: Arc<Place<C>>,
}

impl<C> Default for Renewable<C> {
    fn default() -> Self {
        Self(Mutex::new(Arc::default()))
    }
}

impl<C> Default for Place<C> {
    fn default() -> Self {
        Self(OnceCell::new())
    }
}

impl<C: Clone> Renewable<C> {
    /// The connection. If there is none, one caller makes it by `connect`, and the others wait for it.
    pub(super) async fn get<E>(
        &self,
        connect: impl Future<Output = Result<C, E>>,
    ) -> Result<InUse<C>, E> {
        let place = Arc::clone(&self.place());
        let make = || async { Ok((connect.await?, Instant::now())) };
        let (connection, _) = place.0.get_or_try_init(make).await?;
        Ok(InUse {
            connection: connection.clone(),
            place: Arc::clone(&place),
        })
    }

    /// Throws the connection away, if it is known to be dead, or is older than a second. The next caller makes another.
    pub(super) fn throw_away(&self, failed: &InUse<C>, is_dead: bool) {
        let is_old = || {
            let made = failed.place.0.get().map(|(_, made)| *made);
            made.is_some_and(|made| made.elapsed() >= FRESH_AFTER)
        };
        let mut place = self.place();
        if Arc::ptr_eq(&place, &failed.place) && (is_dead || is_old()) {
            *place = Arc::default();
        }
    }

    fn place(&self) -> MutexGuard<'_, Arc<Place<C>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn get(renewable: &Renewable<u8>, next: u8) -> InUse<u8> {
        let made = renewable.get(async { Ok::<_, ()>(next) }).await;
        made.expect("a connection")
    }

    #[tokio::test]
    async fn one_caller_connects_for_all_and_a_failed_attempt_is_not_kept() {
        let renewable = Renewable::<u8>::default();
        assert!(renewable.get(async { Err("refused") }).await.is_err());
        let (one, other) = tokio::join!(get(&renewable, 1), get(&renewable, 2));
        assert_eq!((one.connection, other.connection), (1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_doubtful_connection_is_thrown_away_once_a_second_and_a_dead_one_at_once() {
        let renewable = Renewable::default();
        let first = get(&renewable, 1).await;
        renewable.throw_away(&first, false);
        assert_eq!(get(&renewable, 2).await.connection, 1);
        tokio::time::advance(FRESH_AFTER).await;
        renewable.throw_away(&first, false);
        let second = get(&renewable, 2).await;
        assert_eq!(second.connection, 2);
        renewable.throw_away(&first, true);
        assert_eq!(
            get(&renewable, 3).await.connection,
            2,
            "a late failure of the first says nothing of the second"
        );
        renewable.throw_away(&second, true);
        assert_eq!(get(&renewable, 3).await.connection, 3);
    }
}
