//! The message and its metadata, independent of the form of the push.

use std::collections::BTreeMap;

use bytes::Bytes;
use time::OffsetDateTime;

/// One message as it was delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Envelope {
    /// The full name, `projects/P/subscriptions/S`.
    pub(crate) subscription: String,
    /// Google's id; `None` if the message came without metadata.
    pub(crate) message_id: Option<String>,
    /// The id in logs and for handlers: Google's, or else one that follows from the data.
    pub(crate) known_as: String,
    pub(crate) publish_time: OffsetDateTime,
    pub(crate) data: Bytes,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) ordering_key: Option<String>,
    pub(crate) delivery_attempt: Option<u32>,
    /// True if the data came without a wrapper.
    pub(crate) is_unwrapped: bool,
}
