//! The settings of resources after a restart.

use emulator::{Emulator, Options, PushConfig, StartError};
use reqwest::Method;
use serde_json::{Value, json};

use super::{ENDS, Folder, HOUR, SNAPSHOT, call, done};
use crate::harness::{DEAD_TOPIC, SUBSCRIPTION, TOPIC};

const SCHEMA: &str = "projects/shop/schemas/order";

/// Returns all that the emulator shows of the project.
async fn shown(emulator: &Emulator) -> Vec<Value> {
    let mut shown = Vec::new();
    for path in ["topics", "subscriptions", "snapshots", "schemas?view=FULL"] {
        let path = format!("projects/shop/{path}");
        shown.push(done(emulator, Method::GET, &path, json!({})).await);
    }
    for list in shown.clone() {
        let lists = list.as_object().unwrap().values();
        for resource in lists.filter_map(Value::as_array).flatten() {
            let name = resource["name"].as_str().unwrap();
            let policy = format!("{name}:getIamPolicy");
            shown.push(done(emulator, Method::GET, &policy, json!({})).await);
            if name.contains("/schemas/") {
                let revisions = format!("{name}:listRevisions?view=FULL");
                shown.push(done(emulator, Method::GET, &revisions, json!({})).await);
            }
        }
    }
    shown
}

async fn declare(emulator: &Emulator) {
    let schema = |doc: &str| {
        let definition = format!(
            r#"{{"type": "record", "name": "Order", "fields": [{{"name": "id", "type": "int", "doc": "{doc}"}}]}}"#
        );
        json!({"name": SCHEMA, "type": "AVRO", "definition": definition})
    };
    let path = "projects/shop/schemas?schemaId=order";
    let first = done(emulator, Method::POST, path, schema("first")).await;
    let commit = format!("{SCHEMA}:commit");
    done(
        emulator,
        Method::POST,
        &commit,
        json!({"schema": schema("second")}),
    )
    .await;
    let topic = json!({
        "labels": {"team": "sales"},
        "messageRetentionDuration": "3600s",
        "schemaSettings": {"schema": SCHEMA, "encoding": "JSON", "firstRevisionId": first["revisionId"]},
        "messageStoragePolicy": {"allowedPersistenceRegions": ["europe-west1"]},
        "messageTransforms": [{"javascriptUdf": {"functionName": "f", "code": "function f(message) { return message; }"}}],
        "tags": {"123/environment": "test"},
    });
    done(emulator, Method::PUT, TOPIC, topic).await;
    done(emulator, Method::PUT, DEAD_TOPIC, json!({})).await;
    declare_subscriptions(emulator).await;
}

async fn declare_subscriptions(emulator: &Emulator) {
    let pulled = json!({
        "topic": TOPIC,
        "ackDeadlineSeconds": 42,
        "retainAckedMessages": true,
        "messageRetentionDuration": "1200.500s",
        "labels": {"team": "billing"},
        "enableMessageOrdering": true,
        "expirationPolicy": {"ttl": "172800s"},
        "filter": "attributes.kind = \"order\"",
        "deadLetterPolicy": {"deadLetterTopic": DEAD_TOPIC, "maxDeliveryAttempts": 7},
        "retryPolicy": {"minimumBackoff": "1.500s", "maximumBackoff": "60s"},
        "enableExactlyOnceDelivery": true,
    });
    done(emulator, Method::PUT, SUBSCRIPTION, pulled).await;
    let pushed = json!({
        "topic": TOPIC,
        "expirationPolicy": {},
        "pushConfig": {
            "pushEndpoint": "http://127.0.0.1:9/",
            "oidcToken": {"serviceAccountEmail": "push@shop.example", "audience": "me"},
            "noWrapper": {"writeMetadata": true},
        },
    });
    done(
        emulator,
        Method::PUT,
        "projects/shop/subscriptions/pushed",
        pushed,
    )
    .await;
    let exported = json!({"topic": TOPIC, "bigqueryConfig": {"table": "shop.sales.orders"}});
    let path = "projects/shop/subscriptions/exported";
    done(emulator, Method::PUT, path, exported).await;
    let plain = json!({
        "topic": TOPIC,
        "pushConfig": {"pushEndpoint": "http://127.0.0.1:9/", "attributes": {"pushgate-form": "eventarc"}},
    });
    done(
        emulator,
        Method::PUT,
        "projects/shop/subscriptions/plain",
        plain,
    )
    .await;
}

