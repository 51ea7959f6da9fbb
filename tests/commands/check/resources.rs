//! Topics, schemas, dead letters and schedules.

use serde_json::{Value, json};

use super::{DEAD, FULFILMENT, SERVICE, STATE, findings, parsed, state, tampered, without};

#[tokio::test]
async fn a_missing_or_superfluous_resource_is_found() {
    for address in [
        FULFILMENT,
        DEAD,
        SERVICE,
        "google_pubsub_topic.topic[\"orders\"]",
        "google_pubsub_topic.dead_letter[\"orders-receipts-dead-letter\"]",
        "google_pubsub_schema.schema[\"stock-reports\"]",
        "google_cloud_scheduler_job.schedule[\"stock-reports-nightly\"]",
    ] {
        let says = address.replace('"', "\\\"");
        tampered(&without(address), "plan-missing", &says).await;
    }
    for address in [
        FULFILMENT,
        DEAD,
        "google_pubsub_topic.topic[\"orders\"]",
        "google_cloud_scheduler_job.schedule[\"stock-reports-nightly\"]",
    ] {
        let mut more = parsed(STATE);
        let resources = more["values"]["root_module"]["resources"]
            .as_array_mut()
            .expect("resources");
        let mut twin = resources
            .iter()
            .find(|each| each["address"] == address)
            .expect("there")
            .clone();
        twin["address"] = json!("x.y[\"old\"]");
        twin["index"] = json!("old");
        resources.push(twin);
        tampered(&more, "plan-superfluous", "no subscriber declares it").await;
    }
}

#[tokio::test]
async fn each_resource_that_differs_is_found() {
    let drift = |address: &'static str, pointer: &'static str, value: Value| {
        state(address, move |values| {
            *values.pointer_mut(pointer).expect(pointer) = value
        })
    };
    let topic = "google_pubsub_topic.topic[\"stock-reports\"]";
    let dead_letter_topic = "google_pubsub_topic.dead_letter[\"orders-fulfilment-dead-letter\"]";
    for (address, name) in [
        (topic, "message_transforms"),
        (DEAD, "message_transforms"),
        (DEAD, "bigquery_config"),
        (FULFILMENT, "cloud_storage_config"),
        (dead_letter_topic, "message_transforms"),
        (dead_letter_topic, "schema_settings"),
        (topic, "ingestion_data_source_settings"),
    ] {
        let changed = state(address, |values| values[name] = json!([{}]));
        tampered(&changed, "plan-drift", name).await;
    }
    tampered(
        &drift(topic, "/schema_settings", json!([])),
        "plan-drift",
        "schema_settings",
    )
    .await;
    tampered(
        &drift(topic, "/schema_settings/0/encoding", json!("BINARY")),
        "plan-drift",
        "declared is JSON",
    )
    .await;
    let schema = "google_pubsub_schema.schema[\"stock-reports\"]";
    tampered(
        &drift(schema, "/definition", json!("{}")),
        "plan-drift",
        "definition",
    )
    .await;
    tampered(
        &drift(schema, "/type", json!("PROTOCOL_BUFFER")),
        "plan-drift",
        "declared is AVRO",
    )
    .await;
    tampered(
        &drift(DEAD, "/expiration_policy", json!([])),
        "plan-drift",
        "never",
    )
    .await;
    tampered(
        &drift(DEAD, "/topic", json!("projects/p/topics/orders")),
        "plan-drift",
        "every dead letter is lost",
    )
    .await;
    tampered(
        &drift(DEAD, "/message_retention_duration", json!("604800s")),
        "plan-drift",
        "31 days",
    )
    .await;
    for (address, pointer, name) in [
        (DEAD, "/topic", "topics/orders-fulfilment-dead-letter"),
        (topic, "/schema_settings/0/schema", "schemas/stock-reports"),
        (
            "google_cloud_scheduler_job.schedule[\"stock-reports-nightly\"]",
            "/pubsub_target/0/topic_name",
            "topics/stock-reports",
        ),
    ] {
        let elsewhere = json!(format!("projects/others/{name}"));
        let changed = drift(address, pointer, elsewhere);
        tampered(&changed, "plan-drift", "projects/others").await;
    }
    let pushed = state(DEAD, |values| {
        values["push_config"] = json!([{"push_endpoint": "https://x"}])
    });
    tampered(&pushed, "plan-drift", "waiting for a person").await;
    let job = "google_cloud_scheduler_job.schedule[\"stock-reports-nightly\"]";
    tampered(
        &drift(job, "/schedule", json!("0 * * * *")),
        "plan-drift",
        "other times",
    )
    .await;
    tampered(
        &drift(job, "/time_zone", json!("Etc/UTC")),
        "plan-drift",
        "Europe/Berlin",
    )
    .await;
    tampered(
        &state(job, |values| values["paused"] = json!(true)),
        "plan-drift",
        "never published",
    )
    .await;
    tampered(
        &drift(
            job,
            "/pubsub_target/0/topic_name",
            json!("projects/p/topics/orders"),
        ),
        "plan-drift",
        "another topic",
    )
    .await;
    let other = drift(job, "/pubsub_target/0/data", json!("aHVzaA=="));
    tampered(&other, "plan-drift", "the data of its message").await;
    assert!(
        !findings(&other)
            .await
            .iter()
            .any(|each| each.to_string().contains("aHVzaA"))
    );
    let attributes = state(job, |values| {
        values["pubsub_target"][0]["attributes"] = json!({"a": "b"})
    });
    tampered(&attributes, "plan-drift", "the attributes of its message").await;
}
