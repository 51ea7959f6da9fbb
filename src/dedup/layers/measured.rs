//! Measures the steps of a store.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::dedup::{
    Claim, ClaimStore, DedupStore, MessageKey, Record, StepResult, StoreError, Ticket, TicketStore,
};
use crate::telemetry::metrics::Metrics;

/// A store whose steps are measured.
pub(super) struct Measured {
    pub(super) store: Arc<dyn DedupStore>,
    pub(super) metrics: Metrics,
}

impl Measured {
    async fn measure<T>(
        &self,
        step: &'static str,
        running: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let start = Instant::now();
        let result = running.await;
        let error = result.as_ref().err().map(StoreError::kind);
        let system = self.store.system();
        self.metrics.stepped(system, step, start.elapsed(), error);
        result
    }
}

#[async_trait]
impl ClaimStore for Measured {
    async fn claim(&self, ticket: &Ticket) -> Result<Claim, StoreError> {
        self.measure("claim", self.store.claim(ticket)).await
    }

    async fn look(&self, key: &MessageKey) -> Result<Record, StoreError> {
        self.measure("look", self.store.look(key)).await
    }
}

#[async_trait]
impl TicketStore for Measured {
    async fn begin(&self, ticket: &Ticket) -> Result<StepResult, StoreError> {
        self.measure("begin", self.store.begin(ticket)).await
    }

    async fn renew(&self, ticket: &Ticket) -> Result<StepResult, StoreError> {
        self.measure("renew", self.store.renew(ticket)).await
    }

    async fn finish(&self, ticket: &Ticket) -> Result<StepResult, StoreError> {
        self.measure("finish", self.store.finish(ticket)).await
    }

    async fn release(&self, ticket: &Ticket) -> Result<StepResult, StoreError> {
        self.measure("release", self.store.release(ticket)).await
    }
}

#[async_trait]
impl DedupStore for Measured {
    async fn ping(&self) -> Result<(), StoreError> {
        self.measure("ping", self.store.ping()).await
    }

    fn system(&self) -> &'static str {
        self.store.system()
    }
}
