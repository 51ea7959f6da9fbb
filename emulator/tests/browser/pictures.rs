//! The pictures in the documentation. With `UPDATE_PAGES=true` they are taken again; otherwise the text of each page is compared with
//! the one in its picture.

use std::path::{Path, PathBuf};
use std::time::Duration;

use emulator::{DeadLetterPolicy, Emulator, Message, Pace, RetryPolicy, SubscriptionConfig};

use crate::harness::browser::{LIGHT, Page, browse};
use crate::harness::{Answer, DEAD_SUBSCRIPTION, DEAD_TOPIC, Endpoint, TOPIC, emulator};

const FULFILMENT: &str = "projects/shop/subscriptions/orders-fulfilment";
const ORDER: &str = r#"{"orderId":"A-1002","customerEmail":"ada@example.com","lines":[{"article":"kayak","quantity":2,"priceCents":1999}]}"#;
/// The main element of a page as text. Numbers and durations differ each time.
const TEXT: &str = "return document.querySelector('header').innerText + '\\n' + document.querySelector('main').innerText
    .replace(/\\d[\\d,.]*(\\s(µs|ms|s|min)\\b)?/g, (all, duration) => (duration ? '0 s' : '0'))";

/// Returns an emulator whose service handles orders at the third attempt, then at once.
async fn shop() -> (Emulator, Endpoint, String) {
    let emulator = emulator(Pace::Eager);
    let failed = Answer::Outcome(503, "failed", "the hall is locked\n");
    let mut answers = vec![failed, failed];
    answers.resize(10, Answer::Outcome(204, "handled", ""));
    let endpoint = Endpoint::start(answers).await;
    for topic in [TOPIC, DEAD_TOPIC, "projects/shop/topics/refunds"] {
        emulator.create_topic(topic).unwrap();
    }
    let letters = SubscriptionConfig::new(DEAD_SUBSCRIPTION, DEAD_TOPIC);
    emulator.create_subscription(letters).unwrap();
    let mut config = SubscriptionConfig::new(FULFILMENT, TOPIC).push_to(endpoint.url());
    config.retry_policy = Some(RetryPolicy {
        minimum_backoff: Duration::from_secs(1),
        maximum_backoff: Duration::from_secs(10),
    });
    config.dead_letter_policy = Some(DeadLetterPolicy::new(DEAD_TOPIC));
    emulator.create_subscription(config).unwrap();
    let id = emulator.publish(TOPIC, Message::new(ORDER)).unwrap();
    (emulator, endpoint, id)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[expect(
    clippy::disallowed_methods,
    reason = "the switch of the tests that write documentation"
)]
fn is_updating() -> bool {
    std::env::var_os("UPDATE_PAGES").is_some()
}

/// Takes the picture of a page for these files, or compares the page's text with the file beside the first one.
async fn check(page: &Page, files: &[&str]) {
    let text = page.run(TEXT).await;
    let text = format!("{}\n", text.as_str().unwrap().trim_end());
    let saved = root().join(files[0]).with_extension("txt");
    if is_updating() {
        let picture = page.client.screenshot().await.unwrap();
        for file in files {
            std::fs::write(root().join(file), &picture).unwrap();
        }
        std::fs::write(saved, text).unwrap();
        return;
    }
    let known = std::fs::read_to_string(&saved).unwrap();
    assert_eq!(
        text, known,
        "{} shows another page: take it again with UPDATE_PAGES=true",
        files[0]
    );
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn the_picture_of_a_message_shows_the_page() {
    let (emulator, endpoint, id) = shop().await;
    browse(emulator.url(), LIGHT, |page| async move {
        page.open(&format!("#/messages/{id}")).await;
        page.sees("✓ Acked: handled").await;
        page.sees("Live").await;
        let files = [
            "emulator/screenshots/message.png",
            "docs/images/console.png",
        ];
        check(&page, &files).await;
        drop((emulator, endpoint));
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn the_picture_of_the_overview_shows_the_page() {
    let (emulator, endpoint, _) = shop().await;
    let warehouse = SubscriptionConfig::new("projects/shop/subscriptions/warehouse", TOPIC);
    emulator
        .create_subscription(warehouse.push_to("http://127.0.0.1:9/"))
        .unwrap();
    for order in 0..4 {
        let order = Message::new(format!("{{\"orderId\":\"A-{order}\"}}"));
        emulator.publish(TOPIC, order).unwrap();
    }
    let letter = Message::new("{\"orderId\":\"A-7\"}")
        .with_attribute(
            "CloudPubSubDeadLetterSourceSubscription",
            "orders-fulfilment",
        )
        .with_attribute("CloudPubSubDeadLetterSourceSubscriptionProject", "shop");
    emulator.publish(DEAD_TOPIC, letter).unwrap();
    browse(emulator.url(), LIGHT, |page| async move {
        for text in ["✓ Caught up", "Failing: no answer", "Waits for pull", "Live"] {
            page.sees(text).await;
        }
        page.until("document.querySelector('#badge').textContent === '1'").await;
        // All figures are known: those of the table and those of the live updates.
        for known in [
            "[...document.querySelectorAll('td.number')].some((cell) => /[µm]s$/.test(cell.textContent))",
            "[...document.querySelectorAll('.figures dd')].every((figure) => figure.textContent !== '–')",
        ] {
            page.until(known).await;
        }
        check(&page, &["emulator/screenshots/overview.png"]).await;
        drop((emulator, endpoint));
    })
    .await;
}
