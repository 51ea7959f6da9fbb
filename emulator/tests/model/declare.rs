//! The topics and subscriptions of one script.

use std::time::Duration;

use emulator::{
    DeadLetterPolicy, Emulator, Message, RetryPolicy, SubscriptionConfig, SubscriptionHandle,
    TopicConfig,
};

use super::expected::{HOUR, MONTH, SHORT};
use super::operation::Declared;

/// `billing` and `archive` are subscriptions of `orders`, `dead` has the dead letters of the first, and `foreign` has another
/// topic and a snapshot of it.
pub(super) fn declare(emulator: &Emulator, project: &str, declared: Declared) {
    let name = |kind: &str, id: &str| format!("{project}/{kind}/{id}");
    let topic = |id: &str, retention| {
        let mut config = TopicConfig::new(name("topics", id));
        config.message_retention = retention;
        emulator.create_topic_with(config).unwrap()
    };
    let subscribe = |id: &str, topic: &str| {
        let mut config = SubscriptionConfig::new(name("subscriptions", id), name("topics", topic));
        config.expiration = None;
        config
    };
    let create = |config| -> SubscriptionHandle { emulator.create_subscription(config).unwrap() };
    topic("orders", declared.topic_retains.then_some(seconds(HOUR)));
    topic("dead", None);
    create(change(
        declared,
        subscribe("billing", "orders"),
        name("topics", "dead"),
    ));
    create(subscribe("archive", "orders"));
    let mut dead = subscribe("dead", "dead");
    dead.message_retention = seconds(MONTH);
    create(dead);
    let foreign = topic("foreign", None);
    let subscription = create(subscribe("foreign", "foreign"));
    foreign.publish(Message::new("foreign")).unwrap();
    let snapshot = name("snapshots", "foreign");
    subscription.create_snapshot(&snapshot).unwrap();
}

fn change(
    declared: Declared,
    mut config: SubscriptionConfig,
    dead_topic: String,
) -> SubscriptionConfig {
    config.enable_message_ordering = declared.is_ordered;
    config.enable_exactly_once_delivery = declared.is_strict;
    config.retain_acked_messages = declared.retains_acked;
    let policy = || DeadLetterPolicy::new(dead_topic);
    config.dead_letter_policy = declared.has_dead_letters.then(policy);
    config.retry_policy = declared.has_backoff.then(RetryPolicy::default);
    if declared.is_short {
        config.message_retention = seconds(SHORT);
    }
    config
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
