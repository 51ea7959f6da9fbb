//! One delivery of one message, ready to be claimed: for whom it is, what the handler would get, and its ticket.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::breaker::Permit;
use crate::dedup::{Fingerprint, Hold, ProtectedStore, StoreError, Ticket, TicketStore};
use crate::delivery::dead_letter::{Reason, replayed};
use crate::delivery::envelope::Envelope;
use crate::delivery::registered::Registered;
use crate::handler::Delivery;
use crate::handler::context::{Context, idempotency_key};
use crate::handler::state::States;
use crate::loggable::chain;
use crate::loggable::hash;
use crate::subscriber::{AfterCrash, Conflict, Identity, StoreDown};
use crate::trace::Trace;

/// The lease of a claim whose run is still to begin, at most; the claim is renewed if that takes longer.
const UNBEGUN_LEASE: Duration = Duration::from_secs(2);

/// A delivery and its ticket.
pub(crate) struct Attempt {
    pub(crate) subscriber: Arc<Registered>,
    pub(crate) delivery: Delivery,
    pub(crate) ticket: Ticket,
    pub(crate) arrival: Instant,
    /// Leave of the subscriber's circuit breaker, if it has one.
    pub(crate) pass: Option<Permit>,
    /// Why the message is to be dead-lettered without a run, if so.
    pub(crate) doom: Option<Reason>,
    /// True if an earlier run of the message was lost, and a person is to decide.
    pub(crate) is_held: bool,
    /// True once the store knows that the run has begun.
    pub(crate) is_begun: Arc<AtomicBool>,
    /// The store did not answer the claim, and the subscriber runs all the same.
    pub(crate) is_unguarded: bool,
}

impl Attempt {
    pub(crate) fn new(
        subscriber: &Arc<Registered>,
        envelope: Envelope,
        trace: Option<Trace>,
        arrival: Instant,
        stop: CancellationToken,
        states: States,
    ) -> Self {
        let context = Context {
            subscription: Arc::clone(&subscriber.name),
            message_id: envelope.known_as.into(),
            publish_time: envelope.publish_time,
            attributes: Arc::new(envelope.attributes),
            ordering_key: envelope.ordering_key.map(Into::into),
            idempotency_key: Arc::from(""), // made of what the message is known by, below
            delivery_attempt: envelope.delivery_attempt,
            deadline: arrival + subscriber.declared.ack_deadline,
            stop,
            trace,
        };
        let mut delivery = Delivery {
            data: envelope.data,
            context,
            states,
        };
        let idempotency = subscriber.declared.idempotency.as_ref();
        let identified = idempotency.map_or_else(
            || Ok(Identity::of_message(&delivery)),
            |idempotency| idempotency.identify(&delivery),
        );
        let (mut identity, doom) = match identified {
            Ok(identity) => (identity, None),
            Err(error) => (
                Identity::of_message(&delivery),
                Some(Reason::idempotency(error.to_string())),
            ),
        };
        delivery.context.idempotency_key = idempotency_key(&subscriber.name, &identity.id).into();
        if let Some(original) = replayed(&delivery.context)
            && identity.fingerprint.is_some()
        {
            // Under a key of the publisher's own it would count as handled, since its dead letter does.
            identity.id += &format!(":replay:{}", hash::digits(original.as_bytes()));
        }
        Self {
            ticket: subscriber.ticket(identity),
            subscriber: Arc::clone(subscriber),
            delivery,
            arrival,
            pass: None,
            doom,
            is_held: false,
            is_begun: Arc::default(),
            is_unguarded: false,
        }
    }

    /// With leave of the subscriber's circuit breaker.
    pub(crate) fn with(mut self, pass: Option<Permit>) -> Self {
        self.pass = pass;
        self
    }

    pub(crate) fn store(&self) -> &ProtectedStore {
        &self.subscriber.store
    }

    /// For logs: unlike the ticket's key, it never comes from a payload.
    pub(crate) fn message_id(&self) -> &str {
        &self.delivery.context.message_id
    }

