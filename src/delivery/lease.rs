//! Keeps a claim's lease while its handler runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::dedup::{Claim, Hold, ProtectedStore, StoreError, Ticket, TicketStore};
use crate::delivery::attempt::Attempt;
use crate::loggable::chain;

/// Renews a lease three times in its length until dropped. When it is lost, the handler is asked to stop: another delivery
/// may be at work.
pub(crate) struct LeaseKeeper(AbortHandle);

impl LeaseKeeper {
    /// Keeps the attempt's claim. One that runs unguarded may have a claim without knowing it, or gets one when the store is
    /// back.
    pub(crate) fn keep(attempt: &Attempt) -> Self {
        let keeping = Keeping {
            store: attempt.store().clone(),
            ticket: attempt.ticket.clone(),
            message_id: Arc::clone(&attempt.delivery.context.message_id),
            stop: attempt.delivery.context.stop.clone(),
            is_begun: Arc::clone(&attempt.is_begun),
            first_lease: attempt.claiming().lease,
        };
        Self(tokio::spawn(keeping.run()).abort_handle())
    }
}

impl Drop for LeaseKeeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Keeping {
    store: ProtectedStore,
    ticket: Ticket,
    message_id: Arc<str>,
    stop: CancellationToken,
    is_begun: Arc<AtomicBool>,
    first_lease: Duration,
}

impl Keeping {
    async fn run(self) {
        let Self { ticket, stop, .. } = &self;
        let mut pause = self.first_lease / 3;
        loop {
            sleep(pause).await;
            match self.renew().await {
                Ok(Hold::Held) => pause = ticket.lease / 3,
                Ok(Hold::Lost) => {
                    tracing::warn!(
                        subscription = ticket.key.subscription,
                        message_id = %self.message_id,
                        "a claim was lost while its handler runs"
                    );
                    return stop.cancel();
                }
                Err(error) => {
                    // A store that is back for a moment must be used before the lease ends.
                    pause = (ticket.lease / 12).min(Duration::from_millis(500));
                    tracing::warn!(
                        subscription = ticket.key.subscription,
                        message_id = %self.message_id,
                        error = chain(&error),
                        "cannot renew a lease"
                    );
                }
            }
        }
    }

    /// A store that has forgotten the claim, rather than given it to another, grants it again to the same ticket.
    async fn renew(&self) -> Result<Hold, StoreError> {
        let Self { store, ticket, .. } = self;
        if store.renew(ticket).await? == Hold::Held {
            return Ok(Hold::Held);
        }
        match store.claim_again(ticket).await? {
            Claim::Granted { .. } if self.is_begun.load(Ordering::Relaxed) => {
                store.begin(ticket).await
            }
            Claim::Granted { .. } => Ok(Hold::Held),
            Claim::InProgress | Claim::Done(_) => Ok(Hold::Lost),
        }
    }
}
