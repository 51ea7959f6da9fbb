//! Settings without effect: checked, stored, shown, and changed by masks.

use reqwest::Method;
use serde_json::{Value, json};

use super::{SUBSCRIPTION, TOPIC, call, get, put, with_topic};

const REFUNDS: &str = "projects/shop/topics/refunds";

/// Returns settings of a topic as the emulator shows them.
fn topic_settings() -> Value {
    json!({
        "messageStoragePolicy": {"allowedPersistenceRegions": ["europe-west1"], "enforceInTransit": true},
        "kmsKeyName": "projects/shop/locations/europe-west1/keyRings/orders/cryptoKeys/messages",
        "ingestionDataSourceSettings": {
            "platformLogsSettings": {"severity": "WARNING"},
            "awsKinesis": {
                "state": "ACTIVE", "streamArn": "arn:stream", "consumerArn": "arn:consumer",
                "awsRoleArn": "arn:role", "gcpServiceAccount": "ingest@shop.example",
            },
        },
        "messageTransforms": [
            {"javascriptUdf": {"functionName": "mask", "code": "function mask(message) { return message; }"}},
            {"aiInference": {"endpoint": "projects/p/locations/l/endpoints/e", "unstructuredInference": {"parameters": {"a": 0.5, "b": [true]}}}, "disabled": true},
        ],
    })
}

fn with(mut settings: Value, field: &str, value: Value) -> Value {
    settings[field] = value;
    settings
}

#[tokio::test]
async fn settings_of_a_topic_are_stored_and_shown() {
    let emulator = with_topic().await;
    let sent = with(topic_settings(), "tags", json!({"123/environment": "test"}));
    let expected = with(topic_settings(), "name", json!(REFUNDS));
    assert_eq!(put(&emulator, REFUNDS, sent).await, (200, expected.clone()));
    assert_eq!(get(&emulator, REFUNDS).await, (200, expected.clone()));
    let (_, list) = get(&emulator, "projects/shop/topics").await;
    assert_eq!(list["topics"][1], expected);
}

#[tokio::test]
async fn settings_of_a_topic_change_by_masks() {
    let emulator = with_topic().await;
    put(&emulator, REFUNDS, topic_settings()).await;
    let change = json!({
        "topic": {"messageStoragePolicy": {"allowedPersistenceRegions": ["us-east1"]}, "messageTransforms": []},
        "updateMask": "messageStoragePolicy.allowedPersistenceRegions,messageTransforms,kmsKeyName",
    });
    let (code, changed) = call(&emulator, Method::PATCH, REFUNDS, &change).await;
    assert_eq!(code, 200, "{changed}");
    let expected = json!({
        "name": REFUNDS,
        "messageStoragePolicy": {"allowedPersistenceRegions": ["us-east1"], "enforceInTransit": true},
        "ingestionDataSourceSettings": topic_settings()["ingestionDataSourceSettings"],
    });
    assert_eq!(changed, expected);
    assert_eq!(get(&emulator, REFUNDS).await, (200, expected));
    let tags = json!({"topic": {"tags": {}}, "updateMask": "tags"});
    assert_eq!(call(&emulator, Method::PATCH, REFUNDS, &tags).await.0, 400);
}

#[tokio::test]
async fn settings_of_a_subscription_are_stored_and_shown() {
    let emulator = with_topic().await;
    let transforms = topic_settings()["messageTransforms"].clone();
    for (field, value) in [
        (
            "bigqueryConfig",
            json!({"table": "shop.sales.orders", "useTableSchema": true, "state": "ACTIVE"}),
        ),
        (
            "bigtableConfig",
            json!({"table": "projects/shop/instances/i/tables/t", "appProfileId": "a", "state": "ACTIVE"}),
        ),
        (
            "cloudStorageConfig",
            json!({
                "bucket": "orders", "filenameSuffix": ".avro", "maxDuration": "300s", "maxBytes": "1000",
                "maxMessages": "1000", "avroConfig": {"writeMetadata": true}, "state": "ACTIVE",
            }),
        ),
        ("messageTransforms", transforms),
    ] {
        let name = format!("{SUBSCRIPTION}-{}", field.to_ascii_lowercase());
        let body = json!({"topic": TOPIC, field: value, "tags": {"123/environment": "test"}});
        let (code, created) = put(&emulator, &name, body).await;
        assert_eq!(code, 200, "{created}");
        assert_eq!(created[field], value);
        assert_eq!(created["tags"], Value::Null, "tags are input only");
        assert_eq!(get(&emulator, &name).await, (200, created));
        let clear = json!({"subscription": {}, "updateMask": field});
        let (_, cleared) = call(&emulator, Method::PATCH, &name, &clear).await;
        assert_eq!(cleared[field], Value::Null);
    }
}

#[tokio::test]
async fn tags_of_a_snapshot_are_accepted() {
    let emulator = with_topic().await;
    put(&emulator, SUBSCRIPTION, json!({"topic": TOPIC})).await;
    let snapshot = json!({"subscription": SUBSCRIPTION, "tags": {"123/environment": "test"}});
    let (code, created) = put(&emulator, "projects/shop/snapshots/s-1", snapshot).await;
    assert_eq!(code, 200, "{created}");
}

