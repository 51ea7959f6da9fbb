//! A delivery: the subscriber, the handler's input, and the ticket to claim with.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use crate::dedup::{ProtectedStore, Ticket};
use crate::delivery::admission::Place;
use crate::delivery::dead_letter::{Reason, identify_replay};
use crate::delivery::pools::executor::block_in_place_if_large;
use crate::delivery::running_subscriber::RunningSubscriber;
use crate::delivery::{Deliveries, IncomingMessage};
use crate::handler;
use crate::handler::context::{Context, idempotency_key};
use crate::subscriber::{AfterCrash, Identity};

/// The longest lease of a claim whose run has not begun; the claim is renewed if the beginning takes longer.
const UNBEGUN_LEASE: Duration = Duration::from_secs(2);

/// One try to have a message handled.
pub(crate) struct Delivery {
    pub(crate) subscriber: Arc<RunningSubscriber>,
    /// The input of the handler, from the envelope.
    pub(crate) input: handler::Input,
    /// The owner id with which the message is claimed.
    pub(crate) ticket: Ticket,
    /// The id under which the message was handled before, if an operator replays it.
    pub(crate) handled_id: Option<String>,
    /// The time from which all limits count.
    pub(crate) arrival: Instant,
    /// The step after the claim.
    pub(crate) next: Next,
    /// True if the store did not answer the claim, and the subscriber declares that its handler runs without one.
    pub(crate) is_unguarded: bool,
    _places: Vec<Place>,
}

/// The next step after the claim.
#[derive(Clone)]
pub(crate) enum Next {
    /// The handler runs.
    Run,
    /// The message is dead-lettered without a run.
    DeadLetter(Reason),
    /// An earlier run of the message was lost: it is dead-lettered, and a person decides.
    Park(Reason),
}

impl Delivery {
    /// Prepares the handler's input and the ticket.
    pub(crate) fn prepare(incoming: IncomingMessage, deliveries: &Deliveries) -> Self {
        let IncomingMessage {
            subscriber,
            envelope,
            trace,
            arrival,
            places,
        } = incoming;
        let bytes = envelope.data.len();
        let context = Context {
            subscription: Arc::clone(&subscriber.name),
            message_id: envelope.message_id.into(),
            publish_time: envelope.publish_time,
            attributes: Arc::new(envelope.attributes),
            ordering_key: envelope.ordering_key.map(Into::into),
            idempotency_key: Arc::from(""), // computed from the identity, below
            delivery_attempt: envelope.delivery_attempt,
            deadline: arrival + subscriber.declared.cloud.ack_deadline,
            stop: deliveries.shutdown.stopping.child_token(),
            trace,
            span: None,
        };
        let mut input = handler::Input {
            data: envelope.data,
            context,
            states: deliveries.states.clone(),
        };
        let (mut identity, next) = block_in_place_if_large(bytes, || identify(&subscriber, &input));
        input.context.idempotency_key = idempotency_key(&subscriber.name, &identity.id).into();
        identify_replay(&input.context, &mut identity);
        Self {
            ticket: subscriber.ticket(identity),
            subscriber,
            input,
            arrival,
            handled_id: None,
            next,
            is_unguarded: false,
            _places: places,
        }
    }

    /// Returns the store of the subscriber.
    pub(crate) fn store(&self) -> &ProtectedStore {
        &self.subscriber.store
    }

    /// Returns the id for logs: unlike the ticket's key, it never comes from a payload.
    pub(crate) fn message_id(&self) -> &str {
        &self.input.context.message_id
    }

    /// Logs an error with the ids of the message.
    pub(crate) fn log_error(&self, text: &str) {
        tracing::error!(subscription = %self.subscriber.name, message_id = self.message_id(), "{text}");
    }

    /// Returns a ticket for the same message with another owner, as a second delivery would have.
    pub(crate) fn second_ticket(&self) -> Ticket {
        Ticket {
            owner: Uuid::new_v4(),
            ..self.ticket.clone()
        }
    }

    /// Returns true if a message whose run was interrupted is parked.
    pub(crate) fn parks(&self) -> bool {
        self.subscriber.declared.dedup.after_crash == AfterCrash::Park
    }

    /// Returns the ticket to claim with. For a subscriber that parks, the record of a run's beginning also sets the full lease. Until
    /// then the lease is short, so that a claim whose confirmation was lost does not delay the next delivery.
    pub(crate) fn claim_ticket(&self) -> Ticket {
        let mut ticket = self.ticket.clone();
        if self.parks() {
            ticket.lease = ticket.lease.min(UNBEGUN_LEASE);
        }
        ticket
    }
}

/// Returns the identity that duplicates share, and the next step: a message without its key is dead-lettered under its id.
fn identify(subscriber: &RunningSubscriber, input: &handler::Input) -> (Identity, Next) {
    let of_message = || Identity::of_message(input);
    let Some(idempotency) = &subscriber.declared.idempotency else {
        return (of_message(), Next::Run);
    };
    match idempotency.identify(input) {
        Ok(identity) => (identity, Next::Run),
        Err(error) => (
            of_message(),
            Next::DeadLetter(Reason::idempotency(error.to_string())),
        ),
    }
}
