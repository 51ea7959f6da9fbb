//! Messages that are published in the console.

use emulator::{Bootstrap, BootstrapDefaults, Message, Pace};
use serde_json::json;

use super::{PUBLISH, get, post};
use crate::harness::{Scene, TOPIC, emulator};

#[tokio::test]
async fn the_form_publishes_a_message_with_all_its_fields() {
    let mut scene = Scene::eager([]).await;
    let body = json!({
        "data": "{\"order\": 1}", "encoding": "json", "attributes": {"kind": "order"}, "orderingKey": "customer", "count": 2,
    });
    let (status, answer) = post(&scene.emulator, PUBLISH, body).await;
    assert_eq!(status, 200);
    assert_eq!(answer["messageIds"].as_array().unwrap().len(), 2);
    for _ in 0..2 {
        let message = scene.endpoint.next().await.body["message"].clone();
        assert_eq!(message["data"], "eyJvcmRlciI6IDF9");
        assert_eq!(message["attributes"]["kind"], "order");
        assert_eq!(message["orderingKey"], "customer");
    }
    let (status, _) = post(
        &scene.emulator,
        PUBLISH,
        json!({"data": " _w\n8=".replace('_', "/"), "encoding": "base64"}),
    )
    .await;
    assert_eq!(status, 200);
    assert_eq!(scene.endpoint.next().await.body["message"]["data"], "/w8=");
}

#[tokio::test]
async fn an_invalid_message_is_rejected_with_the_reason() {
    let scene = Scene::eager([]).await;
    for (body, reason) in [
        (
            json!({"data": ""}),
            "A message needs data or at least one attribute",
        ),
        (
            json!({"data": "{", "encoding": "json"}),
            "The data is not JSON: ",
        ),
        (
            json!({"data": "?", "encoding": "base64"}),
            "The data is not Base64: ",
        ),
        (
            json!({"data": "hi", "count": 0}),
            "count is 0, expected 1 to 1000",
        ),
        (
            json!({"data": "hi", "count": 1_001}),
            "count is 1001, expected 1 to 1000",
        ),
        (
            json!({"data": "hi", "attributes": {"google": "x"}}),
            "The attribute key \"google\"",
        ),
        (
            json!({"data": "hi", "surprise": 1}),
            "Failed to deserialize",
        ),
    ] {
        let (status, answer) = post(&scene.emulator, PUBLISH, body.clone()).await;
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(
            status == 400 && message.starts_with(reason),
            "{body}: {status} {message}"
        );
    }
    let (status, _) = post(
        &scene.emulator,
        "topics/shop/missing/publish",
        json!({"data": "hi"}),
    )
    .await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn the_form_offers_the_examples_of_the_topic() {
    let scene = Scene::eager([]).await;
    let orders = scene.emulator.topic(TOPIC).unwrap();
    let order = Message::new("{\"order\": 7}").with_attribute("kind", "order");
    orders.add_example("an order", order).unwrap();
    orders
        .add_example("bytes", Message::new(vec![0xff]))
        .unwrap();
    let found = get(&scene.emulator, "topics/shop/orders").await;
    let text = json!({"encoding": "text", "text": "{\"order\": 7}", "bytes": 12, "isCut": false});
    let first = json!({"title": "an order", "data": text, "attributes": {"kind": "order"}, "orderingKey": ""});
    assert_eq!(found["examples"][0], first);
    assert_eq!(found["examples"][1]["data"]["encoding"], "base64");
    let other = get(&scene.emulator, "topics/shop/orders-dead").await;
    assert_eq!(other["examples"], json!([]));
}

#[tokio::test]
async fn the_form_offers_the_messages_of_a_bootstrap_file() {
    let emulator = emulator(Pace::Eager);
    let file = "topics: {orders: {messages: [{text: hi, attributes: {kind: order}}]}}";
    let defaults = BootstrapDefaults::new("shop");
    let declared = Bootstrap::parse("shop.yaml", file, &defaults).unwrap();
    emulator.bootstrap(&declared).unwrap();
    let found = get(&emulator, "topics/shop/orders").await;
    let example = &found["examples"][0];
    assert_eq!(example["title"], "bootstrap message 1");
    assert_eq!(example["data"]["text"], "hi");
    assert_eq!(example["attributes"], json!({"kind": "order"}));
}
