//! Pulling: leases messages to clients, and settles them by their acknowledgements.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::futures::Notified;

use super::active_faults::Recipient;
use super::settle::DeadLetter;
use super::{AckId, Delivery, State};
use crate::error::ApiError;
use crate::event::{Reply, Settlement};
use crate::history::{DeliveryType, End};
use crate::messages::storage::StoredMessage;

/// The limits of one pull.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PullOptions {
    pub(crate) messages: usize,
    /// The size in bytes after which no further message is added.
    pub(crate) bytes: usize,
    /// The length of the leases. Default: the ack deadline of the subscription.
    pub(crate) lease: Option<Duration>,
    pub(crate) stream: Option<StreamLimits>,
}

/// A stream and the limits of its outstanding messages and bytes; 0 is no limit (Google, *StreamingPullRequest*).
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamLimits {
    pub(crate) number: u64,
    pub(crate) max_messages: usize,
    pub(crate) max_bytes: usize,
}

/// A pulled message.
#[derive(Clone, Debug)]
pub(crate) struct PulledMessage {
    pub(crate) ack_id: AckId,
    pub(crate) message: Arc<StoredMessage>,
    /// The delivery attempt, only with a dead-letter policy (Google, *ReceivedMessage*, `deliveryAttempt`).
    pub(crate) attempt: Option<u32>,
}

/// The result of one acknowledgement, or of one change of a deadline.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum AckResult {
    Done,
    /// The lease has ended, or belongs to another subscription.
    Invalid,
}

impl Delivery {
    /// Leases available messages up to the limits.
    ///
    /// # Errors
    /// If the subscription was detached, or if it pushes or exports its messages.
    pub(crate) fn pull(&self, options: &PullOptions) -> Result<Vec<PulledMessage>, ApiError> {
        let mut state = self.state();
        state.check_pulled()?;
        state.last_active = self.clock.utc();
        let now = self.clock.now();
        let is_due = state.backlog.promote(now) | state.open_gate(now);
        let mut pulled = Vec::new();
        let mut bytes = 0;
        let mut joined = None;
        while pulled.len() < options.messages
            && bytes < options.bytes
            && let Some(next) = self.pull_one(&mut state, options)
        {
            bytes += next.message.content_bytes();
            joined = state.backlog.join_next(next.message.sequence);
            pulled.push(next);
        }
        if let Some(joined) = joined {
            state.backlog.leave_batch(joined);
        }
        drop(state);
        // The task ends the new leases, and wakes clients when a delayed message is due.
        self.changed.notify_one();
        if is_due {
            // There may be more messages than this client took.
            self.available.notify_waiters();
        }
        Ok(pulled)
    }

    /// Waits for the end of the subscription or of the emulator, and returns the error for clients.
    pub(crate) async fn ended(&self) -> ApiError {
        self.ended.cancelled().await;
        if self.is_deleted.load(Ordering::Relaxed) {
            return self.name.not_found();
        }
        // Clients retry after this code, as they should after a restart of the emulator.
        ApiError::Unavailable("The emulator is stopping".to_owned())
    }

