//! Views while 5,000 messages flow.

use emulator::{DeadLetterPolicy, Message, Pace};
use serde_json::json;

use super::click;
use crate::harness::browser::{DARK, LIGHT, Look, NARROW, NARROW_DARK, Page, browse};
use crate::harness::{DEAD_TOPIC, Scene};

const MESSAGES: usize = 5_000;
/// The most elements of a page, whatever flows.
const MAX_ELEMENTS: u64 = 2_500;
/// The longest time in which the page may not react, on a busy machine.
const MAX_TASK_MS: f64 = 3_000.0;

/// Publishes messages while others run. One in fifty is a dead letter.
async fn flow(scene: &Scene, messages: usize) -> String {
    let mut last = String::new();
    for each in 0..messages {
        last = scene.publish(Message::new(format!("{{\"order\": {each}}}")));
        if each % 50 == 0 {
            let letter = Message::new("{}")
                .with_attribute("CloudPubSubDeadLetterSourceSubscription", "billing")
                .with_attribute("CloudPubSubDeadLetterSourceSubscriptionProject", "shop")
                .with_attribute("pushgate-dead-letter-reason", format!("reason {each}"));
            scene.emulator.publish(DEAD_TOPIC, letter).unwrap();
            tokio::task::yield_now().await;
        }
    }
    last
}

async fn check_flow(look: Look) {
    let scene = Scene::start(Pace::Eager, [], |config| {
        config.dead_letter_policy = Some(DeadLetterPolicy::new(DEAD_TOPIC));
    })
    .await;
    browse(scene.emulator.url(), look, move |page| async move {
        page.run("window.longest = 0; new PerformanceObserver((list) => { for (const each of list.getEntries()) window.longest = Math.max(window.longest, each.duration); }).observe({ type: 'longtask' })")
            .await;
        let views = ["overview", "messages", "subscriptions/shop/billing", "dead-letters"];
        let (mut published, part) = (0, MESSAGES / views.len());
        for view in views {
            page.run(&format!("location.hash = '#/{view}'")).await;
            page.until("document.querySelector('main h1')").await;
            let last = flow(&scene, part).await;
            published += part + part.div_ceil(50);
            shows(&page, view, &last, published).await;
            check_bounds(&page).await;
        }
        page.run("location.hash = '#/messages'").await;
        page.sees("Page 1 of 40").await;
        click(&page, "Older").await;
        page.sees("Page 2 of 40").await;
        let longest = page.run("return window.longest").await.as_f64().unwrap();
        assert!(longest < MAX_TASK_MS, "{longest} ms");
    })
    .await;
}

/// Waits until a view shows the latest messages.
async fn shows(page: &Page, view: &str, last: &str, published: usize) {
    match view {
        "overview" => page.sees(&thousands(published)).await,
        "messages" => {
            page.until(&format!(
                "document.querySelector('main').textContent.includes({})",
                json!(last)
            ))
            .await;
        }
        "subscriptions/shop/billing" => page.sees("✓ Caught up").await,
        _ => page.sees("100 dead letters, the latest first").await,
    }
}

fn thousands(count: usize) -> String {
    match count {
        0..1_000 => count.to_string(),
        _ => format!("{},{:03}", count / 1_000, count % 1_000),
    }
}

async fn check_bounds(page: &Page) {
    let elements = page
        .run("return document.querySelectorAll('*').length")
        .await;
    assert!(elements.as_u64().unwrap() < MAX_ELEMENTS, "{elements}");
    page.check_nothing_is_out_of_sight().await;
    page.check_accessibility().await;
    // The page asks at most twice a second, however many messages flow.
    let asked = "const all = performance.getEntriesByType('resource').filter((each) => each.name.includes('/console/api/overview'));
        return all.length - performance.now() / 500";
    let above = page.run(asked).await.as_f64().unwrap();
    assert!(above <= 8.0, "{above} requests too many");
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn five_thousand_messages_flow_in_light() {
    check_flow(LIGHT).await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn five_thousand_messages_flow_in_the_dark() {
    check_flow(DARK).await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn five_thousand_messages_flow_in_a_narrow_window() {
    check_flow(NARROW).await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn five_thousand_messages_flow_in_a_narrow_window_in_the_dark() {
    check_flow(NARROW_DARK).await;
}
