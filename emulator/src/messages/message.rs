//! Messages of publishers, and messages of subscriptions.

use std::collections::BTreeMap;

use bytes::Bytes;
use time::OffsetDateTime;

use crate::clock::whole_milliseconds;
use crate::error::ApiError;

/// The largest `data` of one message, and the largest sum over one publish request, in bytes (Google, *Quotas and limits*).
pub(crate) const MAX_PUBLISH_BYTES: usize = 10_000_000;
/// The most messages of a publish request (Google, *Quotas and limits*).
pub(crate) const MAX_MESSAGES: usize = 1_000;
const MAX_ATTRIBUTES: usize = 100;
const MAX_KEY_BYTES: usize = 256;
const MAX_VALUE_BYTES: usize = 1_024;
const MAX_ORDERING_KEY_BYTES: usize = 1_024;

/// The prefix of the attributes that Pub/Sub adds to a dead letter (Google, *Dead-letter topics*).
pub(crate) const DEAD_LETTER_SOURCE: &str = "CloudPubSubDeadLetterSource";

/// A message of a publisher (Google, *PubsubMessage*).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Message {
    /// The payload, at most 10 MB. It may be empty if there is an attribute.
    pub data: Bytes,
    /// The attributes: at most 100, with keys up to 256 bytes and values up to 1,024.
    pub attributes: BTreeMap<String, String>,
    /// The ordering key, at most 1,024 bytes; empty for none. Subscriptions with ordering keep the order of messages with
    /// the same key.
    pub ordering_key: String,
}

impl Message {
    /// Returns a message with `data` only.
    pub fn new(data: impl Into<Bytes>) -> Self {
        Self {
            data: data.into(),
            ..Self::default()
        }
    }

    /// Returns the same message with another attribute.
    #[must_use]
    pub fn with_attribute(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.insert(key.into(), value.into());
        self
    }

    /// Returns the same message with an ordering key.
    #[must_use]
    pub fn with_ordering_key(mut self, key: impl Into<String>) -> Self {
        self.ordering_key = key.into();
        self
    }

    /// Returns the size that counts against the limit of a publish request.
    pub(crate) fn size_bytes(&self) -> usize {
        content_bytes(&self.data, &self.attributes, &self.ordering_key)
    }

    /// Checks the rules for a single message (Google, *PubsubMessage*, and *Quotas and limits*).
    fn check(&self) -> Result<(), ApiError> {
        if self.data.is_empty() && self.attributes.is_empty() {
            return Err(ApiError::invalid(
                "A message needs data or at least one attribute",
            ));
        }
        if self.attributes.len() > MAX_ATTRIBUTES {
            return Err(ApiError::invalid(format!(
                "A message may have {MAX_ATTRIBUTES} attributes, not {}",
                self.attributes.len()
            )));
        }
        at_most(
            "an ordering key",
            self.ordering_key.len(),
            MAX_ORDERING_KEY_BYTES,
        )?;
        for (key, value) in &self.attributes {
            check_attribute(key, value)?;
        }
        Ok(())
    }
}

/// Checks a key. The prefix `goog` is reserved, except for `googclient_…`, which Google's client libraries set for tracing
/// and schemas.
fn check_attribute(key: &str, value: &str) -> Result<(), ApiError> {
    if key.is_empty() {
        return Err(ApiError::invalid("An attribute key is empty"));
    }
    at_most("an attribute key", key.len(), MAX_KEY_BYTES)?;
    if key.starts_with("goog") && !key.starts_with("googclient_") {
        return Err(ApiError::invalid(format!(
            "The attribute key {key:?} begins with \"goog\""
        )));
    }
    at_most("an attribute value", value.len(), MAX_VALUE_BYTES)
}

fn at_most(what: &str, found: usize, limit: usize) -> Result<(), ApiError> {
    if found > limit {
        return Err(ApiError::invalid(format!(
            "{what} may have {limit} bytes, not {found}"
        )));
    }
    Ok(())
}

/// Checks the rules for one publish request (Google, *PublishRequest*, and *Quotas and limits*).
pub(crate) fn check_request(messages: &[Message]) -> Result<(), ApiError> {
    let Some(first) = messages.first() else {
        return Err(ApiError::invalid("A publish request needs a message"));
    };
    if messages.len() > MAX_MESSAGES {
        return Err(ApiError::invalid(format!(
            "A publish request may have {MAX_MESSAGES} messages, not {}",
            messages.len()
        )));
    }
    let bytes = messages.iter().map(Message::size_bytes).sum();
    at_most("a publish request", bytes, MAX_PUBLISH_BYTES)?;
    if messages
        .iter()
        .any(|each| each.ordering_key != first.ordering_key)
    {
        return Err(ApiError::invalid(
            "All messages of a publish request must have the same ordering key",
        ));
    }
    messages.iter().try_for_each(Message::check)
}

