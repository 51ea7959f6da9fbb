//! Settings without effect.

use emulator::{Bootstrap, BootstrapDefaults, Message, Pace};
use serde_json::{Value, json};

use super::get;
use crate::harness::{TOPIC, emulator};

#[tokio::test]
async fn settings_without_effect_are_named() {
    let emulator = emulator(Pace::Eager);
    let file = "topics:\n  orders:\n    messageStoragePolicy: {allowedPersistenceRegions: [europe-west1]}\n    \
        subscriptions:\n      sales: {bigqueryConfig: {}, tags: {1/a: b}}\n      audit:";
    let declared = Bootstrap::parse("shop.yaml", file, &BootstrapDefaults::new("shop"));
    emulator.bootstrap(&declared.unwrap()).unwrap();
    let topic = get(&emulator, "topics/shop/orders").await;
    assert_eq!(
        topic["topic"]["withoutEffect"],
        json!(["messageStoragePolicy"])
    );
    let sales = get(&emulator, "subscriptions/shop/sales").await;
    let settings = &sales["subscription"]["settings"];
    assert_eq!(settings["withoutEffect"], json!(["bigqueryConfig", "tags"]));
    assert_eq!(settings["exportsTo"], "BigQuery");
    let audit = get(&emulator, "subscriptions/shop/audit").await;
    let settings = &audit["subscription"]["settings"];
    assert_eq!(settings["withoutEffect"], json!([]));
    assert_eq!(settings["exportsTo"], Value::Null);
}

#[tokio::test]
async fn a_message_does_not_wait_for_an_export() {
    let emulator = emulator(Pace::Eager);
    let file = "topics: {orders: {subscriptions: {sales: {bigqueryConfig: {}}, audit: }}}";
    let declared = Bootstrap::parse("shop.yaml", file, &BootstrapDefaults::new("shop"));
    emulator.bootstrap(&declared.unwrap()).unwrap();
    let id = emulator.publish(TOPIC, Message::new("hi")).unwrap();
    let life = get(&emulator, &format!("messages/{id}")).await;
    let subscriptions = life["subscriptions"].as_array().unwrap();
    assert_eq!(subscriptions.len(), 1);
    assert_eq!(
        subscriptions[0]["subscription"],
        "projects/shop/subscriptions/audit"
    );
}
