//! Keeps a claim's lease while its handler runs.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::dedup::{Claim, DedupStore, Hold, StoreError, Ticket};
use crate::outcome::chain;

/// Renews a lease three times in its length until dropped. When it is lost, the handler is asked to stop: another delivery
/// may be at work.
pub(crate) struct LeaseKeeper(AbortHandle);

impl LeaseKeeper {
    pub(crate) fn keep(
        store: Arc<dyn DedupStore>,
        ticket: Ticket,
        stop: CancellationToken,
    ) -> Self {
        Self(tokio::spawn(keep(store, ticket, stop)).abort_handle())
    }
}

impl Drop for LeaseKeeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn keep(store: Arc<dyn DedupStore>, ticket: Ticket, stop: CancellationToken) {
    let mut pause = ticket.lease / 3;
    loop {
        sleep(pause).await;
        match renew(store.as_ref(), &ticket).await {
            Ok(Hold::Held) => pause = ticket.lease / 3,
            Ok(Hold::Lost) => {
                tracing::warn!(
                    subscription = ticket.key.subscription,
                    message.id = ticket.key.id,
                    "a claim was lost while its handler runs"
                );
                return stop.cancel();
            }
            Err(error) => {
                // A store that is back for a moment must be used before the lease ends.
                pause = (ticket.lease / 12).min(Duration::from_millis(500));
                tracing::warn!(
                    subscription = ticket.key.subscription,
                    message.id = ticket.key.id,
                    error = chain(&error),
                    "cannot renew a lease"
                );
            }
        }
    }
}

/// A store that has forgotten the claim, rather than given it to another, grants it again to the same ticket.
async fn renew(store: &dyn DedupStore, ticket: &Ticket) -> Result<Hold, StoreError> {
    if store.renew(ticket).await? == Hold::Held {
        return Ok(Hold::Held);
    }
    match store.claim(ticket).await? {
        Claim::Granted { .. } => Ok(Hold::Held),
        Claim::InProgress | Claim::Done(_) => Ok(Hold::Lost),
    }
}
