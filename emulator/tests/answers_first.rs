//! Tests that a publisher knows an id before the message is delivered.

use emulator::Pace;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::publisher_client::PublisherClient;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::subscriber_client::SubscriberClient;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::{
    PublishRequest, PubsubMessage, PullRequest, StreamingPullRequest,
};
use tokio_stream::StreamExt;
use tonic::transport::Channel;

use crate::harness::{SUBSCRIPTION, Scene, TOPIC};

/// As many as Google's clients publish in the test that this replaces.
const MESSAGES: usize = 100;

async fn channel(scene: &Scene) -> Channel {
    let endpoint = Channel::from_shared(scene.emulator.url()).unwrap();
    endpoint.connect().await.unwrap()
}

/// Publishes a message, and returns its id.
async fn publish(publisher: &PublisherClient<Channel>) -> String {
    let message = PubsubMessage {
        data: b"hi".to_vec(),
        ..PubsubMessage::default()
    };
    let request = PublishRequest {
        topic: TOPIC.to_owned(),
        messages: vec![message],
    };
    let published = publisher.clone().publish(request).await.unwrap();
    published.into_inner().message_ids.remove(0)
}

#[tokio::test]
async fn a_publisher_is_answered_before_a_stream_has_its_message() {
    let scene = Scene::start(Pace::Google, [], |config| config.push_config = None).await;
    // On one connection a client sees the order in which the emulator answered.
    let channel = channel(&scene).await;
    let publisher = PublisherClient::new(channel.clone());
    let mut subscriber = SubscriberClient::new(channel);
    let first = StreamingPullRequest {
        subscription: SUBSCRIPTION.to_owned(),
        stream_ack_deadline_seconds: 60,
        ..StreamingPullRequest::default()
    };
    let requests = tokio_stream::once(first).chain(tokio_stream::pending());
    let stream = subscriber.streaming_pull(requests).await.unwrap();
    let mut stream = stream.into_inner();
    stream.message().await.unwrap();
    for number in 0..MESSAGES {
        let id = tokio::select! {
            biased;
            id = publish(&publisher) => id,
            early = stream.message() => panic!("message {number} came first: {early:?}"),
        };
        let pulled = stream.message().await.unwrap().unwrap();
        let message = pulled.received_messages[0].message.as_ref().unwrap();
        assert_eq!(message.message_id, id);
    }
}

#[tokio::test]
async fn a_publisher_is_answered_before_its_message_is_pushed() {
    let mut scene = Scene::start(Pace::Google, [], |_| {}).await;
    let publisher = PublisherClient::new(channel(&scene).await);
    for number in 0..MESSAGES {
        let id = tokio::select! {
            biased;
            id = publish(&publisher) => id,
            push = scene.endpoint.next() => panic!("push {number} came first: {push:?}"),
        };
        assert_eq!(scene.endpoint.next().await.id(), id);
    }
}

#[tokio::test]
async fn a_client_that_knows_an_id_can_pull_the_message_at_once() {
    let scene = Scene::start(Pace::Google, [], |config| config.push_config = None).await;
    let channel = channel(&scene).await;
    let publisher = PublisherClient::new(channel.clone());
    let mut subscriber = SubscriberClient::new(channel);
    for _ in 0..MESSAGES {
        let id = publish(&publisher).await;
        #[expect(deprecated, reason = "it shows that nothing is waited for")]
        let pull = PullRequest {
            subscription: SUBSCRIPTION.to_owned(),
            max_messages: 1,
            return_immediately: true,
        };
        let pulled = subscriber.pull(pull).await.unwrap().into_inner();
        let message = pulled.received_messages[0].message.as_ref().unwrap();
        assert_eq!(message.message_id, id);
    }
}
