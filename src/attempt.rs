//! One delivery of one message, ready to be claimed: for whom it is, what the handler would get, and its ticket.

use std::sync::Arc;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::dedup::{DedupStore, Ticket};
use crate::envelope::Envelope;
use crate::handler::Delivery;
use crate::registry::Registered;
use crate::state::States;

/// A delivery and its ticket.
pub(crate) struct Attempt {
    pub(crate) subscriber: Arc<Registered>,
    pub(crate) delivery: Delivery,
    pub(crate) ticket: Ticket,
    pub(crate) arrival: Instant,
}

impl Attempt {
    pub(crate) fn new(
        subscriber: &Arc<Registered>,
        envelope: Envelope,
        arrival: Instant,
        stop: CancellationToken,
        states: States,
    ) -> Self {
        let ticket = subscriber.ticket(&envelope.known_as);
        let context = Context {
            subscription: Arc::clone(&subscriber.name),
            message_id: envelope.known_as.into(),
            publish_time: envelope.publish_time,
            attributes: Arc::new(envelope.attributes),
            ordering_key: envelope.ordering_key.map(Into::into),
            delivery_attempt: envelope.delivery_attempt,
            deadline: arrival + subscriber.declared.ack_deadline,
            stop,
        };
        let delivery = Delivery {
            data: envelope.data,
            context,
            states,
        };
        Self {
            subscriber: Arc::clone(subscriber),
            delivery,
            ticket,
            arrival,
        }
    }

    /// Where its message is remembered.
    pub(crate) fn store(&self) -> &Arc<dyn DedupStore> {
        &self.subscriber.store
    }
}
