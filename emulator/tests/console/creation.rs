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
async fn an_empty_form_has_googles_defaults() {
    let emulator = emulator(Pace::Eager);
    emulator.create_topic(TOPIC).unwrap();
    let form = json!({"topic": TOPIC});
    assert_eq!(change(&emulator, Method::PUT, BILLING, form).await.0, 200);
    let config = emulator.subscription(SUBSCRIPTION).unwrap().config();
    let default = emulator::SubscriptionConfig::new(SUBSCRIPTION, TOPIC);
    assert_eq!(config, default);
}

#[tokio::test]
async fn an_impossible_subscription_is_rejected_with_the_reason() {
    let scene = Scene::eager([]).await;
    let audit = "subscriptions/shop/audit";
    for (path, form, status, words) in [
        (BILLING, json!({"topic": TOPIC}), 409, "already exists"),
        (
            audit,
            json!({"topic": "projects/shop/topics/none"}),
            404,
            "(resource=none)",
        ),
        (
            audit,
            json!({"topic": "orders"}),
            400,
            "Invalid resource name",
        ),
        (
            "subscriptions/shop/9",
            json!({"topic": TOPIC}),
            400,
            "begins with a letter",
        ),
        (
            audit,
            json!({"topic": TOPIC, "ackDeadlineSeconds": 5}),
            400,
            "ackDeadlineSeconds must be 10 to 600 s",
        ),
        (
            audit,
            json!({"topic": TOPIC, "ackDeadlineSeconds": -1}),
            400,
            "expected a number of seconds",
        ),
        (
            audit,
            json!({"topic": TOPIC, "filter": "kind"}),
            400,
            "filter",
        ),
        (
            audit,
            json!({"topic": TOPIC, "serviceAccount": "push@shop.example"}),
            400,
            "expected a push endpoint",
        ),
        (
            audit,
            json!({"topic": TOPIC, "endpoint": "http://127.0.0.1:9/", "audience": "x"}),
            400,
            "expected a service account",
        ),
        (
            audit,
            json!({"topic": TOPIC, "endpoint": "ftp://127.0.0.1/"}),
            400,
            "not an http or https URL",
        ),
        (
            audit,
            json!({"topic": TOPIC, "surprise": 1}),
            400,
            "surprise",
        ),
    ] {
        let (found, answer) = change(&scene.emulator, Method::PUT, path, form.clone()).await;
        let message = answer["error"]["message"].as_str().unwrap();
        assert_eq!(found, status, "{form}: {message}");
        assert!(message.contains(words), "{form}: {message}");
    }
    let found = get(&scene.emulator, "overview").await;
    assert_eq!(found["subscriptions"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_deleted_subscription_is_gone() {
    let scene = Scene::eager([]).await;
    let delete = || change(&scene.emulator, Method::DELETE, BILLING, json!({}));
    assert_eq!(delete().await, (200, Value::Object(Default::default())));
    assert!(scene.emulator.subscription(SUBSCRIPTION).is_err());
    assert_eq!(delete().await.0, 404);
}
