//! Prepares a delivery: the handler's input, and the ticket to claim with.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use crate::dedup::{Fingerprint, ProtectedStore, StoreError, Ticket};
use crate::delivery::admission::Place;
use crate::delivery::dead_letter::{Reason, replayed};
use crate::delivery::pools::executor::block_in_place_if_large;
use crate::delivery::running_subscriber::RunningSubscriber;
use crate::delivery::{Deliveries, IncomingMessage};
use crate::handler;
use crate::handler::context::{Context, idempotency_key};
use crate::loggable::{chain, hash};
use crate::subscriber::{AfterCrash, Conflict, Identity, StoreDown};

/// The longest lease of a claim whose run has not begun; the claim is renewed if the beginning takes longer.
const UNBEGUN_LEASE: Duration = Duration::from_secs(2);

/// One try to have a message handled.
pub(crate) struct Delivery {
    pub(crate) subscriber: Arc<RunningSubscriber>,
    pub(crate) input: handler::Delivery,
    pub(crate) ticket: Ticket,
    pub(crate) arrival: Instant,
    pub(crate) next: Next,
    /// True if the store did not answer the claim, and the subscriber declares that its handler runs without one.
    pub(crate) is_unguarded: bool,
    _places: Vec<Place>,
}

/// The next step after the claim.
#[derive(Clone)]
pub(crate) enum Next {
    Run,
    /// The message is dead-lettered without a run.
    DeadLetter(Reason),
    /// An earlier run of the message was lost: it is dead-lettered, and a person decides.
    Park(Reason),
}

impl Delivery {
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
            message_id: envelope.known_as.into(),
            publish_time: envelope.publish_time,
            attributes: Arc::new(envelope.attributes),
            ordering_key: envelope.ordering_key.map(Into::into),
            idempotency_key: Arc::from(""), // computed from the identity, below
            delivery_attempt: envelope.delivery_attempt,
            deadline: arrival + subscriber.declared.cloud.ack_deadline,
            stop: deliveries.shutdown.stopping.child_token(),
            trace,
        };
        let mut input = handler::Delivery {
            data: envelope.data,
            context,
            states: deliveries.states.clone(),
        };
        let (mut identity, next) = block_in_place_if_large(bytes, || identify(&subscriber, &input));
        input.context.idempotency_key = idempotency_key(&subscriber.name, &identity.id).into();
        if let Some(original) = replayed(&input.context)
            && identity.fingerprint.is_some()
        {
            // With a key of the publisher's own it would count as a duplicate, since its dead letter is recorded as done.
            identity.id += &format!(":replay:{}", hash::digits(original.as_bytes()));
        }
        Self {
            ticket: subscriber.ticket(identity),
            subscriber,
            input,
            arrival,
            next,
            is_unguarded: false,
            _places: places,
        }
    }

    pub(crate) fn store(&self) -> &ProtectedStore {
        &self.subscriber.store
    }

    /// Returns the id for logs: unlike the ticket's key, it never comes from a payload.
    pub(crate) fn message_id(&self) -> &str {
        &self.input.context.message_id
    }

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

    /// Returns the declared reaction to a key that was handled `before` with another payload; `None` if the payload was the same.
    pub(crate) fn conflict_with(&self, before: Option<Fingerprint>) -> Option<Conflict> {
        let is_other = before.is_some() && before != self.ticket.fingerprint;
        let idempotency = self.subscriber.declared.idempotency.as_ref()?;
        (is_other && self.ticket.fingerprint.is_some()).then(|| idempotency.conflict())
    }

    /// Dead-letters the message under its own id instead of its key.
    pub(crate) fn use_message_id_as_key(&mut self) {
        self.ticket = self.subscriber.ticket(Identity::of_message(&self.input));
        self.next = Next::DeadLetter(Reason::idempotency(
            "the idempotency key was handled before with another payload".into(),
        ));
    }

    /// True if a message whose run was interrupted is parked.
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

    /// Applies a granted claim. A `number` above 1 means that an earlier claim's lease expired; `is_run_lost` means that its run
    /// had begun, so that a subscriber that parks does not run the message again.
    pub(crate) fn apply_grant(&mut self, number: u32, is_run_lost: bool) {
        if number == 1 {
            return;
        }
        let (run, next) = match (self.parks(), is_run_lost) {
            (true, true) => {
                if let Next::Run = self.next {
                    self.next = Next::Park(Reason::outcome_unknown());
                }
                ("its run had begun", "the message is dead-lettered")
            }
            (true, false) => ("its run had not begun", "it runs now"),
            (false, _) => ("its run may have begun", "it runs again now"),
        };
        tracing::warn!(
            subscription = %self.subscriber.name,
            message_id = self.message_id(),
            claim_number = number,
            "an earlier delivery of this message ended without settling it; {run}, and {next}"
        );
    }

    /// Returns true if the handler runs without deduplication after this error of the store, as its subscriber may declare.
    pub(crate) fn allow_unguarded(&mut self, error: &StoreError) -> bool {
        let StoreDown::Open(reason) = &self.subscriber.declared.dedup.store_down else {
            return false;
        };
        // The store is available, but holds a record that is not pushgate's.
        if matches!(error, StoreError::Corrupt) {
            return false;
        }
        tracing::debug!(
            subscription = %self.subscriber.name,
            message_id = self.message_id(),
            declared = reason,
            error = chain(error),
            "the handler runs without deduplication"
        );
        self.is_unguarded = true;
        true
    }
}

/// Returns the identity that duplicates share, and the next step: a message without its key is dead-lettered under its id.
fn identify(subscriber: &RunningSubscriber, input: &handler::Delivery) -> (Identity, Next) {
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
