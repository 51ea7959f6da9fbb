//! The queue of messages that are ready for delivery.

use std::collections::HashMap;

use super::{Backlog, Place};

/// The most stale entries in the queue beyond the number of messages.
const SPARE: usize = 64;

impl Backlog {
    pub(super) fn make_ready(&mut self, sequence: u64) {
        self.set_place(sequence, Place::Ready);
        self.queue(sequence);
    }

    /// Appends a message. A message that is removed elsewhere leaves a stale entry; these entries must not accumulate.
    pub(super) fn queue(&mut self, sequence: u64) {
        self.ready.push_back(sequence);
        if self.ready.len() > 2 * self.unacked.len() + SPARE {
            self.compact();
        }
    }

    /// Removes the first entry. A queue that was long is shrunk.
    pub(super) fn next(&mut self) -> Option<u64> {
        let next = self.ready.pop_front();
        if self.ready.capacity() > SPARE + 8 * self.ready.len() {
            self.ready.shrink_to(2 * self.ready.len());
        }
        next
    }

    /// Removes stale entries from the queue.
    pub(super) fn compact(&mut self) {
        let mut found: HashMap<u64, u32> = HashMap::new();
        let unacked = &self.unacked;
        self.ready.retain(|sequence| {
            let Some(entry) = unacked.get(sequence) else {
                return false;
            };
            let wanted = match entry.place {
                Place::Ready => 1 + entry.extra,
                Place::Out(_) => entry.extra,
                _ => 0,
            };
            let found = found.entry(*sequence).or_default();
            *found += 1;
            *found <= wanted
        });
        self.ready.shrink_to(2 * self.unacked.len() + SPARE);
    }
}
