//! `pushgate doctor`.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use tokio::net::TcpListener;

use crate::harness::google::Google;
use crate::harness::process::{Ended, Process, command, ended, settings};
use crate::harness::{Setup, free_port};

async fn doctor(arguments: &[&str]) -> Ended {
    let all: Vec<&str> = ["doctor"].iter().chain(arguments).copied().collect();
    let mut command = command(&all);
    // An invalid host, so that the search for pauses ends at once.
    command.env("PUBSUB_EMULATOR_HOST", "nowhere");
    ended(command).await
}

/// Returns the verdict of a probe.
fn verdict<'a>(ended: &'a Ended, probe: &str) -> &'a str {
    let mut lines = ended.stdout.lines();
    let line = lines.find(|line| line.split_whitespace().nth(1) == Some(probe));
    let line = line.unwrap_or_else(|| panic!("no {probe}: {}{}", ended.stdout, ended.stderr));
    line.split_whitespace().next().expect("a verdict")
}

#[tokio::test]
async fn nothing_is_wrong_with_a_service_that_works() {
    let google = Google::start().await;
    let mut settings = settings(&google, "memory:");
    settings.push(("OTEL_METRICS_EXPORTER", "prometheus".into()));
    settings.push(("OTEL_EXPORTER_PROMETHEUS_PORT", "0".into()));
    let (mut process, url) = Process::serve(&settings).await;
    let line = process
        .log(|line| line["message"].to_string().contains("metrics"))
        .await;
    let status = format!("http://{}", line["address"].as_str().expect("an address"));
    let found = doctor(&[&url, "--status", &status]).await;
    for probe in [
        "liveness",
        "clock",
        "readiness",
        "tokens",
        "keys",
        "subscriptions",
    ] {
        assert_eq!(verdict(&found, probe), "ok", "{probe}: {}", found.stdout);
    }
    assert_eq!(verdict(&found, "pauses"), "unknown", "{}", found.stdout);
    assert_eq!(found.code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_with_other_subscriptions_is_wrong() {
    let service = Setup::new().measured().start().await;
    let status = format!("http://{}", service.metrics_address());
    let found = doctor(&[&service.url, "--status", &status]).await;
    assert_eq!(verdict(&found, "subscriptions"), "WRONG");
    assert!(
        found.stdout.contains("and not orders-fulfilment, "),
        "{}",
        found.stdout
    );
    assert_eq!(found.code, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_accepts_everything_is_wrong() {
    let router = Router::new()
        .route("/", post(|| async { StatusCode::NO_CONTENT }))
        .route("/health/live", get(|| async { StatusCode::OK }))
        .route(
            "/health/ready",
            get(|| async { StatusCode::SERVICE_UNAVAILABLE }),
        );
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", socket.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(socket, router).await });
    let found = doctor(&[&url]).await;
    for probe in ["readiness", "tokens", "keys"] {
        assert_eq!(verdict(&found, probe), "WRONG", "{probe}");
    }
    assert_eq!(verdict(&found, "subscriptions"), "unknown");
}

#[tokio::test]
async fn an_address_without_a_service_is_wrong() {
    let url = format!("http://127.0.0.1:{}", free_port());
    let found = doctor(&[&url, "--json"]).await;
    let findings: serde_json::Value = serde_json::from_str(&found.stdout).expect("JSON");
    assert_eq!(findings[0]["verdict"], "wrong");
    assert_eq!(found.code, Some(1));
}
