//! Dead letters and the outcomes that made them.

use emulator::{
    DeadLetterPolicy, Faults, Forgery, ForgeryKind, Message, Pace, PushConfig, SubscriptionConfig,
};

use super::{click, fill};
use crate::harness::browser::{LIGHT, browse};
use crate::harness::{Answer, DEAD_SUBSCRIPTION, DEAD_TOPIC, SUBSCRIPTION, Scene, statuses};

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn a_dead_letter_shows_its_reason() {
    let policy = |config: &mut SubscriptionConfig| {
        let endpoint = config.push_config.take().unwrap().endpoint;
        config.push_config = Some(PushConfig::new(endpoint).signed_as("push@shop.example", None));
        config.dead_letter_policy = Some(DeadLetterPolicy::new(DEAD_TOPIC));
    };
    let mut scene = Scene::start(Pace::Eager, statuses([401; 5]), policy).await;
    let forged = ForgeryKind::Forged(Forgery::WrongIssuer);
    let faults = Faults::none().token(1.0, forged);
    scene
        .emulator
        .subscription(SUBSCRIPTION)
        .unwrap()
        .set_faults(faults)
        .unwrap();
    scene.publish(Message::new("hi"));
    while scene.ended().await.dead_lettered_to().is_none() {}
    browse(scene.emulator.url(), LIGHT, |page| async move {
        page.sees("Failing: 401").await;
        page.sees("Faults on").await;
        page.open("#/dead-letters").await;
        page.sees("5 attempts; the last was answered 401").await;
        click(&page, "Its attempts").await;
        page.sees("Sent with a forged token: from another issuer.")
            .await;
        click(&page, "Request and answer of attempt 1").await;
        page.sees("https://another-issuer.example").await;
        page.check_accessibility().await;
        drop(scene);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn an_outcome_of_the_service_links_to_its_dead_letter() {
    let answers = [
        Answer::Outcome(503, "failed", "the hall is locked\n"),
        Answer::Outcome(204, "handled", ""),
        Answer::Outcome(204, "discarded", ""),
        Answer::Outcome(204, "dead-lettered", ""),
    ];
    let mut scene = Scene::eager(answers).await;
    let first = scene.publish(Message::new("one"));
    scene.acked(&first).await;
    for data in ["two", "three"] {
        let id = scene.publish(Message::new(data));
        scene.acked(&id).await;
        if data == "three" {
            let letter = Message::new(data)
                .with_attribute("CloudPubSubDeadLetterSourceSubscription", "billing")
                .with_attribute("CloudPubSubDeadLetterSourceSubscriptionProject", "shop")
                .with_attribute("pushgate-source-message-id", &id);
            scene.emulator.publish(DEAD_TOPIC, letter).unwrap();
        }
    }
    browse(scene.emulator.url(), LIGHT, |page| async move {
        page.open("#/messages").await;
        page.sees("✓ Acked: handled").await;
        page.sees("✓ Acked: discarded").await;
        page.sees("✗ Dead-lettered by the service").await;
        page.check_accessibility().await;
        page.open("#/messages?state=dead-lettered").await;
        page.sees("1 message like this").await;
        click(&page, "its dead letter").await;
        page.sees("A dead letter of message").await;
        page.sees(" in billing").await;
        click(&page, "message ").await;
        page.sees("Its dead letter is message").await;
        page.sees("204: dead-lettered").await;
        page.open(&format!("#/messages/{first}")).await;
        page.sees("503: failed").await;
        page.sees("the hall is locked").await;
        page.check_accessibility().await;
        drop(scene);
    })
    .await;
}

/// Publishes dead letters of two causes: two that differ in numbers only, and another.
fn publish_letters(scene: &Scene) {
    let errors = [
        "line 1, column 15: missing field `customerEmail`",
        "line 12, column 7: missing field `customerEmail`",
        "quantity: 0 is not positive",
    ];
    for (place, error) in errors.into_iter().enumerate() {
        let letter = Message::new(format!("{{\"order\": {place}}}"))
            .with_attribute("kind", "order")
            .with_attribute("CloudPubSubDeadLetterSourceSubscription", "billing")
            .with_attribute("CloudPubSubDeadLetterSourceSubscriptionProject", "shop")
            .with_attribute("pushgate-dead-letter-reason", "payload")
            .with_attribute("pushgate-dead-letter-error", error);
        scene.emulator.publish(DEAD_TOPIC, letter).unwrap();
    }
}

async fn with_letters() -> Scene {
    let policy = |config: &mut SubscriptionConfig| {
        config.dead_letter_policy = Some(DeadLetterPolicy::new(DEAD_TOPIC));
    };
    let scene = Scene::start(Pace::Eager, [], policy).await;
    publish_letters(&scene);
    scene
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn dead_letters_are_replayed_by_cause() {
    let mut scene = with_letters().await;
    let emulator = scene.emulator.url();
    let held = scene.emulator.subscription(DEAD_SUBSCRIPTION).unwrap();
    browse(emulator, LIGHT, |page| async move {
        page.until("document.querySelector('#badge').textContent === '3'")
            .await;
        page.open("#/dead-letters").await;
        click(&page, "payload: line 12, column 7: missing field").await;
        page.sees("Only those of one cause").await;
        page.sees("2 dead letters, the latest first").await;
        page.check_accessibility().await;
        click(&page, "Replay all 2…").await;
        page.sees("Publish 2 messages again?").await;
        page.check_accessibility().await;
        click(&page, "Publish again").await;
        page.sees("2 messages published again.").await;
        page.sees("None of this cause is left.").await;
        page.until("document.querySelector('#badge').textContent === '1'")
            .await;
        for place in [0, 1] {
            let message = scene.endpoint.next().await.bytes;
            let message: serde_json::Value = serde_json::from_slice(&message).unwrap();
            assert_eq!(
                message["message"]["attributes"],
                serde_json::json!({"kind": "order"}),
                "{place}"
            );
        }
        assert_eq!(held.unacked_messages().len(), 1);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn a_dead_letter_is_edited_before_it_is_replayed() {
    let mut scene = with_letters().await;
    let held = scene.emulator.subscription(DEAD_SUBSCRIPTION).unwrap();
    browse(scene.emulator.url(), LIGHT, |page| async move {
        page.open("#/dead-letters").await;
        click(&page, "Edit…").await;
        page.sees("Edit and publish again").await;
        let data = "return document.querySelector('#edited-data').value";
        assert_eq!(page.run(data).await, "{\"order\": 2}");
        assert_eq!(
            page.run("return document.activeElement.id").await,
            "edited-data"
        );
        page.check_accessibility().await;
        fill(&page, "#edited-data", "{\"order\": 2").await;
        click(&page, "Publish this").await;
        page.sees("Not published: The data is not JSON").await;
        fill(&page, "#edited-data", "{\"order\": 7}").await;
        page.run("document.querySelector('dialog input[type=checkbox]').click()")
            .await;
        click(&page, "Publish this").await;
        page.sees("Published again.").await;
        let push = scene.endpoint.next().await;
        assert_eq!(push.body["message"]["data"], "eyJvcmRlciI6IDd9");
        assert_eq!(held.unacked_messages().len(), 3);
        click(&page, "Edit…").await;
        page.sees("Edit and publish again").await;
        page.client.back().await.unwrap();
        page.until("!document.querySelector('dialog[open]')").await;
    })
    .await;
}
