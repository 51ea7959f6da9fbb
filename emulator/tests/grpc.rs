//! Google's gRPC interface, through generated client stubs.

use emulator::{Emulator, Message};
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::publisher_client::PublisherClient;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::subscriber_client::SubscriberClient;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::{
    GetTopicRequest, PublishRequest, PublishResponse, PubsubMessage, PullRequest,
};
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::harness::{Scene, TOPIC};

async fn channel(emulator: &Emulator) -> Channel {
    let endpoint = Channel::from_shared(emulator.url()).unwrap();
    endpoint.connect().await.unwrap()
}

async fn publish(
    scene: &Scene,
    topic: &str,
    message: PubsubMessage,
) -> Result<PublishResponse, Status> {
    let mut client = PublisherClient::new(channel(&scene.emulator).await);
    let request = PublishRequest {
        topic: topic.to_owned(),
        messages: vec![message],
    };
    client
        .publish(request)
        .await
        .map(tonic::Response::into_inner)
}

fn message(data: impl Into<Vec<u8>>) -> PubsubMessage {
    PubsubMessage {
        data: data.into(),
        ..PubsubMessage::default()
    }
}

#[tokio::test]
async fn a_message_published_by_grpc_is_pushed() {
    let mut scene = Scene::eager([]).await;
    let mut sent = message("hi");
    sent.attributes
        .insert("kind".to_owned(), "order".to_owned());
    sent.message_id = "made up".to_owned();
    let published = publish(&scene, TOPIC, sent).await.unwrap();
    let push = scene.endpoint.next().await;
    assert_eq!(published.message_ids, [push.id()]);
    assert_eq!(push.body["message"]["attributes"]["kind"], "order");
}

#[tokio::test]
async fn the_largest_message_fits_a_grpc_request() {
    let mut scene = Scene::eager([]).await;
    publish(&scene, TOPIC, message(vec![0; 9_999_000]))
        .await
        .unwrap();
    scene.endpoint.next().await;
}

#[tokio::test]
async fn refusals_have_googles_codes() {
    let scene = Scene::eager([]).await;
    let refused = publish(&scene, "projects/shop/topics/missing", message("hi"))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    assert_eq!(refused.message(), "Resource not found (resource=missing)");
    let refused = publish(&scene, TOPIC, message("")).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn other_methods_and_services_are_unimplemented() {
    let scene = Scene::eager([]).await;
    let channel = channel(&scene.emulator).await;
    let request = GetTopicRequest {
        topic: TOPIC.to_owned(),
    };
    let refused = PublisherClient::new(channel.clone())
        .get_topic(request)
        .await;
    assert_eq!(refused.unwrap_err().code(), Code::Unimplemented);
    let refused = SubscriberClient::new(channel)
        .pull(PullRequest::default())
        .await;
    assert_eq!(refused.unwrap_err().code(), Code::Unimplemented);
}

#[tokio::test]
async fn both_interfaces_share_one_order_of_ids() {
    let scene = Scene::eager([]).await;
    let first: u64 = scene.publish(Message::new("hi")).parse().unwrap();
    let published = publish(&scene, TOPIC, message("hi")).await.unwrap();
    let second: u64 = published.message_ids[0].parse().unwrap();
    assert_eq!(second, first + 1);
}
