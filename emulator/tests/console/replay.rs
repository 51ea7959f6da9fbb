//! Bulk and edited replay of dead letters.

use emulator::{DeadLetterPolicy, Message, Pace, SubscriptionConfig};
use serde_json::{Value, json};

use super::{get, post};
use crate::harness::{DEAD_SUBSCRIPTION, DEAD_TOPIC, Scene};

fn letter(error: &str) -> Message {
    Message::new(format!("{{\"error\": {error:?}}}"))
        .with_attribute("kind", "order")
        .with_attribute("CloudPubSubDeadLetterSourceSubscription", "billing")
        .with_attribute("CloudPubSubDeadLetterSourceSubscriptionProject", "shop")
        .with_attribute("pushgate-dead-letter-reason", "payload")
        .with_attribute("pushgate-dead-letter-error", error)
}

/// Returns a scene with these dead letters of `billing`, and their ids.
async fn with_letters(errors: &[&str]) -> (Scene, Vec<String>) {
    let scene = Scene::start(Pace::Eager, [], |config: &mut SubscriptionConfig| {
        config.dead_letter_policy = Some(DeadLetterPolicy::new(DEAD_TOPIC));
    })
    .await;
    let ids = errors.iter();
    let ids = ids.map(|error| scene.emulator.publish(DEAD_TOPIC, letter(error)).unwrap());
    let ids = ids.collect();
    (scene, ids)
}

fn held(scene: &Scene) -> Vec<String> {
    let held = scene.emulator.unacked_messages(DEAD_SUBSCRIPTION);
    held.into_iter().map(|message| message.id).collect()
}

async fn data(scene: &mut Scene) -> Value {
    scene.endpoint.next().await.body["message"]["data"].clone()
}

