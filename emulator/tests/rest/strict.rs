//! An emulator that rejects settings without effect.

use emulator::{Bootstrap, BootstrapDefaults, Emulator, Options};
use reqwest::Method;
use serde_json::json;

use super::{SUBSCRIPTION, TOPIC, call, get, put, rejection};

fn strict() -> Emulator {
    let emulator = Emulator::start_with(Options {
        strict: true,
        ..Options::default()
    });
    let emulator = emulator.unwrap();
    emulator.create_topic(TOPIC).unwrap();
    emulator
}

#[tokio::test]
async fn a_strict_emulator_rejects_settings_without_effect() {
    let emulator = strict();
    for (setting, reason) in [
        (
            json!({"bigqueryConfig": {}}),
            "bigqueryConfig: messages are pushed or pulled only",
        ),
        (
            json!({"bigtable_config": {}}),
            "bigtableConfig: messages are pushed or pulled only",
        ),
        (
            json!({"cloudStorageConfig": {"bucket": "orders"}}),
            "cloudStorageConfig: messages are pushed or pulled only",
        ),
        (
            json!({"messageTransforms": [{"aiInference": {"endpoint": "e"}}]}),
            "messageTransforms: messages would arrive untransformed",
        ),
        (
            json!({"tags": {"123/environment": "test"}}),
            "tags: there is no resource manager",
        ),
    ] {
        let mut body = setting;
        body["topic"] = json!(TOPIC);
        let text = format!("The emulator does not act upon Subscription.{reason}");
        let expected = rejection(501, "UNIMPLEMENTED", &text);
        assert_eq!(put(&emulator, SUBSCRIPTION, body).await, expected);
    }
    let key = json!({"kmsKeyName": "projects/a/locations/b/keyRings/c/cryptoKeys/d"});
    let text = "The emulator does not act upon Topic.kmsKeyName: nothing is encrypted at rest";
    let expected = rejection(501, "UNIMPLEMENTED", text);
    assert_eq!(
        put(&emulator, "projects/shop/topics/refunds", key.clone()).await,
        expected
    );
    assert_eq!(get(&emulator, SUBSCRIPTION).await.0, 404);
    let change = json!({"topic": key, "updateMask": "kmsKeyName"});
    assert_eq!(
        call(&emulator, Method::PATCH, TOPIC, &change).await,
        expected
    );
}

#[tokio::test]
async fn a_strict_emulator_rejects_changes_and_tags() {
    let emulator = strict();
    assert_eq!(
        put(&emulator, SUBSCRIPTION, json!({"topic": TOPIC}))
            .await
            .0,
        200
    );
    let change = json!({"subscription": {"bigqueryConfig": {}}, "updateMask": "bigqueryConfig"});
    assert_eq!(
        call(&emulator, Method::PATCH, SUBSCRIPTION, &change)
            .await
            .0,
        501
    );
    let snapshot = json!({"subscription": SUBSCRIPTION, "tags": {"1/a": "b"}});
    assert_eq!(
        put(&emulator, "projects/shop/snapshots/s-1", snapshot)
            .await
            .0,
        501
    );
}

#[tokio::test]
async fn a_strict_emulator_rejects_them_in_files() {
    let emulator = Emulator::start_with(Options {
        strict: true,
        ..Options::default()
    });
    let file =
        "topics:\n  orders: {messageStoragePolicy: {allowedPersistenceRegions: [europe-west1]}}";
    let declared = Bootstrap::parse("shop.yaml", file, &BootstrapDefaults::new("shop")).unwrap();
    let rejected = emulator.unwrap().bootstrap(&declared).unwrap_err();
    assert!(
        rejected.to_string().contains("Topic.messageStoragePolicy"),
        "{rejected}"
    );
}
