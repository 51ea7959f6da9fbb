//! Tests of the content of pushes, and of the answers that acknowledge them.

use std::time::Duration;

use emulator::{Message, Pace, Reply, SubscriptionConfig};
use serde_json::json;

use crate::harness::{Answer, DEAD_TOPIC, SUBSCRIPTION, Scene, TOPIC, status, statuses};

#[tokio::test]
async fn a_push_carries_every_field_of_the_message() {
    let mut scene = Scene::eager([]).await;
    let message = Message::new("hi")
        .with_attribute("kind", "order")
        .with_ordering_key("customer-9");
    let id = scene.publish(message);
    let push = scene.endpoint.next().await;
    assert_eq!(push.method, "POST");
    assert_eq!(push.uri, "/push?token=1");
    assert_eq!(push.header("content-type"), Some("application/json"));
    assert_eq!(push.header("user-agent"), Some("CloudPubSub-Google"));
    assert_eq!(push.header("authorization"), None);
    let time = push.body["message"]["publishTime"].as_str().unwrap();
    assert!(time.ends_with('Z') && time.len() == "2030-01-02T03:04:05.678Z".len());
    let message = json!({
        "data": "aGk=", "attributes": {"kind": "order"}, "orderingKey": "customer-9",
        "messageId": id, "message_id": id, "publishTime": time, "publish_time": time,
    });
    assert_eq!(
        push.body,
        json!({"message": message, "subscription": SUBSCRIPTION})
    );
    assert!(id.bytes().all(|byte| byte.is_ascii_digit()));
}

async fn check_status(sent: u16, is_ack: bool) {
    let mut scene = Scene::eager(statuses([sent])).await;
    let id = scene.publish(Message::new("hi"));
    let event = scene.ended().await;
    assert_eq!(event.reply(), status(sent));
    assert_eq!(event.is_acked(), is_ack);
    assert_eq!(event.message_id, id);
    assert_eq!(event.attempt, 1);
    if !is_ack {
        assert_eq!(scene.acked(&id).await.attempt, 2);
    }
}

