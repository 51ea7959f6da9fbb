//! Snapshots, and seeks to a snapshot or a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use time::OffsetDateTime;

use super::snapshot::Snapshot;
use super::{Broker, Resources, check_count};
use crate::delivery::{Delivery, SnapshotSeek};
use crate::error::ApiError;
use crate::history::Note;
use crate::journal::Kind;
use crate::messages::storage::StoredMessage;
use crate::resources::name::ResourceName;
use crate::resources::snapshot::SnapshotConfig;

/// The most snapshots of a project (Google, *Quotas and limits*).
const MAX_SNAPSHOTS: usize = 5_000;

impl Broker {
    /// Creates a snapshot of the unacknowledged messages, and of all later ones (Google, *CreateSnapshot*).
    ///
    /// # Errors
    /// If the name is taken, if there is no such subscription, or if the snapshot would expire within an hour.
    pub(crate) fn create_snapshot(
        &self,
        name: &ResourceName,
        subscription: &ResourceName,
        labels: BTreeMap<String, String>,
    ) -> Result<SnapshotConfig, ApiError> {
        let mut resources = self.resources();
        if resources.snapshots.contains_key(name) {
            return Err(name.already_exists());
        }
        check_count("snapshots", resources.snapshots.len(), MAX_SNAPSHOTS)?;
        let delivery = resources.find_subscription(subscription)?;
        let topic = attached_topic(delivery)?;
        let snapshot = Snapshot::new(
            name.clone(),
            (topic, delivery.origin()),
            labels,
            delivery.unacknowledged(),
            resources.next_sequence,
            self.clock.utc(),
        )?;
        let config = snapshot.config();
        self.save_snapshot(&snapshot);
        resources.snapshots.insert(name.clone(), snapshot);
        Ok(config)
    }

    /// # Errors
    /// If there is no such snapshot.
    pub(crate) fn snapshot(&self, name: &ResourceName) -> Result<SnapshotConfig, ApiError> {
        let resources = self.resources();
        let snapshot = resources.snapshots.get(name);
        snapshot
            .map(Snapshot::config)
            .ok_or_else(|| name.not_found())
    }

    /// Returns the snapshots of a project, by name.
    pub(crate) fn snapshots(&self, project: &str) -> Vec<SnapshotConfig> {
        let resources = self.resources();
        let snapshots = resources.snapshots.iter();
        let of_project = snapshots.filter(|(name, _)| name.project() == project);
        of_project.map(|(_, snapshot)| snapshot.config()).collect()
    }

    /// Changes the labels and the expiration of a snapshot, computed from the current ones under one lock.
    ///
    /// # Errors
    /// If there is no such snapshot, or if it would expire after more than seven days.
    pub(crate) fn update_snapshot(
        &self,
        name: &ResourceName,
        change: impl FnOnce(SnapshotConfig) -> Result<SnapshotConfig, ApiError>,
    ) -> Result<SnapshotConfig, ApiError> {
        let mut resources = self.resources();
        let snapshot = resources.snapshots.get_mut(name);
        let snapshot = snapshot.ok_or_else(|| name.not_found())?;
        snapshot.update(change(snapshot.config())?, self.clock.utc())?;
        self.save_snapshot(snapshot);
        Ok(snapshot.config())
    }

    /// # Errors
    /// If there is no such snapshot.
    pub(crate) fn delete_snapshot(&self, name: &ResourceName) -> Result<(), ApiError> {
        let mut resources = self.resources();
        let snapshot = resources.snapshots.remove(name);
        snapshot.ok_or_else(|| name.not_found())?;
        self.save_deletion(Kind::Snapshot, name);
        resources.trim_topics(self.clock.utc());
        Ok(())
    }

    /// Acknowledges all messages published before `time`, and marks retained later ones as unacknowledged (Google, *Seek*).
    ///
    /// # Errors
    /// If there is no such subscription, or if it is detached.
    pub(crate) fn seek_to_time(
        &self,
        subscription: &ResourceName,
        time: OffsetDateTime,
    ) -> Result<(), ApiError> {
        let resources = self.resources();
        let delivery = Arc::clone(resources.find_subscription(subscription)?);
        let mut log = resources.log_of(&attached_topic(&delivery)?);
        let retention = resources.topic_retention(&delivery.config());
        let oldest = retention.map(|retention| self.clock.utc() - retention);
        // A seek to a time does not restore messages that the topic keeps only for a snapshot.
        log.retain(|_, message| oldest.is_some_and(|oldest| message.publish_time >= oldest));
        delivery.seek(&log, |message| message.published_at >= time, None);
        // A seek to the future leaves no unacknowledged message.
        let is_purge = time > self.clock.exact_utc();
        let note = if is_purge {
            Note::Purged
        } else {
            Note::Seek { to: time }
        };
        self.note_seek(&delivery, note);
        Ok(())
    }

    /// Delivers the messages that were unacknowledged at a snapshot, and all later ones (Google, *Seek*).
    ///
    /// # Errors
    /// If there is no such subscription or snapshot, or if they have different topics.
    pub(crate) fn seek_to_snapshot(
        &self,
        subscription: &ResourceName,
        snapshot: &ResourceName,
    ) -> Result<(), ApiError> {
        let resources = self.resources();
        let delivery = Arc::clone(resources.find_subscription(subscription)?);
        let topic = attached_topic(&delivery)?;
        let found = resources.snapshots.get(snapshot);
        let found = found.ok_or_else(|| snapshot.not_found())?;
        // All deleted topics have the same name.
        if found.origin.is_none() || found.origin != delivery.origin() {
            return Err(ApiError::invalid(
                "The snapshot and the subscription must have the same topic",
            ));
        }
        let mut messages = resources.log_of(&topic);
        messages.extend(found.unacked().clone());
        let snapshot_seek = SnapshotSeek {
            until: found.expire_time,
            before: resources.next_sequence,
        };
        delivery.seek(
            &messages,
            |message| found.wants(message),
            Some(snapshot_seek),
        );
        self.save_subscription(&delivery);
        let snapshot = snapshot.to_string();
        self.note_seek(&delivery, Note::SeekToSnapshot { snapshot });
        Ok(())
    }

    /// Records a seek in the history.
    pub(super) fn note_seek(&self, delivery: &Delivery, note: Note) {
        let unacked = delivery.unacknowledged();
        self.history.seek(delivery.name(), note, |sequence| {
            unacked.contains_key(&sequence)
        });
    }
}

impl Resources {
    /// Returns true if a snapshot needs messages that are published to this topic.
    pub(super) fn is_sought(&self, topic: &ResourceName) -> bool {
        let mut snapshots = self.snapshots.values();
        snapshots.any(|snapshot| snapshot.topic == topic.as_str())
    }

    /// Returns the messages that a topic keeps, settled ones included.
    fn log_of(&self, topic: &str) -> BTreeMap<u64, Arc<StoredMessage>> {
        let topic = ResourceName::topic(topic).ok();
        let topic = topic.and_then(|name| self.topics.get(&name));
        topic.map(|topic| topic.log().clone()).unwrap_or_default()
    }
}

/// # Errors
/// If the subscription is detached.
fn attached_topic(delivery: &Delivery) -> Result<String, ApiError> {
    let config = delivery.config();
    if config.detached {
        return Err(ApiError::precondition(
            "Subscription is detached from its topic",
        ));
    }
    Ok(config.topic)
}
