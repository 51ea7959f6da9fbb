//! Topics by REST.

use emulator::Pace;
use reqwest::Method;
use serde_json::json;

use super::{SUBSCRIPTION, TOPIC, call, get, put, rejection, with_topic};
use crate::harness::emulator;

#[tokio::test]
async fn topics_are_managed_over_rest() {
    let emulator = emulator(Pace::Eager);
    let topic = json!({"name": TOPIC, "labels": {"team": "sales"}});
    assert_eq!(
        put(&emulator, TOPIC, topic.clone()).await,
        (200, topic.clone())
    );
    assert_eq!(get(&emulator, TOPIC).await, (200, topic.clone()));
    put(&emulator, "projects/shop/topics/refunds", json!({})).await;
    put(&emulator, "projects/other/topics/orders", json!({})).await;
    let (_, first) = get(&emulator, "projects/shop/topics?pageSize=1").await;
    assert_eq!(first["topics"], json!([topic]));
    let token = first["nextPageToken"].as_str().unwrap();
    let path = format!("projects/shop/topics?page_token={token}");
    let (_, second) = get(&emulator, &path).await;
    assert_eq!(
        second,
        json!({"topics": [{"name": "projects/shop/topics/refunds"}]})
    );
    assert_eq!(
        call(&emulator, Method::DELETE, TOPIC, &json!({})).await,
        (200, json!({}))
    );
    assert_eq!(
        get(&emulator, TOPIC).await,
        rejection(404, "NOT_FOUND", "Resource not found (resource=orders)")
    );
}

#[tokio::test]
async fn a_name_is_taken_once() {
    let emulator = with_topic().await;
    let message = "Resource already exists in the project (resource=orders)";
    assert_eq!(
        put(&emulator, TOPIC, json!({})).await,
        rejection(409, "ALREADY_EXISTS", message)
    );
    put(&emulator, SUBSCRIPTION, json!({"topic": TOPIC})).await;
    assert_eq!(
        put(&emulator, SUBSCRIPTION, json!({"topic": TOPIC}))
            .await
            .0,
        409
    );
    assert_eq!(
        put(&emulator, "projects/shop/topics/goog-orders", json!({}))
            .await
            .0,
        400
    );
}

#[tokio::test]
async fn a_name_in_the_body_is_that_of_the_path() {
    let emulator = with_topic().await;
    let body = json!({"name": "projects/shop/topics/others"});
    assert_eq!(
        put(&emulator, "projects/shop/topics/refunds", body).await.0,
        400
    );
    let body = json!({"name": "projects/shop/subscriptions/mail", "topic": TOPIC});
    assert_eq!(put(&emulator, SUBSCRIPTION, body.clone()).await.0, 400);
    assert_eq!(
        put(&emulator, "projects/shop/subscriptions/mail", body)
            .await
            .0,
        200
    );
}

#[tokio::test]
async fn update_masks_are_read_in_either_spelling() {
    let emulator = with_topic().await;
    for body in [
        json!({"topic": {"messageRetentionDuration": "600s"}, "updateMask": "labels,message_retention_duration"}),
        json!({"topic": {"name": TOPIC, "message_retention_duration": "601s"}, "update_mask": "messageRetentionDuration"}),
    ] {
        let (code, topic) = call(&emulator, Method::PATCH, TOPIC, &body).await;
        assert_eq!(code, 200, "{body}");
        let retention = ["600s", "601s"].map(|each| topic["messageRetentionDuration"] == each);
        assert!(retention.contains(&true), "{topic}");
    }
    for body in [
        json!({"topic": {"name": SUBSCRIPTION}, "updateMask": "labels"}),
        json!({"topic": {}, "updateMask": ["labels"]}),
        json!({"topic": {}, "updateMask": 1}),
    ] {
        assert_eq!(
            call(&emulator, Method::PATCH, TOPIC, &body).await.0,
            400,
            "{body}"
        );
    }
}
