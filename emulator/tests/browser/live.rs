//! Pages that change while they are open.

use emulator::Message;
use fantoccini::key::Key;

use super::{click, fill};
use crate::harness::browser::{LIGHT, browse};
use crate::harness::{Answer, Scene, TOPIC};

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn a_published_message_is_seen_live() {
    let scene = Scene::eager([Answer::Withheld]).await;
    browse(scene.emulator.url(), LIGHT, |page| async move {
        page.sees("Live").await;
        click(&page, "orders").await;
        page.open("#/topics/shop/orders").await;
        fill(&page, "#publish-data", "{\"order\": 7}").await;
        click(&page, "Add an attribute").await;
        page.press("kind").await;
        page.press(&char::from(Key::Tab).to_string()).await;
        page.press("order").await;
        click(&page, "Publish").await;
        page.sees("Published.").await;
        click(&page, "See what becomes of message").await;
        page.sees("under way").await;
        assert!(
            page.run("return document.body.innerText")
                .await
                .as_str()
                .unwrap()
                .contains("Delivering")
        );
        scene.endpoint.release();
        page.sees("✓ Acked").await;
        page.sees("\"order\": 7").await;
        click(&page, "Request and answer of attempt 1").await;
        page.sees("user-agent: CloudPubSub-Google").await;
        page.until("document.querySelector('#news').textContent !== ''")
            .await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn five_thousand_messages_stay_usable() {
    let scene = Scene::eager([]).await;
    let mut last = String::new();
    for each in 0..5_000 {
        last = scene.publish(Message::new(format!("message {each}")));
    }
    browse(scene.emulator.url(), LIGHT, |page| async move {
        page.open("#/messages").await;
        page.sees("Page 1 of 40").await;
        page.sees("2,000 messages, the latest first; 5,000 were published").await;
        let size = page.run("return [document.querySelectorAll('tbody tr').length, document.querySelectorAll('*').length]").await;
        assert_eq!(size[0], 50);
        assert!(size[1].as_u64().unwrap() < 2_000, "{size}");
        click(&page, "Older").await;
        page.sees("Page 2 of 40").await;
        page.sees("message 4949").await;
        fill(&page, "[role=search] .field:last-child input", &last).await;
        page.sees("1 message like this").await;
        page.sees("message 4999").await;
        let begin = page.run("return performance.now()").await.as_f64().unwrap();
        page.open("#/messages?page=40").await;
        page.sees("Page 40 of 40").await;
        let end = page.run("return performance.now()").await.as_f64().unwrap();
        assert!(end - begin < 3_000.0, "{} ms", end - begin);
        drop(scene);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn a_list_keeps_the_focus_while_it_changes() {
    let scene = Scene::eager([Answer::Withheld]).await;
    scene.publish(Message::new("first"));
    browse(scene.emulator.url(), LIGHT, |page| async move {
        page.open("#/messages").await;
        page.until("document.querySelector('.statuses a')").await;
        page.run("document.querySelector('.statuses a').focus()")
            .await;
        scene.endpoint.release();
        page.sees("✓ Acked").await;
        let focus = page.run("return document.activeElement.textContent").await;
        assert_eq!(focus, "billing");

        page.press("l").await;
        page.sees("Go on").await;
        scene.publish(Message::new("second"));
        let news =
            "const done = arguments[0], live = new EventSource('/console/api/live'); let count = 0;
             live.onmessage = () => { if (++count === 3) { live.close(); done(); } };";
        page.client.execute_async(news, Vec::new()).await.unwrap();
        assert_eq!(
            page.run("return document.querySelectorAll('tbody tr').length")
                .await,
            1
        );
        page.check_accessibility().await;
        click(&page, "Go on").await;
        page.sees("second").await;
        page.sees("Live").await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn a_declared_example_is_ready_to_be_published() {
    let mut scene = Scene::eager([]).await;
    let orders = scene.emulator.topic(TOPIC).unwrap();
    let first = Message::new("{\"order\": 7}").with_attribute("kind", "order");
    orders.add_example("an order", first).unwrap();
    orders
        .add_example("a return", Message::new("no JSON"))
        .unwrap();
    browse(scene.emulator.url(), LIGHT, |page| async move {
        page.open("#/topics/shop/orders").await;
        page.sees("Example").await;
        page.check_accessibility().await;
        let data = "return document.querySelector('#publish-data').value";
        assert_eq!(page.run(data).await, "{\"order\": 7}");
        click(&page, "Publish").await;
        page.sees("Published.").await;
        let message = scene.endpoint.next().await.body["message"].clone();
        assert_eq!(message["data"], "eyJvcmRlciI6IDd9");
        assert_eq!(message["attributes"]["kind"], "order");
        page.run("const chooser = document.querySelector('main select'); chooser.value = '1'; chooser.dispatchEvent(new Event('change'))")
            .await;
        assert_eq!(page.run(data).await, "no JSON");
        click(&page, "Publish").await;
        let message = scene.endpoint.next().await.body["message"].clone();
        assert_eq!(message["data"], "bm8gSlNPTg==");
        assert_eq!(message["attributes"], serde_json::json!(null));
    })
    .await;
}
