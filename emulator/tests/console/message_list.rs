//! The list of messages.

use emulator::{Message, Pace, SubscriptionConfig};
use serde_json::json;

use super::get;
use crate::harness::{DEAD_TOPIC, SUBSCRIPTION, Scene, TOPIC, emulator};

#[tokio::test]
async fn messages_are_listed_in_filtered_pages() {
    let scene = Scene::eager([]).await;
    let mut last = String::new();
    for _ in 0..120 {
        last = scene
            .emulator
            .publish(DEAD_TOPIC, Message::new("x"))
            .unwrap();
    }
    let page = |query: &'static str| {
        let emulator = &scene.emulator;
        async move {
            let found = get(emulator, &format!("messages?{query}")).await;
            (
                found["messages"].as_array().unwrap().len(),
                found["total"].as_u64().unwrap(),
                found["pages"].as_u64().unwrap(),
            )
        }
    };
    assert_eq!(page("").await, (50, 120, 3));
    assert_eq!(page("page=3").await, (20, 120, 3));
    assert_eq!(page("page=4").await, (0, 120, 3));
    assert_eq!(page("state=waiting").await, (50, 120, 3));
    assert_eq!(page("state=acked").await, (0, 0, 1));
    assert_eq!(page("topic=projects/shop/topics/orders").await, (0, 0, 1));
    assert_eq!(
        page("subscription=projects/shop/subscriptions/orders-dead&state=waiting").await,
        (50, 120, 3)
    );
    assert_eq!(
        page("subscription=projects/shop/subscriptions/billing").await,
        (0, 0, 1)
    );
    let found = get(&scene.emulator, &format!("messages?id={last}")).await;
    assert_eq!(found["total"], 1);
    assert_eq!(found["messages"][0]["id"], json!(last));
    assert_eq!(
        get(&scene.emulator, "messages").await["messages"][0]["id"],
        json!(last)
    );
}

#[tokio::test]
async fn a_message_without_a_subscription_is_unrouted() {
    let emulator = emulator(Pace::Eager);
    emulator.create_topic(TOPIC).unwrap();
    let id = emulator.publish(TOPIC, Message::new("hi")).unwrap();
    let found = get(&emulator, "messages?state=unrouted").await;
    assert_eq!(found["messages"][0]["id"], json!(id));
    assert_eq!(found["messages"][0]["statuses"], json!([]));
    assert_eq!(get(&emulator, "messages?state=waiting").await["total"], 0);
}

#[tokio::test]
async fn a_filtered_message_does_not_wait() {
    let emulator = emulator(Pace::Eager);
    emulator.create_topic(TOPIC).unwrap();
    let mut billing = SubscriptionConfig::new(SUBSCRIPTION, TOPIC);
    billing.filter = "attributes:kind".to_owned();
    emulator.create_subscription(billing).unwrap();
    emulator.publish(TOPIC, Message::new("hi")).unwrap();
    let id = emulator
        .publish(TOPIC, Message::new("hi").with_attribute("kind", "order"))
        .unwrap();
    let found = get(&emulator, "messages?state=waiting").await;
    assert_eq!(found["total"], 1);
    assert_eq!(found["messages"][0]["id"], json!(id));
}
