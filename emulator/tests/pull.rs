//! Tests of pull: with pushes, at the end of the emulator, and with limits of clients.

use std::time::Duration;

use emulator::{DeadLetterPolicy, Message, Pace, PushConfig};
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::subscriber_client::SubscriberClient;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::{
    AcknowledgeRequest, ModifyAckDeadlineRequest, PullRequest, StreamingPullRequest,
    StreamingPullResponse,
};
use tokio::sync::mpsc::{Sender, channel};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Streaming};

use crate::harness::{Answer, DEAD_TOPIC, Endpoint, SUBSCRIPTION, Scene};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn client(scene: &Scene) -> SubscriberClient<Channel> {
    let endpoint = Channel::from_shared(scene.emulator.url()).unwrap();
    SubscriberClient::new(endpoint.connect().await.unwrap())
}

/// Opens a stream with a limit of outstanding messages; 0 is no limit.
async fn stream(
    scene: &Scene,
    most: i64,
) -> (
    Sender<StreamingPullRequest>,
    Streaming<StreamingPullResponse>,
) {
    let mut client = client(scene).await;
    let (requests, waiting) = channel(16);
    let first = StreamingPullRequest {
        subscription: SUBSCRIPTION.to_owned(),
        stream_ack_deadline_seconds: 60,
        max_outstanding_messages: most,
        ..StreamingPullRequest::default()
    };
    requests.send(first).await.unwrap();
    let answers = client.streaming_pull(ReceiverStream::new(waiting)).await;
    (requests, answers.unwrap().into_inner())
}

/// Receives messages, and returns their ack ids.
async fn next(answers: &mut Streaming<StreamingPullResponse>) -> Vec<String> {
    loop {
        let answer = answers.message().await.unwrap().unwrap();
        if !answer.received_messages.is_empty() {
            let received = answer.received_messages.into_iter();
            return received.map(|each| each.ack_id).collect();
        }
    }
}

async fn pulled_scene() -> Scene {
    Scene::start(Pace::Google, [], |config| config.push_config = None).await
}

