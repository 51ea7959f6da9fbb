//! `deploy/canary` with a `gcloud` that answers from variables, and real lines of the service's log.

use std::path::PathBuf;

use serde_json::Value;
use tokio::process::Command;

use crate::harness::google::Google;
use crate::harness::message::TestMessage;
use crate::harness::process::{Process, settings};
use crate::harness::{AUDIENCE, CALLER, free_port, push_to};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/canary");
const ORDER: &str = r#"{"orderId":"A-1","customerEmail":"a@example.com","lines":[{"article":"teapot","quantity":1,"priceCents":1}]}"#;
const USUAL: [&str; 14] = [
    "--project",
    "shop",
    "--region",
    "europe-west1",
    "--topic",
    "orders",
    "--subscription",
    "orders-fulfilment",
    "--message",
    ORDER,
    "--timeout",
    "0",
    "--attribute",
    "kind=canary",
];

/// A `gcloud` that records its arguments and answers the five calls of the canary.
const GCLOUD: &str = r#"#!/bin/sh
printf '%s\n' "$*" >>"$CALLS"
case "$*" in
  "run services describe "*) [ "$MODE" != broken ] || exit 1; echo "$MODE" ;;
  "pubsub topics publish "*) echo 77 ;;
  "logging read "*'message_id="77"'*) printf %s "$MESSAGE" ;;
  "logging read "*'jsonPayload.outcome="refused"'*) printf %s "$REFUSED" ;;
  "logging read "*httpRequest.requestUrl*) printf %s "$REQUEST" ;;
  *) echo "not expected: $*" >&2; exit 1 ;;
esac
"#;

/// The answers of gcloud; empty by default.
#[derive(Default)]
struct Found {
    mode: &'static str,
    /// The line of the message, as `--format=value(…)` prints it.
    message: String,
    /// The line of a refused push.
    refused: String,
    /// The status in Cloud Run's own log of requests.
    request: &'static str,
}

struct Ended {
    status: Option<i32>,
    text: String,
    calls: String,
}

async fn canary(found: Found, arguments: &[&str]) -> Ended {
    let folder = std::env::temp_dir().join(format!(
        "pushgate-canary-{}-{}",
        std::process::id(),
        free_port()
    ));
    std::fs::create_dir_all(&folder).expect("a folder");
    let (gcloud, calls) = (folder.join("gcloud"), folder.join("calls"));
    std::fs::write(&gcloud, GCLOUD).expect("a file");
    let made = Command::new("chmod").arg("+x").arg(&gcloud).status().await;
    assert!(made.expect("chmod runs").success());
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", folder.display());
    let mut command = Command::new("bash");
    command
        .arg(SCRIPT)
        .args(arguments)
        .env_clear()
        .env("PATH", path)
        .env("CALLS", &calls);
    command
        .env("MODE", found.mode)
        .env("MESSAGE", found.message);
    let output = command
        .env("REFUSED", found.refused)
        .env("REQUEST", found.request)
        .output();
    let output = output.await.expect("bash runs");
    let ended = Ended {
        status: output.status.code(),
        text: String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        calls: std::fs::read_to_string(&calls).unwrap_or_default(),
    };
    let _ = std::fs::remove_dir_all(PathBuf::from(&folder));
    ended
}

async fn check(found: Found, status: i32, words: &[&str]) {
    let ended = canary(found, &USUAL).await;
    assert_eq!(ended.status, Some(status), "{}", ended.text);
    for word in words {
        assert!(
            ended.text.contains(word),
            "{word} is not in: {}",
            ended.text
        );
    }
}

/// The service's log line of a push with this token, and three of its fields as gcloud prints them.
async fn line_of(token: impl FnOnce(&Google) -> String) -> (Value, String) {
    let google = Google::start().await;
    let (mut process, url) = Process::serve(&settings(&google, "memory:")).await;
    let message = TestMessage::new("orders-fulfilment", ORDER);
    let url = format!("{url}/push/orders-fulfilment");
    push_to(&url, message.body(), &token(&google)).await;
    let line = process.log(|line| line["outcome"].is_string()).await;
    let field = |name: &str| match &line[name] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let printed = ["status", "outcome", "reason"].map(field).join("\t");
    (line, printed)
}

fn genuine(google: &Google) -> String {
    google.emulator.issuer().token(CALLER, AUDIENCE)
}

/// The line as Cloud Run stores it.
fn without_signature(google: &Google) -> String {
    let token = genuine(google);
    let (signed, _) = token.rsplit_once('.').expect("three parts");
    format!("{signed}.SIGNATURE_REMOVED_BY_GOOGLE")
}

