//! Settings by gRPC that the generated messages of Google do not have.

use emulator::{Emulator, Pace};
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::publisher_client::PublisherClient;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::{
    BigtableConfig, MessageStoragePolicy, Subscription, Topic, UpdateTopicRequest,
};
use prost::Message;
use prost_types::FieldMask;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

use crate::harness::{SUBSCRIPTION, TOPIC, emulator};

/// Field 7 of a *MessageTransform*, `compression`, in field 13 of a *Topic*.
#[derive(Clone, PartialEq, Message)]
struct NewTopic {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, repeated, tag = "13")]
    message_transforms: Vec<NewTransform>,
}

#[derive(Clone, PartialEq, Message)]
struct NewTransform {
    #[prost(message, optional, tag = "7")]
    compression: Option<()>,
}

/// Field 6 of a *BigtableConfig*, `column_family_mapping`, in field 27 of a *Subscription*.
#[derive(Clone, PartialEq, Message)]
struct NewSubscription {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    topic: String,
    #[prost(message, optional, tag = "27")]
    bigtable_config: Option<NewBigtable>,
}

#[derive(Clone, PartialEq, Message)]
struct NewBigtable {
    #[prost(message, optional, tag = "6")]
    column_family_mapping: Option<()>,
}

async fn channel(emulator: &Emulator) -> Channel {
    let endpoint = Channel::from_shared(emulator.url()).unwrap();
    endpoint.connect().await.unwrap()
}

async fn call<Q, A>(emulator: &Emulator, path: &'static str, request: Q) -> Result<A, Status>
where
    Q: Message + Send + Sync + 'static,
    A: Message + Default + Send + Sync + 'static,
{
    let mut client = tonic::client::Grpc::new(channel(emulator).await);
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static(path);
    let answer = client.unary(Request::new(request), path, ProstCodec::<Q, A>::default());
    Ok(answer.await?.into_inner())
}

fn check(answer: Result<impl Message, Status>, field: &str) {
    let status = answer.err().unwrap();
    assert_eq!(status.code(), Code::Unimplemented, "{status}");
    assert!(status.message().contains(field), "{status}");
}

#[tokio::test]
async fn newer_fields_are_not_lost_silently() {
    let emulator = emulator(Pace::Eager);
    let topic = NewTopic {
        name: TOPIC.to_owned(),
        message_transforms: vec![NewTransform {
            compression: Some(()),
        }],
    };
    let path = "/google.pubsub.v1.Publisher/CreateTopic";
    let answer = call::<_, Topic>(&emulator, path, topic).await;
    check(answer, "MessageTransform.compression");
    emulator.create_topic(TOPIC).unwrap();
    let mut subscription = NewSubscription {
        name: SUBSCRIPTION.to_owned(),
        topic: TOPIC.to_owned(),
        bigtable_config: Some(NewBigtable {
            column_family_mapping: Some(()),
        }),
    };
    let path = "/google.pubsub.v1.Subscriber/CreateSubscription";
    let answer = call::<_, Subscription>(&emulator, path, subscription.clone()).await;
    check(answer, "BigtableConfig.columnFamilyMapping");
    subscription.bigtable_config = Some(NewBigtable::default());
    let created = call::<_, Subscription>(&emulator, path, subscription).await;
    let created = created.unwrap().bigtable_config.unwrap();
    assert_eq!(created.state, 1, "{created:?}");
    assert_eq!(
        created,
        BigtableConfig {
            state: 1,
            ..BigtableConfig::default()
        }
    );
}

#[tokio::test]
async fn settings_without_effect_are_stored_by_grpc() {
    let emulator = emulator(Pace::Eager);
    let mut client = PublisherClient::new(channel(&emulator).await);
    let policy = |region: &str| MessageStoragePolicy {
        allowed_persistence_regions: vec![region.to_owned()],
        enforce_in_transit: false,
    };
    let topic = Topic {
        name: TOPIC.to_owned(),
        message_storage_policy: Some(policy("europe-west1")),
        tags: [("123/environment".to_owned(), "test".to_owned())].into(),
        ..Topic::default()
    };
    let created = client.create_topic(topic.clone()).await.unwrap();
    let mut expected = topic;
    expected.tags.clear();
    assert_eq!(created.into_inner(), expected);
    expected.message_storage_policy = Some(policy("us-east1"));
    let update = UpdateTopicRequest {
        topic: Some(expected.clone()),
        update_mask: Some(FieldMask {
            paths: vec!["message_storage_policy".to_owned()],
        }),
    };
    let updated = client.update_topic(update).await.unwrap();
    assert_eq!(updated.into_inner(), expected);
}
