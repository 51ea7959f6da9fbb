//! Settings without effect, in Google's JSON.

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::{Subscription, Topic};
use prost::Message;
use prost_reflect::DynamicMessage;
use serde_saphyr::{Location, Spanned};

use super::document::{SubscriptionEntry, TopicEntry};
use super::json::{self, Json};
use crate::convert::{subscription_without_effect, topic_without_effect};
use crate::descriptor::{self, PUBSUB};
use crate::error::ApiError;
use crate::resources::without_effect::WithoutEffect;

/// A field that may be set.
type Field<'a> = (&'static str, &'a Option<Spanned<Json>>);
/// The place and the reason of an error.
type Fault = (Location, String);

/// Returns the settings of a topic in the file `text`.
pub(super) fn of_topic(entry: &TopicEntry, text: &str) -> Result<WithoutEffect, Fault> {
    let fields = [
        ("messageStoragePolicy", &entry.message_storage_policy),
        ("kmsKeyName", &entry.kms_key_name),
        (
            "ingestionDataSourceSettings",
            &entry.ingestion_data_source_settings,
        ),
        ("messageTransforms", &entry.message_transforms),
        ("tags", &entry.tags),
    ];
    read::<Topic>("Topic", &fields, text, topic_without_effect)
}

/// Returns the settings of a subscription in the file `text`.
pub(super) fn of_subscription(
    entry: &SubscriptionEntry,
    text: &str,
) -> Result<WithoutEffect, Fault> {
    let fields = [
        ("bigqueryConfig", &entry.bigquery_config),
        ("bigtableConfig", &entry.bigtable_config),
        ("cloudStorageConfig", &entry.cloud_storage_config),
        ("messageTransforms", &entry.message_transforms),
        ("tags", &entry.tags),
    ];
    read::<Subscription>("Subscription", &fields, text, subscription_without_effect)
}

fn read<T: Message + Default>(
    message: &str,
    fields: &[Field<'_>],
    text: &str,
    convert: impl Fn(&T) -> Result<WithoutEffect, ApiError>,
) -> Result<WithoutEffect, Fault> {
    let mut all = T::default();
    for (name, field) in fields {
        let Some(field) = field else {
            continue;
        };
        let place = field.referenced;
        let value = json::write(field, text);
        let value = value.map_err(|(own, reason)| (own.unwrap_or(place), reason))?;
        let one: T = parse(message, &format!("{{\"{name}\":{value}}}"))
            .map_err(|reason| (place, format!("{name}: {reason}")))?;
        convert(&one).map_err(|error| (place, error.to_string()))?;
        all.merge(&one.encode_to_vec()[..])
            .map_err(|error| (place, error.to_string()))?;
    }
    convert(&all).map_err(|error| (Location::UNKNOWN, error.to_string()))
}

/// Reads a message of Google's that has one field.
fn parse<T: Message + Default>(message: &str, json: &str) -> Result<T, String> {
    let reason = |error: ApiError| error.to_string();
    let descriptor = descriptor::message(&format!("{PUBSUB}.{message}")).map_err(reason)?;
    let mut json = serde_json::Deserializer::from_str(json);
    let read = DynamicMessage::deserialize(descriptor, &mut json).map_err(|error| {
        let text = error.to_string();
        // The place is one of the JSON, not of the file.
        let (text, _) = text.rsplit_once(" at line ").unwrap_or((&text, ""));
        text.to_owned()
    })?;
    descriptor::reject_dropped(&read).map_err(reason)?;
    read.transcode_to().map_err(|error| error.to_string())
}
