//! A snapshot: the unacknowledged messages of one subscription at one time, and all later ones.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use crate::error::ApiError;
use crate::messages::storage::StoredMessage;
use crate::resources::labels;
use crate::resources::name::ResourceName;
use crate::resources::snapshot::SnapshotConfig;
use crate::resources::subscription::DAY;
use crate::resources::topic::Origin;

/// The lifetime of a snapshot is seven days, less the age of its oldest message, and at least an hour (Google, *Snapshot*,
/// `expireTime`).
const LIFETIME: Duration = Duration::from_secs(7 * DAY.as_secs());
const SHORTEST: Duration = Duration::from_secs(60 * 60);

/// A snapshot and the messages that it keeps. Its topic keeps the later ones.
pub(super) struct Snapshot {
    pub(super) name: ResourceName,
    pub(super) topic: String,
    /// The topic, even if it was deleted. `None` in folders of earlier emulators.
    pub(super) origin: Option<Origin>,
    pub(super) expire_time: OffsetDateTime,
    /// The sequence of the first later message.
    pub(super) since: u64,
    labels: BTreeMap<String, String>,
    unacked: BTreeMap<u64, Arc<StoredMessage>>,
}

impl Snapshot {
    /// # Errors
    /// If it would expire within an hour, or if a label is invalid.
    pub(super) fn new(
        name: ResourceName,
        (topic, origin): (String, Option<Origin>),
        labels: BTreeMap<String, String>,
        unacked: BTreeMap<u64, Arc<StoredMessage>>,
        since: u64,
        now: OffsetDateTime,
    ) -> Result<Self, ApiError> {
        labels::check(&labels)?;
        let oldest = unacked.values().map(|message| message.publish_time).min();
        let expire_time = oldest.unwrap_or(now).min(now) + LIFETIME;
        if expire_time - now < SHORTEST {
            return Err(ApiError::precondition(
                "The snapshot would expire in less than an hour, since the subscription has a message that is nearly seven days old",
            ));
        }
        Ok(Self {
            name,
            topic,
            origin,
            expire_time,
            since,
            labels,
            unacked,
        })
    }

    /// Restores a snapshot from the data folder.
    ///
    /// # Errors
    /// If its name is invalid.
    pub(super) fn restore(
        config: SnapshotConfig,
        origin: Option<Origin>,
        since: u64,
        unacked: BTreeMap<u64, Arc<StoredMessage>>,
    ) -> Result<Self, ApiError> {
        Ok(Self {
            name: ResourceName::snapshot(&config.name)?,
            topic: config.topic,
            origin,
            expire_time: config.expire_time,
            since,
            labels: config.labels,
            unacked,
        })
    }

    pub(super) fn config(&self) -> SnapshotConfig {
        SnapshotConfig {
            name: self.name.to_string(),
            topic: self.topic.clone(),
            expire_time: self.expire_time,
            labels: self.labels.clone(),
        }
    }

    /// # Errors
    /// If it would expire after more than seven days, or if a label is invalid.
    pub(super) fn update(
        &mut self,
        config: SnapshotConfig,
        now: OffsetDateTime,
    ) -> Result<(), ApiError> {
        labels::check(&config.labels)?;
        let is_within = (now..=now + LIFETIME).contains(&config.expire_time);
        if config.expire_time != self.expire_time && !is_within {
            return Err(ApiError::invalid(
                "Snapshot.expireTime must be within the next seven days",
            ));
        }
        self.expire_time = config.expire_time;
        self.labels = config.labels;
        Ok(())
    }

    pub(super) fn unacked(&self) -> &BTreeMap<u64, Arc<StoredMessage>> {
        &self.unacked
    }

    /// Takes over the messages that its topic kept for it, when the topic is deleted.
    pub(super) fn keep(&mut self, log: &BTreeMap<u64, Arc<StoredMessage>>) {
        let since = log.range(self.since..);
        let since = since.map(|(sequence, message)| (*sequence, Arc::clone(message)));
        self.unacked.extend(since);
    }

    /// Returns true if a seek to this snapshot restores a message.
    pub(super) fn wants(&self, message: &StoredMessage) -> bool {
        message.sequence >= self.since || self.unacked.contains_key(&message.sequence)
    }
}
