//! Roles that are missing, on another resource, or of another account.

use serde_json::{Value, json};

use super::{PLAN, STATE, findings, parsed, state, tampered, without};

#[tokio::test]
async fn each_role_is_needed() {
    for (address, says) in [
        (
            "google_pubsub_topic_iam_member.agent_dead_letter[\"orders-fulfilment-dead-letter\"]",
            "roles/pubsub.publisher",
        ),
        (
            "google_pubsub_topic_iam_member.service_dead_letter[\"orders-fulfilment-dead-letter\"]",
            "roles/pubsub.publisher",
        ),
        (
            "google_pubsub_subscription_iam_member.agent_source[\"orders-fulfilment\"]",
            "roles/pubsub.subscriber",
        ),
        (
            "google_service_account_iam_member.agent_token_creator",
            "roles/iam.serviceAccountTokenCreator",
        ),
        (
            "google_cloud_run_v2_service_iam_member.push_invoker",
            "roles/run.invoker",
        ),
        (
            "google_pubsub_topic_iam_member.scheduler_agent[\"stock-reports\"]",
            "roles/pubsub.publisher",
        ),
        (
            "google_project_iam_member.service_store[0]",
            "google_project_iam_member.service_store[0]",
        ),
    ] {
        tampered(&without(address), "plan-role", says).await;
        let other = state(address, |values| values["role"] = json!("roles/viewer"));
        tampered(&other, "plan-role", says).await;
    }
    let mut other = parsed(STATE);
    let resources = other["values"]["root_module"]["resources"].as_array_mut();
    let resources = resources.expect("resources");
    resources.retain(|each| {
        let address = each["address"].as_str().unwrap_or_default();
        address != "google_firestore_database.store[0]" && !address.contains("service_store")
    });
    assert_eq!(findings(&other).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_role_for_another_resource_or_account_is_found() {
    let source = "google_pubsub_subscription_iam_member.agent_source[\"orders-fulfilment\"]";
    let forwards =
        "google_pubsub_topic_iam_member.agent_dead_letter[\"orders-fulfilment-dead-letter\"]";
    let publishes =
        "google_pubsub_topic_iam_member.service_dead_letter[\"orders-fulfilment-dead-letter\"]";
    let schedules = "google_pubsub_topic_iam_member.scheduler_agent[\"stock-reports\"]";
    let tokens = "google_service_account_iam_member.agent_token_creator";
    let invoker = "google_cloud_run_v2_service_iam_member.push_invoker";
    let store = "google_project_iam_member.service_store[0]";
    let me = "serviceAccount:me@my-project.iam.gserviceaccount.com";
    let pubsub = "serviceAccount:service-9@gcp-sa-pubsub.iam.gserviceaccount.com";
    for (address, argument, value, says) in [
        (source, "member", me, "Google's own account"),
        (source, "member", "allUsers", "Google's own account"),
        (source, "member", pubsub, "expected service-123456789012@"),
        (tokens, "member", pubsub, "expected service-123456789012@"),
        (schedules, "member", pubsub, "gcp-sa-cloudscheduler"),
        (invoker, "member", me, "pushgate-push@my-project"),
        (invoker, "member", "allUsers", "pushgate-push@my-project"),
        (publishes, "member", me, "pushgate-service@my-project"),
        (store, "member", me, "pushgate-service@my-project"),
        (source, "subscription", "orders-receipts", "subscription is"),
        (source, "project", "others", "its project is"),
        (
            forwards,
            "topic",
            "projects/my-project/topics/orders",
            "its topic is",
        ),
        (publishes, "topic", "orders", "its topic is"),
        (schedules, "topic", "orders", "its topic is"),
        (invoker, "name", "other", "its name is"),
        (
            tokens,
            "service_account_id",
            "projects/my-project/serviceAccounts/me@my-project.iam.gserviceaccount.com",
            "its service_account_id is",
        ),
    ] {
        let changed = state(address, |values| values[argument] = json!(value));
        tampered(&changed, "plan-role", says).await;
    }
    // The plan does not know the member yet, but it knows that the role is public.
    let mut plan = parsed(PLAN);
    let changes = plan["resource_changes"].as_array_mut().expect("changes");
    let found = changes.iter_mut().find(|each| each["address"] == invoker);
    let found = &mut found.expect("there")["change"];
    found["after"]["member"] = json!("allAuthenticatedUsers");
    found["after_unknown"]["member"] = json!(false);
    tampered(&plan, "plan-role", "one service account alone").await;
}
