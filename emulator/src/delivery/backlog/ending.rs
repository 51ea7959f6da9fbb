//! The ends of deliveries, and the messages that are delivered again.

use tokio::time::Instant;

use super::Backlog;
use super::entry::{Entry, Place, PutBack};
use super::leases::Lease;

impl Backlog {
    /// Acknowledges the message of a lease, and returns it if the lease was valid.
    ///
    /// An expired lease is valid until the message is leased again, unless `strict` (Google, *AcknowledgeRequest*,
    /// `ackIds`, and *Exactly-once delivery*).
    pub(in crate::delivery) fn ack(
        &mut self,
        lease: u64,
        sequence: u64,
        strict: bool,
    ) -> Option<Entry> {
        let is_current = self.leases.end(lease).is_some();
        let entry = self.unacked.get_mut(&sequence)?;
        if !is_current && (strict || entry.lease != lease) {
            return None;
        }
        if let Place::Out(deliveries) = &mut entry.place
            && is_current
        {
            *deliveries = deliveries.saturating_sub(1);
        }
        let acked = entry.clone();
        if entry.is_redelivered {
            self.return_to_line(sequence);
            return Some(acked);
        }
        // Another delivery was requested and has not started.
        if entry.extra > 0 && entry.place == Place::Out(0) {
            entry.extra -= 1;
            self.make_ready(sequence);
            return Some(acked);
        }
        self.note_early(sequence);
        self.settle(sequence);
        Some(acked)
    }

    /// Counts a delivery that ended without an acknowledgement, and returns the message with the new count. The caller then
    /// calls [`Self::delay`] or [`Self::settle`]. Returns `None` if another delivery is under way, or if the message was
    /// settled.
    pub(in crate::delivery) fn fail(&mut self, lease: u64) -> Option<Entry> {
        let Lease { sequence, .. } = self.leases.end(lease)?;
        let entry = self.unacked.get_mut(&sequence)?;
        entry.failures = entry.failures.saturating_add(1);
        entry.is_put_back = false;
        let failures = entry.failures;
        let others = match entry.place {
            Place::Out(deliveries) => deliveries.saturating_sub(1),
            _ => 0,
        };
        entry.place = Place::Out(others);
        if others == 0 {
            // The redelivery serves as the requested delivery.
            entry.extra = 0;
        }
        let failed = (others == 0).then(|| entry.clone());
        self.record_unacked(sequence, failures);
        failed
    }

    /// Schedules another delivery of a message without a lease, not before `due`.
    pub(in crate::delivery) fn delay(&mut self, sequence: u64, due: Instant) {
        let Some(entry) = self.unacked.get(&sequence) else {
            return;
        };
        if entry.place != Place::Out(0) {
            return;
        }
        if entry.is_redelivered || self.is_behind_failed(entry) {
            self.return_to_line(sequence);
            return;
        }
        self.set_place(sequence, Place::Delayed(due));
        self.delayed.insert((due, sequence));
    }

    /// Ends a lease without counting a failure: a fault delays the message, or lets others pass.
    pub(in crate::delivery) fn put_back(&mut self, lease: u64, until: PutBack) {
        let Some(Lease { sequence, .. }) = self.leases.end(lease) else {
            return;
        };
        let Some(entry) = self.unacked.get_mut(&sequence) else {
            return;
        };
        entry.is_put_back = true;
        match (entry.place, until) {
            (Place::Out(1), PutBack::Until(due)) => {
                entry.place = Place::Delayed(due);
                self.delayed.insert((due, sequence));
            }
            (Place::Out(1), PutBack::Behind(others)) => {
                entry.place = Place::Ready;
                self.ready.insert(others.min(self.ready.len()), sequence);
            }
            (Place::Out(deliveries), _) => entry.place = Place::Out(deliveries.saturating_sub(1)),
            _ => {}
        }
    }

    /// Settles a message that was acknowledged or dead-lettered.
    pub(in crate::delivery) fn settle(&mut self, sequence: u64) {
        if let Some(entry) = self.remove(sequence) {
            self.leave_key_queue(&entry);
            self.remember(entry);
        }
    }

    /// Schedules one more delivery of a message. Returns false if the message is unknown.
    ///
    /// A message that waits for its first delivery gets no additional one. With ordering, later messages of its key are
    /// redelivered too, even acknowledged ones (Google, *Order messages*).
    pub(in crate::delivery) fn redeliver(&mut self, sequence: u64) -> bool {
        let Some(entry) = self.unacked.get_mut(&sequence) else {
            return self.redeliver_settled(sequence);
        };
        match entry.place {
            Place::Delayed(_) => self.make_ready(sequence),
            Place::Ready | Place::Waiting | Place::Withheld => {}
            Place::Out(_) if self.ordered && !entry.message.ordering_key.is_empty() => {
                let key = entry.message.ordering_key.clone();
                self.rewind(sequence, &key);
            }
            Place::Out(_) => {
                entry.extra += 1;
                self.queue(sequence);
            }
        }
        true
    }

    /// Schedules a repetition of an acknowledged message, which is not repeated again.
    pub(in crate::delivery) fn repeat(&mut self, sequence: u64) {
        if self.redeliver(sequence)
            && let Some(entry) = self.unacked.get_mut(&sequence)
        {
            entry.is_repetition = true;
        }
    }

    /// Returns an unacknowledged message.
    fn redeliver_settled(&mut self, sequence: u64) -> bool {
        let Some(done) = self.settled.get(sequence) else {
            return false;
        };
        let key = done.message.ordering_key.clone();
        if self.ordered && !key.is_empty() {
            self.rewind(sequence, &key);
        } else {
            self.bring_back(sequence);
            self.make_ready(sequence);
        }
        true
    }

    /// Makes a settled message unacknowledged. It has no place yet.
    pub(super) fn bring_back(&mut self, sequence: u64) {
        let Some(done) = self.settled.remove(sequence) else {
            return;
        };
        let (nth, failures, kept_until) = (done.nth, done.failures, done.kept_until);
        let mut entry = Entry::new(done.message);
        entry.failures = failures;
        entry.kept_until = kept_until;
        self.insert(entry);
        // Its age was counted when it was added.
        self.received -= 1;
        if let Some(entry) = self.unacked.get_mut(&sequence) {
            entry.nth = nth;
        }
        self.record_unacked(sequence, failures);
    }

    pub(super) fn return_to_line(&mut self, sequence: u64) {
        let Some(entry) = self.unacked.get_mut(&sequence) else {
            return;
        };
        entry.is_redelivered = false;
        entry.place = Place::Waiting;
        let key = entry.message.ordering_key.clone();
        self.wait_again(&key, sequence);
    }
}
