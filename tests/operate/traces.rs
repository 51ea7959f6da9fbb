//! The spans of a push, as a collector receives them.

use std::sync::Arc;

use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;

use crate::harness::collector::{Collector, attribute};
use crate::harness::message::TestMessage;
use crate::harness::probe::task;
use crate::harness::{AUDIENCE, CALLER, Service, Setup, client, push_to, soon};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PUBLISHER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const UNSAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
const REQUEST: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// A service that exports its spans, with these settings.
async fn traced(settings: &[(&str, &str)]) -> (Service, Collector) {
    let collector = Collector::start().await;
    let setup = Setup::new()
        .setting("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url)
        .setting("OTEL_METRICS_EXPORTER", "none");
    let add = |setup: Setup, (name, value): &(&str, &str)| setup.setting(name, value);
    (settings.iter().fold(setup, add).start().await, collector)
}

/// Pushes as a front end does that traces requests, and shuts down, so that all spans are sent.
async fn push_in_request(service: &mut Service, message: &TestMessage) {
    let token = service.google.emulator.issuer().token(CALLER, AUDIENCE);
    let request = client()
        .post(&service.url)
        .bearer_auth(token)
        .header("traceparent", REQUEST)
        .body(message.body());
    request.send().await.expect("an answer");
    service.take_running().shut_down().await;
}

/// Pushes, and shuts down.
async fn push(service: &mut Service, message: &TestMessage) {
    service.push(message).await;
    service.take_running().shut_down().await;
}

fn published(service: &Service, data: &str, traceparent: &str) -> TestMessage {
    service.message(data).attribute("traceparent", traceparent)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn is_failed(span: &Span) -> bool {
    let status = span.status.as_ref();
    status.is_some_and(|status| status.code() == StatusCode::Error)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_spans_of_a_push_form_one_tree() {
    let (mut service, mut collector) = traced(&[]).await;
    let message = published(&service, task::SUCCEED, PUBLISHER);
    push(&mut service, &message).await;
    let server = collector.span("POST /").await;
    assert_eq!(hex(&server.trace_id), TRACE);
    assert_eq!(hex(&server.parent_span_id), "00f067aa0ba902b7");
    assert_eq!(server.kind(), SpanKind::Server);
    let consumer = collector.span("subscribe probe").await;
    for (name, parent) in [
        ("authenticate", &server),
        ("subscribe probe", &server),
        ("handle probe", &consumer),
    ] {
        let span = collector.span(name).await;
        assert_eq!(span.trace_id, server.trace_id, "{name}");
        assert_eq!(span.parent_span_id, parent.span_id, "{name}");
        assert!(!is_failed(&span), "{name}");
    }
    let claiming = collector.spans("claim", 2).await;
    let kinds: Vec<_> = claiming.iter().map(Span::kind).collect();
    assert!(kinds.contains(&SpanKind::Internal), "the step");
    assert!(kinds.contains(&SpanKind::Client), "the store's step");
    let finish = collector.span("finish").await;
    assert_eq!(finish.parent_span_id, consumer.span_id);
    assert_eq!(
        attribute(&finish.attributes, "db.system.name"),
        Some("memory")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_span_of_a_delivery_has_the_attributes_of_messaging() {
    let (mut service, mut collector) = traced(&[]).await;
    let message = published(&service, task::SUCCEED, PUBLISHER);
    push(&mut service, &message).await;
    let span = collector.span("subscribe probe").await;
    assert_eq!(span.kind(), SpanKind::Consumer);
    for (name, value) in [
        ("messaging.system.name", "gcp.pubsub"),
        ("messaging.operation.name", "subscribe"),
        ("messaging.operation.type", "process"),
        ("messaging.destination.name", "tests"),
        ("messaging.destination.subscription.name", "probe"),
        ("messaging.message.id", message.id.as_str()),
        ("pushgate.outcome", "handled"),
    ] {
        assert_eq!(attribute(&span.attributes, name), Some(value), "{name}");
    }
    assert_eq!(hex(&span.links[0].span_id), "00f067aa0ba902b7");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_of_another_trace_is_linked() {
    let (mut service, mut collector) = traced(&[]).await;
    let message = published(&service, task::SUCCEED, PUBLISHER);
    push_in_request(&mut service, &message).await;
    let span = collector.span("POST /").await;
    assert_eq!(hex(&span.trace_id), TRACE);
    assert_eq!(hex(&span.links[0].span_id), "b7ad6b7169203331");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trace_of_the_request_is_the_parent_if_set() {
    let (mut service, mut collector) = traced(&[("PUSHGATE_TRACE_PARENT", "request")]).await;
    let message = published(&service, task::SUCCEED, PUBLISHER);
    push_in_request(&mut service, &message).await;
    let span = collector.span("POST /").await;
    assert_eq!(hex(&span.parent_span_id), "b7ad6b7169203331");
    assert_eq!(hex(&span.links[0].trace_id), TRACE);
    let consumer = collector.span("subscribe probe").await;
    assert_eq!(hex(&consumer.links[0].trace_id), TRACE);
}

#[tokio::test(flavor = "multi_thread")]
async fn redeliveries_belong_to_the_trace_of_their_message() {
    let (mut service, mut collector) = traced(&[]).await;
    let message = published(&service, task::FAIL_ONCE, PUBLISHER);
    service.push(&message).await;
    push(&mut service, &message).await;
    let deliveries = collector.spans("subscribe probe", 2).await;
    for delivery in &deliveries {
        assert_eq!(hex(&delivery.trace_id), TRACE);
    }
    assert!(deliveries.iter().any(is_failed), "the first");
    assert!(!deliveries.iter().all(is_failed), "the second");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_delivery_has_an_error_type() {
    let (mut service, mut collector) = traced(&[]).await;
    let message = service.message(task::PANIC);
    push(&mut service, &message).await;
    for name in ["subscribe probe", "handle probe"] {
        let span = collector.span(name).await;
        assert!(is_failed(&span), "{name}");
        assert_eq!(attribute(&span.attributes, "error.type"), Some("panicked"));
    }
    let server = collector.span("POST /").await;
    assert_eq!(attribute(&server.attributes, "error.type"), Some("500"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_delivery_has_the_reason_of_its_log_line() {
    let (mut service, mut collector) = traced(&[]).await;
    let success = service.message(task::SUCCEED);
    service.push(&success).await;
    let message = service.message(task::FAIL);
    push(&mut service, &message).await;
    for span in collector.spans("subscribe probe", 2).await {
        if !is_failed(&span) {
            assert!(span.events.is_empty(), "{:?}", span.events);
            continue;
        }
        let [event] = &span.events[..] else {
            panic!("{:?}", span.events)
        };
        assert_eq!(event.name, "exception");
        let attribute = |name| attribute(&event.attributes, name);
        assert_eq!(attribute("exception.type"), Some("failed"));
        assert_eq!(attribute("exception.message"), Some("broken"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_sent_in_the_trace_of_its_message() {
    let (mut service, mut collector) = traced(&[]).await;
    let message = published(&service, task::DEAD_LETTER, PUBLISHER);
    push(&mut service, &message).await;
    let span = collector.span("send probe-dead-letter").await;
    assert_eq!(hex(&span.trace_id), TRACE);
    assert_eq!(span.kind(), SpanKind::Producer);
    let reason = attribute(&span.attributes, "pushgate.dead_letter.reason");
    assert_eq!(reason, Some("handler"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_continues_its_own_span() {
    let (mut service, mut collector) = traced(&[]).await;
    let message = published(&service, task::SUCCEED, PUBLISHER);
    push(&mut service, &message).await;
    let span = collector.span("handle probe").await;
    let context = service.probe.context(&message.id);
    let position = context.trace().expect("a trace").to_string();
    assert_eq!(position, format!("00-{TRACE}-{}-01", hex(&span.span_id)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_not_sampled_is_not_exported() {
    let (mut service, collector) = traced(&[]).await;
    let message = published(&service, task::FAIL, UNSAMPLED);
    push(&mut service, &message).await;
    assert_eq!(collector.names(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_exported_although_it_is_not_sampled() {
    let (mut service, mut collector) = traced(&[("PUSHGATE_TRACE_FAILURES", "true")]).await;
    let success = published(&service, task::SUCCEED, UNSAMPLED);
    service.push(&success).await;
    let failure = published(&service, task::FAIL, UNSAMPLED);
    push(&mut service, &failure).await;
    let span = collector.span("subscribe probe").await;
    let id = attribute(&span.attributes, "messaging.message.id");
    assert_eq!(id, Some(failure.id.as_str()));
    let mut names = collector.names();
    names.sort();
    assert_eq!(names, ["POST /", "handle probe", "subscribe probe"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_makes_no_span() {
    let (mut service, collector) = traced(&[]).await;
    let message = service.message(task::SUCCEED);
    push_to(&service.url, message.body(), "no token").await;
    service.take_running().shut_down().await;
    assert_eq!(collector.names(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_fails_loses_spans_which_are_counted() {
    let google = Arc::new(crate::harness::google::Google::start().await);
    let nowhere = format!("http://127.0.0.1:{}", crate::harness::free_port());
    let service = Setup::new()
        .google(&google)
        .setting("OTEL_EXPORTER_OTLP_ENDPOINT", nowhere)
        .measured()
        .start()
        .await;
    service.push(&service.message(task::SUCCEED)).await;
    let lost = async {
        loop {
            let metrics = service.metrics().await;
            let lost = metrics.sum("pushgate_telemetry_dropped_total", &[]);
            if lost >= Some(1.0) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    soon("a failed export", lost).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_that_find_the_queue_full_are_counted() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let silent = silent.expect("a port");
    let address = silent.local_addr().expect("an address");
    let service = Setup::new()
        .setting("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{address}"))
        .setting("OTEL_BSP_MAX_QUEUE_SIZE", 4)
        .measured()
        .start()
        .await;
    for _ in 0..10 {
        service.push(&service.message(task::SUCCEED)).await;
    }
    // Each push has seven spans. Four wait, and four are in the export that gets no answer.
    let metrics = service.metrics().await;
    let dropped = metrics.sum("pushgate_telemetry_dropped_total", &[]);
    assert!(dropped >= Some(50.0), "{dropped:?}");
}
