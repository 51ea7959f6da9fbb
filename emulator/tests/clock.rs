//! Tests of the clock that tests advance. The machine's clock is not paused here, so a wait for it would exceed the limit.

use std::time::Duration;

use emulator::{
    DeadLetterPolicy, Emulator, Message, Pace, Pulled, Reply, RetryPolicy, SubscriptionConfig,
    SubscriptionHandle, TopicConfig,
};
use tokio::time::timeout;

use crate::harness::{
    Answer, DEAD_SUBSCRIPTION, DEAD_TOPIC, SUBSCRIPTION, Scene, TOPIC, emulator, statuses,
};

/// Much shorter than the advances of the emulator's clock, and enough for a busy machine.
const LIMIT: Duration = Duration::from_secs(30);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const SNAPSHOT: &str = "projects/shop/snapshots/yesterday";

async fn soon<T>(work: impl Future<Output = T>) -> T {
    let done = timeout(LIMIT, work).await;
    done.expect("something waits for the machine's clock")
}

/// Creates a pull subscription that `change` configures.
fn subscribed(change: impl FnOnce(&mut SubscriptionConfig)) -> (Emulator, SubscriptionHandle) {
    let emulator = emulator(Pace::Eager);
    emulator.create_topic(TOPIC).unwrap();
    let mut config = SubscriptionConfig::new(SUBSCRIPTION, TOPIC);
    change(&mut config);
    let subscription = emulator.create_subscription(config).unwrap();
    (emulator, subscription)
}

fn publish(emulator: &Emulator, data: &'static str) {
    emulator.publish(TOPIC, Message::new(data)).unwrap();
}

fn one(subscription: &SubscriptionHandle) -> Option<Pulled> {
    subscription.pull(1).unwrap().pop()
}

const fn policy(minimum: Duration, maximum: Duration) -> Option<RetryPolicy> {
    Some(RetryPolicy {
        minimum_backoff: minimum,
        maximum_backoff: maximum,
    })
}

#[tokio::test]
async fn messages_past_their_retention_are_gone_even_if_leased() {
    let (emulator, subscription) = subscribed(|config| config.ack_deadline = 10 * MINUTE);
    publish(&emulator, "in hand");
    publish(&emulator, "waiting");
    emulator.advance(7 * DAY - MINUTE);
    assert_eq!(emulator.unacked_messages(SUBSCRIPTION).len(), 2);
    let pulled = one(&subscription).unwrap();
    emulator.advance(2 * MINUTE);
    assert!(emulator.unacked_messages(SUBSCRIPTION).is_empty());
    assert!(!pulled.extend(MINUTE) && !pulled.ack() && !pulled.nack());
    assert!(one(&subscription).is_none());
}

#[tokio::test]
async fn an_expired_message_lets_the_next_of_its_key_go() {
    let (emulator, subscription) = subscribed(|config| {
        config.enable_message_ordering = true;
        config.message_retention = 10 * MINUTE;
        config.ack_deadline = 10 * MINUTE;
    });
    let publish = |data| {
        let message = Message::new(data).with_ordering_key("key");
        emulator.publish(TOPIC, message).unwrap();
    };
    publish("first");
    assert!(one(&subscription).is_some());
    emulator.advance(6 * MINUTE);
    publish("second");
    assert!(one(&subscription).is_none());
    emulator.advance(5 * MINUTE);
    let next = soon(subscription.next()).await.unwrap();
    assert_eq!(&next.message().data[..], b"second");
}

#[tokio::test]
async fn a_topic_replays_what_its_retention_reaches() {
    let emulator = emulator(Pace::Eager);
    let mut topic = TopicConfig::new(TOPIC);
    topic.message_retention = Some(60 * MINUTE);
    emulator.create_topic_with(topic).unwrap();
    let begin = emulator.now();
    publish(&emulator, "old");
    emulator.advance(40 * MINUTE);
    publish(&emulator, "new");
    let config = SubscriptionConfig::new(SUBSCRIPTION, TOPIC);
    let subscription = emulator.create_subscription(config).unwrap();
    for reached in [2, 1, 0] {
        subscription.seek(begin).unwrap();
        assert_eq!(emulator.unacked_messages(SUBSCRIPTION).len(), reached);
        subscription.purge().unwrap();
        emulator.advance(31 * MINUTE);
    }
}

#[tokio::test]
async fn a_snapshot_is_deleted_when_it_expires() {
    let (emulator, subscription) = subscribed(|_| {});
    subscription.create_snapshot(SNAPSHOT).unwrap();
    publish(&emulator, "since");
    assert!(one(&subscription).unwrap().ack());
    emulator.advance(6 * DAY);
    subscription.seek_to_snapshot(SNAPSHOT).unwrap();
    assert_eq!(emulator.unacked_messages(SUBSCRIPTION).len(), 1);
    emulator.advance(2 * DAY);
    assert!(subscription.seek_to_snapshot(SNAPSHOT).is_err());
    // Its name is available again.
    subscription.create_snapshot(SNAPSHOT).unwrap();
}

