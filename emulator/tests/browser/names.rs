//! Unusual names.

use emulator::{Faults, Message, Outage};
use serde_json::json;

use super::click;
use crate::harness::browser::{LIGHT, Look, NARROW, browse};
use crate::harness::{SUBSCRIPTION, Scene};

/// Creates resources with the longest and strangest names that Google allows. Returns the long one and the id of a message.
async fn strange() -> (Scene, String, String) {
    let scene = Scene::eager([]).await;
    let emulator = &scene.emulator;
    let long = format!("t-{}", "y".repeat(200));
    let topic = format!("projects/shop/topics/{long}");
    let topic = emulator.create_topic(&topic).unwrap();
    topic.subscribe(&long).unwrap();
    let hi = Message::new("hi").with_attribute("k".repeat(256), "v".repeat(1_024));
    topic.publish(hi).unwrap();
    let plus = "projects/shop/topics/a+b%20c";
    let plus = emulator.create_topic(plus).unwrap();
    plus.publish(Message::new("plus")).unwrap();
    let faults = Faults::none().duplicate(0.125).reorder(0.125);
    let faults = faults.drop_answer(0.125).outage(Outage::On);
    let billing = emulator.subscription(SUBSCRIPTION).unwrap();
    billing.set_faults(faults).unwrap();
    let id = scene.publish(Message::new("hi"));
    (scene, long, id)
}

async fn check_long_names(look: Look) {
    let (scene, id, message) = strange().await;
    browse(scene.emulator.url(), look, move |page| async move {
        let narrow = "document.documentElement.scrollWidth <= document.documentElement.clientWidth";
        for view in ["overview".to_owned(), "messages".to_owned(), "throughput".to_owned(),
            format!("topics/shop/{id}"), format!("subscriptions/shop/{id}"), "subscriptions/shop/billing".to_owned(), format!("messages/{message}")] {
            page.open(&format!("#/{view}")).await;
            page.until("document.querySelector('main table, main svg text, main ol.life')").await;
            page.check_accessibility().await;
            assert_eq!(page.run(&format!("return {narrow}")).await, true, "{view}");
        }
        page.open("#/overview").await;
        page.sees("Faults on").await;
        let seen = "return [...document.querySelectorAll('.condition .chip')].every((chip) => chip.getBoundingClientRect().right <= chip.closest('.scroll').getBoundingClientRect().right)";
        assert_eq!(page.run(seen).await, true, "the condition is in sight");
        page.open("#/throughput").await;
        page.until("document.querySelector('svg text')").await;
        let drawn = "const svg = document.querySelector('svg.plot'), path = svg.querySelector('path');
            return [svg.viewBox.baseVal.width - svg.clientWidth, getComputedStyle(path).strokeLinecap]";
        assert_eq!(page.run(drawn).await, json!([0, "round"]));
        page.open("#/topics/shop/a%2Bb%2520c").await;
        click(&page, "Its messages").await;
        page.sees("1 message like this").await;
        drop(scene);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn unusual_names_break_nothing() {
    check_long_names(LIGHT).await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn unusual_names_break_nothing_in_a_narrow_window() {
    check_long_names(NARROW).await;
}
