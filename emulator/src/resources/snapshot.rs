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
    /// When it is deleted by itself.
    pub expire_time: OffsetDateTime,
    /// For whoever sorts snapshots by them.
    pub labels: BTreeMap<String, String>,
}
