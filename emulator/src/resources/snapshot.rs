//! The settings of a snapshot.

use std::collections::BTreeMap;

use time::OffsetDateTime;

/// A snapshot (Google, *Snapshot*).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SnapshotConfig {
    /// `projects/PROJECT/snapshots/ID`.
    pub name: String,
    /// The topic of its subscription, or `_deleted-topic_` after that was deleted.
    pub topic: String,
    /// The expiration time.
    pub expire_time: OffsetDateTime,
    /// Labels, for the user.
    pub labels: BTreeMap<String, String>,
}