#[tokio::test]
async fn dead_letters_are_grouped_by_cause_without_numbers() {
    let (scene, _) = with_letters(&["line 1: no id", "no name", "line 27: no id"]).await;
    let found = get(&scene.emulator, "dead-letters").await;
    let groups = found["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 2);
    assert_eq!(groups[0]["count"], 2);
    let latest = json!({"reason": "payload", "reply": null, "detail": "line 27: no id"});
    assert_eq!(groups[0]["cause"], latest);
    let group = groups[0]["key"].as_str().unwrap();
    let part = get(&scene.emulator, &format!("dead-letters?group={group}")).await;
    assert_eq!(part["total"], 2);
    assert_eq!(
        part["groups"].as_array().unwrap().len(),
        2,
        "all are listed"
    );
}

#[tokio::test]
async fn a_group_is_replayed_in_its_order_and_acknowledged() {
    let (mut scene, ids) = with_letters(&["line 1: no id", "no name", "line 2: no id"]).await;
    let groups = get(&scene.emulator, "dead-letters").await["groups"].clone();
    let body = json!({"group": groups[0]["key"], "acknowledge": true});
    let (status, done) = post(&scene.emulator, "dead-letters/replay-group", body).await;
    assert_eq!(status, 200, "{done}");
    assert_eq!(done["published"], 2);
    assert_eq!(done["remaining"], 0);
    assert_eq!(done["errors"], json!([]));
    for expected in [
        "eyJlcnJvciI6ICJsaW5lIDE6IG5vIGlkIn0=",
        "eyJlcnJvciI6ICJsaW5lIDI6IG5vIGlkIn0=",
    ] {
        assert_eq!(data(&mut scene).await, expected);
    }
    assert_eq!(held(&scene), [ids[1].clone()]);
    let life = get(&scene.emulator, &format!("messages/{}", ids[0])).await;
    assert_eq!(life["subscriptions"][0]["status"]["state"], "removed");
    let notes = get(&scene.emulator, "subscriptions/shop/orders-dead").await["notes"].clone();
    assert_eq!(notes[0]["what"], "Acknowledged a message on this page");
}

#[tokio::test]
async fn a_replay_in_parts_leaves_later_dead_letters_out() {
    let errors = vec!["no id"; 450];
    let (scene, ids) = with_letters(&errors).await;
    let (mut after, mut up_to, mut published) = (json!(""), json!(""), Vec::new());
    loop {
        let body = json!({"after": after, "upTo": up_to});
        let (_, part) = post(&scene.emulator, "dead-letters/replay-group", body).await;
        published.push(part["published"].as_u64().unwrap());
        scene.emulator.publish(DEAD_TOPIC, letter("no id")).unwrap();
        (after, up_to) = (part["after"].clone(), part["upTo"].clone());
        if part["remaining"] == 0 {
            break;
        }
    }
    assert_eq!(published, [200, 200, 50]);
    assert_eq!(up_to, json!(ids[449]));
    assert_eq!(
        held(&scene).len(),
        453,
        "nothing is acknowledged without a wish"
    );
}

#[tokio::test]
async fn a_dead_letter_without_its_source_is_left_and_named() {
    let (scene, ids) = with_letters(&["no id"]).await;
    scene
        .emulator
        .subscription("projects/shop/subscriptions/billing")
        .unwrap()
        .delete()
        .unwrap();
    // Without a policy no topic is one of dead letters.
    let mut other =
        SubscriptionConfig::new("projects/shop/subscriptions/other", crate::harness::TOPIC);
    other.dead_letter_policy = Some(DeadLetterPolicy::new(DEAD_TOPIC));
    scene.emulator.create_subscription(other).unwrap();
    let body = json!({"acknowledge": true});
    let (status, done) = post(&scene.emulator, "dead-letters/replay-group", body).await;
    assert_eq!(status, 200);
    assert_eq!(done["published"], 0);
    assert_eq!(done["failed"], 1);
    assert_eq!(done["errors"][0]["id"], json!(ids[0]));
    assert_eq!(held(&scene), ids);
}

#[tokio::test]
async fn a_dead_letter_is_replayed_as_edited() {
    let (mut scene, ids) = with_letters(&["no id"]).await;
    let query = format!(
        "dead-letters/original?subscription={DEAD_SUBSCRIPTION}&messageId={}",
        ids[0]
    );
    let original = get(&scene.emulator, &query).await;
    assert_eq!(original["data"]["text"], "{\"error\": \"no id\"}");
    assert_eq!(original["attributes"], json!({"kind": "order"}));
    let replay = |edited: Value| json!({"subscription": DEAD_SUBSCRIPTION, "messageId": ids[0], "acknowledge": true, "edited": edited});
    let invalid = replay(json!({"data": "{", "encoding": "json"}));
    let (status, _) = post(&scene.emulator, "dead-letters/replay", invalid).await;
    assert_eq!(status, 400);
    assert_eq!(held(&scene), ids, "a rejected replay acknowledges nothing");
    let edited = json!({"data": "{}", "encoding": "json", "attributes": {"kind": "return"}, "orderingKey": "c-7"});
    let (status, _) = post(&scene.emulator, "dead-letters/replay", replay(edited)).await;
    assert_eq!(status, 200);
    let message = scene.endpoint.next().await.body["message"].clone();
    assert_eq!(message["data"], "e30=");
    assert_eq!(message["attributes"], json!({"kind": "return"}));
    assert_eq!(message["orderingKey"], "c-7");
    assert_eq!(held(&scene), [""; 0]);
}

#[tokio::test]
async fn a_replay_names_the_original_message_of_a_services_dead_letter() {
    let (mut scene, _) = with_letters(&[]).await;
    let id = scene.publish(Message::new("bad"));
    scene.endpoint.next().await;
    let own = letter("no id").with_attribute("pushgate-source-message-id", &id);
    let own = scene.emulator.publish(DEAD_TOPIC, own).unwrap();
    let body = json!({"subscription": DEAD_SUBSCRIPTION, "messageId": own});
    let (_, done) = post(&scene.emulator, "dead-letters/replay", body).await;
    let replayed = scene.endpoint.next().await.body["message"].clone();
    let expected = json!({
        "kind": "order", "pushgate-source-message-id": id,
        "CloudPubSubDeadLetterSourceSubscription": "billing", "CloudPubSubDeadLetterSourceSubscriptionProject": "shop",
    });
    assert_eq!(replayed["attributes"], expected);
    let path = format!("messages/{}", done["messageId"].as_str().unwrap());
    let life = get(&scene.emulator, &path).await;
    assert_eq!(life["replayOf"], json!(id));
    assert_eq!(life["isDeadLetter"], false);
    assert_eq!(life["deadLetterOf"], Value::Null);
    let original = get(&scene.emulator, &format!("messages/{id}")).await;
    assert_eq!(
        original["subscriptions"][0]["status"]["deadLetter"],
        json!(own)
    );
}
