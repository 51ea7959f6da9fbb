//! Metrics show what each subscription does, and which fault it has.

use std::process::Stdio;
use std::time::Duration;

use pushgate::METRICS;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::harness::faulty_store::{Fault, FaultyStore, Step};
use crate::harness::probe::task;
use crate::harness::prometheus::{Samples, Server};
use crate::harness::promql::in_prometheus;
use crate::harness::{
    AUDIENCE, CALLER, OTHERS_CALLER, Service, Setup, get, push_to, soon, subscriber,
};

async fn measured() -> Service {
    Setup::new().measured().start().await
}

/// The number of ends of deliveries of the subscription `probe`.
fn deliveries(metrics: &Samples, outcome: &str) -> Option<f64> {
    let labels = [("subscription", "probe"), ("outcome", outcome)];
    metrics.sum("pushgate_deliveries_total", &labels)
}

fn refusals(metrics: &Samples, kind: &str) -> Option<f64> {
    metrics.sum("pushgate_refusals_total", &[("kind", kind)])
}

#[tokio::test]
async fn deliveries_are_counted_by_outcome() {
    let service = measured().await;
    let message = service.message(task::SUCCEED);
    service.push(&message).await;
    service.push(&message).await;
    service.push(&service.message(task::DISCARD)).await;
    service.push(&service.message(task::FAIL)).await;
    service.push(&service.message(task::PANIC)).await;
    let metrics = service.metrics().await;
    for outcome in ["handled", "duplicate", "discarded", "failed", "panicked"] {
        assert_eq!(deliveries(&metrics, outcome), Some(1.0), "{outcome}");
    }
}

#[tokio::test]
async fn only_runs_of_the_handler_have_a_processing_time() {
    let service = measured().await;
    let message = service.message(task::SUCCEED);
    service.push(&message).await;
    service.push(&message).await;
    let metrics = service.metrics().await;
    let count = "messaging_process_duration_seconds_count";
    let labels = [
        ("messaging_destination_name", "tests"),
        ("messaging_destination_subscription_name", "probe"),
        ("messaging_operation_name", "subscribe"),
        ("messaging_system_name", "gcp.pubsub"),
    ];
    assert_eq!(metrics.sum(count, &labels), Some(1.0));
}

#[tokio::test]
async fn a_failed_run_has_an_error_type() {
    let service = measured().await;
    service.push(&service.message(task::SUCCEED)).await;
    service.push(&service.message(task::FAIL)).await;
    let metrics = service.metrics().await;
    let count = "messaging_process_duration_seconds_count";
    assert_eq!(metrics.sum(count, &[("error_type", "failed")]), Some(1.0));
    assert_eq!(metrics.sum(count, &[]), Some(2.0));
}

#[tokio::test]
async fn attempts_left_are_counted_while_pub_sub_redelivers() {
    let probe = subscriber("probe").attempts(10);
    let service = Setup::new().subscriber(probe).measured().start().await;
    let mut message = service.message(task::FAIL);
    message.delivery_attempt = Some(7);
    service.push(&message).await;
    service.push(&service.message(task::SUCCEED)).await;
    let metrics = service.metrics().await;
    assert_eq!(metrics.sum("pushgate_attempts_left_sum", &[]), Some(3.0));
    assert_eq!(metrics.sum("pushgate_attempts_left_count", &[]), Some(1.0));
}

#[tokio::test]
async fn a_poison_message_is_counted_by_its_reason() {
    let service = measured().await;
    service.push(&service.message(task::DEAD_LETTER)).await;
    let metrics = service.metrics().await;
    let reason = [("pushgate_dead_letter_reason", "handler")];
    let sent = "messaging_client_sent_messages_total";
    assert_eq!(metrics.sum(sent, &reason), Some(1.0));
    assert_eq!(deliveries(&metrics, "dead-lettered"), Some(1.0));
}

#[tokio::test]
async fn a_flood_is_refused_over_capacity() {
    let probe = subscriber("probe").concurrency(1);
    let service = Setup::new().subscriber(probe).measured().start().await;
    let held = service.message(task::HOLD);
    let flood = async {
        let reply = service.push(&service.message(task::SUCCEED)).await;
        assert_eq!(reply.status, 429);
        let metrics = service.metrics().await;
        let labels = [("subscription", "probe")];
        let in_flight = "pushgate_deliveries_in_flight";
        assert_eq!(metrics.sum(in_flight, &labels), Some(1.0));
        assert_eq!(metrics.sum("pushgate_deliveries_limit", &labels), Some(1.0));
        assert_eq!(metrics.sum("pushgate_pushes_in_flight", &[]), Some(1.0));
    };
    service.push_held(&held, flood).await;
    let metrics = service.metrics().await;
    let kind = "subscription_over_capacity";
    let labels = [("subscription", "probe"), ("kind", kind), ("status", "429")];
    let refused = "pushgate_refusals_total";
    assert_eq!(metrics.sum(refused, &labels), Some(1.0));
}

#[tokio::test]
async fn a_store_outage_is_counted_by_step_and_error() {
    let store = FaultyStore::new();
    let setup = Setup::new().store(store.clone());
    let service = setup.measured().start().await;
    store.fail(Step::Claim, Fault::Down, 2);
    let reply = service.push(&service.message(task::SUCCEED)).await;
    assert_eq!(reply.status, 503);
    let metrics = service.metrics().await;
    let claims = [
        ("db_operation_name", "claim"),
        ("error_type", "unavailable"),
    ];
    let count = "db_client_operation_duration_seconds_count";
    assert_eq!(metrics.sum(count, &claims), Some(2.0));
    assert_eq!(refusals(&metrics, "store_down"), Some(1.0));
}

