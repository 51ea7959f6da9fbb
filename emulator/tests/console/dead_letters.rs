//! Dead letters, with the links between them and their original messages.

use emulator::{DeadLetterPolicy, Message, Pace, SubscriptionConfig};
use serde_json::{Value, json};

use super::{get, get_when, post, status_of};
use crate::harness::{Answer, DEAD_SUBSCRIPTION, DEAD_TOPIC, SUBSCRIPTION, Scene, TOPIC, statuses};

#[tokio::test]
async fn a_dead_letter_of_the_service_is_linked_both_ways() {
    let dead_lettered = Answer::Outcome(204, "dead-lettered", "");
    let duplicate = Answer::Outcome(204, "duplicate", "");
    let mut scene = Scene::eager([dead_lettered, duplicate]).await;
    let message = Message::new("bad").with_attribute("kind", "order");
    let id = scene.publish(message.clone());
    let letter = message
        .with_attribute("CloudPubSubDeadLetterSourceSubscription", "billing")
        .with_attribute("CloudPubSubDeadLetterSourceSubscriptionProject", "shop")
        .with_attribute("pushgate-dead-letter-reason", "payload")
        .with_attribute("pushgate-source-message-id", &id)
        .with_attribute("pushgate-source-publish-time", "2030-01-02T03:04:05Z");
    let letter = scene.emulator.publish(DEAD_TOPIC, letter).unwrap();
    scene.acked(&id).await;
    let again = json!({"messageId": id});
    post(
        &scene.emulator,
        "subscriptions/shop/billing/redeliver",
        again,
    )
    .await;
    scene.acked(&id).await;
    let status = status_of(&scene.emulator, &id).await;
    assert_eq!(status["state"], "dead-lettered");
    assert_eq!(status["deadLetter"], json!(letter));
    let found = get(&scene.emulator, "messages?state=dead-lettered").await;
    assert_eq!(found["messages"][0]["id"], json!(id));
    assert_eq!(found["total"], 1);

    let of = json!({"id": id, "isKnown": true, "lastReply": null});
    let life = get(&scene.emulator, &format!("messages/{letter}")).await;
    assert_eq!(&life["deadLetterOf"], &of);
    assert_eq!(life["isDeadLetter"], true);
}

/// Returns the scene and the id of a dead-lettered message.
async fn dead_lettered() -> (Scene, String) {
    let policy = |config: &mut SubscriptionConfig| {
        config.dead_letter_policy = Some(DeadLetterPolicy::new(DEAD_TOPIC))
    };
    let scene = Scene::start(Pace::Eager, statuses([500; 5]), policy).await;
    let message = Message::new("bad")
        .with_attribute("kind", "order")
        .with_ordering_key("customer")
        .with_attribute("pushgate-source-publish-time", "2030-01-02T03:04:05Z");
    let id = scene.publish(message.with_attribute("pushgate-dead-letter-reason", "rejected"));
    (scene, id)
}

#[tokio::test]
async fn a_dead_letter_is_published_again_as_it_was() {
    let (mut scene, id) = dead_lettered().await;
    let there = |found: &Value| found["total"] == 1;
    let found = get_when(&mut scene, "dead-letters", there).await;
    let letter = &found["deadLetters"][0];
    assert_eq!(letter["source"], SUBSCRIPTION);
    assert_eq!(letter["sourceTopic"], TOPIC);
    assert_eq!(letter["attempts"], "5");
    assert_eq!(letter["cause"]["reason"], "rejected");
    assert_eq!(letter["holder"], DEAD_SUBSCRIPTION);
    assert_eq!(letter["receivers"], json!([SUBSCRIPTION]));
    assert_eq!(letter["originalAttributes"], json!({"kind": "order"}));
    assert_eq!(found["routes"][0]["holders"], json!([DEAD_SUBSCRIPTION]));
    let life = get(&scene.emulator, &format!("messages/{id}")).await;
    assert_eq!(
        life["subscriptions"][0]["attempts"][4]["settlement"],
        json!({"kind": "dead-lettered", "topic": DEAD_TOPIC})
    );

    let replay = json!({"subscription": DEAD_SUBSCRIPTION, "messageId": letter["id"]});
    let (status, answer) = post(&scene.emulator, "dead-letters/replay", replay).await;
    assert_eq!(status, 200);
    assert_eq!(answer["topic"], TOPIC);
    let again = loop {
        let push = scene.endpoint.next().await;
        if push.id() == answer["messageId"] {
            break push;
        }
    };
    assert_eq!(again.body["message"]["data"], "YmFk");
    assert_eq!(
        again.body["message"]["attributes"],
        json!({"kind": "order"})
    );
    assert_eq!(again.body["message"]["orderingKey"], "customer");
    assert_eq!(scene.emulator.unacked_messages(DEAD_SUBSCRIPTION).len(), 1);

    let other = json!({"subscription": DEAD_SUBSCRIPTION, "messageId": id});
    assert_eq!(
        post(&scene.emulator, "dead-letters/replay", other).await.0,
        404
    );
}

#[tokio::test]
async fn a_dead_letter_links_to_its_original_message() {
    let (mut scene, id) = dead_lettered().await;
    let there = |found: &Value| !found["deadLetters"][0]["deadLetterOf"].is_null();
    let found = get_when(&mut scene, "dead-letters", there).await;
    let letter = &found["deadLetters"][0];
    let expected = json!({"id": id, "isKnown": true, "lastReply": "500"});
    assert_eq!(letter["deadLetterOf"], expected);
    let path = format!("messages/{}", letter["id"].as_str().unwrap());
    assert_eq!(get(&scene.emulator, &path).await["deadLetterOf"], expected);
    let original = get(&scene.emulator, &format!("messages/{id}")).await;
    assert_eq!(original["deadLetterOf"], Value::Null);
    assert_eq!(
        original["subscriptions"][0]["status"]["deadLetter"],
        letter["id"]
    );
}
