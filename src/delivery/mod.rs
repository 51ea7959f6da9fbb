//! The path of a message, from its envelope to its settlement. It depends on no protocol. [`Deliveries::take_steps`] takes these:
//! 1. `admission`: takes one of the subscriber's places.
//! 2. The subscriber's circuit breaker gives a permit.
//! 3. `claim`: records in the store that this delivery owns the message, or waits for the delivery that does.
//! 4. `lease`: renews the claim until the message is settled.
//! 5. `run`: calls the handler within its time limits, on one of the `pools`.
//! 6. `settle`: records the message as done, releases its claim, or publishes it as a `dead_letter`.

pub(crate) mod admission;
pub(crate) mod claim;
pub(crate) mod dead_letter;
#[expect(clippy::module_inception, reason = "it is the folder's subject")]
pub(crate) mod delivery;
pub(crate) mod envelope;
pub(crate) mod failures;
pub(crate) mod lease;
pub(crate) mod operator;
pub(crate) mod pools;
pub(crate) mod run;
pub(crate) mod running_subscriber;
pub(crate) mod settle;

use std::pin::pin;
use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanBuilder, SpanRef};
use tokio::time::Instant;

use crate::breaker::Open;
use crate::dedup::StoreError;
use crate::delivery::admission::{OverCapacity, Place};
use crate::delivery::claim::{Claimed, claim};
use crate::delivery::dead_letter::DeadLetters;
use crate::delivery::delivery::Delivery;
use crate::delivery::envelope::Envelope;
use crate::delivery::lease::Lease;
use crate::delivery::pools::{Job, Pools};
use crate::delivery::run::{Run, run};
use crate::delivery::running_subscriber::RunningSubscriber;
use crate::delivery::settle::settle;
use crate::delivery::settle::settlement::{End, RunEnd, Settlement};
use crate::handler::state::States;
use crate::loggable::chain;
use crate::shutdown::{Shutdown, ShuttingDown};
use crate::telemetry::spans::{explain, fail};
use crate::trace::Trace;

/// Everything that deliveries share.
#[derive(Clone)]
pub(crate) struct Deliveries {
    /// The phases of a shutdown, and the unfinished deliveries.
    pub(crate) shutdown: Shutdown,
    /// The threads that run handlers.
    pub(crate) pools: Arc<Pools>,
    /// The publisher of dead letters.
    pub(crate) dead_letters: DeadLetters,
    /// The states that handlers share.
    pub(crate) states: States,
}

/// A message and the subscriber that it is for.
pub(crate) struct IncomingMessage {
    pub(crate) subscriber: Arc<RunningSubscriber>,
    pub(crate) envelope: Envelope,
    /// The trace of the message, or of the request that brought it.
    pub(crate) trace: Option<Trace>,
    /// The time from which all limits of the delivery count.
    pub(crate) arrival: Instant,
    /// The places that the message keeps until it is settled.
    pub(crate) places: Vec<Place>,
}

