//! Topics and subscriptions that are created by their first use.

use std::time::Duration;

use emulator::{Emulator, Options, Pace};
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::StreamingPullRequest;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::subscriber_client::SubscriberClient;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::timeout;
use tonic::transport::Channel;

use crate::data_folder::Folder;
use crate::harness::{DEAD_TOPIC, SUBSCRIPTION, TOPIC, emulator};

/// Longer than any wait on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// The topic with the id of the subscription.
const OWN_TOPIC: &str = "projects/shop/topics/billing";

fn creating() -> Emulator {
    let options = Options {
        pace: Pace::Eager,
        create_missing: true,
        ..Options::default()
    };
    Emulator::start_with(options).unwrap()
}

async fn call(emulator: &Emulator, method: Method, path: &str, body: Value) -> (u16, Value) {
    let url = format!("{}/v1/{path}", emulator.url());
    let request = reqwest::Client::new().request(method, url);
    let response = request.body(body.to_string()).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn publish(emulator: &Emulator, topic: &str) -> u16 {
    let body = json!({"messages": [{"data": "aGk="}]});
    let path = format!("{topic}:publish");
    call(emulator, Method::POST, &path, body).await.0
}

async fn pull(emulator: &Emulator) -> (u16, Value) {
    let path = format!("{SUBSCRIPTION}:pull");
    let body = json!({"maxMessages": 10, "returnImmediately": true});
    call(emulator, Method::POST, &path, body).await
}

#[tokio::test]
async fn a_topic_is_created_by_a_publish_or_a_read() {
    let emulator = creating();
    assert_eq!(publish(&emulator, TOPIC).await, 200);
    assert!(emulator.topic(TOPIC).is_ok());
    let read = call(&emulator, Method::GET, DEAD_TOPIC, json!({})).await;
    assert_eq!(read, (200, json!({"name": DEAD_TOPIC})));
    assert_eq!(publish(&emulator, "projects/shop/topics/or").await, 400);
}

#[tokio::test]
async fn a_subscription_is_created_by_a_pull_with_its_topic() {
    let emulator = creating();
    assert_eq!(pull(&emulator).await, (200, json!({})));
    let created = emulator.subscription(SUBSCRIPTION).unwrap().config();
    assert_eq!(created.topic, OWN_TOPIC);
    assert_eq!(publish(&emulator, OWN_TOPIC).await, 200);
    let (_, pulled) = pull(&emulator).await;
    assert_eq!(pulled["receivedMessages"][0]["message"]["data"], "aGk=");
}

#[tokio::test]
async fn a_subscription_is_created_by_a_read() {
    let emulator = creating();
    let (code, read) = call(&emulator, Method::GET, SUBSCRIPTION, json!({})).await;
    assert_eq!((code, &read["topic"]), (200, &json!(OWN_TOPIC)));
}

#[tokio::test]
async fn a_stream_creates_its_subscription() {
    let emulator = creating();
    let endpoint = Channel::from_shared(emulator.url()).unwrap();
    let mut client = SubscriberClient::new(endpoint.connect().await.unwrap());
    let first = StreamingPullRequest {
        subscription: SUBSCRIPTION.to_owned(),
        stream_ack_deadline_seconds: 10,
        ..StreamingPullRequest::default()
    };
    let requests =
        futures_util::StreamExt::chain(tokio_stream::iter([first]), tokio_stream::pending());
    let mut messages = client.streaming_pull(requests).await.unwrap().into_inner();
    assert_eq!(publish(&emulator, OWN_TOPIC).await, 200);
    loop {
        let next = timeout(PATIENCE, messages.message()).await.unwrap();
        let received = next.unwrap().unwrap().received_messages;
        if let Some(first) = received.first() {
            assert_eq!(first.message.as_ref().unwrap().data, b"hi");
            break;
        }
    }
}

#[tokio::test]
async fn a_new_subscription_creates_the_topics_that_it_names() {
    let emulator = creating();
    let mut body = json!({
        "topic": TOPIC, "ackDeadlineSeconds": 5,
        "deadLetterPolicy": {"deadLetterTopic": DEAD_TOPIC, "maxDeliveryAttempts": 5},
    });
    let invalid = call(&emulator, Method::PUT, SUBSCRIPTION, body.clone()).await;
    assert_eq!(invalid.0, 400);
    assert!(emulator.topic(TOPIC).is_err(), "of an invalid subscription");
    body["ackDeadlineSeconds"] = json!(10);
    let (code, answer) = call(&emulator, Method::PUT, SUBSCRIPTION, body).await;
    assert_eq!(code, 200, "{answer}");
    assert!(emulator.topic(TOPIC).is_ok());
    assert!(emulator.topic(DEAD_TOPIC).is_ok());
}

#[tokio::test]
async fn other_requests_create_nothing() {
    let emulator = creating();
    let acks = json!({"ackIds": ["a"]});
    for (method, path, body) in [
        (Method::DELETE, TOPIC.to_owned(), json!({})),
        (Method::DELETE, SUBSCRIPTION.to_owned(), json!({})),
        (Method::GET, format!("{TOPIC}/subscriptions"), json!({})),
        (Method::POST, format!("{SUBSCRIPTION}:acknowledge"), acks),
        (
            Method::POST,
            format!("{SUBSCRIPTION}:modifyPushConfig"),
            json!({"pushConfig": {}}),
        ),
    ] {
        assert_eq!(call(&emulator, method, &path, body).await.0, 404, "{path}");
    }
    assert!(emulator.topic(TOPIC).is_err());
    assert!(emulator.subscription(SUBSCRIPTION).is_err());
}

#[tokio::test]
async fn without_the_option_nothing_is_created() {
    let emulator = emulator(Pace::Eager);
    assert_eq!(publish(&emulator, TOPIC).await, 404);
    assert_eq!(pull(&emulator).await.0, 404);
    assert_eq!(call(&emulator, Method::GET, TOPIC, json!({})).await.0, 404);
    assert_eq!(
        call(&emulator, Method::GET, SUBSCRIPTION, json!({}))
            .await
            .0,
        404
    );
    let subscription = json!({"topic": TOPIC});
    assert_eq!(
        call(&emulator, Method::PUT, SUBSCRIPTION, subscription)
            .await
            .0,
        404
    );
}

#[tokio::test]
async fn created_resources_survive_a_restart() {
    let folder = Folder::new("first-use");
    let options = Options {
        create_missing: true,
        data_folder: Some(folder.path().to_owned()),
        ..Options::default()
    };
    let emulator = Emulator::start_with(options.clone()).unwrap();
    assert_eq!(pull(&emulator).await.0, 200);
    assert_eq!(publish(&emulator, OWN_TOPIC).await, 200);
    emulator.stop().await;
    let emulator = Emulator::start_with(options).unwrap();
    assert_eq!(emulator.unacked_messages(SUBSCRIPTION).len(), 1);
}
