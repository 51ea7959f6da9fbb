//! Exports the metrics: to Prometheus, which reads them, and by OTLP over HTTP to a collector or to Google.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::http::{Extensions, Request, Response};
use bytes::Bytes;
use google_cloud_auth::credentials::{Builder, CacheableResource, Credentials};
use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{MetricExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{Instrument, SdkMeterProvider, Stream};
use prometheus::{Registry, TextEncoder};
use tokio::runtime::Handle;
use url::Url;

use crate::environment::Environment;
use crate::telemetry::lines::dropped_lines;
use crate::telemetry::metrics::{LINES_DROPPED, Metrics};

/// The host of Google's OTLP endpoint, which needs credentials.
const GOOGLE: &str = "telemetry.googleapis.com";
/// Google, *Cloud Trace* and *Cloud Monitoring*, OAuth scopes.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// The longest wait for one export.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest wait for the last export at exit.
const LAST_EXPORT: Duration = Duration::from_millis(500);
/// The series of one metric and one subscription: each outcome, and some more.
const SERIES: usize = 64;

/// The exporters that the settings enable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Exporters {
    /// The address on which Prometheus reads the metrics.
    pub(crate) prometheus: Option<SocketAddr>,
    /// The URL to which metrics are sent.
    pub(crate) otlp_metrics: Option<Url>,
}

/// The error of an exporter of telemetry that cannot be created.
#[derive(Debug, thiserror::Error)]
#[error("cannot export telemetry")]
pub struct ExportError(#[from] Box<dyn std::error::Error + Send + Sync>);

/// The metrics of a service, and their export.
#[derive(Default)]
pub(crate) struct Telemetry {
    pub(crate) metrics: Metrics,
    provider: Option<SdkMeterProvider>,
    registry: Registry,
}

impl Telemetry {
    /// Starts the exporters, for a service with this number of subscriptions. Needs a Tokio runtime.
    pub(crate) fn start(
        exporters: &Exporters,
        environment: &Environment,
        subscriptions: usize,
    ) -> Result<Self, ExportError> {
        let registry = Registry::new();
        if *exporters == Exporters::default() {
            return Ok(Self::default());
        }
        let limit = SERIES * subscriptions.max(4);
        let mut provider = SdkMeterProvider::builder()
            .with_resource(resource(environment))
            .with_view(move |_: &Instrument| {
                let stream = Stream::builder().with_cardinality_limit(limit);
                stream.build().ok()
            });
        if exporters.prometheus.is_some() {
            let reader = opentelemetry_prometheus::exporter()
                .with_registry(registry.clone())
                .scope_info_enabled(false)
                .build();
            provider = provider.with_reader(reader.map_err(boxed)?);
        }
        if let Some(url) = &exporters.otlp_metrics {
            let exporter = MetricExporter::builder()
                .with_http()
                .with_endpoint(url.as_str())
                .with_http_client(Client::new(url)?)
                .build();
            provider = provider.with_periodic_exporter(exporter.map_err(boxed)?);
        }
        let provider = provider.build();
        let metrics = Metrics::new(provider.meter("pushgate"));
        #[expect(clippy::cast_precision_loss, reason = "a count of lines")]
        metrics.observe(LINES_DROPPED, |observe| {
            observe(dropped_lines() as f64, &[]);
        });
        Ok(Self {
            metrics,
            provider: Some(provider),
            registry,
        })
    }

    /// Returns the metrics in Prometheus's text format.
    pub(crate) fn prometheus(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }

    /// Exports the last metrics, within a bounded time.
    pub(crate) async fn shut_down(&self) {
        let Some(provider) = self.provider.clone() else {
            return;
        };
        // The exporter blocks its thread until this runtime has sent the request.
        let last = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(LAST_EXPORT));
        if let Ok(Err(error)) = last.await {
            tracing::warn!(%error, "the last metrics were not exported");
        }
    }
}

fn boxed(error: impl std::error::Error + Send + Sync + 'static) -> ExportError {
    ExportError(Box::new(error))
}

/// Returns the attributes of this process: those of `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME`, and those of Cloud Run
/// (Google, *Container runtime contract*; OpenTelemetry, *Google Cloud Run*).
fn resource(environment: &Environment) -> Resource {
    let mut attributes = vec![KeyValue::new(
        "service.instance.id",
        uuid::Uuid::new_v4().to_string(),
    )];
    let mut add = |name, variable| {
        if let Some(value) = environment.get(variable) {
            attributes.push(KeyValue::new(name, value.to_owned()));
        }
    };
    add("gcp.project_id", "GOOGLE_CLOUD_PROJECT");
    add("faas.name", "K_SERVICE");
    add("faas.version", "K_REVISION");
    if environment.get("OTEL_SERVICE_NAME").is_none() {
        add("service.name", "K_SERVICE");
    }
    if environment.get("K_SERVICE").is_some() {
        attributes.push(KeyValue::new("cloud.provider", "gcp"));
        attributes.push(KeyValue::new("cloud.platform", "gcp_cloud_run"));
    }
    let builder = Resource::builder().with_attributes(attributes);
    let names = ["OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES", "K_SERVICE"];
    match names.iter().any(|name| environment.get(name).is_some()) {
        true => builder.build(),
        false => builder.with_service_name("pushgate").build(),
    }
}

/// Sends exports on the service's runtime, since the exporters' threads have none, with Google's credentials for Google.
#[derive(Clone, Debug)]
struct Client {
    http: reqwest::Client,
    credentials: Option<Arc<Credentials>>,
    runtime: Handle,
}

impl Client {
    fn new(url: &Url) -> Result<Self, ExportError> {
        let http = reqwest::Client::builder().timeout(EXPORT_TIMEOUT);
        let credentials = match url.host_str() {
            Some(GOOGLE) => {
                let credentials = Builder::default().with_scopes([SCOPE]).build();
                Some(Arc::new(credentials.map_err(boxed)?))
            }
            _ => None,
        };
        Ok(Self {
            http: http.build().map_err(boxed)?,
            credentials,
            runtime: Handle::current(),
        })
    }

    async fn send(self, mut request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        if let Some(credentials) = &self.credentials
            && let CacheableResource::New { data, .. } =
                credentials.headers(Extensions::new()).await?
        {
            request.headers_mut().extend(data);
        }
        self.http.send_bytes(request).await
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        self.runtime.spawn(self.clone().send(request)).await?
    }
}
