//! The settings of a snapshot.

use std::collections::BTreeMap;

use time::OffsetDateTime;

/// A snapshot as it is shown (Google, *Snapshot*).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SnapshotConfig {
    /// `projects/PROJECT/snapshots/ID`.
    pub name: String,
    /// The topic of its subscription; `_deleted-topic_` once that is deleted.
    pub topic: String,
    /// The time at which it is deleted by itself.
    pub expire_time: OffsetDateTime,
    /// Labels, for the user's own grouping.
    pub labels: BTreeMap<String, String>,
}
