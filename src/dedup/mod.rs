//! Has this message been handled, or is it being handled now?

#[cfg(any(feature = "firestore", feature = "redis"))]
mod connection;
#[cfg(feature = "contract")]
pub mod contract;
mod fingerprint;
#[cfg(feature = "firestore")]
mod firestore;
mod key;
mod layers;
mod memory;
#[cfg(feature = "redis")]
mod redis;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

pub use fingerprint::Fingerprint;
#[cfg(feature = "firestore")]
pub use firestore::{FirestoreDatabase, FirestoreStore, NotADatabase};
pub use key::MessageKey;
pub use memory::MemoryStore;
#[cfg(feature = "redis")]
pub use redis::{RedisAddress, RedisAddressError, RedisStore};

use crate::breaker::Open;
use layers::circuit::Guarded;
use layers::local_cache::{Finished, Remembering};
use layers::none::Unguarded;
use layers::unanswered::Unanswered;

/// Remembers which messages are being handled and which are done. [`contract`] is the full definition.
///
/// Each call is one atomic step in the store, and each is idempotent for its ticket: one whose answer was lost may be
/// repeated with the same ticket, and never grants a message twice. The clock that counts is the store's.
#[async_trait]
pub trait DedupStore: Send + Sync {
    /// Asks to handle the ticket's message alone. Repeated with the same ticket it answers `Granted` again.
    async fn claim(&self, ticket: &Ticket) -> Result<Claim, StoreError>;

    /// Marks that the claim's run begins, and lets its lease begin again. Called right before the handler of a subscriber that
    /// must know whether a run was cut off; a claim that is never begun is no run, however it ended.
    async fn begin(&self, ticket: &Ticket) -> Result<Hold, StoreError>;

    /// Lets the claim's lease begin again.
    async fn renew(&self, ticket: &Ticket) -> Result<Hold, StoreError>;

    /// Marks the message done, remembered for the ticket's window.
    async fn finish(&self, ticket: &Ticket) -> Result<Hold, StoreError>;

    /// Gives the claim back after a failed run, or before any, so that the next delivery may try at once. A run that an earlier
    /// claim began and never ended stays known.
    async fn release(&self, ticket: &Ticket) -> Result<Hold, StoreError>;

    /// What the store knows of a message; for those who wait for another's claim.
    async fn look(&self, key: &MessageKey) -> Result<Record, StoreError>;

    /// Whether the store answers, for readiness.
    async fn ping(&self) -> Result<(), StoreError>;

    /// What an operator should change about the store, a sentence each.
    async fn advice(&self) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }
}

/// What a delivery presents to the store. Its owner is random, so a late worker cannot settle another's claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The message.
    pub key: MessageKey,
    /// Who asks: one delivery in one instance.
    pub owner: Uuid,
    /// How long the claim outlives a crash.
    pub lease: Duration,
    /// How long a finished message, or a crashed claim, is remembered.
    pub window: Duration,
    /// Of the payload, where the key does not imply it.
    pub fingerprint: Option<Fingerprint>,
}

impl Ticket {
    /// A ticket that nobody else has.
    #[must_use]
    pub fn new(key: MessageKey, lease: Duration, window: Duration) -> Self {
        Self {
            key,
            owner: Uuid::new_v4(),
            lease,
            window,
            fingerprint: None,
        }
    }
}

/// The answer to a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The caller alone may handle the message now.
    Granted {
        /// 1, or more after claims that lapsed because their owner vanished.
        attempt: u32,
        /// True if an earlier claim began a run ([`DedupStore::begin`]) whose end was never recorded.
        is_run_lost: bool,
    },
    /// Another ticket holds the message.
    InProgress,
    /// The message was handled within its window; with the fingerprint that its ticket had.
    Done(Option<Fingerprint>),
}

/// Whether a ticket still is the one the store knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// It was, and the step is done.
    Held,
    /// It is not: another ticket took over, or the store no longer knows the claim. Nothing was changed.
    Lost,
}

