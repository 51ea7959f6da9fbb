//! Tests of seeks and snapshots.

use std::time::Duration;

use emulator::{
    Emulator, Faults, Message, Pace, SubscriptionConfig, SubscriptionHandle, TopicConfig,
};
use time::OffsetDateTime;

use crate::harness::{SUBSCRIPTION, TOPIC, emulator};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const SNAPSHOT: &str = "projects/shop/snapshots/yesterday";

/// Creates a topic and a subscription of it that `change` configures.
fn subscribed(
    change: impl FnOnce(&mut TopicConfig, &mut SubscriptionConfig),
) -> (Emulator, SubscriptionHandle) {
    let emulator = emulator(Pace::Eager);
    let mut topic = TopicConfig::new(TOPIC);
    let mut config = SubscriptionConfig::new(SUBSCRIPTION, TOPIC);
    change(&mut topic, &mut config);
    emulator.create_topic_with(topic).unwrap();
    let subscription = emulator.create_subscription(config).unwrap();
    (emulator, subscription)
}

fn publish(emulator: &Emulator, data: &'static str) -> String {
    emulator.publish(TOPIC, Message::new(data)).unwrap()
}

fn ack_all(subscription: &SubscriptionHandle) {
    for pulled in subscription.pull(1_000).unwrap() {
        assert!(pulled.ack());
    }
}

fn unacked(subscription: &SubscriptionHandle) -> Vec<String> {
    let unacked = subscription.unacked_messages().into_iter();
    unacked
        .map(|message| String::from_utf8(message.data.to_vec()).unwrap())
        .collect()
}

/// Runs the emulator's sweep of expired resources.
fn look(emulator: &Emulator) {
    emulator.advance(Duration::from_secs(1));
}

#[tokio::test]
async fn messages_that_the_topic_retains_stay_after_a_seek() {
    let (emulator, subscription) = subscribed(|topic, config| {
        topic.message_retention = Some(DAY);
        config.message_retention = 10 * MINUTE;
        config.ack_deadline = 10 * MINUTE;
    });
    let begin = emulator.now();
    publish(&emulator, "in hand");
    publish(&emulator, "waiting");
    ack_all(&subscription);
    emulator.advance(HOUR);
    subscription.seek(begin).unwrap();
    let pulled = subscription.pull(1).unwrap();
    look(&emulator);
    assert_eq!(unacked(&subscription), ["in hand", "waiting"]);
    assert!(pulled[0].ack());
    emulator.advance(DAY);
    assert_eq!(unacked(&subscription), [""; 0]);
}

#[tokio::test]
async fn a_replayed_message_stays_until_its_snapshot_expires() {
    let (emulator, subscription) = subscribed(|_, config| {
        config.message_retention = 10 * MINUTE;
    });
    publish(&emulator, "before");
    subscription.create_snapshot(SNAPSHOT).unwrap();
    publish(&emulator, "since");
    ack_all(&subscription);
    emulator.advance(20 * MINUTE);
    subscription.seek_to_snapshot(SNAPSHOT).unwrap();
    publish(&emulator, "later");
    look(&emulator);
    assert_eq!(unacked(&subscription), ["before", "since", "later"]);
    emulator.advance(HOUR);
    assert_eq!(unacked(&subscription), ["before", "since"]);
    emulator.advance(7 * DAY);
    assert_eq!(unacked(&subscription), [""; 0]);
}

/// The machine's clock is as fine as that of clients.
#[tokio::test]
async fn a_seek_separates_messages_on_both_sides_of_its_time() {
    let (emulator, subscription) = subscribed(|_, config| config.retain_acked_messages = true);
    for _ in 0..200 {
        publish(&emulator, "before");
        let noted = OffsetDateTime::now_utc();
        publish(&emulator, "after");
        subscription.seek(noted).unwrap();
        assert_eq!(unacked(&subscription), ["after"]);
        ack_all(&subscription);
        subscription.seek(noted).unwrap();
        assert_eq!(unacked(&subscription), ["after"]);
        // The publish time of a message is precise enough.
        let shown = subscription.unacked_messages()[0].publish_time;
        ack_all(&subscription);
        subscription.seek(shown).unwrap();
        assert!(unacked(&subscription).contains(&"after".to_owned()));
        subscription.purge().unwrap();
    }
}

