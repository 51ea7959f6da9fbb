//! Tests of the emulator's own API under `/emulator/v1`.

use std::time::Duration;

use emulator::{Message, Pace};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{SUBSCRIPTION, Scene, TOPIC};

async fn call(scene: &Scene, method: Method, path: &str, body: Value) -> (u16, Value) {
    let url = format!("{}/emulator/v1/{path}", scene.emulator.url());
    let request = reqwest::Client::new()
        .request(method, url)
        .body(body.to_string());
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test]
async fn faults_are_managed_over_http() {
    let scene = Scene::eager([]).await;
    let path = "projects/shop/subscriptions/billing/faults";
    assert_eq!(
        call(&scene, Method::GET, path, json!({})).await,
        (200, json!({}))
    );
    let faults = json!({"duplicate": 0.5, "seed": 3});
    assert_eq!(
        call(&scene, Method::PUT, path, faults.clone()).await,
        (200, faults.clone())
    );
    assert_eq!(
        call(&scene, Method::GET, path, json!({})).await,
        (200, faults)
    );
    assert_eq!(
        call(&scene, Method::DELETE, path, json!({})).await,
        (200, json!({}))
    );
}

#[tokio::test]
async fn wrong_faults_are_rejected_over_http() {
    let scene = Scene::eager([]).await;
    let path = "projects/shop/subscriptions/billing/faults";
    let (code, rejection) = call(&scene, Method::PUT, path, json!({"duplicate": 2})).await;
    assert_eq!(code, 400);
    assert_eq!(
        rejection["error"]["message"],
        "duplicate is 2, expected 0 to 1"
    );
    let missing = "projects/shop/subscriptions/missing/faults";
    assert_eq!(call(&scene, Method::GET, missing, json!({})).await.0, 404);
}

#[tokio::test]
async fn the_clock_is_moved_over_http() {
    let scene = Scene::eager([]).await;
    let before = scene.emulator.now();
    let (code, _) = call(
        &scene,
        Method::POST,
        "clock:advance",
        json!({"seconds": "3600s"}),
    )
    .await;
    assert_eq!(code, 200);
    assert!(scene.emulator.now() - before >= Duration::from_secs(3600));
    let (code, rejection) = call(
        &scene,
        Method::POST,
        "clock:advance",
        json!({"seconds": "-1s"}),
    )
    .await;
    assert_eq!(code, 400);
    assert_eq!(rejection["error"]["status"], "INVALID_ARGUMENT");
}

#[tokio::test]
async fn the_keys_are_rotated_over_http() {
    let scene = Scene::eager([]).await;
    let token = scene.emulator.issuer().token("push@shop.example", "me");
    assert_eq!(
        call(&scene, Method::POST, "keys:rotate", json!({})).await.0,
        200
    );
    assert_ne!(
        scene.emulator.issuer().token("push@shop.example", "me"),
        token
    );
}

#[tokio::test]
async fn unacked_messages_are_listed_over_http_without_a_lease() {
    let scene = Scene::start(Pace::Eager, [], |config| config.push_config = None).await;
    let path = "projects/shop/subscriptions/billing/messages";
    let shown = call(&scene, Method::GET, path, json!({})).await;
    assert_eq!(shown, (200, json!({})));
    let message = Message::new("hi")
        .with_attribute("kind", "order")
        .with_ordering_key("a");
    let ids: Vec<String> = (0..3).map(|_| scene.publish(message.clone())).collect();
    let (_, shown) = call(&scene, Method::GET, path, json!({})).await;
    let shown = shown["receivedMessages"].as_array().unwrap();
    let found: Vec<&Value> = shown
        .iter()
        .map(|each| &each["message"]["messageId"])
        .collect();
    assert_eq!(found, ids.iter().collect::<Vec<_>>());
    assert_eq!(shown[0]["message"]["data"], "aGk=");
    assert_eq!(shown[0]["message"]["attributes"], json!({"kind": "order"}));
    assert_eq!(shown[0]["message"]["orderingKey"], "a");
    assert!(shown[0].get("ackId").is_none());
    let two = format!("{path}?maxMessages=2");
    let (_, shown) = call(&scene, Method::GET, &two, json!({})).await;
    assert_eq!(shown["receivedMessages"].as_array().unwrap().len(), 2);
    for query in ["maxMessages=-1", "most=1"] {
        let bad = format!("{path}?{query}");
        assert_eq!(call(&scene, Method::GET, &bad, json!({})).await.0, 400);
    }
    let subscription = scene.emulator.subscription(SUBSCRIPTION).unwrap();
    assert_eq!(subscription.pull(9).unwrap().len(), 3);
    for _ in 0..3 {
        scene.publish(Message::new(vec![0; 6_000_000]));
    }
    let (_, shown) = call(&scene, Method::GET, path, json!({})).await;
    assert_eq!(shown["receivedMessages"].as_array().unwrap().len(), 3 + 2);
}

