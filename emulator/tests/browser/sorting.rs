//! Columns that can be sorted, and the search.

use emulator::{Message, Pace};
use fantoccini::key::Key;
use serde_json::json;

use super::fill;
use crate::harness::browser::{LIGHT, NARROW, browse};
use crate::harness::{TOPIC, emulator};

const FIRST_CELLS: &str =
    "[...document.querySelectorAll('main tbody th')].map((cell) => cell.textContent).join()";

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn columns_are_sorted_by_the_keyboard() {
    let emulator = emulator(Pace::Eager);
    for id in ["orders", "audit", "refunds-2", "refunds-10"] {
        let name = format!("projects/shop/topics/{id}");
        emulator.create_topic(&name).unwrap();
    }
    for look in [LIGHT, NARROW] {
        browse(emulator.url(), look, |page| async move {
            page.until(&format!("{FIRST_CELLS} === 'audit,orders,refunds-10,refunds-2'"))
                .await;
            let heading = "[aria-sort] > button.sort";
            let state = "return document.querySelector('[aria-sort]').getAttribute('aria-sort')";
            assert_eq!(page.run(state).await, "none");
            for (order, cells) in [
                ("ascending", "audit,orders,refunds-2,refunds-10"),
                ("descending", "refunds-10,refunds-2,orders,audit"),
            ] {
                page.tab_to(heading).await;
                page.press(&char::from(Key::Enter).to_string()).await;
                page.until(&format!("{FIRST_CELLS} === '{cells}'")).await;
                assert_eq!(page.run(state).await, order);
            }
            let seen = "return document.activeElement.checkVisibility() && document.activeElement.getBoundingClientRect().width > 10";
            assert_eq!(page.run(seen).await, true, "the heading is in sight");
            page.check_accessibility().await;
        })
        .await;
    }
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn messages_are_searched_and_sorted_over_all_pages() {
    let emulator = emulator(Pace::Eager);
    let orders = emulator.create_topic(TOPIC).unwrap();
    let longest = orders.publish(Message::new("x".repeat(500))).unwrap();
    let named = Message::new("{\"name\": \"Ada\"}").with_attribute("kind", "order");
    let named = orders.publish(named).unwrap();
    for each in 0..100 {
        orders
            .publish(Message::new(format!("message {each}")))
            .unwrap();
    }
    browse(emulator.url(), LIGHT, |page| async move {
        page.open("#/messages").await;
        page.sees("102 messages, the latest first").await;
        page.run("[...document.querySelectorAll('button.sort')].find((each) => each.textContent === 'Data').click()")
            .await;
        page.until(&format!("document.querySelector('tbody a.id')?.textContent === '{longest}'"))
            .await;
        assert_eq!(page.run("return location.hash").await, "#/messages?sort=size");
        for (text, found) in [("\"ada\"", "1 message"), ("message 7", "11 messages"), ("KIND=ord", "1 message")] {
            fill(&page, "input[type=search]", text).await;
            page.sees(&format!("{found} like this")).await;
        }
        let found = page.run("return document.querySelector('tbody a.id').textContent");
        assert_eq!(found.await, json!(named));
        page.client.refresh().await.unwrap();
        page.sees("1 message like this").await;
        let kept = page.run("return document.querySelector('input[type=search]').value");
        assert_eq!(kept.await, "KIND=ord");
        page.check_accessibility().await;
        drop(emulator);
    })
    .await;
}
