//! Deduplication stores: the records of messages that are in progress or done.
//!
//! # A store of your own
//! A store implements four traits, divided by caller, and is passed to [`Service::store`](crate::Service::store):
//!
//! | trait | caller | methods |
//! |---|---|---|
//! | [`ClaimStore`] | a delivery that wants to handle a message | `claim`, `look` |
//! | [`TicketStore`] | the delivery that holds the claim | `begin`, `renew`, `finish`, `release` |
//! | [`OperatorStore`] | an operator; it may keep the defaults | `inspect`, `replace`, `read_text`, `write_text` |
//! | [`DedupStore`] | the service, at its start and for readiness | `ping`, `advice` |
//!
//! These rules apply to all of them:
//! - Each call is one atomic step in the store.
//! - Each call is idempotent for its ticket. A step whose answer was lost may be repeated with the same ticket.
//! - The store's clock decides when a lease or a window expires.
//! - An expired lease does not revoke a claim. Only the claim of another ticket does.
//! - A ticket that does not hold the claim changes nothing: the answer is [`StepResult::ClaimLost`].
//! - A call returns [`StoreError::Unavailable`] within a bounded time if the store does not answer.
//!
//! `contract`, behind the feature of the same name, is the full definition: a test suite for two instances of a store.
//! [`MemoryStore`] is the simplest implementation. pushgate adds a circuit breaker, retries and a local cache around every
//! store, so a store needs none of them.

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
mod notice;
mod operator;
#[cfg(feature = "redis")]
mod redis;
mod setting;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backon::{ExponentialBuilder, Retryable};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub use fingerprint::Fingerprint;
#[cfg(feature = "firestore")]
pub use firestore::{FirestoreDatabase, FirestoreStore, NotADatabase};
pub use key::MessageKey;
pub(crate) use layers::{KNOWN_AFTER, ProtectedStore};
pub use memory::MemoryStore;
pub(crate) use notice::{Notice, Replay};
pub use operator::{
    Details, MessageState, OperatorStore, Replacement, StoreTime, TEXT_LIMIT_BYTES, Text,
};
#[cfg(feature = "redis")]
pub use redis::{RedisAddress, RedisAddressError, RedisStore};
pub(crate) use setting::StoreSetting;

use crate::breaker::Open;

/// The steps of a delivery that does not hold its message. The store's circuit breaker applies to them.
#[async_trait]
pub trait ClaimStore: Send + Sync {
    /// Claims the ticket's message. Repeated with the same ticket, it answers `Granted` again.
    async fn claim(&self, ticket: &Ticket) -> Result<Claim, StoreError>;

    /// Returns the record of a message, for a delivery that waits for the claim of another one.
    async fn look(&self, key: &MessageKey) -> Result<Record, StoreError>;
}

/// The steps of the delivery that holds a claim. They bypass the store's circuit breaker.
#[async_trait]
pub trait TicketStore: Send + Sync {
    /// Records that the run begins, and restarts the lease. Called right before the handler, for a subscriber that must know
    /// if a run was interrupted. A claim that never began counts as no run, however it ended.
    async fn begin(&self, ticket: &Ticket) -> Result<StepResult, StoreError>;

    /// Restarts the lease.
    async fn renew(&self, ticket: &Ticket) -> Result<StepResult, StoreError>;

    /// Records the message as done, for the ticket's window.
    async fn finish(&self, ticket: &Ticket) -> Result<StepResult, StoreError>;

    /// Releases the claim after a failed run, or before any, so that the next delivery may claim at once. The store keeps the
    /// fact that an earlier claim began a run and never ended it.
    async fn release(&self, ticket: &Ticket) -> Result<StepResult, StoreError>;
}

/// A store for deduplication. The [module](self) describes how to write one.
#[async_trait]
pub trait DedupStore: ClaimStore + TicketStore + OperatorStore {
    /// Checks that the store answers, for readiness.
    async fn ping(&self) -> Result<(), StoreError>;

    /// Returns the name of the store's system for metrics, such as `redis` (OpenTelemetry, `db.system.name`).
    fn system(&self) -> &'static str {
        "other"
    }

    /// Returns the changes to the store that an operator should make, one sentence each. They are logged when the service starts.
    async fn advice(&self) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }
}