    /// A ticket for the same message with another owner, as any other delivery would have.
    pub(crate) fn second_ticket(&self) -> Ticket {
        Ticket {
            owner: Uuid::new_v4(),
            ..self.ticket.clone()
        }
    }

    /// What its subscriber has declared for the case that its key was handled `before` with another payload; `None` if it was
    /// the same.
    pub(crate) fn conflict_with(&self, before: Option<Fingerprint>) -> Option<Conflict> {
        let is_other = before.is_some() && before != self.ticket.fingerprint;
        let idempotency = self.subscriber.declared.idempotency.as_ref()?;
        (is_other && self.ticket.fingerprint.is_some()).then(|| idempotency.conflict())
    }

    /// Gives the message up as one of its own, whatever was handled under its key.
    pub(crate) fn part_from_its_key(&mut self) {
        self.ticket = self.subscriber.ticket(Identity::of_message(&self.delivery));
        self.doom = Some(Reason::idempotency(
            "the idempotency key was handled before with another payload".into(),
        ));
    }

    /// Whether a run of it that was cut off is for a person to look at.
    pub(crate) fn holds(&self) -> bool {
        self.subscriber.declared.after_crash == AfterCrash::Park
    }

    /// Returns the ticket to claim with. A subscriber that must know whether a run was cut off marks its beginning, which also sets the
    /// whole lease; until then the claim is short, so that one whose answer was lost delays no later delivery.
    pub(crate) fn claiming(&self) -> Cow<'_, Ticket> {
        if !self.holds() {
            return Cow::Borrowed(&self.ticket);
        }
        Cow::Owned(Ticket {
            lease: self.ticket.lease.min(UNBEGUN_LEASE),
            ..self.ticket.clone()
        })
    }

    /// Marks in the store that the run begins, for a subscriber that must know whether one was cut off. Fails with the
    /// reason if the claim was lost, or the store has not answered by half of the hard limit: then the handler must not be called.
    pub(crate) async fn begin(&self) -> Result<(), String> {
        let is_begun = self.is_begun.load(Ordering::Relaxed);
        if is_begun || self.is_unguarded || !self.holds() {
            return Ok(());
        }
        let patience = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(25))
            .with_max_delay(Duration::from_millis(500))
            .with_jitter()
            .without_max_times();
        let try_once = || async { self.store().begin(&self.ticket).await };
        let begin = try_once.retry(patience).when(StoreError::is_transient);
        let half_of_its_time = self.arrival + self.subscriber.limits.hard / 2;
        let begun = timeout_at(half_of_its_time, begin).await;
        match begun.unwrap_or_else(|_| Err(StoreError::no_answer())) {
            Ok(Hold::Held) => self.is_begun.store(true, Ordering::Relaxed),
            Ok(Hold::Lost) => return Err("the claim was lost to another delivery".into()),
            Err(error) => {
                let error = chain(&error);
                return Err(format!("cannot store that the run begins: {error}"));
            }
        }
        Ok(())
    }

    /// Notes that the claim was granted. A `number` above 1 means that an earlier claim lapsed; `is_run_lost` means that its run had
    /// begun, which dooms the message if its subscriber holds such messages.
    pub(crate) fn granted(&mut self, number: u32, is_run_lost: bool) {
        if number == 1 {
            return;
        }
        let (run, next) = match (self.holds(), is_run_lost) {
            (true, true) => {
                self.is_held = true;
                self.doom.get_or_insert_with(Reason::outcome_unknown);
                ("its run had begun", "the message is dead-lettered")
            }
            (true, false) => ("its run had not begun", "it runs now"),
            (false, _) => ("its run may have begun", "it runs again now"),
        };
        tracing::warn!(
            subscription = %self.subscriber.name,
            message_id = self.message_id(),
            claim_number = number,
            "an earlier delivery of this message vanished before it settled it; {run}, and {next}"
        );
    }

    /// Whether the subscriber runs although the store gave this answer to its claim.
    pub(crate) fn dares_without(&mut self, error: &StoreError) -> bool {
        let StoreDown::Open(reason) = &self.subscriber.declared.store_down else {
            return false;
        };
        // It answers, and has something that nobody understands.
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
