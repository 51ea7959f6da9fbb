//! Seeks to times and snapshots after a restart.

use emulator::SubscriptionConfig;

use super::{ENDS, Folder, HOUR, SNAPSHOT, ack_all, publish, subscribed, unacked};
use crate::harness::{SUBSCRIPTION, TOPIC};

#[tokio::test]
async fn retained_acked_messages_can_be_sought_after_a_restart() {
    for end in ENDS {
        let folder = Folder::new("retained");
        let emulator = folder.start().await;
        let begin = emulator.now();
        let subscription = subscribed(&emulator, |config| config.retain_acked_messages = true);
        publish(&emulator, "first");
        publish(&emulator, "second");
        ack_all(&subscription);
        drop(subscription);
        let emulator = folder.restart(emulator, end).await;
        assert_eq!(unacked(&emulator, SUBSCRIPTION), [""; 0]);
        let subscription = emulator.subscription(SUBSCRIPTION).unwrap();
        subscription.seek(begin).unwrap();
        assert_eq!(unacked(&emulator, SUBSCRIPTION), ["first", "second"]);
        subscription.purge().unwrap();
        drop(subscription);
        let emulator = folder.restart(emulator, end).await;
        assert_eq!(unacked(&emulator, SUBSCRIPTION), [""; 0], "{end:?}");
    }
}

#[tokio::test]
async fn a_topic_with_retention_replays_after_a_restart() {
    for end in ENDS {
        let folder = Folder::new("replay");
        let emulator = folder.start().await;
        let begin = emulator.now();
        // An earlier topic of the same name. A subscription without a topic still has its message.
        emulator.create_topic(TOPIC).unwrap();
        let orphan = SubscriptionConfig::new("projects/shop/subscriptions/orphan", TOPIC);
        emulator.create_subscription(orphan).unwrap();
        publish(&emulator, "of another topic");
        emulator.topic(TOPIC).unwrap().delete().unwrap();

        let mut topic = emulator::TopicConfig::new(TOPIC);
        topic.message_retention = Some(HOUR);
        emulator.create_topic_with(topic).unwrap();
        publish(&emulator, "to nobody");
        let config = SubscriptionConfig::new(SUBSCRIPTION, TOPIC);
        ack_all(&{
            let subscription = emulator.create_subscription(config).unwrap();
            publish(&emulator, "acked");
            subscription
        });
        let emulator = folder.restart(emulator, end).await;
        assert_eq!(unacked(&emulator, SUBSCRIPTION), [""; 0]);
        let subscription = emulator.subscription(SUBSCRIPTION).unwrap();
        subscription.seek(begin).unwrap();
        assert_eq!(
            unacked(&emulator, SUBSCRIPTION),
            ["to nobody", "acked"],
            "{end:?}"
        );
    }
}

#[tokio::test]
async fn a_snapshot_can_be_sought_after_a_restart() {
    for end in ENDS {
        let folder = Folder::new("snapshot");
        let emulator = folder.start().await;
        let subscription = subscribed(&emulator, |_| {});
        publish(&emulator, "before");
        ack_all(&subscription);
        publish(&emulator, "unacked");
        subscription.create_snapshot(SNAPSHOT).unwrap();
        publish(&emulator, "since");
        ack_all(&subscription);
        drop(subscription);
        let emulator = folder.restart(emulator, end).await;
        publish(&emulator, "later");
        let subscription = emulator.subscription(SUBSCRIPTION).unwrap();
        ack_all(&subscription);
        drop(subscription);
        let emulator = folder.restart(emulator, end).await;
        let subscription = emulator.subscription(SUBSCRIPTION).unwrap();
        subscription.seek_to_snapshot(SNAPSHOT).unwrap();
        let expected = ["unacked", "since", "later"];
        assert_eq!(unacked(&emulator, SUBSCRIPTION), expected, "{end:?}");
    }
}
