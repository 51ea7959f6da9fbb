//! Handles of topics and subscriptions, with the calls of a client for tests.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use crate::broker::Broker;
use crate::delivery::{AckId, AckResult, Delivery, PullOptions, PulledMessage};
use crate::error::ApiError;
use crate::faults::Faults;
use crate::messages::message::{Message, ReceivedMessage};
use crate::resources::name::ResourceName;
use crate::resources::subscription::{PushConfig, SubscriptionConfig};

/// A topic of a running emulator. Calls take effect before they return, but do not wait for a data folder: see
/// [`crate::Emulator::stop`].
#[derive(Clone)]
pub struct TopicHandle {
    broker: Arc<Broker>,
    name: ResourceName,
}

/// A subscription of a running emulator. Calls do not wait for a data folder: see [`crate::Emulator::stop`].
#[derive(Clone)]
pub struct SubscriptionHandle {
    pub(super) broker: Arc<Broker>,
    pub(super) delivery: Arc<Delivery>,
}

/// A pulled message, leased until its deadline. Its settlement is on the disk shortly after the call: see
/// [`crate::Emulator::stop`].
#[derive(Clone, Debug)]
pub struct Pulled {
    subscription: SubscriptionHandle,
    message: ReceivedMessage,
    attempt: Option<u32>,
    ack_id: AckId,
}

impl fmt::Debug for TopicHandle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("TopicHandle")
            .field(&self.name)
            .finish()
    }
}

impl fmt::Debug for SubscriptionHandle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.delivery.name();
        formatter
            .debug_tuple("SubscriptionHandle")
            .field(name)
            .finish()
    }
}

impl TopicHandle {
    pub(crate) fn new(broker: Arc<Broker>, name: &str) -> Result<Self, ApiError> {
        let name = ResourceName::topic(name)?;
        broker.topic(&name)?;
        Ok(Self { broker, name })
    }

    /// Returns the full name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// Publishes one message and returns its id.
    ///
    /// # Errors
    /// If the topic was deleted, if the message exceeds a limit or does not fit the topic's schema, or if the backlog of a
    /// subscription is full.
    pub fn publish(&self, message: Message) -> Result<String, ApiError> {
        let ids = self.broker.publish(&self.name, vec![message])?;
        // One message has one id.
        Ok(ids.into_iter().next().unwrap_or_default())
    }

    /// Adds an example that the console's form for publishing offers. A topic keeps its first 100, of at most 64 KiB each.
    ///
    /// # Errors
    /// If the topic was deleted.
    pub fn add_example(&self, title: &str, message: Message) -> Result<(), ApiError> {
        self.broker.add_example(&self.name, title, message)
    }

    /// Creates a subscription with Google's defaults, which receives messages from now on. `id` is the last part of its
    /// name; the project is the topic's.
    ///
    /// # Errors
    /// If the name is invalid or taken.
    pub fn subscribe(&self, id: &str) -> Result<SubscriptionHandle, ApiError> {
        let name = format!("projects/{}/subscriptions/{id}", self.name.project());
        let config = SubscriptionConfig::new(&name, self.name.as_str());
        self.broker.create_subscription(config)?;
        SubscriptionHandle::new(Arc::clone(&self.broker), &name)
    }

    /// Deletes the topic; its subscriptions keep their messages.
    ///
    /// # Errors
    /// If it was already deleted.
    pub fn delete(self) -> Result<(), ApiError> {
        self.broker.delete_topic(&self.name)
    }
}

impl SubscriptionHandle {
    pub(crate) fn new(broker: Arc<Broker>, name: &str) -> Result<Self, ApiError> {
        let delivery = broker.subscription(&ResourceName::subscription(name)?)?;
        Ok(Self { broker, delivery })
    }

