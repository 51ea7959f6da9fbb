//! Exports the spans of failures although the sampler excludes their trace.

use std::time::Duration;

use opentelemetry::trace::{Link, SpanContext, SpanKind, Status, TraceFlags, TraceId};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    Sampler, SamplingDecision, SamplingResult, ShouldSample, Span, SpanData, SpanProcessor,
};

use crate::telemetry::queue::Queue;

/// Records each span, so that its end can decide.
#[derive(Clone, Debug)]
pub(super) struct RecordAll(pub(super) Sampler);

impl ShouldSample for RecordAll {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let mut result = self
            .0
            .should_sample(parent, trace, name, kind, attributes, links);
        if result.decision == SamplingDecision::Drop {
            result.decision = SamplingDecision::RecordOnly;
        }
        result
    }
}

/// Exports the spans that are sampled, and those that ended with an error.
#[derive(Debug)]
pub(super) struct KeepFailures(pub(super) Queue);

impl SpanProcessor for KeepFailures {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.0.on_start(span, context);
    }

    fn on_end(&self, mut span: SpanData) {
        if matches!(span.status, Status::Error { .. }) {
            let context = &span.span_context;
            span.span_context = SpanContext::new(
                context.trace_id(),
                context.span_id(),
                context.trace_flags() | TraceFlags::SAMPLED,
                context.is_remote(),
                context.trace_state().clone(),
            );
        }
        // The processor exports what it gets.
        if span.span_context.is_sampled() {
            self.0.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
    }
}
