//! The store of subscribers that declare `Idempotency::none`.

use async_trait::async_trait;

use crate::dedup::{
    Claim, ClaimStore, DedupStore, Earlier, MessageKey, OperatorStore, Record, StepResult,
    StoreError, Ticket, TicketStore,
};

/// Grants every claim and remembers nothing. Chosen by a subscriber's declaration, never by a setting.
pub(super) struct NoStore;

#[async_trait]
impl ClaimStore for NoStore {
    async fn claim(&self, _ticket: &Ticket) -> Result<Claim, StoreError> {
        Ok(Claim::Granted {
            number: 1,
            earlier: Earlier::Nothing,
        })
    }

    async fn look(&self, _key: &MessageKey) -> Result<Record, StoreError> {
        Ok(Record::Absent)
    }
}

#[async_trait]
impl TicketStore for NoStore {
    async fn begin(&self, _ticket: &Ticket) -> Result<StepResult, StoreError> {
        Ok(StepResult::Done)
    }

    async fn renew(&self, _ticket: &Ticket) -> Result<StepResult, StoreError> {
        Ok(StepResult::Done)
    }

    async fn finish(&self, _ticket: &Ticket) -> Result<StepResult, StoreError> {
        Ok(StepResult::Done)
    }

    async fn release(&self, _ticket: &Ticket) -> Result<StepResult, StoreError> {
        Ok(StepResult::Done)
    }
}

#[async_trait]
impl OperatorStore for NoStore {}

#[async_trait]
impl DedupStore for NoStore {
    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
