//! Changes the unacknowledged messages of a subscription by a seek, for a snapshot, by age, or on request.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use super::{Delivery, State};
use crate::messages::storage::StoredMessage;

/// A seek to a snapshot. It keeps the restored messages until the snapshot ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SnapshotSeek {
    pub(crate) until: OffsetDateTime,
    /// The sequence of the first later message.
    pub(crate) before: u64,
}

impl SnapshotSeek {
    /// Returns the end of the snapshot, if the snapshot keeps this restored message.
    pub(super) fn keeps(self, message: &StoredMessage) -> Option<OffsetDateTime> {
        (message.sequence < self.before).then_some(self.until)
    }
}

impl Delivery {
    /// Makes exactly the `wanted` messages unacknowledged, among those of the subscription and those in `more`. With
    /// `snapshot_seek` they stay until the snapshot ends, whatever their age (Google, *Snapshot*, `expireTime`).
    pub(crate) fn seek(
        &self,
        more: &BTreeMap<u64, Arc<StoredMessage>>,
        wanted: impl Fn(&StoredMessage) -> bool,
        snapshot_seek: Option<SnapshotSeek>,
    ) {
        let mut state = self.state();
        let State {
            config,
            filter,
            backlog,
            ..
        } = &mut *state;
        let is_exported = config.without_effect.export().is_some();
        let wanted = |message: &StoredMessage| {
            !is_exported && filter.matches(&message.attributes) && wanted(message)
        };
        backlog.seek(
            more,
            wanted,
            snapshot_seek.map(|snapshot_seek| snapshot_seek.until),
        );
        state.snapshot_seek = snapshot_seek.or(state.snapshot_seek);
        state.count_withheld();
        state.last_active = self.clock.utc();
        drop(state);
        self.wake();
    }

    /// Acknowledges messages without a delivery, and returns the sequences of those that were unacknowledged.
    pub(crate) fn remove(&self, sequences: &[u64]) -> Vec<u64> {
        let mut state = self.state();
        let unacked = sequences.iter().copied();
        let unacked = unacked.filter(|sequence| state.backlog.unacked(*sequence).is_some());
        let removed: Vec<u64> = unacked.collect();
        for sequence in &removed {
            state.backlog.settle(*sequence);
        }
        state.last_active = self.clock.utc();
        drop(state);
        self.wake();
        removed
    }

    /// Returns the unacknowledged messages, for a snapshot.
    pub(crate) fn unacknowledged(&self) -> BTreeMap<u64, Arc<StoredMessage>> {
        let state = self.state();
        let unacked = state.backlog.unacked_messages();
        unacked
            .map(|message| (message.sequence, Arc::clone(message)))
            .collect()
    }

    /// Returns the latest seek to a snapshot.
    pub(crate) fn snapshot_seek(&self) -> Option<SnapshotSeek> {
        self.state().snapshot_seek
    }

    /// Drops messages older than the retention of both the subscription and its topic. Messages that the topic retains stay
    /// available to its subscriptions (Google, *Topic*, `messageRetentionDuration`).
    pub(crate) fn expire_messages(&self, now: OffsetDateTime, topic_retention: Option<Duration>) {
        let mut state = self.state();
        let retention = state.config.message_retention;
        let retention = topic_retention.map_or(retention, |topic| topic.max(retention));
        let expired = state.backlog.expire(now, now - retention);
        state.count_withheld();
        drop(state);
        if expired > 0 {
            tracing::info!(subscription = %self.name, expired, "messages outlived their retention");
            self.wake();
        }
    }
}
