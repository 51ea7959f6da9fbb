//! The records of the history, within their bounds.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use time::OffsetDateTime;

use super::message_record::MessageRecord;
use super::statistics::Statistics;
use super::subscription_record::Intervention;
use super::{Note, Noted};
use crate::messages::storage::StoredMessage;
use crate::resources::name::ResourceName;

/// The most bytes of the history besides the payloads.
pub(super) const MAX_BYTES: usize = 8 * 1024 * 1024;
/// The most bytes of payloads. Of older messages the history keeps the size only.
const MAX_PAYLOAD_BYTES: usize = 16 * 1024 * 1024;
const MAX_NOTES: usize = 200;

#[derive(Default)]
pub(super) struct Kept {
    pub(super) messages: BTreeMap<u64, MessageRecord>,
    /// The sequences of `messages` in the order of eviction.
    pub(super) order: VecDeque<u64>,
    /// The sequences with a payload, the oldest first.
    pub(super) payloads: VecDeque<u64>,
    pub(super) bytes: usize,
    pub(super) payload_bytes: usize,
    pub(super) notes: VecDeque<Noted>,
    pub(super) statistics: Statistics,
    /// The highest sequence that was evicted.
    pub(super) latest_forgotten: u64,
    /// A number that grows with every change.
    pub(super) version: u64,
}

/// Evicted records, to be dropped without the lock.
pub(super) type Forgotten = (Vec<MessageRecord>, Vec<Arc<StoredMessage>>);

impl Kept {
    pub(super) fn insert(&mut self, mut record: MessageRecord) {
        self.version += 1;
        record.changed = self.version;
        let sequence = record.sequence;
        self.bytes += record.bytes();
        self.payload_bytes += record.payload_bytes();
        self.order.push_back(sequence);
        self.payloads.push_back(sequence);
        if let Some(same) = self.messages.insert(sequence, record) {
            self.discount(&same);
            self.order.retain(|each| *each != sequence);
            self.order.push_back(sequence);
        }
    }

    pub(super) fn change(&mut self, sequence: u64, change: impl FnOnce(&mut MessageRecord)) {
        self.version += 1;
        let Some(record) = self.messages.get_mut(&sequence) else {
            return;
        };
        let before = record.bytes();
        change(record);
        record.changed = self.version;
        self.bytes = self.bytes + record.bytes() - before;
    }

    /// Records the dead letter that was made of a message.
    pub(super) fn link(&mut self, subscription: &ResourceName, sequence: u64, dead_letter: u64) {
        self.change(sequence, |record| {
            let mut subscriptions = record.subscriptions.iter_mut();
            if let Some(entry) = subscriptions.find(|entry| entry.subscription == *subscription) {
                entry.dead_letter = Some(dead_letter);
            }
        });
    }

    /// Evicts the oldest records until the history is within its bounds.
    pub(super) fn shrink(&mut self, max_messages: usize) -> Forgotten {
        let (mut messages, mut payloads) = (Vec::new(), Vec::new());
        while (self.messages.len() > max_messages || self.bytes > MAX_BYTES)
            && let Some(oldest) = self.order.pop_front()
        {
            if let Some(record) = self.messages.remove(&oldest) {
                self.latest_forgotten = self.latest_forgotten.max(oldest);
                self.discount(&record);
                messages.push(record);
            }
        }
        // Sequences that were evicted above are still in the queue of payloads, which must not grow by them.
        while (self.payload_bytes > MAX_PAYLOAD_BYTES || self.payloads.len() > 2 * max_messages)
            && let Some(oldest) = self.payloads.pop_front()
        {
            if let Some(record) = self.messages.get_mut(&oldest) {
                let (bytes, payload_bytes) = (record.bytes(), record.payload_bytes());
                payloads.extend(record.release());
                self.bytes = self.bytes + record.bytes() - bytes;
                self.payload_bytes -= payload_bytes;
            }
        }
        (messages, payloads)
    }

    fn discount(&mut self, record: &MessageRecord) {
        self.bytes -= record.bytes();
        self.payload_bytes -= record.payload_bytes();
    }

    pub(super) fn note(&mut self, at: OffsetDateTime, subscription: &ResourceName, note: Note) {
        self.version += 1;
        if self.notes.len() >= MAX_NOTES {
            self.notes.pop_front();
        }
        self.notes.push_back(Noted {
            at,
            subscription: subscription.clone(),
            note,
        });
    }

    /// Records the effect of a seek or a purge, which settles messages or reverts that without a delivery.
    pub(super) fn apply(
        &mut self,
        subscription: &ResourceName,
        gone: Intervention,
        is_unacked: impl Fn(u64) -> bool,
    ) {
        let version = self.version;
        for record in self.messages.values_mut() {
            let is_unacked = is_unacked(record.sequence);
            let mut subscriptions = record.subscriptions.iter_mut();
            let Some(entry) = subscriptions.find(|entry| entry.subscription == *subscription)
            else {
                continue;
            };
            entry.intervention = match (entry.is_settled(), is_unacked) {
                (false, false) => Some(gone),
                (true, true) => Some(Intervention::Recalled),
                _ => continue,
            };
            record.changed = version;
        }
    }
}
