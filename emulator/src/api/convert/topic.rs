//! Google's *Topic*.

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::{
    self as google, IngestionDataSourceSettings, MessageStoragePolicy, Topic,
};

use super::time::{duration, to_duration};
use super::{refuse, refuse_extras};
use crate::error::ApiError;
use crate::topic::{Encoding, SchemaSettings, TopicConfig};

/// What a client asks for, with Google's defaults; what the service sets is passed over.
///
/// # Errors
/// If a field is malformed, or one that the emulator does not act upon.
pub(in crate::api) fn topic_config(topic: Topic) -> Result<TopicConfig, ApiError> {
    refuse_unsupported(&topic)?;
    let retention = topic.message_retention_duration;
    let retention = retention.map(|written| duration("messageRetentionDuration", written));
    Ok(TopicConfig {
        name: topic.name,
        labels: topic.labels.into_iter().collect(),
        message_retention: retention.transpose()?,
        schema: topic.schema_settings.map(schema_settings).transpose()?,
    })
}

/// What the service shows.
pub(in crate::api) fn topic(config: TopicConfig) -> Topic {
    Topic {
        name: config.name,
        labels: config.labels.into_iter().collect(),
        message_retention_duration: config.message_retention.map(to_duration),
        schema_settings: config.schema.map(to_schema_settings),
        ..Topic::default()
    }
}

fn refuse_unsupported(topic: &Topic) -> Result<(), ApiError> {
    let storage = topic.message_storage_policy.as_ref();
    refuse(
        storage.is_some_and(|policy| *policy != MessageStoragePolicy::default()),
        "Topic.messageStoragePolicy",
        "there are no regions on a laptop",
    )?;
    refuse(
        !topic.kms_key_name.is_empty(),
        "Topic.kmsKeyName",
        "nothing is encrypted",
    )?;
    let ingestion = topic.ingestion_data_source_settings.as_ref();
    refuse(
        ingestion.is_some_and(|settings| *settings != IngestionDataSourceSettings::default()),
        "Topic.ingestionDataSourceSettings",
        "nothing is ingested",
    )?;
    let has_transforms = !topic.message_transforms.is_empty();
    refuse_extras("Topic", has_transforms, !topic.tags.is_empty())
}

fn schema_settings(settings: google::SchemaSettings) -> Result<SchemaSettings, ApiError> {
    let encoding = match settings.encoding() {
        google::Encoding::Json => Encoding::Json,
        google::Encoding::Binary => Encoding::Binary,
        google::Encoding::Unspecified => {
            return Err(ApiError::invalid(
                "schemaSettings.encoding must be JSON or BINARY",
            ));
        }
    };
    if settings.schema.is_empty() {
        return Err(ApiError::invalid("schemaSettings.schema is empty"));
    }
    Ok(SchemaSettings {
        schema: settings.schema,
        encoding,
        first_revision_id: settings.first_revision_id,
        last_revision_id: settings.last_revision_id,
    })
}

fn to_schema_settings(settings: SchemaSettings) -> google::SchemaSettings {
    let encoding = match settings.encoding {
        Encoding::Json => google::Encoding::Json,
        Encoding::Binary => google::Encoding::Binary,
    };
    google::SchemaSettings {
        schema: settings.schema,
        encoding: encoding.into(),
        first_revision_id: settings.first_revision_id,
        last_revision_id: settings.last_revision_id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::MessageTransform;

    fn full() -> Topic {
        Topic {
            name: "projects/shop/topics/orders".to_owned(),
            labels: [("team".to_owned(), "sales".to_owned())].into(),
            message_retention_duration: Some(prost_types::Duration {
                seconds: 600,
                nanos: 1,
            }),
            schema_settings: Some(google::SchemaSettings {
                schema: "projects/shop/schemas/order".to_owned(),
                encoding: google::Encoding::Binary.into(),
                first_revision_id: "0a1b2c3d".to_owned(),
                last_revision_id: "4e5f6a7b".to_owned(),
            }),
            ..Topic::default()
        }
    }

    #[test]
    fn a_topic_is_shown_as_it_was_declared() {
        assert_eq!(topic(topic_config(full()).unwrap()), full());
        let bare = Topic {
            message_storage_policy: Some(MessageStoragePolicy::default()),
            ..Topic::default()
        };
        assert_eq!(topic(topic_config(bare).unwrap()), Topic::default());
    }

    fn check(change: impl FnOnce(&mut Topic), expected: &str) {
        let mut topic = full();
        change(&mut topic);
        let refused = topic_config(topic).unwrap_err();
        assert!(refused.to_string().contains(expected), "{refused}");
    }

    #[test]
    fn what_would_have_no_effect_is_refused() {
        check(
            |topic| topic.kms_key_name = "key".to_owned(),
            "Topic.kmsKeyName",
        );
        check(
            |topic| topic.message_transforms = vec![MessageTransform::default()],
            "Topic.messageTransforms",
        );
        check(
            |topic| topic.tags = [("1/environment".to_owned(), "test".to_owned())].into(),
            "Topic.tags",
        );
        let regions = MessageStoragePolicy {
            allowed_persistence_regions: vec!["europe-west1".to_owned()],
            enforce_in_transit: false,
        };
        check(
            |topic| topic.message_storage_policy = Some(regions),
            "Topic.messageStoragePolicy",
        );
    }

    #[test]
    fn schema_settings_are_whole() {
        let settings = google::SchemaSettings::default;
        check(|topic| topic.schema_settings = Some(settings()), "encoding");
        let json = google::SchemaSettings {
            encoding: google::Encoding::Json.into(),
            ..settings()
        };
        check(
            |topic| topic.schema_settings = Some(json),
            "schema is empty",
        );
    }
}
