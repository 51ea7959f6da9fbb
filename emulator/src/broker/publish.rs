//! Publishes each message to every subscription of its topic, or to none.

use std::sync::Arc;

use time::OffsetDateTime;

use super::records::message_record;
use super::{Broker, Resources};
use crate::clock::machine_utc;
use crate::delivery::{Delivery, Remembered, Unanswered};
use crate::error::ApiError;
use crate::messages::message::{Message, ReceivedMessage, check_request};
use crate::messages::storage::StoredMessage;
use crate::resources::name::ResourceName;

impl Broker {
    /// Publishes all messages of one request or none, and returns their ids in the same order.
    ///
    /// # Errors
    /// If there is no such topic, if a message violates one of Google's rules, or if there is no room.
    pub(crate) fn publish(
        &self,
        topic: &ResourceName,
        messages: Vec<Message>,
    ) -> Result<Vec<String>, ApiError> {
        let (ids, _) = self.publish_unanswered(topic, messages)?;
        Ok(ids)
    }

    /// Publishes as [`Self::publish`] does. The messages are delivered when the second value is dropped.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn publish_unanswered(
        &self,
        topic: &ResourceName,
        mut messages: Vec<Message>,
    ) -> Result<(Vec<String>, Unanswered), ApiError> {
        check_request(&messages)?;
        let schema = self.resources().find_topic(topic)?.config.schema.clone();
        if let Some(settings) = schema {
            self.check_schema(&settings, &mut messages)?;
        }
        self.resources()
            .distribute(topic, messages, self.clock.exact_utc(), self)
    }

    /// Delivers the messages shortly after the answer to their publisher.
    pub(crate) fn answered(&self, messages: Unanswered) {
        messages.answered();
        let clock = self.clock.clone();
        self.spawn(async move {
            clock.lead_of_answers().await;
            drop(messages);
        });
    }

    /// Publishes a dead letter without checks: it was checked when it was first published, and Pub/Sub adds its new
    /// attributes.
    pub(crate) fn forward(
        &self,
        topic: &ResourceName,
        letter: Message,
    ) -> Result<String, ApiError> {
        let (ids, _) =
            self.resources()
                .distribute(topic, vec![letter], self.clock.exact_utc(), self)?;
        Ok(ids.into_iter().next().unwrap_or_default())
    }
}

impl Resources {
    /// Adds messages to every subscription of a topic, or to none if one of them is full.
    fn distribute(
        &mut self,
        name: &ResourceName,
        messages: Vec<Message>,
        published_at: OffsetDateTime,
        broker: &Broker,
    ) -> Result<(Vec<String>, Unanswered), ApiError> {
        self.find_topic(name)?;
        let first = self.next_sequence;
        let received: Vec<ReceivedMessage> = (first..)
            .zip(messages)
            .map(|(sequence, message)| ReceivedMessage::new(sequence, message, published_at))
            .collect();
        let stored = self.store(received, &broker.remembered)?;
        let bytes = stored.iter().map(|message| message.size_bytes()).sum();
        let is_sought = self.is_sought(name);
        let topic = self.find_topic(name)?;
        let full = |each: &&Arc<Delivery>| !each.has_room(stored.len(), bytes);
        if let Some(full) = topic.deliveries.iter().find(full) {
            return Err(full.exhausted());
        }
        if let Some(folder) = &broker.data_folder {
            let records = stored.iter();
            let records = records.map(|message| (message.sequence, message_record(message)));
            folder.messages(name, records.collect());
        }
        for message in &stored {
            let receivers = topic.deliveries.iter().filter(|each| each.wants(message));
            let receivers: Vec<ResourceName> = receivers.map(|each| each.name().clone()).collect();
            broker.history.published(name, message, &receivers);
        }
        let unanswered = Unanswered::new(first, &topic.deliveries);
        topic.deliveries.iter().for_each(|each| each.add(&stored));
        if topic.config.message_retention.is_some() || is_sought {
            stored.iter().for_each(|message| topic.keep(message));
        }
        self.next_sequence = first + stored.len() as u64;
        let ids = stored.iter().map(|message| message.id.clone()).collect();
        Ok((ids, unanswered))
    }

    /// Stores messages. If there is no room, settled messages are evicted, which are only kept for repeated deliveries.
    fn store(
        &self,
        messages: Vec<ReceivedMessage>,
        settled: &Remembered,
    ) -> Result<Vec<Arc<StoredMessage>>, ApiError> {
        if !self.storage.has_room(&messages) {
            settled.forget();
        }
        self.storage.store(messages)
    }
}

/// Returns the first id, taken from the clock. A receiver that stores ids over a restart of the emulator must not take a
/// new message for an old one.
pub(super) fn first_sequence() -> u64 {
    let nanoseconds = machine_utc().unix_timestamp_nanos();
    u64::try_from(nanoseconds).unwrap_or_default()
}
