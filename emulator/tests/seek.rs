//! Tests of deliveries that a seek ends.

use emulator::{Emulator, Message, Pace, Pulled, SubscriptionHandle};
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::subscriber_client::SubscriberClient;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::{
    AcknowledgeRequest, ModifyAckDeadlineRequest, PullRequest,
};
use time::OffsetDateTime;
use tonic::transport::Channel;

use crate::harness::{Answer, SUBSCRIPTION, Scene, status};

/// A scene whose subscription is pulled, with the time before its first message.
async fn pulled_scene(
    is_exactly_once: bool,
    is_ordered: bool,
) -> (Scene, SubscriptionHandle, OffsetDateTime) {
    let scene = Scene::start(Pace::Eager, [], |config| {
        config.push_config = None;
        config.enable_exactly_once_delivery = is_exactly_once;
        config.enable_message_ordering = is_ordered;
    })
    .await;
    let subscription = scene.emulator.subscription(SUBSCRIPTION).unwrap();
    let begin = scene.emulator.now();
    (scene, subscription, begin)
}

fn publish(emulator: &Emulator, data: &'static str) {
    let message = Message::new(data).with_ordering_key("key");
    emulator.publish(crate::harness::TOPIC, message).unwrap();
}

fn texts(pulled: &[Pulled]) -> Vec<String> {
    let texts = pulled.iter().map(|each| each.message().data.to_vec());
    texts.map(|text| String::from_utf8(text).unwrap()).collect()
}

#[tokio::test]
async fn a_message_in_hand_is_pulled_again_after_a_seek() {
    for is_ordered in [false, true] {
        let (scene, subscription, begin) = pulled_scene(false, is_ordered).await;
        publish(&scene.emulator, "first");
        publish(&scene.emulator, "second");
        let in_hand = subscription.pull(1).unwrap();
        subscription.seek(begin).unwrap();
        let again = subscription.pull(9).unwrap();
        let mut found = texts(&again);
        if !is_ordered {
            found.sort();
        }
        assert_eq!(found, ["first", "second"], "ordered: {is_ordered}");
        assert!(!in_hand[0].nack());
        assert!(!in_hand[0].ack());
        assert_eq!(subscription.unacked_messages().len(), 2);
        assert!(again.iter().all(Pulled::ack));
        assert!(subscription.unacked_messages().is_empty());
    }
}

/// Without a new delivery, an acknowledgement after the deadline would count.
#[tokio::test]
async fn an_expired_lease_cannot_be_acked_after_a_seek() {
    let (scene, subscription, begin) = pulled_scene(false, false).await;
    publish(&scene.emulator, "first");
    let late = subscription.pull(1).unwrap();
    scene.emulator.advance(std::time::Duration::from_secs(60));
    subscription.seek(begin).unwrap();
    assert!(!late[0].ack());
    assert_eq!(subscription.unacked_messages().len(), 1);
}

#[tokio::test]
async fn a_requested_delivery_is_replaced_by_that_of_a_seek() {
    let (scene, subscription, begin) = pulled_scene(false, false).await;
    publish(&scene.emulator, "first");
    let in_hand = subscription.pull(1).unwrap();
    subscription
        .deliver_again(&in_hand[0].message().id)
        .unwrap();
    subscription.seek(begin).unwrap();
    assert_eq!(subscription.pull(9).unwrap().len(), 1);
    assert!(subscription.pull(9).unwrap().is_empty());
}

#[tokio::test]
async fn an_ack_id_from_before_a_seek_fails_with_exactly_once_delivery() {
    let (scene, subscription, begin) = pulled_scene(true, false).await;
    publish(&scene.emulator, "first");
    let channel = Channel::from_shared(scene.emulator.url()).unwrap();
    let mut client = SubscriberClient::new(channel.connect().await.unwrap());
    let pull = PullRequest {
        subscription: SUBSCRIPTION.to_owned(),
        max_messages: 1,
        ..PullRequest::default()
    };
    let pulled = client.pull(pull).await.unwrap().into_inner();
    let ack_ids = vec![pulled.received_messages[0].ack_id.clone()];
    subscription.seek(begin).unwrap();
    let extension = ModifyAckDeadlineRequest {
        subscription: SUBSCRIPTION.to_owned(),
        ack_ids: ack_ids.clone(),
        ack_deadline_seconds: 60,
    };
    assert!(client.modify_ack_deadline(extension).await.is_err());
    let ack = AcknowledgeRequest {
        subscription: SUBSCRIPTION.to_owned(),
        ack_ids,
    };
    assert!(client.acknowledge(ack).await.is_err());
    assert_eq!(subscription.unacked_messages().len(), 1);
}

#[tokio::test]
async fn a_push_under_way_is_pushed_again_after_a_seek() {
    let mut scene = Scene::eager([Answer::Withheld, Answer::Withheld]).await;
    let subscription = scene.emulator.subscription(SUBSCRIPTION).unwrap();
    let begin = scene.emulator.now();
    let id = scene.publish(Message::new("first"));
    assert_eq!(scene.endpoint.next().await.id(), id);
    subscription.seek(begin).unwrap();
    assert_eq!(scene.endpoint.next().await.id(), id);
    scene.endpoint.release();
    let first = scene.ended().await;
    assert_eq!(first.reply(), status(204));
    assert!(!first.is_acked());
    assert_eq!(subscription.unacked_messages().len(), 1);
    scene.endpoint.release();
    assert!(scene.ended().await.is_acked());
    assert!(subscription.unacked_messages().is_empty());
}