/// What the store knows of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// Nothing: never claimed, released, or forgotten after its window.
    Absent,
    /// Claimed, and the lease has not ended.
    InProgress,
    /// Claimed, but the lease has ended: whoever claims next takes over.
    Lapsed,
    /// Handled; with the fingerprint that its ticket had.
    Done(Option<Fingerprint>),
}

/// A store with what every store gets around it.
#[derive(Clone)]
pub(crate) struct Shielded {
    /// For those who ask for a message: nobody waits for a store that is away, nor asks it about what was finished here.
    pub(crate) asking: Arc<dyn DedupStore>,
    /// For the holder of a claim, which is to be kept and settled whatever the store did a moment ago.
    pub(crate) holding: Arc<dyn DedupStore>,
    finished: Finished,
    unanswered: Unanswered,
}

impl Shielded {
    pub(crate) fn new(store: Arc<dyn DedupStore>) -> Self {
        let finished = Finished::default();
        let remembering = |store| {
            Arc::new(Remembering {
                store,
                finished: finished.clone(),
            })
        };
        Self {
            asking: remembering(Arc::new(Guarded::new(Arc::clone(&store)))),
            holding: remembering(store),
            finished: finished.clone(),
            unanswered: Unanswered::default(),
        }
    }

    /// For subscribers without idempotency.
    pub(crate) fn none() -> Self {
        Self {
            asking: Arc::new(Unguarded),
            holding: Arc::new(Unguarded),
            finished: Finished::default(),
            unanswered: Unanswered::default(),
        }
    }

    /// Lets the ticket take over a claim that an earlier delivery of its message left in the store without knowing.
    pub(crate) fn adopt(&self, ticket: &mut Ticket) {
        self.unanswered.adopt(ticket);
    }

    /// Gives back a claim that the store may have granted without this process knowing. Left there, it would delay the next
    /// delivery.
    pub(crate) fn give_back_unanswered(&self, ticket: &Ticket) {
        self.unanswered.give_back(&self.holding, ticket, false);
    }

    /// Gives back a claim whose release was not answered.
    pub(crate) fn give_back_again(&self, ticket: &Ticket) {
        self.unanswered.give_back(&self.holding, ticket, true);
    }

    /// Remembers here what the store could not be told.
    pub(crate) fn remember(&self, ticket: &Ticket) {
        self.finished.remember(ticket);
    }
}

/// Why the store gave no answer that can be relied on.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Not reached, or no answer in time; the step may have happened or not. The source names the store's address and the
    /// settings that decide it.
    #[error("the deduplication store does not answer")]
    Unavailable(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// The store answers, but refuses: wrong password, read-only, out of memory.
    #[error("the deduplication store refuses")]
    Refused(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// Something else writes where pushgate keeps its records.
    #[error("the deduplication store holds something unknown under a key of pushgate")]
    Corrupt,
    /// Everything that is remembered is in progress, and there is room for no more.
    #[error("the deduplication store is full of {0} messages in progress")]
    Full(usize),
}

impl StoreError {
    /// The error of a step that was given up.
    pub(crate) fn no_answer() -> Self {
        Self::Unavailable(Arc::new(io::Error::from(io::ErrorKind::TimedOut)))
    }

    /// Whether the step may have happened all the same: the store was asked, and its answer is not known.
    pub(crate) fn is_ambiguous(&self) -> bool {
        matches!(self, Self::Unavailable(error) if !error.is::<Open>())
    }

    /// Whether the same step may succeed a moment later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::Full(_) => true,
            Self::Refused(_) | Self::Corrupt => false,
        }
    }
}

#[cfg(all(test, feature = "contract"))]
mod tests {
    use super::*;

    fn asking(store: &Arc<dyn DedupStore>) -> Arc<dyn DedupStore> {
        Shielded::new(Arc::clone(store)).asking
    }

    #[tokio::test]
    async fn a_shielded_store_keeps_the_contract() {
        let store: Arc<dyn DedupStore> = Arc::new(MemoryStore::default());
        contract::every_rule([asking(&store), asking(&store)]).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_shielded_store_keeps_the_contract_in_races() {
        let store: Arc<dyn DedupStore> = Arc::new(MemoryStore::default());
        contract::races([asking(&store), asking(&store)], 100).await;
    }
}
