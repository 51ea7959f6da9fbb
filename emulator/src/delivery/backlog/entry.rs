//! One message of a backlog: its place and its deliveries so far.

use std::sync::Arc;

use time::OffsetDateTime;
use tokio::time::Instant;

use crate::messages::storage::StoredMessage;

/// An unacknowledged message, with the history of its deliveries.
#[derive(Clone, Debug)]
pub(in crate::delivery) struct Entry {
    pub(in crate::delivery) message: Arc<StoredMessage>,
    /// Nacks and expired deadlines.
    pub(in crate::delivery) failures: u32,
    /// The how manieth message of the subscription it is; faults go by it.
    pub(in crate::delivery) nth: u64,
    /// True if a fault has put it back already, for this attempt.
    pub(in crate::delivery) is_put_back: bool,
    /// True if the delivery is an extra one: nothing is repeated twice.
    pub(in crate::delivery) is_repetition: bool,
    pub(in crate::delivery) place: Place,
    /// Requested deliveries beside those under way.
    pub(in crate::delivery) extra: u32,
    /// True if it is to be delivered once more in its turn, whatever the result of the current delivery.
    pub(in crate::delivery) comes_again: bool,
    /// Its latest lease.
    pub(in crate::delivery) lease: u64,
    /// A snapshot brought it back that keeps it until then, however old it is.
    pub(in crate::delivery) kept_until: Option<OffsetDateTime>,
}

/// The place of an unacknowledged message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::delivery) enum Place {
    /// Behind another message of its key.
    Waiting,
    /// A fault holds it back; it has no place in the line of its key yet.
    Withheld,
    /// In `ready`.
    Ready,
    /// In `delayed`, until then.
    Delayed(Instant),
    /// Being delivered, this many times at once.
    Out(u32),
}

/// A message that was leased to be delivered.
#[derive(Clone, Debug)]
pub(in crate::delivery) struct Leased {
    pub(in crate::delivery) lease: u64,
    pub(in crate::delivery) message: Arc<StoredMessage>,
    pub(in crate::delivery) failures: u32,
    pub(in crate::delivery) nth: u64,
    pub(in crate::delivery) is_put_back: bool,
    pub(in crate::delivery) is_repetition: bool,
}

/// The wait of a message that was put back.
#[derive(Clone, Copy, Debug)]
pub(in crate::delivery) enum PutBack {
    Until(Instant),
    /// Up to this number of other messages go first.
    Behind(usize),
}

/// A settled message with its state of then.
#[derive(Clone, Debug)]
pub(super) struct SettledMessage {
    pub(super) message: Arc<StoredMessage>,
    pub(super) failures: u32,
    pub(super) nth: u64,
    /// As of [`Entry`].
    pub(super) kept_until: Option<OffsetDateTime>,
}

impl Leased {
    /// One more than the failures so far (Google, *ReceivedMessage*, `deliveryAttempt`).
    pub(in crate::delivery) fn attempt(&self) -> u32 {
        self.failures.saturating_add(1)
    }
}

impl Entry {
    pub(in crate::delivery) fn new(message: Arc<StoredMessage>) -> Self {
        Self {
            message,
            failures: 0,
            nth: 0,
            is_put_back: false,
            is_repetition: false,
            place: Place::Waiting,
            extra: 0,
            comes_again: false,
            lease: 0,
            kept_until: None,
        }
    }

    /// A snapshot keeps it, perhaps longer than another did.
    pub(in crate::delivery) fn keep_until(&mut self, until: OffsetDateTime) {
        self.kept_until = Some(self.kept_until.map_or(until, |other| other.max(until)));
    }

    /// Returns true if it was published before `limit`, and nothing else keeps it.
    pub(in crate::delivery) fn is_over(&self, now: OffsetDateTime, limit: OffsetDateTime) -> bool {
        let is_kept = self.kept_until.is_some_and(|until| now < until);
        self.message.publish_time < limit && !is_kept
    }

    pub(in crate::delivery) fn sequence(&self) -> u64 {
        self.message.sequence
    }
}
