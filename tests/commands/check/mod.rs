//! `pushgate check` on this repository: nothing is found, and each tampered plan or state is found by its rule.
//! The plan and state in `plans/` are Terraform's own, of `terraform/` with a mocked provider, without what nobody reads here.
mod files;
mod losses;
mod resources;
mod roles;
mod service;
mod subscriptions;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::harness::process::{Ended, command, ended};
use crate::harness::repository::root;

const PLAN: &str = include_str!("plans/plan.json");

const STATE: &str = include_str!("plans/state.json");

/// Runs the command with the repository as root.
async fn check(arguments: &[&str]) -> Ended {
    check_at(root(), arguments).await
}

async fn check_at(root: &Path, arguments: &[&str]) -> Ended {
    let mut all = vec!["check", "--root", root.to_str().expect("text")];
    all.extend(arguments);
    ended(command(&all)).await
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

/// Returns the findings with this plan or state.
async fn findings(document: &Value) -> Vec<Value> {
    let plan = Plan::write(&document.to_string());
    let ended = check(&["--json", "--plan", plan.path()]).await;
    assert!(ended.stderr.is_empty(), "{}", ended.stderr);
    let found = parsed(&ended.stdout);
    let is_bad = found["errors"] != 0;
    assert_eq!(ended.code, Some(i32::from(is_bad)));
    found["findings"].as_array().expect("a list").clone()
}

/// Checks that this rule alone has a finding, with this text.
async fn tampered(document: &Value, rule: &str, says: &str) {
    let found = findings(document).await;
    assert!(!found.is_empty(), "{rule} is not found ({says})");
    for finding in &found {
        assert_eq!(finding["rule"], rule, "{finding}");
        assert!(
            finding["fix"].as_str().is_some_and(|fix| fix.len() > 10),
            "{finding}"
        );
    }
    assert!(
        found.iter().any(|each| each.to_string().contains(says)),
        "{found:?} does not say {says}"
    );
}

/// Returns the state with one resource changed.
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

/// Returns the state without one resource.
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
async fn nothing_is_found_in_this_repository() {
    for text in [PLAN, STATE] {
        let plan = Plan::write(text);
        let ended = check(&["--strict", "--plan", plan.path()]).await;
        assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
        assert_eq!(ended.stdout.lines().count(), 1, "{}", ended.stdout);
        assert!(
            ended.stdout.starts_with("nothing found: "),
            "{}",
            ended.stdout
        );
    }
    let ended = check(&["--strict", "--json"]).await;
    let document = parsed(&ended.stdout);
    assert_eq!(document["version"], 2);
    assert_eq!(document["findings"], json!([]));
    assert_eq!(document["checked"]["subscriptions"], 4);
    assert_eq!(document["checked"]["resources"], Value::Null);
}

#[tokio::test]
async fn a_nested_module_is_found_beside_another_stack() {
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
}

#[tokio::test]
async fn a_plan_without_resources_is_reported() {
    let nothing = json!({"values": {"root_module": {"resources": []}}});
    tampered(&nothing, "plan-empty", "terraform show -json").await;
}

#[tokio::test]
async fn a_value_that_is_not_known_yet_does_not_differ() {
    let mut plan = parsed(PLAN);
    let changes = plan["resource_changes"].as_array_mut().expect("changes");
    let found = changes
        .iter_mut()
        .find(|each| each["address"] == FULFILMENT)
        .expect("there");
    found["change"]["after"]["ack_deadline_seconds"] = Value::Null;
    found["change"]["after_unknown"]["ack_deadline_seconds"] = json!(true);
    assert_eq!(findings(&plan).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_sensitive_value_is_not_shown() {
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
async fn a_failed_check_has_an_exit_code_of_its_own() {
    for (text, says) in [
        ("hush", "not valid JSON"),
        ("{}", "terraform show -json"),
        ("", "not valid JSON"),
    ] {
        let plan = Plan::write(text);
        let ended = check(&["--plan", plan.path()]).await;
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(
            ended.stderr.contains(says) && !ended.stderr.contains("hush"),
            "{}",
            ended.stderr
        );
        assert!(ended.stdout.is_empty());
    }
    for arguments in [
        vec!["--plan", "/nowhere/plan.json"],
        vec!["--accept", "no-such-rule"],
        vec!["--accept", "plan-loss"],
        vec!["--colour"],
    ] {
        let ended = check(&arguments).await;
        assert_eq!(ended.code, Some(2), "{arguments:?}: {}", ended.stderr);
    }
    let help = check(&["--help"]).await;
    assert!(
        help.stdout.contains("Exit codes:") && help.stdout.contains("2  it could not be checked"),
        "{}",
        help.stdout
    );
}

#[tokio::test]
async fn a_warning_fails_only_in_a_strict_check() {
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
    let ended = code(vec![]).await;
    assert_eq!(ended.code, Some(0));
    for part in [
        "warning: google_cloud_run_v2_service.service (service-concurrency)",
        "  what: ",
        "  why:  ",
        "  fix:  ",
        "0 errors, 1 warning: ",
    ] {
        assert!(ended.stdout.contains(part), "{}", ended.stdout);
    }
    assert_eq!(code(vec!["--strict"]).await.code, Some(1));
    assert_eq!(
        code(vec!["--strict", "--accept", "service-concurrency=other"])
            .await
            .code,
        Some(1)
    );
    let ended = code(vec![
        "--strict",
        "--accept",
        "service-concurrency=google_cloud_run_v2_service.service",
    ])
    .await;
    assert_eq!(ended.code, Some(0));
    assert!(
        ended
            .stdout
            .starts_with("nothing found, 1 warning accepted: "),
        "{}",
        ended.stdout
    );
}

#[tokio::test]
async fn a_plan_cannot_write_into_the_terminal() {
    let changed = state(FULFILMENT, |values| {
        values["filter"] = json!("\u{1b}[2Jgone\n")
    });
    let plan = Plan::write(&changed.to_string());
    let ended = check(&["--plan", plan.path()]).await;
    assert_eq!(ended.code, Some(1));
    assert!(!ended.stdout.contains('\u{1b}'), "{}", ended.stdout);
}

#[tokio::test]
async fn all_rules_are_listed() {
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

#[tokio::test]
async fn a_plan_with_a_byte_order_mark_is_read() {
    let marked = Plan::write(&format!("\u{feff}{STATE}"));
    assert_eq!(check(&["--plan", marked.path()]).await.code, Some(0));
}

#[tokio::test]
async fn a_plan_in_utf_16_is_rejected() {
    let utf16: Vec<u8> = STATE.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let plan = Plan::write("");
    std::fs::write(&plan.0, utf16).expect("written");
    let ended = check(&["--plan", plan.path()]).await;
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.stderr.contains("is UTF-16, expected UTF-8"),
        "{}",
        ended.stderr
    );
}
