//! Google's *Topic*.

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::Topic;

use super::rejection::reject;
use super::schema_settings::{schema_settings_from, schema_settings_to};
use super::{duration, to_duration};
use crate::error::ApiError;
use crate::resources::topic::TopicConfig;

/// # Errors
/// If a field is invalid or not supported.
pub(crate) fn topic_from(topic: Topic) -> Result<TopicConfig, ApiError> {
    let is_stored = topic.message_storage_policy.is_some();
    let is_ingested = topic.ingestion_data_source_settings.is_some();
    reject(
        "Topic",
        &[
            (
                "messageStoragePolicy",
                is_stored,
                "there is one machine, and no region",
            ),
            (
                "kmsKeyName",
                !topic.kms_key_name.is_empty(),
                "nothing is encrypted at rest",
            ),
            (
                "ingestionDataSourceSettings",
                is_ingested,
                "messages are published only",
            ),
            (
                "messageTransforms",
                !topic.message_transforms.is_empty(),
                "messages would arrive untransformed",
            ),
            (
                "tags",
                !topic.tags.is_empty(),
                "there is no resource manager",
            ),
        ],
    )?;
    let retention = topic.message_retention_duration;
    Ok(TopicConfig {
        name: topic.name,
        labels: topic.labels.into_iter().collect(),
        message_retention: retention
            .map(|retention| duration("messageRetentionDuration", retention))
            .transpose()?,
        schema: topic
            .schema_settings
            .map(schema_settings_from)
            .transpose()?,
    })
}

pub(crate) fn topic_to(config: TopicConfig) -> Topic {
    Topic {
        name: config.name,
        labels: config.labels.into_iter().collect(),
        message_retention_duration: config.message_retention.map(to_duration),
        schema_settings: config.schema.map(schema_settings_to),
        ..Topic::default()
    }
}
