//! Actions on a page, and the actions that it does not offer.

use emulator::{Message, Pace};
use fantoccini::key::Key;

use crate::harness::browser::{LIGHT, browse};
use crate::harness::{Answer, SUBSCRIPTION, Scene, TOPIC, emulator};

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn everything_can_be_done_by_the_keyboard() {
    let scene = Scene::eager([]).await;
    browse(scene.emulator.url(), LIGHT, |page| async move {
        let enter = char::from(Key::Enter).to_string();
        page.sees("billing").await;
        page.press(&char::from(Key::Tab).to_string()).await;
        assert_eq!(page.run("return document.activeElement.id").await, "skip");
        page.press(&enter).await;
        assert_eq!(page.run("return document.activeElement.id").await, "main");
        page.tab_to("a[href='#/topics/shop/orders']").await;
        let outline = page
            .run("return getComputedStyle(document.activeElement).outlineStyle")
            .await;
        assert_eq!(outline, "solid", "the focus is seen");
        page.press(&enter).await;
        page.sees("Topic orders").await;
        page.press("p").await;
        assert_eq!(
            page.run("return document.activeElement.id").await,
            "publish-data"
        );
        page.tab_to("button.primary").await;
        page.press(&enter).await;
        page.sees("Published.").await;
        page.tab_to("[role=status] a").await;
        page.press(&enter).await;
        page.sees("✓ Acked").await;
        page.tab_to("summary").await;
        page.press(&enter).await;
        page.sees("user-agent: CloudPubSub-Google").await;
        page.press("g").await;
        page.press("m").await;
        page.until("document.querySelector('h1').textContent === 'Messages'")
            .await;
        page.press("?").await;
        page.until("document.querySelector('#shortcuts').open")
            .await;
        page.press(&char::from(Key::Escape).to_string()).await;
        page.until("!document.querySelector('#shortcuts').open")
            .await;
        drop(scene);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn an_empty_emulator_shows_the_next_step() {
    let emulator = emulator(Pace::Eager);
    browse(emulator.url(), LIGHT, |page| async move {
        page.sees(&format!(
            "curl -X PUT {}/v1/projects/shop/topics/orders",
            emulator.url()
        ))
        .await;
        page.check_accessibility().await;
        page.open("#/messages").await;
        page.sees("Nothing was published yet").await;
        page.open("#/dead-letters").await;
        page.sees("No subscription gives messages up").await;
        page.check_accessibility().await;
        page.open("#/elsewhere").await;
        page.sees("There is no such page").await;
        page.open("#/overview").await;
        page.open("#/topics/%E0%A4%A/x").await;
        page.client.refresh().await.unwrap();
        page.sees("There is no such page").await;
        page.open("#/topics/shop/missing").await;
        page.sees("Resource not found (resource=missing)").await;
        page.open("#/overview").await;
        emulator.create_topic(TOPIC).unwrap();
        page.sees("None: messages are lost").await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn a_seek_asks_for_confirmation() {
    let scene = Scene::eager([Answer::Withheld; 100]).await;
    scene.publish(Message::new("waits"));
    let billing = scene.emulator.subscription(SUBSCRIPTION).unwrap();
    browse(scene.emulator.url(), LIGHT, move |page| async move {
        page.open("#/subscriptions/shop/billing").await;
        page.until("document.querySelector('input[type=datetime-local]')")
            .await;
        page.run("document.querySelector('input[type=datetime-local]').value = '2099-01-01T00:00'")
            .await;
        for (answer, unacked) in [("Cancel", 1), ("Seek", 0)] {
            page.run("document.querySelector('input[type=datetime-local]').form.querySelector('button').click()")
                .await;
            page.sees("Seek this subscription?").await;
            page.sees("published before 2099-01-01 00:00:00.000 count as acknowledged by")
                .await;
            let focus = page.run("return document.activeElement.textContent").await;
            assert_eq!(focus, "Cancel");
            page.check_accessibility().await;
            let press = format!("[...document.querySelectorAll('dialog button')].find((each) => each.textContent === '{answer}').click()");
            page.run(&press).await;
            page.until("!document.querySelector('dialog[open]')").await;
            if answer == "Seek" {
                page.sees("Done.").await;
            }
            assert_eq!(billing.unacked_messages().len(), unacked, "{answer}");
        }
        drop(scene);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn a_missing_resource_offers_no_action() {
    let emulator = emulator(Pace::Eager);
    browse(emulator.url(), LIGHT, |page| async move {
        let forms = "return document.querySelectorAll('main form, main button, main table').length";
        for (view, words) in [
            (
                "topics/shop/missing",
                "Resource not found (resource=missing)",
            ),
            (
                "subscriptions/shop/missing",
                "Resource not found (resource=missing)",
            ),
            ("messages/17", "The console does not know this message"),
        ] {
            page.open(&format!("#/{view}")).await;
            page.sees(words).await;
            assert_eq!(page.run(forms).await, 0, "{view}");
            page.check_accessibility().await;
        }
        page.open("#/topics/shop/missing").await;
        page.sees("Resource not found").await;
        emulator
            .create_topic("projects/shop/topics/missing")
            .unwrap();
        page.sees("Add an attribute").await;
        let url = format!("{}/v1/projects/shop/topics/missing", emulator.url());
        reqwest::Client::new().delete(url).send().await.unwrap();
        page.until("!document.querySelector('main form')").await;
    })
    .await;
}
