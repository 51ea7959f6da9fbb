//! Creating and deleting topics and subscriptions.

use emulator::{Pace, PushForm};
use reqwest::Method;
use serde_json::{Value, json};

use super::{change, get};
use crate::harness::{SUBSCRIPTION, Scene, TOPIC, emulator};

const BILLING: &str = "subscriptions/shop/billing";

#[tokio::test]
async fn a_topic_is_created_and_deleted() {
    let emulator = emulator(Pace::Eager);
    let put = || change(&emulator, Method::PUT, "topics/shop/orders", json!({}));
    assert_eq!(put().await.0, 200);
    assert!(emulator.topic(TOPIC).is_ok());
    let (status, answer) = put().await;
    assert_eq!(status, 409);
    assert_eq!(answer["error"]["status"], "ALREADY_EXISTS");
    let delete = || change(&emulator, Method::DELETE, "topics/shop/orders", json!({}));
    assert_eq!(delete().await.0, 200);
    assert!(emulator.topic(TOPIC).is_err());
    assert_eq!(delete().await.0, 404);
}

#[tokio::test]
async fn a_subscription_is_created_with_the_settings_of_the_form() {
    let emulator = emulator(Pace::Eager);
    emulator.create_topic(TOPIC).unwrap();
    let form = json!({
        "topic": TOPIC, "endpoint": "http://127.0.0.1:9/", "form": "unwrapped-with-metadata", "serviceAccount": "push@shop.example",
        "audience": "shop", "ackDeadlineSeconds": 30, "minimumBackoffSeconds": 0.5, "maximumBackoffSeconds": null,
        "deadLetterTopic": TOPIC, "maxDeliveryAttempts": 7, "filter": "attributes:kind", "ordered": true, "exactlyOnce": false,
    });
    let (status, answer) = change(&emulator, Method::PUT, BILLING, form).await;
    assert_eq!(status, 200, "{answer}");
    let config = emulator.subscription(SUBSCRIPTION).unwrap().config();
    let push = config.push_config.unwrap();
    assert_eq!(push.endpoint, "http://127.0.0.1:9/");
    let with_metadata = PushForm::Unwrapped {
        write_metadata: true,
    };
    assert_eq!(push.form, with_metadata);
    let token = push.oidc_token.unwrap();
    assert_eq!(token.service_account_email, "push@shop.example");
    assert_eq!(token.audience.as_deref(), Some("shop"));
    assert_eq!(config.ack_deadline.as_secs(), 30);
    let retry = config.retry_policy.unwrap();
    assert_eq!(retry.minimum_backoff.as_millis(), 500);
    assert_eq!(retry.maximum_backoff.as_secs(), 600);
    assert_eq!(config.dead_letter_policy.unwrap().max_delivery_attempts, 7);
    assert_eq!(config.filter, "attributes:kind");
    assert!(config.enable_message_ordering);
}

#[tokio::test]
async fn the_form_offers_pushes_of_eventarc() {
    let emulator = emulator(Pace::Eager);
    emulator.create_topic(TOPIC).unwrap();
    let form = json!({"topic": TOPIC, "endpoint": "http://127.0.0.1:9/", "form": "eventarc"});
    assert_eq!(change(&emulator, Method::PUT, BILLING, form).await.0, 200);
    let config = emulator.subscription(SUBSCRIPTION).unwrap().config();
    assert_eq!(config.push_config.unwrap().form, PushForm::Eventarc);
    let shown = &get(&emulator, "overview").await["subscriptions"][0];
    assert_eq!(shown["settings"]["form"], "an event of Eventarc");
}

#[tokio::test]
async fn an_empty_form_has_googles_defaults() {
    let emulator = emulator(Pace::Eager);
    emulator.create_topic(TOPIC).unwrap();
    let form = json!({"topic": TOPIC});
    assert_eq!(change(&emulator, Method::PUT, BILLING, form).await.0, 200);
    let config = emulator.subscription(SUBSCRIPTION).unwrap().config();
    let default = emulator::SubscriptionConfig::new(SUBSCRIPTION, TOPIC);
    assert_eq!(config, default);
}

/// Sends a form for `audit`, and checks that it is rejected with these words.
async fn check_rejected(scene: &Scene, form: Value, words: &str) {
    let audit = "subscriptions/shop/audit";
    let (status, answer) = change(&scene.emulator, Method::PUT, audit, form.clone()).await;
    let message = answer["error"]["message"].as_str().unwrap();
    assert_eq!(status, 400, "{form}: {message}");
    assert!(message.contains(words), "{form}: {message}");
}

#[tokio::test]
async fn an_impossible_subscription_is_rejected_with_the_reason() {
    let scene = Scene::eager([]).await;
    let url = "http://127.0.0.1:9/";
    for (form, words) in [
        (json!({"topic": "orders"}), "Invalid resource name"),
        (
            json!({"topic": TOPIC, "ackDeadlineSeconds": 5}),
            "ackDeadlineSeconds must be 10 to 600 s",
        ),
        (
            json!({"topic": TOPIC, "ackDeadlineSeconds": -1}),
            "expected a number of seconds",
        ),
        (json!({"topic": TOPIC, "filter": "kind"}), "filter"),
        (
            json!({"topic": TOPIC, "serviceAccount": "push@shop.example"}),
            "expected a push endpoint",
        ),
        (
            json!({"topic": TOPIC, "endpoint": url, "audience": "x"}),
            "expected a service account",
        ),
        (
            json!({"topic": TOPIC, "endpoint": "ftp://h/"}),
            "not an http or https URL",
        ),
        (json!({"topic": TOPIC, "surprise": 1}), "surprise"),
    ] {
        check_rejected(&scene, form, words).await;
    }
    let found = get(&scene.emulator, "overview").await;
    assert_eq!(found["subscriptions"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_subscription_needs_a_free_name_and_a_topic() {
    let scene = Scene::eager([]).await;
    let put = |path: &'static str, topic: &'static str| {
        change(&scene.emulator, Method::PUT, path, json!({"topic": topic}))
    };
    assert_eq!(put(BILLING, TOPIC).await.0, 409);
    assert_eq!(put("subscriptions/shop/9", TOPIC).await.0, 400);
    let missing = "projects/shop/topics/none";
    let (status, answer) = put("subscriptions/shop/audit", missing).await;
    assert_eq!(status, 404);
    let message = "Resource not found (resource=none)";
    assert_eq!(answer["error"]["message"], message);
}

#[tokio::test]
async fn a_deleted_subscription_is_gone() {
    let scene = Scene::eager([]).await;
    let delete = || change(&scene.emulator, Method::DELETE, BILLING, json!({}));
    assert_eq!(delete().await, (200, Value::Object(Default::default())));
    assert!(scene.emulator.subscription(SUBSCRIPTION).is_err());
    assert_eq!(delete().await.0, 404);
}
