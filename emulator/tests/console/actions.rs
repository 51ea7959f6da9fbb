//! Redelivery, purge and seek.

use std::time::Duration;

use emulator::{Message, Pace};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::{PUBLISH, get, post, request, state_and_replies};
use crate::harness::{SUBSCRIPTION, Scene, TOPIC, emulator};

#[tokio::test]
async fn a_message_is_delivered_again_on_request() {
    let mut scene = Scene::eager([]).await;
    let id = scene.publish(Message::new("hi"));
    scene.acked(&id).await;
    scene.endpoint.next().await;
    let path = "subscriptions/shop/billing/redeliver";
    assert_eq!(
        post(&scene.emulator, path, json!({"messageId": id}))
            .await
            .0,
        200
    );
    assert_eq!(scene.endpoint.next().await.id(), id);
    assert_eq!(
        post(&scene.emulator, path, json!({"messageId": "1"}))
            .await
            .0,
        404
    );
    let found = get(&scene.emulator, "subscriptions/shop/billing").await;
    assert_eq!(
        found["notes"][0]["what"],
        format!("Redelivery of message {id} requested")
    );
}

#[tokio::test]
async fn a_purge_shows_on_every_message() {
    let emulator = emulator(Pace::Eager);
    let orders = emulator.create_topic(TOPIC).unwrap();
    let billing = orders.subscribe("billing").unwrap();
    let id = orders.publish(Message::new("hi")).unwrap();
    let path = |verb: &str| format!("subscriptions/shop/billing/{verb}");
    assert_eq!(post(&emulator, &path("purge"), json!({})).await.0, 200);
    assert_eq!(state_and_replies(&emulator, &id).await.0, "purged");
    assert!(billing.unacked_messages().is_empty());
    let found = get(&emulator, "subscriptions/shop/billing").await;
    assert_eq!(found["notes"][0]["what"], "Purged");
}

#[tokio::test]
async fn a_seek_shows_on_every_message() {
    let emulator = emulator(Pace::Eager);
    let orders = emulator.create_topic(TOPIC).unwrap();
    let _billing = orders.subscribe("billing").unwrap();
    let path = |verb: &str| format!("subscriptions/shop/billing/{verb}");
    let id = orders.publish(Message::new("hi")).unwrap();
    let now = emulator.now() + Duration::from_millis(1);
    emulator.advance(Duration::from_secs(1));
    let time = now
        .format(&time::format_description::well_known::Rfc3339)
        .unwrap();
    assert_eq!(
        post(&emulator, &path("seek"), json!({"time": time}))
            .await
            .0,
        200
    );
    assert_eq!(state_and_replies(&emulator, &id).await.0, "skipped");
    let found = get(&emulator, "subscriptions/shop/billing").await;
    let note = found["notes"][0]["what"].as_str().unwrap();
    assert!(note.starts_with("Sought to "), "{note}");
}

#[tokio::test]
async fn a_seek_to_a_snapshot_shows_on_messages() {
    let emulator = emulator(Pace::Eager);
    let orders = emulator.create_topic(TOPIC).unwrap();
    let billing = orders.subscribe("billing").unwrap();
    let rest = |method: Method, path: &str, body: Value| {
        let url = format!("{}/v1/projects/shop/{path}", emulator.url());
        let request = Client::new().request(method, url).json(&body);
        async move { assert_eq!(request.send().await.unwrap().status(), 200) }
    };
    let snapshot = json!({"subscription": SUBSCRIPTION});
    let forgotten = orders.publish(Message::new("hi")).unwrap();
    assert!(billing.next().await.unwrap().ack());
    let recalled = orders.publish(Message::new("hi")).unwrap();
    rest(Method::PUT, "snapshots/before", snapshot).await;
    assert!(billing.next().await.unwrap().ack());
    let seek = json!({"snapshot": "projects/shop/snapshots/before"});
    rest(Method::POST, "subscriptions/billing:seek", seek).await;
    assert_eq!(state_and_replies(&emulator, &recalled).await.0, "waiting");
    // Acked messages are not retained, so that no seek brings this one back.
    let seek = json!({"time": "2020-01-02T03:04:05Z"});
    rest(Method::POST, "subscriptions/billing:seek", seek).await;
    assert_eq!(state_and_replies(&emulator, &forgotten).await.0, "acked");
}

#[tokio::test]
async fn an_impossible_action_is_rejected() {
    let scene = Scene::eager([]).await;
    for (verb, body, status) in [
        ("faults", json!({"duplicate": 2}), 400),
        ("faults", json!({"surprise": 1}), 400),
        ("seek", json!({"time": "soon"}), 400),
        ("purge", json!({"surprise": 1}), 400),
    ] {
        let (found, _) = post(
            &scene.emulator,
            &format!("subscriptions/shop/billing/{verb}"),
            body,
        )
        .await;
        assert_eq!(found, status, "{verb}");
        let missing = format!("subscriptions/shop/missing/{verb}");
        let body = if verb == "seek" {
            json!({"time": "2030-01-02T03:04:05Z"})
        } else {
            json!({})
        };
        assert_eq!(post(&scene.emulator, &missing, body).await.0, 404, "{verb}");
    }
}

#[tokio::test]
async fn an_action_must_be_an_object_without_repeated_fields() {
    let scene = Scene::eager([]).await;
    let billing = "subscriptions/shop/billing";
    let array = "expected an object";
    for (path, body, words) in [
        (PUBLISH.to_owned(), r#"["hi"]"#, array),
        (
            PUBLISH.to_owned(),
            r#"{"data": "hi", "data": "ho"}"#,
            "duplicate field `data`",
        ),
        (
            PUBLISH.to_owned(),
            r#"{"data": "hi", "attributes": {"k": "1", "k": "2"}}"#,
            "\"k\" is given twice",
        ),
        (format!("{billing}/redeliver"), r#"["1"]"#, array),
        (
            format!("{billing}/seek"),
            r#"["2030-01-02T03:04:05Z"]"#,
            array,
        ),
        (format!("{billing}/purge"), "[]", array),
        (format!("{billing}/faults"), "[0.5]", array),
        (
            format!("{billing}/faults"),
            r#"{"burst": [2, "1s"]}"#,
            array,
        ),
        ("dead-letters/replay".to_owned(), r#"["a", "1"]"#, array),
    ] {
        let request = request(&scene.emulator, Method::POST, &format!("api/{path}"));
        let request = request
            .header("content-type", "application/json")
            .body(body);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 400, "{path} {body}");
        let answer: Value = answer.json().await.unwrap();
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains(words), "{path} {body}: {message}");
    }
}
