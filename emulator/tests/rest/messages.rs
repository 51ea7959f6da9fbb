//! Messages that are published by REST.

use reqwest::Method;
use serde_json::{Value, json};

use super::{SUBSCRIPTION, TOPIC, call, get, put, rejection, with_topic};
use crate::harness::Endpoint;

#[tokio::test]
async fn messages_are_pushed_as_soon_as_an_endpoint_is_set() {
    let emulator = with_topic().await;
    let mut endpoint = Endpoint::start([]).await;
    put(&emulator, SUBSCRIPTION, json!({"topic": TOPIC})).await;
    let publish = format!("{TOPIC}:publish");
    let body =
        json!({"messages": [{"data": "aGk=", "attributes": {"kind": "order"}}, {"data": "aG8"}]});
    let (code, answer) = call(&emulator, Method::POST, &publish, &body).await;
    assert_eq!(code, 200);
    assert_eq!(answer["messageIds"].as_array().unwrap().len(), 2);
    assert_eq!(emulator.unacked_messages(SUBSCRIPTION).len(), 2);

    let modify = format!("{SUBSCRIPTION}:modifyPushConfig");
    let body = json!({"pushConfig": {"pushEndpoint": endpoint.url()}});
    assert_eq!(
        call(&emulator, Method::POST, &modify, &body).await,
        (200, json!({}))
    );
    let pushed = [endpoint.next().await, endpoint.next().await];
    let data = pushed.map(|push| push.body["message"]["data"].as_str().unwrap().to_owned());
    assert!(data.contains(&"aGk=".to_owned()) && data.contains(&"aG8=".to_owned()));

    assert_eq!(
        call(&emulator, Method::POST, &modify, &json!({})).await.0,
        200
    );
    let (_, shown) = get(&emulator, SUBSCRIPTION).await;
    assert_eq!(shown["pushConfig"], json!({}));
}

#[tokio::test]
async fn invalid_messages_are_rejected_all_or_none() {
    let emulator = with_topic().await;
    put(&emulator, SUBSCRIPTION, json!({"topic": TOPIC})).await;
    let publish = format!("{TOPIC}:publish");
    for messages in [
        json!([]),
        json!([{"data": "aGk="}, {}]),
        json!([{"data": "not base64!"}]),
        json!([{"data": "aGk=", "attributes": {"googkey": "value"}}]),
        json!([{"data": "aGk=", "surprise": 1}]),
        json!([{"data": "aGk=", "orderingKey": "a"}, {"data": "aGk=", "ordering_key": "b"}]),
    ] {
        let body = json!({"messages": messages});
        assert_eq!(
            call(&emulator, Method::POST, &publish, &body).await.0,
            400,
            "{messages}"
        );
    }
    let body = json!({"messages": [{"data": "aGk="}]});
    let missing = call(
        &emulator,
        Method::POST,
        "projects/shop/topics/missing:publish",
        &body,
    )
    .await;
    assert_eq!(
        missing,
        rejection(404, "NOT_FOUND", "Resource not found (resource=missing)")
    );
    assert!(emulator.unacked_messages(SUBSCRIPTION).is_empty());
}

#[tokio::test]
async fn a_seek_to_the_present_acks_all_messages() {
    let emulator = with_topic().await;
    put(&emulator, SUBSCRIPTION, json!({"topic": TOPIC})).await;
    let client = reqwest::Client::new();
    let post = async |path: String, body: Value| {
        let url = format!("{}/v1/{path}", emulator.url());
        let request = client.post(url).body(body.to_string());
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.bytes().await.unwrap();
    };
    for _ in 0..60 {
        let message = json!({"messages": [{"data": "aGk="}]});
        post(format!("{TOPIC}:publish"), message).await;
        let now = time::OffsetDateTime::now_utc();
        let now = now.replace_millisecond(now.millisecond()).unwrap();
        let now = now.format(&time::format_description::well_known::Rfc3339);
        post(
            format!("{SUBSCRIPTION}:seek"),
            json!({"time": now.unwrap()}),
        )
        .await;
        assert!(emulator.unacked_messages(SUBSCRIPTION).is_empty());
    }
}
