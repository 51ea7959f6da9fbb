//! Generated files and released types.

use serde_json::{Value, json};

use super::{check_at, parsed};
use crate::harness::repository::Copy;

/// Returns the findings in a copy of the repository, by rule.
async fn found_in(copy: &Copy) -> Vec<(String, Value)> {
    let ended = check_at(&copy.root, &["--json"]).await;
    let found = parsed(&ended.stdout);
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
async fn a_type_narrower_than_its_release_is_found() {
    let copy = Copy::of(&["deploy", "m2m", "docs", "terraform", "Cargo.toml"]);
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
}

#[tokio::test]
async fn a_broken_released_type_cannot_be_checked() {
    let copy = Copy::of(&["deploy", "m2m", "docs", "terraform", "Cargo.toml"]);
    copy.put("m2m/released/OrderPlaced.json", "{");
    assert_eq!(check_at(&copy.root, &[]).await.code, Some(2));
}

#[tokio::test]
async fn the_place_where_a_released_type_is_not_json_is_reported() {
    let copy = Copy::of(&["m2m", "docs", "terraform", "Cargo.toml"]);
    copy.put("m2m/released/OrderPlaced.json", "{\"type\": hush}");
    let stderr = check_at(&copy.root, &[]).await.stderr;
    assert!(
        stderr.contains("OrderPlaced.json is not a JSON object")
            && stderr.contains("at line 1 column 10"),
        "{stderr}"
    );
}

#[tokio::test]
async fn each_tampered_generated_file_is_found_with_its_fix() {
    let whole = Copy::of(&["deploy", "m2m", "docs", "terraform", "Cargo.toml"]);
    assert_eq!(found_in(&whole).await, []);
    for path in [
        "m2m/README.md",
        "m2m/asyncapi.yaml",
        "m2m/schemas/StoredObject.json",
        "terraform/subscriptions.auto.tfvars.json",
        "docs/describe.schema.json",
        "deploy/grafana-dashboard.json",
        "deploy/prometheus-alerts.yml",
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
    found_stale(&whole, "m2m/schemas/Gone.json", "no declaration needs it").await;
}

async fn found_stale(copy: &Copy, path: &str, says: &str) {
    let found = found_in(copy).await;
    let [(rule, finding)] = &found[..] else {
        panic!("{path}: {found:?}")
    };
    assert_eq!(rule, "generated-files");
    assert_eq!(finding["subject"], json!(path));
    let text = |field: &str| finding[field].as_str().expect(field).to_owned();
    assert!(text("what").contains(says), "{path}: {finding}");
    assert!(text("fix").contains("pushgate generate"), "{finding}");
}
