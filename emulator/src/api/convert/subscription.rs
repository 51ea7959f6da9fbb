//! Google's *Subscription*.

use std::time::Duration;

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1 as google;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::Subscription;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::subscription::State;

use super::push_config::{push_config, to_push_config};
use super::time::{duration, to_duration};
use super::{refuse, refuse_extras};
use crate::error::ApiError;
use crate::subscription::{DeadLetterPolicy, RetryPolicy, SubscriptionConfig};

/// What a client asks for, with Google's defaults; what the service sets is passed over.
///
/// # Errors
/// If a field is malformed, or one that the emulator does not act upon.
pub(in crate::api) fn subscription_config(
    subscription: Subscription,
) -> Result<SubscriptionConfig, ApiError> {
    refuse_unsupported(&subscription)?;
    let mut config = SubscriptionConfig::new(subscription.name, subscription.topic);
    config.push_config = push_config(subscription.push_config)?;
    if subscription.ack_deadline_seconds != 0 {
        config.ack_deadline = whole_seconds(subscription.ack_deadline_seconds)?;
    }
    if let Some(retention) = subscription.message_retention_duration {
        config.message_retention = duration("messageRetentionDuration", retention)?;
    }
    if let Some(policy) = subscription.expiration_policy {
        let ttl = policy.ttl;
        let ttl = ttl.map(|ttl| duration("expirationPolicy.ttl", ttl));
        config.expiration = ttl.transpose()?;
    }
    let dead_letters = subscription.dead_letter_policy;
    config.dead_letter_policy = dead_letters.map(dead_letter_policy).transpose()?;
    config.retry_policy = subscription.retry_policy.map(retry_policy).transpose()?;
    config.labels = subscription.labels.into_iter().collect();
    config.filter = subscription.filter;
    config.enable_message_ordering = subscription.enable_message_ordering;
    config.enable_exactly_once_delivery = subscription.enable_exactly_once_delivery;
    config.retain_acked_messages = subscription.retain_acked_messages;
    Ok(config)
}

/// What the service shows; `topic_retention` is that of the subscription's topic.
pub(in crate::api) fn subscription(
    config: SubscriptionConfig,
    topic_retention: Option<Duration>,
) -> Subscription {
    Subscription {
        name: config.name,
        topic: config.topic,
        push_config: config.push_config.map(to_push_config),
        ack_deadline_seconds: i32::try_from(config.ack_deadline.as_secs()).unwrap_or(i32::MAX),
        retain_acked_messages: config.retain_acked_messages,
        message_retention_duration: Some(to_duration(config.message_retention)),
        labels: config.labels.into_iter().collect(),
        enable_message_ordering: config.enable_message_ordering,
        expiration_policy: Some(google::ExpirationPolicy {
            ttl: config.expiration.map(to_duration),
        }),
        filter: config.filter,
        dead_letter_policy: config.dead_letter_policy.map(to_dead_letter_policy),
        retry_policy: config.retry_policy.as_ref().map(to_retry_policy),
        detached: config.detached,
        enable_exactly_once_delivery: config.enable_exactly_once_delivery,
        topic_message_retention_duration: topic_retention.map(to_duration),
        state: State::Active.into(),
        ..Subscription::default()
    }
}

/// Other ways of delivery are chosen by being there, even when they are empty.
fn refuse_unsupported(subscription: &Subscription) -> Result<(), ApiError> {
    let only = "it delivers by push and pull only";
    refuse(
        subscription.bigquery_config.is_some(),
        "Subscription.bigqueryConfig",
        only,
    )?;
    refuse(
        subscription.cloud_storage_config.is_some(),
        "Subscription.cloudStorageConfig",
        only,
    )?;
    refuse(
        subscription.bigtable_config.is_some(),
        "Subscription.bigtableConfig",
        only,
    )?;
    let has_transforms = !subscription.message_transforms.is_empty();
    refuse_extras(
        "Subscription",
        has_transforms,
        !subscription.tags.is_empty(),
    )
}

fn whole_seconds(seconds: i32) -> Result<Duration, ApiError> {
    u64::try_from(seconds)
        .map(Duration::from_secs)
        .map_err(|_| ApiError::invalid("ackDeadlineSeconds is negative"))
}

fn dead_letter_policy(policy: google::DeadLetterPolicy) -> Result<DeadLetterPolicy, ApiError> {
    let mut read = DeadLetterPolicy::new(policy.dead_letter_topic);
    if policy.max_delivery_attempts != 0 {
        read.max_delivery_attempts = u32::try_from(policy.max_delivery_attempts)
            .map_err(|_| ApiError::invalid("maxDeliveryAttempts is negative"))?;
    }
    Ok(read)
}

