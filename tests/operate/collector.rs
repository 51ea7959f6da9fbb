//! Metrics are exported by OTLP, and cost no push.

use std::time::Duration;

use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{ResourceMetrics, number_data_point};

use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::harness::collector::{Collector, attribute};
use crate::harness::google::Google;
use crate::harness::message::TestMessage;
use crate::harness::process::{Process, settings};
use crate::harness::{AUDIENCE, CALLER, free_port, push_to, soon};

const ORDER: &str = r#"{"orderId":"A-1","customerEmail":"a@example.com","lines":[{"article":"teapot","quantity":1,"priceCents":1}]}"#;
/// Twice the time for the last exports, and less than the exporters wait by themselves.
const MANY_EXPORTS: Duration = Duration::from_secs(3);
/// Longer than a test.
const NEVER: &str = "3600000";

/// Serves with an exporter, and pushes one message.
async fn push_once(google: &Google, endpoint: &str, others: &[(&'static str, &str)]) -> Process {
    let mut settings = settings(google, "memory:");
    settings.push(("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.to_owned()));
    settings.extend(
        others
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned())),
    );
    let (process, url) = Process::serve(&settings).await;
    let message = TestMessage::new("orders-fulfilment", ORDER);
    let token = google.emulator.issuer().token(CALLER, AUDIENCE);
    assert_eq!(push_to(&url, message.body(), &token).await.status, 204);
    process
}

/// Returns the number of handled messages.
fn handled(received: &ResourceMetrics) -> Option<i64> {
    let mut metrics = received
        .scope_metrics
        .iter()
        .flat_map(|scope| &scope.metrics);
    let deliveries = metrics.find(|metric| metric.name == "pushgate.deliveries")?;
    let Some(Data::Sum(sum)) = &deliveries.data else {
        panic!("{deliveries:?}");
    };
    let point = sum.data_points.iter().find(|point| {
        attribute(&point.attributes, "subscription") == Some("orders-fulfilment")
            && attribute(&point.attributes, "outcome") == Some("handled")
    })?;
    match point.value.as_ref()? {
        number_data_point::Value::AsInt(count) => Some(*count),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn metrics_are_exported_in_intervals() {
    let (google, mut collector) = (Google::start().await, Collector::start().await);
    let interval = ("OTEL_METRIC_EXPORT_INTERVAL", "100");
    let _process = push_once(&google, &collector.url, &[interval]).await;
    collector
        .metrics(|received| handled(received) == Some(1))
        .await;
}

#[tokio::test]
async fn the_last_metrics_are_exported_at_a_shutdown() {
    let (google, mut collector) = (Google::start().await, Collector::start().await);
    let interval = ("OTEL_METRIC_EXPORT_INTERVAL", NEVER);
    let mut process = push_once(&google, &collector.url, &[interval]).await;
    process.signal("-TERM").await;
    assert!(process.exit().await.success(), "{:?}", process.lines());
    collector
        .metrics(|received| handled(received) == Some(1))
        .await;
}

#[tokio::test]
async fn metrics_name_the_service_and_its_revision() {
    let (google, mut collector) = (Google::start().await, Collector::start().await);
    let settings = [
        ("OTEL_METRIC_EXPORT_INTERVAL", "100"),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "deployment.environment.name=test",
        ),
        ("K_SERVICE", "shop"),
        ("K_REVISION", "shop-7"),
        ("PUSHGATE_STORE", "memory:in a test"),
    ];
    let _process = push_once(&google, &collector.url, &settings).await;
    let received = collector.metrics(|_| true).await;
    let attributes = received.resource.expect("a resource").attributes;
    for (name, value) in [
        ("service.name", "shop"),
        ("faas.name", "shop"),
        ("faas.version", "shop-7"),
        ("cloud.platform", "gcp_cloud_run"),
        ("gcp.project_id", "test-project"),
        ("deployment.environment.name", "test"),
    ] {
        assert_eq!(attribute(&attributes, name), Some(value), "{name}");
    }
    assert!(attribute(&attributes, "service.instance.id").is_some());
}

#[tokio::test]
async fn an_unreachable_collector_delays_neither_pushes_nor_the_shutdown() {
    let google = Google::start().await;
    let endpoint = format!("http://127.0.0.1:{}", free_port());
    let interval = ("OTEL_METRIC_EXPORT_INTERVAL", "10");
    let mut process = push_once(&google, &endpoint, &[interval]).await;
    process.signal("-TERM").await;
    assert!(process.exit().await.success(), "{:?}", process.lines());
}

#[tokio::test]
async fn a_collector_that_never_answers_does_not_delay_the_exit() {
    let google = Google::start().await;
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint = format!("http://{}", silent.local_addr().expect("an address"));
    let mut process = push_once(&google, &endpoint, &[]).await;
    process.signal("-TERM").await;
    let (stream, _) = soon("the last export", silent.accept()).await.expect("it");
    let start = Instant::now();
    assert!(process.exit().await.success(), "{:?}", process.lines());
    assert!(start.elapsed() < MANY_EXPORTS, "{:?}", start.elapsed());
    drop(stream);
}