#[tokio::test]
async fn only_four_final_statuses_are_acks() {
    for acked in [200, 201, 202, 204] {
        check_status(acked, true).await;
    }
    for nacked in [203, 205, 206, 299, 304, 400, 401, 404, 429, 500, 503] {
        check_status(nacked, false).await;
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let mut scene = Scene::eager([Answer::Redirect]).await;
    scene.publish(Message::new("hi"));
    assert_eq!(scene.ended().await.reply(), status(301));
    for _ in 0..2 {
        assert_eq!(scene.endpoint.next().await.uri.path(), "/push");
    }
}

#[tokio::test]
async fn pushes_share_a_connection_whatever_the_answer() {
    let mut scene = Scene::eager(statuses([204, 500, 200])).await;
    let id = scene.publish(Message::new("hi"));
    scene.acked(&id).await;
    let id = scene.publish(Message::new("ho"));
    scene.acked(&id).await;
    let first = scene.endpoint.next().await;
    for _ in 0..2 {
        assert_eq!(scene.endpoint.next().await.from, first.from);
    }
}

#[tokio::test]
async fn every_subscription_of_a_topic_gets_the_same_message() {
    let mut scene = Scene::eager([]).await;
    let other = "projects/shop/subscriptions/mail";
    let config = SubscriptionConfig::new(other, TOPIC).push_to(scene.endpoint.url());
    scene.emulator.create_subscription(config).unwrap();
    let id = scene.publish(Message::new("hi"));
    let pushes = [scene.endpoint.next().await, scene.endpoint.next().await];
    assert!(pushes.iter().all(|push| push.id() == id));
    let mut subscriptions = pushes.map(|push| push.body["subscription"].clone());
    subscriptions.sort_by_key(ToString::to_string);
    assert_eq!(subscriptions, [json!(SUBSCRIPTION), json!(other)]);
}

#[tokio::test]
async fn the_largest_message_arrives_whole() {
    let mut scene = Scene::eager([]).await;
    let id = scene.publish(Message::new(vec![b'x'; 10_000_000]));
    let push = scene.endpoint.next().await;
    assert_eq!(push.id(), id);
    assert_eq!(
        push.body["message"]["data"].as_str().unwrap().len(),
        13_333_336
    );
}

#[tokio::test]
async fn an_acked_message_can_be_delivered_again() {
    let mut scene = Scene::eager([]).await;
    let id = scene.publish(Message::new("hi"));
    scene.acked(&id).await;
    let first = scene.endpoint.next().await;
    scene.emulator.deliver_again(SUBSCRIPTION, &id).unwrap();
    assert_eq!(scene.endpoint.next().await.body, first.body);
    scene.acked(&id).await;
    assert!(scene.endpoint.is_idle());
}

#[tokio::test]
async fn a_message_can_be_pushed_beside_a_push_that_is_under_way() {
    let mut scene = Scene::eager([Answer::Withheld]).await;
    let id = scene.publish(Message::new("hi"));
    scene.endpoint.next().await;
    scene.emulator.deliver_again(SUBSCRIPTION, &id).unwrap();
    assert_eq!(scene.endpoint.next().await.id(), id);
    scene.acked(&id).await;
    scene.endpoint.release();
    scene.acked(&id).await;
}

#[tokio::test]
async fn a_message_that_never_was_cannot_be_delivered_again() {
    let scene = Scene::eager([]).await;
    for unknown in ["1", "not a number"] {
        assert!(scene.emulator.deliver_again(SUBSCRIPTION, unknown).is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn slow_start_admits_more_pushes_after_acks() {
    let mut scene = Scene::start(Pace::Google, [Answer::Withheld; 12], |_| {}).await;
    for _ in 0..12 {
        scene.publish(Message::new("hi"));
    }
    for _ in 0..4 {
        scene.endpoint.next().await;
    }
    assert!(scene.endpoint.stays_idle().await);
    scene.endpoint.release();
    assert!(scene.ended().await.is_acked());
    // One replaces the answered push, and one more is sent because the window grew.
    for _ in 0..2 {
        scene.endpoint.next().await;
    }
    assert!(scene.endpoint.stays_idle().await);
}

#[tokio::test(start_paused = true)]
async fn a_slow_endpoint_leaves_room_for_others() {
    let mut scene = Scene::start(Pace::Eager, [Answer::Withheld; 400], |config| {
        config.ack_deadline = Duration::from_secs(600);
    })
    .await;
    (0..200).for_each(|_| drop(scene.publish(Message::new("hi"))));
    for _ in 0..128 {
        scene.endpoint.next().await;
    }
    assert!(scene.endpoint.stays_idle().await);

    let other = SubscriptionConfig::new("projects/shop/subscriptions/mail", TOPIC);
    let mut other = other.push_to(scene.endpoint.url());
    other.ack_deadline = Duration::from_secs(600);
    scene.emulator.create_subscription(other).unwrap();
    (0..200).for_each(|_| drop(scene.publish(Message::new("hi"))));
    // All subscriptions together have room for 160 pushes, and each has one push of its own.
    for _ in 128..161 {
        scene.endpoint.next().await;
    }
    assert!(scene.endpoint.stays_idle().await);
    scene.endpoint.release();
    scene.endpoint.next().await;
}

/// The most concurrent pushes of three subscriptions: 160 together, and one each.
const FULL: usize = 163;

#[tokio::test(start_paused = true)]
async fn waiting_for_room_is_not_part_of_the_ack_deadline() {
    let mut scene = Scene::start(Pace::Eager, [Answer::Never; FULL], |_| {}).await;
    for name in ["mail", "search"] {
        let name = format!("projects/shop/subscriptions/{name}");
        let other = SubscriptionConfig::new(name, TOPIC).push_to(scene.endpoint.url());
        scene.emulator.create_subscription(other).unwrap();
    }
    // In portions, since systems drop connections that wait to be accepted.
    for started in 1..=100 {
        scene.publish(Message::new("hi"));
        for _ in 3 * (started - 1)..(3 * started).min(FULL) {
            scene.endpoint.next().await;
        }
    }
    // The first ones reach their deadline. Then the others follow, and the first ones again.
    for _ in 0..FULL {
        assert_eq!(scene.ended().await.reply(), Some(Reply::DeadlineExceeded));
    }
    let mut first_pushes = 0;
    for _ in 0..300 {
        let event = scene.ended().await;
        assert!(event.is_acked(), "{event:?}");
        first_pushes += usize::from(event.attempt == 1);
    }
    assert_eq!(first_pushes, 300 - FULL);
}

#[tokio::test]
async fn endpoints_that_hang_do_not_hold_up_another_subscription() {
    let mut scene = Scene::start(Pace::Eager, [Answer::Never; 161], |config| {
        config.ack_deadline = Duration::from_secs(600);
    })
    .await;
    let mut other = SubscriptionConfig::new("projects/shop/subscriptions/mail", TOPIC);
    other.ack_deadline = Duration::from_secs(600);
    let other = other.push_to(scene.endpoint.url());
    scene.emulator.create_subscription(other).unwrap();
    (0..128).for_each(|_| drop(scene.publish(Message::new("hi"))));
    for _ in 0..161 {
        scene.endpoint.next().await;
    }
    let healthy = SubscriptionConfig::new("projects/shop/subscriptions/search", DEAD_TOPIC);
    let healthy = healthy.push_to(scene.endpoint.url());
    scene.emulator.create_subscription(healthy).unwrap();
    for _ in 0..3 {
        let id = scene.emulator.publish(DEAD_TOPIC, Message::new("hi"));
        // The next push that ends, ten minutes before the others time out.
        let event = scene.ended().await;
        assert_eq!(event.message_id, id.unwrap());
        assert_eq!(event.attempt, 1);
    }
}

#[tokio::test]
async fn a_subscription_holds_messages_until_it_has_an_endpoint() {
    let mut scene = Scene::start(Pace::Eager, [], |config| config.push_config = None).await;
    let ids = ["a", "b"].map(|data| scene.publish(Message::new(data).with_attribute("k", data)));
    let unacked = scene.emulator.unacked_messages(SUBSCRIPTION);
    assert_eq!(
        unacked
            .iter()
            .map(|each| each.id.clone())
            .collect::<Vec<_>>(),
        ids
    );
    assert_eq!(unacked[1].data, "b");
    assert_eq!(unacked[1].attributes["k"].as_str(), "b");
    let push_config = emulator::PushConfig::new(scene.endpoint.url());
    scene
        .emulator
        .modify_push_config(SUBSCRIPTION, Some(push_config))
        .unwrap();
    scene.endpoint.next().await;
    scene.endpoint.next().await;
    while !scene.ended().await.is_acked() {}
    while !scene.emulator.unacked_messages(SUBSCRIPTION).is_empty() {
        scene.ended().await;
    }
}

#[tokio::test]
async fn subscriptions_of_one_endpoint_share_its_connections() {
    let mut scene = Scene::eager([]).await;
    let id = scene.publish(Message::new("hi"));
    scene.acked(&id).await;
    let first = scene.endpoint.next().await;
    let other = "projects/shop/subscriptions/other";
    let config = SubscriptionConfig::new(other, DEAD_TOPIC).push_to(scene.endpoint.url());
    scene.emulator.create_subscription(config).unwrap();
    let id = scene
        .emulator
        .publish(DEAD_TOPIC, Message::new("hi"))
        .unwrap();
    scene.acked(&id).await;
    assert_eq!(scene.endpoint.next().await.from, first.from);
}
