//! Settles the message after its run and before the reply: recorded as done, dead-lettered, or released.

pub(crate) mod settlement;

use std::time::Duration;

use backon::{ConstantBuilder, ExponentialBuilder, Retryable};
use tokio::time::{Instant, sleep_until};

use crate::dedup::{Claim, ClaimStore, StepResult, StoreError, Ticket, TicketStore};
use crate::delivery::Deliveries;
use crate::delivery::dead_letter::Reason;
use crate::delivery::delivery::{Delivery, Next};
use crate::delivery::lease::Lease;
use crate::delivery::settle::settlement::{End, RunEnd, Settlement};
use crate::loggable::chain;

/// Settles a message by the end of its run.
pub(crate) async fn settle(
    delivery: &Delivery,
    lease: &Lease,
    deliveries: &Deliveries,
    end: RunEnd,
) -> Settlement {
    let settling = Settling {
        delivery,
        lease,
        deliveries,
    };
    match end {
        RunEnd::DeadLetter(reason) => settling.dead_letter(reason).await,
        RunEnd::Settle(settlement) => match settlement.end {
            End::Handled | End::Discarded => settling.finish(settlement).await,
            // The effect of an interrupted run is unknown: the next delivery finds the claim expired, and parks the message.
            End::TimedOut | End::Panicked | End::Stopped if delivery.parks() => settlement,
            _ => settling.release(settlement).await,
        },
    }
}

struct Settling<'a> {
    delivery: &'a Delivery,
    lease: &'a Lease,
    deliveries: &'a Deliveries,
}

/// The result of recording a success.
enum Recorded {
    Yes,
    ByAnother,
    No(StoreError),
}

