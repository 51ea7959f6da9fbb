//! Builds a publisher.

use std::marker::PhantomData;
use std::time::Duration;

use super::channel::Channel;
use super::settings::Settings;
use super::{EVENT_ID_ATTRIBUTE, PublishError, Publisher};
use crate::environment::Environment;

/// Builds a [`Publisher`]. [`open`](Self::open) checks the ranges.
#[must_use]
pub struct PublisherBuilder<T> {
    topic: String,
    event_id_attribute: String,
    settings: Settings,
    message: PhantomData<fn(T)>,
}

impl<T> PublisherBuilder<T> {
    pub(super) fn new(topic: String) -> Self {
        Self {
            topic,
            event_id_attribute: EVENT_ID_ATTRIBUTE.to_owned(),
            settings: Settings::default(),
            message: PhantomData,
        }
    }

    /// Sets the most messages in one request: 1 to 1,000 (Google, *Quotas and limits*), 100 by default. 1 sends each message
    /// at once.
    pub fn batch_messages(mut self, messages: u32) -> Self {
        self.settings.batch_messages = messages;
        self
    }

    /// Sets the size at which a request is sent: 1 to 10,000,000 bytes, 1,000,000 by default.
    pub fn batch_bytes(mut self, bytes: u32) -> Self {
        self.settings.batch_bytes = bytes;
        self
    }

    /// Sets the longest time that a message waits for others to share its request: 1 ms to 10 s, 10 ms by default.
    pub fn batch_delay(mut self, delay: Duration) -> Self {
        self.settings.batch_delay = delay;
        self
    }

    /// Sets how long a request is retried while Pub/Sub cannot be reached: 1 to 600 s, 20 s by default. In a handler it must
    /// be shorter than the soft limit.
    pub fn retry_time_limit(mut self, limit: Duration) -> Self {
        self.settings.retry_time_limit = limit;
        self
    }

    /// Sets the memory for unconfirmed messages: 11 MiB to 1 GiB, 64 MiB by default. When it is full, publishing waits.
    pub fn buffer_bytes(mut self, bytes: usize) -> Self {
        self.settings.buffer_bytes = bytes;
        self
    }

    /// Sets the attribute that holds the event id: `event-id` by default.
    pub fn event_id_attribute(mut self, name: impl Into<String>) -> Self {
        self.event_id_attribute = name.into();
        self
    }

    /// Creates the publisher. It sends nothing yet, so a topic that does not exist is found with the first message.
    ///
    /// # Errors
    /// If a setting is out of its range, the project is unknown, the topic's name is invalid, or there are no credentials.
    pub async fn open(self, environment: Environment) -> Result<Publisher<T>, PublishError> {
        Ok(Publisher {
            channel: Channel::open(&self.topic, environment, self.settings).await?,
            event_id_attribute: self.event_id_attribute,
            message: PhantomData,
        })
    }
}
