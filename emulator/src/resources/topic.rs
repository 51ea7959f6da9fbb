//! The settings of a topic.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::error::ApiError;
use crate::resources::labels;
use crate::resources::name::ResourceName;
use crate::resources::subscription::{DAY, within};
use crate::resources::without_effect::WithoutEffect;

/// The settings of a topic (Google, *Topic*).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TopicConfig {
    /// `projects/PROJECT/topics/ID`.
    pub name: String,
    /// Labels, for the user.
    pub labels: BTreeMap<String, String>,
    /// The retention of every message, 10 minutes to 31 days, including settled ones, so that subscriptions can seek back.
    /// `None` keeps messages only while subscriptions need them.
    pub message_retention: Option<Duration>,
    /// The schema that every message must fit.
    pub schema: Option<SchemaSettings>,
    /// The settings that are only stored and shown.
    pub without_effect: WithoutEffect,
}

/// The schema of a topic (Google, *SchemaSettings*).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SchemaSettings {
    /// `projects/PROJECT/schemas/ID`, or `_deleted-schema_` after the schema was deleted.
    pub schema: String,
    /// The encoding of messages.
    pub encoding: Encoding,
    /// The oldest allowed revision; empty for the first one.
    pub first_revision_id: String,
    /// The newest allowed revision; empty for the last one.
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
            without_effect: WithoutEffect::default(),
        }
    }

    /// # Errors
    /// If the name or a label is invalid, or if another setting is out of range.
    pub(crate) fn check(&self) -> Result<ResourceName, ApiError> {
        labels::check(&self.labels)?;
        self.without_effect.check()?;
        if let Some(retention) = self.message_retention {
            let least = Duration::from_secs(600);
            within("messageRetentionDuration", retention, least, 31 * DAY)?;
        }
        ResourceName::topic(&self.name)
    }
}

/// The topic of a subscription or snapshot. The name may belong to another topic by now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Origin {
    pub(crate) topic: String,
    /// The first sequence of its messages, which distinguishes topics of the same name.
    pub(crate) since: u64,
}
