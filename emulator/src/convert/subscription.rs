//! Google's *Subscription*.

use std::time::Duration;

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::{
    DeadLetterPolicy as DeadLetterPolicyMessage, ExpirationPolicy,
    RetryPolicy as RetryPolicyMessage, Subscription, subscription,
};

use super::without_effect::{add_to, subscription_without_effect};
use super::{duration, push_config_from, push_config_to, to_duration};
use crate::error::ApiError;
use crate::resources::subscription::{DeadLetterPolicy, RetryPolicy, SubscriptionConfig};

/// Converts a subscription, with Google's defaults for unset fields.
///
/// # Errors
/// If a field is invalid.
pub(crate) fn subscription_from(
    subscription: Subscription,
) -> Result<SubscriptionConfig, ApiError> {
    let without_effect = subscription_without_effect(&subscription)?;
    let mut config = SubscriptionConfig::new(subscription.name, subscription.topic);
    config.without_effect = without_effect;
    let push_config = subscription.push_config;
    config.push_config = push_config.map_or(Ok(None), push_config_from)?;
    if subscription.ack_deadline_seconds != 0 {
        config.ack_deadline = whole_seconds(subscription.ack_deadline_seconds)?;
    }
    if let Some(retention) = subscription.message_retention_duration {
        config.message_retention = duration("messageRetentionDuration", retention)?;
    }
    if let Some(policy) = subscription.expiration_policy {
        let ttl = policy
            .ttl
            .filter(|ttl| *ttl != prost_types::Duration::default());
        config.expiration = ttl
            .map(|ttl| duration("expirationPolicy.ttl", ttl))
            .transpose()?;
    }
    config.labels = subscription.labels.into_iter().collect();
    config.filter = subscription.filter;
    config.enable_message_ordering = subscription.enable_message_ordering;
    config.enable_exactly_once_delivery = subscription.enable_exactly_once_delivery;
    config.retain_acked_messages = subscription.retain_acked_messages;
    let dead_letter_policy = subscription.dead_letter_policy;
    config.dead_letter_policy = dead_letter_policy.map(dead_letter_from).transpose()?;
    config.retry_policy = subscription.retry_policy.map(retry_from).transpose()?;
    Ok(config)
}

/// Converts a subscription with its tags, which clients do not receive; `topic_retention` is the retention of its topic.
pub(crate) fn subscription_to(
    config: SubscriptionConfig,
    topic_retention: Option<Duration>,
) -> Subscription {
    let without_effect = config.without_effect;
    let mut subscription = Subscription {
        name: config.name,
        topic: config.topic,
        // An empty message for pull, since Google's samples read its fields (Google, *Subscription*, `pushConfig`).
        push_config: Some(config.push_config.map(push_config_to).unwrap_or_default()),
        ack_deadline_seconds: i32::try_from(config.ack_deadline.as_secs()).unwrap_or(i32::MAX),
        retain_acked_messages: config.retain_acked_messages,
        message_retention_duration: Some(to_duration(config.message_retention)),
        labels: config.labels.into_iter().collect(),
        enable_message_ordering: config.enable_message_ordering,
        expiration_policy: Some(ExpirationPolicy {
            ttl: config.expiration.map(to_duration),
        }),
        filter: config.filter,
        dead_letter_policy: config.dead_letter_policy.map(dead_letter_to),
        retry_policy: config.retry_policy.map(|policy| RetryPolicyMessage {
            minimum_backoff: Some(to_duration(policy.minimum_backoff)),
            maximum_backoff: Some(to_duration(policy.maximum_backoff)),
        }),
        detached: config.detached,
        enable_exactly_once_delivery: config.enable_exactly_once_delivery,
        topic_message_retention_duration: topic_retention.map(to_duration),
        state: subscription::State::Active.into(),
        tags: without_effect.tags().clone().into_iter().collect(),
        ..Subscription::default()
    };
    add_to(&mut subscription, &without_effect);
    subscription
}

fn dead_letter_from(policy: DeadLetterPolicyMessage) -> Result<DeadLetterPolicy, ApiError> {
    let mut read = DeadLetterPolicy::new(policy.dead_letter_topic);
    if policy.max_delivery_attempts != 0 {
        read.max_delivery_attempts = u32::try_from(policy.max_delivery_attempts)
            .map_err(|_| ApiError::invalid("maxDeliveryAttempts is negative"))?;
    }
    Ok(read)
}

fn dead_letter_to(policy: DeadLetterPolicy) -> DeadLetterPolicyMessage {
    DeadLetterPolicyMessage {
        dead_letter_topic: policy.dead_letter_topic,
        max_delivery_attempts: i32::try_from(policy.max_delivery_attempts).unwrap_or(i32::MAX),
    }
}

fn retry_from(policy: RetryPolicyMessage) -> Result<RetryPolicy, ApiError> {
    let default = RetryPolicy::default();
    let wait = |field, wait: Option<prost_types::Duration>, default| {
        wait.map_or(Ok(default), |wait| duration(field, wait))
    };
    Ok(RetryPolicy {
        minimum_backoff: wait(
            "retryPolicy.minimumBackoff",
            policy.minimum_backoff,
            default.minimum_backoff,
        )?,
        maximum_backoff: wait(
            "retryPolicy.maximumBackoff",
            policy.maximum_backoff,
            default.maximum_backoff,
        )?,
    })
}

fn whole_seconds(seconds: i32) -> Result<Duration, ApiError> {
    u64::try_from(seconds)
        .map(Duration::from_secs)
        .map_err(|_| ApiError::invalid("ackDeadlineSeconds is negative"))
}
