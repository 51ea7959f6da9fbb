//! The changes for the data folder, and the settlement of messages.

use super::{Backlog, Entry, SettledMessage};
use crate::journal::data_folder::Hold;

impl Backlog {
    /// Starts or stops retaining acknowledged messages. Stopping drops the retained ones.
    pub(in crate::delivery) fn set_retains_acked(&mut self, retains_acked: bool) {
        self.retains_acked = retains_acked;
        if !retains_acked {
            for sequence in self.settled.forget_retained() {
                self.note(Hold::Gone { sequence });
            }
        }
    }

    /// Stops recording changes of holds.
    pub(in crate::delivery) fn stop_recording(&mut self) {
        self.is_kept = false;
        self.holds.clear();
    }

    /// Takes the changes of holds since the last call.
    pub(in crate::delivery) fn take_holds(&mut self) -> Vec<Hold> {
        std::mem::take(&mut self.holds)
    }

    pub(super) fn remember(&mut self, entry: Entry) {
        let sequence = entry.sequence();
        self.note(if self.retains_acked {
            Hold::Retained { sequence }
        } else {
            Hold::Gone { sequence }
        });
        self.remember_as(entry, self.retains_acked);
    }

    pub(super) fn remember_as(&mut self, entry: Entry, is_retained: bool) {
        self.oldest.note(&entry.message);
        let done = SettledMessage {
            message: entry.message,
            failures: entry.failures,
            nth: entry.nth,
            kept_until: entry.kept_until,
        };
        self.settled.insert(done, is_retained);
    }

    pub(super) fn hold(&mut self, sequence: u64, failures: u32) {
        self.note(Hold::Pending { sequence, failures });
    }

    pub(super) fn release(&mut self, sequence: u64) {
        self.note(Hold::Gone { sequence });
    }

    pub(super) fn note(&mut self, hold: Hold) {
        if self.is_kept {
            self.holds.push(hold);
        }
    }
}
