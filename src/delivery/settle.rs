//! From how a run ended to a settled message: recorded as done, dead-lettered, or given back. Always before the reply.

use std::time::Duration;

use backon::{ConstantBuilder, ExponentialBuilder, Retryable};
use tokio::time::{Instant, sleep_until};

use crate::dedup::{Claim, ClaimStore, Hold, StoreError, Ticket, TicketStore};
use crate::delivery::attempt::Attempt;
use crate::delivery::dead_letter::{DeadLetters, Reason};
use crate::delivery::drain::Drain;
use crate::delivery::lease::LeaseKeeper;
use crate::delivery::run::End;
use crate::delivery::settlement::Settlement;
use crate::handler::outcome::Outcome;
use crate::loggable::chain;

/// Settles a message by how its run ended. The lease is kept until the store is told.
pub(crate) async fn settle(
    attempt: &Attempt,
    end: End,
    lease: LeaseKeeper,
    dead_letters: &DeadLetters,
    drain: &Drain,
) -> Settlement {
    let settling = Settling { attempt, drain };
    match end {
        End::Said(Outcome::Success) => settling.finish(Settlement::Handled, lease).await,
        End::Said(Outcome::Discard { reason }) => {
            settling
                .finish(Settlement::Discarded { reason }, lease)
                .await
        }
        End::Said(Outcome::DeadLetter { reason }) => {
            settling
                .dead_letter(
                    Reason {
                        kind: "handler",
                        text: reason,
                    },
                    lease,
                    dead_letters,
                )
                .await
        }
        End::Unfit(error) => {
            settling
                .dead_letter(
                    Reason {
                        kind: "payload",
                        text: error.to_string(),
                    },
                    lease,
                    dead_letters,
                )
                .await
        }
        End::Doomed(reason) => settling.dead_letter(reason, lease, dead_letters).await,
        End::Said(Outcome::Retry { reason }) => {
            settling.release(Settlement::Failed { reason }, lease).await
        }
        // Whether the effect happened before the cut is not known: the next delivery finds the claim lapsed, and is held.
        End::TimedOut if attempt.holds() => settling.keep(settling.timed_out(), lease),
        End::Panicked if attempt.holds() => settling.keep(Settlement::Panicked, lease),
        End::Left if attempt.holds() => settling.keep(Settlement::Left, lease),
        End::TimedOut => settling.release(settling.timed_out(), lease).await,
        End::Panicked => settling.release(Settlement::Panicked, lease).await,
        End::Left => settling.release(Settlement::Left, lease).await,
        End::NotBegun(reason) => {
            settling
                .release(Settlement::NotBegun { reason }, lease)
                .await
        }
    }
}

struct Settling<'a> {
    attempt: &'a Attempt,
    drain: &'a Drain,
}

enum Recorded {
    Yes,
    ByAnother,
    No(StoreError),
}