#[tokio::test]
async fn only_idle_subscriptions_are_deleted() {
    let mut scene = Scene::start(Pace::Eager, [], |config| config.expiration = Some(DAY)).await;
    let name = |id: &str| format!("projects/shop/subscriptions/{id}");
    for (id, expiration) in [("idle", Some(DAY)), ("pulled", Some(DAY)), ("never", None)] {
        let mut config = SubscriptionConfig::new(name(id), TOPIC);
        config.expiration = expiration;
        scene.emulator.create_subscription(config).unwrap();
    }
    for _ in 0..3 {
        scene.emulator.advance(DAY / 2);
        let pulled = scene.emulator.subscription(&name("pulled")).unwrap();
        pulled.pull(1).unwrap();
        let id = scene.publish(Message::new("to the endpoint"));
        soon(scene.acked(&id)).await;
    }
    let exists = |id| scene.emulator.subscription(&name(id)).is_ok();
    let found = ["idle", "pulled", "never", "billing"].map(exists);
    assert_eq!(found, [false, true, true, true]);
    scene.emulator.advance(2 * DAY);
    assert!(!exists("billing") && exists("never"));
    // No task pushes for it any more.
    scene.publish(Message::new("to nobody"));
    assert!(scene.emulator.unacked_messages(SUBSCRIPTION).is_empty());
}

#[tokio::test]
async fn a_pulled_message_is_redelivered_after_its_deadline() {
    let (emulator, subscription) = subscribed(|_| {});
    publish(&emulator, "hi");
    let first = one(&subscription).unwrap();
    assert!(first.extend(MINUTE));
    emulator.advance(MINUTE / 2);
    assert!(one(&subscription).is_none());
    let waiting = tokio::spawn({
        let subscription = subscription.clone();
        async move { subscription.next().await }
    });
    tokio::task::yield_now().await;
    emulator.advance(MINUTE);
    let second = soon(waiting).await.unwrap().unwrap();
    assert_eq!(first.message(), second.message());
    assert!(!first.ack() && second.ack());
}

#[tokio::test]
async fn missed_deadlines_lead_to_the_dead_letter_topic() {
    let (emulator, subscription) = subscribed(|_| {});
    drop(subscription);
    emulator.create_topic(DEAD_TOPIC).unwrap();
    let letters = SubscriptionConfig::new(DEAD_SUBSCRIPTION, DEAD_TOPIC);
    emulator.create_subscription(letters).unwrap();
    let strict = "projects/shop/subscriptions/strict";
    let mut config = SubscriptionConfig::new(strict, TOPIC);
    config.dead_letter_policy = Some(DeadLetterPolicy::new(DEAD_TOPIC));
    let strict = emulator.create_subscription(config).unwrap();
    publish(&emulator, "hi");
    for attempt in 1..=5 {
        let pulled = one(&strict).unwrap();
        assert_eq!(pulled.delivery_attempt(), Some(attempt));
        emulator.advance(MINUTE);
    }
    assert!(one(&strict).is_none());
    assert_eq!(emulator.unacked_messages(DEAD_SUBSCRIPTION).len(), 1);
}

#[tokio::test]
async fn a_nacked_message_waits_by_the_emulators_clock() {
    let (emulator, subscription) = subscribed(|config| {
        config.retry_policy = policy(MINUTE, 10 * MINUTE);
    });
    publish(&emulator, "hi");
    for minutes in [1, 2, 4, 8, 10, 10] {
        assert!(one(&subscription).unwrap().nack());
        emulator.advance(minutes * MINUTE - Duration::from_secs(50));
        assert!(one(&subscription).is_none(), "{minutes}");
        emulator.advance(Duration::from_secs(50));
    }
    assert!(one(&subscription).unwrap().nack());
    let waiting = tokio::spawn(async move { subscription.next().await });
    tokio::task::yield_now().await;
    emulator.advance(10 * MINUTE);
    soon(waiting).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_failed_push_waits_by_the_emulators_clock() {
    let mut scene = Scene::start(Pace::Eager, statuses([500; 3]), |config| {
        config.retry_policy = policy(5 * MINUTE, 10 * MINUTE);
    })
    .await;
    let id = scene.publish(Message::new("hi"));
    for minutes in [5, 10, 10] {
        let ended = soon(scene.ended()).await;
        assert_eq!(ended.next_attempt_in(), Some(minutes * MINUTE));
        scene.endpoint.next().await;
        assert!(scene.endpoint.is_idle());
        scene.emulator.advance(minutes * MINUTE);
    }
    soon(scene.acked(&id)).await;
}

#[tokio::test]
async fn a_paused_subscription_goes_on_by_the_emulators_clock() {
    let mut scene = Scene::start(Pace::Google, statuses([503; 25]), |_| {}).await;
    let id = scene.publish(Message::new("hi"));
    let mut waited = Duration::ZERO;
    for _ in 0..25 {
        let ended = soon(scene.ended()).await;
        let wait = ended.next_attempt_in().unwrap();
        waited += wait;
        scene.emulator.advance(wait);
    }
    assert!(waited > 2 * LIMIT, "{waited:?}");
    soon(scene.acked(&id)).await;
}

#[tokio::test]
async fn a_push_without_an_answer_ends_by_the_emulators_clock() {
    let mut scene = Scene::start(Pace::Eager, [Answer::Never], |config| {
        config.ack_deadline = 10 * MINUTE;
    })
    .await;
    let id = scene.publish(Message::new("hi"));
    scene.endpoint.next().await;
    scene.emulator.advance(10 * MINUTE);
    let ended = soon(scene.ended()).await;
    assert_eq!(ended.reply(), Some(Reply::DeadlineExceeded));
    soon(scene.acked(&id)).await;
}

#[tokio::test]
async fn a_clock_that_is_moved_too_far_stays_within_the_calendar() {
    let (emulator, subscription) = subscribed(|config| config.expiration = None);
    publish(&emulator, "hi");
    emulator.advance(Duration::MAX);
    emulator.advance(Duration::MAX);
    assert!(emulator.now().year() > 2_500);
    publish(&emulator, "ho");
    assert!(one(&subscription).unwrap().ack());
}
