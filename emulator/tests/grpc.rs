//! Tests of Google's gRPC API with generated client stubs.

use emulator::{Emulator, Message};
use googleapis_tonic_google_iam_v1::google::iam::v1::TestIamPermissionsRequest;
use googleapis_tonic_google_iam_v1::google::iam::v1::iam_policy_client::IamPolicyClient;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::publisher_client::PublisherClient;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::schema_service_client::SchemaServiceClient;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::subscriber_client::SubscriberClient;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::{
    CreateSnapshotRequest, DeleteTopicRequest, GetSnapshotRequest, GetSubscriptionRequest,
    GetTopicRequest, ListSchemasRequest, PublishRequest, PublishResponse, PubsubMessage,
    Subscription,
};
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::harness::{SUBSCRIPTION, Scene, TOPIC};

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
async fn rejections_have_googles_codes() {
    let scene = Scene::eager([]).await;
    let rejected = publish(&scene, "projects/shop/topics/missing", message("hi"))
        .await
        .unwrap_err();
    assert_eq!(rejected.code(), Code::NotFound);
    assert_eq!(rejected.message(), "Resource not found (resource=missing)");
    let rejected = publish(&scene, TOPIC, message("")).await.unwrap_err();
    assert_eq!(rejected.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn resources_are_the_same_over_grpc() {
    let scene = Scene::eager([]).await;
    let channel = channel(&scene.emulator).await;
    let mut publisher = PublisherClient::new(channel.clone());
    let mut subscriber = SubscriberClient::new(channel);
    let request = GetTopicRequest {
        topic: TOPIC.to_owned(),
    };
    let topic = publisher.get_topic(request).await.unwrap().into_inner();
    assert_eq!(topic.name, TOPIC);
    let request = GetSubscriptionRequest {
        subscription: SUBSCRIPTION.to_owned(),
    };
    let found = subscriber.get_subscription(request).await.unwrap();
    let found = found.into_inner();
    assert_eq!(found.topic, topic.name);
    assert_eq!(found.ack_deadline_seconds, 10);
    let request = DeleteTopicRequest {
        topic: TOPIC.to_owned(),
    };
    publisher.delete_topic(request.clone()).await.unwrap();
    let again = publisher.delete_topic(request).await.unwrap_err();
    assert_eq!(again.code(), Code::NotFound);
}

#[tokio::test]
async fn a_subscription_without_a_name_is_given_one() {
    let scene = Scene::eager([]).await;
    let mut subscriber = SubscriberClient::new(channel(&scene.emulator).await);
    let request = Subscription {
        topic: TOPIC.to_owned(),
        ..Subscription::default()
    };
    let created = subscriber.create_subscription(request).await.unwrap();
    let created = created.into_inner();
    let request = GetSubscriptionRequest {
        subscription: created.name.clone(),
    };
    let found = subscriber.get_subscription(request).await.unwrap();
    assert_eq!(found.into_inner(), created);
}

#[tokio::test]
async fn a_snapshot_without_a_name_is_given_one() {
    let scene = Scene::eager([]).await;
    let mut subscriber = SubscriberClient::new(channel(&scene.emulator).await);
    let request = CreateSnapshotRequest {
        subscription: SUBSCRIPTION.to_owned(),
        ..CreateSnapshotRequest::default()
    };
    let created = subscriber.create_snapshot(request).await.unwrap();
    let created = created.into_inner();
    assert!(
        created.name.starts_with("projects/shop/snapshots/"),
        "{}",
        created.name
    );
    let request = GetSnapshotRequest {
        snapshot: created.name.clone(),
    };
    let found = subscriber.get_snapshot(request).await.unwrap();
    assert_eq!(found.into_inner(), created);
}

#[tokio::test]
async fn every_service_is_under_googles_name() {
    let scene = Scene::eager([]).await;
    let channel = channel(&scene.emulator).await;
    let request = TestIamPermissionsRequest {
        resource: TOPIC.to_owned(),
        permissions: vec!["pubsub.topics.get".to_owned()],
    };
    let mut policies = IamPolicyClient::new(channel.clone());
    let granted = policies
        .test_iam_permissions(request.clone())
        .await
        .unwrap();
    assert_eq!(granted.into_inner().permissions, request.permissions);
    let mut schemas = SchemaServiceClient::new(channel);
    let request = ListSchemasRequest {
        parent: "projects/shop".to_owned(),
        ..ListSchemasRequest::default()
    };
    let listed = schemas.list_schemas(request).await.unwrap();
    assert_eq!(listed.into_inner().schemas, []);
}

#[tokio::test]
async fn other_services_are_unimplemented() {
    let scene = Scene::eager([]).await;
    let url = format!("{}/grpc.health.v1.Health/Check", scene.emulator.url());
    let request = reqwest::Client::new().post(url);
    let response = request.header("content-type", "application/grpc");
    let response = response.send().await.unwrap();
    assert_eq!(response.headers()["grpc-status"], "12");
}

#[tokio::test]
async fn both_interfaces_share_one_order_of_ids() {
    let scene = Scene::eager([]).await;
    let first: u64 = scene.publish(Message::new("hi")).parse().unwrap();
    let published = publish(&scene, TOPIC, message("hi")).await.unwrap();
    let second: u64 = published.message_ids[0].parse().unwrap();
    assert_eq!(second, first + 1);
}

/// A publish request with attributes of any bytes.
#[derive(Clone, PartialEq, prost::Message)]
struct AnyPublish {
    #[prost(string, tag = "1")]
    topic: String,
    #[prost(message, repeated, tag = "2")]
    messages: Vec<AnyMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct AnyMessage {
    #[prost(bytes = "vec", tag = "1")]
    data: Vec<u8>,
    #[prost(message, repeated, tag = "2")]
    attributes: Vec<AnyAttribute>,
    #[prost(bytes = "vec", tag = "5")]
    ordering_key: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct AnyAttribute {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

async fn call(
    scene: &Scene,
    method: &'static str,
    request: impl prost::Message + 'static,
) -> Status {
    let mut client = tonic::client::Grpc::new(channel(&scene.emulator).await);
    client.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<_, PublishResponse>::default();
    let path = tonic::codegen::http::uri::PathAndQuery::from_static(method);
    let answer = client.unary(tonic::Request::new(request), path, codec);
    answer.await.unwrap_err()
}

#[tokio::test]
async fn what_is_no_such_message_is_rejected_for_good() {
    const PUBLISH: &str = "/google.pubsub.v1.Publisher/Publish";
    // Google's client for Node encodes the first half of an emoji so.
    const HALF: &[u8] = b"caf\xED\xA0\xBD";
    let scene = Scene::eager([]).await;
    let rejected = async |message: AnyMessage, words: &str| {
        let fine = AnyMessage {
            data: b"hi".to_vec(),
            ..AnyMessage::default()
        };
        let request = AnyPublish {
            topic: TOPIC.to_owned(),
            messages: vec![fine, message],
        };
        let status = call(&scene, PUBLISH, request).await;
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
        assert!(status.message().starts_with(words), "{status}");
        assert!(!status.message().contains("caf"), "{status}");
    };
    let attribute = |key: &[u8], value: &[u8]| AnyMessage {
        attributes: vec![AnyAttribute {
            key: key.to_vec(),
            value: value.to_vec(),
        }],
        ..AnyMessage::default()
    };
    let value = "The value of the attribute \"kind\" of messages[1] is not UTF-8";
    rejected(attribute(b"kind", HALF), value).await;
    let key = "The attribute key \"\u{FFFD}\" of messages[1] is not UTF-8";
    rejected(attribute(b"\xFF", b"order"), key).await;
    let ordering_key = AnyMessage {
        ordering_key: HALF.to_vec(),
        ..AnyMessage::default()
    };
    let place = "The request cannot be read: failed to decode Protobuf message: PubsubMessage.ordering_key: PublishRequest.messages";
    rejected(ordering_key, place).await;
    assert!(scene.emulator.unacked_messages(SUBSCRIPTION).is_empty());

    let topic = AnyAttribute {
        key: HALF.to_vec(),
        value: Vec::new(),
    };
    for method in [
        "/google.pubsub.v1.Publisher/GetTopic",
        "/google.pubsub.v1.Subscriber/Pull",
        "/google.pubsub.v1.SchemaService/CreateSchema",
        "/google.iam.v1.IAMPolicy/GetIamPolicy",
    ] {
        let status = call(&scene, method, topic.clone()).await;
        assert_eq!(status.code(), Code::InvalidArgument, "{method} {status}");
    }
}