#[tokio::test]
async fn a_snapshot_of_one_deleted_topic_is_none_of_another() {
    let emulator = emulator(Pace::Eager);
    let name = |kind: &str, id: &str| format!("projects/shop/{kind}/{id}");
    let begin = |id: &str| {
        let topic = emulator.create_topic(&name("topics", id)).unwrap();
        let subscription = topic.subscribe(&format!("sub-{id}")).unwrap();
        (topic, subscription)
    };
    let (topic, first) = begin("first");
    topic.delete().unwrap();
    // Another snapshot of this name, and one of another.
    let again = emulator.create_topic(&name("topics", "first")).unwrap();
    let again_subscription = again.subscribe("sub-again").unwrap();
    let (other, other_subscription) = begin("other");
    let snapshots = [
        (again, again_subscription, "again"),
        (other, other_subscription, "other"),
    ];
    for (topic, subscription, id) in snapshots {
        topic.publish(Message::new("hi")).unwrap();
        let snapshot = name("snapshots", id);
        subscription.create_snapshot(&snapshot).unwrap();
        topic.delete().unwrap();
        assert!(first.seek_to_snapshot(&snapshot).is_err());
        assert_eq!(unacked(&first), [""; 0]);
        subscription.purge().unwrap();
        subscription.seek_to_snapshot(&snapshot).unwrap();
        assert_eq!(unacked(&subscription), ["hi"]);
    }
}

#[tokio::test]
async fn a_seek_leaves_to_a_fault_what_it_holds_back() {
    for key in ["", "key"] {
        let (emulator, subscription) = subscribed(|_, config| {
            config.enable_message_ordering = true;
            config.retain_acked_messages = true;
        });
        let begin = emulator.now();
        let publish = |data| {
            let message = Message::new(data).with_ordering_key(key);
            emulator.publish(TOPIC, message).unwrap();
        };
        publish("acked");
        ack_all(&subscription);
        let burst = Faults::none().burst(3, MINUTE);
        subscription.set_faults(burst).unwrap();
        publish("unacked");
        subscription.seek(begin).unwrap();
        let pulled = subscription.pull(9).unwrap();
        assert_eq!(pulled.len(), 1, "{key:?}");
        assert_eq!(pulled[0].message().data, "acked");
        assert!(pulled[0].ack());
        assert!(subscription.pull(9).unwrap().is_empty());
        emulator.advance(2 * MINUTE);
        let pulled = subscription.pull(9).unwrap();
        assert_eq!(pulled[0].message().data, "unacked");
    }
}

#[tokio::test]
async fn a_redelivery_replaces_a_requested_delivery() {
    for strict in [false, true] {
        let (emulator, subscription) = subscribed(|_, config| {
            config.enable_exactly_once_delivery = strict;
        });
        let id = publish(&emulator, "hi");
        assert_eq!(subscription.pull(1).unwrap().len(), 1);
        subscription.deliver_again(&id).unwrap();
        emulator.advance(MINUTE);
        let pulled = subscription.pull(9).unwrap();
        assert_eq!(pulled.len(), 1);
        assert!(subscription.pull(9).unwrap().is_empty());
        assert!(pulled[0].ack());
        assert_eq!(unacked(&subscription), [""; 0]);
    }
}

/// 16 subscriptions with a megabyte each exceed the settled messages that the emulator keeps.
#[tokio::test]
async fn what_is_done_is_remembered_for_all_subscriptions_together() {
    const SUBSCRIPTIONS: usize = 16;
    let emulator = emulator(Pace::Eager);
    let mut done = Vec::new();
    for number in 0..SUBSCRIPTIONS {
        let topic = emulator
            .create_topic(&format!("projects/shop/topics/topic-{number}"))
            .unwrap();
        let subscription = topic.subscribe(&format!("sub-{number}")).unwrap();
        let ids: Vec<String> = (0..8)
            .map(|_| topic.publish(Message::new(vec![0; 128 * 1024])).unwrap())
            .collect();
        ack_all(&subscription);
        done.push((subscription, ids));
    }
    let remembered = |number: usize| {
        let (subscription, ids): &(SubscriptionHandle, Vec<String>) = &done[number];
        ids.iter()
            .filter(|id| subscription.deliver_again(id).is_ok())
            .count()
    };
    assert_eq!(remembered(SUBSCRIPTIONS - 1), 8);
    assert_eq!(remembered(0), 0);
    assert_eq!(remembered(1), 0);
}

#[tokio::test]
async fn a_subscription_that_waits_for_messages_is_not_idle() {
    let (emulator, subscription) = subscribed(|_, _| {});
    let waiting = tokio::spawn(async move { subscription.next().await });
    tokio::task::yield_now().await;
    emulator.advance(40 * DAY);
    assert!(emulator.subscription(SUBSCRIPTION).is_ok());
    publish(&emulator, "hi");
    assert!(waiting.await.unwrap().unwrap().ack());
    // Only now no client uses it.
    emulator.advance(30 * DAY);
    assert!(emulator.subscription(SUBSCRIPTION).is_ok());
    emulator.advance(2 * DAY);
    assert!(emulator.subscription(SUBSCRIPTION).is_err());
}