#[tokio::test]
async fn a_stream_ends_not_found_with_its_subscription() {
    let scene = pulled_scene().await;
    let (_requests, mut answers) = stream(&scene, 0).await;
    answers.message().await.unwrap();
    scene
        .emulator
        .subscription(SUBSCRIPTION)
        .unwrap()
        .delete()
        .unwrap();
    assert_eq!(answers.message().await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn a_stream_ends_unavailable_with_the_emulator() {
    let scene = pulled_scene().await;
    let (_requests, mut answers) = stream(&scene, 0).await;
    answers.message().await.unwrap();
    let ended = tokio::spawn(async move { answers.message().await });
    scene.emulator.stop().await;
    let status = ended.await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
}

#[tokio::test]
async fn messages_beyond_the_limits_of_a_stream_go_to_another() {
    let scene = pulled_scene().await;
    let (full, mut first) = stream(&scene, 1).await;
    scene.publish(Message::new("1"));
    let in_hand = next(&mut first).await;
    let (_requests, mut second) = stream(&scene, 0).await;
    second.message().await.unwrap();
    scene.publish(Message::new("2"));
    assert_eq!(next(&mut second).await.len(), 1);
    let ack = StreamingPullRequest {
        ack_ids: in_hand,
        ..StreamingPullRequest::default()
    };
    full.send(ack).await.unwrap();
    scene.publish(Message::new("3"));
    tokio::select! {
        one = next(&mut first) => assert_eq!(one.len(), 1),
        one = next(&mut second) => assert_eq!(one.len(), 1),
    }
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_listened_to_all_the_same() {
    let scene = pulled_scene().await;
    let (requests, mut answers) = stream(&scene, 0).await;
    scene.publish(Message::new("first"));
    let first = next(&mut answers).await;
    // More than all buffers of the connection.
    for _ in 0..12 {
        scene.publish(Message::new(vec![0; 3_000_000]));
    }
    let subscription = scene.emulator.subscription(SUBSCRIPTION).unwrap();
    let ack = StreamingPullRequest {
        ack_ids: first,
        ..StreamingPullRequest::default()
    };
    requests.send(ack).await.unwrap();
    let acked = async {
        while subscription
            .unacked_messages()
            .iter()
            .any(|each| each.data == "first")
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), acked)
        .await
        .unwrap();
}

#[tokio::test]
async fn messages_in_the_hands_of_pullers_leave_the_push_window_alone() {
    let scene = pulled_scene().await;
    for number in 0..20 {
        scene.publish(Message::new(format!("{number}")));
    }
    let subscription = scene.emulator.subscription(SUBSCRIPTION).unwrap();
    let in_hand = subscription.pull(10).unwrap();
    let mut endpoint = Endpoint::start([]).await;
    subscription
        .push_to(Some(PushConfig::new(endpoint.url())))
        .unwrap();
    for _ in 0..10 {
        endpoint.next().await;
    }
    assert!(in_hand.iter().all(emulator::Pulled::ack));
}

#[tokio::test]
async fn a_further_delivery_that_finds_no_place_comes_after_the_first() {
    let mut scene = Scene::start(Pace::Google, [Answer::Withheld; 4], |_| {}).await;
    let ids: Vec<String> = (0..4).map(|_| scene.publish(Message::new("hi"))).collect();
    for _ in 0..4 {
        scene.endpoint.next().await;
    }
    // Google's pace starts with four concurrent pushes, so there is no room for a fifth.
    scene.emulator.deliver_again(SUBSCRIPTION, &ids[0]).unwrap();
    (0..4).for_each(|_| scene.endpoint.release());
    assert_eq!(scene.endpoint.next().await.id(), ids[0]);
    for _ in 0..5 {
        assert!(scene.ended().await.is_acked());
    }
    assert!(scene.emulator.unacked_messages(SUBSCRIPTION).is_empty());
}

#[tokio::test]
async fn an_open_stream_keeps_its_subscription_from_being_idle() {
    let scene = pulled_scene().await;
    let (requests, mut answers) = stream(&scene, 0).await;
    answers.message().await.unwrap();
    scene.emulator.advance(40 * DAY);
    scene.publish(Message::new("hi"));
    assert_eq!(next(&mut answers).await.len(), 1);
    // The stream ends after the last request of its client.
    drop(requests);
    assert!(answers.message().await.unwrap().is_none());
    scene.emulator.advance(30 * DAY);
    assert!(scene.emulator.subscription(SUBSCRIPTION).is_ok());
    scene.emulator.advance(2 * DAY);
    assert!(scene.emulator.subscription(SUBSCRIPTION).is_err());
}

/// Receives a message, and returns its ack id twice.
async fn twice(client: &mut SubscriberClient<Channel>) -> Vec<String> {
    let answer = client.pull(one_message()).await.unwrap().into_inner();
    vec![answer.received_messages[0].ack_id.clone(); 2]
}

fn one_message() -> PullRequest {
    PullRequest {
        subscription: SUBSCRIPTION.to_owned(),
        max_messages: 1,
        ..PullRequest::default()
    }
}

#[tokio::test]
async fn a_repeated_id_in_a_request_is_confirmed_once() {
    let scene = Scene::start(Pace::Google, [], |config| {
        config.push_config = None;
        config.enable_exactly_once_delivery = true;
    })
    .await;
    scene.publish(Message::new("1"));
    let mut client = client(&scene).await;
    let nack = ModifyAckDeadlineRequest {
        subscription: SUBSCRIPTION.to_owned(),
        ack_ids: twice(&mut client).await,
        ack_deadline_seconds: 0,
    };
    client.modify_ack_deadline(nack).await.unwrap();
    let ack = AcknowledgeRequest {
        subscription: SUBSCRIPTION.to_owned(),
        ack_ids: twice(&mut client).await,
    };
    client.acknowledge(ack.clone()).await.unwrap();
    // In another request its lease has already ended.
    assert!(client.acknowledge(ack).await.is_err());
}

#[tokio::test]
async fn all_nacks_of_a_key_in_one_request_are_confirmed() {
    let scene = Scene::start(Pace::Google, [], |config| {
        config.push_config = None;
        config.enable_message_ordering = true;
        config.enable_exactly_once_delivery = true;
        config.dead_letter_policy = Some(DeadLetterPolicy::new(DEAD_TOPIC));
    })
    .await;
    for _ in 0..3 {
        scene.publish(Message::new("hi").with_ordering_key("a"));
    }
    let (requests, mut answers) = stream(&scene, 0).await;
    let ids = next(&mut answers).await;
    assert_eq!(ids.len(), 3);
    let nack = StreamingPullRequest {
        modify_deadline_seconds: vec![0; 3],
        modify_deadline_ack_ids: ids.clone(),
        ..StreamingPullRequest::default()
    };
    requests.send(nack).await.unwrap();
    let mut confirmed = None;
    let mut attempts = Vec::new();
    while confirmed.is_none() || attempts.is_empty() {
        let answer = answers.message().await.unwrap().unwrap();
        confirmed = confirmed.or(answer.modify_ack_deadline_confirmation);
        attempts.extend(
            answer
                .received_messages
                .iter()
                .map(|each| each.delivery_attempt),
        );
    }
    let confirmed = confirmed.unwrap();
    assert_eq!(confirmed.ack_ids, ids);
    assert_eq!(confirmed.invalid_ack_ids.len(), 0);
    assert_eq!(attempts, [2, 2, 2]);
}

#[tokio::test]
async fn a_stream_ends_when_its_subscription_begins_to_push() {
    let scene = pulled_scene().await;
    let (_requests, mut answers) = stream(&scene, 0).await;
    answers.message().await.unwrap();
    let subscription = scene.emulator.subscription(SUBSCRIPTION).unwrap();
    let to_endpoint = PushConfig::new(scene.endpoint.url());
    subscription.push_to(Some(to_endpoint)).unwrap();
    let ended = answers.message().await.unwrap_err();
    assert_eq!(ended.code(), Code::FailedPrecondition);
    assert!(subscription.pull(1).is_err());
}
