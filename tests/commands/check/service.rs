//! Settings of the service on Cloud Run.

use serde_json::{Value, json};

use super::{SERVICE, change, findings, state, tampered};

#[tokio::test]
async fn settings_of_the_service_that_do_not_fit_are_found() {
    let with = |name: &'static str, value: &'static str| {
        state(SERVICE, move |values| {
            let list = values["template"][0]["containers"][0]["env"]
                .as_array_mut()
                .expect("env");
            list.retain(|each| each["name"] != name);
            list.push(json!({"name": name, "value": value}));
        })
    };
    tampered(
        &with("PUSHGATE_AUTHENTICATION", "platform"),
        "service-authentication",
        "verify",
    )
    .await;
    tampered(
        &with("PUSHGATE_BODY_LIMIT_BYTES", "1000000"),
        "service-body-limit",
        "13400000",
    )
    .await;
    tampered(
        &with("PUSHGATE_BODIES_BYTES", "300000000"),
        "service-memory",
        "512Mi",
    )
    .await;
    tampered(
        &with("PUSHGATE_CONCURRENCY", "79"),
        "service-concurrency",
        "max_instance_request_concurrency is 80",
    )
    .await;
    tampered(
        &with("PUSHGATE_STORE", "memory:"),
        "service-store",
        "terraform/store.tf",
    )
    .await;
    tampered(
        &with("PUBSUB_EMULATOR_HOST", "localhost:8085"),
        "service-emulator",
        "PUBSUB_EMULATOR_HOST",
    )
    .await;
    tampered(
        &with("PUSHGATE_CALLER", "x"),
        "service-setting",
        "PUSHGATE_CALLER",
    )
    .await;
    for (name, value, says) in [
        ("PUSHGATE_AUTHENTICATION", "verfiy", "verify or platform"),
        ("PUSHGATE_CONCURRENCY", "many", "is \\\"many\\\", expected"),
        ("PUSHGATE_STORE", "mongodb://x:hush@y", "PUSHGATE_STORE"),
        ("PUSHGATE_CALLERS", "", "PUSHGATE_CALLERS is not set"),
    ] {
        let changed = with(name, value);
        if name == "PUSHGATE_CALLERS" {
            let found = findings(&changed).await;
            let is_found =
                |each: &Value| each["rule"] == "service-value" && each.to_string().contains(says);
            assert!(found.iter().any(is_found), "{found:?}");
            continue;
        }
        tampered(&changed, "service-value", says).await;
        assert!(!findings(&changed).await[0].to_string().contains("hush"));
    }
    let secret = state(SERVICE, |values| {
        let list = values["template"][0]["containers"][0]["env"].as_array_mut();
        let list = list.expect("env");
        list.retain(|each| each["name"] != "PUSHGATE_AUDIENCE");
        let source = json!([{"secret_key_ref": [{"secret": "audience", "version": "1"}]}]);
        list.push(json!({"name": "PUSHGATE_AUDIENCE", "value_source": source}));
    });
    assert_eq!(findings(&secret).await, Vec::<Value>::new());
    let mut unset = with("PUSHGATE_BODIES_BYTES", "300000000");
    let memory = |limits: Value| {
        move |values: &mut Value| {
            values["template"][0]["containers"][0]["resources"][0]["limits"] = limits
        }
    };
    change(&mut unset, SERVICE, memory(json!({})));
    tampered(&unset, "service-memory", "so 512Mi").await;
    let small = state(SERVICE, memory(json!({"memory": "0.25Gi"})));
    tampered(&small, "service-memory", "0.25Gi").await;
    tampered(
        &with("PUSHGATE_GRACE_SECONDS", "10"),
        "service-grace",
        "its default is 8",
    )
    .await;
    tampered(
        &with("PUSHGATE_STORE_TIMEOUT_MILLISECONDS", "4000"),
        "lease-store-timeout",
        ".lease(…) of 12s",
    )
    .await;
    let template = |name: &'static str, value: Value| {
        state(SERVICE, move |values| values["template"][0][name] = value)
    };
    tampered(
        &template("timeout", json!("60s")),
        "service-timeout",
        "stock-reports",
    )
    .await;
    tampered(
        &template("max_instance_request_concurrency", json!(200)),
        "service-concurrency",
        "is 200",
    )
    .await;
}
