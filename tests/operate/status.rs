//! The status of a running service, on the address of its metrics.

use serde_json::{Value, json};

use crate::harness::probe::task;
use crate::harness::{Service, Setup, get, push_to};

async fn status(service: &Service) -> Value {
    let response = get(format!("http://{}/status", service.metrics_address())).await;
    let text = response.expect("an answer").text().await.expect("text");
    serde_json::from_str(&text).expect("JSON")
}

/// Returns the status of the subscription `probe`.
fn probe(status: &Value) -> &Value {
    let subscriptions = status["subscriptions"].as_array().expect("a list");
    let found = subscriptions.iter().find(|one| one["id"] == "probe");
    found.expect("the subscription")
}

async fn measured() -> Service {
    Setup::new().measured().start().await
}

#[tokio::test]
async fn it_counts_the_deliveries_of_each_subscription() {
    let service = measured().await;
    let message = service.message(task::SUCCEED);
    for message in [&message, &message, &service.message(task::FAIL)] {
        service.push(message).await;
    }
    service.push(&service.message(task::DEAD_LETTER)).await;
    let status = status(&service).await;
    let probe = probe(&status);
    assert_eq!(probe["topic"], "tests");
    for (figure, count) in [
        ("handled", 1.0),
        ("duplicates", 1.0),
        ("failed", 1.0),
        ("deadLettered", 1.0),
        ("refused", 0.0),
    ] {
        assert_eq!(probe[figure], count, "{figure}");
    }
    assert!(probe["p99"].is_number(), "{probe}");
}

#[tokio::test]
async fn it_lists_the_handlers_that_run() {
    let service = measured().await;
    let held = service.message(task::HOLD);
    let check = async {
        let status = status(&service).await;
        let runs = status["runs"].as_array().expect("a list");
        assert_eq!(runs.len(), 1);
        assert_eq!(runs[0]["subscription"], "probe");
        assert_eq!(runs[0]["messageId"], held.id.as_str());
        assert_eq!(runs[0]["pool"], "async");
        assert_eq!(probe(&status)["inFlight"], 1);
        assert_eq!(status["pushes"]["inFlight"], 1);
    };
    service.push_held(&held, check).await;
    assert_eq!(status(&service).await["runs"], json!([]));
}

#[tokio::test]
async fn it_lists_failures_with_their_reasons() {
    let service = measured().await;
    service.push(&service.message(task::SUCCEED)).await;
    let failing = service.message(task::FAIL);
    service.push(&failing).await;
    let status = status(&service).await;
    let failures = status["failures"].as_array().expect("a list");
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0]["messageId"], failing.id.as_str());
    assert_eq!(failures[0]["outcome"], "failed");
    assert_eq!(failures[0]["status"], 503);
    assert!(failures[0]["reason"].is_string());
}

#[tokio::test]
async fn it_keeps_the_latest_fifty_failures() {
    let service = measured().await;
    let mut last = service.message(task::FAIL);
    for _ in 0..51 {
        last = service.message(task::FAIL);
        service.push(&last).await;
    }
    let status = status(&service).await;
    let failures = status["failures"].as_array().expect("a list");
    assert_eq!(failures.len(), 50);
    assert_eq!(failures[0]["messageId"], last.id.as_str());
}

#[tokio::test]
async fn a_stranger_is_not_listed() {
    let service = measured().await;
    let message = service.message(task::SUCCEED);
    push_to(&service.url, message.body(), "no token").await;
    assert_eq!(status(&service).await["failures"], json!([]));
}

#[tokio::test]
async fn the_port_of_pushes_has_no_status() {
    let service = measured().await;
    let response = get(format!("{}/status", service.url)).await;
    assert_eq!(response.expect("an answer").status().as_u16(), 404);
}

#[tokio::test]
async fn the_page_may_load_nothing_from_elsewhere() {
    let service = measured().await;
    let response = get(format!("http://{}/", service.metrics_address())).await;
    let response = response.expect("an answer");
    let policy = &response.headers()["content-security-policy"];
    let policy = policy.to_str().expect("text").to_owned();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let page = response.text().await.expect("HTML");
    assert!(!page.contains("http://") && !page.contains("https://"));
}
