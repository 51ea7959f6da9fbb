//! Changes of the whole backlog: by a seek, and by age.

use std::collections::BTreeMap;
use std::sync::Arc;

use time::OffsetDateTime;

use super::{Backlog, Entry, Place};
use crate::messages::storage::StoredMessage;

impl Backlog {
    /// Makes exactly the `wanted` messages unacknowledged (Google, *Seek*), and records the changes. It ends all leases: a
    /// wanted message that is being delivered is delivered again, and the result of the current delivery has no effect.
    ///
    /// The seek covers the unacknowledged messages, the retained ones, and those in `more`. A snapshot keeps its messages
    /// until it ends.
    pub(crate) fn seek(
        &mut self,
        more: &BTreeMap<u64, Arc<StoredMessage>>,
        wanted: impl Fn(&StoredMessage) -> bool,
        kept_until: Option<OffsetDateTime>,
    ) {
        let unwanted = self.unacked.values();
        let unwanted = unwanted.filter(|entry| !wanted(&entry.message));
        let unwanted: Vec<u64> = unwanted.map(Entry::sequence).collect();
        for sequence in unwanted {
            self.take_out(sequence);
        }
        self.end_leases();
        let retained = self.settled.retained().chain(more.values());
        let missing = retained
            .filter(|message| !self.unacked.contains_key(&message.sequence) && wanted(message));
        let missing: BTreeMap<u64, Arc<StoredMessage>> = missing
            .map(|message| (message.sequence, Arc::clone(message)))
            .collect();
        for (sequence, message) in missing {
            self.settled.remove(sequence);
            self.insert(Entry::new(message));
            self.record_unacked(sequence, 0);
        }
        if let Some(until) = kept_until {
            let entries = self.unacked.values_mut();
            entries.for_each(|entry| entry.keep_until(until));
        }
        self.compact();
        self.reset_order();
    }

    /// Drops messages older than their retention, including outstanding ones.
    pub(crate) fn expire(&mut self, now: OffsetDateTime, limit: OffsetDateTime) -> usize {
        if !self.oldest.is_before(limit) {
            return 0;
        }
        let old = self.unacked.values();
        let old = old.filter(|entry| entry.is_over(now, limit));
        let old: Vec<u64> = old.map(Entry::sequence).collect();
        for sequence in &old {
            self.record_removed(*sequence);
            if let Some(entry) = self.remove(*sequence) {
                self.leave_key_queue(&entry);
            }
        }
        for sequence in self.settled.expire(now, limit) {
            self.record_removed(sequence);
        }
        self.oldest = self.settled.oldest();
        for entry in self.unacked.values() {
            self.oldest.note(&entry.message);
        }
        old.len()
    }

    /// Drops all messages.
    pub(crate) fn clear(&mut self) {
        let sequences: Vec<u64> = self.unacked.keys().copied().collect();
        for sequence in sequences {
            self.record_removed(sequence);
            self.remove(sequence);
        }
        for sequence in self.settled.forget_retained() {
            self.record_removed(sequence);
        }
        self.settled.forget_recent();
        self.ready.clear();
        self.key_queues.clear();
    }

    /// Acknowledges a message without a delivery.
    fn take_out(&mut self, sequence: u64) {
        if let Some(entry) = self.remove(sequence) {
            self.remember(entry);
        }
    }

    /// Ends all leases, also for late acknowledgements. A message that is being dead-lettered has none, and stays so.
    fn end_leases(&mut self) {
        for (sequence, entry) in &mut self.unacked {
            entry.lease = 0;
            if matches!(entry.place, Place::Out(1..)) {
                self.leases.end_all(*sequence);
                entry.place = Place::Waiting;
                entry.extra = 0;
                entry.is_redelivered = false;
            }
        }
    }

    /// Rebuilds the order. Messages that must keep none are ready unless they have another place.
    fn reset_order(&mut self) {
        self.rebuild_key_queues();
        let free = self.unacked.values();
        let free = free.filter(|entry| entry.place == Place::Waiting && !self.is_ordered(entry));
        let free: Vec<u64> = free.map(Entry::sequence).collect();
        for sequence in free {
            self.make_ready(sequence);
        }
    }
}
