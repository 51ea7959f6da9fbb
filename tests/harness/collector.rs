//! A collector that keeps what it receives by OTLP.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::ResourceMetrics;
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::soon;

/// A collector on a free port.
pub(crate) struct Collector {
    pub(crate) url: String,
    metrics: watch::Receiver<Vec<ResourceMetrics>>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let (sender, metrics) = watch::channel(Vec::new());
        let router = Router::new()
            .route("/v1/metrics", post(keep))
            .with_state(sender);
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", socket.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(socket, router).await });
        Self { url, metrics }
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
}

async fn keep(State(sender): State<watch::Sender<Vec<ResourceMetrics>>>, body: Bytes) {
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
