//! A topic: a name under which messages are published to every subscription of it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::error::ApiError;
use crate::resources::labels;
use crate::resources::name::ResourceName;
use crate::resources::subscription::{DAY, within};

/// A topic as it is declared (Google, *Topic*).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TopicConfig {
    /// `projects/PROJECT/topics/ID`.
    pub name: String,
    /// Labels, for the user's own grouping.
    pub labels: BTreeMap<String, String>,
    /// The retention of every message, settled ones included, 10 minutes to 31 days, so that subscriptions can seek back to
    /// it; unset for no longer than subscriptions need it.
    pub message_retention: Option<Duration>,
    /// The schema that every message must fit.
    pub schema: Option<SchemaSettings>,
}

/// The schema of a topic (Google, *SchemaSettings*).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SchemaSettings {
    /// `projects/PROJECT/schemas/ID`; `_deleted-schema_` once that is deleted.
    pub schema: String,
    /// The encoding of messages.
    pub encoding: Encoding,
    /// The oldest revision that messages may fit; empty for the first of all.
    pub first_revision_id: String,
    /// The newest revision that messages may fit; empty for the last of all.
    pub last_revision_id: String,
}

/// The encoding of messages of a topic with a schema (Google, *Encoding*).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Encoding {
    /// As JSON.
    Json,
    /// In the binary form of the schema's language.
    Binary,
}

impl TopicConfig {
    /// Returns a topic with Google's defaults.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            labels: BTreeMap::new(),
            message_retention: None,
            schema: None,
        }
    }

    /// # Errors
    /// If the name or a label is bad, or the retention out of range.
    pub(crate) fn check(&self) -> Result<ResourceName, ApiError> {
        labels::check(&self.labels)?;
        if let Some(retention) = self.message_retention {
            let least = Duration::from_secs(600);
            within("messageRetentionDuration", retention, least, 31 * DAY)?;
        }
        ResourceName::topic(&self.name)
    }
}

/// Which topic something is of, for good: its name may be that of another by now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Origin {
    pub(crate) topic: String,
    /// The first sequence that can be one of its messages; no two topics of a name have the same.
    pub(crate) since: u64,
}
