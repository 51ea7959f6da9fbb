//! Planned failures, and the deliveries that they met.

use std::time::Duration;

use emulator::{Message, Pace, PushConfig};
use serde_json::{Value, json};

use super::{attempts, claims, get, post};
use crate::harness::{Answer, SUBSCRIPTION, Scene};

async fn signed(answers: Vec<Answer>) -> Scene {
    Scene::start(Pace::Eager, answers, |config| {
        let push = config.push_config.take().unwrap();
        config.push_config =
            Some(PushConfig::new(push.endpoint).signed_as("push@shop.example", Some("me")));
    })
    .await
}

async fn set_faults(scene: &Scene, faults: Value) {
    let path = "subscriptions/shop/billing/faults";
    assert_eq!(post(&scene.emulator, path, faults).await.0, 200);
}

#[tokio::test]
async fn a_forged_token_is_shown_as_it_was_sent() {
    let mut scene = signed(Vec::new()).await;
    set_faults(
        &scene,
        json!({"token": {"probability": 1, "forgery": "wrong-issuer"}}),
    )
    .await;
    let id = scene.publish(Message::new("hi"));
    scene.acked(&id).await;
    set_faults(&scene, json!({})).await;
    let again = json!({"messageId": id});
    post(
        &scene.emulator,
        "subscriptions/shop/billing/redeliver",
        again,
    )
    .await;
    scene.acked(&id).await;
    let attempts = attempts(&scene.emulator, &id).await;
    assert_eq!(attempts[0]["faults"]["token"], "wrong-issuer");
    assert_eq!(attempts[1]["faults"], Value::Null);
    let mut issuers = Vec::new();
    for attempt in &attempts {
        let path = format!(
            "messages/{id}/request?subscription={SUBSCRIPTION}&attempt={}&startedAt={}",
            attempt["number"],
            attempt["startedAt"].as_str().unwrap()
        );
        let shown = get(&scene.emulator, &path).await;
        issuers.push(claims(&shown)["iss"].clone());
    }
    assert_eq!(
        issuers,
        ["https://another-issuer.example", &scene.emulator.url()]
    );
}

#[tokio::test]
async fn no_token_is_forged_where_none_is_sent() {
    let mut scene = Scene::eager([]).await;
    let token = json!({"token": {"probability": 1, "forgery": "any"}});
    set_faults(&scene, token).await;
    let id = scene.publish(Message::new("hi"));
    scene.acked(&id).await;
    let attempts = attempts(&scene.emulator, &id).await;
    assert_eq!(attempts[0]["faults"], Value::Null);
}

#[tokio::test]
async fn every_fault_that_met_a_delivery_is_shown() {
    let mut scene = signed(Vec::new()).await;
    let unreachable =
        json!({"outage": true, "dropAnswer": 1, "token": {"probability": 1, "forgery": "any"}});
    set_faults(&scene, unreachable).await;
    let id = scene.publish(Message::new("hi"));
    scene.ended().await;
    let expected = json!({
        "token": null, "unreachable": true, "answerLost": false, "repeated": false, "lateMs": null, "letsPass": 0,
    });
    assert_eq!(attempts(&scene.emulator, &id).await[0]["faults"], expected);

    let late = json!({"probability": 1, "min": "0.01s", "max": "0.01s"});
    set_faults(
        &scene,
        json!({"duplicate": 1, "reorder": 1, "delay": late, "dropAnswer": 1}),
    )
    .await;
    let id = scene.publish(Message::new("hi"));
    while scene.ended().await.message_id != id {}
    let lost = attempts(&scene.emulator, &id).await[0]["faults"].clone();
    assert_eq!(lost["answerLost"], true);
    assert_eq!(lost["repeated"], false);
    assert_eq!(lost["lateMs"], 10.0);

    set_faults(&scene, json!({"duplicate": 1})).await;
    let id = scene.publish(Message::new("hi"));
    scene.acked(&id).await;
    scene.acked(&id).await;
    let attempts = attempts(&scene.emulator, &id).await;
    let repeated: Vec<&Value> = attempts.iter().map(|each| &each["faults"]).collect();
    assert_eq!(repeated[0]["repeated"], true);
    assert_eq!(repeated[1], &Value::Null);
}

#[tokio::test]
async fn faults_are_managed_in_the_console() {
    let mut scene = Scene::eager([]).await;
    let path = "subscriptions/shop/billing/faults";
    let faults = json!({"dropAnswer": 1.0, "seed": 7});
    assert_eq!(post(&scene.emulator, path, faults.clone()).await.0, 200);
    let found = get(&scene.emulator, "subscriptions/shop/billing").await;
    assert_eq!(found["subscription"]["faults"], faults);
    assert!(
        found["notes"][0]["what"]
            .as_str()
            .unwrap()
            .starts_with("Faults changed: ")
    );
    let id = scene.publish(Message::new("hi"));
    assert!(!scene.ended().await.is_acked());
    assert_eq!(post(&scene.emulator, path, json!({})).await.0, 200);
    scene.acked(&id).await;
    let found = get(&scene.emulator, "subscriptions/shop/billing").await;
    assert_eq!(found["subscription"]["faults"], Value::Null);
}

#[tokio::test]
async fn an_outage_that_is_over_is_not_shown() {
    let scene = Scene::eager([]).await;
    set_faults(&scene, json!({"outage": "4s"})).await;
    let path = "subscriptions/shop/billing";
    let found = get(&scene.emulator, path).await;
    let until = found["subscription"]["faults"]["outage"]["until"].as_str();
    assert!(until.is_some(), "{found}");
    scene.emulator.advance(Duration::from_secs(5));
    let found = get(&scene.emulator, path).await;
    assert_eq!(found["subscription"]["faults"], Value::Null);
}
