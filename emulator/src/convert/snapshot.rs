//! Google's *Snapshot*.

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::Snapshot;

use super::{timestamp, to_timestamp};
use crate::error::ApiError;
use crate::resources::snapshot::SnapshotConfig;

/// # Errors
/// If it has no expiration time, or an invalid one.
pub(crate) fn snapshot_from(snapshot: Snapshot) -> Result<SnapshotConfig, ApiError> {
    let end = snapshot.expire_time;
    let end = end.ok_or_else(|| ApiError::invalid("Snapshot.expireTime is missing"))?;
    Ok(SnapshotConfig {
        name: snapshot.name,
        topic: snapshot.topic,
        expire_time: timestamp("Snapshot.expireTime", end)?,
        labels: snapshot.labels.into_iter().collect(),
    })
}

pub(crate) fn snapshot_to(config: SnapshotConfig) -> Snapshot {
    Snapshot {
        name: config.name,
        topic: config.topic,
        expire_time: Some(to_timestamp(config.expire_time)),
        labels: config.labels.into_iter().collect(),
    }
}
