//! Tests of messages that fail too often.

use emulator::{
    DeadLetterPolicy, DeliveryEvent, Message, Pace, ReceivedMessage, SubscriptionConfig,
};

use crate::harness::{Answer, DEAD_SUBSCRIPTION, DEAD_TOPIC, SUBSCRIPTION, Scene, TOPIC, statuses};

fn five_attempts(config: &mut SubscriptionConfig) {
    config.dead_letter_policy = Some(DeadLetterPolicy::new(DEAD_TOPIC));
}

async fn failing(change: impl FnOnce(&mut SubscriptionConfig)) -> Scene {
    Scene::start(Pace::Eager, statuses([500; 5]), change).await
}

async fn dead_lettered(scene: &mut Scene) -> DeliveryEvent {
    loop {
        let event = scene.ended().await;
        if event.dead_lettered_to().is_some() {
            return event;
        }
    }
}

fn letters(scene: &Scene) -> Vec<ReceivedMessage> {
    scene.emulator.unacked_messages(DEAD_SUBSCRIPTION)
}

#[tokio::test]
async fn a_message_is_dead_lettered_after_the_last_attempt() {
    let mut scene = failing(five_attempts).await;
    let id = scene.publish(Message::new("bad").with_attribute("kind", "order"));
    for attempt in 1..=5 {
        assert_eq!(scene.endpoint.next().await.attempt(), Some(attempt));
    }
    let event = dead_lettered(&mut scene).await;
    assert_eq!(event.attempt, 5);
    assert_eq!(event.dead_lettered_to(), Some(DEAD_TOPIC));
    assert!(scene.endpoint.is_idle());
    assert!(scene.emulator.unacked_messages(SUBSCRIPTION).is_empty());

    let letters = letters(&scene);
    let [letter] = letters.as_slice() else {
        panic!("one letter expected, not {}", letters.len());
    };
    assert_ne!(letter.id, id);
    assert_eq!(&letter.data[..], b"bad");
    let attribute = |name: &str| letter.attributes[name].as_str();
    assert_eq!(attribute("kind"), "order");
    assert_eq!(attribute("CloudPubSubDeadLetterSourceDeliveryCount"), "5");
    assert_eq!(
        attribute("CloudPubSubDeadLetterSourceSubscription"),
        "billing"
    );
    assert_eq!(
        attribute("CloudPubSubDeadLetterSourceSubscriptionProject"),
        "shop"
    );
    assert!(attribute("CloudPubSubDeadLetterSourceTopicPublishTime").ends_with('Z'));
    assert_eq!(letter.attributes.len(), 5);
}

#[tokio::test]
async fn a_dead_letter_frees_its_ordering_key() {
    let mut scene = failing(|config| {
        five_attempts(config);
        config.enable_message_ordering = true;
    })
    .await;
    scene.publish(Message::new("bad").with_ordering_key("customer"));
    let follower = scene.publish(Message::new("good").with_ordering_key("customer"));
    dead_lettered(&mut scene).await;
    assert_eq!(scene.acked(&follower).await.attempt, 1);
    assert_eq!(letters(&scene)[0].ordering_key, "customer");
}

#[tokio::test(start_paused = true)]
async fn expired_deadlines_count_as_attempts() {
    let mut scene = Scene::start(Pace::Eager, [Answer::Never; 5], five_attempts).await;
    scene.publish(Message::new("slow"));
    assert_eq!(dead_lettered(&mut scene).await.attempt, 5);
}

#[tokio::test]
async fn without_its_topic_a_dead_letter_is_delivered_on() {
    let mut scene = failing(five_attempts).await;
    let url = format!("{}/v1/{DEAD_TOPIC}", scene.emulator.url());
    reqwest::Client::new().delete(url).send().await.unwrap();
    let id = scene.publish(Message::new("bad"));
    assert_eq!(scene.acked(&id).await.attempt, 6);
}

#[tokio::test]
async fn the_topic_must_exist_when_the_subscription_is_created() {
    let scene = Scene::eager([]).await;
    let mut config = SubscriptionConfig::new("projects/shop/subscriptions/other", TOPIC);
    config.dead_letter_policy = Some(DeadLetterPolicy::new("projects/shop/topics/missing"));
    let error = scene.emulator.create_subscription(config).unwrap_err();
    assert_eq!(error.to_string(), "Resource not found (resource=missing)");
}