    /// Waits for available messages. Enable the future before pulling, or it may miss some.
    pub(crate) fn is_available(&self) -> Notified<'_> {
        self.available.notified()
    }

    /// Acknowledges messages, and returns a result for each.
    pub(crate) fn acknowledge(&self, ack_ids: &[AckId]) -> Vec<AckResult> {
        let mut state = self.state();
        state.last_active = self.clock.utc();
        let strict = state.config.enable_exactly_once_delivery;
        let results = once_each(ack_ids, |id| self.acknowledge_one(&mut state, id, strict));
        drop(state);
        self.wake();
        results
    }

    fn acknowledge_one(&self, state: &mut State, id: AckId, strict: bool) -> AckResult {
        if id.tag != self.tag {
            return AckResult::Invalid;
        }
        let plan = self.plan_of_ack(state, id.sequence);
        // Confirmed acknowledgements (exactly-once delivery) are not lost.
        if plan.drop_answer && !strict {
            return AckResult::Done;
        }
        let Some(acked) = state.backlog.ack(id.lease, id.sequence, strict) else {
            return AckResult::Invalid;
        };
        let attempt = acked.failures.saturating_add(1);
        self.note_pulled(&acked.message, attempt, Reply::Ack, Settlement::Acked);
        if plan.duplicate && !strict {
            state.backlog.repeat(id.sequence);
        }
        AckResult::Done
    }

    /// Sets the ends of leases, counted from now.
    pub(crate) fn extend(&self, ack_ids: &[AckId], by: Duration) -> Vec<AckResult> {
        let mut state = self.state();
        let now = self.clock.utc();
        state.last_active = now;
        let until = self.clock.now() + by;
        let results = once_each(ack_ids, |id| {
            if id.tag == self.tag && state.backlog.extend(id.lease, until) {
                AckResult::Done
            } else {
                AckResult::Invalid
            }
        });
        drop(state);
        self.changed.notify_one();
        results
    }

    /// Nacks messages. Returns a result for each id, and the messages to dead-letter.
    pub(crate) fn nack(&self, ack_ids: &[AckId]) -> (Vec<AckResult>, Vec<DeadLetter>) {
        let mut state = self.state();
        state.last_active = self.clock.utc();
        let results = ack_ids.iter().map(|id| {
            if id.tag == self.tag && state.backlog.is_leased(id.lease) {
                AckResult::Done
            } else {
                AckResult::Invalid
            }
        });
        let results = results.collect();
        // A failed message revokes the leases behind it in its key, so the last one fails first, and each is counted.
        let mut last_first: Vec<AckId> = ack_ids
            .iter()
            .copied()
            .filter(|id| id.tag == self.tag)
            .collect();
        last_first.sort_unstable_by_key(|id| Reverse(id.sequence));
        let now = self.clock.now();
        let mut letters = Vec::new();
        for id in last_first {
            letters.extend(self.fail_pulled(&mut state, now, id.lease, Reply::Nack));
        }
        letters.reverse();
        drop(state);
        self.wake();
        (results, letters)
    }

    /// Returns two settings: exactly-once delivery, and message ordering.
    pub(crate) fn properties(&self) -> (bool, bool) {
        let config = &self.state().config;
        (
            config.enable_exactly_once_delivery,
            config.enable_message_ordering,
        )
    }

    /// Records the end of a pulled message's delivery in the history.
    pub(super) fn note_pulled(
        &self,
        message: &StoredMessage,
        attempt: u32,
        reply: Reply,
        settlement: Settlement,
    ) {
        let end = End {
            reply,
            reason: None,
            latency: None,
            answer: None,
            settlement,
        };
        self.history
            .ended(&self.name, message.sequence, attempt, end);
    }

    fn pull_one(&self, state: &mut State, options: &PullOptions) -> Option<PulledMessage> {
        let now = self.clock.now();
        if let Some(stream) = &options.stream {
            let outstanding_of = state.backlog.outstanding_of(stream.number);
            let size_bytes = state.backlog.peek(now)?.content_bytes();
            let is_full = stream.max_messages > 0 && outstanding_of.messages >= stream.max_messages;
            // The first message is delivered whatever its size. Otherwise it would never be.
            let is_heavy = stream.max_bytes > 0
                && outstanding_of.messages > 0
                && outstanding_of.bytes + size_bytes > stream.max_bytes;
            if is_full || is_heavy {
                return None;
            }
        }
        let lease = options.lease.unwrap_or(state.config.ack_deadline);
        let stream = options.stream.map(|stream| stream.number);
        let (leased, plan) = self.take(state, Recipient::Pull(now + lease, stream))?;
        let attempt = leased.attempt();
        let topic = || self.topic();
        self.history.started(
            &self.name,
            topic,
            &leased.message,
            attempt,
            DeliveryType::Pull,
            plan,
        );
        let ack_id = AckId {
            tag: self.tag,
            lease: leased.lease,
            sequence: leased.message.sequence,
        };
        let has_policy = state.config.dead_letter_policy.is_some();
        Some(PulledMessage {
            ack_id,
            attempt: has_policy.then(|| leased.failures.saturating_add(1)),
            message: leased.message,
        })
    }
}

/// Returns a result for each id of one request. A repeated id has the same result each time.
fn once_each(ack_ids: &[AckId], mut settle: impl FnMut(AckId) -> AckResult) -> Vec<AckResult> {
    let mut settled = HashMap::with_capacity(ack_ids.len());
    let each = ack_ids.iter();
    each.map(|id| *settled.entry(*id).or_insert_with(|| settle(*id)))
        .collect()
}

impl State {
    fn check_pulled(&self) -> Result<(), ApiError> {
        if self.config.detached {
            return Err(ApiError::precondition(
                "Subscription is detached from its topic",
            ));
        }
        // Google's text.
        if self.destination.is_some() {
            return Err(ApiError::precondition(
                "This method is not supported for push subscriptions.",
            ));
        }
        self.check_exported()
    }
}
