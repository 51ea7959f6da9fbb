//! The status of a running service, on the address of its metrics.

use serde_json::{Value, json};

use crate::harness::probe::task;
use crate::harness::process::{command, ended};
use crate::harness::{AUDIENCE, Service, Setup, get, push_to};

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

const OPERATOR: &str = "oncall@test-project.iam.gserviceaccount.com";

/// Requests the status at the service's own port.
async fn operate(service: &Service, path: &str, token: Option<&str>) -> (u16, String) {
    let request = reqwest::Client::new().get(format!("{}/operate/{path}", service.url));
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    let response = request.send().await.expect("an answer");
    let status = response.status().as_u16();
    (status, response.text().await.expect("text"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_reads_it_at_the_services_own_port() {
    let setup = Setup::new().setting("PUSHGATE_OPERATORS", OPERATOR);
    let service = setup.start().await;
    service.push(&service.message(task::SUCCEED)).await;
    let issuer = service.google.emulator.issuer();
    let token = issuer.token(OPERATOR, AUDIENCE);
    let (code, text) = operate(&service, "status", Some(&token)).await;
    assert_eq!(code, 200);
    let found: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(probe(&found)["handled"], 1.0);
    let (code, page) = operate(&service, "", Some(&token)).await;
    assert_eq!(code, 200);
    assert!(page.contains("<title>"), "{page}");

    let mut top = command(&["top", &format!("{}/operate/", service.url), "--once"]);
    top.env("PUSHGATE_OPERATOR_TOKEN", &token);
    let ended = ended(top).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("probe "), "{}", ended.stdout);
}

#[tokio::test]
async fn nobody_else_reads_it_there() {
    let setup = Setup::new().setting("PUSHGATE_OPERATORS", OPERATOR);
    let service = setup.start().await;
    let issuer = service.google.emulator.issuer();
    let forged = issuer.forged(emulator::Forgery::Expired, OPERATOR, AUDIENCE);
    let expected = [
        (None, 401),
        (Some(forged), 401),
        (Some(service.token()), 403),
        (Some(issuer.token(OPERATOR, "https://another.example")), 403),
    ];
    for path in ["", "status"] {
        for (token, code) in &expected {
            let (found, text) = operate(&service, path, token.as_deref()).await;
            assert_eq!(found, *code, "{text}");
            assert!(!text.contains("subscriptions"), "{text}");
        }
    }
    let none = Service::start().await;
    let token = none.google.emulator.issuer().token(OPERATOR, AUDIENCE);
    assert_eq!(operate(&none, "status", Some(&token)).await.0, 404);
}