fn to_dead_letter_policy(policy: DeadLetterPolicy) -> google::DeadLetterPolicy {
    google::DeadLetterPolicy {
        dead_letter_topic: policy.dead_letter_topic,
        max_delivery_attempts: i32::try_from(policy.max_delivery_attempts).unwrap_or(i32::MAX),
    }
}

fn retry_policy(policy: google::RetryPolicy) -> Result<RetryPolicy, ApiError> {
    let mut read = RetryPolicy::default();
    if let Some(backoff) = policy.minimum_backoff {
        read.minimum_backoff = duration("retryPolicy.minimumBackoff", backoff)?;
    }
    if let Some(backoff) = policy.maximum_backoff {
        read.maximum_backoff = duration("retryPolicy.maximumBackoff", backoff)?;
    }
    Ok(read)
}

fn to_retry_policy(policy: &RetryPolicy) -> google::RetryPolicy {
    google::RetryPolicy {
        minimum_backoff: Some(to_duration(policy.minimum_backoff)),
        maximum_backoff: Some(to_duration(policy.maximum_backoff)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subscription::PushConfig;

    fn full() -> SubscriptionConfig {
        let mut config =
            SubscriptionConfig::new("projects/p/subscriptions/sub", "projects/p/topics/top");
        config.push_config = Some(PushConfig::new("http://localhost/"));
        config.ack_deadline = Duration::from_secs(60);
        config.retry_policy = Some(RetryPolicy {
            minimum_backoff: Duration::from_millis(1_500),
            maximum_backoff: Duration::from_secs(2),
        });
        config.dead_letter_policy = Some(DeadLetterPolicy::new("projects/p/topics/dead"));
        config.enable_message_ordering = true;
        config.filter = "attributes:kind".to_owned();
        config.enable_exactly_once_delivery = true;
        config.retain_acked_messages = true;
        config.labels = [("team".to_owned(), "sales".to_owned())].into();
        config.message_retention = Duration::from_secs(600);
        config.expiration = None;
        config
    }

    #[test]
    fn a_subscription_is_shown_as_it_was_declared() {
        let bare = SubscriptionConfig::new("projects/p/subscriptions/sub", "projects/p/topics/top");
        for config in [full(), bare] {
            let shown = subscription(config.clone(), Some(Duration::from_secs(600)));
            assert_eq!(shown.state(), State::Active);
            assert_eq!(subscription_config(shown).unwrap(), config);
        }
    }

    #[test]
    fn what_is_left_out_is_googles_default_and_what_the_service_sets_is_passed_over() {
        let bare = Subscription {
            name: "projects/p/subscriptions/sub".to_owned(),
            detached: true,
            state: State::ResourceError.into(),
            ..Subscription::default()
        };
        let expected = SubscriptionConfig::new(bare.name.clone(), "");
        assert_eq!(subscription_config(bare).unwrap(), expected);
    }

    fn check(change: impl FnOnce(&mut Subscription), expected: &str) {
        let mut changed = subscription(full(), None);
        change(&mut changed);
        let refused = subscription_config(changed).unwrap_err();
        assert!(refused.to_string().contains(expected), "{refused}");
    }

    #[test]
    fn what_is_malformed_or_would_have_no_effect_is_refused() {
        check(
            |it| it.bigquery_config = Some(Default::default()),
            "bigqueryConfig",
        );
        check(
            |it| it.bigtable_config = Some(Default::default()),
            "bigtableConfig",
        );
        check(
            |it| it.cloud_storage_config = Some(Default::default()),
            "cloudStorageConfig",
        );
        check(
            |it| it.message_transforms = vec![Default::default()],
            "messageTransforms",
        );
        check(
            |it| it.tags = [("1/a".to_owned(), "b".to_owned())].into(),
            "tags",
        );
        check(|it| it.ack_deadline_seconds = -5, "ackDeadlineSeconds");
        let negative = Some(prost_types::Duration {
            seconds: -1,
            nanos: 0,
        });
        check(
            |it| it.message_retention_duration = negative,
            "messageRetention",
        );
        let policy = google::ExpirationPolicy { ttl: negative };
        check(
            |it| it.expiration_policy = Some(policy),
            "expirationPolicy.ttl",
        );
    }
}
