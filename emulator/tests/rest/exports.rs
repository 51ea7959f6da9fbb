//! Subscriptions with an export: each message counts as exported, and none is delivered.

use emulator::{Emulator, Message};
use reqwest::Method;
use serde_json::{Value, json};

use super::{SUBSCRIPTION, TOPIC, call, put, rejection, with_topic};

const TABLE: &str = "shop.sales.orders";

async fn exported(settings: Value) -> Emulator {
    let emulator = with_topic().await;
    let mut body = settings;
    body["topic"] = json!(TOPIC);
    body["bigqueryConfig"] = json!({"table": TABLE});
    let (code, created) = put(&emulator, SUBSCRIPTION, body).await;
    assert_eq!(code, 200, "{created}");
    emulator
}

async fn pull(emulator: &Emulator) -> (u16, Value) {
    let path = format!("{SUBSCRIPTION}:pull");
    let body = json!({"maxMessages": 10, "returnImmediately": true});
    call(emulator, Method::POST, &path, &body).await
}

async fn update(emulator: &Emulator, subscription: Value, mask: &str) {
    let body = json!({"subscription": subscription, "updateMask": mask});
    let (code, updated) = call(emulator, Method::PATCH, SUBSCRIPTION, &body).await;
    assert_eq!(code, 200, "{updated}");
}

fn backlog(emulator: &Emulator) -> usize {
    emulator.unacked_messages(SUBSCRIPTION).len()
}

#[tokio::test]
async fn an_export_cannot_be_pulled() {
    let emulator = exported(json!({})).await;
    let text = "This method is not supported for BigQuery subscriptions.";
    let expected = rejection(400, "FAILED_PRECONDITION", text);
    assert_eq!(pull(&emulator).await, expected);
}

#[tokio::test]
async fn an_export_holds_no_messages() {
    let emulator = exported(json!({"retainAckedMessages": true})).await;
    let id = emulator.publish(TOPIC, Message::new("hi")).unwrap();
    assert_eq!(backlog(&emulator), 0);
    let seek = json!({"time": "2020-01-02T03:04:05Z"});
    let path = format!("{SUBSCRIPTION}:seek");
    assert_eq!(call(&emulator, Method::POST, &path, &seek).await.0, 200);
    assert_eq!(backlog(&emulator), 0, "a seek brings none back");
    assert!(emulator.deliver_again(SUBSCRIPTION, &id).is_err());
}

#[tokio::test]
async fn a_seek_of_an_export_brings_back_no_message_of_the_topic() {
    let emulator = exported(json!({})).await;
    let body = json!({"topic": {"messageRetentionDuration": "600s"}, "updateMask": "messageRetentionDuration"});
    assert_eq!(call(&emulator, Method::PATCH, TOPIC, &body).await.0, 200);
    emulator.publish(TOPIC, Message::new("hi")).unwrap();
    let seek = json!({"time": "2020-01-02T03:04:05Z"});
    let path = format!("{SUBSCRIPTION}:seek");
    assert_eq!(call(&emulator, Method::POST, &path, &seek).await.0, 200);
    assert_eq!(backlog(&emulator), 0);
}

#[tokio::test]
async fn messages_of_a_new_export_count_as_exported() {
    let emulator = with_topic().await;
    let handle = emulator.topic(TOPIC).unwrap().subscribe("billing").unwrap();
    let id = emulator.publish(TOPIC, Message::new("one")).unwrap();
    emulator.publish(TOPIC, Message::new("two")).unwrap();
    let pulled = handle.next().await.unwrap();
    let export = json!({"bigqueryConfig": {"table": TABLE}});
    update(&emulator, export, "bigqueryConfig").await;
    assert_eq!(backlog(&emulator), 0);
    assert!(!pulled.ack(), "its lease has ended");
    assert!(emulator.deliver_again(SUBSCRIPTION, &id).is_err());
    emulator.publish(TOPIC, Message::new("three")).unwrap();
    update(&emulator, json!({}), "bigqueryConfig").await;
    emulator.publish(TOPIC, Message::new("four")).unwrap();
    let (code, answer) = pull(&emulator).await;
    assert_eq!(code, 200, "{answer}");
    let received = answer["receivedMessages"].as_array().unwrap();
    let data: Vec<&Value> = received
        .iter()
        .map(|each| &each["message"]["data"])
        .collect();
    assert_eq!(data, [&json!("Zm91cg==")], "only the last one");
}

#[tokio::test]
async fn an_export_takes_no_push_settings() {
    let emulator = exported(json!({})).await;
    let path = format!("{SUBSCRIPTION}:modifyPushConfig");
    let push = json!({"pushConfig": {"pushEndpoint": "http://127.0.0.1:9/"}});
    let (code, answer) = call(&emulator, Method::POST, &path, &push).await;
    assert_eq!(code, 400, "{answer}");
    let empty = json!({"pushConfig": {}});
    assert_eq!(call(&emulator, Method::POST, &path, &empty).await.0, 200);
}
