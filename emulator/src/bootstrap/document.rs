//! The format of a bootstrap file. Settings have the names of Google's REST API.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

use super::json::{self, Json};
use crate::faults::Faults;
use crate::resources::duration;
use crate::resources::topic::Encoding;
use crate::schema::SchemaLanguage;

/// A whole file.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Document {
    /// The project of short names in this file, instead of the one of `--project`.
    pub(super) project: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) schemas: Named<SchemaEntry>,
    #[serde(default)]
    pub(super) topics: Named<TopicEntry>,
    /// Subscriptions that are not under their topic.
    #[serde(default)]
    pub(super) subscriptions: Named<SubscriptionEntry>,
}

/// Entries by name, in the order of the file. An empty entry has the defaults.
pub(super) struct Named<T>(pub(super) Vec<(Spanned<String>, T)>);

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct SchemaEntry {
    pub(super) r#type: Option<SchemaLanguage>,
    pub(super) definition: Option<String>,
    /// A path relative to the file.
    pub(super) definition_file: Option<Spanned<String>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct TopicEntry {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) message_retention_duration: Option<Spanned<Seconds>>,
    pub(super) schema_settings: Option<SchemaSettingsEntry>,
    pub(super) message_storage_policy: Option<Spanned<Json>>,
    pub(super) kms_key_name: Option<Spanned<Json>>,
    pub(super) ingestion_data_source_settings: Option<Spanned<Json>>,
    pub(super) message_transforms: Option<Spanned<Json>>,
    pub(super) tags: Option<Spanned<Json>>,
    pub(super) subscriptions: Named<SubscriptionEntry>,
    pub(super) messages: Vec<Spanned<MessageEntry>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SchemaSettingsEntry {
    pub(super) schema: Spanned<String>,
    pub(super) encoding: EncodingEntry,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum EncodingEntry {
    Json,
    Binary,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct SubscriptionEntry {
    pub(super) topic: Option<Spanned<String>>,
    /// The endpoint, short for a `pushConfig` with nothing else.
    pub(super) push: Option<Spanned<String>>,
    pub(super) push_config: Option<Spanned<PushConfigEntry>>,
    pub(super) ack_deadline_seconds: Option<Spanned<u32>>,
    pub(super) retry_policy: Option<Spanned<RetryPolicyEntry>>,
    pub(super) dead_letter_policy: Option<Spanned<DeadLetterPolicyEntry>>,
    pub(super) enable_message_ordering: bool,
    pub(super) filter: Option<Spanned<String>>,
    pub(super) enable_exactly_once_delivery: bool,
    pub(super) retain_acked_messages: bool,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) message_retention_duration: Option<Spanned<Seconds>>,
    pub(super) expiration_policy: Option<Spanned<ExpirationPolicyEntry>>,
    pub(super) bigquery_config: Option<Spanned<Json>>,
    pub(super) bigtable_config: Option<Spanned<Json>>,
    pub(super) cloud_storage_config: Option<Spanned<Json>>,
    pub(super) message_transforms: Option<Spanned<Json>>,
    pub(super) tags: Option<Spanned<Json>>,
    pub(super) faults: Option<Spanned<Faults>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PushConfigEntry {
    pub(super) push_endpoint: String,
    #[serde(default)]
    pub(super) attributes: BTreeMap<String, Spanned<String>>,
    pub(super) oidc_token: Option<OidcTokenEntry>,
    pub(super) no_wrapper: Option<NoWrapperEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct OidcTokenEntry {
    pub(super) service_account_email: String,
    pub(super) audience: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct NoWrapperEntry {
    pub(super) write_metadata: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct RetryPolicyEntry {
    pub(super) minimum_backoff: Option<Seconds>,
    pub(super) maximum_backoff: Option<Seconds>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DeadLetterPolicyEntry {
    pub(super) dead_letter_topic: Spanned<String>,
    pub(super) max_delivery_attempts: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct ExpirationPolicyEntry {
    /// The expiration. Without it the subscription never expires.
    pub(super) ttl: Option<Seconds>,
}

/// A message. Its data has one of three forms, or is absent.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct MessageEntry {
    #[serde(deserialize_with = "json::present")]
    pub(super) json: Option<Spanned<Json>>,
    pub(super) text: Option<String>,
    pub(super) base64: Option<Spanned<String>>,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) ordering_key: String,
}

/// A duration, such as `600s`.
#[derive(Clone, Copy)]
pub(super) struct Seconds(pub(super) Duration);

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        duration::deserialize(deserializer).map(Self)
    }
}

impl From<EncodingEntry> for Encoding {
    fn from(entry: EncodingEntry) -> Self {
        match entry {
            EncodingEntry::Json => Self::Json,
            EncodingEntry::Binary => Self::Binary,
        }
    }
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries: Option<Entries<T>> = Option::deserialize(deserializer)?;
        Ok(entries.map_or_else(Self::default, |Entries(entries)| Self(entries)))
    }
}

/// The entries that are set.
struct Entries<T>(Vec<(Spanned<String>, T)>);

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ReadEntries(PhantomData))
    }
}

struct ReadEntries<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for ReadEntries<T> {
    type Value = Entries<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("names, each with a colon and its settings")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Entries<T>, M::Error> {
        let mut entries = Vec::new();
        while let Some(name) = map.next_key()? {
            let entry: Option<T> = map.next_value()?;
            entries.push((name, entry.unwrap_or_default()));
        }
        Ok(Entries(entries))
    }
}
