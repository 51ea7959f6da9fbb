//! The form for faults.

use std::time::Duration;

use emulator::{Faults, Outage};
use serde_json::json;

use super::{click, fill};
use crate::harness::browser::{LIGHT, browse};
use crate::harness::{SUBSCRIPTION, Scene};

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn the_form_for_faults_sends_its_values() {
    let scene = Scene::eager([]).await;
    browse(scene.emulator.url(), LIGHT, |page| async move {
        // The requests of the form are recorded.
        page.run(
            "const real = window.fetch;
             window.fetch = async (path, options) => {
               if (options?.method === 'POST') { window.sent = [path, JSON.parse(options.body)]; return new Response('{}'); }
               return real(path, options);
             };
             location.hash = '#/subscriptions/shop/billing';",
        )
        .await;
        click(&page, "Faults").await;
        for (name, value) in [("duplicate", "0.25"), ("delay", "1"), ("delayMin", "0.5"), ("token", "0.1"), ("burst", "10"), ("seed", "7")] {
            fill(&page, &format!("#faults [name={name}]"), value).await;
        }
        click(&page, "Apply these faults").await;
        page.sees("The faults are as set.").await;
        let expected = json!(["/console/api/subscriptions/shop/billing/faults", {
            "duplicate": 0.25, "delay": {"probability": 1, "min": "0.5s", "max": "5s"},
            "token": {"probability": 0.1, "forgery": "any"}, "burst": {"size": 10, "hold": "5s"}, "seed": 7,
        }]);
        assert_eq!(page.run("return window.sent").await, expected);
        page.check_accessibility().await;
        click(&page, "Purge all messages").await;
        page.sees("Purge this subscription?").await;
        let focus = page.run("return document.activeElement.textContent").await;
        assert_eq!(focus, "Cancel");
        click(&page, "Cancel").await;
        assert_eq!(page.run("return window.sent").await, expected, "nothing is purged without a yes");
        drop(scene);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn the_form_for_faults_leaves_an_outage_as_it_was() {
    let scene = Scene::eager([]).await;
    let billing = scene.emulator.subscription(SUBSCRIPTION).unwrap();
    let minute = Outage::For(Duration::from_secs(60));
    let faults = Faults::none().outage(minute).seed(7);
    billing.set_faults(faults).unwrap();
    let until = billing.faults().outage;
    assert!(matches!(until, Outage::Until(_)));
    browse(scene.emulator.url(), LIGHT, move |page| async move {
        page.open("#/subscriptions/shop/billing").await;
        page.sees("Faults on").await;
        click(&page, "Faults").await;
        fill(&page, "#faults [name=duplicate]", "0.1").await;
        click(&page, "Apply these faults").await;
        page.sees("The faults are as set.").await;
        let twice = Faults::none().duplicate(0.1).seed(7);
        assert_eq!(billing.faults(), twice.outage(until));

        scene.emulator.advance(Duration::from_secs(61));
        fill(&page, "#faults [name=duplicate]", "0.2").await;
        click(&page, "Apply these faults").await;
        page.sees("twice: 20 %").await;
        assert_eq!(billing.faults(), Faults::none().duplicate(0.2).seed(7));
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn the_form_for_faults_follows_changes_until_it_is_edited() {
    let scene = Scene::eager([]).await;
    let billing = scene.emulator.subscription(SUBSCRIPTION).unwrap();
    browse(scene.emulator.url(), LIGHT, move |page| async move {
        let shows = |name: &str, value: &str| {
            format!("document.querySelector('#faults [name={name}]')?.value === '{value}'")
        };
        page.open("#/subscriptions/shop/billing").await;
        page.until(&shows("reorder", "0")).await;
        billing.set_faults(Faults::none().reorder(0.5)).unwrap();
        page.until(&shows("reorder", "0.5")).await;
        click(&page, "Faults").await;
        fill(&page, "#faults [name=burst]", "3").await;
        billing.set_faults(Faults::none().reorder(0.75)).unwrap();
        page.sees("These faults were changed elsewhere.").await;
        page.until(&shows("burst", "3")).await;
        click(&page, "Show them").await;
        page.until(&shows("reorder", "0.75")).await;
        page.until(&shows("burst", "0")).await;
        drop(scene);
    })
    .await;
}