#[tokio::test]
async fn settings_of_a_topic_without_the_documented_form_are_rejected() {
    let emulator = with_topic().await;
    let udf =
        |name: &str| json!({"javascriptUdf": {"functionName": name, "code": "function f() {}"}});
    let long = "x".repeat(20 * 1024 + 1);
    for (setting, found) in [
        (
            json!({"kmsKeyName": "key"}),
            "kmsKeyName is \"key\", expected projects/*/locations/*",
        ),
        (
            json!({"messageStoragePolicy": {}}),
            "messageStoragePolicy.allowedPersistenceRegions is empty",
        ),
        (
            json!({"ingestionDataSourceSettings": {"awsMsk": {"clusterArn": "a"}}}),
            "ingestionDataSourceSettings.awsMsk.topic is missing",
        ),
        (
            json!({"ingestionDataSourceSettings": {"confluentCloud": {}}}),
            "confluentCloud.bootstrapServer is missing",
        ),
        (
            json!({"ingestionDataSourceSettings": {"cloudStorage": {"bucket": "gs://orders"}}}),
            "cloudStorage.bucket is \"gs://orders\", expected the name of a bucket without gs://",
        ),
        (
            json!({"messageTransforms": [{"disabled": true}]}),
            "messageTransforms[0] has neither",
        ),
        (
            json!({"messageTransforms": [udf("f"), udf("")]}),
            "messageTransforms[1].javascriptUdf.functionName is missing",
        ),
        (
            json!({"messageTransforms": [udf("f"), udf("f")]}),
            "messageTransforms[1].javascriptUdf.functionName is that",
        ),
        (
            json!({"messageTransforms": [{"javascriptUdf": {"functionName": "f", "code": long}}]}),
            "code has 20481 bytes, expected at most 20480",
        ),
        (
            json!({"messageTransforms": [{"aiInference": {}}]}),
            "aiInference.endpoint is missing",
        ),
        (
            json!({"tags": {"1/a": "x".repeat(300_000)}}),
            "tags of 300003 bytes",
        ),
    ] {
        let (code, answer) = put(&emulator, REFUNDS, setting).await;
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert_eq!(code, 400, "{found}: {answer}");
        assert!(message.contains(found), "found {message}, expected {found}");
    }
}

#[tokio::test]
async fn exports_without_the_documented_form_are_rejected() {
    let emulator = with_topic().await;
    let storage = |setting: Value| {
        let mut config = setting;
        config["bucket"] = json!("orders");
        json!({"cloudStorageConfig": config})
    };
    for (setting, found) in [
        (
            json!({"bigqueryConfig": {"table": "sales.orders"}}),
            "expected PROJECT.DATASET.TABLE",
        ),
        (
            json!({"bigqueryConfig": {"table": "a.b.c", "useTableSchema": true, "useTopicSchema": true}}),
            "both useTopicSchema and useTableSchema",
        ),
        (
            json!({"bigtableConfig": {"table": "orders"}}),
            "expected projects/*/instances/*/tables/*",
        ),
        (
            json!({"cloudStorageConfig": {}}),
            "cloudStorageConfig.bucket is \"\"",
        ),
        (
            storage(json!({"filenameSuffix": "a/"})),
            "filenameSuffix ends in a slash",
        ),
        (
            storage(json!({"maxDuration": "30s"})),
            "maxDuration must be 60 to 600 s, not 30",
        ),
        (
            storage(json!({"maxBytes": "999"})),
            "maxBytes is 999, expected 1000 to 10737418240",
        ),
        (
            storage(json!({"maxMessages": "1"})),
            "maxMessages is 1, expected 1000 to",
        ),
        (
            json!({"bigqueryConfig": {}, "pushConfig": {"pushEndpoint": "http://localhost/"}}),
            "bigqueryConfig and pushConfig exclude each other",
        ),
        (
            json!({"bigtableConfig": {}, "enableExactlyOnceDelivery": true}),
            "bigtableConfig and enableExactlyOnceDelivery exclude each other",
        ),
    ] {
        let mut body = setting;
        body["topic"] = json!(TOPIC);
        let (code, answer) = put(&emulator, SUBSCRIPTION, body).await;
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert_eq!(code, 400, "{found}: {answer}");
        assert!(message.contains(found), "found {message}, expected {found}");
    }
    let table =
        json!({"topic": TOPIC, "bigqueryConfig": {"table": "example.com:shop.sales.orders"}});
    assert_eq!(put(&emulator, SUBSCRIPTION, table).await.0, 200);
}

#[tokio::test]
async fn settings_that_would_be_lost_are_rejected() {
    let emulator = with_topic().await;
    for setting in [
        json!({"bigtableConfig": {"table": "t", "columnFamilyMapping": {"delimitedKey": {"keyFields": ["a"]}}}}),
        json!({"messageTransforms": [{"compression": {"compressionAlgorithm": "ZSTD", "compressionMode": "COMPRESS"}}]}),
        json!({"pushConfig": {"pushEndpoint": "http://localhost/", "attributes": {"x-goog-version": "v1beta1"}}}),
    ] {
        let mut body = setting.clone();
        body["topic"] = json!(TOPIC);
        let (code, answer) = put(&emulator, SUBSCRIPTION, body).await;
        assert_eq!(code, 501, "{setting}");
        assert_eq!(answer["error"]["status"], "UNIMPLEMENTED", "{setting}");
    }
    assert_eq!(get(&emulator, SUBSCRIPTION).await.0, 404);
    let schema = json!({"type": "PROTOCOL_BUFFER", "compiledProtoSchema": {"rootMessage": "A", "compiledBytes": "aGk="}});
    let path = "projects/shop/schemas?schemaId=orders";
    let (code, _) = call(&emulator, Method::POST, path, &schema).await;
    assert_eq!(code, 501);
    let path = "projects/shop/schemas:validate";
    let (code, _) = call(&emulator, Method::POST, path, &json!({"schema": schema})).await;
    assert_eq!(code, 501);
}