/// The reason why a message is not claimed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotClaimed {
    #[error(transparent)]
    ShuttingDown(#[from] ShuttingDown),
    #[error("over capacity")]
    OverCapacity(#[from] OverCapacity),
    #[error("a dependency of the handler is down")]
    CircuitOpen(#[from] Open),
    #[error("cannot determine if the message was handled")]
    Store(#[from] StoreError),
}

impl IncomingMessage {
    /// Describes the span of its delivery. It is empty if it is not recorded.
    fn span(&self) -> SpanBuilder {
        let Self {
            subscriber,
            envelope,
            ..
        } = self;
        if !subscriber.spans.is_recording_here() {
            return SpanBuilder::default();
        }
        let creation = Trace::of(&envelope.attributes);
        let (id, attempt) = (&envelope.message_id, envelope.delivery_attempt);
        subscriber.metrics.span(id, attempt, creation.as_ref())
    }
}

impl Deliveries {
    /// Settles a message within the span of its delivery.
    pub(crate) async fn deliver(
        &self,
        incoming: IncomingMessage,
    ) -> Result<Settlement, NotClaimed> {
        let subscriber = Arc::clone(&incoming.subscriber);
        let span = incoming.span();
        let steps = pin!(self.take_steps(incoming));
        subscriber.spans.step(|| span, steps, end_span).await
    }

    /// Takes the steps of a delivery: runs the handler, unless another delivery settles the message.
    async fn take_steps(&self, mut incoming: IncomingMessage) -> Result<Settlement, NotClaimed> {
        let place = incoming.subscriber.enter()?;
        incoming.places.push(place);
        let mut permit = incoming.subscriber.permit()?;
        let mut delivery = Delivery::prepare(incoming, self);
        let claim_number = match claim(&mut delivery, &mut permit, &self.shutdown).await? {
            Claimed::Granted { number } => Some(number),
            Claimed::NotGranted(settlement) => return Ok(settlement),
        };
        let lease = Lease::keep(&delivery);
        let settlement = match run(&delivery, &lease, permit, self).await {
            Run::Ended(end) => {
                let settled = settle(&delivery, &lease, self, end).await;
                self.note(&delivery, &settled);
                settled
            }
            Run::StillRunning(job) => self.settle_later(job, delivery, lease),
        };
        Ok(Settlement {
            claim_number,
            ..settlement
        })
    }

    /// Keeps the claim and the places of a handler that cannot be stopped until it ends, so that no second run begins beside it.
    fn settle_later(&self, job: Job, delivery: Delivery, lease: Lease) -> Settlement {
        let limit = delivery.subscriber.limits.hard;
        delivery.log_error(&format!(
            "a handler does not stop at its hard limit of {limit:?}: it must check Context::is_stopping, or await"
        ));
        let settled = End::StillRunning.because(format!(
            "the handler passed its hard limit of {limit:?} and cannot be stopped; the message keeps its claim until it ends: see Context::is_stopping, .ack_deadline(…) and .hard_limit(…)"
        ));
        self.note(&delivery, &settled);
        let deliveries = self.clone();
        self.shutdown.deliveries.spawn(async move {
            deliveries
                .wait_for_unstoppable(job, &delivery, &lease)
                .await
        });
        settled
    }

    /// Notes a failed delivery for operators.
    fn note(&self, delivery: &Delivery, settled: &Settlement) {
        let tasks = &self.shutdown.deliveries;
        failures::note(delivery, settled, tasks);
    }

    /// Waits for a handler that cannot be stopped. If the process exits first, the claim is not released, since the handler may
    /// still be running; the lease expires.
    async fn wait_for_unstoppable(&self, job: Job, delivery: &Delivery, lease: &Lease) {
        let end = tokio::select! {
            ended = job.task => RunEnd::of(ended, RunEnd::timed_out(delivery)),
            () = self.shutdown.exiting.cancelled() => return delivery.log_error("the process exits while a handler runs"),
        };
        let settlement = settle(delivery, lease, self, end).await;
        delivery.log_error(&format!(
            "a handler ended after its hard limit: {:?}",
            settlement.end
        ));
    }
}

/// Adds the end of a delivery to its span.
fn end_span(span: &SpanRef<'_>, settled: &Result<Settlement, NotClaimed>) {
    let (outcome, is_redelivered, reason) = match settled {
        Ok(Settlement { end, reason, .. }) => (end.name(), end.is_redelivered(), reason.clone()),
        Err(error) => ("refused", true, Some(chain(error))),
    };
    span.set_attribute(KeyValue::new("pushgate.outcome", outcome));
    if let Ok(Settlement {
        claim_number: Some(number),
        ..
    }) = settled
    {
        span.set_attribute(KeyValue::new("pushgate.run", i64::from(*number)));
    }
    if is_redelivered {
        fail(span, outcome);
        explain(span, outcome, &reason.unwrap_or_default());
    }
}