/// Logs the store's advice in the background, once the store answers.
pub(crate) fn log_advice(store: Arc<dyn DedupStore>, stop: CancellationToken) {
    let log = async move {
        let advice = || async { store.advice().await };
        let patience = ExponentialBuilder::default()
            .with_max_delay(Duration::from_secs(60))
            .with_jitter()
            .without_max_times();
        for sentence in advice.retry(patience).await.unwrap_or_default() {
            tracing::warn!("{sentence}");
        }
    };
    tokio::spawn(stop.run_until_cancelled_owned(log));
}

/// The identity of a delivery in the store. The owner is random, so a late delivery cannot settle the claim of another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The message.
    pub key: MessageKey,
    /// The delivery: random, and different in each instance.
    pub owner: Uuid,
    /// The time until a claim expires if it is not renewed.
    pub lease: Duration,
    /// The time for which a finished message, or a claim after a crash, is remembered.
    pub window: Duration,
    /// The fingerprint of the payload, if messages with the same key may differ.
    pub fingerprint: Option<Fingerprint>,
}

impl Ticket {
    /// Creates a ticket with a random owner.
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
    /// The ticket holds the claim: its delivery alone may handle the message.
    Granted {
        /// 1, or more after claims whose owner ended without settling it.
        number: u32,
        /// The fate of the message before this claim.
        earlier: Earlier,
    },
    /// Another ticket holds the message.
    InProgress,
    /// The message was handled within its window. The fingerprint is the one of its ticket.
    Done(Option<Fingerprint>),
}

/// The fate of a message before a claim, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Earlier {
    /// No run is left without its end.
    Nothing,
    /// A claim began a run ([`TicketStore::begin`]) whose end was never recorded.
    RunLost,
    /// An operator has parked the message ([`Replacement::Parked`]).
    Parked,
}

/// The result of a step of a claim's holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepResult {
    /// The ticket holds the claim, and the step is done.
    Done,
    /// Another ticket took over, or the store no longer has the claim. Nothing was changed.
    ClaimLost,
}

/// The record of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// Never claimed, released, or removed after its window.
    Absent,
    /// Claimed, with a lease that has not expired.
    InProgress,
    /// Claimed, but the lease has expired: the next claim takes over.
    Expired,
    /// Handled. The fingerprint is the one of its ticket.
    Done(Option<Fingerprint>),
}

/// The error of a step in the store.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store was not reached, or did not answer in time. The step may have happened. The source names the store's address and
    /// its settings.
    #[error("the deduplication store does not answer")]
    Unavailable(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// The store rejects the step: wrong password, read-only, out of memory.
    #[error("the deduplication store rejects the request")]
    Rejected(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// The value under a key of pushgate is not a record of pushgate.
    #[error("the deduplication store has an unknown value under a key of pushgate")]
    Corrupt,
    /// The store lacks the steps of an operator.
    #[error("the deduplication store lacks the steps of an operator: see OperatorStore")]
    Unsupported,
    /// All records are in progress, and the capacity is reached.
    #[error("the deduplication store is full of {0} messages in progress")]
    Full(usize),
}

impl StoreError {
    /// The error of a step that was abandoned without an answer.
    pub(crate) fn no_answer() -> Self {
        Self::Unavailable(Arc::new(io::Error::from(io::ErrorKind::TimedOut)))
    }

    /// Returns the kind of this error for metrics.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "unavailable",
            Self::Rejected(_) => "rejected",
            Self::Corrupt => "corrupt",
            Self::Unsupported => "unsupported",
            Self::Full(_) => "full",
        }
    }

    /// Returns true if the step may have happened nevertheless: it was sent, and its answer is not known.
    pub(crate) fn is_ambiguous(&self) -> bool {
        matches!(self, Self::Unavailable(error) if !error.is::<Open>())
    }

    /// Returns true if a retry of the step may succeed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::Full(_) => true,
            Self::Rejected(_) | Self::Corrupt | Self::Unsupported => false,
        }
    }
}
