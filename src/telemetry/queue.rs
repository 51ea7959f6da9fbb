//! The queue of spans that wait for their export. OpenTelemetry's own does not return the spans that it drops, so they are counted here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Span, SpanData, SpanExporter, SpanProcessor,
};

use crate::environment::Environment;

/// The most spans that wait, by default (OpenTelemetry, *Environment variable specification*, `OTEL_BSP_MAX_QUEUE_SIZE`).
const PLACES: usize = 2048;

/// Counts the spans that wait, and those that were dropped.
#[derive(Debug, Default)]
pub(super) struct Counts {
    waiting: AtomicUsize,
    dropped: AtomicU64,
}

impl Counts {
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Counts spans that left the queue for an export.
    pub(super) fn leave(&self, spans: usize) {
        self.waiting.fetch_sub(spans, Ordering::Relaxed);
    }

    /// Counts spans whose export failed.
    pub(super) fn lose(&self, spans: usize) {
        let spans = u64::try_from(spans).unwrap_or(u64::MAX);
        self.dropped.fetch_add(spans, Ordering::Relaxed);
    }
}

/// Passes spans on to OpenTelemetry's batches, as long as there is a place for them. The exporter must count those that leave.
#[derive(Debug)]
pub(super) struct Queue {
    batches: BatchSpanProcessor,
    counts: Arc<Counts>,
    places: usize,
}

impl Queue {
    pub(super) fn new(
        exporter: impl SpanExporter + 'static,
        counts: Arc<Counts>,
        environment: &Environment,
    ) -> Self {
        let places = environment.get("OTEL_BSP_MAX_QUEUE_SIZE");
        let places = places.and_then(|places| places.parse().ok());
        let places = places.unwrap_or(PLACES);
        let config = BatchConfigBuilder::default().with_max_queue_size(places);
        Self {
            batches: BatchSpanProcessor::builder(exporter)
                .with_batch_config(config.build())
                .build(),
            counts,
            places,
        }
    }
}

impl SpanProcessor for Queue {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.batches.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if self.counts.waiting.fetch_add(1, Ordering::Relaxed) >= self.places {
            self.counts.leave(1);
            self.counts.lose(1);
        } else {
            self.batches.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.batches.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.batches.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.batches.set_resource(resource);
    }
}
