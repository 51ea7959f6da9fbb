//! A message as a test sends it.

use std::collections::BTreeMap;

use serde::Serialize;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::delivery::envelope::Envelope;

/// A message that a test delivers or publishes.
#[derive(Clone, Debug)]
pub struct Sent {
    pub(super) id: String,
    pub(super) data: Vec<u8>,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) ordering_key: Option<String>,
    publish_time: OffsetDateTime,
    delivery_attempt: Option<u32>,
}

impl Sent {
    /// Returns a message with a JSON payload.
    ///
    /// # Panics
    /// If the payload cannot be serialized.
    #[must_use]
    pub fn json(payload: &impl Serialize) -> Self {
        Self::raw(serde_json::to_vec(payload).expect("the payload can be serialized"))
    }

    /// Returns a message with a payload of bytes, and a random id.
    #[must_use]
    pub fn raw(data: impl Into<Vec<u8>>) -> Self {
        Self {
            id: Uuid::new_v4().simple().to_string(),
            data: data.into(),
            attributes: BTreeMap::new(),
            ordering_key: None,
            publish_time: OffsetDateTime::UNIX_EPOCH,
            delivery_attempt: Some(1),
        }
    }

    /// Sets the message id. A published message gets another one.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = id.into();
        self
    }

    /// Adds an attribute.
    #[must_use]
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.insert(name.into(), value.into());
        self
    }

    /// Sets the ordering key.
    #[must_use]
    pub fn ordering_key(mut self, key: impl Into<String>) -> Self {
        self.ordering_key = Some(key.into());
        self
    }

    /// Sets the time of its publish; 1970-01-01 by default.
    #[must_use]
    pub fn published(mut self, time: OffsetDateTime) -> Self {
        self.publish_time = time;
        self
    }

    /// Sets the delivery attempt; 1 by default.
    #[must_use]
    pub fn delivery_attempt(mut self, attempt: u32) -> Self {
        self.delivery_attempt = Some(attempt);
        self
    }

    /// Returns the envelope for a subscription, by its full name.
    pub(super) fn envelope(&self, subscription: &str) -> Envelope {
        Envelope {
            subscription: subscription.to_owned(),
            message_id: self.id.clone(),
            publish_time: self.publish_time,
            data: self.data.clone().into(),
            attributes: self.attributes.clone(),
            ordering_key: self.ordering_key.clone(),
            delivery_attempt: self.delivery_attempt,
            is_unwrapped: false,
        }
    }
}
