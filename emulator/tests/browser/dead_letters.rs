//! Dead letters and the outcomes that made them.

use emulator::{
    DeadLetterPolicy, Faults, Forgery, ForgeryKind, Message, Pace, PushConfig, SubscriptionConfig,
};

use super::click;
use crate::harness::browser::{LIGHT, browse};
use crate::harness::{Answer, DEAD_TOPIC, SUBSCRIPTION, Scene, statuses};

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
        page.sees("dead-lettered by its service").await;
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