#[tokio::test]
async fn a_message_that_is_handled_proves_the_mode() {
    let (_, message) = line_of(genuine).await;
    check(
        Found {
            message: message.clone(),
            ..Found::default()
        },
        0,
        &["handled", "keep PUSHGATE_AUTHENTICATION=verify"],
    )
    .await;
    check(
        Found {
            message,
            mode: "platform",
            ..Found::default()
        },
        0,
        &["keep PUSHGATE_AUTHENTICATION=platform"],
    )
    .await;
}

#[tokio::test]
async fn a_signature_that_was_removed_calls_for_the_mode_platform() {
    let (_, refused) = line_of(without_signature).await;
    check(
        Found {
            refused,
            request: "401",
            ..Found::default()
        },
        3,
        &[
            "Set PUSHGATE_AUTHENTICATION=platform",
            "--no-invoker-iam-check",
        ],
    )
    .await;
}

#[tokio::test]
async fn refusals_of_the_service_and_of_cloud_run_differ() {
    let (_, refused) = line_of(|google| {
        google
            .emulator
            .issuer()
            .token("stranger@example.com", AUDIENCE)
    })
    .await;
    check(
        Found {
            refused,
            ..Found::default()
        },
        4,
        &["refused (403)", "stranger@example.com"],
    )
    .await;
    let (_, refused) = line_of(|_| "garbage".into()).await;
    check(
        Found {
            refused,
            ..Found::default()
        },
        4,
        &["refused (401)", "says nothing about the mode yet"],
    )
    .await;
    check(
        Found {
            request: "403",
            ..Found::default()
        },
        4,
        &["Cloud Run refused the push (403)", "roles/run.invoker"],
    )
    .await;
}

#[tokio::test]
async fn an_accepted_token_proves_the_mode_even_if_the_handler_fails() {
    check(
        Found {
            message: "503\tfailed\tthe hall is locked".into(),
            ..Found::default()
        },
        6,
        &[
            "the mode verify is right",
            "503: failed (the hall is locked)",
        ],
    )
    .await;
}

#[tokio::test]
async fn a_missing_log_line_is_reported_with_its_causes() {
    check(
        Found::default(),
        5,
        &[
            "nothing was seen of message 77 within 0 s",
            "roles/iam.serviceAccountTokenCreator",
        ],
    )
    .await;
}

#[tokio::test]
async fn the_canary_reads_only_fields_that_the_service_writes() {
    let ended = canary(Found::default(), &USUAL).await;
    assert!(
        ended.calls.contains("--attribute=kind=canary") && ended.calls.contains("--project=shop"),
        "{}",
        ended.calls
    );
    let (handled, _) = line_of(genuine).await;
    let (refused, _) = line_of(|_| "garbage".into()).await;
    let names = ended.calls.split("jsonPayload.").skip(1);
    let end = |character: char| !character.is_alphanumeric() && character != '_';
    for name in names {
        let name = match name.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next(),
            None => name.split(end).next(),
        };
        let name = name.expect("a name");
        assert!(
            !handled[name].is_null() || !refused[name].is_null(),
            "{name}"
        );
    }
    assert_eq!(
        handled["message_id"].as_str().map(str::is_empty),
        Some(false)
    );
    assert_eq!(refused["subscription"], "orders-fulfilment");
    assert_eq!(refused["outcome"], "refused");
}

#[tokio::test]
async fn wrong_usage_is_rejected_before_a_publish() {
    for (arguments, words) in [
        (vec!["--project"], "--project needs a value"),
        (vec!["--projet", "shop"], "--projet is no option"),
        (USUAL[..10].to_vec().split_off(2), "--project is missing"),
        (
            [&USUAL[..], &["--timeout", "soon"]].concat(),
            "expected whole seconds",
        ),
        (
            [&USUAL[..], &["--subscription", "a\" OR \"b"]].concat(),
            "expected its id",
        ),
    ] {
        let ended = canary(Found::default(), &arguments).await;
        assert_eq!(ended.status, Some(2), "{}", ended.text);
        assert_eq!(ended.calls, "", "{}", ended.text);
        assert!(ended.text.contains(words), "{}", ended.text);
    }
    let ended = canary(Found::default(), &["--help"]).await;
    assert_eq!(ended.status, Some(0));
    assert!(ended.text.contains("Exit status:"));
    let ended = canary(
        Found {
            mode: "broken",
            ..Found::default()
        },
        &USUAL,
    )
    .await;
    assert_eq!(ended.status, Some(1), "{}", ended.text);
    assert!(
        ended.text.contains("check --service") && !ended.calls.contains("publish"),
        "{}",
        ended.text
    );
}