/// A published message, which all subscriptions of its topic share.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ReceivedMessage {
    /// The id: decimal digits, unique over restarts. Receivers should treat it as opaque.
    pub id: String,
    /// The payload.
    pub data: Bytes,
    /// The publisher's attributes, and those of dead-lettering.
    pub attributes: BTreeMap<String, String>,
    /// The ordering key; empty for none.
    pub ordering_key: String,
    /// The time at which the publish request was accepted, in whole milliseconds, UTC.
    pub publish_time: OffsetDateTime,
    /// The position in the order of publishing, which `id` shows.
    pub(crate) sequence: u64,
    /// The exact publish time, which seeks use.
    pub(crate) published_at: OffsetDateTime,
}

impl ReceivedMessage {
    pub(crate) fn new(sequence: u64, message: Message, published_at: OffsetDateTime) -> Self {
        Self {
            id: sequence.to_string(),
            data: message.data,
            attributes: message.attributes,
            ordering_key: message.ordering_key,
            publish_time: whole_milliseconds(published_at),
            sequence,
            published_at,
        }
    }

    /// Returns the publisher's message, to publish it again.
    pub(crate) fn to_message(&self) -> Message {
        Message {
            data: self.data.clone(),
            attributes: self.attributes.clone(),
            ordering_key: self.ordering_key.clone(),
        }
    }

    /// Returns true if Pub/Sub forwarded the message as a dead letter.
    pub(crate) fn is_dead_letter(&self) -> bool {
        let mut keys = self.attributes.keys();
        keys.any(|key| key.starts_with(DEAD_LETTER_SOURCE))
    }

    pub(crate) fn content_bytes(&self) -> usize {
        content_bytes(&self.data, &self.attributes, &self.ordering_key)
    }
}

fn content_bytes(data: &Bytes, attributes: &BTreeMap<String, String>, key: &str) -> usize {
    let attributes = attributes.iter();
    let attributes: usize = attributes.map(|(key, value)| key.len() + value.len()).sum();
    data.len() + attributes + key.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message: Message, good: bool) {
        assert_eq!(check_request(&[message]).is_ok(), good);
    }

    #[test]
    fn one_message_follows_googles_limits() {
        check(Message::default(), false);
        check(Message::new("data"), true);
        check(Message::default().with_attribute("kind", ""), true);
        check(Message::new(vec![0; 10_000_000]), true);
        check(Message::new(vec![0; 10_000_001]), false);
        check(Message::new("data").with_attribute("", "value"), false);
        check(
            Message::new("data").with_attribute("google", "value"),
            false,
        );
        let trace = Message::new("data").with_attribute("googclient_traceparent", "00-1-2-01");
        check(trace, true);
        check(
            Message::new("data").with_attribute("k".repeat(256), ""),
            true,
        );
        check(
            Message::new("data").with_attribute("k".repeat(257), ""),
            false,
        );
        check(
            Message::new("data").with_attribute("k", "v".repeat(1_024)),
            true,
        );
        check(
            Message::new("data").with_attribute("k", "v".repeat(1_025)),
            false,
        );
        check(
            Message::new("data").with_ordering_key("k".repeat(1_024)),
            true,
        );
        check(
            Message::new("data").with_ordering_key("k".repeat(1_025)),
            false,
        );
    }

    #[test]
    fn a_hundred_attributes_are_the_most() {
        let message = |count: usize| {
            (0..count).fold(Message::default(), |message, each| {
                message.with_attribute(format!("key-{each}"), "")
            })
        };
        check(message(100), true);
        check(message(101), false);
    }

    #[test]
    fn one_request_follows_googles_limits() {
        assert!(check_request(&[]).is_err());
        assert!(check_request(&vec![Message::new("data"); 1_000]).is_ok());
        assert!(check_request(&vec![Message::new("data"); 1_001]).is_err());
        assert!(check_request(&vec![Message::new(vec![0; 5_000_000]); 2]).is_ok());
        assert!(check_request(&vec![Message::new(vec![0; 5_000_001]); 2]).is_err());
        let keyed = Message::new("data").with_ordering_key("customer-1");
        assert!(check_request(&[keyed, Message::new("data")]).is_err());
    }
}
