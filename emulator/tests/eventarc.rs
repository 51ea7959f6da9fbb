//! Tests of pushes in the form of Eventarc.

use emulator::{Message, Pace};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{SUBSCRIPTION, Scene, TOPIC};

async fn call(scene: &Scene, method: Method, body: Value) -> (u16, Value) {
    let url = format!("{}/v1/{SUBSCRIPTION}", scene.emulator.url());
    let request = reqwest::Client::new()
        .request(method, url)
        .body(body.to_string());
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

/// Changes the push settings of the subscription by REST.
async fn set_push_config(scene: &Scene, config: Value) -> (u16, Value) {
    let update = json!({"subscription": {"pushConfig": config}, "updateMask": "pushConfig"});
    call(scene, Method::PATCH, update).await
}

#[tokio::test]
async fn a_push_of_eventarc_is_a_cloud_event_with_the_wrapped_message() {
    let scene = Scene::start(Pace::Eager, [], |config| {
        let push = config.push_config.take();
        config.push_config = push.map(|push| push.eventarc());
    });
    let mut scene = scene.await;
    let message = Message::new("hi").with_attribute("ce-type", "of-the-publisher");
    let id = scene.publish(message);
    let push = scene.endpoint.next().await;
    let time = push.body["message"]["publishTime"].as_str();
    for (name, value) in [
        ("content-type", "application/json; charset=utf-8"),
        ("ce-specversion", "1.0"),
        ("ce-type", "google.cloud.pubsub.topic.v1.messagePublished"),
        ("ce-source", &format!("//pubsub.googleapis.com/{TOPIC}")),
        ("ce-id", &id),
        ("ce-time", time.unwrap()),
    ] {
        assert_eq!(push.header(name), Some(value), "{name}");
    }
    let names = push.headers.keys().map(|name| name.as_str());
    assert_eq!(names.filter(|name| name.starts_with("ce-")).count(), 5);
    assert_eq!(push.body["subscription"], SUBSCRIPTION);
    assert_eq!(push.body["message"]["data"], "aGk=");
    assert_eq!(push.id(), id);
    assert!(scene.ended().await.is_acked());
}

#[tokio::test]
async fn an_attribute_of_the_push_settings_switches_the_form_on() {
    let mut scene = Scene::eager([]).await;
    let endpoint = scene.endpoint.url();
    let attributes = json!({"pushgate-form": "eventarc"});
    let config = json!({"pushEndpoint": endpoint, "attributes": attributes});
    assert_eq!(set_push_config(&scene, config).await.0, 200);
    let (_, shown) = call(&scene, Method::GET, json!({})).await;
    let attributes = json!({"pushgate-form": "eventarc", "x-goog-version": "v1"});
    assert_eq!(shown["pushConfig"]["attributes"], attributes);
    let id = scene.publish(Message::new("hi"));
    let push = scene.endpoint.next().await;
    assert_eq!(push.header("ce-id"), Some(id.as_str()));
    let wrapped = json!({"pushEndpoint": endpoint});
    assert_eq!(set_push_config(&scene, wrapped).await.0, 200);
    scene.publish(Message::new("hi"));
    assert_eq!(scene.endpoint.next().await.header("ce-id"), None);
}

#[tokio::test]
async fn a_form_that_contradicts_another_setting_is_rejected() {
    let scene = Scene::eager([]).await;
    for config in [
        json!({"attributes": {"pushgate-form": "eventarc"}, "noWrapper": {}}),
        json!({"attributes": {"pushgate-form": "eventarc", "x-goog-version": "v1beta1"}}),
        json!({"attributes": {"pushgate-form": "structured"}}),
    ] {
        let mut config = config;
        config["pushEndpoint"] = json!(scene.endpoint.url());
        let (status, answer) = set_push_config(&scene, config.clone()).await;
        assert_eq!(status, 400, "{config}");
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains("pushgate-form"), "{message}");
    }
}