#[tokio::test]
async fn a_wrong_audience_is_a_kind_of_refusal() {
    let service = measured().await;
    let issuer = service.google.emulator.issuer();
    let token = issuer.token(CALLER, "https://other.example.com");
    service
        .push_with(&service.message(task::SUCCEED), &token)
        .await;
    let metrics = service.metrics().await;
    assert_eq!(refusals(&metrics, "other_audience"), Some(1.0));
}

#[tokio::test]
async fn a_caller_of_another_subscription_is_a_kind_of_refusal() {
    let service = measured().await;
    let token = service
        .google
        .emulator
        .issuer()
        .token(OTHERS_CALLER, AUDIENCE);
    service
        .push_with(&service.message(task::SUCCEED), &token)
        .await;
    let metrics = service.metrics().await;
    assert_eq!(refusals(&metrics, "other_caller"), Some(1.0));
}

#[tokio::test]
async fn an_unknown_key_is_a_kind_of_refusal() {
    let service = measured().await;
    let other = crate::harness::google::Google::start().await;
    let token = other.emulator.issuer().token(CALLER, AUDIENCE);
    service
        .push_with(&service.message(task::SUCCEED), &token)
        .await;
    let metrics = service.metrics().await;
    assert_eq!(refusals(&metrics, "token_key_unknown"), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn a_hung_handler_is_counted_as_timed_out() {
    let service = measured().await;
    let reply = service.push(&service.message(task::HANG)).await;
    assert_eq!(reply.status, 503);
    let metrics = service.metrics().await;
    assert_eq!(deliveries(&metrics, "timed out"), Some(1.0));
}

#[tokio::test]
async fn keys_have_an_age_once_they_are_fetched() {
    let service = measured().await;
    service.push(&service.message(task::SUCCEED)).await;
    let metrics = service.metrics().await;
    assert!(metrics.sum("pushgate_keys_age_seconds", &[]).is_some());
    let fetches = metrics.sum("pushgate_keys_fetches_total", &[("result", "ok")]);
    assert_eq!(fetches, Some(1.0));
}

#[tokio::test]
async fn a_scanner_is_no_push() {
    let service = measured().await;
    let answer = get(format!("{}/favicon.ico", service.url)).await;
    assert_eq!(answer.expect("an answer").status().as_u16(), 404);
    let metrics = service.metrics().await;
    assert_eq!(metrics.sum("pushgate_refusals_total", &[]), None);
    let count = "http_server_request_duration_seconds_count";
    assert_eq!(metrics.sum(count, &[]), None);
}

#[tokio::test]
async fn each_exported_metric_is_in_the_table() {
    let service = measured().await;
    for task in [task::SUCCEED, task::FAIL, task::DEAD_LETTER] {
        service.push(&service.message(task)).await;
    }
    push_to(&service.url, "{}", &service.token()).await;
    let metrics = service.metrics().await;
    let exported = metrics.types();
    for (name, kind) in &exported {
        if *name == "target_info" {
            continue;
        }
        let metric = METRICS
            .iter()
            .find(|metric| in_prometheus(metric).0 == *name);
        let metric = metric.unwrap_or_else(|| panic!("{name} is not in the table"));
        assert_eq!(in_prometheus(metric).1, *kind, "{name}");
        let known: Vec<_> = metric
            .attributes
            .iter()
            .map(|name| name.replace('.', "_"))
            .collect();
        for label in metrics.labels(name) {
            assert!(known.contains(&label), "{name} has the label {label}");
        }
    }
    let rare = ["leases.renewed", "claims.lost", "records.missing", "stall"];
    for metric in METRICS {
        let (name, _) = in_prometheus(&metric);
        let is_exported = exported.iter().any(|(found, _)| *found == name);
        let is_rare = rare.iter().any(|rare| metric.name.contains(rare));
        assert!(is_exported || is_rare, "{name} is not exported");
    }
}

#[tokio::test]
async fn a_service_without_exporter_has_no_metrics() {
    let mut service = Service::start().await;
    assert_eq!(service.take_running().metrics_address(), None);
    let answer = get(format!("{}/metrics", service.url)).await;
    assert!(answer.is_err() || answer.expect("it").status().as_u16() == 404);
}

#[tokio::test]
#[ignore = "needs promtool, which ./test installs"]
async fn prometheus_own_linter_accepts_the_metrics() {
    let service = measured().await;
    service.push(&service.message(task::SUCCEED)).await;
    service.push(&service.message(task::FAIL)).await;
    let metrics = service.metrics().await;
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool");
    let mut input = promtool.stdin.take().expect("stdin");
    input
        .write_all(metrics.0.as_bytes())
        .await
        .expect("written");
    drop(input);
    let output = promtool.wait_with_output().await.expect("it ends");
    let found = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{found}");
    assert_eq!(found, "");
}

#[tokio::test]
#[ignore = "needs Prometheus, which ./test installs"]
async fn a_prometheus_server_reads_the_metrics() {
    let service = measured().await;
    service.push(&service.message(task::SUCCEED)).await;
    let server = Server::start(service.metrics_address());
    let query = "pushgate_deliveries_total{subscription=\"probe\",outcome=\"handled\"} == 1";
    soon("a scrape", async {
        while server
            .query(query)
            .await
            .is_none_or(|series| series.is_empty())
        {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
}
