//! The settings of topics and subscriptions that have no effect here, checked in the form that Google documents.

use std::time::Duration;

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::{
    BigQueryConfig, BigtableConfig, CloudStorageConfig, Subscription, Topic, big_query_config,
    bigtable_config, cloud_storage_config,
};
use prost::Message;

use super::form::{check_bucket, check_form};
use super::ingestion::ingestion_from;
use super::transforms::check_transforms;
use crate::error::ApiError;
use crate::resources::subscription::within;
use crate::resources::without_effect::{Setting, WithoutEffect};

/// Returns the settings of a topic that have no effect.
///
/// # Errors
/// If one of them has not the documented form.
pub(crate) fn topic_without_effect(topic: &Topic) -> Result<WithoutEffect, ApiError> {
    let kept = Topic {
        message_storage_policy: topic.message_storage_policy.clone(),
        kms_key_name: topic.kms_key_name.clone(),
        ingestion_data_source_settings: topic
            .ingestion_data_source_settings
            .clone()
            .map(ingestion_from)
            .transpose()?,
        message_transforms: topic.message_transforms.clone(),
        ..Topic::default()
    };
    if let Some(policy) = &kept.message_storage_policy
        && policy.allowed_persistence_regions.is_empty()
    {
        return Err(ApiError::invalid(
            "messageStoragePolicy.allowedPersistenceRegions is empty, expected at least one region",
        ));
    }
    if !kept.kms_key_name.is_empty() {
        let form = "projects/*/locations/*/keyRings/*/cryptoKeys/*";
        check_form("kmsKeyName", &kept.kms_key_name, form)?;
    }
    check_transforms(&kept.message_transforms)?;
    let found = [
        (
            Setting::StoragePolicy,
            kept.message_storage_policy.is_some(),
        ),
        (Setting::KmsKey, !kept.kms_key_name.is_empty()),
        (
            Setting::Ingestion,
            kept.ingestion_data_source_settings.is_some(),
        ),
        (Setting::Transforms, !kept.message_transforms.is_empty()),
    ];
    let tags = topic.tags.clone().into_iter().collect();
    Ok(WithoutEffect::new(set(found), kept.encode_to_vec(), tags))
}

/// Returns the settings of a subscription that have no effect.
///
/// # Errors
/// If one of them has not the documented form.
pub(crate) fn subscription_without_effect(
    subscription: &Subscription,
) -> Result<WithoutEffect, ApiError> {
    let kept = Subscription {
        bigquery_config: subscription
            .bigquery_config
            .clone()
            .map(bigquery_from)
            .transpose()?,
        bigtable_config: subscription
            .bigtable_config
            .clone()
            .map(bigtable_from)
            .transpose()?,
        cloud_storage_config: subscription
            .cloud_storage_config
            .clone()
            .map(cloud_storage_from)
            .transpose()?,
        message_transforms: subscription.message_transforms.clone(),
        ..Subscription::default()
    };
    check_transforms(&kept.message_transforms)?;
    let found = [
        (Setting::BigQuery, kept.bigquery_config.is_some()),
        (Setting::Bigtable, kept.bigtable_config.is_some()),
        (Setting::CloudStorage, kept.cloud_storage_config.is_some()),
        (Setting::Transforms, !kept.message_transforms.is_empty()),
    ];
    let tags = subscription.tags.clone().into_iter().collect();
    Ok(WithoutEffect::new(set(found), kept.encode_to_vec(), tags))
}

fn set<const N: usize>(found: [(Setting, bool); N]) -> impl Iterator<Item = Setting> {
    let set = found.into_iter().filter(|(_, is_set)| *is_set);
    set.map(|(setting, _)| setting)
}

/// Adds the settings to Google's message. They were encoded from one of this type.
pub(super) fn add_to<T: Message>(message: &mut T, without_effect: &WithoutEffect) {
    let merged = message.merge(without_effect.encoded());
    debug_assert!(merged.is_ok(), "{merged:?}");
}

/// The table is optional (Google, *BigQueryConfig*). The state is output only.
fn bigquery_from(mut config: BigQueryConfig) -> Result<BigQueryConfig, ApiError> {
    // A project id may have dots, after the domain of its organization.
    let parts: Vec<&str> = config.table.rsplitn(3, '.').collect();
    let has_form = parts.len() == 3 && parts.iter().all(|part| !part.is_empty());
    if !config.table.is_empty() && !has_form {
        return Err(ApiError::invalid(format!(
            "bigqueryConfig.table is {:?}, expected PROJECT.DATASET.TABLE",
            config.table
        )));
    }
    if config.use_topic_schema && config.use_table_schema {
        return Err(ApiError::invalid(
            "bigqueryConfig has both useTopicSchema and useTableSchema, expected one of them",
        ));
    }
    config.state = big_query_config::State::Active.into();
    Ok(config)
}

fn bigtable_from(mut config: BigtableConfig) -> Result<BigtableConfig, ApiError> {
    if !config.table.is_empty() {
        let form = "projects/*/instances/*/tables/*";
        check_form("bigtableConfig.table", &config.table, form)?;
    }
    config.state = bigtable_config::State::Active.into();
    Ok(config)
}

/// Checks the ranges of Google's *CloudStorageConfig*.
fn cloud_storage_from(mut config: CloudStorageConfig) -> Result<CloudStorageConfig, ApiError> {
    check_bucket("cloudStorageConfig.bucket", &config.bucket)?;
    if config.filename_suffix.ends_with('/') {
        return Err(ApiError::invalid(
            "cloudStorageConfig.filenameSuffix ends in a slash, expected the end of a file's name",
        ));
    }
    if let Some(longest) = config.max_duration {
        let longest = super::duration("cloudStorageConfig.maxDuration", longest)?;
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        within(
            "cloudStorageConfig.maxDuration",
            longest,
            minutes(1),
            minutes(10),
        )?;
    }
    for (field, found, range) in [
        ("maxBytes", config.max_bytes, 1_000..=10 << 30),
        ("maxMessages", config.max_messages, 1_000..=i64::MAX),
    ] {
        if found != 0 && !range.contains(&found) {
            return Err(ApiError::invalid(format!(
                "cloudStorageConfig.{field} is {found}, expected {} to {}",
                range.start(),
                range.end()
            )));
        }
    }
    config.state = cloud_storage_config::State::Active.into();
    Ok(config)
}
