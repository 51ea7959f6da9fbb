//! Times and expiry after a restart.

use emulator::SubscriptionConfig;

use super::{ENDS, End, Folder, HOUR, SNAPSHOT, ack_all, publish, subscribed, unacked};
use crate::harness::{SUBSCRIPTION, TOPIC};

#[tokio::test]
async fn a_replayed_message_outlives_its_retention_over_a_restart() {
    for end in ENDS {
        let folder = Folder::new("sought");
        let emulator = folder.start().await;
        let subscription = subscribed(&emulator, |config| config.message_retention = HOUR / 6);
        publish(&emulator, "sought");
        subscription.create_snapshot(SNAPSHOT).unwrap();
        subscription.seek_to_snapshot(SNAPSHOT).unwrap();
        publish(&emulator, "later");
        drop(subscription);
        let emulator = folder.restart(emulator, end).await;
        emulator.advance(HOUR);
        assert_eq!(unacked(&emulator, SUBSCRIPTION), ["sought"], "{end:?}");
        emulator.advance(7 * 24 * HOUR);
        assert_eq!(unacked(&emulator, SUBSCRIPTION), [""; 0], "{end:?}");
    }
}

#[tokio::test]
async fn times_stay_distinct_over_a_restart() {
    let folder = Folder::new("times");
    let emulator = folder.start().await;
    let subscription = subscribed(&emulator, |config| config.retain_acked_messages = true);
    let noted: Vec<_> = (0..100)
        .map(|_| {
            publish(&emulator, "hi");
            time::OffsetDateTime::now_utc()
        })
        .collect();
    ack_all(&subscription);
    drop(subscription);
    let emulator = folder.restart(emulator, End::Stopped).await;
    let subscription = emulator.subscription(SUBSCRIPTION).unwrap();
    for (before, time) in noted.iter().enumerate() {
        subscription.seek(*time).unwrap();
        assert_eq!(
            subscription.unacked_messages().len(),
            noted.len() - 1 - before
        );
    }
}

/// The next emulator has the clock of the machine again.
#[tokio::test]
async fn messages_of_a_faster_clock_delay_no_later_expiry() {
    let folder = Folder::new("ahead");
    let emulator = folder.start().await;
    let topic = emulator::TopicConfig {
        message_retention: Some(HOUR),
        ..emulator::TopicConfig::new(TOPIC)
    };
    emulator.create_topic_with(topic).unwrap();
    for (id, retains_acked) in [("billing", false), ("archive", true)] {
        let name = format!("projects/shop/subscriptions/{id}");
        let mut config = SubscriptionConfig::new(name, TOPIC);
        config.message_retention = HOUR / 6;
        config.retain_acked_messages = retains_acked;
        config.expiration = None;
        emulator.create_subscription(config).unwrap();
    }
    emulator.advance(24 * HOUR);
    publish(&emulator, "ahead");
    let emulator = folder.restart(emulator, End::Stopped).await;
    let begin = emulator.now();
    publish(&emulator, "now");
    let archive = emulator
        .subscription("projects/shop/subscriptions/archive")
        .unwrap();
    ack_all(&archive);
    emulator.advance(2 * HOUR);
    assert_eq!(unacked(&emulator, SUBSCRIPTION), ["ahead"]);
    for name in [SUBSCRIPTION, archive.name()] {
        emulator.subscription(name).unwrap().seek(begin).unwrap();
        assert_eq!(unacked(&emulator, name), ["ahead"]);
    }
}
