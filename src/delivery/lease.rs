//! Keeps a claim's lease while its handler runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::dedup::{Claim, ProtectedStore, StepResult, StoreError, Ticket, TicketStore};
use crate::delivery::delivery::Delivery;
use crate::loggable::chain;
use crate::telemetry::metrics::SubscriptionMetrics;

/// A lease that is renewed three times in its length, until dropped. If the claim is lost, the handler receives its stop signal,
/// since another delivery may be handling the message.
pub(crate) struct Lease {
    /// The task that renews.
    renewing: AbortHandle,
    /// True once the store knows that the run has begun.
    is_begun: Arc<AtomicBool>,
}

impl Lease {
    /// Renews the delivery's claim. A delivery that runs unguarded may have a claim whose confirmation was lost, or gets one when
    /// the store is available again.
    pub(crate) fn keep(delivery: &Delivery) -> Self {
        let is_begun = Arc::default();
        let renewal = Renewal {
            store: delivery.store().clone(),
            ticket: delivery.ticket.clone(),
            message_id: Arc::clone(&delivery.input.context.message_id),
            stop: delivery.input.context.stop.clone(),
            is_begun: Arc::clone(&is_begun),
            first_lease: delivery.claim_ticket().lease,
            metrics: delivery.subscriber.metrics.clone(),
        };
        Self {
            renewing: tokio::spawn(renewal.run()).abort_handle(),
            is_begun,
        }
    }

    /// Stops the renewal. A claim that is settled would otherwise be reported as lost.
    pub(crate) fn stop(&self) {
        self.renewing.abort();
    }

    /// Records in the store that the run begins, for a subscriber that parks messages whose run was interrupted.
    ///
    /// # Errors
    /// If the handler must not be called: the claim was lost, or the store has not answered by half of the hard limit.
    pub(crate) async fn begin(&self, delivery: &Delivery) -> Result<(), String> {
        let is_begun = self.is_begun.load(Ordering::Relaxed);
        if is_begun || delivery.is_unguarded || !delivery.parks() {
            return Ok(());
        }
        let back_off = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(25))
            .with_max_delay(Duration::from_millis(500))
            .with_jitter()
            .without_max_times();
        let try_once = || async { delivery.store().begin(&delivery.ticket).await };
        let begin = try_once.retry(back_off).when(StoreError::is_transient);
        let half_of_its_time = delivery.arrival + delivery.subscriber.limits.hard / 2;
        let begun = timeout_at(half_of_its_time, begin).await;
        match begun.unwrap_or_else(|_| Err(StoreError::no_answer())) {
            Ok(StepResult::Done) => {
                self.is_begun.store(true, Ordering::Relaxed);
                Ok(())
            }
            Ok(StepResult::ClaimLost) => Err("the claim was lost to another delivery".into()),
            Err(error) => Err(format!(
                "cannot store that the run begins: {}",
                chain(&error)
            )),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Renewal {
    store: ProtectedStore,
    ticket: Ticket,
    /// The message id, for logs.
    message_id: Arc<str>,
    /// The stop signal of the handler.
    stop: CancellationToken,
    is_begun: Arc<AtomicBool>,
    /// The lease that the claim has set.
    first_lease: Duration,
    metrics: SubscriptionMetrics,
}

impl Renewal {
    async fn run(self) {
        let Self { ticket, stop, .. } = &self;
        let mut pause = self.first_lease / 3;
        loop {
            sleep(pause).await;
            let renewed = self.renew().await;
            self.metrics.renewed(match &renewed {
                Ok(StepResult::Done) => "ok",
                Ok(StepResult::ClaimLost) => "lost",
                Err(_) => "error",
            });
            match renewed {
                Ok(StepResult::Done) => pause = ticket.lease / 3,
                Ok(StepResult::ClaimLost) => {
                    tracing::warn!(
                        subscription = ticket.key.subscription,
                        message_id = %self.message_id,
                        "a claim was lost while its handler runs"
                    );
                    return stop.cancel();
                }
                Err(error) => {
                    // A store may be available for a short time only, before the lease expires.
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

    /// Renews the claim. A store that lost the claim without granting it to another ticket grants it again to this one.
    async fn renew(&self) -> Result<StepResult, StoreError> {
        let Self { store, ticket, .. } = self;
        if store.renew(ticket).await? == StepResult::Done {
            return Ok(StepResult::Done);
        }
        match store.claim_again(ticket).await? {
            Claim::Granted { .. } if self.is_begun.load(Ordering::Relaxed) => {
                store.begin(ticket).await
            }
            Claim::Granted { .. } => Ok(StepResult::Done),
            Claim::InProgress | Claim::Done(_) => Ok(StepResult::ClaimLost),
        }
    }
}
