//! The changes for the data folder, and settled messages.

use super::{Backlog, Entry, SettledMessage};
use crate::journal::data_folder::AckChange;

impl Backlog {
    /// Starts or stops retaining acknowledged messages. Stopping drops the retained ones.
    pub(in crate::delivery) fn set_retains_acked(&mut self, retains_acked: bool) {
        self.retains_acked = retains_acked;
        if !retains_acked {
            for sequence in self.settled.forget_retained() {
                self.record(AckChange::Removed { sequence });
            }
        }
    }

    /// Stops recording changes.
    pub(in crate::delivery) fn stop_recording(&mut self) {
        self.is_recording = false;
        self.ack_changes.clear();
    }

    /// Takes the changes since the last call.
    pub(in crate::delivery) fn take_ack_changes(&mut self) -> Vec<AckChange> {
        std::mem::take(&mut self.ack_changes)
    }

    pub(super) fn remember(&mut self, entry: Entry) {
        let sequence = entry.sequence();
        self.record(if self.retains_acked {
            AckChange::Retained { sequence }
        } else {
            AckChange::Removed { sequence }
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

    pub(super) fn record_unacked(&mut self, sequence: u64, failures: u32) {
        self.record(AckChange::Unacked { sequence, failures });
    }

    pub(super) fn record_removed(&mut self, sequence: u64) {
        self.record(AckChange::Removed { sequence });
    }

    pub(super) fn record(&mut self, change: AckChange) {
        if self.is_recording {
            self.ack_changes.push(change);
        }
    }
}
