//! Ordering keys: one batch of each key is delivered at a time, and later messages wait.
//!
//! A batch is the messages of one pull, or the message of one push (Google, *Order messages*). If a message of a batch
//! fails, the later ones lose their leases, and are redelivered after it.

use std::collections::{BTreeSet, HashMap};

use super::leases::shrink_unused;
use super::{Backlog, Entry, Place};

/// The messages of one key.
#[derive(Debug, Default)]
pub(super) struct KeyQueue {
    /// The batch under way; empty only while a queue is rebuilt.
    batch: BTreeSet<u64>,
    /// The later messages.
    waiting: BTreeSet<u64>,
    /// The messages of the batch that were acknowledged before an earlier one.
    early: BTreeSet<u64>,
}

impl Backlog {
    /// Returns true if this message must keep the order of its key.
    pub(super) fn is_ordered(&self, entry: &Entry) -> bool {
        self.ordered && !entry.message.ordering_key.is_empty()
    }

    /// Assigns a place to a new message: behind others of its key, or ready.
    pub(super) fn line_up(&mut self, sequence: u64) {
        let Some(entry) = self.unacked.get(&sequence) else {
            return;
        };
        if !self.is_ordered(entry) {
            self.make_ready(sequence);
            return;
        }
        let key = entry.message.ordering_key.clone();
        if let Some(key_queue) = self.key_queues.get_mut(&key) {
            key_queue.waiting.insert(sequence);
            self.set_place(sequence, Place::Waiting);
        } else {
            let key_queue = KeyQueue {
                batch: BTreeSet::from([sequence]),
                ..KeyQueue::default()
            };
            self.key_queues.insert(key, key_queue);
            self.make_ready(sequence);
        }
    }

    /// Adds the next message of the same key to the batch of a leased one, to be leased next. Returns it, so that the
    /// caller can remove it from the batch if it is not leased.
    pub(in crate::delivery) fn join_next(&mut self, leased: u64) -> Option<u64> {
        let entry = self.unacked.get(&leased)?;
        if !self.is_ordered(entry) {
            return None;
        }
        let key_queue = self.key_queues.get_mut(&entry.message.ordering_key)?;
        // A later message of the batch may be outstanding or delayed. The next one must not overtake it.
        if key_queue.batch.last() != Some(&leased) {
            return None;
        }
        let next = key_queue.waiting.pop_first()?;
        key_queue.batch.insert(next);
        self.set_place(next, Place::Ready);
        self.ready.push_front(next);
        Some(next)
    }

    /// Moves a message that joined a batch without being leased back to the waiting ones.
    pub(in crate::delivery) fn leave_batch(&mut self, joined: u64) {
        let Some(entry) = self.unacked.get(&joined) else {
            return;
        };
        if entry.place != Place::Ready {
            return;
        }
        if self.ready.front() == Some(&joined) {
            self.ready.pop_front();
        }
        let key = entry.message.ordering_key.clone();
        self.set_place(joined, Place::Waiting);
        self.wait_again(&key, joined);
    }

    /// Revokes the leases behind a failed message, so that its successors are redelivered in order. So are successors that
    /// were already acknowledged, unless `acked_stays` (Google, *Order messages*).
    pub(in crate::delivery) fn take_back_behind(&mut self, failed: u64, acked_stays: bool) {
        let Some(entry) = self.unacked.get(&failed) else {
            return;
        };
        if !self.is_ordered(entry) {
            return;
        }
        let Some(key_queue) = self.key_queues.get_mut(&entry.message.ordering_key) else {
            return;
        };
        // A message without a lease is about to be dead-lettered, or failed itself and is placed later.
        let unacked = &self.unacked;
        let (behind, leaving): (BTreeSet<u64>, BTreeSet<u64>) = key_queue
            .batch
            .split_off(&(failed + 1))
            .into_iter()
            .partition(|sequence| {
                let entry = unacked.get(sequence);
                entry.is_some_and(|entry| entry.place != Place::Out(0))
            });
        key_queue.batch.extend(leaving);
        let mut early = key_queue.early.split_off(&(failed + 1));
        early.retain(|sequence| !acked_stays && self.settled.get(*sequence).is_some());
        key_queue.waiting.extend(behind.iter().chain(&early));
        for sequence in early {
            self.bring_back(sequence);
        }
        for sequence in behind {
            self.take_back(sequence);
        }
    }

    fn take_back(&mut self, sequence: u64) {
        self.leases.end_all(sequence);
        self.set_place(sequence, Place::Waiting);
        if let Some(entry) = self.unacked.get_mut(&sequence) {
            entry.lease = 0;
            entry.extra = 0;
            entry.is_redelivered = false;
        }
    }

