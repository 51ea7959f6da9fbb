//! The list of messages.

use emulator::{Message, Pace, RetryPolicy, SubscriptionConfig};
use serde_json::json;

use super::get;
use crate::harness::{Answer, DEAD_TOPIC, SUBSCRIPTION, Scene, TOPIC, emulator};

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

/// Publishes messages of different content, and returns their ids.
fn mixed(emulator: &emulator::Emulator) -> Vec<String> {
    emulator.create_topic(TOPIC).unwrap();
    emulator.create_topic(DEAD_TOPIC).unwrap();
    let publish = |topic, message| emulator.publish(topic, message).unwrap();
    vec![
        publish(TOPIC, Message::new("{\"name\": \"Ada Lovelace\"}")),
        publish(
            DEAD_TOPIC,
            Message::new("short").with_attribute("kind", "order"),
        ),
        publish(
            TOPIC,
            Message::new(vec![0xff, b'A', b'd', b'A']).with_ordering_key("c-7"),
        ),
    ]
}

async fn listed(emulator: &emulator::Emulator, query: &str) -> Vec<String> {
    let found = get(emulator, &format!("messages?{query}")).await;
    let messages = found["messages"].as_array().unwrap().iter();
    messages
        .map(|message| message["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn messages_are_found_by_their_content() {
    let emulator = emulator(Pace::Eager);
    let ids = mixed(&emulator);
    assert_eq!(
        listed(&emulator, "text=ada").await,
        [ids[2].clone(), ids[0].clone()]
    );
    assert_eq!(
        listed(&emulator, "text=Kind%3DORDER").await,
        [ids[1].clone()]
    );
    assert_eq!(listed(&emulator, "text=c-7").await, [ids[2].clone()]);
    assert_eq!(listed(&emulator, "text=nothing").await, [""; 0]);
    let of_topic = format!("text=o&topic={DEAD_TOPIC}");
    assert_eq!(listed(&emulator, &of_topic).await, [ids[1].clone()]);
}

#[tokio::test]
async fn messages_are_sorted_in_both_directions() {
    let emulator = emulator(Pace::Eager);
    let ids = mixed(&emulator);
    for (query, order) in [
        ("", [2, 1, 0]),
        ("reverse=true", [0, 1, 2]),
        ("sort=size", [0, 1, 2]),
        ("sort=size&reverse=true", [2, 1, 0]),
        ("sort=topic", [2, 0, 1]),
        ("sort=topic&reverse=true", [1, 2, 0]),
    ] {
        let expected = order.map(|place: usize| ids[place].clone());
        assert_eq!(listed(&emulator, query).await, expected, "{query}");
    }
}

/// Returns a scene with one answer, after which the message waits.
async fn failing(answer: Answer) -> Scene {
    Scene::start(Pace::Eager, [answer], |config| {
        config.retry_policy = Some(RetryPolicy::default());
    })
    .await
}

#[tokio::test]
async fn a_failed_delivery_is_listed_with_its_reason() {
    let body = "the hall is locked\nat line 7";
    let mut scene = failing(Answer::Outcome(503, "failed", body)).await;
    scene.publish(Message::new("hi"));
    scene.ended().await;
    let found = get(&scene.emulator, "messages").await;
    let status = &found["messages"][0]["statuses"][0];
    assert_eq!(status["reason"], "the hall is locked");
    assert_eq!(status["lastOutcome"], "failed");
}

#[tokio::test]
async fn a_long_reason_is_cut_where_it_is_shown() {
    const LONG: &str = concat!(
        "\n\n",
        "ééééééééééééééééééééééééééééééééééééééééééééééééé",
        "ééééééééééééééééééééééééééééééééééééééééééééééééé",
        "ééééééééééééééééééééééééééééééééééééééééééééééééé",
        "ééééééééééééééééééééééééééééééééééééééééééééééééé",
        "ééééééééééééééééé"
    );
    let mut scene = failing(Answer::Outcome(500, "Not-A-Word", LONG)).await;
    scene.publish(Message::new("hi"));
    scene.ended().await;
    let found = get(&scene.emulator, "messages").await;
    let status = &found["messages"][0]["statuses"][0];
    assert_eq!(status["reason"], format!("{}…", "é".repeat(200)));
    assert_eq!(status["lastOutcome"], json!(null));
}
