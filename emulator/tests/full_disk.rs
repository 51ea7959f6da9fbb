//! Tests of a data folder that cannot be written.

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::publisher_client::PublisherClient;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::subscriber_client::SubscriberClient;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::{
    AcknowledgeRequest, GetTopicRequest, PublishRequest, PubsubMessage, ReceivedMessage,
    Subscription, Topic,
};
use serde_json::json;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::crashes::{Process, pull};
use crate::data_folder::Folder;
use crate::harness::{DEAD_TOPIC, SUBSCRIPTION, TOPIC};

/// Far more messages of a megabyte than the limit allows.
const MANY: u8 = 40;

async fn publish(publisher: &mut PublisherClient<Channel>, number: u8) -> Result<(), Status> {
    let message = PubsubMessage {
        data: vec![number; 1_000_000],
        ..PubsubMessage::default()
    };
    let request = PublishRequest {
        topic: TOPIC.to_owned(),
        messages: vec![message],
    };
    publisher.publish(request).await.map(drop)
}

fn topic(name: &str) -> Topic {
    Topic {
        name: name.to_owned(),
        ..Topic::default()
    }
}

fn check(rejected: &Status) {
    assert_eq!(rejected.code(), Code::Unavailable);
    let message = rejected.message();
    assert!(
        message.starts_with("The data folder cannot be written: "),
        "{message}"
    );
    // The error of the operating system.
    assert!(message.contains("File too large"), "{message}");
}

/// The console and the emulator's own API report the same error as Google's.
async fn check_page(process: &Process, message_id: &str) {
    const PAGE: &str = "console/api/subscriptions/shop/billing";
    const OWN: &str = "emulator/v1/projects/shop/subscriptions/billing";
    let message = json!({"messageId": message_id});
    let time = json!({"time": "2001-02-03T04:05:06Z"});
    let faults = json!({"duplicate": 0.5});
    let data = json!({"data": "more"});
    let changes = [
        ("console/api/topics/shop/orders/publish".to_owned(), data),
        (format!("{PAGE}/redeliver"), message.clone()),
        (format!("{OWN}/deliverAgain"), message),
        (format!("{PAGE}/seek"), time),
        (format!("{PAGE}/purge"), json!({})),
        (format!("{PAGE}/faults"), faults),
    ];
    for (path, body) in changes {
        let (status, answer) = process.post(&path, &body).await;
        assert_eq!(status, 503, "{path}: {answer}");
        let text = answer["error"]["message"].as_str().unwrap();
        assert!(text.contains("File too large"), "{path}: {text}");
    }
}

/// It can still be stopped.
async fn end(process: Process) {
    let (status, answer) = process.post("shutdown", &json!({})).await;
    assert_eq!(status, 200);
    assert_eq!(answer, json!({}));
}

async fn pull_all(subscriber: &mut SubscriberClient<Channel>) -> Vec<ReceivedMessage> {
    let mut all = Vec::new();
    loop {
        let pulled = pull(subscriber, SUBSCRIPTION, true).await.unwrap();
        if pulled.is_empty() {
            return all;
        }
        all.extend(pulled);
    }
}

fn numbers(received: &[ReceivedMessage]) -> Vec<u8> {
    let messages = received.iter().filter_map(|each| each.message.as_ref());
    messages.map(|message| message.data[0]).collect()
}

#[tokio::test]
async fn a_change_that_cannot_be_stored_is_rejected() {
    let folder = Folder::new("full-disk");
    let process = Process::start_limited(folder.path());
    let channel = process.channel().await;
    let mut publisher = PublisherClient::new(channel.clone());
    let mut subscriber = SubscriberClient::new(channel);
    publisher.create_topic(topic(TOPIC)).await.unwrap();
    let subscription = Subscription {
        name: SUBSCRIPTION.to_owned(),
        topic: TOPIC.to_owned(),
        ack_deadline_seconds: 600,
        ..Subscription::default()
    };
    subscriber.create_subscription(subscription).await.unwrap();
    let mut answered = Vec::new();
    let rejected = loop {
        let number = u8::try_from(answered.len()).unwrap();
        assert!(number < MANY, "the limit is not in force");
        match publish(&mut publisher, number).await {
            Ok(()) => answered.push(number),
            Err(rejected) => break rejected,
        }
    };
    check(&rejected);
    assert!(!answered.is_empty());

    // A retry of the publisher does not publish again.
    for _ in 0..3 {
        check(&publish(&mut publisher, MANY).await.unwrap_err());
    }
    let received = pull_all(&mut subscriber).await;
    let found = numbers(&received);
    assert_eq!(found[..answered.len()], answered);
    assert!(!found.contains(&MANY), "{found:?}");
    let last = received.last().and_then(|each| each.message.as_ref());
    let last = last.unwrap().message_id.clone();
    // Acknowledged in memory, but not on the disk.
    let request = AcknowledgeRequest {
        subscription: SUBSCRIPTION.to_owned(),
        ack_ids: received.into_iter().map(|each| each.ack_id).collect(),
    };
    check(&subscriber.acknowledge(request).await.unwrap_err());
    check(&publisher.create_topic(topic(DEAD_TOPIC)).await.unwrap_err());
    let request = GetTopicRequest {
        topic: DEAD_TOPIC.to_owned(),
    };
    assert!(publisher.get_topic(request).await.is_ok());
    check_page(&process, &last).await;
    end(process).await;

    let process = Process::start(folder.path());
    let mut subscriber = SubscriberClient::new(process.channel().await);
    let found = numbers(&pull_all(&mut subscriber).await);
    assert_eq!(found[..answered.len()], answered);
}
