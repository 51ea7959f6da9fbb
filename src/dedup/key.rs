//! What makes two deliveries the same message.

use std::fmt;

/// The identity of a message for one subscription: the same id reaches every subscription of a topic, so the
/// subscription is part of it; and a replay epoch, so that a wanted replay runs again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageKey {
    /// The full name, `projects/P/subscriptions/S`.
    pub subscription: String,
    /// See `Subscriber::epoch`.
    pub epoch: u32,
    /// The message id.
    pub id: String,
}

impl fmt::Display for MessageKey {
    /// `SUBSCRIPTION/EPOCH/ID`. Neither a subscription's name nor an epoch can contain what would let two keys meet.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.subscription, self.epoch, self.id)
    }
}
