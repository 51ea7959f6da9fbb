//! `pushgate generate`: the files of this repository are up to date and valid.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tokio::process::Command;

use crate::harness::official::option;
use crate::harness::process::command;
use crate::harness::repository::{Copy, root};
use crate::harness::text::Document;

const DERIVED: [&str; 4] = [
    "m2m",
    "docs/describe.schema.json",
    "terraform",
    "Cargo.toml",
];

struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

async fn ended(mut command: Command) -> Ended {
    let output = command.output().await.expect("it runs");
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("text"),
        stderr: String::from_utf8(output.stderr).expect("text"),
    }
}

async fn generate(root: &Path, arguments: &[&str]) -> Ended {
    let mut command = command(&["generate", "--root", root.to_str().expect("text")]);
    command.args(arguments);
    ended(command).await
}

async fn described() -> Value {
    let ended = ended(command(&["describe"])).await;
    serde_json::from_str(&ended.stdout).expect("JSON")
}

#[tokio::test]
async fn the_files_in_the_repository_are_what_generate_writes() {
    let ended = generate(root(), &["--check"]).await;
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.stdout, "");
    assert_eq!(ended.stderr, "");
}

#[tokio::test]
async fn generate_writes_the_same_files_in_any_folder() {
    let copy = Copy::of(&["Cargo.toml"]);
    copy.put(
        "m2m/README.md",
        std::fs::read(root().join("m2m/README.md")).expect("a file"),
    );
    let first = generate(&copy.root, &[]).await;
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    for path in copy.files() {
        let here = std::fs::read_to_string(root().join(&path)).expect(&path);
        assert_eq!(copy.read(&path), here, "{path}");
    }
}

#[tokio::test]
async fn a_second_generate_leaves_every_file_unchanged() {
    let copy = Copy::of(&DERIVED);
    let again = generate(&copy.root, &[]).await;
    assert!(
        again
            .stdout
            .lines()
            .all(|line| line.starts_with("unchanged  ")),
        "{}",
        again.stdout
    );
    assert!(again.stdout.lines().count() > 5, "{}", again.stdout);
}

#[tokio::test]
async fn it_finds_the_project_around_the_folder_it_is_called_in() {
    let mut inside = command(&["generate", "--check"]);
    inside.current_dir(root().join("m2m/src"));
    assert_eq!(ended(inside).await.code, Some(0));
    let mut outside = command(&["generate", "--check"]);
    outside.current_dir("/");
    let outside = ended(outside).await;
    assert_eq!(outside.code, Some(1));
    assert!(outside.stderr.contains("no folder with m2m/ and Cargo.toml from / upwards: call it inside the project, or name its folder by --root"), "{}", outside.stderr);
    let elsewhere = generate(&root().join("src"), &[]).await;
    assert!(
        elsewhere
            .stderr
            .contains("expected a folder with m2m/ and Cargo.toml"),
        "{}",
        elsewhere.stderr
    );
}

#[tokio::test]
async fn check_names_every_file_that_differs_without_writing() {
    let copy = Copy::of(&DERIVED);
    let tampered = [
        (
            "m2m/README.md",
            "Reserves stock for every paid order.",
            "Reserves \u{1b}[31mnothing.",
        ),
        ("m2m/asyncapi.yaml", "action: receive", "action: send"),
        (
            "terraform/subscriptions.auto.tfvars.json",
            "\"ack_deadline_seconds\": 60",
            "\"ack_deadline_seconds\": 61",
        ),
        ("docs/describe.schema.json", "draft-07", "draft-04"),
    ];
    for (path, from, to) in tampered {
        let text = copy.read(path);
        assert!(text.contains(from), "{path}");
        copy.put(path, text.replacen(from, to, 1));
    }
    std::fs::remove_file(copy.root.join("m2m/schemas/OrderPlaced.json")).expect("removed");
    copy.put("m2m/schemas/Gone.json", "{}");
    let before = copy.files();
    let ended = generate(&copy.root, &["--check"]).await;
    assert_eq!(ended.code, Some(1));
    for line in [
        "differs      m2m/README.md:",
        "Reserves \\u{1b}[31mnothing.",
        "differs      m2m/asyncapi.yaml:",
        "  found      \"    action: send\\n\"\n  expected   \"    action: receive\\n\"",
        "differs      terraform/subscriptions.auto.tfvars.json:",
        "differs      docs/describe.schema.json:2",
        "missing      m2m/schemas/OrderPlaced.json",
        "superfluous  m2m/schemas/Gone.json",
    ] {
        assert!(ended.stdout.contains(line), "{line}: {}", ended.stdout);
    }
    assert!(
        ended.stderr.contains("6 of the derived files")
            && ended.stderr.contains("run `pushgate generate`"),
        "{}",
        ended.stderr
    );
    assert_eq!(copy.files(), before);
    let generated = generate(&copy.root, &[]).await;
    assert!(
        generated
            .stdout
            .contains("removed    m2m/schemas/Gone.json"),
        "{}",
        generated.stdout
    );
    assert_eq!(generate(&copy.root, &["--check"]).await.code, Some(0));
    assert!(!copy.files().iter().any(|path| path.ends_with(".draft")));
}

