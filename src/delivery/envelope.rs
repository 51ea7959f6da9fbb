//! The message and its metadata.

use std::collections::BTreeMap;

use bytes::Bytes;
use time::OffsetDateTime;

/// One message as it was delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Envelope {
    /// The full name, `projects/P/subscriptions/S`.
    pub(crate) subscription: String,
    /// Google's id, or else one that follows from the data.
    pub(crate) message_id: String,
    /// The time at which Pub/Sub received the message, or at which it arrived here if it came without metadata.
    pub(crate) publish_time: OffsetDateTime,
    /// The published data.
    pub(crate) data: Bytes,
    /// The publisher's attributes.
    pub(crate) attributes: BTreeMap<String, String>,
    /// The ordering key, never empty.
    pub(crate) ordering_key: Option<String>,
    /// Pub/Sub's number of the delivery attempt; `None` without a dead-letter policy.
    pub(crate) delivery_attempt: Option<u32>,
    /// True if the data came without a wrapper.
    pub(crate) is_unwrapped: bool,
}
