//! Subscriptions by REST.

use reqwest::Method;
use serde_json::json;

use super::{SUBSCRIPTION, TOPIC, call, get, put, with_topic};

#[tokio::test]
async fn a_subscription_shows_all_its_settings() {
    let emulator = with_topic().await;
    let body = json!({
        "topic": TOPIC,
        "push_config": {
            "pushEndpoint": "http://localhost:8080/",
            "oidc_token": {"service_account_email": "push@shop.example", "audience": "me"},
        },
        "ackDeadlineSeconds": "60",
        "retry_policy": {"minimum_backoff": "1.5s"},
        "deadLetterPolicy": {"deadLetterTopic": TOPIC},
        "enable_message_ordering": true,
        "expirationPolicy": {},
        "filter": "", "enableExactlyOnceDelivery": false,
    });
    let expected = json!({
        "name": SUBSCRIPTION, "topic": TOPIC, "state": "ACTIVE",
        "pushConfig": {
            "pushEndpoint": "http://localhost:8080/", "attributes": {"x-goog-version": "v1"},
            "oidcToken": {"serviceAccountEmail": "push@shop.example", "audience": "me"},
        },
        "ackDeadlineSeconds": 60,
        "messageRetentionDuration": "604800s",
        "retryPolicy": {"minimumBackoff": "1.500s", "maximumBackoff": "600s"},
        "deadLetterPolicy": {"deadLetterTopic": TOPIC, "maxDeliveryAttempts": 5},
        "enableMessageOrdering": true,
        "expirationPolicy": {},
    });
    assert_eq!(
        put(&emulator, SUBSCRIPTION, body).await,
        (200, expected.clone())
    );
    assert_eq!(get(&emulator, SUBSCRIPTION).await, (200, expected.clone()));
    let (_, list) = get(&emulator, "projects/shop/subscriptions").await;
    assert_eq!(list, json!({"subscriptions": [expected]}));
}

#[tokio::test]
async fn a_bare_subscription_has_googles_defaults() {
    let emulator = with_topic().await;
    let (_, subscription) = put(&emulator, SUBSCRIPTION, json!({"topic": TOPIC})).await;
    let expected = json!({
        "name": SUBSCRIPTION, "topic": TOPIC, "state": "ACTIVE", "ackDeadlineSeconds": 10,
        "messageRetentionDuration": "604800s", "expirationPolicy": {"ttl": "2678400s"}, "pushConfig": {},
    });
    assert_eq!(subscription, expected);
}

#[tokio::test]
async fn invalid_subscriptions_are_rejected() {
    let emulator = with_topic().await;
    for (body, code) in [
        (json!({"topic": TOPIC, "ackDeadlineSeconds": 5}), 400),
        (json!({"topic": TOPIC, "ackDeadlineSeconds": -5}), 400),
        (json!({"topic": TOPIC, "noSuchField": 1}), 400),
        (
            json!({"topic": TOPIC, "pushConfig": {"pushEndpoint": "ftp://host/"}}),
            400,
        ),
        (
            json!({"topic": TOPIC, "retryPolicy": {"minimumBackoff": "601s"}}),
            400,
        ),
        (
            json!({"topic": TOPIC, "expirationPolicy": {"ttl": "315576000001s"}}),
            400,
        ),
        (
            json!({"topic": TOPIC, "pushConfig": {"pushEndpoint": "http://user:secret@localhost/"}}),
            400,
        ),
        (
            json!({"topic": TOPIC, "deadLetterPolicy": {"deadLetterTopic": TOPIC, "maxDeliveryAttempts": 4}}),
            400,
        ),
        (json!({"topic": "projects/shop/topics/missing"}), 404),
        (json!({}), 400),
    ] {
        assert_eq!(
            put(&emulator, SUBSCRIPTION, body.clone()).await.0,
            code,
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_subscription_outlives_its_topic() {
    let emulator = with_topic().await;
    put(&emulator, SUBSCRIPTION, json!({"topic": TOPIC})).await;
    call(&emulator, Method::DELETE, TOPIC, &json!({})).await;
    assert_eq!(
        get(&emulator, SUBSCRIPTION).await.1["topic"],
        "_deleted-topic_"
    );
    assert_eq!(
        call(&emulator, Method::DELETE, SUBSCRIPTION, &json!({}))
            .await
            .0,
        200
    );
    assert_eq!(get(&emulator, SUBSCRIPTION).await.0, 404);
}
