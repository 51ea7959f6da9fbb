//! The words of a declaration.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

/// Which deliveries count as the same message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Idempotency {
    /// All with one message id: each redelivery of Pub/Sub, but not a publisher's second publish of the same event.
    MessageId,
    /// None: the handler runs for each delivery. The reason says why that is harmless.
    None(String),
}

impl Idempotency {
    /// The handler runs once for each message id.
    #[must_use]
    pub fn by_message_id() -> Self {
        Self::MessageId
    }

    /// The handler runs for each delivery, duplicates included; `reason` says why that is harmless.
    pub fn none(reason: impl Into<String>) -> Self {
        Self::None(reason.into())
    }
}

/// How long Pub/Sub waits before it delivers a failed message again: exponential between two bounds, each 0 to 600 s
/// (Google, *RetryPolicy*).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    pub(crate) minimum: Duration,
    pub(crate) maximum: Duration,
}

impl Backoff {
    /// Between `minimum` and `maximum` seconds.
    #[must_use]
    pub const fn from_secs(minimum: u64, maximum: u64) -> Self {
        Self {
            minimum: Duration::from_secs(minimum),
            maximum: Duration::from_secs(maximum),
        }
    }
}

/// A message worth showing: `pushgate dev` publishes it and tells what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    pub(crate) title: String,
    pub(crate) data: Vec<u8>,
    pub(crate) attributes: BTreeMap<String, String>,
    /// It could not be serialized.
    pub(crate) is_broken: bool,
}

impl Example {
    /// A payload as JSON. One that cannot be serialized is refused at start.
    pub fn json(title: impl Into<String>, payload: &impl Serialize) -> Self {
        let data = serde_json::to_vec(payload);
        Self {
            is_broken: data.is_err(),
            ..Self::raw(title, data.unwrap_or_default())
        }
    }

    /// A payload as bytes.
    pub fn raw(title: impl Into<String>, data: impl Into<Vec<u8>>) -> Self {
        Self {
            title: title.into(),
            data: data.into(),
            attributes: BTreeMap::new(),
            is_broken: false,
        }
    }

    /// Adds an attribute.
    #[must_use]
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.insert(name.into(), value.into());
        self
    }
}
