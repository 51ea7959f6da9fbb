//! OTLP over HTTP: the attributes of this process, and the client of the exporters.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::http::{Extensions, Request, Response};
use bytes::Bytes;
use google_cloud_auth::credentials::{Builder, CacheableResource, Credentials};
use opentelemetry::KeyValue;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::SpanData;
use tokio::runtime::Handle;
use url::Url;

use crate::environment::Environment;
use crate::telemetry::queue::Counts;

/// The host of Google's OTLP endpoint, which needs credentials.
const GOOGLE: &str = "telemetry.googleapis.com";
/// Google, *Cloud Trace* and *Cloud Monitoring*, OAuth scopes.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// The longest wait for one export.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);

/// The error of an exporter of telemetry that cannot be created.
#[derive(Debug, thiserror::Error)]
#[error("cannot export telemetry")]
pub struct ExportError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl ExportError {
    pub(super) fn new(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self(Box::new(error))
    }
}

/// Returns the attributes of this process: those of `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME`, and those of Cloud Run
/// (Google, *Container runtime contract*; OpenTelemetry, *Google Cloud Run*).
pub(super) fn resource(environment: &Environment) -> Resource {
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
pub(super) struct Client {
    http: reqwest::Client,
    credentials: Option<Arc<Credentials>>,
    runtime: Handle,
}

impl Client {
    pub(super) fn new(url: &Url) -> Result<Self, ExportError> {
        let http = reqwest::Client::builder().timeout(EXPORT_TIMEOUT);
        let credentials = match url.host_str() {
            Some(GOOGLE) => {
                let credentials = Builder::default().with_scopes([SCOPE]).build();
                Some(Arc::new(credentials.map_err(ExportError::new)?))
            }
            _ => None,
        };
        Ok(Self {
            http: http.build().map_err(ExportError::new)?,
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

/// Counts the spans that leave the queue, and those that the collector does not get.
#[derive(Debug)]
pub(super) struct CountingExporter {
    exporter: SpanExporter,
    counts: Arc<Counts>,
}

impl CountingExporter {
    pub(super) fn new(url: &Url, counts: Arc<Counts>) -> Result<Self, ExportError> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_endpoint(url.as_str())
            .with_http_client(Client::new(url)?)
            .build();
        Ok(Self {
            exporter: exporter.map_err(ExportError::new)?,
            counts,
        })
    }
}

impl opentelemetry_sdk::trace::SpanExporter for CountingExporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        self.counts.leave(spans);
        let exported = self.exporter.export(batch).await;
        if exported.is_err() {
            self.counts.lose(spans);
        }
        exported
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
