//! A message in its handler's hands: claimed, run with its lease kept, and settled by how the run ended.

use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::admission::Place;
use crate::claim::Patience;
use crate::context::Context;
use crate::dedup::{DedupStore, Ticket};
use crate::drain::Drain;
use crate::envelope::Envelope;
use crate::handler::{Delivery, Said};
use crate::lease::LeaseKeeper;
use crate::push::Gate;
use crate::registry::Registered;
use crate::run::{End, Run, end, run};
use crate::settlement::{Settlement, settle};

/// One delivery of a message, with the places it takes up.
pub(crate) struct Handling {
    pub(crate) subscriber: Arc<Registered>,
    pub(crate) delivery: Delivery,
    pub(crate) ticket: Ticket,
    arrival: Instant,
    _places: [Place; 2],
}

impl Handling {
    pub(crate) fn new(
        subscriber: &Arc<Registered>,
        envelope: Envelope,
        arrival: Instant,
        places: [Place; 2],
        gate: &Gate,
    ) -> Self {
        let ticket = subscriber.ticket(&envelope.message_id);
        let context = Context {
            subscription: Arc::clone(&subscriber.name),
            message_id: envelope.message_id.into(),
            publish_time: envelope.publish_time,
            attributes: Arc::new(envelope.attributes),
            ordering_key: envelope.ordering_key.map(Into::into),
            delivery_attempt: envelope.delivery_attempt,
            deadline: arrival + subscriber.declared.ack_deadline,
            stop: gate.drain.stopping.child_token(),
        };
        let delivery = Delivery {
            data: envelope.data,
            context,
            states: gate.states.clone(),
        };
        Self {
            subscriber: Arc::clone(subscriber),
            delivery,
            ticket,
            arrival,
            _places: places,
        }
    }

    pub(crate) fn store(&self) -> &Arc<dyn DedupStore> {
        &self.subscriber.store
    }

    /// How long this delivery waits for another's claim.
    pub(crate) fn patience(&self, drain: &Drain) -> Patience {
        Patience {
            arrival: self.arrival,
            hard_limit: self.subscriber.limits.hard,
            closing: drain.closing.clone(),
        }
    }

    /// Runs the handler, its lease kept, and settles by how it ended. A handler that cannot be stopped keeps its claim and
    /// its places until it ends, so that no second run begins beside it.
    pub(crate) async fn handle(self, gate: &Arc<Gate>) -> Settlement {
        let stop = self.delivery.context.stop.clone();
        let lease = LeaseKeeper::keep(Arc::clone(self.store()), self.ticket.clone(), stop);
        match run(
            &self.subscriber,
            self.delivery.clone(),
            self.arrival,
            &gate.pools,
            &gate.drain.leaving,
        )
        .await
        {
            Run::Ended(end) => settle(&self, end, lease, &gate.dead_letters, &gate.drain).await,
            Run::GoesOn(work) => {
                self.log_overrun("a handler does not stop at its hard limit: it must look at Context::is_stopping, or await");
                let tail = Arc::clone(gate);
                gate.drain
                    .pushes
                    .spawn(async move { self.outlast(work, lease, &tail).await });
                Settlement::StillRunning
            }
        }
    }

    /// Waits for a handler that nothing stops. If the process goes first, the claim is not released, since the handler may
    /// be at work to the last; it lapses by itself.
    async fn outlast(self, work: JoinHandle<Said>, lease: LeaseKeeper, gate: &Gate) {
        let end = tokio::select! {
            said = work => end(said, End::TimedOut),
            () = gate.drain.last_call.cancelled() => return self.log_overrun("leaving while a handler goes on"),
        };
        let settlement = settle(&self, end, lease, &gate.dead_letters, &gate.drain).await;
        self.log_overrun(&format!(
            "a handler has ended after its hard limit: {settlement:?}"
        ));
    }

    fn log_overrun(&self, what: &str) {
        tracing::error!(subscription = %self.subscriber.name, message.id = %self.delivery.context.message_id, "{what}");
    }
}