impl Settling<'_> {
    /// Waits until the time for settling is over: half of the margin between the hard limit and the ack deadline is left for the
    /// reply. A message that is settled later, since its handler could not be stopped, gets the same time after its run. Returns earlier if
    /// the process exits.
    async fn out_of_time(&self) {
        let margin = self.delivery.subscriber.declared.margin();
        let deadline = self.delivery.input.context.deadline - margin / 2;
        tokio::select! {
            () = sleep_until(deadline.max(Instant::now() + margin / 2)) => {}
            () = self.deliveries.shutdown.exiting.cancelled() => {}
        }
    }

    async fn finish(&self, settled: Settlement) -> Settlement {
        self.lease.stop();
        if self.delivery.is_unguarded {
            let Err(error) = self.record_late().await else {
                return settled;
            };
            self.remember();
            let error = chain(&error);
            return match settled.end {
                End::Handled => End::Unguarded
                    .because(format!("without deduplication, and not recorded: {error}")),
                _ => settled,
            };
        }
        match self.record().await {
            Recorded::Yes => settled,
            Recorded::ByAnother => End::FencedOut.into(),
            Recorded::No(error) => {
                self.remember();
                End::Unrecorded.because(chain(&error))
            }
        }
    }

    /// Records the message as done. Retries until the deadline, unless the store holds an unknown record.
    async fn record(&self) -> Recorded {
        let mut last = None;
        let again = self.delivery.second_ticket();
        let finish = async {
            let try_once = || async { self.finish_or_claim_again(&again).await };
            let patience = ExponentialBuilder::default()
                .with_min_delay(Duration::from_millis(50))
                .with_max_delay(Duration::from_secs(1))
                .with_jitter()
                .without_max_times();
            let can_pass = |error: &StoreError| !matches!(error, StoreError::Corrupt);
            try_once
                .retry(patience)
                .when(can_pass)
                .notify(|error, _| last = Some(error.clone()))
                .await
        };
        let finished = tokio::select! {
            finished = finish => finished,
            () = self.out_of_time() => return Recorded::No(last.unwrap_or_else(StoreError::no_answer)),
        };
        finished.unwrap_or_else(Recorded::No)
    }

    /// Records a run without a claim, if the store is available again and no other delivery holds a claim.
    async fn record_late(&self) -> Result<(), StoreError> {
        let ticket = &self.delivery.ticket;
        let record = async {
            match self.delivery.store().claim(ticket).await? {
                Claim::Granted { .. } => self.delivery.store().finish(ticket).await.map(drop),
                Claim::Done(_) | Claim::InProgress => Ok(()),
            }
        };
        tokio::select! {
            recorded = record => recorded,
            () = self.out_of_time() => Err(StoreError::no_answer()),
        }
    }

    /// Remembers in this process a success that the store has not recorded.
    fn remember(&self) {
        self.delivery.store().remember(&self.delivery.ticket);
    }

    /// Finishes, or claims with a second ticket if the claim is lost: if the store lost the claim, and no other delivery holds one,
    /// the success is recorded, so that the message does not run again.
    async fn finish_or_claim_again(&self, again: &Ticket) -> Result<Recorded, StoreError> {
        let store = self.delivery.store();
        if store.finish(&self.delivery.ticket).await? == StepResult::Done {
            return Ok(Recorded::Yes);
        }
        let recorded = match store.claim_again(again).await? {
            Claim::Granted { .. } if store.finish(again).await? == StepResult::Done => {
                Recorded::Yes
            }
            Claim::Done(_) => Recorded::Yes,
            Claim::Granted { .. } | Claim::InProgress => Recorded::ByAnother,
        };
        let is_recorded = matches!(recorded, Recorded::Yes);
        self.warn(&format!("fenced out: the claim was lost before the handler succeeded; recorded nevertheless: {is_recorded}"));
        Ok(recorded)
    }

    async fn dead_letter(&self, reason: Reason) -> Settlement {
        let Delivery {
            subscriber, input, ..
        } = self.delivery;
        let dead_letters = &self.deliveries.dead_letters;
        let topic = &subscriber.dead_letter_topic;
        let published = tokio::select! {
            published = dead_letters.publish(topic, input, &reason) => published.map_err(|error| chain(&error)),
            () = self.out_of_time() => Err(if self.deliveries.shutdown.exiting.is_cancelled() {
                "the service is shutting down".to_owned()
            } else {
                "no answer to the publish before the ack deadline".to_owned()
            }),
        };
        let reason = reason.text;
        if let Err(error) = published {
            let reason = format!("{reason}, and it cannot be dead-lettered: {error}");
            return self.release(End::NotDeadLettered.because(reason)).await;
        }
        let topic = topic.name.rsplit('/').next().unwrap_or(&topic.name);
        let settled = End::DeadLettered.because(format!("{reason} (see topic {topic})"));
        // With a key of the publisher's own, the lost run may have been of a different message, so the next message with this key is
        // parked, too: a release keeps the record of the lost run.
        let is_parked = matches!(self.delivery.next, Next::Park(_));
        if is_parked && self.delivery.ticket.fingerprint.is_some() {
            return self.release(settled).await;
        }
        self.finish(settled).await
    }

    /// Releases the claim. If the store does not answer before the deadline, retries continue in the background.
    async fn release(&self, settled: Settlement) -> Settlement {
        self.lease.stop();
        let (store, ticket) = (self.delivery.store(), &self.delivery.ticket);
        if self.delivery.is_unguarded {
            store.release_unanswered(ticket);
            return settled;
        }
        let try_once = || async { store.release(ticket).await };
        let once_more = ConstantBuilder::default()
            .with_delay(Duration::from_millis(25))
            .with_max_times(1);
        let released = tokio::select! {
            released = try_once.retry(once_more).when(StoreError::is_transient) => released,
            () = self.out_of_time() => Err(StoreError::no_answer()),
        };
        if let Err(error) = released {
            store.release_again(ticket);
            self.warn(&format!(
                "cannot release a claim; the release is retried until the claim expires: {}",
                chain(&error)
            ));
        }
        settled
    }

    fn warn(&self, text: &str) {
        let delivery = self.delivery;
        tracing::warn!(subscription = %delivery.subscriber.name, message_id = delivery.message_id(), "{text}");
    }
}
