//! Messages that a fault withholds.

use std::sync::Arc;

use super::{Backlog, Entry, Place};
use crate::messages::storage::StoredMessage;

impl Backlog {
    /// Adds a message that is delivered only after [`Self::release_withheld`].
    pub(in crate::delivery) fn add_withheld(&mut self, message: Arc<StoredMessage>) {
        let sequence = message.sequence;
        self.insert(Entry::new(message));
        self.set_place(sequence, Place::Withheld);
        self.record_unacked(sequence, 0);
        self.withheld.push(sequence);
    }

    /// Releases all withheld messages.
    pub(in crate::delivery) fn release_withheld(&mut self) {
        for sequence in std::mem::take(&mut self.withheld) {
            if self
                .unacked
                .get(&sequence)
                .is_some_and(|entry| entry.place == Place::Withheld)
            {
                self.line_up(sequence);
            }
        }
    }

    /// Returns the number of messages that are still withheld, after some were removed.
    pub(in crate::delivery) fn count_withheld(&mut self) -> usize {
        let unacked = &self.unacked;
        self.withheld.retain(|sequence| {
            let entry = unacked.get(sequence);
            entry.is_some_and(|entry| entry.place == Place::Withheld)
        });
        self.withheld.len()
    }
}
