//! Creating and deleting topics and subscriptions.

use emulator::Pace;

use super::{click, fill, press_button};
use crate::harness::browser::{LIGHT, browse};
use crate::harness::{SUBSCRIPTION, Scene, TOPIC, emulator};

/// The first field of the form that is unfolded.
const NAME: &str = "details[open] form input";

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn a_topic_is_created_from_the_overview() {
    let emulator = emulator(Pace::Eager);
    browse(emulator.url(), LIGHT, |page| async move {
        page.sees("There is no topic yet").await;
        click(&page, "Create a topic").await;
        page.check_accessibility().await;
        fill(&page, NAME, "9 lives").await;
        press_button(&page, "Create this topic").await;
        page.sees("Not created: Invalid resource name").await;
        page.sees("begins with a letter").await;
        fill(&page, NAME, "orders").await;
        press_button(&page, "Create this topic").await;
        page.sees("Created topic orders.").await;
        page.sees("None: messages are lost").await;
        press_button(&page, "Create this topic").await;
        page.sees("Not created: there is a topic orders in this project already.")
            .await;
        assert!(emulator.topic("projects/local/topics/orders").is_ok());
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn a_subscription_is_created_with_its_settings() {
    let scene = Scene::eager([]).await;
    browse(scene.emulator.url(), LIGHT, |page| async move {
        page.open("#/topics/shop/orders").await;
        click(&page, "Create a subscription").await;
        click(&page, "More settings").await;
        page.check_accessibility().await;
        fill(&page, "details.create input", "audit").await;
        fill(&page, "input[type=url]", "http://127.0.0.1:9/").await;
        fill(&page, "input[type=email]", "push@shop.example").await;
        fill(&page, "input[placeholder='10'][min='10']", "5").await;
        page.run("[...document.querySelectorAll('details.create select')].at(-1).value = 'projects/shop/topics/orders-dead'")
            .await;
        press_button(&page, "Create this subscription").await;
        page.until("document.querySelector('input:invalid')").await;
        fill(&page, "input[placeholder='10'][min='10']", "30").await;
        press_button(&page, "Create this subscription").await;
        page.sees("Created subscription audit.").await;
        let audit = scene.emulator.subscription("projects/shop/subscriptions/audit");
        let config = audit.unwrap().config();
        assert_eq!(config.topic, TOPIC);
        assert_eq!(config.ack_deadline.as_secs(), 30);
        let push = config.push_config.unwrap();
        assert_eq!(push.endpoint, "http://127.0.0.1:9/");
        assert_eq!(push.oidc_token.unwrap().service_account_email, "push@shop.example");
        let policy = config.dead_letter_policy.unwrap();
        assert_eq!(policy.dead_letter_topic, "projects/shop/topics/orders-dead");
        page.sees("audit").await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn a_deletion_asks_for_confirmation() {
    let scene = Scene::eager([]).await;
    browse(scene.emulator.url(), LIGHT, |page| async move {
        page.open("#/subscriptions/shop/billing").await;
        for answer in ["Cancel", "Delete"] {
            press_button(&page, "Delete this subscription…").await;
            page.sees("Delete this subscription?").await;
            let focus = page.run("return document.activeElement.textContent").await;
            assert_eq!(focus, "Cancel");
            page.check_accessibility().await;
            assert!(scene.emulator.subscription(SUBSCRIPTION).is_ok());
            press_button(&page, answer).await;
            page.until("!document.querySelector('dialog[open]')").await;
        }
        page.sees("Topic orders").await;
        page.sees("There is no subscription yet").await;
        assert!(scene.emulator.subscription(SUBSCRIPTION).is_err());
        press_button(&page, "Delete this topic…").await;
        page.sees("It has no subscription.").await;
        press_button(&page, "Delete").await;
        page.until("document.querySelector('h1').textContent === 'Overview'")
            .await;
        assert!(scene.emulator.topic(TOPIC).is_err());
    })
    .await;
}
