//! Tests of unwrapped pushes.

use emulator::{Message, Pace, PushForm};

use crate::harness::{Push, SUBSCRIPTION, Scene};

const AUTHORIZATION: &str = "Bearer from-an-attribute";

async fn scene(write_metadata: bool) -> Scene {
    let scene = Scene::start(Pace::Eager, [], |config| {
        let push = config.push_config.take();
        config.push_config = push.map(|push| push.unwrapped(write_metadata));
    });
    scene.await
}

fn message() -> Message {
    Message::new(vec![0, 159, 146, 150])
        .with_attribute("Kind", "order")
        .with_attribute("Content-Type", "image/png")
        .with_ordering_key("customer-9")
}

fn names(push: &Push) -> Vec<&str> {
    let mut names: Vec<&str> = push.headers.keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn the_body_is_the_data_alone() {
    let mut scene = scene(false).await;
    scene.publish(message());
    let push = scene.endpoint.next().await;
    assert_eq!(push.bytes[..], [0, 159, 146, 150]);
    assert_eq!(
        names(&push),
        ["content-length", "content-type", "host", "user-agent"]
    );
    assert_eq!(
        push.header("content-type"),
        Some("application/octet-stream")
    );
    assert_eq!(push.header("content-length"), Some("4"));
    assert_eq!(push.header("user-agent"), Some("CloudPubSub-Google"));
    assert!(scene.ended().await.is_acked());
}

#[tokio::test]
async fn with_metadata_all_other_fields_are_headers() {
    let mut scene = scene(true).await;
    let id = scene.publish(message());
    let push = scene.endpoint.next().await;
    assert_eq!(push.bytes[..], [0, 159, 146, 150]);
    for (name, value) in [
        ("x-goog-pubsub-subscription-name", SUBSCRIPTION),
        ("x-goog-pubsub-message-id", &id),
        ("x-goog-pubsub-ordering-key", "customer-9"),
        ("kind", "order"),
        ("content-type", "image/png"),
        ("content-length", "4"),
    ] {
        assert_eq!(push.header(name), Some(value), "{name}");
    }
    let time = push.header("x-goog-pubsub-publish-time").unwrap();
    assert_eq!(time.len(), "2030-01-02T03:04:05.678Z".len());
    assert_eq!(push.headers.len(), 9);
}

#[tokio::test]
async fn a_message_of_attributes_alone_has_an_empty_body() {
    let mut scene = scene(true).await;
    scene.publish(Message::default().with_attribute("kind", "order"));
    let push = scene.endpoint.next().await;
    assert!(push.bytes.is_empty());
    assert_eq!(push.header("content-length"), Some("0"));
    assert_eq!(push.header("kind"), Some("order"));
}

#[tokio::test]
async fn no_attribute_replaces_a_token_or_frames_a_request() {
    let scene = Scene::start(Pace::Eager, [], |config| {
        let push = config.push_config.take();
        let push = push.map(|push| push.unwrapped(true).signed_as("push@shop.example", None));
        config.push_config = push;
    });
    let mut scene = scene.await;
    for (key, value) in [
        ("authorization", AUTHORIZATION),
        ("Authorization", AUTHORIZATION),
        ("content-length", "0"),
        ("transfer-encoding", "chunked"),
        ("connection", "close"),
        ("kind", "order\r\nauthorization: Bearer from-an-attribute"),
    ] {
        scene.publish(Message::new("hi").with_attribute(key, value));
        let push = scene.endpoint.next().await;
        let tokens: Vec<_> = push.headers.get_all("authorization").iter().collect();
        assert_eq!(tokens.len(), 1, "{key}");
        assert_ne!(tokens[0], AUTHORIZATION, "{key}");
        assert_eq!(&push.bytes[..], b"hi", "{key}");
        assert!(scene.ended().await.is_acked(), "{key}");
    }
}

#[tokio::test]
async fn without_a_token_none_comes_from_an_attribute() {
    let mut scene = scene(true).await;
    scene.publish(Message::new("hi").with_attribute("authorization", AUTHORIZATION));
    assert_eq!(scene.endpoint.next().await.header("authorization"), None);
}

#[tokio::test]
async fn the_first_beta_form_is_rejected() {
    let scene = Scene::eager([]).await;
    let mut push = emulator::PushConfig::new(scene.endpoint.url());
    push.form = PushForm::WrappedV1Beta1;
    let rejected = scene.emulator.modify_push_config(SUBSCRIPTION, Some(push));
    assert!(rejected.unwrap_err().to_string().contains("v1beta1"));
}
