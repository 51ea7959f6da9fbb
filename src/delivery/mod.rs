//! One delivery of a message: from its envelope to its settlement, whatever brought it.

pub(crate) mod admission;
pub(crate) mod claim;
pub(crate) mod dead_letter;
pub(crate) mod drain;
pub(crate) mod envelope;
pub(crate) mod large;
pub(crate) mod lease;
pub(crate) mod pools;
pub(crate) mod prepare;
pub(crate) mod registered;
pub(crate) mod run;
pub(crate) mod settle;
pub(crate) mod settlement;

use std::sync::Arc;

use tokio::time::Instant;

use crate::breaker::Open;
use crate::dedup::StoreError;
use crate::delivery::admission::{OverCapacity, Place};
use crate::delivery::claim::{Claimed, claim};
use crate::delivery::dead_letter::DeadLetters;
use crate::delivery::drain::{Drain, Leaving};
use crate::delivery::envelope::Envelope;
use crate::delivery::lease::Lease;
use crate::delivery::pools::{Job, Pools};
use crate::delivery::prepare::Delivery;
use crate::delivery::registered::Registered;
use crate::delivery::run::{Run, RunEnd, run};
use crate::delivery::settle::settle;
use crate::delivery::settlement::{End, Settlement};
use crate::handler::state::States;
use crate::trace::Trace;

/// Everything that deliveries share.
#[derive(Clone)]
pub(crate) struct Deliveries {
    pub(crate) drain: Drain,
    pub(crate) pools: Arc<Pools>,
    pub(crate) dead_letters: DeadLetters,
    pub(crate) states: States,
}

/// A message for its subscriber, as it arrived.
pub(crate) struct Arrived {
    pub(crate) subscriber: Arc<Registered>,
    pub(crate) envelope: Envelope,
    pub(crate) trace: Option<Trace>,
    pub(crate) at: Instant,
    /// The places that it keeps until it is settled.
    pub(crate) places: Vec<Place>,
}

/// Why a message is not claimed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotClaimed {
    #[error(transparent)]
    Leaving(#[from] Leaving),
    #[error("over capacity")]
    OverCapacity(#[from] OverCapacity),
    #[error("what the handler depends on is down")]
    CircuitOpen(#[from] Open),
    #[error("cannot tell whether the message was handled")]
    Store(#[from] StoreError),
}

impl Deliveries {
    /// Settles a message: runs its handler, unless another delivery settles it.
    pub(crate) async fn deliver(&self, mut arrived: Arrived) -> Result<Settlement, NotClaimed> {
        arrived.places.push(arrived.subscriber.enter()?);
        let mut permit = arrived.subscriber.permit()?;
        let mut delivery = Delivery::prepare(arrived, self);
        let claim_number = match claim(&mut delivery, &mut permit, &self.drain).await? {
            Claimed::Granted { number } => Some(number),
            Claimed::Elsewhere(settlement) => return Ok(settlement),
        };
        let lease = Lease::keep(&delivery);
        let settlement = match run(&delivery, &lease, permit, self).await {
            Run::Ended(end) => settle(&delivery, &lease, self, end).await,
            Run::GoesOn(job) => self.settle_later(job, delivery, lease),
        };
        Ok(Settlement {
            claim_number,
            ..settlement
        })
    }

    /// Lets a handler that cannot be stopped keep its claim and its places until it ends, so that no second run begins beside it.
    fn settle_later(&self, job: Job, delivery: Delivery, lease: Lease) -> Settlement {
        let limit = delivery.subscriber.limits.hard;
        delivery.log_error(&format!(
            "a handler does not stop at its hard limit of {limit:?}: it must look at Context::is_stopping, or await"
        ));
        let deliveries = self.clone();
        self.drain
            .pushes
            .spawn(async move { deliveries.outlast(job, &delivery, &lease).await });
        End::StillRunning.because(format!(
            "the handler passed its hard limit of {limit:?} and cannot be stopped; the message keeps its claim until it ends: see Context::is_stopping, .ack_deadline(…) and .hard_limit(…)"
        ))
    }

    /// Waits for a handler that cannot be stopped. If the process exits first, the claim is not released, since the handler may
    /// be at work to the last; the lease expires by itself.
    async fn outlast(&self, job: Job, delivery: &Delivery, lease: &Lease) {
        let end = tokio::select! {
            ended = job.task => RunEnd::of(ended, RunEnd::timed_out(delivery)),
            () = self.drain.last_call.cancelled() => return delivery.log_error("leaving while a handler goes on"),
        };
        let settlement = settle(delivery, lease, self, end).await;
        delivery.log_error(&format!(
            "a handler has ended after its hard limit: {:?}",
            settlement.end
        ));
    }
}
