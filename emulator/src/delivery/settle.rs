//! The settlement of a failed delivery: the message is delivered again after a wait, or goes to the dead-letter topic.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Delivery, State};
use crate::error::ApiError;
use crate::event::{Reply, Settlement};
use crate::messages::message::{DEAD_LETTER_SOURCE, Message};
use crate::messages::storage::StoredMessage;
use crate::push::timestamp;
use crate::resources::name::ResourceName;

/// The wait after an unanswered push, which prevents a busy loop. Its length is ours.
const UNANSWERED_WAIT: Duration = Duration::from_millis(100);

/// A function that publishes a dead letter to a topic, and returns its id.
pub(crate) type Forward<'a> = &'a dyn Fn(&ResourceName, Message) -> Result<String, ApiError>;

/// The same function, owned by the task of a subscription.
pub(crate) type Forwarder =
    Box<dyn Fn(&ResourceName, Message) -> Result<String, ApiError> + Send + Sync>;

/// A message that reached its last delivery attempt. It is not in the backlog until it is forwarded or delivered again.
#[derive(Debug)]
pub(crate) struct DeadLetter {
    pub(super) message: Arc<StoredMessage>,
    failures: u32,
    topic: String,
    reply: Reply,
}

impl Delivery {
    /// Counts a failed delivery. The caller passes a dead letter to [`Self::forward`] after it has unlocked the state.
    pub(super) fn fail(
        &self,
        state: &mut State,
        now: Instant,
        lease: u64,
        reply: Reply,
    ) -> Result<Settlement, DeadLetter> {
        let Some(entry) = state.backlog.fail(lease) else {
            return Ok(Settlement::Elsewhere);
        };
        if let Some(policy) = &state.config.dead_letter_policy
            && entry.failures >= policy.max_delivery_attempts
        {
            return Err(DeadLetter {
                message: entry.message,
                failures: entry.failures,
                topic: policy.dead_letter_topic.clone(),
                reply,
            });
        }
        Ok(self.delay(state, now, &entry.message, entry.failures, reply))
    }

    /// Ends expired leases: their messages are delivered again (Google, *Subscription*, `ackDeadlineSeconds`).
    pub(crate) fn end_leases(&self, forward: Forward<'_>) {
        let mut letters = Vec::new();
        let mut state = self.state();
        let now = self.clock.now();
        // A failed message revokes the leases behind it in its key, so the last one fails first, and each is counted.
        let ended = state.backlog.expired_leases(now);
        for lease in ended.iter().rev() {
            letters.extend(self.fail_pulled(&mut state, now, *lease, Reply::LeaseEnded));
        }
        letters.reverse();
        let is_due = state.backlog.promote(now) | state.open_gate(now);
        drop(state);
        for letter in letters {
            self.forward(letter, forward);
        }
        if !ended.is_empty() || is_due {
            self.available.notify_waiters();
        }
    }

    /// Counts a failed delivery of a pulled message. Messages that fail together share one time, so that they keep their
    /// order.
    pub(super) fn fail_pulled(
        &self,
        state: &mut State,
        now: Instant,
        lease: u64,
        reply: Reply,
    ) -> Option<DeadLetter> {
        self.fail(state, now, lease, reply).err()
    }

    /// Forwards a dead letter, or schedules another delivery if that fails (Google, *Dead-letter topics*).
    ///
    /// Forwarding locks other subscriptions, so the caller must not hold the lock of this one.
    pub(crate) fn forward(&self, letter: DeadLetter, forward: Forward<'_>) -> Settlement {
        let sequence = letter.message.sequence;
        let forwarded = ResourceName::topic(&letter.topic)
            .and_then(|topic| forward(&topic, self.dead_letter(&letter)));
        let mut state = self.state();
        let settlement = match forwarded {
            Ok(id) => {
                self.history
                    .forwarded(&self.name, &id, sequence, letter.reply);
                state.backlog.settle(sequence);
                let settlement = Settlement::DeadLettered {
                    topic: letter.topic,
                };
                self.note_failed(&letter.message, letter.failures, letter.reply, &settlement);
                settlement
            }
            Err(error) => {
                tracing::warn!(
                    subscription = %self.name, topic = letter.topic, %error, "a dead letter cannot be forwarded"
                );
                let now = self.clock.now();
                self.delay(
                    &mut state,
                    now,
                    &letter.message,
                    letter.failures,
                    letter.reply,
                )
            }
        };
        drop(state);
        self.wake();
        settlement
    }

    fn delay(
        &self,
        state: &mut State,
        now: Instant,
        message: &StoredMessage,
        failures: u32,
        reply: Reply,
    ) -> Settlement {
        let after = state.wait(now, failures, reply);
        // A confirmed acknowledgement (exactly-once delivery) is final.
        let acked_stays = state.config.enable_exactly_once_delivery;
        state
            .backlog
            .take_back_behind(message.sequence, acked_stays);
        state.backlog.delay(message.sequence, now + after);
        let settlement = Settlement::Again { after };
        self.note_failed(message, failures, reply, &settlement);
        settlement
    }

    /// Records the failure of a pulled message in the history. Failed pushes are recorded by their task.
    fn note_failed(
        &self,
        message: &StoredMessage,
        failures: u32,
        reply: Reply,
        settlement: &Settlement,
    ) {
        if matches!(reply, Reply::Nack | Reply::LeaseEnded) {
            self.note_pulled(message, failures, reply, settlement.clone());
        }
    }

    /// Returns the message with four more attributes. Their values have the form of Google's emulator.
    fn dead_letter(&self, letter: &DeadLetter) -> Message {
        let published = timestamp(letter.message.publish_time);
        letter
            .message
            .to_message()
            .with_attribute(
                format!("{DEAD_LETTER_SOURCE}DeliveryCount"),
                letter.failures.to_string(),
            )
            .with_attribute(format!("{DEAD_LETTER_SOURCE}Subscription"), self.name.id())
            .with_attribute(
                format!("{DEAD_LETTER_SOURCE}SubscriptionProject"),
                self.name.project(),
            )
            .with_attribute(format!("{DEAD_LETTER_SOURCE}TopicPublishTime"), published)
    }
}

impl State {
    /// Returns the wait of a failed message: its retry policy or the pause of the subscription, whichever is longer
    /// (Google, *Push subscriptions*, "Push backoff").
    fn wait(&self, now: Instant, failures: u32, reply: Reply) -> Duration {
        let policy = self.config.retry_policy.as_ref();
        let own = policy.map_or(Duration::ZERO, |policy| policy.wait_after(failures));
        let paused = match reply {
            Reply::Nack | Reply::LeaseEnded => None,
            _ => self.throttle.paused_until(now),
        };
        let paused = paused.map_or(Duration::ZERO, |until| until - now);
        let least = match reply {
            Reply::NoAnswer => UNANSWERED_WAIT,
            _ => Duration::ZERO,
        };
        own.max(paused).max(least)
    }
}
