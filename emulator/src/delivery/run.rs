//! The task of one subscription: it starts pushes as they become due, and settles them as they end.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

use super::backlog::Pending;
use super::event::{Progress, Reply, Settlement};
use super::{Delivery, Failed};
use crate::broker::Broker;
use crate::message::Message;
use crate::name::ResourceName;
use crate::push::{Courier, Ended, Outgoing, TokenChoice, timestamp};

/// What the task works with, and the pushes it has under way.
pub(crate) struct Run {
    delivery: Arc<Delivery>,
    courier: Courier,
    /// Takes the dead letters. The broker starts and stops this task, so it is not kept alive by it.
    broker: Weak<Broker>,
    pushes: JoinSet<Ended>,
    /// The message of each push, as it was when the push started, and the push's number in the backlog.
    started: HashMap<Id, (u64, Pending)>,
    /// Whether the latest push failed: the first failure is news, those after it are not.
    is_failing: bool,
}

impl Run {
    pub(crate) fn new(delivery: Arc<Delivery>, courier: Courier, broker: Weak<Broker>) -> Self {
        Self {
            delivery,
            courier,
            broker,
            pushes: JoinSet::new(),
            started: HashMap::new(),
            is_failing: false,
        }
    }

    /// Delivers until it is dropped, which aborts the pushes under way.
    pub(crate) async fn run(mut self) {
        let delivery = Arc::clone(&self.delivery);
        loop {
            let wake = self.start_due();
            tokio::select! {
                () = delivery.changed.notified() => {}
                Some(ended) = self.pushes.join_next_with_id() => self.end(ended),
                () = reached(wake) => {}
            }
        }
    }

    /// Starts what may be pushed now, and says when there is more to start, if time alone decides.
    fn start_due(&mut self) -> Option<Instant> {
        let mut state = self.delivery.state();
        let destination = state.destination.clone()?;
        let now = Instant::now();
        while state.backlog.outstanding() < state.throttle.window() {
            if let Some(until) = state.throttle.paused_until(now) {
                return Some(until);
            }
            let Some((number, pending)) = state.backlog.take(now) else {
                return state.backlog.next_due();
            };
            state.throttle.started(now);
            let (courier, destination) = (self.courier.clone(), Arc::clone(&destination));
            let outgoing = Outgoing {
                message: Arc::clone(&pending.message),
                attempt: attempt(&pending),
                token: TokenChoice::Good,
            };
            let push = async move { courier.push(&destination, &outgoing, false).await };
            let task = self.pushes.spawn(push);
            self.started.insert(task.id(), (number, pending));
        }
        None
    }

    fn end(&mut self, joined: Result<(Id, Ended), JoinError>) {
        let (id, ended) = joined.unwrap_or_else(|error| {
            tracing::error!(subscription = %self.delivery.name, %error, "a push broke off");
            let ended = Ended {
                reply: Reply::NoAnswer,
                reason: None,
                latency: Duration::ZERO,
                answer: None,
            };
            (error.id(), ended)
        });
        let Some((number, pending)) = self.started.remove(&id) else {
            return;
        };
        let settlement = if ended.reply.is_ack() {
            self.ack(number)
        } else {
            self.nack(number, ended.reply)
        };
        self.report(&pending, ended, settlement);
    }

    fn ack(&self, number: u64) -> Settlement {
        let mut state = self.delivery.state();
        let outstanding = state.backlog.outstanding();
        state.throttle.acked(outstanding);
        state.backlog.settle(number);
        Settlement::Acked
    }

    /// Forwarding locks other subscriptions, so it is done while this one is not locked.
    fn nack(&self, number: u64, reply: Reply) -> Settlement {
        let failed = self.delivery.state().fail(number, reply);
        let after = match failed {
            Failed::Retry(after) => after,
            Failed::DeadLetter(pending, topic) => {
                if self.forward(&pending, &topic) {
                    self.delivery.state().backlog.settle(number);
                    return Settlement::DeadLettered { topic };
                }
                // A message that cannot be forwarded is delivered on (Google, *Dead-letter topics*).
                self.delivery.state().wait(pending.failures, reply)
            }
        };
        let due = Instant::now() + after;
        self.delivery.state().backlog.delay(number, due);
        Settlement::Again { after }
    }

    fn forward(&self, pending: &Pending, topic: &str) -> bool {
        let Some(broker) = self.broker.upgrade() else {
            return false;
        };
        let letter = self.dead_letter(pending);
        let forwarded = ResourceName::topic(topic).and_then(|topic| broker.forward(&topic, letter));
        if let Err(error) = &forwarded {
            let subscription = &self.delivery.name;
            tracing::warn!(%subscription, topic, %error, "a dead letter cannot be forwarded");
        }
        forwarded.is_ok()
    }

    /// The message as published, with four attributes more; their values are as Google's own emulator writes them.
    fn dead_letter(&self, pending: &Pending) -> Message {
        const PREFIX: &str = "CloudPubSubDeadLetterSource";
        let published = timestamp(pending.message.publish_time);
        let subscription = &self.delivery.name;
        pending
            .message
            .to_message()
            .with_attribute(
                format!("{PREFIX}DeliveryCount"),
                pending.failures.to_string(),
            )
            .with_attribute(format!("{PREFIX}Subscription"), subscription.id())
            .with_attribute(
                format!("{PREFIX}SubscriptionProject"),
                subscription.project(),
            )
            .with_attribute(format!("{PREFIX}TopicPublishTime"), published)
    }

    fn report(&mut self, pending: &Pending, ended: Ended, settlement: Settlement) {
        let Ended {
            reply,
            reason,
            latency,
            answer: _,
        } = ended;
        let subscription = &self.delivery.name;
        tracing::debug!(
            %subscription, message.id = pending.message.id, delivery_attempt = attempt(pending), %reply, reason,
            duration_ms = latency.as_secs_f64() * 1e3, ?settlement, "pushed"
        );
        if !reply.is_ack() && !self.is_failing {
            tracing::warn!(
                %subscription, %reply, reason,
                "a push failed; further failures are logged at debug level until a push is acked"
            );
        }
        self.is_failing = !reply.is_ack();
        let ended = || Progress::Ended {
            reply,
            latency,
            settlement,
        };
        let (id, attempt) = (&pending.message.id, attempt(pending));
        self.courier.tell(subscription.as_str(), id, attempt, ended);
    }
}

/// One more than the failures so far (Google, *ReceivedMessage*, `deliveryAttempt`).
fn attempt(pending: &Pending) -> u32 {
    pending.failures.saturating_add(1)
}

/// Waits until `wake`, or for ever.
async fn reached(wake: Option<Instant>) {
    match wake {
        Some(wake) => sleep_until(wake).await,
        None => std::future::pending().await,
    }
}
