//! Google's *Subscription* in JSON, and the emulator's reading of it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::json::{Seconds, nullable, number, object, refuse_unsupported};
use super::push_config::PushConfigBody;
use super::rest::check_name;
use crate::error::ApiError;
use crate::name::ResourceName;
use crate::subscription::{DeadLetterPolicy, RetryPolicy, SubscriptionConfig};

/// Fields of Google's *Subscription* that the emulator does not act upon, with the reason for refusing them.
const UNSUPPORTED: [(&str, &str); 9] = [
    ("filter", "every message would be delivered"),
    (
        "retainAckedMessages",
        "acked messages are kept for a short while only, and cannot be sought",
    ),
    (
        "enableExactlyOnceDelivery",
        "it is for pull, which the emulator does not offer",
    ),
    ("bigqueryConfig", "it pushes only"),
    ("cloudStorageConfig", "it pushes only"),
    ("bigtableConfig", "it pushes only"),
    ("messageTransforms", "messages would arrive untransformed"),
    ("tags", "there is no resource manager"),
    ("detached", "subscriptions cannot be detached"),
];

/// Fields that the service sets, and ignores in requests.
const OUTPUT_ONLY: [&str; 3] = [
    "state",
    "topicMessageRetentionDuration",
    "analyticsHubSubscriptionInfo",
];

/// Google's *Subscription* in JSON.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SubscriptionBody {
    #[serde(default, deserialize_with = "nullable")]
    name: String,
    #[serde(default, deserialize_with = "nullable")]
    topic: String,
    #[serde(
        default,
        alias = "push_config",
        deserialize_with = "object",
        skip_serializing_if = "Option::is_none"
    )]
    push_config: Option<PushConfigBody>,
    #[serde(default, alias = "ack_deadline_seconds", deserialize_with = "number")]
    ack_deadline_seconds: i32,
    #[serde(default, alias = "message_retention_duration")]
    message_retention_duration: Option<Seconds>,
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    labels: BTreeMap<String, String>,
    #[serde(
        default,
        alias = "enable_message_ordering",
        deserialize_with = "nullable",
        skip_serializing_if = "is_false"
    )]
    enable_message_ordering: bool,
    #[serde(default, alias = "expiration_policy", deserialize_with = "object")]
    expiration_policy: Option<ExpirationPolicyBody>,
    #[serde(
        default,
        alias = "dead_letter_policy",
        deserialize_with = "object",
        skip_serializing_if = "Option::is_none"
    )]
    dead_letter_policy: Option<DeadLetterPolicyBody>,
    #[serde(
        default,
        alias = "retry_policy",
        deserialize_with = "object",
        skip_serializing_if = "Option::is_none"
    )]
    retry_policy: Option<RetryPolicyBody>,
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct ExpirationPolicyBody {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ttl: Option<Seconds>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DeadLetterPolicyBody {
    #[serde(default, alias = "dead_letter_topic", deserialize_with = "nullable")]
    dead_letter_topic: String,
    #[serde(default, alias = "max_delivery_attempts", deserialize_with = "number")]
    max_delivery_attempts: i32,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RetryPolicyBody {
    #[serde(default, alias = "minimum_backoff")]
    minimum_backoff: Option<Seconds>,
    #[serde(default, alias = "maximum_backoff")]
    maximum_backoff: Option<Seconds>,
}

impl SubscriptionBody {
    /// The subscription of this name, with Google's defaults for what is not set.
    pub(super) fn into_config(self, name: &ResourceName) -> Result<SubscriptionConfig, ApiError> {
        check_name(&self.name, name)?;
        refuse_unsupported("Subscription", &self.others, &UNSUPPORTED, &OUTPUT_ONLY)?;
        let mut config = SubscriptionConfig::new(name.as_str(), self.topic);
        config.push_config = self
            .push_config
            .map_or(Ok(None), PushConfigBody::into_config)?;
        if self.ack_deadline_seconds != 0 {
            config.ack_deadline = whole_seconds(self.ack_deadline_seconds)?;
        }
        if let Some(Seconds(retention)) = self.message_retention_duration {
            config.message_retention = retention;
        }
        if let Some(policy) = self.expiration_policy {
            config.expiration = policy.ttl.map(|ttl| ttl.0);
        }
        config.labels = self.labels;
        config.enable_message_ordering = self.enable_message_ordering;
        let dead_letter_policy = self.dead_letter_policy;
        config.dead_letter_policy = dead_letter_policy
            .map(DeadLetterPolicyBody::into_policy)
            .transpose()?;
        config.retry_policy = self.retry_policy.map(RetryPolicyBody::into_policy);
        Ok(config)
    }
}

impl From<SubscriptionConfig> for SubscriptionBody {
    fn from(config: SubscriptionConfig) -> Self {
        let state = ("state".to_owned(), Value::from("ACTIVE"));
        Self {
            name: config.name,
            topic: config.topic,
            push_config: config.push_config.map(PushConfigBody::from),
            ack_deadline_seconds: i32::try_from(config.ack_deadline.as_secs()).unwrap_or(i32::MAX),
            message_retention_duration: Some(Seconds(config.message_retention)),
            labels: config.labels,
            enable_message_ordering: config.enable_message_ordering,
            expiration_policy: Some(ExpirationPolicyBody {
                ttl: config.expiration.map(Seconds),
            }),
            dead_letter_policy: config.dead_letter_policy.map(DeadLetterPolicyBody::from),
            retry_policy: config.retry_policy.map(RetryPolicyBody::from),
            others: BTreeMap::from([state]),
        }
    }
}

impl DeadLetterPolicyBody {
    fn into_policy(self) -> Result<DeadLetterPolicy, ApiError> {
        let mut policy = DeadLetterPolicy::new(self.dead_letter_topic);
        if self.max_delivery_attempts != 0 {
            policy.max_delivery_attempts = u32::try_from(self.max_delivery_attempts)
                .map_err(|_| ApiError::invalid("maxDeliveryAttempts is negative"))?;
        }
        Ok(policy)
    }
}

impl From<DeadLetterPolicy> for DeadLetterPolicyBody {
    fn from(policy: DeadLetterPolicy) -> Self {
        Self {
            dead_letter_topic: policy.dead_letter_topic,
            max_delivery_attempts: i32::try_from(policy.max_delivery_attempts).unwrap_or(i32::MAX),
        }
    }
}

impl RetryPolicyBody {
    fn into_policy(self) -> RetryPolicy {
        let default = RetryPolicy::default();
        RetryPolicy {
            minimum_backoff: self
                .minimum_backoff
                .map_or(default.minimum_backoff, |wait| wait.0),
            maximum_backoff: self
                .maximum_backoff
                .map_or(default.maximum_backoff, |wait| wait.0),
        }
    }
}

impl From<RetryPolicy> for RetryPolicyBody {
    fn from(policy: RetryPolicy) -> Self {
        Self {
            minimum_backoff: Some(Seconds(policy.minimum_backoff)),
            maximum_backoff: Some(Seconds(policy.maximum_backoff)),
        }
    }
}

fn whole_seconds(seconds: i32) -> Result<Duration, ApiError> {
    u64::try_from(seconds)
        .map(Duration::from_secs)
        .map_err(|_| ApiError::invalid("ackDeadlineSeconds is negative"))
}

fn is_false(value: &bool) -> bool {
    !value
}