    /// Returns the full name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.delivery.name().as_str()
    }

    /// Returns the settings.
    #[must_use]
    pub fn config(&self) -> SubscriptionConfig {
        self.delivery.config()
    }

    /// Pulls up to `most` available messages, and leases them for the subscription's ack deadline. Does not wait.
    ///
    /// # Errors
    /// If the subscription was detached, or if it is a push subscription.
    pub fn pull(&self, most: usize) -> Result<Vec<Pulled>, ApiError> {
        let leased = self.delivery.pull(&PullOptions {
            messages: most,
            bytes: usize::MAX,
            lease: None,
            stream: None,
        })?;
        Ok(leased
            .into_iter()
            .map(|leased| self.pulled(leased))
            .collect())
    }

    /// Waits for a message, and pulls it.
    ///
    /// # Errors
    /// If the subscription was detached, or if it is a push subscription.
    pub async fn next(&self) -> Result<Pulled, ApiError> {
        let _in_use = self.delivery.in_use();
        loop {
            let mut available = std::pin::pin!(self.delivery.is_available());
            available.as_mut().enable();
            if let Some(pulled) = self.pull(1)?.pop() {
                return Ok(pulled);
            }
            available.await;
        }
    }

    /// Returns the unacknowledged messages of the subscription, in the order of publishing.
    #[must_use]
    pub fn unacked_messages(&self) -> Vec<ReceivedMessage> {
        let unacked = self.delivery.unacked_messages();
        unacked.iter().map(|message| (**message).clone()).collect()
    }

    /// Delivers a message once more under the same id, even if it was acknowledged; see [`crate::Emulator::deliver_again`].
    ///
    /// # Errors
    /// If the message is unknown.
    pub fn deliver_again(&self, message_id: &str) -> Result<(), ApiError> {
        self.delivery.redeliver(message_id)
    }

    /// Marks messages published before `time` as acknowledged, and retained later ones as unacknowledged.
    ///
    /// # Errors
    /// If the subscription was deleted or detached.
    pub fn seek(&self, time: OffsetDateTime) -> Result<(), ApiError> {
        self.broker.seek_to_time(self.delivery.name(), time)
    }

    /// Acknowledges all messages.
    ///
    /// # Errors
    /// If the subscription was deleted or detached.
    pub fn purge(&self) -> Result<(), ApiError> {
        let end_of_time = time::macros::datetime!(9999-12-31 0:00 UTC);
        self.seek(end_of_time)
    }

    /// Creates a snapshot under a full name. It keeps the unacknowledged messages and all later ones.
    ///
    /// # Errors
    /// If the name is invalid or taken.
    pub fn create_snapshot(&self, name: &str) -> Result<(), ApiError> {
        let name = ResourceName::snapshot(name)?;
        self.broker.create_snapshot(
            &name,
            self.delivery.name(),
            std::collections::BTreeMap::new(),
        )?;
        Ok(())
    }

    /// Seeks to a snapshot.
    ///
    /// # Errors
    /// If there is no such snapshot, or if it belongs to another topic.
    pub fn seek_to_snapshot(&self, name: &str) -> Result<(), ApiError> {
        let name = ResourceName::snapshot(name)?;
        self.broker.seek_to_snapshot(self.delivery.name(), &name)
    }

    /// Changes the push settings. With `None` the messages are pulled.
    ///
    /// # Errors
    /// If the endpoint is not a URL, or if the subscription was deleted.
    pub fn push_to(&self, push_config: Option<PushConfig>) -> Result<(), ApiError> {
        self.broker
            .modify_push_config(self.delivery.name(), push_config)
    }

    /// Sets the faults of later deliveries. [`Faults::none`] ends them.
    ///
    /// # Errors
    /// If a fault is out of range, or if the subscription was deleted.
    pub fn set_faults(&self, faults: Faults) -> Result<(), ApiError> {
        self.broker.set_faults(self.delivery.name(), faults)
    }

    /// Returns the current faults, including the seed.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.delivery.faults()
    }

    /// Deletes the subscription with its messages.
    ///
    /// # Errors
    /// If it was already deleted.
    pub fn delete(self) -> Result<(), ApiError> {
        self.broker.delete_subscription(self.delivery.name())
    }

    fn pulled(&self, leased: PulledMessage) -> Pulled {
        Pulled {
            subscription: self.clone(),
            message: (**leased.message).clone(),
            attempt: leased.attempt,
            ack_id: leased.ack_id,
        }
    }
}

impl Pulled {
    /// Returns the message.
    #[must_use]
    pub fn message(&self) -> &ReceivedMessage {
        &self.message
    }

    /// Returns the delivery attempt, or `None` without a dead-letter policy.
    #[must_use]
    pub fn delivery_attempt(&self) -> Option<u32> {
        self.attempt
    }

    /// Acknowledges the message. Returns false if it was leased again in the meantime or, with exactly-once delivery, if
    /// its lease has ended.
    pub fn ack(&self) -> bool {
        let results = self.subscription.delivery.acknowledge(&[self.ack_id]);
        results == [AckResult::Done]
    }

    /// Nacks the message. Returns false if its lease has ended.
    pub fn nack(&self) -> bool {
        let Self {
            subscription,
            ack_id,
            ..
        } = self;
        let results = subscription.broker.nack(&subscription.delivery, &[*ack_id]);
        results == [AckResult::Done]
    }

    /// Sets the deadline to `by` from now. Returns false if the lease has ended.
    pub fn extend(&self, by: Duration) -> bool {
        let results = self.subscription.delivery.extend(&[self.ack_id], by);
        results == [AckResult::Done]
    }
}
