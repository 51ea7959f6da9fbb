//! Google's *Topic*.

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::Topic;

use super::schema_settings::{schema_settings_from, schema_settings_to};
use super::without_effect::{add_to, topic_without_effect};
use super::{duration, to_duration};
use crate::error::ApiError;
use crate::resources::topic::TopicConfig;

/// # Errors
/// If a field is invalid.
pub(crate) fn topic_from(topic: Topic) -> Result<TopicConfig, ApiError> {
    let without_effect = topic_without_effect(&topic)?;
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
        without_effect,
    })
}

/// Converts a topic with its tags, which clients do not receive.
pub(crate) fn topic_to(config: TopicConfig) -> Topic {
    let without_effect = config.without_effect;
    let mut topic = Topic {
        name: config.name,
        labels: config.labels.into_iter().collect(),
        message_retention_duration: config.message_retention.map(to_duration),
        schema_settings: config.schema.map(schema_settings_to),
        tags: without_effect.tags().clone().into_iter().collect(),
        ..Topic::default()
    };
    add_to(&mut topic, &without_effect);
    topic
}
