//! Deleted and detached resources after a restart.

use emulator::SubscriptionConfig;
use reqwest::Method;
use serde_json::json;

use super::{ENDS, Folder, SNAPSHOT, ack_all, done, publish, subscribed, unacked};
use crate::harness::{DEAD_TOPIC, SUBSCRIPTION, TOPIC};

#[tokio::test]
async fn deleted_topics_stay_distinct_over_a_restart() {
    for end in ENDS {
        let folder = Folder::new("deleted-topics");
        let emulator = folder.start().await;
        let subscription = subscribed(&emulator, |_| {});
        publish(&emulator, "of this topic");
        subscription.create_snapshot(SNAPSHOT).unwrap();
        ack_all(&subscription);
        let other = emulator.create_topic(DEAD_TOPIC).unwrap();
        let others = other.subscribe("other").unwrap();
        for topic in [TOPIC, DEAD_TOPIC] {
            emulator.topic(topic).unwrap().delete().unwrap();
        }
        drop((subscription, other, others));
        let emulator = folder.restart(emulator, end).await;
        let find = |name| emulator.subscription(name).unwrap();
        let others = find("projects/shop/subscriptions/other");
        assert!(others.seek_to_snapshot(SNAPSHOT).is_err(), "{end:?}");
        find(SUBSCRIPTION).seek_to_snapshot(SNAPSHOT).unwrap();
        assert_eq!(
            unacked(&emulator, SUBSCRIPTION),
            ["of this topic"],
            "{end:?}"
        );
    }
}

#[tokio::test]
async fn a_detached_subscription_is_still_empty_after_a_restart() {
    for end in ENDS {
        let folder = Folder::new("detached");
        let emulator = folder.start().await;
        let subscription = subscribed(&emulator, |config| config.retain_acked_messages = true);
        let other = SubscriptionConfig::new("projects/shop/subscriptions/other", TOPIC);
        emulator.create_subscription(other).unwrap();
        publish(&emulator, "acked");
        ack_all(&subscription);
        publish(&emulator, "unacked");
        drop(subscription);
        let detach = format!("{SUBSCRIPTION}:detach");
        done(&emulator, Method::POST, &detach, json!({})).await;
        let emulator = folder.restart(emulator, end).await;
        assert_eq!(unacked(&emulator, SUBSCRIPTION), [""; 0], "{end:?}");
        assert_eq!(
            unacked(&emulator, "projects/shop/subscriptions/other").len(),
            2
        );
    }
}

#[tokio::test]
async fn a_subscription_made_anew_after_a_deletion_begins_empty() {
    for end in ENDS {
        let folder = Folder::new("anew");
        let emulator = folder.start().await;
        let old = subscribed(&emulator, |_| {});
        let other = SubscriptionConfig::new("projects/shop/subscriptions/other", TOPIC);
        emulator.create_subscription(other).unwrap();
        publish(&emulator, "old");
        publish(&emulator, "older");
        let pulled = old.pull(1).unwrap();
        old.clone().delete().unwrap();
        let new = SubscriptionConfig::new(SUBSCRIPTION, TOPIC);
        let new = emulator.create_subscription(new).unwrap();
        publish(&emulator, "new");
        // A client still uses the old one.
        pulled[0].nack();
        for pulled in old.pull(2).unwrap() {
            pulled.nack();
        }
        assert_eq!(unacked(&emulator, SUBSCRIPTION), ["new"]);
        drop((old, new, pulled));
        let emulator = folder.restart(emulator, end).await;
        assert_eq!(unacked(&emulator, SUBSCRIPTION), ["new"], "{end:?}");
    }
}
