//! One message of a backlog: its place and its deliveries so far.

use std::sync::Arc;

use time::OffsetDateTime;
use tokio::time::Instant;

use crate::messages::storage::StoredMessage;

/// An unacknowledged message, with the history of its deliveries.
#[derive(Clone, Debug)]
pub(in crate::delivery) struct Entry {
    pub(in crate::delivery) message: Arc<StoredMessage>,
    /// The number of nacks and expired deadlines.
    pub(in crate::delivery) failures: u32,
    /// The number of the message in its subscription. Faults depend on it.
    pub(in crate::delivery) nth: u64,
    /// True if a fault has already put it back in this attempt.
    pub(in crate::delivery) is_put_back: bool,
    /// True if the delivery is a repetition. Repetitions are not repeated.
    pub(in crate::delivery) is_repetition: bool,
    pub(in crate::delivery) place: Place,
    /// The number of requested deliveries besides the current ones.
    pub(in crate::delivery) extra: u32,
    /// True if it is redelivered in its turn, whatever the result of the current delivery.
    pub(in crate::delivery) is_redelivered: bool,
    /// The latest lease.
    pub(in crate::delivery) lease: u64,
    /// The end of the snapshot that restored it. Until then it is kept at any age.
    pub(in crate::delivery) kept_until: Option<OffsetDateTime>,
}

/// The place of an unacknowledged message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::delivery) enum Place {
    /// It waits behind another message of its key.
    Waiting,
    /// A fault withholds it. It is not in the queue of its key yet.
    Withheld,
    /// It is in `ready`.
    Ready,
    /// It is in `delayed` until this time.
    Delayed(Instant),
    /// This number of deliveries is under way.
    Out(u32),
}

/// A message that was leased for a delivery.
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
    /// Up to this number of other messages are delivered first.
    Behind(usize),
}

/// A settled message and its state before.
#[derive(Clone, Debug)]
pub(super) struct SettledMessage {
    pub(super) message: Arc<StoredMessage>,
    pub(super) failures: u32,
    pub(super) nth: u64,
    /// As in [`Entry`].
    pub(super) kept_until: Option<OffsetDateTime>,
}

impl Leased {
    /// Returns the delivery attempt: the failures so far plus one (Google, *ReceivedMessage*, `deliveryAttempt`).
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
            is_redelivered: false,
            lease: 0,
            kept_until: None,
        }
    }

    /// Keeps the message until the end of a snapshot, unless another one keeps it longer.
    pub(in crate::delivery) fn keep_until(&mut self, until: OffsetDateTime) {
        self.kept_until = Some(self.kept_until.map_or(until, |other| other.max(until)));
    }

    /// Returns true if it was published before `limit` and no snapshot keeps it.
    pub(in crate::delivery) fn is_over(&self, now: OffsetDateTime, limit: OffsetDateTime) -> bool {
        let is_kept = self.kept_until.is_some_and(|until| now < until);
        self.message.publish_time < limit && !is_kept
    }

    pub(in crate::delivery) fn sequence(&self) -> u64 {
        self.message.sequence
    }
}
