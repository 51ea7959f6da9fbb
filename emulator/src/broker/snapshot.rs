//! A snapshot: what one subscription had not acknowledged at some moment, and all that came later.

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

/// A snapshot lives for seven days, less the age of the oldest message in it, and is not made for less than an hour (Google,
/// *Snapshot*, `expireTime`).
const LIFETIME: Duration = Duration::from_secs(7 * DAY.as_secs());
const SHORTEST: Duration = Duration::from_secs(60 * 60);

/// A snapshot and what it keeps. What came later is kept by its topic.
pub(super) struct Snapshot {
    pub(super) name: ResourceName,
    pub(super) topic: String,
    /// That topic, even if it was deleted; unknown if an emulator deleted it that did not note this.
    pub(super) origin: Option<Origin>,
    pub(super) expire_time: OffsetDateTime,
    /// The first sequence that came later.
    pub(super) since: u64,
    labels: BTreeMap<String, String>,
    unacked: BTreeMap<u64, Arc<StoredMessage>>,
}

impl Snapshot {
    /// # Errors
    /// If it would not live for an hour, or a label is bad.
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

    /// A snapshot as it was kept over a restart.
    ///
    /// # Errors
    /// If its name is bad.
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
    /// If the new end is not within seven days from now, or a label is bad.
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

    /// Keeps what its topic did for it, which is deleted.
    pub(super) fn keep(&mut self, log: &BTreeMap<u64, Arc<StoredMessage>>) {
        let since = log.range(self.since..);
        let since = since.map(|(sequence, message)| (*sequence, Arc::clone(message)));
        self.unacked.extend(since);
    }

    /// Whether a seek to this snapshot brings a message back.
    pub(super) fn wants(&self, message: &StoredMessage) -> bool {
        message.sequence >= self.since || self.unacked.contains_key(&message.sequence)
    }
}
