//! `pushgate check` on the service of this repository: clean as it is, and each tampered plan or state found by the rule meant.
//! The plan and state in `plans/` are Terraform's own, of `terraform/` with a mocked provider, without what nobody reads here.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::harness::process::command;
use crate::harness::repository::{Copy, root};

const PLAN: &str = include_str!("plans/plan.json");
const STATE: &str = include_str!("plans/state.json");

struct Said {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// With the repository as root.
async fn check(arguments: &[&str]) -> Said {
    check_at(root(), arguments).await
}

async fn check_at(root: &Path, arguments: &[&str]) -> Said {
    let mut all = vec!["check", "--root", root.to_str().expect("text")];
    all.extend(arguments);
    let output = command(&all).output().await.expect("pushgate runs");
    Said {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("text"),
        stderr: String::from_utf8(output.stderr).expect("text"),
    }
}

/// A file that is gone when the test ends.
struct Plan(PathBuf);

impl Plan {
    fn write(text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("plan-{}.json", uuid::Uuid::new_v4()));
        std::fs::write(&path, text).expect("written");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("text")
    }
}

impl Drop for Plan {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// The findings with this plan or state.
async fn findings(document: &Value) -> Vec<Value> {
    let plan = Plan::write(&document.to_string());
    let said = check(&["--json", "--plan", plan.path()]).await;
    assert!(said.stderr.is_empty(), "{}", said.stderr);
    let found = parsed(&said.stdout);
    let is_bad = found["errors"] != 0;
    assert_eq!(said.code, Some(i32::from(is_bad)));
    found["findings"].as_array().expect("a list").clone()
}

/// This rule alone is found, and the finding says this.
async fn tampered(document: &Value, rule: &str, says: &str) {
    let found = findings(document).await;
    assert!(!found.is_empty(), "{rule} is not found ({says})");
    for finding in &found {
        assert_eq!(finding["rule"], rule, "{finding}");
        assert!(
            finding["mend"].as_str().is_some_and(|mend| mend.len() > 10),
            "{finding}"
        );
    }
    assert!(
        found.iter().any(|each| each.to_string().contains(says)),
        "{found:?} does not say {says}"
    );
}

/// The state with one resource changed.
fn state(address: &str, changes: impl FnOnce(&mut Value)) -> Value {
    let mut state = parsed(STATE);
    change(&mut state, address, changes);
    state
}

fn change(state: &mut Value, address: &str, changes: impl FnOnce(&mut Value)) {
    let resources = state["values"]["root_module"]["resources"]
        .as_array_mut()
        .expect("resources");
    let resource = resources
        .iter_mut()
        .find(|each| each["address"] == address)
        .expect("the resource");
    changes(&mut resource["values"]);
}

/// The state without one resource.
fn without(address: &str) -> Value {
    let mut state = parsed(STATE);
    let resources = state["values"]["root_module"]["resources"]
        .as_array_mut()
        .expect("resources");
    let before = resources.len();
    resources.retain(|each| each["address"] != address);
    assert_eq!(resources.len() + 1, before, "{address}");
    state
}

const FULFILMENT: &str = "google_pubsub_subscription.subscription[\"orders-fulfilment\"]";
const DEAD: &str = "google_pubsub_subscription.dead_letter[\"orders-fulfilment-dead-letter\"]";
const SERVICE: &str = "google_cloud_run_v2_service.service";

#[tokio::test]
async fn the_service_of_this_repository_is_clean_with_its_plan_and_its_state() {
    for text in [PLAN, STATE] {
        let plan = Plan::write(text);
        let said = check(&["--strict", "--plan", plan.path()]).await;
        assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
        assert_eq!(said.stdout.lines().count(), 1, "{}", said.stdout);
        assert!(
            said.stdout.starts_with("nothing found: "),
            "{}",
            said.stdout
        );
    }
    let said = check(&["--strict", "--json"]).await;
    let document = parsed(&said.stdout);
    assert_eq!(
        (&document["version"], &document["findings"]),
        (&json!(1), &json!([]))
    );
    assert_eq!(document["checked"]["subscriptions"], 4);
    assert_eq!(document["checked"]["resources"], Value::Null);
}

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
            "declared is 10",
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
    // By its number, and by the other URL of the service: the same.
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
async fn who_pushes_for_whom_is_the_same_on_both_sides() {
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
        "letter for letter",
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

#[tokio::test]
async fn what_is_missing_or_superfluous_is_found() {
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
async fn each_role_is_on_its_resource_and_for_its_account_alone() {
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
    // Whose it will be is not known in the plan, but that it is everybody's.
    let mut plan = parsed(PLAN);
    let changes = plan["resource_changes"].as_array_mut().expect("changes");
    let found = changes.iter_mut().find(|each| each["address"] == invoker);
    let found = &mut found.expect("there")["change"];
    found["after"]["member"] = json!("allAuthenticatedUsers");
    found["after_unknown"]["member"] = json!(false);
    tampered(&plan, "plan-role", "one service account alone").await;
}

#[tokio::test]
async fn topics_schemas_dead_letters_and_schedules_that_differ_are_found() {
    let drift = |address: &'static str, pointer: &'static str, value: Value| {
        state(address, move |values| {
            *values.pointer_mut(pointer).expect(pointer) = value
        })
    };
    let topic = "google_pubsub_topic.topic[\"stock-reports\"]";
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
        "which is 8",
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

/// A plan in which one resource is done this to.
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
async fn what_would_lose_messages_or_memory_is_found() {
    let replace = json!(["delete", "create"]);
    for (address, says) in [
        (FULFILMENT, "its backlog is lost"),
        (DEAD, "its backlog is lost"),
        (
            "google_pubsub_topic.topic[\"orders\"]",
            "left without a topic",
        ),
        ("google_firestore_database.store[0]", "runs again"),
        (
            "google_pubsub_schema.schema[\"stock-reports\"]",
            "refuses every message",
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
async fn what_a_replacement_has_left_behind_does_not_hide_the_living_resource() {
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

#[tokio::test]
async fn a_module_is_found_wherever_it_stands_and_another_stack_is_none_of_it() {
    let mut state = parsed(STATE);
    let resources = state["values"]["root_module"]["resources"].take();
    let foreign = json!({"address": "google_pubsub_topic.topic[\"x\"]", "mode": "managed", "type": "google_pubsub_topic",
        "name": "topic", "index": "x", "values": {"name": "x"}});
    state["values"]["root_module"] = json!({"resources": [foreign], "child_modules": [
        {"address": "module.shop", "child_modules": [{"address": "module.shop.module.pushgate", "resources": resources}]}]});
    assert_eq!(findings(&state).await, Vec::<Value>::new());
    let inside =
        &mut state["values"]["root_module"]["child_modules"][0]["child_modules"][0]["resources"];
    inside
        .as_array_mut()
        .expect("resources")
        .retain(|each| each["address"] != FULFILMENT);
    tampered(
        &state,
        "plan-missing",
        "module.shop.module.pushgate.google_pubsub_subscription",
    )
    .await;
    let nothing = json!({"values": {"root_module": {"resources": []}}});
    tampered(&nothing, "plan-empty", "terraform show -json").await;
}

#[tokio::test]
async fn what_is_not_known_yet_does_not_differ_and_what_is_hidden_is_not_shown() {
    let mut plan = parsed(PLAN);
    let changes = plan["resource_changes"].as_array_mut().expect("changes");
    let found = changes
        .iter_mut()
        .find(|each| each["address"] == FULFILMENT)
        .expect("there");
    found["change"]["after"]["ack_deadline_seconds"] = Value::Null;
    found["change"]["after_unknown"]["ack_deadline_seconds"] = json!(true);
    assert_eq!(findings(&plan).await, Vec::<Value>::new());
    let mut hidden = state(FULFILMENT, |values| values["filter"] = json!("hush"));
    let resources = hidden["values"]["root_module"]["resources"]
        .as_array_mut()
        .expect("resources");
    let found = resources
        .iter_mut()
        .find(|each| each["address"] == FULFILMENT)
        .expect("there");
    found["sensitive_values"] = json!({"filter": true});
    tampered(&hidden, "plan-drift", "(sensitive)").await;
    assert!(!findings(&hidden).await[0].to_string().contains("hush"));
}

#[tokio::test]
async fn what_cannot_be_checked_has_an_exit_code_of_its_own() {
    for (text, says) in [
        ("hush", "not valid JSON"),
        ("{}", "terraform show -json"),
        ("", "not valid JSON"),
    ] {
        let plan = Plan::write(text);
        let said = check(&["--plan", plan.path()]).await;
        assert_eq!(said.code, Some(2), "{}", said.stderr);
        assert!(
            said.stderr.contains(says) && !said.stderr.contains("hush"),
            "{}",
            said.stderr
        );
        assert!(said.stdout.is_empty());
    }
    for arguments in [
        vec!["--plan", "/nowhere/plan.json"],
        vec!["--accept", "no-such-rule"],
        vec!["--accept", "plan-loss"],
        vec!["--colour"],
    ] {
        let said = check(&arguments).await;
        assert_eq!(said.code, Some(2), "{arguments:?}: {}", said.stderr);
    }
    let help = check(&["--help"]).await;
    assert!(
        help.stdout.contains("Exit codes:") && help.stdout.contains("2  it could not be checked"),
        "{}",
        help.stdout
    );
}

#[tokio::test]
async fn a_warning_fails_only_if_strict_and_can_be_accepted() {
    let changed = state(SERVICE, |values| {
        values["template"][0]["max_instance_request_concurrency"] = json!(200)
    });
    let plan = Plan::write(&changed.to_string());
    let code = |arguments: Vec<&'static str>| {
        let path = plan.path().to_owned();
        async move {
            let mut all = vec!["--plan", &path];
            all.extend(arguments);
            check(&all).await
        }
    };
    let said = code(vec![]).await;
    assert_eq!(said.code, Some(0));
    for part in [
        "warning: google_cloud_run_v2_service.service (service-concurrency)",
        "  what: ",
        "  why:  ",
        "  mend: ",
        "0 errors, 1 warning: ",
    ] {
        assert!(said.stdout.contains(part), "{}", said.stdout);
    }
    assert_eq!(code(vec!["--strict"]).await.code, Some(1));
    assert_eq!(
        code(vec!["--strict", "--accept", "service-concurrency=other"])
            .await
            .code,
        Some(1)
    );
    let said = code(vec![
        "--strict",
        "--accept",
        "service-concurrency=google_cloud_run_v2_service.service",
    ])
    .await;
    assert_eq!(said.code, Some(0));
    assert!(
        said.stdout
            .starts_with("nothing found, 1 warning accepted: "),
        "{}",
        said.stdout
    );
}

#[tokio::test]
async fn a_plan_cannot_write_into_the_terminal_and_all_rules_are_told() {
    let changed = state(FULFILMENT, |values| {
        values["filter"] = json!("\u{1b}[2Jgone\n")
    });
    let plan = Plan::write(&changed.to_string());
    let said = check(&["--plan", plan.path()]).await;
    assert_eq!(said.code, Some(1));
    assert!(!said.stdout.contains('\u{1b}'), "{}", said.stdout);
    let rules = check(&["--rules"]).await;
    for rule in [
        "declaration (error)",
        "plan-loss (error)",
        "alert-never (warning)",
    ] {
        assert!(rules.stdout.contains(rule), "{rule}");
    }
    let rules = parsed(&check(&["--rules", "--json"]).await.stdout);
    assert!(
        rules["rules"]
            .as_array()
            .is_some_and(|rules| rules.len() > 40)
    );
}

/// What is found in a copy of the repository, by rule.
async fn found_in(copy: &Copy) -> Vec<(String, Value)> {
    let said = check_at(&copy.root, &["--json"]).await;
    let found = parsed(&said.stdout);
    let findings = found["findings"].as_array().expect("a list").iter();
    findings
        .map(|each| {
            (
                each["rule"].as_str().expect("a rule").to_owned(),
                each.clone(),
            )
        })
        .collect()
}

#[tokio::test]
async fn a_narrower_released_type_is_found_and_a_broken_one_cannot_be_checked() {
    let copy = Copy::of(&["m2m", "docs", "terraform", "Cargo.toml"]);
    let path = "m2m/released/OrderPlaced.json";
    let mut old = parsed(&copy.read(path));
    old["definitions"]["OrderLine"]["properties"]["quantity"]["maximum"] = json!(5000);
    copy.put(path, old.to_string());
    let found = found_in(&copy).await;
    let [(rule, finding)] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(rule, "schema-breaks");
    assert_eq!(
        finding["what"],
        "$.lines[].quantity: the largest number was 5000, and is 999"
    );
    copy.put(path, "{");
    assert_eq!(check_at(&copy.root, &[]).await.code, Some(2));
}

#[tokio::test]
async fn each_tampered_generated_file_is_found_with_its_mend() {
    let whole = Copy::of(&["m2m", "docs", "terraform", "Cargo.toml"]);
    assert_eq!(found_in(&whole).await, []);
    for path in [
        "m2m/README.md",
        "m2m/asyncapi.yaml",
        "m2m/schemas/StoredObject.json",
        "terraform/subscriptions.auto.tfvars.json",
        "docs/describe.schema.json",
    ] {
        let text = whole.read(path);
        let tampered = text
            .replacen("tring", "umber", 1)
            .replacen("orders-", "order-", 1);
        assert_ne!(tampered, text, "{path}");
        whole.put(path, tampered);
        found_stale(&whole, path, "from line").await;
        std::fs::remove_file(whole.root.join(path)).expect("removed");
        found_stale(&whole, path, "").await;
        whole.put(path, text);
    }
    whole.put("m2m/schemas/Gone.json", "{}");
    found_stale(&whole, "m2m/schemas/Gone.json", "nothing is declared").await;
}

async fn found_stale(copy: &Copy, path: &str, says: &str) {
    let found = found_in(copy).await;
    let [(rule, finding)] = &found[..] else {
        panic!("{path}: {found:?}")
    };
    assert_eq!(
        (rule.as_str(), &finding["subject"]),
        ("generated-files", &json!(path))
    );
    let text = |field: &str| finding[field].as_str().expect(field).to_owned();
    assert!(text("what").contains(says), "{path}: {finding}");
    assert!(text("mend").contains("pushgate generate"), "{finding}");
}