#[tokio::test]
async fn every_setting_survives_a_restart() {
    for end in ENDS {
        let folder = Folder::new("settings");
        let emulator = folder.start().await;
        declare(&emulator).await;
        let detached = "projects/shop/subscriptions/detached";
        done(&emulator, Method::PUT, detached, json!({"topic": TOPIC})).await;
        done(
            &emulator,
            Method::POST,
            &format!("{detached}:detach"),
            json!({}),
        )
        .await;
        let orphan = "projects/shop/subscriptions/orphan";
        let gone = "projects/shop/topics/gone";
        done(&emulator, Method::PUT, gone, json!({})).await;
        done(&emulator, Method::PUT, orphan, json!({"topic": gone})).await;
        done(&emulator, Method::DELETE, gone, json!({})).await;
        let snapshot = json!({"subscription": SUBSCRIPTION, "labels": {"before": "sale"}});
        done(&emulator, Method::PUT, SNAPSHOT, snapshot).await;
        let expiry = (emulator.now() + HOUR).date().next_day().unwrap();
        let update = json!({
            "snapshot": {"expireTime": format!("{expiry}T00:00:00Z")},
            "updateMask": "expireTime",
        });
        done(&emulator, Method::PATCH, SNAPSHOT, update).await;
        for resource in [TOPIC, SUBSCRIPTION, SNAPSHOT, SCHEMA] {
            let policy = json!({"policy": {"bindings": [
                {"role": "roles/pubsub.viewer", "members": [format!("user:{}@shop.example", resource.len())]},
            ]}});
            let path = format!("{resource}:setIamPolicy");
            done(&emulator, Method::POST, &path, policy).await;
        }
        let before = shown(&emulator).await;
        assert!(before[1].to_string().contains("pushgate-form"));
        let emulator = folder.restart(emulator, end).await;
        assert_eq!(shown(&emulator).await, before, "{end:?}");
        let topic = &before[0]["topics"];
        assert_eq!(topic.as_array().unwrap().len(), 2);
        let (_, orphan) = call(&emulator, Method::GET, orphan, &json!({})).await;
        assert_eq!(orphan["topic"], "_deleted-topic_");
        let emulator = folder.restart(emulator, end).await;
        assert_eq!(shown(&emulator).await, before, "a second time, {end:?}");
    }
}

#[tokio::test]
async fn changes_of_resources_survive_a_restart() {
    for end in ENDS {
        let folder = Folder::new("changes");
        let emulator = folder.start().await;
        declare(&emulator).await;
        let snapshot = json!({"subscription": SUBSCRIPTION});
        done(&emulator, Method::PUT, SNAPSHOT, snapshot).await;
        let topic = json!({"topic": {"labels": {"team": "new"}}, "updateMask": "labels"});
        done(&emulator, Method::PATCH, TOPIC, topic).await;
        let change =
            json!({"subscription": {"ackDeadlineSeconds": 99}, "updateMask": "ackDeadlineSeconds"});
        done(&emulator, Method::PATCH, SUBSCRIPTION, change).await;
        let handle = emulator.subscription("projects/shop/subscriptions/plain");
        let elsewhere = PushConfig::new("http://127.0.0.1:10/");
        handle.unwrap().push_to(Some(elsewhere)).unwrap();
        for resource in [
            SNAPSHOT,
            "projects/shop/subscriptions/pushed",
            SCHEMA,
            DEAD_TOPIC,
        ] {
            done(&emulator, Method::DELETE, resource, json!({})).await;
        }
        let before = shown(&emulator).await;
        assert!(before[0].to_string().contains("_deleted-schema_"));
        assert!(before[1].to_string().contains("http://127.0.0.1:10/"));
        let emulator = folder.restart(emulator, end).await;
        assert_eq!(shown(&emulator).await, before, "{end:?}");
    }
}

#[tokio::test]
async fn a_strict_emulator_does_not_open_a_folder_with_settings_without_effect() {
    let folder = Folder::new("strict");
    let emulator = folder.start().await;
    declare(&emulator).await;
    emulator.stop().await;
    let strict = Options {
        strict: true,
        ..folder.options()
    };
    let rejected = Emulator::start_with(strict).err().unwrap();
    let StartError::Restore(reason) = rejected else {
        panic!("{rejected}");
    };
    assert!(
        reason.to_string().contains("Topic.messageStoragePolicy"),
        "{reason}"
    );
    folder.start().await;
}
