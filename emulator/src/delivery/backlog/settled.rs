//! Acknowledged messages that can be delivered again: the latest ones, or all within the retention if the subscription
//! retains them.

use std::collections::BTreeMap;
use std::sync::Arc;

use time::OffsetDateTime;

use super::entry::SettledMessage;
use super::recent::{Recent, Remembered};
use crate::messages::age::Oldest;
use crate::messages::storage::StoredMessage;

/// The settled messages of one subscription.
#[derive(Default)]
pub(super) struct Settled {
    /// The retained messages, by sequence. A seek to a time restores only these.
    retained: BTreeMap<u64, SettledMessage>,
    recent: Recent,
}

impl Settled {
    pub(super) fn new(remembered: Arc<Remembered>) -> Self {
        Self {
            retained: BTreeMap::new(),
            recent: Recent::new(remembered),
        }
    }

    pub(super) fn insert(&mut self, done: SettledMessage, is_retained: bool) {
        let sequence = done.message.sequence;
        if is_retained {
            self.recent.remove(sequence);
            self.retained.insert(sequence, done);
        } else {
            self.retained.remove(&sequence);
            self.recent.insert(done);
        }
    }

    pub(super) fn remove(&mut self, sequence: u64) -> Option<SettledMessage> {
        let retained = self.retained.remove(&sequence);
        retained.or_else(|| self.recent.remove(sequence))
    }

    pub(super) fn get(&self, sequence: u64) -> Option<SettledMessage> {
        let retained = self.retained.get(&sequence).cloned();
        retained.or_else(|| self.recent.get(sequence))
    }

    /// Returns the sequences of a key's messages from this sequence on.
    pub(super) fn of_key(&self, first: u64, key: &str) -> Vec<u64> {
        let recent = self.recent.from(first);
        let retained = self.retained.range(first..).map(|(_, done)| done);
        let all = retained.chain(&recent).map(|done| &done.message);
        all.filter(|message| message.ordering_key == key)
            .map(|message| message.sequence)
            .collect()
    }

    pub(super) fn retained(&self) -> impl Iterator<Item = &Arc<StoredMessage>> {
        self.retained.values().map(|done| &done.message)
    }

    /// Returns a bound for the age of the oldest message.
    pub(super) fn oldest(&self) -> Oldest {
        let recent = self.recent.from(0);
        let all = self.retained.values().chain(&recent);
        all.map(|done| &*done.message).collect()
    }

    /// Drops all retained messages, and returns their sequences.
    pub(super) fn forget_retained(&mut self) -> Vec<u64> {
        let retained = std::mem::take(&mut self.retained);
        retained.into_keys().collect()
    }

    /// Drops the messages that need not be retained.
    pub(super) fn forget_recent(&mut self) {
        self.recent.forget(|_| true);
    }

    /// Drops messages that are too old, and returns the sequences of the retained ones among them.
    pub(super) fn expire(&mut self, now: OffsetDateTime, limit: OffsetDateTime) -> Vec<u64> {
        self.recent.forget(|done| {
            let is_kept = done.kept_until.is_some_and(|until| now < until);
            done.message.publish_time < limit && !is_kept
        });
        let old = self
            .retained
            .extract_if(.., |_, done| done.message.publish_time < limit);
        old.map(|(sequence, _)| sequence).collect()
    }
}
