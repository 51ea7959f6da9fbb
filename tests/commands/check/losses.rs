//! Plans that would lose messages.

use serde_json::{Value, json};

use super::{DEAD, FULFILMENT, PLAN, parsed, tampered};

/// A plan with this action on one resource.
fn planned(address: &str, actions: &Value, replaced_for: &Value) -> Value {
    let mut plan = parsed(PLAN);
    let changes = plan["resource_changes"].as_array_mut().expect("changes");
    let found = changes
        .iter_mut()
        .find(|each| each["address"] == address)
        .expect("the resource");
    found["change"]["actions"] = actions.clone();
    found["change"]["replace_paths"] = replaced_for.clone();
    plan
}

#[tokio::test]
async fn a_change_that_loses_messages_or_memory_is_found() {
    let replace = json!(["delete", "create"]);
    for (address, says) in [
        (FULFILMENT, "its backlog is lost"),
        (DEAD, "its backlog is lost"),
        ("google_pubsub_topic.topic[\"orders\"]", "lose their topic"),
        ("google_firestore_database.store[0]", "runs again"),
        (
            "google_pubsub_schema.schema[\"stock-reports\"]",
            "rejects every message",
        ),
    ] {
        tampered(
            &planned(address, &replace, &json!([["filter"]])),
            "plan-loss",
            says,
        )
        .await;
        tampered(
            &planned(address, &json!(["create", "delete"]), &json!([])),
            "plan-loss",
            "it is replaced",
        )
        .await;
    }
    tampered(
        &planned(FULFILMENT, &replace, &json!([["filter"]])),
        "plan-loss",
        "because of filter",
    )
    .await;
    let mut gone = planned(
        "google_firestore_database.store[0]",
        &json!(["delete"]),
        &json!([]),
    );
    let changes = gone["resource_changes"].as_array_mut().expect("changes");
    let found = changes
        .iter_mut()
        .find(|each| each["address"] == "google_firestore_database.store[0]");
    found.expect("there")["change"]["after"] = Value::Null;
    tampered(&gone, "plan-loss", "it is deleted").await;
}

#[tokio::test]
async fn a_deposed_object_does_not_hide_its_resource() {
    let mut plan = planned(FULFILMENT, &json!(["no-op"]), &json!([]));
    let changes = plan["resource_changes"].as_array_mut().expect("changes");
    let found = changes
        .iter_mut()
        .find(|each| each["address"] == FULFILMENT);
    let living = found.expect("there");
    living["change"]["after"]["ack_deadline_seconds"] = json!(30);
    let mut deposed = living.clone();
    deposed["deposed"] = json!("0badcafe");
    deposed["change"]["actions"] = json!(["delete"]);
    deposed["change"]["after"] = Value::Null;
    changes.push(deposed);
    tampered(&plan, "plan-drift", "ack_deadline_seconds is 30").await;
}
