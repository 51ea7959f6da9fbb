//! Bodies that are no valid request.

use reqwest::Method;
use serde_json::{Value, json};

use super::{SUBSCRIPTION, TOPIC, call, get, put, rejection, with_topic};

#[tokio::test]
async fn a_list_in_the_place_of_an_object_is_rejected() {
    let emulator = with_topic().await;
    put(&emulator, SUBSCRIPTION, json!({"topic": TOPIC})).await;
    let publish = format!("{TOPIC}:publish");
    for body in [
        json!([[["aGk="]]]),
        json!([[{"data": "aGk="}]]),
        json!({"messages": [["aGk="]]}),
        json!({"messages": [null]}),
        json!({"messages": {"data": "aGk="}}),
        json!("aGk="),
    ] {
        let (code, answer) = call(&emulator, Method::POST, &publish, &body).await;
        assert_eq!(code, 400, "{body}");
        assert_eq!(answer["error"]["status"], "INVALID_ARGUMENT", "{body}");
    }
    assert!(emulator.unacked_messages(SUBSCRIPTION).is_empty());

    let modify = format!("{SUBSCRIPTION}:modifyPushConfig");
    for body in [
        json!([]),
        json!([{"pushEndpoint": "http://localhost/"}]),
        json!({"pushConfig": ["http://localhost/"]}),
        json!({"pushConfig": {"pushEndpoint": "http://localhost/", "oidcToken": ["push@shop.example"]}}),
    ] {
        let (code, _) = call(&emulator, Method::POST, &modify, &body).await;
        assert_eq!(code, 400, "{body}");
    }

    let other = "projects/shop/subscriptions/mail";
    for (field, value) in [
        ("retryPolicy", json!(["1s", "2s"])),
        ("retryPolicy", json!([])),
        ("expirationPolicy", json!([])),
        ("deadLetterPolicy", json!([TOPIC, 5])),
        ("labels", json!([])),
        ("pushConfig", json!([])),
    ] {
        let (code, _) = put(&emulator, other, json!({"topic": TOPIC, field: value})).await;
        assert_eq!(code, 400, "{field}");
    }
    assert_eq!(
        put(&emulator, "projects/shop/topics/refunds", json!([]))
            .await
            .0,
        400
    );
}

#[tokio::test]
async fn null_means_the_same_as_an_absent_field() {
    let emulator = with_topic().await;
    let body = json!({
        "name": null, "topic": TOPIC, "pushConfig": null, "ackDeadlineSeconds": null,
        "messageRetentionDuration": null, "labels": null, "enableMessageOrdering": null,
        "expirationPolicy": null, "deadLetterPolicy": null, "retryPolicy": null,
        "filter": null, "tags": {}, "bigqueryConfig": null, "messageTransforms": [], "detached": false,
    });
    assert_eq!(put(&emulator, SUBSCRIPTION, body).await.0, 200);
    let body =
        json!({"name": null, "labels": null, "tags": {}, "schemaSettings": null, "kmsKeyName": ""});
    assert_eq!(
        put(&emulator, "projects/shop/topics/refunds", body).await.0,
        200
    );
    let message =
        "messageStoragePolicy.allowedPersistenceRegions is empty, expected at least one region";
    let body = json!({"messageStoragePolicy": {}});
    assert_eq!(
        put(&emulator, "projects/shop/topics/returns", body).await,
        rejection(400, "INVALID_ARGUMENT", message)
    );
    let empty = "projects/empty/topics";
    assert_eq!(get(&emulator, empty).await, (200, json!({})));
    assert_eq!(
        get(&emulator, "projects/empty/subscriptions").await,
        (200, json!({}))
    );
}

#[tokio::test]
async fn a_body_beyond_the_bound_is_rejected() {
    let emulator = with_topic().await;
    let body = json!({"messages": [{"data": "A".repeat(30 * 1024 * 1024)}]});
    let (code, answer) = call(&emulator, Method::POST, &format!("{TOPIC}:publish"), &body).await;
    assert_eq!(code, 400);
    assert_eq!(answer["error"]["status"], "INVALID_ARGUMENT");
}

#[tokio::test]
async fn a_long_list_is_rejected_before_its_end() {
    let emulator = with_topic().await;
    put(&emulator, SUBSCRIPTION, json!({"topic": TOPIC})).await;
    let (publish, acknowledge) = (
        format!("{TOPIC}:publish"),
        format!("{SUBSCRIPTION}:acknowledge"),
    );
    let id = format!("\"{}\",", "a".repeat(100));
    for (path, begin, element, count, error) in [
        (
            &publish,
            "messages",
            "{},",
            1_001,
            "A publish request may have 1000 messages, not more",
        ),
        (
            &acknowledge,
            "ackIds",
            &id,
            5_243,
            "Request payload size exceeds the limit: 524288 bytes.",
        ),
        (
            &acknowledge,
            "ackIds",
            "\"\",",
            200_000,
            "The request body may have 200000 values, not more",
        ),
    ] {
        // The rest is not JSON, which is not noticed.
        let body = format!("{{\"{begin}\": [{}@", element.repeat(count));
        let url = format!("{}/v1/{path}", emulator.url());
        let request = reqwest::Client::new().post(url).body(body);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["error"]["message"], error);
        assert_eq!(answer["error"]["status"], "INVALID_ARGUMENT");
    }
}

#[tokio::test]
async fn an_error_about_a_body_does_not_repeat_it() {
    let emulator = with_topic().await;
    for body in [
        json!({"messages": [{"data": "secret data"}]}),
        json!({"messages": "secret"}),
        json!({"messages": [{"attributes": {"key": ["secret"]}}]}),
        json!({"messages": [{"publishTime": "secret"}]}),
    ] {
        let path = format!("{TOPIC}:publish");
        let (code, answer) = call(&emulator, Method::POST, &path, &body).await;
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(
            message.starts_with("Invalid JSON payload received: "),
            "{message}"
        );
        assert_eq!(code, 400, "{message}");
        assert!(!message.contains("secret"), "{message}");
    }
}

#[tokio::test]
async fn an_unread_body_does_not_cost_the_connection() {
    let emulator = with_topic().await;
    let client = reqwest::Client::new();
    for path in [TOPIC, "projects/shop/tables/orders"] {
        let url = format!("{}/v1/{path}", emulator.url());
        for _ in 0..20 {
            let request = client.get(&url).body(vec![b'['; 4 * 1024 * 1024]);
            let response = request.send().await.unwrap();
            response.bytes().await.unwrap();
        }
    }
}

#[tokio::test]
async fn text_that_ends_within_a_character_is_rejected() {
    let emulator = with_topic().await;
    for body in [
        &br#"{"messages": [{"attributes": {"kind": "\ud83d"}}]}"#[..],
        b"{\"messages\": [{\"attributes\": {\"kind\": \"\xED\xA0\xBD\"}}]}",
    ] {
        let url = format!("{}/v1/{TOPIC}:publish", emulator.url());
        let request = reqwest::Client::new().post(url).body(body);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 400);
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["error"]["status"], "INVALID_ARGUMENT", "{answer}");
    }
}
