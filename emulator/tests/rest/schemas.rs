//! Schemas by REST.

use reqwest::Method;
use serde_json::{Value, json};

use super::{TOPIC, call, get, put, with_topic};

#[tokio::test]
async fn revisions_are_listed_in_pages() {
    let emulator = with_topic().await;
    let schema = json!({"type": "AVRO", "definition": "\"int\""});
    let path = "projects/shop/schemas?schemaId=order";
    call(&emulator, Method::POST, path, &schema).await;
    let (commit, list) = (
        "projects/shop/schemas/order:commit",
        "projects/shop/schemas/order:listRevisions",
    );
    let change = json!({"schema": schema});
    call(&emulator, Method::POST, commit, &change).await;
    call(&emulator, Method::POST, commit, &change).await;
    let ids = |page: &Value| -> Vec<Value> {
        let schemas = page["schemas"].as_array().unwrap();
        schemas
            .iter()
            .map(|each| each["revisionId"].clone())
            .collect()
    };
    let all = get(&emulator, list).await.1;
    assert_eq!(ids(&all).len(), 3);
    assert_eq!(all.get("nextPageToken"), None);
    let first = get(&emulator, &format!("{list}?pageSize=2")).await.1;
    call(&emulator, Method::POST, commit, &change).await;
    let token = first["nextPageToken"].as_str().unwrap();
    let last = get(&emulator, &format!("{list}?pageSize=2&pageToken={token}"))
        .await
        .1;
    assert_eq!([ids(&first), ids(&last)].concat(), ids(&all));
    assert_eq!(last.get("nextPageToken"), None);
    for wrong in ["pageSize=-1", "pageToken=madeUp"] {
        assert_eq!(get(&emulator, &format!("{list}?{wrong}")).await.0, 400);
    }
}

#[tokio::test]
async fn a_deleted_schema_cannot_be_set_on_a_topic() {
    let emulator = with_topic().await;
    let deleted = json!({"schemaSettings": {"schema": "_deleted-schema_", "encoding": "JSON"}});
    let other = "projects/shop/topics/refunds";
    assert_eq!(put(&emulator, other, deleted.clone()).await.0, 404);
    let patch = |topic: &Value, mask: &str| json!({"topic": topic, "updateMask": mask});
    let change = patch(&deleted, "schemaSettings");
    assert_eq!(call(&emulator, Method::PATCH, TOPIC, &change).await.0, 404);

    let schema = json!({"type": "AVRO", "definition": "\"int\""});
    let path = "projects/shop/schemas?schemaId=order";
    call(&emulator, Method::POST, path, &schema).await;
    let name = "projects/shop/schemas/order";
    let settings = json!({"schemaSettings": {"schema": name, "encoding": "JSON"}});
    assert_eq!(put(&emulator, other, settings).await.0, 200);
    call(&emulator, Method::DELETE, name, &json!({})).await;
    let labels = json!({"labels": {"team": "a"}, "schemaSettings": deleted["schemaSettings"]});
    let change = patch(&labels, "labels,schemaSettings");
    let (code, shown) = call(&emulator, Method::PATCH, other, &change).await;
    assert_eq!(code, 200);
    assert_eq!(shown["labels"], json!({"team": "a"}));
    assert_eq!(shown["schemaSettings"], deleted["schemaSettings"]);
}
