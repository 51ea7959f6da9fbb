//! The generated part of `m2m/README.md`.

use serde_json::Value;

use super::{DERIVED, generate};
use crate::harness::process::{command, ended};
use crate::harness::repository::{Copy, root};
use crate::harness::text::Document;

async fn described() -> Value {
    let ended = ended(command(&["describe"])).await;
    serde_json::from_str(&ended.stdout).expect("JSON")
}

#[tokio::test]
async fn text_around_the_generated_section_is_kept() {
    let copy = Copy::of(&DERIVED);
    let mine = "Mine, with\r\nodd line ends.\n<!-- pushgate:begin -->\n<!-- pushgate:end -->\n\nAnd no end";
    copy.put("m2m/README.md", mine);
    assert_eq!(generate(&copy.root, &[]).await.code, Some(0));
    let written = copy.read("m2m/README.md");
    assert!(written.starts_with("Mine, with\r\nodd line ends.\n<!-- pushgate:begin -->\n"));
    assert!(written.ends_with("\n<!-- pushgate:end -->\n\nAnd no end"));
}

#[tokio::test]
async fn a_document_without_markers_stays_unchanged() {
    let copy = Copy::of(&DERIVED);
    copy.put("m2m/README.md", "Mine alone.");
    let ended = generate(&copy.root, &[]).await;
    assert_eq!(ended.code, Some(1));
    assert!(
        ended
            .stderr
            .contains("m2m/README.md: no line is \"<!-- pushgate:begin -->\""),
        "{}",
        ended.stderr
    );
    assert_eq!(copy.read("m2m/README.md"), "Mine alone.");
}

#[tokio::test]
async fn every_link_in_the_documents_leads_somewhere() {
    let folder = root().join("m2m");
    let text = std::fs::read_to_string(folder.join("README.md")).expect("the documents");
    let document = Document::read(&text);
    assert!(document.links.len() >= 20 && document.anchors.len() > 10);
    for link in &document.links {
        match link.split_once('#') {
            Some(("", anchor)) => assert!(document.anchors.contains(anchor), "{link}"),
            _ if link.contains("://") => {}
            Some((path, _)) => assert!(folder.join(path).exists(), "{link}"),
            None => assert!(folder.join(link).exists(), "{link}"),
        }
    }
}

/// The fields that each kind of component must have.
const COMMON: [&str; 7] = [
    "Purpose",
    "Owner",
    "Message schema",
    "Idempotency",
    "Errors and retries",
    "Monitoring and alerts",
    "Performance",
];

const OF_TOPICS: [&str; 5] = [
    "Producers",
    "Consumers",
    "Pub/Sub schema",
    "Attributes",
    "Ordering",
];

const OF_SUBSCRIPTIONS: [&str; 14] = [
    "Topic",
    "Producers",
    "Consumer",
    "Pub/Sub schema",
    "Filter",
    "Ordering",
    "Delivery",
    "Deduplication window",
    "Ack deadline and time limits",
    "At the end",
    "After a crash",
    "Store down",
    "Circuit breaker",
    "Examples",
];

const OF_SCHEDULES: [&str; 5] = ["When", "Topic", "Producers", "Consumers", "Attributes"];
const OF_DEAD_LETTERS: [&str; 4] = ["Producers", "Consumers", "Attributes", "At the end"];

#[tokio::test]
async fn every_component_is_documented_with_every_field() {
    let described = described().await;
    let text = std::fs::read_to_string(root().join("m2m/README.md")).expect("the documents");
    let document = Document::read(&text);
    let check = |kind: &str, id: &Value, wanted: &[&str]| {
        let heading = format!("{kind} {}", id.as_str().expect("a name"));
        let fields = document
            .fields
            .get(&heading)
            .unwrap_or_else(|| panic!("no {heading}"));
        for field in COMMON.iter().chain(wanted) {
            let value = fields
                .get(*field)
                .unwrap_or_else(|| panic!("{heading} has no {field}"));
            assert!(!value.trim().is_empty(), "{heading}: {field}");
        }
        fields
    };
    for topic in described["topics"].as_array().expect("topics") {
        let fields = check("Topic", &topic["id"], &OF_TOPICS);
        for name in topic["messages"].as_object().expect("messages").keys() {
            assert!(fields["Message schema"].contains(name));
            assert!(document.links.contains(&format!("schemas/{name}.json")));
        }
    }
    for subscription in described["subscriptions"]
        .as_array()
        .expect("subscriptions")
    {
        let fields = check("Subscription", &subscription["id"], &OF_SUBSCRIPTIONS);
        assert_eq!(
            fields["Purpose"],
            subscription["purpose"].as_str().expect("a purpose")
        );
        let source = subscription["source"].as_str().expect("a source");
        assert!(
            fields["Consumer"].contains(source) && document.links.contains(&format!("../{source}"))
        );
        for schedule in subscription["schedules"].as_array().expect("schedules") {
            let fields = check("Schedule", &schedule["name"], &OF_SCHEDULES);
            assert!(fields["When"].contains(schedule["cron"].as_str().expect("a time")));
        }
        check(
            "Dead letters",
            &subscription["deadLetterTopic"],
            &OF_DEAD_LETTERS,
        );
    }
}
