//! Exports metrics and spans: to Prometheus, which reads the metrics, and by OTLP to a collector or to Google.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{MetricExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::metrics::{Instrument, SdkMeterProvider, Stream};
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use prometheus::{Registry, TextEncoder};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use url::Url;

use crate::environment::Environment;
use crate::telemetry::failures::{KeepFailures, RecordAll};
use crate::telemetry::figures::{Figures, Percentiles, figures};
use crate::telemetry::lines::dropped_lines;
use crate::telemetry::metrics::{LINES_DROPPED, Metrics, TELEMETRY_DROPPED};
use crate::telemetry::otlp::{Client, CountingExporter, ExportError, resource};
use crate::telemetry::queue::{Counts, Queue};
use crate::telemetry::spans::{Parent, Spans};

/// The longest wait for the last exports at exit.
const LAST_EXPORT: Duration = Duration::from_millis(500);
/// The series of one metric and one subscription: each outcome, and some more.
const SERIES: usize = 64;
/// The name of the instrumentation.
const SCOPE: &str = "pushgate";

/// The exporters that the settings enable.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exporters {
    /// The address on which Prometheus reads the metrics.
    pub(crate) prometheus: Option<SocketAddr>,
    /// True if operators read the status, which is made of the metrics.
    pub(crate) has_status: bool,
    /// The URL to which metrics are sent.
    pub(crate) otlp_metrics: Option<Url>,
    /// The URL to which spans are sent, and which of them.
    pub(crate) traces: Option<TraceExport>,
}

impl Exporters {
    /// Returns true if the metrics are read in this process.
    fn reads_metrics(&self) -> bool {
        self.prometheus.is_some() || self.has_status
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        let Self {
            prometheus,
            has_status: _,
            otlp_metrics,
            traces,
        } = self;
        prometheus.is_none() && otlp_metrics.is_none() && traces.is_none()
    }
}

/// The export of spans.
#[derive(Clone, Debug)]
pub(crate) struct TraceExport {
    pub(crate) url: Url,
    /// Decides which spans are sent.
    pub(crate) sampler: Sampler,
    /// True if failed pushes are sent although the sampler excludes them.
    pub(crate) keeps_failures: bool,
    pub(crate) parent: Parent,
}

/// The instruments of a service.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder {
    pub(crate) metrics: Metrics,
    pub(crate) spans: Spans,
}

impl Recorder {
    /// Returns true if something is exported.
    pub(crate) fn is_recording(&self) -> bool {
        self.metrics.is_recording() || self.spans.is_recording()
    }
}

/// What a service records, and its export.
#[derive(Default)]
pub(crate) struct Telemetry {
    pub(crate) recorder: Recorder,
    meters: Option<SdkMeterProvider>,
    tracers: Option<SdkTracerProvider>,
    registry: Registry,
}

impl Telemetry {
    /// Starts the exporters, for a service with this number of subscriptions. Needs a Tokio runtime.
    pub(crate) fn start(
        exporters: &Exporters,
        environment: &Environment,
        subscriptions: usize,
    ) -> Result<Self, ExportError> {
        let counts = Arc::default();
        let mut telemetry = Self::default();
        if exporters.reads_metrics() || exporters.otlp_metrics.is_some() {
            telemetry.measure(exporters, environment, SERIES * subscriptions.max(4))?;
            telemetry.count_dropped(&counts);
        }
        if let Some(traces) = &exporters.traces {
            telemetry.trace(traces, environment, counts)?;
        }
        Ok(telemetry)
    }

    /// Starts the export of metrics, each with at most this number of series.
    fn measure(
        &mut self,
        exporters: &Exporters,
        environment: &Environment,
        series: usize,
    ) -> Result<(), ExportError> {
        let mut meters = SdkMeterProvider::builder()
            .with_resource(resource(environment))
            .with_view(move |_: &Instrument| {
                let stream = Stream::builder().with_cardinality_limit(series);
                stream.build().ok()
            });
        if exporters.reads_metrics() {
            let reader = opentelemetry_prometheus::exporter()
                .with_registry(self.registry.clone())
                .scope_info_enabled(false)
                .build();
            meters = meters.with_reader(reader.map_err(ExportError::new)?);
        }
        if let Some(url) = &exporters.otlp_metrics {
            let exporter = MetricExporter::builder()
                .with_http()
                .with_endpoint(url.as_str())
                .with_http_client(Client::new(url)?)
                .build();
            meters = meters.with_periodic_exporter(exporter.map_err(ExportError::new)?);
        }
        let meters = meters.build();
        self.recorder.metrics = Metrics::new(meters.meter(SCOPE));
        self.meters = Some(meters);
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of lines and of spans")]
    fn count_dropped(&self, of_spans: &Arc<Counts>) {
        let metrics = &self.recorder.metrics;
        metrics.observe(LINES_DROPPED, |observe| {
            observe(dropped_lines() as f64, &[]);
        });
        let of_spans = Arc::clone(of_spans);
        metrics.observe(TELEMETRY_DROPPED, move |observe| {
            let spans = of_spans.dropped() as f64;
            observe(spans, &[KeyValue::new("signal", "traces")]);
        });
    }

    /// Starts the export of spans.
    fn trace(
        &mut self,
        traces: &TraceExport,
        environment: &Environment,
        counts: Arc<Counts>,
    ) -> Result<(), ExportError> {
        let exporter = CountingExporter::new(&traces.url, Arc::clone(&counts))?;
        let queue = Queue::new(exporter, counts, environment);
        let tracers = SdkTracerProvider::builder().with_resource(resource(environment));
        let tracers = match traces.keeps_failures {
            true => tracers
                .with_sampler(RecordAll(traces.sampler.clone()))
                .with_span_processor(KeepFailures(queue)),
            false => tracers
                .with_sampler(traces.sampler.clone())
                .with_span_processor(queue),
        };
        let tracers = tracers.build();
        self.recorder.spans = Spans::new(tracers.tracer(SCOPE), traces.parent);
        self.tracers = Some(tracers);
        Ok(())
    }

    /// Returns the metrics in Prometheus's text format.
    pub(crate) fn prometheus(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }

    /// Returns the figures of each subscription, by its short name.
    pub(crate) fn figures(&self) -> BTreeMap<String, (Figures, Percentiles)> {
        figures(&self.registry.gather())
    }

    /// Exports the last spans and metrics, within a bounded time.
    pub(crate) async fn shut_down(&self) {
        let (meters, tracers) = (self.meters.clone(), self.tracers.clone());
        // The exporters block their threads until this runtime has sent the requests, also for longer than they are asked to.
        let spans = tracers
            .map(|tracers| spawn_blocking(move || tracers.shutdown_with_timeout(LAST_EXPORT)));
        let metrics =
            meters.map(|meters| spawn_blocking(move || meters.shutdown_with_timeout(LAST_EXPORT)));
        let last = async {
            for export in [spans, metrics].into_iter().flatten() {
                if let Ok(Err(error)) = export.await {
                    tracing::warn!(%error, "the last spans or metrics were not exported");
                }
            }
        };
        if timeout(LAST_EXPORT, last).await.is_err() {
            tracing::warn!(
                "the last spans or metrics were not exported: the collector does not answer"
            );
        }
    }
}
