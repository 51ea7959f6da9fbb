//! A collector that keeps what it receives by OTLP.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::ResourceMetrics;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::soon;

/// A collector on a free port.
pub(crate) struct Collector {
    pub(crate) url: String,
    metrics: watch::Receiver<Vec<ResourceMetrics>>,
    spans: watch::Receiver<Vec<Span>>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let (metrics_sender, metrics) = watch::channel(Vec::new());
        let (spans_sender, spans) = watch::channel(Vec::new());
        let router = Router::new()
            .route("/v1/metrics", post(keep_metrics))
            .with_state(metrics_sender)
            .merge(
                Router::new()
                    .route("/v1/traces", post(keep_spans))
                    .with_state(spans_sender),
            );
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", socket.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(socket, router).await });
        Self {
            url,
            metrics,
            spans,
        }
    }

    /// Waits for metrics of which one fits.
    pub(crate) async fn metrics(
        &mut self,
        is_wanted: impl Fn(&ResourceMetrics) -> bool,
    ) -> ResourceMetrics {
        let received = self
            .metrics
            .wait_for(|received| received.iter().any(&is_wanted));
        let received = soon("an export of metrics", received).await;
        let received = received.expect("the collector runs");
        received
            .iter()
            .find(|one| is_wanted(one))
            .expect("it")
            .clone()
    }

    /// Waits for a span of this name.
    pub(crate) async fn span(&mut self, name: &str) -> Span {
        self.spans(name, 1).await.remove(0)
    }

    /// Waits for this number of spans of this name.
    pub(crate) async fn spans(&mut self, name: &str, count: usize) -> Vec<Span> {
        let named = |spans: &Vec<Span>| -> Vec<Span> {
            let named = spans.iter().filter(|span| span.name == name);
            named.cloned().collect()
        };
        let received = self
            .spans
            .wait_for(|received| named(received).len() >= count);
        let received = soon(name, received).await.expect("the collector runs");
        named(&received)
    }

    /// Returns the names of all spans so far.
    pub(crate) fn names(&self) -> Vec<String> {
        let spans = self.spans.borrow();
        spans.iter().map(|span| span.name.clone()).collect()
    }
}

async fn keep_spans(State(sender): State<watch::Sender<Vec<Span>>>, body: Bytes) {
    let request = ExportTraceServiceRequest::decode(body).expect("OTLP");
    let scopes = request.resource_spans.into_iter();
    let scopes = scopes.flat_map(|resource| resource.scope_spans);
    sender.send_modify(|received| received.extend(scopes.flat_map(|scope| scope.spans)));
}

async fn keep_metrics(State(sender): State<watch::Sender<Vec<ResourceMetrics>>>, body: Bytes) {
    let request = ExportMetricsServiceRequest::decode(body).expect("OTLP");
    sender.send_modify(|received| received.extend(request.resource_metrics));
}

/// Returns the text of an attribute.
pub(crate) fn attribute<'a>(attributes: &'a [KeyValue], name: &str) -> Option<&'a str> {
    let found = attributes.iter().find(|attribute| attribute.key == name)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text),
        other => panic!("{name} is {other:?}"),
    }
}