    /// Returns true if a message of the batch must wait for an earlier one.
    pub(super) fn is_behind_failed(&self, entry: &Entry) -> bool {
        let key_queue = self.key_queues.get(&entry.message.ordering_key);
        let earlier = key_queue.map(|key_queue| key_queue.batch.range(..entry.sequence()));
        earlier.into_iter().flatten().any(|sequence| {
            let earlier = self.unacked.get(sequence);
            earlier.is_some_and(|earlier| !matches!(earlier.place, Place::Out(1..)))
        })
    }

    /// Records the acknowledgement of a message before it leaves its queue.
    pub(super) fn note_early(&mut self, sequence: u64) {
        if let Some(entry) = self.unacked.get(&sequence)
            && let Some(key_queue) = self.key_queues.get_mut(&entry.message.ordering_key)
            && key_queue.batch.contains(&sequence)
            && key_queue.batch.first() != Some(&sequence)
        {
            key_queue.early.insert(sequence);
        }
    }

    /// Moves a message that was being delivered back into the queue of its key.
    pub(super) fn wait_again(&mut self, key: &str, sequence: u64) {
        let key_queue = self.key_queues.entry(key.to_owned()).or_default();
        key_queue.batch.remove(&sequence);
        key_queue.waiting.insert(sequence);
        self.follow(key);
    }

    /// Removes a message from the queue of its key.
    pub(super) fn leave_key_queue(&mut self, entry: &Entry) {
        let key = &entry.message.ordering_key;
        let Some(key_queue) = self.key_queues.get_mut(key) else {
            return;
        };
        let sequence = entry.sequence();
        key_queue.waiting.remove(&sequence);
        key_queue.batch.remove(&sequence);
        self.follow(key);
    }

    /// Makes the next message of a key ready, if the earlier ones are settled.
    pub(super) fn follow(&mut self, key: &str) {
        let Some(key_queue) = self.key_queues.get_mut(key) else {
            return;
        };
        if let Some(first) = key_queue.batch.first() {
            key_queue.early = key_queue.early.split_off(first);
            return;
        }
        key_queue.early.clear();
        match key_queue.waiting.pop_first() {
            Some(next) => {
                key_queue.batch.insert(next);
                self.make_ready(next);
            }
            None => {
                self.key_queues.remove(key);
                shrink_unused(&mut self.key_queues);
            }
        }
    }

    /// Schedules a message and all later ones of its key again, in order, even acknowledged ones (Google, *Order
    /// messages*). Current deliveries continue.
    pub(super) fn rewind(&mut self, first: u64, key: &str) {
        let later = self.settled.of_key(first, key);
        for sequence in &later {
            self.bring_back(*sequence);
        }
        let key_queue = self.key_queues.entry(key.to_owned()).or_default();
        key_queue.waiting.extend(later);
        key_queue.early.split_off(&first);
        let (out, not_out): (BTreeSet<u64>, BTreeSet<u64>) = std::mem::take(&mut key_queue.batch)
            .into_iter()
            .partition(|sequence| {
                let entry = self.unacked.get(sequence);
                entry.is_some_and(|entry| matches!(entry.place, Place::Out(_)))
            });
        key_queue.waiting.extend(&not_out);
        for sequence in out.range(first..) {
            if let Some(entry) = self.unacked.get_mut(sequence) {
                entry.is_redelivered = true;
            }
        }
        key_queue.batch = out;
        for sequence in not_out {
            self.set_place(sequence, Place::Waiting);
        }
        self.follow(key);
    }

    /// Rebuilds the queues of all keys, after messages were removed and restored.
    pub(super) fn rebuild_key_queues(&mut self) {
        self.key_queues.clear();
        if !self.ordered {
            return;
        }
        for (key, key_queue) in self.lines() {
            self.install(key, key_queue);
        }
    }

    /// Groups the unacknowledged messages by key. Those under way form the batch.
    fn lines(&self) -> HashMap<String, KeyQueue> {
        let mut lines: HashMap<String, KeyQueue> = HashMap::new();
        for (sequence, entry) in &self.unacked {
            if !self.is_ordered(entry) || entry.place == Place::Withheld {
                continue;
            }
            let key = entry.message.ordering_key.clone();
            let key_queue = lines.entry(key).or_default();
            match entry.place {
                Place::Out(_) => key_queue.batch.insert(*sequence),
                _ => key_queue.waiting.insert(*sequence),
            };
        }
        lines
    }

    fn install(&mut self, key: String, key_queue: KeyQueue) {
        for sequence in &key_queue.waiting {
            self.set_place(*sequence, Place::Waiting);
        }
        // A client that receives an earlier message again also receives the later ones again, including outstanding ones.
        if let Some(first) = key_queue.waiting.first() {
            for sequence in key_queue.batch.range(first..) {
                if let Some(entry) = self.unacked.get_mut(sequence) {
                    entry.is_redelivered = true;
                }
            }
        }
        self.key_queues.insert(key.clone(), key_queue);
        self.follow(&key);
    }
}
