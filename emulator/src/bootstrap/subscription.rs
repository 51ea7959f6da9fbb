//! A subscription of a file.

use std::time::Duration;

use serde_saphyr::{Location, Spanned};

use super::document::{
    DeadLetterPolicyEntry, ExpirationPolicyEntry, PushConfigEntry, RetryPolicyEntry, Seconds,
    SubscriptionEntry,
};
use crate::resources::subscription::{
    DeadLetterPolicy, OidcToken, PushConfig, PushForm, RetryPolicy, SubscriptionConfig,
};

/// The places of the fields that Google's rules may reject, by their names in the texts.
pub(super) struct Places {
    whole: Location,
    fields: Vec<(&'static str, Location)>,
}

impl Places {
    fn of(entry: &SubscriptionEntry, whole: Location) -> Self {
        let mut fields = Vec::new();
        let mut note = |field, place: Option<Location>| {
            fields.extend(place.map(|place| (field, place)));
        };
        let push = entry.push.as_ref().map(|push| push.referenced);
        let push = push.or(entry.push_config.as_ref().map(|push| push.referenced));
        note("pushConfig", push);
        note("oidcToken", push);
        note("ackDeadlineSeconds", place(&entry.ack_deadline_seconds));
        note("retryPolicy", place(&entry.retry_policy));
        note("deadLetterPolicy", place(&entry.dead_letter_policy));
        note(
            "messageRetentionDuration",
            place(&entry.message_retention_duration),
        );
        note("expirationPolicy", place(&entry.expiration_policy));
        note("bigqueryConfig", place(&entry.bigquery_config));
        note("bigtableConfig", place(&entry.bigtable_config));
        note("cloudStorageConfig", place(&entry.cloud_storage_config));
        Self { whole, fields }
    }

    /// Returns the place of the field with which an error text begins.
    pub(super) fn find(&self, rejection: &str) -> Location {
        let mut fields = self.fields.iter();
        let found = fields.find(|(field, _)| rejection.starts_with(field));
        found.map_or(self.whole, |(_, place)| *place)
    }
}

fn place<T>(field: &Option<Spanned<T>>) -> Option<Location> {
    field.as_ref().map(|field| field.referenced)
}

/// Returns the subscription with its full `dead_letter_topic`, or the place and the reason of an error.
pub(super) fn read(
    name: &Spanned<String>,
    full_name: String,
    topic: String,
    entry: SubscriptionEntry,
    full_topic: impl Fn(&str) -> String,
) -> Result<(SubscriptionConfig, Places), (Location, String)> {
    let places = Places::of(&entry, name.referenced);
    let mut config = SubscriptionConfig::new(full_name, topic);
    config.push_config = push_config(entry.push, entry.push_config)?;
    if let Some(seconds) = entry.ack_deadline_seconds {
        config.ack_deadline = Duration::from_secs(seconds.value.into());
    }
    config.retry_policy = entry.retry_policy.map(|policy| retry_policy(&policy.value));
    let dead_letter_policy = entry.dead_letter_policy;
    config.dead_letter_policy =
        dead_letter_policy.map(|policy| dead_letter(&policy.value, full_topic));
    config.enable_message_ordering = entry.enable_message_ordering;
    config.filter = entry.filter.map(|filter| filter.value).unwrap_or_default();
    config.enable_exactly_once_delivery = entry.enable_exactly_once_delivery;
    config.retain_acked_messages = entry.retain_acked_messages;
    config.labels = entry.labels;
    if let Some(retention) = entry.message_retention_duration {
        config.message_retention = retention.value.0;
    }
    if let Some(policy) = entry.expiration_policy {
        let ExpirationPolicyEntry { ttl } = policy.value;
        config.expiration = ttl.map(|Seconds(ttl)| ttl);
    }
    Ok((config, places))
}

fn push_config(
    push: Option<Spanned<String>>,
    config: Option<Spanned<PushConfigEntry>>,
) -> Result<Option<PushConfig>, (Location, String)> {
    match (push, config) {
        (None, None) => Ok(None),
        (Some(push), None) => Ok(Some(PushConfig::new(push.value))),
        (None, Some(config)) => full_push_config(config.value).map(Some),
        (Some(push), Some(_)) => Err((
            push.referenced,
            "found both push and pushConfig, expected one of them".to_owned(),
        )),
    }
}

fn full_push_config(entry: PushConfigEntry) -> Result<PushConfig, (Location, String)> {
    let no_wrapper = entry.no_wrapper.map(|unwrapped| unwrapped.write_metadata);
    let attributes = entry.attributes.iter();
    let attributes = attributes.map(|(name, value)| (name.as_str(), value.value.as_str()));
    let form = PushForm::declared(no_wrapper, attributes).map_err(|rejected| {
        let found = entry.attributes.get(&rejected.attribute);
        let place = found.map_or(Location::UNKNOWN, |value| value.referenced);
        (place, rejected.reason)
    })?;
    Ok(PushConfig {
        endpoint: entry.push_endpoint,
        oidc_token: entry.oidc_token.map(|token| OidcToken {
            service_account_email: token.service_account_email,
            audience: token.audience.filter(|audience| !audience.is_empty()),
        }),
        form,
    })
}

fn retry_policy(entry: &RetryPolicyEntry) -> RetryPolicy {
    let default = RetryPolicy::default();
    let or = |wait: Option<Seconds>, default| wait.map_or(default, |Seconds(wait)| wait);
    RetryPolicy {
        minimum_backoff: or(entry.minimum_backoff, default.minimum_backoff),
        maximum_backoff: or(entry.maximum_backoff, default.maximum_backoff),
    }
}

fn dead_letter(
    entry: &DeadLetterPolicyEntry,
    full_topic: impl Fn(&str) -> String,
) -> DeadLetterPolicy {
    let mut policy = DeadLetterPolicy::new(full_topic(&entry.dead_letter_topic.value));
    if let Some(attempts) = entry.max_delivery_attempts {
        policy.max_delivery_attempts = attempts;
    }
    policy
}
