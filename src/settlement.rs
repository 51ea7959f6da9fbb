//! From how a run ended to a settled message: recorded as done, dead-lettered, or given back. Always before the reply.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use tokio::time::{Instant, sleep_until};

use crate::dead_letter::{DeadLetters, Reason};
use crate::dedup::{Claim, Hold, StoreError, Ticket};
use crate::drain::Drain;
use crate::handler::Delivery;
use crate::outcome::{Outcome, chain};
use crate::registry::Registered;
use crate::run::End;

/// What became of a message that was claimed, or that another delivery had claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Settlement {
    /// The handler succeeded, and that is recorded.
    Handled,
    /// The handler had nothing to do.
    Discarded { reason: String },
    /// The message is on its dead-letter topic.
    DeadLettered { reason: String, topic: String },
    /// Handled before, or by the delivery this one waited for.
    DoneBefore,
    /// Settled in the world, but the store could not be told: a later duplicate would run again.
    Unrecorded { error: String },
    /// Given back, to be delivered again.
    Failed { reason: String },
    /// Given back, since the handler passed its hard limit.
    TimedOut,
    /// The handler passed its hard limit and cannot be stopped; its claim is kept until it ends.
    StillRunning,
    /// Given back; the handler panicked.
    Panicked,
    /// Given back, since the service is leaving.
    Left,
    /// The delivery this one waited for has failed.
    FailedElsewhere,
    /// Another delivery holds the claim.
    Busy,
    /// This delivery succeeded after it had lost its claim to another, which decides.
    FencedOut,
    /// It can never succeed, and could not be dead-lettered either; given back.
    NotDeadLettered { reason: String, error: String },
}

/// One claimed message on its way to being settled.
pub(crate) struct InHand<'a> {
    pub(crate) subscriber: &'a Registered,
    pub(crate) delivery: Delivery,
    pub(crate) ticket: Ticket,
    pub(crate) dead_letters: &'a DeadLetters,
    pub(crate) drain: &'a Drain,
}

enum Recorded {
    Yes,
    ByAnother,
    No(StoreError),
}

impl InHand<'_> {
    /// Settles the message by how its run ended.
    pub(crate) async fn settle(&self, end: End) -> Settlement {
        match end {
            End::Said(Outcome::Success) => self.finish(Settlement::Handled).await,
            End::Said(Outcome::Discard { reason }) => {
                self.finish(Settlement::Discarded { reason }).await
            }
            End::Said(Outcome::DeadLetter { reason }) => {
                self.dead_letter(Reason {
                    kind: "handler",
                    text: reason,
                })
                .await
            }
            End::Unfit(error) => {
                self.dead_letter(Reason {
                    kind: "payload",
                    text: error.to_string(),
                })
                .await
            }
            End::Said(Outcome::Retry { reason }) => {
                self.release(Settlement::Failed { reason }).await
            }
            End::TimedOut => self.release(Settlement::TimedOut).await,
            End::Panicked => self.release(Settlement::Panicked).await,
            End::Left => self.release(Settlement::Left).await,
        }
    }

    /// The end of the time for settling: half of the margin between the hard limit and the ack deadline is left for the
    /// reply. One that is settled after that (its handler could not be stopped) gets a margin of its own.
    fn deadline(&self) -> Instant {
        let margin = self.subscriber.declared.margin();
        (self.delivery.context.deadline - margin / 2).max(Instant::now() + margin / 2)
    }

    async fn finish(&self, settled: Settlement) -> Settlement {
        match self.record().await {
            Recorded::Yes => settled,
            Recorded::ByAnother => Settlement::FencedOut,
            Recorded::No(error) => Settlement::Unrecorded {
                error: chain(&error),
            },
        }
    }

    /// Records the message as done, trying until the deadline.
    async fn record(&self) -> Recorded {
        let mut last = None;
        let finish = async {
            let attempt = || async { self.finish_or_claim_again().await };
            let patience = ExponentialBuilder::default()
                .with_min_delay(Duration::from_millis(50))
                .with_max_delay(Duration::from_secs(1))
                .with_jitter()
                .without_max_times();
            attempt
                .retry(patience)
                .when(StoreError::is_transient)
                .notify(|error, _| last = Some(error.clone()))
                .await
        };
        let finished = tokio::select! {
            finished = finish => finished,
            () = sleep_until(self.deadline()) => return Recorded::No(last.unwrap_or_else(no_answer)),
            () = self.drain.last_call() => return Recorded::No(last.unwrap_or_else(no_answer)),
        };
        finished.unwrap_or_else(Recorded::No)
    }

    /// A success that lost its claim asks again, as any delivery might: if the store forgot the claim, and nobody else is at
    /// it, the success is recorded with a new ticket instead of being run again.
    async fn finish_or_claim_again(&self) -> Result<Recorded, StoreError> {
        let store = &self.subscriber.store;
        if store.finish(&self.ticket).await? == Hold::Held {
            return Ok(Recorded::Yes);
        }
        let again = self.subscriber.ticket(&self.ticket.key.id);
        let recorded = match store.claim(&again).await? {
            Claim::Granted { .. } if store.finish(&again).await? == Hold::Held => Recorded::Yes,
            Claim::Done => Recorded::Yes,
            Claim::Granted { .. } | Claim::InProgress => Recorded::ByAnother,
        };
        tracing::warn!(
            subscription = %self.subscriber.name, message.id = self.ticket.key.id, recorded = matches!(recorded, Recorded::Yes),
            "fenced out: the claim was lost before the handler succeeded"
        );
        Ok(recorded)
    }

    async fn dead_letter(&self, reason: Reason) -> Settlement {
        let published = tokio::select! {
            published = self.dead_letters.publish(self.subscriber, &self.delivery, &reason) => published.map_err(|error| chain(&error)),
            () = sleep_until(self.deadline()) => Err("no answer to the publish before the ack deadline".to_owned()),
            () = self.drain.last_call() => Err("the service is leaving".to_owned()),
        };
        match published {
            Ok(()) => {
                self.finish(Settlement::DeadLettered {
                    reason: reason.text,
                    topic: self.subscriber.dead_letter_topic.clone(),
                })
                .await
            }
            Err(error) => {
                self.release(Settlement::NotDeadLettered {
                    reason: reason.text,
                    error,
                })
                .await
            }
        }
    }

    /// Gives the claim back. If the store cannot be told, the claim lapses by itself.
    async fn release(&self, settled: Settlement) -> Settlement {
        let released = tokio::select! {
            released = self.subscriber.store.release(&self.ticket) => released,
            () = self.drain.last_call() => Err(no_answer()),
        };
        if let Err(error) = released {
            tracing::warn!(subscription = %self.subscriber.name, message.id = self.ticket.key.id, error = chain(&error), "cannot release a claim; it lapses by itself");
        }
        settled
    }
}

fn no_answer() -> StoreError {
    StoreError::Unavailable(std::sync::Arc::new(std::io::Error::from(
        std::io::ErrorKind::TimedOut,
    )))
}