#[tokio::test]
async fn a_release_records_the_message_types_as_they_are() {
    let copy = Copy::of(&DERIVED);
    std::fs::remove_dir_all(copy.root.join("m2m/released")).expect("removed");
    let ended = generate(&copy.root, &["--release"]).await;
    assert!(
        ended
            .stdout
            .contains("released   m2m/released/OrderPlaced.json"),
        "{}",
        ended.stdout
    );
    let (released, current) = (
        "m2m/released/OrderPlaced.json",
        "m2m/schemas/OrderPlaced.json",
    );
    let parsed = |path: &str| serde_json::from_str::<Value>(&copy.read(path)).expect("JSON");
    assert_eq!(parsed(released), parsed(current));
    let both = generate(&copy.root, &["--release", "--check"]).await;
    assert_eq!(both.code, Some(2));
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
async fn a_document_without_markers_is_left_alone() {
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

/// Returns the findings of the official parser for each file.
async fn judged(files: &[PathBuf]) -> Vec<Value> {
    let folder = option("PUSHGATE_TEST_ASYNCAPI");
    let mut node = Command::new("node");
    node.arg(root().join("tests/commands/asyncapi/judge.js"))
        .args(files)
        .env("NODE_PATH", PathBuf::from(folder).join("node_modules"));
    let ended = ended(node).await;
    serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{}", ended.stderr))
}

/// Returns the codes of its findings, and `misfit` for an example that does not fit its schema.
fn codes(verdict: &Value) -> Vec<&str> {
    let findings = verdict["findings"].as_array().expect("findings").iter();
    let misfits = verdict["examples"].as_array().expect("examples").iter();
    findings
        .filter_map(|finding| finding["code"].as_str())
        .chain(
            misfits
                .filter(|example| example["fits"] == false)
                .map(|_| "misfit"),
        )
        .collect()
}

#[tokio::test]
#[ignore = "needs Node and the AsyncAPI parser"]
async fn asyncapi_the_official_parser_finds_nothing_wrong() {
    let verdicts = judged(&[root().join("m2m/asyncapi.yaml")]).await;
    let verdict = &verdicts[0];
    assert_eq!(verdict["isDocument"], true, "{verdict}");
    // The parser recommends 3.1.0, which is no fault of a document of 3.0.0.
    assert_eq!(codes(verdict), ["asyncapi-latest-version"], "{verdict}");
    let examples = verdict["examples"].as_array().expect("examples");
    assert!(examples.len() >= 4, "{verdict}");
}

#[tokio::test]
#[ignore = "needs Node and the AsyncAPI parser"]
async fn asyncapi_the_judge_finds_what_is_broken() {
    let broken = [
        (
            "action: receive",
            "action: listen",
            "asyncapi-document-resolved",
        ),
        (
            "#/channels/orders/messages/OrderPlaced",
            "#/channels/orders/messages/Gone",
            "invalid-ref",
        ),
        (
            "encoding: JSON",
            "coding: JSON",
            "asyncapi-document-resolved",
        ),
        (
            "./schemas/OrderPlaced.json",
            "./schemas/Gone.json",
            "invalid-ref",
        ),
        ("quantity: 2", "quantity: 0", "misfit"),
    ];
    let copies = broken.map(|(from, to, _)| {
        let copy = Copy::of(&["m2m"]);
        let text = copy.read("m2m/asyncapi.yaml");
        assert!(text.contains(from), "{from}");
        copy.put("m2m/asyncapi.yaml", text.replacen(from, to, 1));
        copy
    });
    let files: Vec<PathBuf> = copies
        .iter()
        .map(|copy| copy.root.join("m2m/asyncapi.yaml"))
        .collect();
    let verdicts = judged(&files).await;
    assert_eq!(verdicts.len(), broken.len());
    for ((_, to, code), verdict) in broken.iter().zip(&verdicts) {
        assert!(codes(verdict).contains(code), "{to}: {verdict}");
    }
}

#[tokio::test]
async fn files_keep_the_line_ends_that_git_gave_them() {
    let copy = Copy::of(&DERIVED);
    let files = copy.files();
    for path in &files {
        copy.put(path, copy.read(path).replace('\n', "\r\n"));
    }
    let fresh = generate(&copy.root, &["--check"]).await;
    assert_eq!(fresh.code, Some(0));
    assert_eq!(fresh.stdout, "");
    for path in [
        "m2m/README.md",
        "m2m/asyncapi.yaml",
        "terraform/subscriptions.auto.tfvars.json",
    ] {
        copy.put(
            path,
            copy.read(path).replacen("orders-fulfilment", "nothing", 1),
        );
    }
    let stale = generate(&copy.root, &["--check"]).await;
    assert_eq!(stale.code, Some(1));
    assert_eq!(
        stale.stdout.matches("differs").count(),
        3,
        "{}",
        stale.stdout
    );
    assert_eq!(generate(&copy.root, &[]).await.code, Some(0));
    for path in &files {
        let (here, text) = (std::fs::read(root().join(path)), copy.read(path));
        let unix = text.replace("\r\n", "\n");
        assert_eq!(unix.as_bytes(), here.expect("a file"), "{path}");
        assert_eq!(
            unix.replace('\n', "\r\n"),
            text,
            "{path} has mixed line ends"
        );
    }
}
