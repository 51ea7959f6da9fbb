//! Push subscriptions that differ from their declarations.

use serde_json::{Value, json};

use super::{FULFILMENT, SERVICE, change, findings, state, tampered};

#[tokio::test]
async fn a_subscription_that_differs_is_found() {
    for (pointer, value, says) in [
        ("/topic", json!("projects/p/topics/stock"), "topic is"),
        (
            "/ack_deadline_seconds",
            json!(30),
            "ack_deadline_seconds is 30, declared is 60",
        ),
        (
            "/message_retention_duration",
            json!("3600s"),
            "message_retention_duration is \\\"3600s\\\", declared is 604800s",
        ),
        ("/enable_message_ordering", json!(true), "declared is false"),
        (
            "/retry_policy/0/minimum_backoff",
            json!("1s"),
            "retry_policy.minimum_backoff",
        ),
        (
            "/retry_policy/0/maximum_backoff",
            json!("60.5s"),
            "retry_policy.maximum_backoff",
        ),
        (
            "/retry_policy",
            json!([]),
            "retry_policy.minimum_backoff is not set",
        ),
        (
            "/dead_letter_policy/0/max_delivery_attempts",
            json!(5),
            "declared is 25",
        ),
        (
            "/dead_letter_policy/0/dead_letter_topic",
            json!("projects/p/topics/x"),
            "dead_letter_topic",
        ),
        (
            "/dead_letter_policy",
            json!([]),
            "pushed until its retention ends",
        ),
        (
            "/expiration_policy/0/ttl",
            json!("2678400s"),
            "which is never",
        ),
        ("/expiration_policy", json!([]), "idle"),
        (
            "/push_config/0/push_endpoint",
            json!("https://x.run.app/push/orders-receipts"),
            "/push/orders-fulfilment",
        ),
        (
            "/push_config/0/push_endpoint",
            json!("https://other.run.app/push/orders-fulfilment"),
            "declared is https://pushgate-abcdef-ew.a.run.app/push/orders-fulfilment",
        ),
        (
            "/push_config/0/push_endpoint",
            json!("http://pushgate-abcdef-ew.a.run.app/push/orders-fulfilment"),
            "declared is https://",
        ),
        (
            "/topic",
            json!("projects/others/topics/orders"),
            "projects/others",
        ),
        (
            "/dead_letter_policy/0/dead_letter_topic",
            json!("projects/others/topics/orders-fulfilment-dead-letter"),
            "projects/others",
        ),
    ] {
        let changed = state(FULFILMENT, |values| {
            *values.pointer_mut(pointer).expect(pointer) = value
        });
        tampered(&changed, "plan-drift", says).await;
    }
    for (name, value) in [
        (
            "message_transforms",
            json!([{"disabled": true}, {"javascript_udf": [{"function_name": "f", "code": "hush"}]}]),
        ),
        ("filter", json!("attributes:a")),
        ("enable_exactly_once_delivery", json!(true)),
    ] {
        tampered(
            &state(FULFILMENT, |values| values[name] = value),
            "plan-drift",
            name,
        )
        .await;
    }
    // The project's number and the service's other URL mean the same.
    for (pointer, value) in [
        ("/topic", json!("projects/123456789012/topics/orders")),
        ("/topic", json!("orders")),
    ] {
        let same = state(FULFILMENT, |values| {
            *values.pointer_mut(pointer).expect(pointer) = value
        });
        assert_eq!(findings(&same).await, Vec::<Value>::new());
    }
    let url = "https://pushgate-123456789012.europe-west1.run.app";
    let mut same = state(SERVICE, |values| values["urls"] = json!([url]));
    change(&mut same, FULFILMENT, |values| {
        values["push_config"][0]["push_endpoint"] = json!(format!("{url}/push/orders-fulfilment"))
    });
    assert_eq!(findings(&same).await, Vec::<Value>::new());
    let unused = state(FULFILMENT, |values| {
        values["message_transforms"] = json!([{"disabled": true}]);
        values["push_config"][0]["attributes"] = json!({"x-goog-version": "v1"});
    });
    assert_eq!(findings(&unused).await, Vec::<Value>::new());
    let old = state(FULFILMENT, |values| {
        values["push_config"][0]["attributes"] = json!({"x-goog-version": "v1beta1"})
    });
    tampered(&old, "plan-drift", "x-goog-version is").await;
    let unwrapped = state(FULFILMENT, |values| {
        values["push_config"][0]["no_wrapper"] = json!([{"write_metadata": true}])
    });
    tampered(&unwrapped, "plan-drift", "no_wrapper").await;
    let filtered = "google_pubsub_subscription.subscription[\"uploads-fingerprints\"]";
    tampered(
        &state(filtered, |values| values["filter"] = json!("")),
        "plan-drift",
        "OBJECT_FINALIZE",
    )
    .await;
}

#[tokio::test]
async fn callers_are_the_same_on_both_sides() {
    let token = |name: &'static str, value: Value| {
        state(FULFILMENT, move |values| {
            values["push_config"][0]["oidc_token"][0][name] = value
        })
    };
    tampered(
        &token("audience", json!("https://other.example")),
        "plan-caller",
        "PUSHGATE_AUDIENCE",
    )
    .await;
    tampered(
        &token(
            "audience",
            json!("HTTPS://pushgate.europe-west1.my-project.internal"),
        ),
        "plan-caller",
        "exactly the same audience",
    )
    .await;
    tampered(
        &token("audience", json!("")),
        "plan-caller",
        "the endpoint's URL",
    )
    .await;
    tampered(
        &token(
            "service_account_email",
            json!("me@x.iam.gserviceaccount.com"),
        ),
        "plan-caller",
        "PUSHGATE_CALLERS",
    )
    .await;
    let without_token = state(FULFILMENT, |values| {
        values["push_config"][0]["oidc_token"] = json!([])
    });
    tampered(&without_token, "plan-caller", "no token").await;
    let strict = state(SERVICE, |values| {
        values["invoker_iam_disabled"] = json!(false);
        values["custom_audiences"] = json!(["https://other.example"]);
    });
    tampered(&strict, "service-audience", "custom_audiences").await;
}
