//! A store that is away costs each push milliseconds: after a few time-outs in a row nobody waits for it but one probe.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{Claim, DedupStore, Hold, MessageKey, Record, StoreError, Ticket};
use crate::breaker::{Breaker, Rules};
use crate::outcome::chain;

const RULES: Rules = Rules {
    failures: 3,
    shortest_pause: Duration::from_millis(200),
    longest_pause: Duration::from_secs(2),
    probes: 1,
};

/// A store behind a circuit breaker. Only claims and looks are cut short: a claim that is held must be kept and settled
/// whatever the store did a moment ago.
pub(crate) struct Guarded {
    store: Arc<dyn DedupStore>,
    breaker: Arc<Breaker>,
}

impl Guarded {
    pub(crate) fn new(store: Arc<dyn DedupStore>) -> Self {
        Self {
            store,
            breaker: Breaker::new("deduplication store", RULES),
        }
    }

    async fn guard<T>(
        &self,
        step: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let pass = self
            .breaker
            .enter()
            .map_err(|open| StoreError::Unavailable(Arc::new(open)))?;
        let answer = step.await;
        match &answer {
            Err(error @ StoreError::Unavailable(_)) => pass.fail(&chain(error)),
            _ => pass.succeed(),
        }
        answer
    }
}

#[async_trait]
impl DedupStore for Guarded {
    async fn claim(&self, ticket: &Ticket) -> Result<Claim, StoreError> {
        self.guard(self.store.claim(ticket)).await
    }

    async fn renew(&self, ticket: &Ticket) -> Result<Hold, StoreError> {
        self.store.renew(ticket).await
    }

    async fn finish(&self, ticket: &Ticket) -> Result<Hold, StoreError> {
        self.store.finish(ticket).await
    }

    async fn release(&self, ticket: &Ticket) -> Result<Hold, StoreError> {
        self.store.release(ticket).await
    }

    async fn look(&self, key: &MessageKey) -> Result<Record, StoreError> {
        self.guard(self.store.look(key)).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.store.ping().await
    }

    async fn advice(&self) -> Result<Vec<String>, StoreError> {
        self.store.advice().await
    }
}