#[tokio::test]
async fn a_single_project_is_cleared_over_http() {
    let scene = Scene::eager([]).await;
    let emulator = &scene.emulator;
    let subscription = emulator.subscription(SUBSCRIPTION).unwrap();
    subscription
        .create_snapshot("projects/shop/snapshots/before")
        .unwrap();
    let other = "projects/other/topics/orders";
    emulator.create_topic(other).unwrap();
    let schema = json!({"type": "AVRO", "definition": "\"string\""});
    let url = |path: &str| format!("{}/v1/{path}", emulator.url());
    let client = reqwest::Client::new();
    let schemas = url("projects/shop/schemas");
    let created = client
        .post(format!("{schemas}?schemaId=order"))
        .body(schema.to_string());
    assert_eq!(created.send().await.unwrap().status(), 200);
    let cleared = call(&scene, Method::DELETE, "projects/shop", json!({})).await;
    assert_eq!(cleared, (200, json!({})));
    for kind in ["topics", "subscriptions", "snapshots", "schemas"] {
        let list = client.get(url(&format!("projects/shop/{kind}")));
        let list: Value = list.send().await.unwrap().json().await.unwrap();
        assert_eq!(list, json!({}), "{kind}");
    }
    assert!(emulator.topic(other).is_ok());
    assert_eq!(
        call(&scene, Method::DELETE, "projects/a%20b", json!({}))
            .await
            .0,
        400
    );
    emulator.create_topic(TOPIC).unwrap();
}

#[tokio::test]
async fn only_a_program_can_shut_it_down() {
    let scene = Scene::eager([]).await;
    let url = format!("{}/shutdown", scene.emulator.url());
    let client = reqwest::Client::new();
    let foreign = client.post(&url).header("origin", "https://evil.example");
    assert_eq!(foreign.send().await.unwrap().status(), 403);
    assert_eq!(client.get(&url).send().await.unwrap().status(), 404);
    // The emulator still answers.
    let answer = client.post(&url).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    assert_eq!(answer.text().await.unwrap(), "{}");
    scene.emulator.shutdown_requested().await;
    scene.emulator.stop().await;
    assert!(client.post(&url).send().await.unwrap_err().is_connect());
}

#[tokio::test]
async fn a_body_must_be_an_object_without_repeated_fields() {
    let scene = Scene::eager([]).await;
    let url = |path: &str| format!("{}/emulator/v1/{path}", scene.emulator.url());
    let client = reqwest::Client::new();
    let billing = "projects/shop/subscriptions/billing";
    let (faults, again) = (
        format!("{billing}/faults"),
        format!("{billing}/deliverAgain"),
    );
    let array = "invalid type: sequence, expected an object";
    for (method, path, body, words) in [
        (Method::PUT, &*faults, "[0.5]", array),
        (Method::PUT, &faults, r#"{"delay": [1, "0s", "1s"]}"#, array),
        (
            Method::PUT,
            &faults,
            r#"{"duplicate": 0, "duplicate": 1}"#,
            "duplicate field `duplicate`",
        ),
        (Method::POST, &again, r#"["1"]"#, array),
        (Method::POST, "clock:advance", r#"["1s"]"#, array),
    ] {
        let request = client.request(method, url(path)).body(body);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 400, "{body}");
        let answer: Value = answer.json().await.unwrap();
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains(words), "{body}: {message}");
    }
}