impl Settling<'_> {
    fn timed_out(&self) -> Settlement {
        let limit = self.attempt.subscriber.limits.hard;
        Settlement::TimedOut { limit }
    }

    /// The end of the time for settling: half of the margin between the hard limit and the ack deadline is left for the
    /// reply. One that is settled after that (its handler could not be stopped) gets a margin of its own.
    fn deadline(&self) -> Instant {
        let margin = self.attempt.subscriber.declared.margin();
        (self.attempt.delivery.context.deadline - margin / 2).max(Instant::now() + margin / 2)
    }

    async fn finish(&self, settled: Settlement, lease: LeaseKeeper) -> Settlement {
        drop(lease); // or it would find the claim finished, and call it lost
        if self.attempt.is_unguarded {
            let Err(error) = self.record_late().await else {
                return settled;
            };
            self.remember();
            return match settled {
                Settlement::Handled => Settlement::Unguarded {
                    error: chain(&error),
                },
                other => other,
            };
        }
        match self.record().await {
            Recorded::Yes => settled,
            Recorded::ByAnother => Settlement::FencedOut,
            Recorded::No(error) => {
                self.remember();
                Settlement::Unrecorded {
                    error: chain(&error),
                }
            }
        }
    }

    /// Records the message as done, trying until the deadline whatever the store says, short of holding something unknown.
    async fn record(&self) -> Recorded {
        let mut last = None;
        let again = self.attempt.second_ticket();
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
            () = sleep_until(self.deadline()) => return Recorded::No(last.unwrap_or_else(StoreError::no_answer)),
            () = self.drain.last_call.cancelled() => return Recorded::No(last.unwrap_or_else(StoreError::no_answer)),
        };
        finished.unwrap_or_else(Recorded::No)
    }

    /// One that ran without a claim is recorded if the store is there by now, and is not waited for otherwise.
    async fn record_late(&self) -> Result<(), StoreError> {
        let ticket = &self.attempt.ticket;
        let record = async {
            match self.attempt.store().claim(ticket).await? {
                Claim::Granted { .. } => self.attempt.store().finish(ticket).await.map(drop),
                Claim::Done(_) | Claim::InProgress => Ok(()),
            }
        };
        tokio::select! {
            recorded = record => recorded,
            () = sleep_until(self.deadline()) => Err(StoreError::no_answer()),
            () = self.drain.last_call.cancelled() => Err(StoreError::no_answer()),
        }
    }

    /// A success that the store does not know is known here at least.
    fn remember(&self) {
        self.attempt.store().remember(&self.attempt.ticket);
    }

    /// Leaves the claim to lapse.
    fn keep(&self, settled: Settlement, lease: LeaseKeeper) -> Settlement {
        drop(lease);
        settled
    }

    /// A success that lost its claim asks again with a second ticket, as any delivery might: if the store forgot the claim,
    /// and nobody else is at it, the success is recorded instead of being run again.
    async fn finish_or_claim_again(&self, again: &Ticket) -> Result<Recorded, StoreError> {
        let store = self.attempt.store();
        if store.finish(&self.attempt.ticket).await? == Hold::Held {
            return Ok(Recorded::Yes);
        }
        let recorded = match store.claim_again(again).await? {
            Claim::Granted { .. } if store.finish(again).await? == Hold::Held => Recorded::Yes,
            Claim::Done(_) => Recorded::Yes,
            Claim::Granted { .. } | Claim::InProgress => Recorded::ByAnother,
        };
        let is_recorded = matches!(recorded, Recorded::Yes);
        self.warn(&format!("fenced out: the claim was lost before the handler succeeded; recorded all the same: {is_recorded}"));
        Ok(recorded)
    }

    async fn dead_letter(
        &self,
        reason: Reason,
        lease: LeaseKeeper,
        dead_letters: &DeadLetters,
    ) -> Settlement {
        let Attempt {
            subscriber,
            delivery,
            ..
        } = self.attempt;
        let published = tokio::select! {
            published = dead_letters.publish(&subscriber.dead_letter_topic, delivery, &reason) => published.map_err(|error| chain(&error)),
            () = sleep_until(self.deadline()) => Err("no answer to the publish before the ack deadline".to_owned()),
            () = self.drain.last_call.cancelled() => Err("the service is leaving".to_owned()),
        };
        match published {
            Ok(()) => {
                let topic = subscriber.dead_letter_topic.name.clone();
                // Under a key of the publisher's own, the lost run may have been another message's, so the next message with
                // this key is for a person, too: a release keeps the lost run known.
                let reason = reason.text;
                let settled = Settlement::DeadLettered { reason, topic };
                if self.attempt.is_held && self.attempt.ticket.fingerprint.is_some() {
                    return self.release(settled, lease).await;
                }
                self.finish(settled, lease).await
            }
            Err(error) => {
                let reason = reason.text;
                self.release(Settlement::NotDeadLettered { reason, error }, lease)
                    .await
            }
        }
    }

    /// Gives the claim back. If the store does not answer before the deadline, that goes on in the background.
    async fn release(&self, settled: Settlement, lease: LeaseKeeper) -> Settlement {
        drop(lease);
        let (store, ticket) = (self.attempt.store(), &self.attempt.ticket);
        if self.attempt.is_unguarded {
            store.release_unanswered(ticket);
            return settled;
        }
        let try_once = || async { store.release(ticket).await };
        let once_more = ConstantBuilder::default()
            .with_delay(Duration::from_millis(25))
            .with_max_times(1);
        let released = tokio::select! {
            released = try_once.retry(once_more).when(StoreError::is_transient) => released,
            () = sleep_until(self.deadline()) => Err(StoreError::no_answer()),
            () = self.drain.last_call.cancelled() => Err(StoreError::no_answer()),
        };
        if let Err(error) = released {
            store.release_again(ticket);
            self.warn(&format!(
                "cannot release a claim; it is tried again, or else the claim lapses by itself: {}",
                chain(&error)
            ));
        }
        settled
    }

    fn warn(&self, what: &str) {
        tracing::warn!(subscription = %self.attempt.subscriber.name, message_id = self.attempt.message_id(), "{what}");
    }
}
