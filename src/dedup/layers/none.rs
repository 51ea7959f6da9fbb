//! For subscribers that declare `Idempotency::none`: every delivery is granted.

use async_trait::async_trait;

use crate::dedup::{Claim, DedupStore, Hold, MessageKey, Record, StoreError, Ticket};

/// Remembers nothing. Chosen for a subscriber by its declaration, never by a setting.
pub(crate) struct Unguarded;

#[async_trait]
impl DedupStore for Unguarded {
    async fn claim(&self, _ticket: &Ticket) -> Result<Claim, StoreError> {
        Ok(Claim::Granted {
            attempt: 1,
            is_run_lost: false,
        })
    }

    async fn begin(&self, _ticket: &Ticket) -> Result<Hold, StoreError> {
        Ok(Hold::Held)
    }

    async fn renew(&self, _ticket: &Ticket) -> Result<Hold, StoreError> {
        Ok(Hold::Held)
    }

    async fn finish(&self, _ticket: &Ticket) -> Result<Hold, StoreError> {
        Ok(Hold::Held)
    }

    async fn release(&self, _ticket: &Ticket) -> Result<Hold, StoreError> {
        Ok(Hold::Held)
    }

    async fn look(&self, _key: &MessageKey) -> Result<Record, StoreError> {
        Ok(Record::Absent)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
