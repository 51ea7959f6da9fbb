//! The identity of a message.

use std::fmt;

/// The identity of a message for one subscription. The subscription is part of it, since each subscription of a topic receives the
/// same id. So is the replay epoch, so that a deliberate replay runs again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageKey {
    /// The full name, `projects/P/subscriptions/S`.
    pub subscription: String,
    /// The replay epoch, see `Subscriber::epoch`.
    pub epoch: u32,
    /// The message id.
    pub id: String,
}

impl fmt::Display for MessageKey {
    /// Writes `SUBSCRIPTION/EPOCH/ID`, which is unique: neither a subscription's name nor an epoch contains the separators.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.subscription, self.epoch, self.id)
    }
}
