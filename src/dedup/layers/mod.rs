//! The layers around every store: a circuit breaker, a local cache of finished messages, and releases in the background.

mod circuit;
mod local_cache;
mod measured;
mod none;
mod notices;
mod unanswered;

use std::sync::Arc;

use async_trait::async_trait;

use self::circuit::Circuit;
use self::local_cache::LocalCache;
use self::measured::Measured;
use self::none::NoStore;
pub(crate) use self::notices::KNOWN_AFTER;
use self::notices::Notices;
use self::unanswered::UnansweredClaims;
use super::{
    Claim, ClaimStore, DedupStore, Fingerprint, MessageKey, Notice, Record, StepResult, StoreError,
    Ticket, TicketStore,
};
use crate::breaker::Breaker;
use crate::telemetry::export::Recorder;

/// A store with its layers.
#[derive(Clone)]
pub(crate) struct ProtectedStore {
    store: Arc<dyn DedupStore>,
    circuit: Circuit,
    /// `None` for a store that remembers nothing.
    finished: Option<LocalCache>,
    unanswered: UnansweredClaims,
    notices: Notices,
}

impl ProtectedStore {
    pub(crate) fn new(store: Arc<dyn DedupStore>, recorder: Recorder) -> Self {
        let store: Arc<dyn DedupStore> = match recorder.is_recording() {
            true => Arc::new(Measured { store, recorder }),
            false => store,
        };
        let circuit = Circuit::new(store.clone());
        Self {
            notices: Notices::new(store.clone(), circuit.clone()),
            circuit,
            finished: Some(LocalCache::default()),
            unanswered: UnansweredClaims::new(store.clone()),
            store,
        }
    }

    /// The store of subscribers without idempotency.
    pub(crate) fn none() -> Self {
        Self {
            finished: None,
            ..Self::new(Arc::new(NoStore), Recorder::default())
        }
    }

    /// Claims a message for its holder, whose claim was lost. It bypasses the circuit breaker.
    pub(crate) async fn claim_again(&self, ticket: &Ticket) -> Result<Claim, StoreError> {
        match self.finished_here(&ticket.key).await {
            Some(fingerprint) => Ok(Claim::Done(fingerprint)),
            None => self.store.claim(ticket).await,
        }
    }

    /// Gives the ticket the owner of an unanswered claim for the same message, if there is one.
    pub(crate) fn adopt(&self, ticket: &mut Ticket) {
        self.unanswered.adopt(ticket);
    }

    /// Releases in the background a claim that the store may have granted although its answer was lost. Until then the next
    /// delivery of the message at this instance may adopt it.
    pub(crate) fn release_unanswered(&self, ticket: &Ticket) {
        self.unanswered.release(ticket, false);
    }

    /// Retries in the background a release whose answer was lost.
    pub(crate) fn release_again(&self, ticket: &Ticket) {
        self.unanswered.release(ticket, true);
    }

    /// Remembers in this process a finished message that the store could not record.
    pub(crate) fn remember(&self, ticket: &Ticket) {
        if let Some(finished) = &self.finished {
            let generation = self.notices.generation(&ticket.key.subscription);
            finished.remember(ticket, generation);
        }
    }

    /// Returns the circuit breaker of the claims.
    pub(crate) fn breaker(&self) -> &Breaker {
        &self.circuit.breaker
    }

    /// Returns the changes of operators for a subscription.
    pub(crate) async fn notice(&self, subscription: &str) -> Arc<Notice> {
        self.notices.of(subscription).await
    }

    /// Returns the store for the steps of operators; `None` if it remembers nothing.
    pub(crate) fn for_operators(&self) -> Option<&dyn DedupStore> {
        self.finished.as_ref().map(|_| self.store.as_ref())
    }

    /// Returns the fingerprint of a message that was finished here, unless an operator may have changed its record since.
    async fn finished_here(&self, key: &MessageKey) -> Option<Option<Fingerprint>> {
        let (fingerprint, generation) = self.finished.as_ref()?.get(key)?;
        let notice = self.notices.of(&key.subscription).await;
        (generation == notice.generation).then_some(fingerprint)
    }
}

#[async_trait]
impl ClaimStore for ProtectedStore {
    async fn claim(&self, ticket: &Ticket) -> Result<Claim, StoreError> {
        match self.finished_here(&ticket.key).await {
            Some(fingerprint) => Ok(Claim::Done(fingerprint)),
            None => self.circuit.claim(ticket).await,
        }
    }

    async fn look(&self, key: &MessageKey) -> Result<Record, StoreError> {
        match self.finished_here(key).await {
            Some(fingerprint) => Ok(Record::Done(fingerprint)),
            None => self.circuit.look(key).await,
        }
    }
}

#[async_trait]
impl TicketStore for ProtectedStore {
    async fn begin(&self, ticket: &Ticket) -> Result<StepResult, StoreError> {
        self.store.begin(ticket).await
    }

    async fn renew(&self, ticket: &Ticket) -> Result<StepResult, StoreError> {
        self.store.renew(ticket).await
    }

    async fn finish(&self, ticket: &Ticket) -> Result<StepResult, StoreError> {
        let hold = self.store.finish(ticket).await?;
        if hold == StepResult::Done {
            self.remember(ticket);
        }
        Ok(hold)
    }

    async fn release(&self, ticket: &Ticket) -> Result<StepResult, StoreError> {
        self.store.release(ticket).await
    }
}

#[cfg(all(test, feature = "contract"))]
mod tests {
    use super::*;
    use crate::dedup::{MemoryStore, OperatorStore, contract};

    #[async_trait]
    impl OperatorStore for ProtectedStore {}

    #[async_trait]
    impl DedupStore for ProtectedStore {
        async fn ping(&self) -> Result<(), StoreError> {
            self.store.ping().await
        }
    }

    fn two_instances() -> contract::Pair {
        let store: Arc<dyn DedupStore> = Arc::new(MemoryStore::default());
        [(); 2].map(|()| {
            Arc::new(ProtectedStore::new(Arc::clone(&store), Recorder::default()))
                as Arc<dyn DedupStore>
        })
    }

    #[tokio::test]
    async fn a_protected_store_keeps_the_contract() {
        contract::every_rule(two_instances()).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_protected_store_keeps_the_contract_in_races() {
        contract::races(two_instances(), 100).await;
    }
}
