//! The AsyncAPI document, by the official parser.

use std::path::PathBuf;

use serde_json::Value;
use tokio::process::Command;

use crate::harness::official::option;
use crate::harness::process::ended;
use crate::harness::repository::{Copy, root};

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
