//! Messages and their deliveries after a restart.

use emulator::{DeadLetterPolicy, Message, PushConfig, SubscriptionConfig};
use serde_json::json;

use super::{ENDS, End, Folder, ack_all, publish, subscribed, unacked};
use crate::harness::{DEAD_SUBSCRIPTION, DEAD_TOPIC, Endpoint, SUBSCRIPTION, TOPIC};

#[tokio::test]
async fn only_unacknowledged_messages_survive_a_restart() {
    for end in ENDS {
        let folder = Folder::new("messages");
        let emulator = folder.start().await;
        let subscription = subscribed(&emulator, |_| {});
        let whole = Message::new("acked").with_attribute("kind", "order");
        emulator.publish(TOPIC, whole).unwrap();
        publish(&emulator, "pulled");
        let last = publish(&emulator, "waiting");
        let pulled = subscription.pull(2).unwrap();
        assert!(pulled[0].ack());
        let before = emulator.unacked_messages(SUBSCRIPTION);
        drop((subscription, pulled));
        let emulator = folder.restart(emulator, end).await;
        assert_eq!(emulator.unacked_messages(SUBSCRIPTION), before, "{end:?}");
        // Ids continue.
        let next: u64 = publish(&emulator, "new").parse().unwrap();
        assert!(next > last.parse().unwrap());
        ack_all(&emulator.subscription(SUBSCRIPTION).unwrap());
        let emulator = folder.restart(emulator, end).await;
        assert_eq!(unacked(&emulator, SUBSCRIPTION), [""; 0], "{end:?}");
    }
}

#[tokio::test]
async fn delivery_attempts_are_counted_over_a_restart() {
    for end in ENDS {
        let folder = Folder::new("attempts");
        let emulator = folder.start().await;
        emulator.create_topic(DEAD_TOPIC).unwrap();
        let letters = SubscriptionConfig::new(DEAD_SUBSCRIPTION, DEAD_TOPIC);
        emulator.create_subscription(letters).unwrap();
        let subscription = subscribed(&emulator, |config| {
            config.dead_letter_policy = Some(emulator::DeadLetterPolicy::new(DEAD_TOPIC));
        });
        publish(&emulator, "often");
        for attempt in 1..=3 {
            let pulled = subscription.next().await.unwrap();
            assert_eq!(pulled.delivery_attempt(), Some(attempt));
            pulled.nack();
        }
        drop(subscription);
        let emulator = folder.restart(emulator, end).await;
        let subscription = emulator.subscription(SUBSCRIPTION).unwrap();
        for attempt in 4..=5 {
            let pulled = subscription.next().await.unwrap();
            assert_eq!(pulled.delivery_attempt(), Some(attempt));
            pulled.nack();
        }
        drop(subscription);
        let emulator = folder.restart(emulator, end).await;
        assert_eq!(unacked(&emulator, SUBSCRIPTION), [""; 0]);
        assert_eq!(unacked(&emulator, DEAD_SUBSCRIPTION), ["often"]);
    }
}

#[tokio::test]
async fn the_order_of_a_key_survives_a_restart() {
    let folder = Folder::new("order");
    let emulator = folder.start().await;
    let subscription = subscribed(&emulator, |config| config.enable_message_ordering = true);
    for data in ["a1", "a2", "b1", "a3", "b2"] {
        let message = Message::new(data).with_ordering_key(&data[..1]);
        emulator.publish(TOPIC, message).unwrap();
    }
    assert!(subscription.pull(1).unwrap()[0].ack());
    assert_eq!(subscription.pull(9).unwrap().len(), 4);
    let emulator = folder.restart(emulator, End::Stopped).await;
    let subscription = emulator.subscription(SUBSCRIPTION).unwrap();
    for expected in [&["a2", "a3"][..], &["b1", "b2"], &[]] {
        let pulled = subscription.pull(2).unwrap();
        let data: Vec<&[u8]> = pulled.iter().map(|each| &each.message().data[..]).collect();
        let expected: Vec<&[u8]> = expected.iter().map(|each| each.as_bytes()).collect();
        assert_eq!(data, expected);
        assert!(pulled.iter().all(emulator::Pulled::ack));
    }
}

#[tokio::test]
async fn pushing_goes_on_after_a_restart() {
    for end in ENDS {
        let folder = Folder::new("pushing");
        let emulator = folder.start().await;
        let mut endpoint = Endpoint::start([]).await;
        subscribed(&emulator, |_| {});
        let id = publish(&emulator, "hi");
        let to = Some(PushConfig::new(endpoint.url()));
        let emulator = folder.restart(emulator, end).await;
        let mut events = emulator.delivery_events();
        emulator.modify_push_config(SUBSCRIPTION, to).unwrap();
        assert_eq!(endpoint.next().await.id(), id);
        while !events.recv().await.unwrap().is_acked() {}
        let emulator = folder.restart(emulator, end).await;
        let id = publish(&emulator, "ho");
        assert_eq!(endpoint.next().await.id(), id, "{end:?}");
    }
}

#[tokio::test]
async fn messages_of_no_subscription_are_removed_from_the_folder() {
    let folder = Folder::new("growth");
    let mut emulator = folder.start().await;
    let size = || {
        std::fs::metadata(folder.path().join("journal.redb"))
            .unwrap()
            .len()
    };
    subscribed(&emulator, |_| {});
    emulator.create_topic(DEAD_TOPIC).unwrap();
    let mut sizes = Vec::new();
    // They would take 29 MB. The file grows by doubling, if many messages are written at once.
    for _ in 0..12 {
        for _ in 0..6 {
            let large = || Message::new(vec![b'x'; 400_000]);
            // This topic has no subscription.
            emulator.publish(DEAD_TOPIC, large()).unwrap();
            emulator.publish(TOPIC, large()).unwrap();
            ack_all(&emulator.subscription(SUBSCRIPTION).unwrap());
        }
        emulator = folder.restart(emulator, End::Stopped).await;
        sizes.push(size());
    }
    assert!(sizes.iter().all(|size| *size < 20 << 20), "{sizes:?}");
}

#[tokio::test]
async fn a_replayed_dead_letter_stays_acknowledged_over_a_restart() {
    for end in ENDS {
        let folder = Folder::new("replayed");
        let emulator = folder.start().await;
        emulator.create_topic(DEAD_TOPIC).unwrap();
        let letters = SubscriptionConfig::new(DEAD_SUBSCRIPTION, DEAD_TOPIC);
        emulator.create_subscription(letters).unwrap();
        drop(subscribed(&emulator, |config| {
            config.dead_letter_policy = Some(DeadLetterPolicy::new(DEAD_TOPIC));
        }));
        let letter = Message::new("bad")
            .with_attribute("CloudPubSubDeadLetterSourceSubscription", "billing")
            .with_attribute("CloudPubSubDeadLetterSourceSubscriptionProject", "shop");
        let id = emulator.publish(DEAD_TOPIC, letter).unwrap();
        let url = format!("{}/console/api/dead-letters/replay", emulator.url());
        let body = json!({"subscription": DEAD_SUBSCRIPTION, "messageId": id, "acknowledge": true});
        let replay = reqwest::Client::new().post(url).json(&body);
        assert_eq!(replay.send().await.unwrap().status(), 200);
        let emulator = folder.restart(emulator, end).await;
        assert_eq!(unacked(&emulator, DEAD_SUBSCRIPTION), [""; 0], "{end:?}");
        assert_eq!(unacked(&emulator, SUBSCRIPTION), ["bad"], "{end:?}");
    }
}
